/** How much a compressed file may become; more is a `limit`. Memory does not grow with it: time and tables do. */
export interface InflateLimits {
  readonly bytes: number;
  /** Inflated to compressed bytes, once a file has come to 64 MiB. */
  readonly ratio: number;
}

/**
 * Vendors' files inflate to 3 to 12 times their size, bars that repeat to 50 times, and nothing deflated can to more than
 * 1032 times. The largest file known, all trades of a day, has some 10 GB.
 */
export const INFLATE_LIMITS: InflateLimits = { bytes: 64 * 2 ** 30, ratio: 200 };
