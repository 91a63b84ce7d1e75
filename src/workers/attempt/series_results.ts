/** What a file leaves of each of its series beside its rows: coverage, and the state its indicators go on from. */

import type { ClientBase } from 'pg';
import type { Range } from '../../base/ranges.ts';
import { dayGrid } from '../../buckets/bucket_grid.ts';
import { knownFrom, knownTo } from '../../buckets/covered.ts';
import { isCheckpoint } from '../../indicators/checkpoints.ts';
import { encodeState, STATE_LENGTH } from '../../indicators/engine.ts';
import { writeStates } from '../../state/series/indicator_states.ts';
import { copyEnds, type SeriesEnd } from '../../state/series/series_ends.ts';
import type { Assignment } from '../link/assignment.ts';
import type { Checkpoints } from './checkpoint_states.ts';
import type { SeriesStates } from './series_states.ts';

/** Ends of so many series go with the statement that finishes a task; more are copied, in two round trips. */
const FEW_SERIES = 8;

/**
 * Writes the ends of the file's series where they are many; the few of a small file are returned instead, to go with
 * the statement that finishes the task.
 */
export async function writeEnds(
  client: ClientBase,
  task: Assignment,
  series: SeriesStates,
  withStates: boolean,
): Promise<SeriesEnd[]> {
  await writeCheckpoints(client, task, series.checkpoints);
  if (series.used().length <= FEW_SERIES) return fewEnds(task, series, withStates);
  await copyEnds(client, task.taskId, seriesEnds(task, series, withStates), series.used().length);
  return [];
}

/** Writes the states that series keep behind bars in the middle of the file, as far as it has come. */
export async function writeCheckpoints(
  client: ClientBase,
  { taskId }: Assignment,
  checkpoints: Checkpoints,
): Promise<void> {
  const states = checkpoints.take();
  if (states.length > 0) await writeStates(client, taskId, states);
}

/** What the file leaves of each of its series; a state holds until the next is asked for. */
function* seriesEnds({ plan }: Assignment, series: SeriesStates, withStates: boolean): Generator<SeriesEnd> {
  const fileFrom = Math.max(plan.fileFromUs ?? -Infinity, plan.wantFromUs ?? -Infinity);
  const fileTo = Math.min(plan.fileToUs ?? Infinity, plan.wantToUs ?? Infinity);
  for (const { seriesId, slot, firstTs, lastTs } of series.used()) {
    yield {
      seriesId,
      fromUs: plan.fileFromUs === null ? firstTs : Math.min(fileFrom, firstTs),
      toUs: plan.fileToUs === null ? lastTs + plan.intervalS * 1e6 : Math.max(fileTo, lastTs + 1),
      lastTsUs: lastTs,
      // The state behind a checkpoint is written already.
      state:
        withStates && !isCheckpoint(lastTs, plan.intervalS * 1e6)
          ? encodeState(series.packed, slot * STATE_LENGTH)
          : null,
    };
  }
}

/** What a file tells of its series, as rollups see it, with its first and last bar. */
export function* knownEnds(
  { plan }: Assignment,
  series: SeriesStates,
): Generator<Range & { readonly seriesId: number; readonly firstTs: number; readonly lastTs: number }> {
  const days = dayGrid(plan.sessionZone);
  for (const { seriesId, firstTs, lastTs } of series.used()) {
    const file = { ...plan, firstUs: firstTs, lastUs: lastTs, intervalUs: plan.intervalS * 1e6 };
    yield { seriesId, firstTs, lastTs, fromUs: knownFrom(file, days), toUs: knownTo(file) };
  }
}

function fewEnds(task: Assignment, series: SeriesStates, withStates: boolean): SeriesEnd[] {
  const ends: SeriesEnd[] = [];
  for (const end of seriesEnds(task, series, withStates))
    ends.push({ ...end, state: end.state === null ? null : end.state.slice() });
  return ends;
}
