/** Which bars keep the indicator state behind them, for whatever changes before or behind. */

/**
 * A series keeps the state behind the bars of every so manieth interval since 1970: behind every 251st bar of one
 * without holes, and as often by the bar in one with. A late file is computed from the nearest before it to where the
 * new states meet the stored ones, so that fewer states mean more bars; at 251 they take 1 % of the room of the bars.
 * A prime, so that they fall on all times of the day alike. Which bars they are follows from the bars alone, not from
 * how files were cut.
 */
export const CHECKPOINT_INTERVALS = 251;

/** Whether the state behind the bar that opens at `tsUs` is kept. */
export function isCheckpoint(tsUs: number, intervalUs: number): boolean {
  return Math.floor(tsUs / intervalUs) % CHECKPOINT_INTERVALS === 0;
}

/** First row of [from, to), ascending in time, whose state is kept, or `to`. */
export function nextCheckpoint(ts: Float64Array, from: number, to: number, intervalUs: number): number {
  const periodUs = CHECKPOINT_INTERVALS * intervalUs;
  let row = from;
  while (row < to) {
    // A division for every period, not for every bar.
    const startUs = Math.floor(ts[row]! / periodUs) * periodUs;
    if (ts[row]! < startUs + intervalUs) return row;
    const nextUs = startUs + periodUs;
    if (ts[to - 1]! < nextUs) return to;
    while (row < to && ts[row]! < nextUs) row++;
  }
  return to;
}
