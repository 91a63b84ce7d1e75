import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Zone } from '../../src/base/zone.ts';
import { dayOfMonth, daysFromCivil } from '../../src/scan/civil.ts';
import { FieldList } from '../../src/scan/csv_record.ts';
import { isOnGrid } from '../../src/scan/grid.ts';
import { rolesByPosition } from '../../src/scan/header.ts';
import type { RecordShape, TimeUnit } from '../../src/scan/shape.ts';
import { NO_FACTS, StampReader } from '../../src/scan/stamp_reader.ts';
import { checksOf, scanText, shapeOf } from './scan_run.ts';

const UTC = new Zone('UTC');
const stamp = (text: string, unit: TimeUnit, zone = UTC): number =>
  stampReader(unit, zone).read(FieldList.of([text]), 'X', 1);
/** A reader of records of one field. */
function stampReader(unit: TimeUnit, zone: Zone, more: Partial<RecordShape> = {}): StampReader {
  const shape = shapeOf(['time'], { time: unit, ...more });
  return new StampReader(rolesByPosition(shape, true), shape, checksOf(), zone, UTC, NO_FACTS);
}
const us = (iso: string): number => Date.parse(iso) * 1000;
const ZONES = [
  'America/New_York',
  'Europe/Berlin',
  'Australia/Lord_Howe',
  'America/Sao_Paulo',
  'Asia/Kathmandu',
  'Asia/Tokyo',
  'Africa/Casablanca',
];

describe('numeric stamps', () => {
  it('come out exact from nanoseconds, which no double holds', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 4_102_444_800_000_000_000n }), (ns) => {
        expect(stamp(String(ns), 'ns')).toBe(Number(ns / 1000n));
      }),
      { numRuns: 5000 },
    );
  });

  it('come out of the fast path as exactly', () => {
    const some = fc.bigInt({ min: 946_684_800_000_000_000n, max: 4_102_444_799_999_999_999n });
    fc.assert(
      fc.property(fc.array(some, { minLength: 1, maxLength: 50 }), (stamps) => {
        const text = stamps.map((ns) => `${ns},1,1,1,1,1,1\n`).join('');
        const shape = shapeOf(['time', 'open', 'high', 'low', 'close', 'volume', 'trades'], { time: 'ns' });
        const { rows } = scanText(text, { shape, order: 'any' });
        expect(rows.map(({ ts }) => ts)).toEqual(stamps.map((ns) => Number(ns / 1000n)));
      }),
    );
  });

  it('tell their unit by their magnitude', () => {
    const instant = us('2020-09-05T14:00:00Z');
    for (const text of [
      '1599314400',
      '1599314400000',
      '1599314400000000',
      '1599314400000000000',
      '1599314400.0',
      '001599314400',
    ]) {
      expect(stamp(text, 'magnitude')).toBe(instant);
    }
    expect(stamp('2020-09-05', 'magnitude')).toBe(us('2020-09-05T00:00:00Z'));
  });

  it.each([
    ['1599314400.25', 's', 1_599_314_400_250_000],
    ['1599314400.1234567', 's', 1_599_314_400_123_456],
    ['1.5993144E+12', 'ms', 1_599_314_400_000_000],
    ['1.5993144001234567e9', 's', 1_599_314_400_123_456],
    ['1599314400123e-3', 's', 1_599_314_400_123_000],
    ['0.0015993144e12', 's', 1_599_314_400_000_000],
    ['1599314400123.4567', 'ms', 1_599_314_400_123_456],
    ['1599314400123456.9', 'us', 1_599_314_400_123_456],
    ['-5', 's', -5_000_000],
    ['0', 's', 0],
    ['7', 'ns', 0],
    [' 5\t', 'us', 5],
  ] as const)('%j in %s is %d µs', (text, unit, expected) => {
    expect(stamp(text, unit)).toBe(expected);
  });

  it.each(['', ' ', '-', '.5', '1e', '12a', '1 2', '1.5.5', '0x5', 'NaN'])('%j is none', (text) => {
    for (const unit of ['s', 'ms', 'us', 'ns', 'magnitude'] as const) expect(stamp(text, unit)).toBeNaN();
  });
});

