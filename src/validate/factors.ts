/** By how much prices moved, as people name it: splits, slips of the decimal point. Pure. */

/** Shares after a split for each one before, as companies do it: prices fall by the factor. */
const SPLITS: readonly (readonly [number, number])[] = [
  [5, 4],
  [4, 3],
  [3, 2],
  [2, 1],
  [5, 2],
  [3, 1],
  [4, 1],
  [5, 1],
  [6, 1],
  [7, 1],
  [8, 1],
  [10, 1],
  [15, 1],
  [20, 1],
  [25, 1],
  [30, 1],
  [50, 1],
];
/** Shares before a reverse split for one after: prices rise by the factor. Small ones do not occur. */
const REVERSE = [2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 25, 30, 40, 50];

/** What the market itself moves a price by, beside a split, overnight. */
const SPLIT_TOLERANCE = 0.08;
/** Powers of ten lie far apart. */
const SLIP_TOLERANCE = 0.15;
const MOST_ZEROS = 9;

/** `ratio: 2:1`, or `1:10` for a reverse one; `log` is what the logarithm of the price moves by. */
export interface Split {
  readonly ratio: string;
  readonly log: number;
}

const KNOWN: readonly Split[] = [
  ...SPLITS.map(([after, before]) => ({ ratio: `${after}:${before}`, log: -Math.log(after / before) })),
  ...REVERSE.map((before) => ({ ratio: `1:${before}`, log: Math.log(before) })),
];

/** The split a move of the logarithm stands for; null where there is none so near. `tolerance` narrows that. */
export function splitOf(log: number, tolerance = SPLIT_TOLERANCE): Split | null {
  let best: Split | null = null;
  for (const split of KNOWN) {
    if (best === null || Math.abs(log - split.log) < Math.abs(log - best.log)) best = split;
  }
  return best !== null && Math.abs(log - best.log) <= tolerance ? best : null;
}

/** Places the decimal point was moved by, to the right where positive; 0 where it was not. */
export function placesOf(log: number): number {
  const places = Math.round(log / Math.LN10);
  if (places === 0 || Math.abs(places) > MOST_ZEROS) return 0;
  return Math.abs(log - places * Math.LN10) <= SLIP_TOLERANCE ? places : 0;
}

/** `×1.48`, `÷100`: a factor from the logarithm of the move; a power of ten without digits behind it. */
export function factorText(log: number): string {
  const places = placesOf(log);
  const factor = places === 0 ? Math.exp(Math.abs(log)) : 10 ** Math.abs(places);
  const digits = factor < 1.1 ? 3 : factor < 100 ? 2 : 0;
  return `${log < 0 ? '÷' : '×'}${factor.toLocaleString('en-US', { maximumFractionDigits: digits })}`;
}
