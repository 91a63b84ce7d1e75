import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SessionClock } from '../../src/indicators/session_clock.ts';

const DAY_US = 86_400_000_000;
const HOUR_US = DAY_US / 24;
const us = (...date: [number, number, number, number?]): number =>
  Date.UTC(date[0], date[1] - 1, date[2], date[3] ?? 0) * 1000;

/** Days since 1970 of the calendar date Intl gives for an instant. */
function dateOf(format: Intl.DateTimeFormat, ts: number): number {
  const parts = new Map(format.formatToParts(Math.floor(ts / 1000)).map((part) => [part.type, part.value]));
  const [year, month, day] = (['year', 'month', 'day'] as const).map((type) => Number(parts.get(type)));
  return Date.UTC(year!, month! - 1, day!) / 86_400_000;
}

describe('SessionClock', () => {
  test('a UTC day is the day of UTC, before 1970 too', () => {
    const clock = SessionClock.utcDay();
    expect([0, DAY_US - 1, DAY_US, -1, 19_000 * DAY_US].map((ts) => clock.session(ts))).toEqual([
      0, 0, 1, -1, 19_000,
    ]);
  });

  test.each([
    ['the day the clocks go forward', us(2024, 3, 10, 5), 23],
    ['the day they go back', us(2024, 11, 3, 4), 25],
    ['an ordinary day', us(2024, 7, 4, 4), 24],
  ])('New York: %s begins at local midnight and has its own length', (_, from, hours) => {
    const clock = SessionClock.zone('America/New_York');
    const day = clock.session(from + 3 * HOUR_US);
    expect([clock.from, clock.to]).toEqual([from, from + hours * HOUR_US]);
    expect(clock.session(from - 1)).toBe(day - 1);
    expect(clock.session(from)).toBe(day);
    expect(clock.session(from + hours * HOUR_US - 1)).toBe(day);
    expect(clock.session(from + hours * HOUR_US)).toBe(day + 1);
  });

  test('a session that begins in the evening has the number of the day that follows', () => {
    const clock = SessionClock.zone('America/Chicago 17:00');
    const day = us(2026, 7, 14) / DAY_US;
    expect(clock.session(us(2026, 7, 13, 22))).toBe(day);
    expect([clock.from, clock.to]).toEqual([us(2026, 7, 13, 22), us(2026, 7, 14, 22)]);
    expect(clock.session(us(2026, 7, 13, 22) - 1)).toBe(day - 1);
    // In winter Chicago is six hours behind UTC; the night the clocks go back has an hour more.
    expect(clock.session(us(2026, 1, 20, 23))).toBe(us(2026, 1, 21) / DAY_US);
    expect(clock.session(us(2026, 10, 31, 22))).toBe(us(2026, 11, 1) / DAY_US);
    expect(clock.to - clock.from).toBe(25 * HOUR_US);
  });

  // Half hours, no daylight saving, clocks that jump over midnight, a skipped day, fourteen hours ahead.
  const zones = [
    ...['America/New_York', 'Asia/Kolkata', 'Asia/Tokyo', 'Europe/London', 'America/Sao_Paulo'],
    ...['Asia/Beirut', 'Pacific/Apia', 'Pacific/Kiritimati', 'Australia/Lord_Howe', 'UTC'],
  ];
  test.each(zones)('%s: the session is the local calendar day, and the bounds hold', (zone) => {
    const clock = SessionClock.zone(zone);
    const format = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
    });
    const property = fc.property(fc.integer({ min: us(1972, 1, 1), max: us(2040, 1, 1) }), (ts) => {
      const day = clock.session(ts);
      expect(day).toBe(dateOf(format, ts));
      expect(clock.from <= ts && ts < clock.to).toBe(true);
      const { from, to } = clock;
      expect([dateOf(format, from), dateOf(format, to - 1)]).toEqual([day, day]);
      expect(clock.session(to)).toBeGreaterThan(day);
      expect(clock.session(from - 1)).toBeLessThan(day);
    });
    fc.assert(property, { numRuns: 60 });
  });

  test('São Paulo: a day whose midnight does not exist begins at one o’clock', () => {
    const clock = SessionClock.zone('America/Sao_Paulo');
    clock.session(us(2018, 11, 4, 12));
    expect([clock.from, clock.to]).toEqual([us(2018, 11, 4, 3), us(2018, 11, 5, 2)]);
  });

  test('Samoa: the day it skipped holds nothing', () => {
    const clock = SessionClock.zone('Pacific/Apia');
    const before = clock.session(us(2011, 12, 30, 9));
    expect(clock.to).toBe(us(2011, 12, 30, 10));
    expect(clock.session(us(2011, 12, 30, 10))).toBe(before + 2);
  });

  test('an unknown zone and a stamp beyond all calendars are refused', () => {
    expect(() => SessionClock.zone('Mars/Olympus')).toThrow(RangeError);
    expect(() => SessionClock.utcDay().session(Number.POSITIVE_INFINITY)).toThrow(RangeError);
    expect(() => SessionClock.utcDay().session(Number.NaN)).toThrow(RangeError);
  });
});