describe('text stamps', () => {
  const date = fc.date({
    min: new Date('0001-01-01T00:00:00Z'),
    max: new Date('9999-12-31T23:59:59.999Z'),
    noInvalidDate: true,
  });

  it('mean what Date says of them', () => {
    fc.assert(
      fc.property(date, (instant) => {
        const iso = instant.toISOString();
        const expected = instant.getTime() * 1000;
        expect(stamp(iso, 'text')).toBe(expected);
        expect(stamp(iso.replace('T', ' ').replace('Z', ''), 'text')).toBe(expected);
        expect(stamp(`${iso.slice(0, 16)}`, 'text')).toBe(Math.floor(expected / 60e6) * 60e6);
        expect(stamp(iso.slice(0, 10), 'text')).toBe(Math.floor(expected / 86_400e6) * 86_400e6);
      }),
    );
  });

  it.each([
    ['2020-09-05 02-PM', '2020-09-05T14:00:00Z'],
    ['2020-09-05 12-AM', '2020-09-05T00:00:00Z'],
    ['2020-09-05 12-PM', '2020-09-05T12:00:00Z'],
    ['2020-09-05 11-PM', '2020-09-05T23:00:00Z'],
    ['2020-09-05 00-AM', '2020-09-05T00:00:00Z'],
    ['2020-09-05 14:00:00+00', '2020-09-05T14:00:00Z'],
    ['2020-09-05 14:00:00 UTC', '2020-09-05T14:00:00Z'],
    ['2020-09-05 14:00:00 -0330', '2020-09-05T17:30:00Z'],
    ['2020-09-05T14:00+05:30', '2020-09-05T08:30:00Z'],
    ['2020-09-05 14:00:00-04:00', '2020-09-05T18:00:00Z'],
    ['2020-02-29', '2020-02-29T00:00:00Z'],
  ])('%s is %s', (text, iso) => {
    expect(stamp(text, 'text')).toBe(us(iso));
  });

  it('keep microseconds and cut what is finer', () => {
    expect(stamp('2020-09-05 14:00:00.1234569', 'text')).toBe(us('2020-09-05T14:00:00Z') + 123_456);
  });

  it.each([
    '2021-02-29',
    '1900-02-29',
    '2020-13-01',
    '2020-00-01',
    '2020-01-00',
    '2020-04-31',
    '2020-1-x1',
    '20-13-2020',
    '13/13/2020',
    '02/30/2020',
    '2020-01-01 24:00',
    '2020-01-01 12:60',
    '2020-01-01 12:00:60',
    '2020-01-01 12:00:',
    '2020-01-01 12:00:00.',
    '2020-01-01 12',
    '2020-01-01 13-PM',
    '2020-01-01 02-XM',
    '2020-01-01 02-PMx',
    '2020-01-01T12:00Zx',
    '2020-01-01T12:00+5',
    '2020-01-01T12:00+25:00',
    '2020-01-01T12:00+01:60',
    '2020-01-01x12:00',
    '1599314400',
    '',
    '2020-01-01 -1:00',
    '2020-01-01 12:0a',
    '01/01/2020x12:00',
  ])('%j is none', (text) => {
    expect(stamp(text, 'text')).toBeNaN();
  });
});

