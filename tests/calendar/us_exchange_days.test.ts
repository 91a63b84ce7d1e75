import { describe, expect, it } from 'vitest';
import { sessionHours } from '../../src/calendar/us_exchange_days.ts';

const DAY_MS = 86_400_000;

/** Days of a year on which the exchanges are closed on a weekday, and on which they close early. */
function calendarOf(year: number): { closed: string[]; early: string[] } {
  const closed: string[] = [];
  const early: string[] = [];
  for (let ms = Date.UTC(year, 0, 1); ms < Date.UTC(year + 1, 0, 1); ms += DAY_MS) {
    const date = new Date(ms).toISOString().slice(5, 10);
    const weekday = new Date(ms).getUTCDay();
    const hours = sessionHours(ms / DAY_MS);
    if (weekday === 0 || weekday === 6) expect(hours).toBeNull();
    else if (hours === null) closed.push(date);
    else if (hours.closeMinute !== 16 * 60) early.push(date);
  }
  return { closed, early };
}

/**
 * Closings as NYSE Group published them in its yearly "Holiday and Early Closings Calendar", and the closings nobody
 * planned (its "Special Closings since 1885"). The tables are written out: they are what the rules are held against.
 */
const PUBLISHED: readonly [year: number, closed: string, early: string][] = [
  [1999, '01-01 01-18 02-15 04-02 05-31 07-05 09-06 11-25 12-24', '11-26 12-31'],
  [
    2001,
    '01-01 01-15 02-19 04-13 05-28 07-04 09-03 09-11 09-12 09-13 09-14 11-22 12-25',
    '07-03 11-23 12-24',
  ],
  [2002, '01-01 01-21 02-18 03-29 05-27 07-04 09-02 11-28 12-25', '07-05 11-29 12-24'],
  [2003, '01-01 01-20 02-17 04-18 05-26 07-04 09-01 11-27 12-25', '07-03 11-28 12-24 12-26'],
  [2004, '01-01 01-19 02-16 04-09 05-31 06-11 07-05 09-06 11-25 12-24', '11-26'],
  [2007, '01-01 01-02 01-15 02-19 04-06 05-28 07-04 09-03 11-22 12-25', '07-03 11-23 12-24'],
  [2011, '01-17 02-21 04-22 05-30 07-04 09-05 11-24 12-26', '11-25'],
  [2012, '01-02 01-16 02-20 04-06 05-28 07-04 09-03 10-29 10-30 11-22 12-25', '07-03 11-23 12-24'],
  [2013, '01-01 01-21 02-18 03-29 05-27 07-04 09-02 11-28 12-25', '07-03 11-29 12-24'],
  [2014, '01-01 01-20 02-17 04-18 05-26 07-04 09-01 11-27 12-25', '07-03 11-28 12-24'],
  [2015, '01-01 01-19 02-16 04-03 05-25 07-03 09-07 11-26 12-25', '11-27 12-24'],
  [2016, '01-01 01-18 02-15 03-25 05-30 07-04 09-05 11-24 12-26', '11-25'],
  [2018, '01-01 01-15 02-19 03-30 05-28 07-04 09-03 11-22 12-05 12-25', '07-03 11-23 12-24'],
  [2021, '01-01 01-18 02-15 04-02 05-31 07-05 09-06 11-25 12-24', '11-26'],
  [2022, '01-17 02-21 04-15 05-30 06-20 07-04 09-05 11-24 12-26', '11-25'],
  [2023, '01-02 01-16 02-20 04-07 05-29 06-19 07-04 09-04 11-23 12-25', '07-03 11-24'],
  [2024, '01-01 01-15 02-19 03-29 05-27 06-19 07-04 09-02 11-28 12-25', '07-03 11-29 12-24'],
  [2025, '01-01 01-09 01-20 02-17 04-18 05-26 06-19 07-04 09-01 11-27 12-25', '07-03 11-28 12-24'],
  [2026, '01-01 01-19 02-16 04-03 05-25 06-19 07-03 09-07 11-26 12-25', '11-27 12-24'],
  [2027, '01-01 01-18 02-15 03-26 05-31 06-18 07-05 09-06 11-25 12-24', '11-26'],
  [2028, '01-17 02-21 04-14 05-29 06-19 07-04 09-04 11-23 12-25', '07-03 11-24'],
];

describe('days of the US exchanges', () => {
  it.each(PUBLISHED)('are those published for %i', (year, closed, early) => {
    expect(calendarOf(year)).toEqual({ closed: closed.split(' '), early: early.split(' ') });
  });

  it('have 250 to 253 sessions a year, as every year has had', () => {
    for (let year = 1998; year <= 2100; year++) {
      // 2001 and 2012 lost days, and each state funeral one.
      const weekdays = Array.from({ length: 366 }, (_, n) => Date.UTC(year, 0, 1) + n * DAY_MS).filter(
        (ms) => new Date(ms).getUTCFullYear() === year && sessionHours(ms / DAY_MS) !== null,
      );
      expect(weekdays.length, String(year)).toBeGreaterThanOrEqual(248);
      expect(weekdays.length, String(year)).toBeLessThanOrEqual(253);
    }
  });
});
