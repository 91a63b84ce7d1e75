/** Medians: what a few wild values do not move. Pure. */

/** A normal distribution's deviation is so many times the median of what lies off its centre. */
export const DEVIATIONS_A_MAD = 1.4826;

/**
 * The k-th smallest of `values[0, count)`, from 0, in linear time on average (Hoare's selection); reorders them. NaN has
 * no place in them.
 */
export function select(values: Float64Array, count: number, k: number): number {
  let low = 0;
  let high = count - 1;
  while (low < high) {
    const pivot = middleOf(values[low]!, values[(low + high) >> 1]!, values[high]!);
    let i = low;
    let j = high;
    while (i <= j) {
      while (values[i]! < pivot) i++;
      while (values[j]! > pivot) j--;
      if (i <= j) {
        const held = values[i]!;
        values[i++] = values[j]!;
        values[j--] = held;
      }
    }
    if (k <= j) high = j;
    else if (k >= i) low = i;
    else break;
  }
  return values[k]!;
}

function middleOf(a: number, b: number, c: number): number {
  return Math.max(Math.min(a, b), Math.min(Math.max(a, b), c));
}

/** The lower median of `values[0, count)`; reorders them. Of nothing it is NaN. */
export function median(values: Float64Array, count: number): number {
  return count === 0 ? Number.NaN : select(values, count, (count - 1) >> 1);
}