describe('a zone', () => {
  it.each(ZONES)('%s: what its clocks show is read back', (name) => {
    const zone = new Zone(name);
    const show = new Intl.DateTimeFormat('sv-SE', {
      timeZone: name,
      dateStyle: 'short',
      timeStyle: 'medium',
    });
    const minute = fc.integer({ min: Date.UTC(1990, 0, 1) / 60_000, max: Date.UTC(2037, 0, 1) / 60_000 });
    fc.assert(
      fc.property(minute, (minutes) => {
        const text = show.format(minutes * 60_000);
        const reader = stampReader('text', zone);
        expect(reader.parse(FieldList.of([text]))).toBe('local');
        // Of a time shown twice either may be meant.
        expect([reader.first, reader.second]).toContain(minutes * 60e6);
        expect(show.format(reader.first / 1000)).toBe(text);
        expect(show.format(reader.second / 1000)).toBe(text);
      }),
      { numRuns: 300 },
    );
  });

  it('reads the hour that clocks skip not at all, and guesses none of those they show twice', () => {
    const zone = new Zone('America/New_York');
    expect(stamp('2024-11-03 01:30', 'text', zone)).toBeNaN();
    expect(stamp('2024-11-03 02:00', 'text', zone)).toBe(us('2024-11-03T07:00:00Z'));
    expect(stamp('2024-03-10 01:59', 'text', zone)).toBe(us('2024-03-10T06:59:00Z'));
    expect(stamp('2024-03-10 02:30', 'text', zone)).toBeNaN();
    expect(stamp('2024-03-10 03:00', 'text', zone)).toBe(us('2024-03-10T07:00:00Z'));
  });

  it('changes nothing about a stamp that names its own', () => {
    expect(stamp('2024-07-01T12:00:00Z', 'text', new Zone('Asia/Tokyo'))).toBe(us('2024-07-01T12:00:00Z'));
  });

  it('that does not exist is none', () => {
    expect(() => new Zone('Mars/Olympus')).toThrow(RangeError);
  });
});

describe('the calendar', () => {
  it('agrees with Date', () => {
    fc.assert(
      fc.property(fc.integer({ min: -700_000, max: 2_900_000 }), (days) => {
        const date = new Date(days * 86_400_000);
        expect(daysFromCivil(date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate())).toBe(days);
        expect(dayOfMonth(days)).toBe(date.getUTCDate());
      }),
    );
  });
});

describe('the grid', () => {
  it('of an interval holds its multiples alone', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 4_000_000_000 }),
        fc.constantFrom(1, 60, 300, 86_400, 259_200),
        fc.integer({ min: -2, max: 2 }),
        (n, seconds, off) => {
          const ts = Math.floor(n / seconds) * seconds * 1e6 + off;
          expect(isOnGrid(ts, 'epoch', seconds * 1e6, UTC)).toBe(off === 0);
        },
      ),
    );
  });

  it('of weeks holds Mondays, of months their firsts', () => {
    for (let day = 0; day < 2000; day++) {
      const ts = us('2020-01-01T00:00:00Z') + day * 86_400e6;
      const date = new Date(ts / 1000);
      expect(isOnGrid(ts, 'week', 604_800e6, UTC)).toBe(date.getUTCDay() === 1);
      expect(isOnGrid(ts, 'month', 2_592_000e6, UTC)).toBe(date.getUTCDate() === 1);
      expect(isOnGrid(ts + 60e6, 'week', 604_800e6, UTC)).toBe(false);
      expect(isOnGrid(ts + 60e6, 'month', 2_592_000e6, UTC)).toBe(false);
    }
  });

  it.each(ZONES)("of %s's days holds each day's first instant alone", (name) => {
    const zone = new Zone(name);
    const show = new Intl.DateTimeFormat('sv-SE', { timeZone: name, dateStyle: 'short' });
    const days = new Set<string>();
    let starts = 0;
    for (let ts = Date.UTC(2017, 0, 1); ts < Date.UTC(2018, 0, 1); ts += 900_000) {
      const isFirst = show.format(ts) !== show.format(ts - 1);
      days.add(show.format(ts));
      if (isFirst) starts++;
      expect(isOnGrid(ts * 1000, 'zone-day', 86_400e6, zone)).toBe(isFirst);
    }
    expect(Math.abs(starts - days.size)).toBeLessThanOrEqual(1);
  });

  it('is held against in a scan', () => {
    const checks = checksOf({ grid: 'zone-day', zone: 'America/New_York', intervalUs: 86_400e6 });
    const text = ['2024-03-09T05:00', '2024-03-10T05:00', '2024-03-11T04:00', '2024-03-12T05:00'].map(
      (iso) => `${us(`${iso}:00Z`) / 1e6},1,1,1,1,1,1\n`,
    );
    const { rows, rejects } = scanText(text.join(''), { checks });
    expect(rows).toHaveLength(3);
    expect(rejects).toEqual([expect.objectContaining({ line: 4, reason: 'off-grid', field: 'time' })]);
  });
});
