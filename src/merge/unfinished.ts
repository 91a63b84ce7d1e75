/**
 * The last bar of a download may still have been traded when the file was cut. Where the file's end is published, the
 * file vouches for no bar that closes behind it; where it is not, its last bar counts as open: another file that tells
 * the same bar with more in it (the same open, no narrower range, no less volume, no fewer trades) completes it. As
 * nothing can be more and less at once, what stands at the end does not depend on which file came first.
 */

import type { Bars } from '../bars/columns.ts';

/**
 * Whether row `i` of `more` may be row `j` of `less` at a later time: it has more of something. Without volumes and
 * trades that is a wider range: of two bars that differ in their closes alone, nobody knows which is the later.
 */
export function completes(more: Bars, i: number, less: Bars, j: number): boolean {
  const wider = [more.high[i]! - less.high[j]!, less.low[j]! - more.low[i]!];
  const longer = (['volume', 'trades'] as const).map(
    (name) => orZero(more[name][i]!) - orZero(less[name][j]!),
  );
  const gains = [...wider, ...longer];
  return more.open[i] === less.open[j] && gains.every((gain) => gain >= 0) && gains.some((gain) => gain > 0);
}

function orZero(value: number): number {
  return Number.isNaN(value) ? 0 : value;
}
