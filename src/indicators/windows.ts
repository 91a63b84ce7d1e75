/**
 * Sliding windows whose cost does not depend on their length and whose error does not depend on the series' length.
 *
 * A series is cut into blocks of n values. The window after k values of a block is the last n − k values of the block
 * before and the first k of this one: a *suffix* of one block, aggregated once when the block ends, and a running
 * *prefix* of the other. The two are merged by Chan, Golub and LeVeque (1979),
 *     mean = a + (b − a)·nb/n,   M2 = M2a + M2b + (b − a)²·na·nb/n,
 * and each is run by Welford (1962). A value that left the window is in neither, nothing is ever subtracted: no drift,
 * a NaN is gone when it passes out, and n equal values give their own mean and M2 = 0 exactly.
 */

/** 1, 1/2, … 1/n at 1 … n. */
function reciprocals(n: number): Float64Array {
  return Float64Array.from({ length: n + 1 }, (_, k) => (k === 0 ? 0 : 1 / k));
}

/** k/n at 0 … n: the prefix's share of the window. */
function shares(n: number): Float64Array {
  return Float64Array.from({ length: n + 1 }, (_, k) => k / n);
}

/** The mean of the last n values. */
export class MeanWindow {
  readonly length: number;
  /** Value number i of the series (from 0) lies at i mod n; the owner's memory. */
  readonly ring: Float64Array;
  readonly #inverse: Float64Array;
  readonly #share: Float64Array;
  readonly #suffix: Float64Array;
  #phase = 0;
  #mean = 0;

  constructor(ring: Float64Array) {
    this.length = ring.length;
    this.ring = ring;
    this.#inverse = reciprocals(this.length);
    this.#share = shares(this.length);
    this.#suffix = new Float64Array(this.length + 1);
  }

  /** Rebuilds the aggregates, to the same bits, from the ring after `count` values. */
  restore(count: number): void {
    const phase = count % this.length;
    let mean = 0;
    for (let i = 0; i < phase; i++) mean += (this.ring[i]! - mean) * this.#inverse[i + 1]!;
    this.#phase = phase;
    this.#mean = mean;
    this.#aggregate(phase);
  }

  /** Takes x[from … to-1] in; mean[i] becomes the mean of the window that ends at i, meaningless before the first n values. */
  run(x: Float64Array, from: number, to: number, mean: Float64Array): void {
    const ring = this.ring;
    const suffix = this.#suffix;
    const inverse = this.#inverse;
    const share = this.#share;
    const n = this.length;
    let k = this.#phase;
    let b = this.#mean;
    for (let i = from; i < to; i++) {
      const value = x[i]!;
      ring[k++] = value;
      b += (value - b) * inverse[k]!;
      const a = suffix[k]!;
      mean[i] = a + (b - a) * share[k]!;
      if (k === n) {
        this.#aggregate(0);
        k = 0;
        b = 0;
      }
    }
    this.#phase = k;
    this.#mean = b;
  }

  /** suffix[j] of the block in the ring, for j down to `least`. */
  #aggregate(least: number): void {
    const ring = this.ring;
    const suffix = this.#suffix;
    const inverse = this.#inverse;
    const n = this.length;
    let mean = 0;
    for (let j = n - 1; j >= least; j--) {
      mean += (ring[j]! - mean) * inverse[n - j]!;
      suffix[j] = mean;
    }
  }
}

/** Mean and M2, the sum of the squared distances from the mean, of the last n values. */
export class MomentWindow {
  readonly length: number;
  /** Value number i of the series (from 0) lies at i mod n; the owner's memory. */
  readonly ring: Float64Array;
  readonly #inverse: Float64Array;
  readonly #share: Float64Array;
  /** na·nb/n by nb. */
  readonly #spread: Float64Array;
  readonly #suffixMean: Float64Array;
  readonly #suffixM2: Float64Array;
  #phase = 0;
  #mean = 0;
  #m2 = 0;

  constructor(ring: Float64Array) {
    const n = ring.length;
    this.length = n;
    this.ring = ring;
    this.#inverse = reciprocals(n);
    this.#share = shares(n);
    this.#spread = Float64Array.from({ length: n + 1 }, (_, k) => ((n - k) * k) / n);
    this.#suffixMean = new Float64Array(n + 1);
    this.#suffixM2 = new Float64Array(n + 1);
  }

  /** Rebuilds the aggregates, to the same bits, from the ring after `count` values. */
  restore(count: number): void {
    const phase = count % this.length;
    let mean = 0;
    let m2 = 0;
    for (let i = 0; i < phase; i++) {
      const delta = this.ring[i]! - mean;
      mean += delta * this.#inverse[i + 1]!;
      m2 += delta * (this.ring[i]! - mean);
    }
    this.#phase = phase;
    this.#mean = mean;
    this.#m2 = m2;
    this.#aggregate(phase);
  }

  /**
   * Takes x[from … to-1] in; mean[i] and m2[i] become those of the window that ends at i, meaningless before the
   * first n values. `mean` may be the same array as `m2`: M2 is what stays.
   */
  run(x: Float64Array, from: number, to: number, mean: Float64Array, m2: Float64Array): void {
    const ring = this.ring;
    const suffixMean = this.#suffixMean;
    const suffixM2 = this.#suffixM2;
    const inverse = this.#inverse;
    const share = this.#share;
    const spread = this.#spread;
    const n = this.length;
    let k = this.#phase;
    let b = this.#mean;
    let b2 = this.#m2;
    for (let i = from; i < to; i++) {
      const value = x[i]!;
      ring[k++] = value;
      const delta = value - b;
      b += delta * inverse[k]!;
      b2 += delta * (value - b);
      const a = suffixMean[k]!;
      const apart = b - a;
      mean[i] = a + apart * share[k]!;
      m2[i] = suffixM2[k]! + b2 + apart * apart * spread[k]!;
      if (k === n) {
        this.#aggregate(0);
        k = 0;
        b = 0;
        b2 = 0;
      }
    }
    this.#phase = k;
    this.#mean = b;
    this.#m2 = b2;
  }

  /** The suffixes of the block in the ring that start at j, for j down to `least`. */
  #aggregate(least: number): void {
    const ring = this.ring;
    const suffixMean = this.#suffixMean;
    const suffixM2 = this.#suffixM2;
    const inverse = this.#inverse;
    const n = this.length;
    let mean = 0;
    let m2 = 0;
    for (let j = n - 1; j >= least; j--) {
      const value = ring[j]!;
      const delta = value - mean;
      mean += delta * inverse[n - j]!;
      m2 += delta * (value - mean);
      suffixMean[j] = mean;
      suffixM2[j] = m2;
    }
  }
}
