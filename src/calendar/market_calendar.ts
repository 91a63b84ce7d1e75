/** When a venue trades: the times in which a bar can be expected. Pure. */

import type { CalendarName, CalendarRule } from '../base/calendar_rule.ts';
import { meetsAny, type Range } from '../base/ranges.ts';
import { newYorkZone } from '../base/zone.ts';
import { cmeSessions } from './cme_sessions.ts';
import { ownSessions } from './own_sessions.ts';
import { sessionHours } from './us_exchange_days.ts';

const MINUTE_US = 60_000_000;
const DAY_US = 86_400_000_000;
/** 1970-01-04 was a Sunday. */
const FIRST_SUNDAY = 3;

export interface MarketCalendar {
  /** Tells it from all others. */
  readonly name: string;
  /**
   * Open times that reach into `[fromUs, toUs)`, oldest first, whole (they may begin before and end after it). Null: it
   * never closes.
   */
  readonly sessions: ((fromUs: number, toUs: number) => Iterable<Range>) | null;
}

/** The instant New York's clocks show a minute of a day; never within a transition, which are at two on Sundays. */
function instant(day: number, minute: number): number {
  return newYorkZone().instantUs(day * DAY_US + minute * MINUTE_US);
}

const sessions = new Map<number, Range | null>();
/** Days remembered: a hundred years of them. */
const MOST_DAYS = 36_600;

/** The session of a day; 10,000 symbols ask for it. */
function equitySession(day: number): Range | null {
  let session = sessions.get(day);
  if (session === undefined) {
    const hours = sessionHours(day);
    session =
      hours === null
        ? null
        : { fromUs: instant(day, hours.openMinute), toUs: instant(day, hours.closeMinute) };
    if (sessions.size >= MOST_DAYS) sessions.clear();
    sessions.set(day, session);
  }
  return session;
}

function* equitySessions(fromUs: number, toUs: number): Iterable<Range> {
  // A session never leaves its UTC day: 09:30 to 16:00 in New York are 13:30 to 21:00 UTC.
  for (let day = Math.floor(fromUs / DAY_US); day * DAY_US < toUs; day++) {
    const session = equitySession(day);
    if (session !== null && session.toUs > fromUs && session.fromUs < toUs) yield session;
  }
}

const FIVE_PM = 17 * 60;

/** Whether currencies rest on a day that ends at 17:00 in New York: Christmas Day and New Year's Day. */
function isForexHoliday(day: number): boolean {
  const date = new Date((day * DAY_US) / 1000);
  const [month, dayOfMonth] = [date.getUTCMonth(), date.getUTCDate()];
  return (month === 11 && dayOfMonth === 25) || (month === 0 && dayOfMonth === 1);
}

/** Weeks from `begins` of their Sunday to Friday, without the days of rest in them. */
function* forexWeeks(begins: (sunday: number) => number, fromUs: number, toUs: number): Iterable<Range> {
  const firstWeek = Math.floor((Math.floor(fromUs / DAY_US) - FIRST_SUNDAY) / 7) - 1;
  for (let sunday = FIRST_SUNDAY + 7 * firstWeek; (sunday - 1) * DAY_US < toUs; sunday += 7) {
    let from = begins(sunday);
    for (let day = sunday + 1; day <= sunday + 5; day++) {
      const rests = isForexHoliday(day);
      if (!rests && day < sunday + 5) continue;
      const to = instant(rests ? day - 1 : day, FIVE_PM);
      if (to > from && to > fromUs && from < toUs) yield { fromUs: from, toUs: to };
      if (rests) from = instant(day, FIVE_PM);
    }
  }
}

const openOf = (sunday: number): number => instant(sunday, FIVE_PM);
/** Vendors whose files begin with UTC's Monday leave the hours of Sunday out. */
const mondayOf = (sunday: number): number => (sunday + 1) * DAY_US;

/** Crypto: open all week. */
export const ALL_WEEK: MarketCalendar = { name: 'all-week', sessions: null };
/** The regular sessions of US exchanges: outside them trades are sparse, and a missing bar means nothing. */
export const US_EQUITIES: MarketCalendar = { name: 'us-equities', sessions: equitySessions };
/** Currencies: from Sunday to Friday, 17:00 in New York, but for Christmas Day and New Year's Day. */
export const FOREX: MarketCalendar = {
  name: 'forex',
  sessions: (fromUs, toUs) => forexWeeks(openOf, fromUs, toUs),
};
/** The same without Sunday's hours. */
export const FOREX_FROM_MONDAY: MarketCalendar = {
  name: 'forex-from-monday',
  sessions: (fromUs, toUs) => forexWeeks(mondayOf, fromUs, toUs),
};
/** Futures of CME, CBOT, NYMEX and COMEX: from Sunday to Friday with a break of an hour a day. */
const CME: MarketCalendar = { name: 'cme', sessions: cmeSessions };
/** Nothing is expected: no bar of such a series is ever missing. */
const NO_CALENDAR: MarketCalendar = { name: 'none', sessions: () => [] };

const BY_NAME: Readonly<Record<CalendarName, MarketCalendar>> = {
  crypto: ALL_WEEK,
  'us-equities': US_EQUITIES,
  forex: FOREX,
  cme: CME,
  none: NO_CALENDAR,
};

const BY_VENUE: Readonly<Record<string, MarketCalendar>> = {
  us_stocks_sip: US_EQUITIES,
  us_options_opra: US_EQUITIES,
  us_indices: US_EQUITIES,
  global_forex: FOREX,
};

/** The calendar of a series: what its layout says, else its venue's; a venue that is not known trades all week. */
export function calendarOf(venue: string, rule?: CalendarRule): MarketCalendar {
  if (rule === undefined) return Object.hasOwn(BY_VENUE, venue) ? BY_VENUE[venue]! : ALL_WEEK;
  if (typeof rule === 'string') return BY_NAME[rule];
  return { name: JSON.stringify(rule), sessions: ownSessions(rule) };
}

/**
 * The calendar as the bars of a series have it: currencies whose files have not one of the Sundays between their first
 * and their last begin their weeks with UTC's Monday.
 */
export function asCovered(calendar: MarketCalendar, covered: readonly Range[]): MarketCalendar {
  if (calendar !== FOREX || covered.length === 0) return calendar;
  const fromUs = covered[0]!.fromUs;
  const toUs = covered.at(-1)!.toUs;
  const first = FIRST_SUNDAY + 7 * Math.ceil((fromUs / DAY_US - FIRST_SUNDAY) / 7);
  for (let sunday = first; (sunday + 1) * DAY_US <= toUs; sunday += 7) {
    if (meetsAny(covered, { fromUs: openOf(sunday), toUs: mondayOf(sunday) })) return calendar;
  }
  return FOREX_FROM_MONDAY;
}
