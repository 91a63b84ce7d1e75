/** Sets of time as sorted, disjoint, half-open ranges `[fromUs, toUs)`; µs since 1970, ±Infinity allowed. Pure. */

export interface Range {
  readonly fromUs: number;
  readonly toUs: number;
}

/** The union: sorted, without empty ranges; ranges that touch become one. */
export function merge(ranges: Iterable<Range>): Range[] {
  const sorted = [...ranges].filter(({ fromUs, toUs }) => fromUs < toUs).sort((a, b) => a.fromUs - b.fromUs);
  const merged: { fromUs: number; toUs: number }[] = [];
  for (const { fromUs, toUs } of sorted) {
    const last = merged.at(-1);
    if (last === undefined || fromUs > last.toUs) merged.push({ fromUs, toUs });
    else if (toUs > last.toUs) last.toUs = toUs;
  }
  return merged;
}

/** What is in both. Both are merged already. */
export function intersect(a: readonly Range[], b: readonly Range[]): Range[] {
  const both: Range[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length && j < b.length) {
    const fromUs = Math.max(a[i]!.fromUs, b[j]!.fromUs);
    const toUs = Math.min(a[i]!.toUs, b[j]!.toUs);
    if (fromUs < toUs) both.push({ fromUs, toUs });
    if (a[i]!.toUs < b[j]!.toUs) i++;
    else j++;
  }
  return both;
}

/** What is in `a` and not in `b`. Both are merged already. */
export function subtract(a: readonly Range[], b: readonly Range[]): Range[] {
  const left: Range[] = [];
  let j = 0;
  for (const { fromUs, toUs } of a) {
    let at = fromUs;
    while (j < b.length && b[j]!.toUs <= at) j++;
    for (let k = j; k < b.length && b[k]!.fromUs < toUs; k++) {
      if (b[k]!.fromUs > at) left.push({ fromUs: at, toUs: b[k]!.fromUs });
      at = Math.max(at, b[k]!.toUs);
    }
    if (at < toUs) left.push({ fromUs: at, toUs });
  }
  return left;
}

/** The smallest range around all of them; null for none. */
export function hull(ranges: readonly Range[]): Range | null {
  if (ranges.length === 0) return null;
  let fromUs = Number.POSITIVE_INFINITY;
  let toUs = Number.NEGATIVE_INFINITY;
  for (const range of ranges) {
    fromUs = Math.min(fromUs, range.fromUs);
    toUs = Math.max(toUs, range.toUs);
  }
  return { fromUs, toUs };
}

/** Index of the first range that ends after the instant; `ranges.length` if none does. */
export function firstAfter(ranges: readonly Range[], us: number): number {
  let low = 0;
  let high = ranges.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (ranges[middle]!.toUs <= us) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Whether any range of a sorted, disjoint list shares an instant with this one. */
export function meetsAny(ranges: readonly Range[], one: Range): boolean {
  const at = firstAfter(ranges, one.fromUs);
  return at < ranges.length && ranges[at]!.fromUs < one.toUs;
}

/** Whether a sorted, disjoint list holds the instant. */
export function holds(ranges: readonly Range[], us: number): boolean {
  const at = firstAfter(ranges, us);
  return at < ranges.length && ranges[at]!.fromUs <= us;
}
