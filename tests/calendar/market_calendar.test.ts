import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CalendarRule } from '../../src/base/calendar_rule.ts';
import type { Range } from '../../src/base/ranges.ts';
import {
  asCovered,
  calendarOf,
  FOREX,
  FOREX_FROM_MONDAY,
  type MarketCalendar,
} from '../../src/calendar/market_calendar.ts';
import { hoursOf } from '../../src/calendar/own_sessions.ts';

const at = (text: string): number => Date.parse(text) * 1000;
const said = (us: number): string => new Date(us / 1000).toISOString().slice(5, 16);

function sessions(calendar: MarketCalendar, from: string, to: string): string[] {
  return [...calendar.sessions!(at(from), at(to))].map(({ fromUs, toUs }) => `${said(fromUs)} ${said(toUs)}`);
}

describe('currencies', () => {
  it('rest from Friday to Sunday, and on Christmas Day and New Year’s Day, by the clocks of New York', () => {
    expect(sessions(FOREX, '2024-12-23Z', '2025-01-04Z')).toEqual([
      '12-22T22:00 12-24T22:00',
      '12-25T22:00 12-27T22:00',
      '12-29T22:00 12-31T22:00',
      '01-01T22:00 01-03T22:00',
    ]);
    // The clocks go forward in the night to 10 March.
    expect(sessions(FOREX, '2024-03-07Z', '2024-03-12Z')).toEqual([
      '03-03T22:00 03-08T22:00',
      '03-10T21:00 03-15T21:00',
    ]);
    expect(sessions(FOREX, '2022-12-26Z', '2022-12-27Z')).toEqual(['12-25T22:00 12-30T22:00']);
  });

  it('begin their week with Monday where files have none of the Sundays', () => {
    const days = (...ranges: readonly [string, string][]): Range[] =>
      ranges.map(([from, to]) => ({ fromUs: at(from), toUs: at(to) }));
    const without = days(['2024-02-22Z', '2024-02-24Z'], ['2024-02-26Z', '2024-02-27Z']);
    expect(asCovered(FOREX, without)).toBe(FOREX_FROM_MONDAY);
    expect(sessions(FOREX_FROM_MONDAY, '2024-02-23Z', '2024-02-27Z')).toEqual([
      '02-19T00:00 02-23T22:00',
      '02-26T00:00 03-01T22:00',
    ]);
    expect(asCovered(FOREX, [...without, ...days(['2024-03-03T22:00Z', '2024-03-05Z'])])).toBe(FOREX);
    expect(asCovered(calendarOf('kraken'), without)).toBe(calendarOf('kraken'));
  });
});

describe('futures of CME', () => {
  const cme = calendarOf('any', 'cme');

  it('break for an hour each afternoon, and from Friday to Sunday', () => {
    expect(sessions(cme, '2024-07-11T12:00Z', '2024-07-15T12:00Z')).toEqual([
      '07-10T22:00 07-11T21:00',
      '07-11T22:00 07-12T21:00',
      '07-14T22:00 07-15T21:00',
    ]);
  });

  it('halt on holidays and short days, and close on Good Friday and Christmas Day', () => {
    expect(sessions(cme, '2024-11-27T22:00Z', '2024-11-30Z')).toEqual([
      '11-27T23:00 11-28T18:00',
      '11-28T23:00 11-29T18:15',
    ]);
    expect(sessions(cme, '2024-03-28T12:00Z', '2024-04-01T12:00Z')).toEqual([
      '03-27T22:00 03-28T21:00',
      '03-31T22:00 04-01T21:00',
    ]);
    expect(sessions(cme, '2024-12-25Z', '2024-12-25T22:00Z')).toEqual([]);
  });
});

describe('hours of one’s own', () => {
  const berlin: CalendarRule = {
    zone: 'Europe/Berlin',
    week: { mon: ['09:00-12:00', '13:00-17:30'], sun: ['22:00-02:00'] },
    holidays: ['2024-04-01'],
  };

  it('are those of the zone’s clocks, across midnight too, and none begin on a holiday', () => {
    expect(sessions(calendarOf('x', berlin), '2024-03-24Z', '2024-04-09Z')).toEqual([
      '03-24T21:00 03-25T01:00',
      '03-25T08:00 03-25T11:00',
      '03-25T12:00 03-25T16:30',
      // Summer time has begun in the morning of that Sunday.
      '03-31T20:00 04-01T00:00',
      '04-07T20:00 04-08T00:00',
      '04-08T07:00 04-08T10:00',
      '04-08T11:00 04-08T15:30',
    ]);
  });

  it('are read with two digits, up to the end of the day', () => {
    expect(hoursOf('17:00-24:00')).toEqual({ fromMinute: 1020, toMinute: 1440 });
    expect(hoursOf('17:00-16:00')).toEqual({ fromMinute: 1020, toMinute: 2400 });
    for (const none of ['9:00-17:00', '09:60-17:00', '24:00-17:00', '09:00-24:01', '09:00'])
      expect(hoursOf(none)).toBeNull();
  });
});

it('nothing is expected where a layout says `none`, everything where it says `crypto`', () => {
  expect(sessions(calendarOf('us_stocks_sip', 'none'), '2024-01-01Z', '2025-01-01Z')).toEqual([]);
  expect(calendarOf('us_stocks_sip', 'crypto').sessions).toBeNull();
});

it('sessions are in order, do not overlap, and are the same however they are asked for', () => {
  const rules: readonly CalendarRule[] = ['forex', 'cme', 'us-equities'];
  fc.assert(
    fc.property(
      fc.constantFrom(...rules),
      fc.integer({ min: 0, max: 365 * 20 }),
      fc.integer({ min: 1, max: 40 }),
      (rule, day, days) => {
        const from = at('2005-01-01Z') + day * 86_400e6;
        const to = from + days * 86_400e6;
        const calendar = calendarOf('x', rule);
        const all = [...calendar.sessions!(from, to)];
        for (const [i, one] of all.entries()) {
          expect(one.fromUs).toBeLessThan(one.toUs);
          if (i > 0) expect(one.fromUs).toBeGreaterThanOrEqual(all[i - 1]!.toUs);
          const middle = (one.fromUs + one.toUs) / 2;
          expect([...calendar.sessions!(middle, middle + 1)]).toEqual([one]);
        }
      },
    ),
    { numRuns: 200 },
  );
});
