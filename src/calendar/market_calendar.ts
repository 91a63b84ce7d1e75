import type { Range } from '../base/ranges.ts';
import { Zone } from '../base/zone.ts';
import { sessionHours } from './us_exchange_days.ts';

/** When a venue trades: the times in which a bar can be expected. Pure. */

const MINUTE_US = 60_000_000;
const DAY_US = 86_400_000_000;
/** 1970-01-04 was a Sunday. */
const FIRST_SUNDAY = 3;

export interface MarketCalendar {
  readonly name: 'all-week' | 'us-equities' | 'forex';
  /**
   * Open times that reach into `[fromUs, toUs)`, oldest first, whole (they may begin before and end after it). Null: it
   * never closes.
   */
  readonly sessions: ((fromUs: number, toUs: number) => Iterable<Range>) | null;
}

const newYork = new Zone('America/New_York');

/** The instant New York's clocks show a minute of a day; never within a transition, which are at two on Sundays. */
function instant(day: number, minute: number): number {
  return newYork.instantUs(day * DAY_US + minute * MINUTE_US);
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

function* forexSessions(fromUs: number, toUs: number): Iterable<Range> {
  const firstWeek = Math.floor((Math.floor(fromUs / DAY_US) - FIRST_SUNDAY) / 7) - 1;
  for (let sunday = FIRST_SUNDAY + 7 * firstWeek; (sunday - 1) * DAY_US < toUs; sunday += 7) {
    const session = { fromUs: instant(sunday, FIVE_PM), toUs: instant(sunday + 5, FIVE_PM) };
    if (session.toUs > fromUs && session.fromUs < toUs) yield session;
  }
}

/** Crypto: open all week. */
export const ALL_WEEK: MarketCalendar = { name: 'all-week', sessions: null };
/** The regular sessions of US exchanges: outside them trades are sparse, and a missing bar means nothing. */
export const US_EQUITIES: MarketCalendar = { name: 'us-equities', sessions: equitySessions };
/** Currencies: from Sunday to Friday, 17:00 in New York. */
export const FOREX: MarketCalendar = { name: 'forex', sessions: forexSessions };

const BY_VENUE: Readonly<Record<string, MarketCalendar>> = {
  us_stocks_sip: US_EQUITIES,
  us_options_opra: US_EQUITIES,
  us_indices: US_EQUITIES,
  global_forex: FOREX,
};

/** The calendar of a venue; one that is not known trades all week. */
export function calendarOf(venue: string): MarketCalendar {
  return Object.hasOwn(BY_VENUE, venue) ? BY_VENUE[venue]! : ALL_WEEK;
}
