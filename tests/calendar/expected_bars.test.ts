import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { barGrid } from '../../src/calendar/bar_grid.ts';
import { ExpectedBars } from '../../src/calendar/expected_bars.ts';
import {
  ALL_WEEK,
  calendarOf,
  FOREX,
  type MarketCalendar,
  US_EQUITIES,
} from '../../src/calendar/market_calendar.ts';

const at = (text: string): number => Date.parse(text) * 1000;

function openings(expected: ExpectedBars, from: string, to: string): string[] {
  const found: string[] = [];
  for (const { firstUs, endUs, count } of expected.stretches(at(from), at(to))) {
    const step = (endUs - firstUs) / count;
    for (let i = 0; i < count; i++)
      found.push(new Date((firstUs + i * step) / 1000).toISOString().slice(0, 16));
  }
  return found;
}

const hourly = barGrid(3600, 'epoch', 'UTC', null);
const minutes = barGrid(60, 'epoch', 'UTC', null);
const newYorkDays = barGrid(86_400, 'zone-day', 'America/New_York', null);

describe('expected bars', () => {
  it('of crypto are all of the week, from the first opening in the range', () => {
    const bars = new ExpectedBars(ALL_WEEK, hourly);
    expect(openings(bars, '2024-03-09T22:30Z', '2024-03-10T02:00Z')).toEqual([
      '2024-03-09T23:00',
      '2024-03-10T00:00',
      '2024-03-10T01:00',
    ]);
    expect(bars.count(at('2024-01-01Z'), at('2025-01-01Z'))).toBe(366 * 24);
  });

  it('of US stocks are the 390 minutes of a session, 210 of a short one, none on a holiday', () => {
    const bars = new ExpectedBars(US_EQUITIES, minutes);
    const day = (date: string): number => bars.count(at(`${date}T00:00Z`), at(`${date}T24:00Z`));
    expect(day('2024-11-27')).toBe(390);
    expect(day('2024-11-28')).toBe(0);
    expect(day('2024-11-29')).toBe(210);
    expect(day('2024-11-30')).toBe(0);
    // 252 sessions, of them 3 short.
    expect(bars.count(at('2024-01-01Z'), at('2025-01-01Z'))).toBe(249 * 390 + 3 * 210);
    // New York changes its clocks on 10 March.
    expect(openings(bars, '2024-03-08Z', '2024-03-09Z')[0]).toBe('2024-03-08T14:30');
    expect(openings(bars, '2024-03-11Z', '2024-03-12Z')[0]).toBe('2024-03-11T13:30');
  });

  it('of US stocks by the hour begin with the hour in which the session opens', () => {
    const bars = new ExpectedBars(US_EQUITIES, hourly);
    expect(openings(bars, '2024-07-01Z', '2024-07-02Z')).toEqual(
      [13, 14, 15, 16, 17, 18, 19].map((hour) => `2024-07-01T${hour}:00`),
    );
  });

  it('of US stocks by the day are one a session, at midnight in New York', () => {
    const bars = new ExpectedBars(US_EQUITIES, newYorkDays);
    expect(openings(bars, '2024-07-03Z', '2024-07-09Z')).toEqual([
      '2024-07-03T04:00',
      '2024-07-05T04:00',
      '2024-07-08T04:00',
    ]);
    expect(bars.count(at('2024-01-01Z'), at('2025-01-01Z'))).toBe(252);
    // A range that ends before the session, but after the midnight of its day, holds the day's opening.
    expect(bars.count(at('2024-07-03T04:00Z'), at('2024-07-03T05:00Z'))).toBe(1);
  });

  it('of currencies pause from Friday to Sunday, five in the afternoon in New York', () => {
    const bars = new ExpectedBars(FOREX, hourly);
    const weekend = openings(bars, '2024-07-05T19:00Z', '2024-07-07T23:00Z');
    expect(weekend).toEqual(['2024-07-05T19:00', '2024-07-05T20:00', '2024-07-07T21:00', '2024-07-07T22:00']);
    // In winter New York is an hour further away.
    expect(openings(bars, '2024-01-05T20:00Z', '2024-01-07T23:00Z')).toEqual([
      '2024-01-05T20:00',
      '2024-01-05T21:00',
      '2024-01-07T22:00',
    ]);
    expect(
      new ExpectedBars(FOREX, barGrid(86_400, 'epoch', 'UTC', null)).count(
        at('2024-07-01Z'),
        at('2024-07-08Z'),
      ),
    ).toBe(6);
  });

  it('lie on the grid of their files: weeks, months, days of a zone, or any', () => {
    const weeks = new ExpectedBars(ALL_WEEK, barGrid(604_800, 'week', 'UTC', null));
    expect(openings(weeks, '2024-07-01Z', '2024-07-16Z')).toEqual([
      '2024-07-01T00:00',
      '2024-07-08T00:00',
      '2024-07-15T00:00',
    ]);
    const thursdays = new ExpectedBars(ALL_WEEK, barGrid(604_800, 'epoch', 'UTC', null));
    expect(openings(thursdays, '2024-07-01Z', '2024-07-12Z')).toEqual([
      '2024-07-04T00:00',
      '2024-07-11T00:00',
    ]);
    const months = new ExpectedBars(ALL_WEEK, barGrid(2_592_000, 'month', 'UTC', null));
    expect(months.count(at('2023-12-15Z'), at('2024-12-15Z'))).toBe(12);
    const odd = new ExpectedBars(ALL_WEEK, barGrid(86_400, 'none', 'UTC', at('2020-05-05T04:00Z')));
    expect(openings(odd, '2024-07-01Z', '2024-07-03Z')).toEqual(['2024-07-01T04:00', '2024-07-02T04:00']);
  });

  it('are chosen by venue', () => {
    expect(calendarOf('us_stocks_sip').name).toBe('us-equities');
    expect(calendarOf('us_options_opra').name).toBe('us-equities');
    expect(calendarOf('global_forex').name).toBe('forex');
    expect(calendarOf('kraken').name).toBe('all-week');
    expect(calendarOf('toString').name).toBe('all-week');
  });

  it('of two ranges side by side are those of the whole', () => {
    const grids = [
      minutes,
      hourly,
      newYorkDays,
      barGrid(14_400, 'epoch', 'UTC', null),
      barGrid(604_800, 'week', 'UTC', null),
    ];
    const calendars: MarketCalendar[] = [ALL_WEEK, US_EQUITIES, FOREX];
    fc.assert(
      fc.property(
        fc.constantFrom(...grids),
        fc.constantFrom(...calendars),
        fc.integer({ min: at('2023-12-20Z') / 6e7, max: at('2024-12-31Z') / 6e7 }),
        fc.integer({ min: 0, max: 20_000 }),
        fc.integer({ min: 0, max: 20_000 }),
        (grid, calendar, startMinute, first, second) => {
          const bars = new ExpectedBars(calendar, grid);
          const a = startMinute * 6e7;
          const b = a + first * 6e7;
          const c = b + second * 6e7;
          expect(bars.count(a, b) + bars.count(b, c)).toBe(bars.count(a, c));
        },
      ),
      { numRuns: 300 },
    );
  });
});
