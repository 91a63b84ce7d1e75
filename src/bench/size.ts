/** How much data a benchmark makes. */

import { BackhaulError } from '../faults/fault.ts';

/** Day files of minute bars; the same size and seed make the same bytes on every machine. */
export interface DataSize {
  /** Trading days, a file each. */
  readonly days: number;
  readonly tickers: number;
  readonly seed: string;
}

/** Bars a day of the usual ticker: many trade in a few minutes only. Counted over 8,000 of them. */
export const BARS_A_TICKER_DAY = 123;

/** About a million records a file, as a day of US equities has. */
const DEFAULT_TICKERS = 8_400;
const DEFAULT_DAYS = 4;

/** Letters of a ticker end somewhere: two to four of them name 475,000. */
const MOST_TICKERS = 300_000;

/** What the user asked for; undefined where nothing. */
export interface SizeWish {
  readonly records?: number | undefined;
  readonly days?: number | undefined;
  readonly tickers?: number | undefined;
  readonly seed?: string | undefined;
}

/** Files and tickers that come to about the records asked for. Fault `usage` where the wishes contradict each other. */
export function sizeOf(wish: SizeWish): DataSize {
  const { records, seed = '1' } = wish;
  if (records === undefined) return checked(wish.days ?? DEFAULT_DAYS, wish.tickers ?? DEFAULT_TICKERS, seed);
  if (wish.days !== undefined && wish.tickers !== undefined)
    throw usage('--records follow from --days and --tickers: give two of the three');
  const perTicker = records / BARS_A_TICKER_DAY;
  if (wish.tickers !== undefined) return checked(Math.ceil(perTicker / wish.tickers), wish.tickers, seed);
  const days = wish.days ?? Math.max(1, Math.round(perTicker / DEFAULT_TICKERS));
  return checked(days, Math.max(1, Math.round(perTicker / days)), seed);
}

function checked(days: number, tickers: number, seed: string): DataSize {
  if (tickers > MOST_TICKERS)
    throw usage(
      `${tickers} tickers are more than there are names for (${MOST_TICKERS}): ask for more --days`,
    );
  return { days, tickers, seed };
}

function usage(message: string): BackhaulError {
  return new BackhaulError({ kind: 'usage', message });
}
