/** Brings the gaps on record of one series in line with what a look at it found. Pure; µs since 1970. */

import { firstAfter, intersect, meetsAny, merge, type Range } from '../base/ranges.ts';
import type { ExpectedBars } from '../calendar/expected_bars.ts';
import type { Hole } from './find_holes.ts';
import { lookAt } from './remembered_holes.ts';

/** An open gap on record. */
export interface OpenGap extends Range {
  readonly gapId: number;
}

export interface Reconciliation {
  /** Gaps on record that go on, with their range as it is now. */
  readonly kept: readonly { readonly gapId: number; readonly hole: Hole }[];
  readonly added: readonly Hole[];
  /** Covered from end to end. */
  readonly filled: readonly number[];
  /** Part of another gap now, or no longer expected to be there. */
  readonly dropped: readonly number[];
}

/**
 * Looks at `window`, and again at every gap on record, wherever it lies: a look at a part of a gap must not cut it.
 * `whole` says that the window is all that is expected of the series: gaps outside it are then dropped. A null window
 * holds nothing.
 */
export function reconcile(
  expected: ExpectedBars,
  window: Range | null,
  whole: boolean,
  covered: readonly Range[],
  open: readonly OpenGap[],
): Reconciliation {
  const windows = window === null ? [] : [window];
  const looked = whole ? windows : merge([...windows, ...open]);
  const holes = looked.flatMap((range) => lookAt(expected, covered, range).holes);
  const { kept, added, free } = match(holes, open);
  const filled: number[] = [];
  const dropped: number[] = [];
  for (const gap of free) {
    const isMissing = meetsAny(holes, gap);
    const isExpected = intersect(looked, [gap]).some(({ fromUs, toUs }) => expected.count(fromUs, toUs) > 0);
    if (!isMissing && isExpected) filled.push(gap.gapId);
    else dropped.push(gap.gapId);
  }
  return { kept, added, filled, dropped };
}

/** A hole goes on under the record that starts where it does, else under the first free one that it meets. */
function match(
  holes: readonly Hole[],
  open: readonly OpenGap[],
): Pick<Reconciliation, 'kept' | 'added'> & { readonly free: ReadonlySet<OpenGap> } {
  const records = [...open].sort((a, b) => a.fromUs - b.fromUs);
  const byStart = new Map(records.map((gap) => [gap.fromUs, gap]));
  const starts = new Set(holes.map((hole) => hole.fromUs));
  const free = new Set(records);
  const kept: { gapId: number; hole: Hole }[] = [];
  const added: Hole[] = [];
  for (const hole of holes) {
    let record = byStart.get(hole.fromUs);
    for (let at = firstAfter(records, hole.fromUs); record === undefined && at < records.length; at++) {
      const gap = records[at]!;
      if (gap.fromUs >= hole.toUs) break;
      if (free.has(gap) && !starts.has(gap.fromUs)) record = gap;
    }
    if (record === undefined) {
      added.push(hole);
    } else {
      free.delete(record);
      kept.push({ gapId: record.gapId, hole });
    }
  }
  return { kept, added, free };
}
