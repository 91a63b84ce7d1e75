/** Whether what one file vouches for goes on in another: no day lies between them on which the market should trade. Pure. */

import type { BucketGrid } from '../buckets/bucket_grid.ts';
import type { Joins } from '../buckets/covered.ts';
import { FOREX, FOREX_FROM_MONDAY, type MarketCalendar } from './market_calendar.ts';

/** No market rests longer: New York did for six days in September 2001. */
const LONGEST_REST_US = 8 * 86_400_000_000;

/**
 * `days`: those of the venue. A file that ends within a day vouches for the rest of it, where it is the last one: vendors
 * cut at midnight. Sunday's evening is no day of currencies: many vendors leave it out.
 */
export function joinsBy(calendar: MarketCalendar, days: BucketGrid): Joins {
  const { sessions } = calendar === FOREX ? FOREX_FROM_MONDAY : calendar;
  return (toUs, fromUs) => {
    const day = days.floor(toUs);
    const from = day === toUs ? toUs : days.endOf(day);
    if (fromUs <= from) return true;
    if (sessions === null || fromUs > toUs + LONGEST_REST_US) return false;
    for (const session of sessions(from, fromUs))
      if (session.toUs > from && session.fromUs < fromUs) return false;
    return true;
  };
}
