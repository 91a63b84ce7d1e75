/** Finds volumes that stand out above a series' usual ones. Pure. */

import { DEVIATIONS_A_MAD, median } from './medians.ts';

/** One that does. */
export interface Outlier {
  readonly row: number;
  readonly volume: number;
  readonly typical: number;
  /** How many deviations of the logarithm. */
  readonly weight: number;
}

/** Fewer say nothing of what is usual. */
const LEAST_VOLUMES = 20;
/** Volumes that hardly differ at all are somebody's placeholder: twice as much is not yet strange there. */
const LEAST_DEVIATION = 0.5;
/** Volumes of which the local median is taken: what a market wakes up to is not strange for long. */
const BLOCK = 256;

/** Looks at pieces of one size; its memory is used again. */
export class VolumeFinder {
  readonly #rows: Int32Array;
  readonly #logs: Float64Array;
  readonly #scratch: Float64Array;

  /** `mostRows`: of a piece. */
  constructor(mostRows: number) {
    this.#rows = new Int32Array(mostRows);
    this.#logs = new Float64Array(mostRows);
    this.#scratch = new Float64Array(mostRows);
  }

  /**
   * Volumes of rows `[from, to)` whose logarithm lies more than `deviations` above the median of all rows `[0, rows)`,
   * and of those around, measured by the median deviation. NULL (NaN here), zero and infinite ones have no say.
   */
  find(volume: Float64Array, rows: number, from: number, to: number, deviations: number): Outlier[] {
    let count = 0;
    for (let row = 0; row < rows; row++) {
      const value = volume[row]!;
      if (!(value > 0) || value === Number.POSITIVE_INFINITY) continue;
      this.#rows[count] = row;
      this.#logs[count++] = Math.log(value);
    }
    if (count < LEAST_VOLUMES) return [];
    const usual = this.#median(0, count);
    for (let j = 0; j < count; j++) this.#scratch[j] = Math.abs(this.#logs[j]! - usual);
    const deviation = Math.max(LEAST_DEVIATION, DEVIATIONS_A_MAD * median(this.#scratch, count));
    const limit = usual + deviations * deviation;
    const outliers: Outlier[] = [];
    for (let j = 0; j < count; j++) {
      if (this.#logs[j]! <= limit) continue;
      const row = this.#rows[j]!;
      if (row < from || row >= to) continue;
      const around = this.#median(Math.max(0, j - BLOCK / 2), Math.min(count, j + BLOCK / 2));
      const typical = Math.max(usual, around);
      const weight = (this.#logs[j]! - typical) / deviation;
      if (weight > deviations)
        outliers.push({ row, volume: volume[row]!, typical: Math.exp(typical), weight });
    }
    return outliers;
  }

  #median(from: number, to: number): number {
    this.#scratch.set(this.#logs.subarray(from, to));
    return median(this.#scratch, to - from);
  }
}
