/** Several measurements of one thing, in few numbers. */

/** Times or rates of the rounds. */
export interface Figure {
  readonly median: number;
  readonly least: number;
  readonly most: number;
  readonly rounds: readonly number[];
}

/** The middle value; between the two middle ones where their number is even. NaN of nothing. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length / 2;
  if (sorted.length === 0) return Number.NaN;
  return sorted.length % 2 === 1 ? sorted[Math.floor(half)]! : (sorted[half - 1]! + sorted[half]!) / 2;
}

/** Median and spread. */
export function figureOf(values: readonly number[]): Figure {
  return {
    median: median(values),
    least: Math.min(...values),
    most: Math.max(...values),
    rounds: [...values],
  };
}

/** The median, and how far the rounds lie apart as a share of it. */
export function spread({ median: middle, least, most }: Figure): number {
  return middle === 0 ? 0 : (most - least) / middle;
}
