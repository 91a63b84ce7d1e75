/**
 * Globex, where the futures of CME, CBOT, NYMEX and COMEX trade: each trading day from 17:00 of the evening before to
 * 16:00, Chicago's clocks, so an hour's break a day and none from Friday to Sunday (CME Group, trading hours of equity
 * index futures). On holidays of the US exchanges trading halts at noon, on their short days at 12:15; on Good Friday,
 * Christmas Day and New Year's Day there is none. Products differ by an hour or two on such days: what trades then is
 * not missed where it is absent. Pure.
 */

import type { Range } from '../base/ranges.ts';
import { Zone } from '../base/zone.ts';
import { isHoliday, isShortDay, weekday } from './us_exchange_days.ts';

const MINUTE_US = 60_000_000;
const DAY_US = 86_400_000_000;
const OPEN = 17 * 60;
const CLOSE = 16 * 60;
const HOLIDAY_CLOSE = 12 * 60;
const SHORT_CLOSE = 12 * 60 + 15;

/** Made when it is asked for: it takes 25 ms, and every thread starts with this module. */
let chicago: Zone | null = null;

/** Never within a change of the clocks, which is at two on Sundays. */
function instant(day: number, minute: number): number {
  chicago ??= new Zone('America/Chicago');
  return chicago.instantUs(day * DAY_US + minute * MINUTE_US);
}

/** Minute of the close of a trading day; null when there is none. */
function closeOf(day: number): number | null {
  const which = weekday(day);
  if (which === 0 || which === 6) return null;
  const holiday = isHoliday(day);
  if (holiday === 'closed') return null;
  if (holiday === 'halt') return HOLIDAY_CLOSE;
  return isShortDay(day) ? SHORT_CLOSE : CLOSE;
}

export function* cmeSessions(fromUs: number, toUs: number): Iterable<Range> {
  for (let day = Math.floor(fromUs / DAY_US) - 1; (day - 1) * DAY_US < toUs; day++) {
    const close = closeOf(day);
    if (close === null) continue;
    const session = { fromUs: instant(day - 1, OPEN), toUs: instant(day, close) };
    if (session.toUs > fromUs && session.fromUs < toUs) yield session;
  }
}
