import { merge, type Range } from '../base/ranges.ts';

/** Ranges of a series kept apart, at most; beyond, the nearest are one. */
const MOST_RANGES = 4_096;

/** Stretches of series in which bars have changed, from the stamps of those bars. µs since 1970. */
export class TouchedBars {
  readonly #nearUs: number;
  readonly #ranges = new Map<number, { fromUs: number; toUs: number }[]>();

  /** Bars no further apart than `nearUs` are one stretch. */
  constructor(nearUs: number) {
    this.#nearUs = nearUs;
  }

  /** A bar of the series has changed, or all between two have. */
  add(seriesId: number, firstUs: number, lastUs = firstUs): void {
    let ranges = this.#ranges.get(seriesId);
    if (ranges === undefined) {
      ranges = [];
      this.#ranges.set(seriesId, ranges);
    }
    const last = ranges.at(-1);
    if (last !== undefined && firstUs >= last.fromUs && firstUs <= last.toUs + this.#nearUs)
      last.toUs = Math.max(last.toUs, lastUs + 1);
    else ranges.push({ fromUs: firstUs, toUs: lastUs + 1 });
    if (ranges.length > MOST_RANGES) this.#ranges.set(seriesId, coarser(ranges));
  }

  get seriesIds(): number[] {
    return [...this.#ranges.keys()];
  }

  /** Sorted and disjoint. */
  of(seriesId: number): Range[] {
    return merge(this.#ranges.get(seriesId) ?? []);
  }
}

/** Half as many, over the shortest spaces between them. */
function coarser(ranges: readonly Range[]): { fromUs: number; toUs: number }[] {
  const sorted = merge(ranges);
  const spaces = sorted.slice(1).map((range, i) => range.fromUs - sorted[i]!.toUs);
  const most = spaces.toSorted((a, b) => a - b)[Math.floor(spaces.length / 2)] ?? 0;
  const found: { fromUs: number; toUs: number }[] = [];
  for (const { fromUs, toUs } of sorted) {
    const last = found.at(-1);
    if (last !== undefined && fromUs - last.toUs <= most) last.toUs = toUs;
    else found.push({ fromUs, toUs });
  }
  return found;
}
