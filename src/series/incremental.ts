import type { Db } from '../database/connect.ts';
import { selectNewer } from '../gaps/selection.ts';
import type { SelectTask } from '../producer/planning/found_task.ts';
import { lastBarsOfSharedLanes } from '../state/loaded_files.ts';
import { ALL_SERIES, laneOf, readSeries } from './series.ts';

/** `load --incremental`: from the last bars on. */

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
