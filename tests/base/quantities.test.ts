import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  bytes,
  clock,
  count,
  counted,
  duration,
  instant,
  interval,
  short,
} from '../../src/base/quantities.ts';

describe('quantities', () => {
  it('read as a person writes them', () => {
    expect(count(1234567.6)).toBe('1,234,568');
    expect(counted(1, 'file')).toBe('1 file');
    expect(counted(2, 'entry', 'entries')).toBe('2 entries');
    expect(bytes(999)).toBe('999 B');
    expect(bytes(1234)).toBe('1.23 kB');
    expect(bytes(21_400_000)).toBe('21.4 MB');
    expect(duration(0.4249)).toBe('0.42 s');
    expect(duration(59.97)).toBe('1:00 min');
    expect(duration(3725)).toBe('1:02:05 h');
    expect(clock(7.4)).toBe('0:07');
    expect(instant(Date.UTC(2024, 3, 1, 13, 30) * 1000)).toBe('2024-04-01 13:30');
    expect(instant(Date.UTC(2024, 3, 1, 13, 30, 5) * 1000 + 7)).toBe('2024-04-01 13:30:05');
    expect([60, 900, 14_400, 86_400, 604_800, 2_592_000, 90, 1].map(interval)).toEqual(
      '1m 15m 4h 1d 1w 1mo 90s 1s'.split(' '),
    );
  });

  it('never show 1000 of a unit that has a next one', () => {
    expect(short(999.4)).toBe('999');
    expect(short(999.6)).toBe('1.00k');
    expect(short(999_950)).toBe('1.00M');
    fc.assert(
      fc.property(fc.double({ min: 0, max: 9e11, noNaN: true }), (number) => {
        expect(Number.parseFloat(short(number))).toBeLessThan(1000);
      }),
    );
  });

  it('shorten without lying by more than half a last digit', () => {
    const units: Record<string, number> = { k: 1e3, M: 1e6, G: 1e9 };
    fc.assert(
      fc.property(fc.integer({ min: 1000, max: 2_000_000_000 }), (number) => {
        const text = short(number);
        const shown = Number.parseFloat(text) * units[text.at(-1)!]!;
        expect(Math.abs(shown - number) / number).toBeLessThanOrEqual(0.0051);
      }),
    );
  });
});
