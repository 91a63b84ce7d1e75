/** `load --incremental`: from the last bars on. */

import type { Db } from '../database/connect.ts';
import type { SelectTask } from '../producer/planning/found_task.ts';
import { laneOf } from '../state/series/series_name.ts';
import { lastBarsOfSharedLanes } from '../state/tasks/loaded_files.ts';
import { plannedRange } from './coverage.ts';
import { ALL_SERIES, readSeries } from './series.ts';

/**
 * A selection of what is newer than the bars that stand. The last bar itself is asked for again: it joins the coverage
 * of the new file to that of the old one.
 */
export async function incrementalSelection(db: Db): Promise<SelectTask> {
  const lastBars = new Map<string, number>();
  for (const series of await readSeries(db, ALL_SERIES)) {
    if (series.lastUs !== null) lastBars.set(laneOf(series), series.lastUs);
  }
  // Of lanes of many symbols: some ticker trades last, and none of the others can be behind it but by not trading.
  for (const [lane, last] of await lastBarsOfSharedLanes(db)) lastBars.set(lane, last);
  return selectNewer(lastBars);
}

/**
 * Selects what goes on from the last bars: files that end before the last bar of their series are left out, those
 * that reach beyond are asked for the bars from it on. `lastBars` is by lane; a file of all symbols goes by the last
 * bar of its lane, and is taken whole or not at all.
 */
function selectNewer(lastBars: ReadonlyMap<string, number>): SelectTask {
  return (task) => {
    const { wantFromUs, wantToUs, symbol } = task.plan;
    const asked = { fromUs: wantFromUs, toUs: wantToUs };
    const last = lastBars.get(task.lane);
    if (last === undefined) return asked;
    const range = plannedRange(task);
    if (range !== null && range.toUs <= last + task.plan.intervalS * 1e6) return null;
    if (range !== null && range.fromUs > last) return asked;
    if (symbol === null) return asked;
    return { ...asked, fromUs: Math.max(wantFromUs ?? Number.NEGATIVE_INFINITY, last) };
  };
}
