/** The splits of a series, as its indicators meet them. */

/** In the order of time. A split holds from the first bar of its session on. */
export interface Splits {
  /** Sessions: days since 1970-01-01 in the zone of the series, as `SessionClock` counts them. */
  readonly days: readonly number[];
  /** Shares after for each one before: prices are divided by it, volumes multiplied. */
  readonly ratios: readonly number[];
}

export const NO_SPLITS: Splits = { days: [], ratios: [] };
