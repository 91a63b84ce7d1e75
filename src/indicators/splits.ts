/** The splits of a series, as its bars meet them. */

import { firstOfMonth, mondayOf } from '../base/first_days.ts';

/** As they are on record, in the order of time: sessions, as days since 1970-01-01 in the zone of the market's days. */
export interface SplitDays {
  readonly days: readonly number[];
  /** Shares after for each one before: prices are divided by it, volumes multiplied. */
  readonly ratios: readonly number[];
}

/** In the order of time. */
export interface Splits {
  /** Bars from this instant on are in the scale behind the split, µs since 1970. */
  readonly fromUs: readonly number[];
  readonly ratios: readonly number[];
}

export const NO_SPLITS: Splits = { fromUs: [], ratios: [] };

/** The first instant of a day, µs since 1970. */
export interface DayStarts {
  startOf(day: number): number;
}

const DAY_US = 86_400_000_000;
const WEEK_US = 7 * DAY_US;
const MONTH_US = 30 * DAY_US;

/**
 * The splits of bars of one interval. A split holds from the first instant of its day on, and so does the bar that this
 * falls into: a week's close is of the scale behind a split on its Wednesday, and so is all of a week that was made of
 * shorter bars.
 */
export function splitsOf({ days, ratios }: SplitDays, intervalUs: number, clock: DayStarts): Splits {
  return days.length === 0
    ? NO_SPLITS
    : { fromUs: days.map((day) => splitFrom(day, intervalUs, clock)), ratios };
}

/** From which instant on bars are in the scale of a split on that day, µs since 1970. */
export function splitFrom(day: number, intervalUs: number, clock: DayStarts): number {
  if (intervalUs === WEEK_US) return clock.startOf(mondayOf(day));
  if (intervalUs === MONTH_US) return clock.startOf(firstOfMonth(day, 0));
  const at = clock.startOf(day);
  return DAY_US % intervalUs === 0 && intervalUs < DAY_US ? Math.floor(at / intervalUs) * intervalUs : at;
}
