/** What a file leaves of each of its series beside its rows: coverage, and the state its indicators go on from. */

import type { ClientBase } from 'pg';
import { copyRows } from '../../copy/copy_writer.ts';
import { RowEncoder } from '../../copy/row_encoder.ts';
import { encodeState, STATE_LENGTH } from '../../indicators/engine.ts';
import type { SeriesStates } from '../../load/series_states.ts';
import type { SeriesEnd } from '../../state/tasks/finish.ts';
import type { Assignment } from '../link.ts';

/** Ends of so many series go with the statement that finishes a task; more are copied, in two round trips. */
const FEW_SERIES = 8;

/** Rows of the side tables, per series: what they may take in all, and what they take as a rule. */
const SIDE_BYTES = 1 << 28;
const COVERAGE_BYTES = 64;
const STATE_BYTES = 600;

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
  if (series.used().length <= FEW_SERIES) return fewEnds(task, series, withStates);
  await copyEnds(client, task, series, withStates);
  return [];
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
      state: withStates ? encodeState(series.packed, slot * STATE_LENGTH) : null,
    };
  }
}

function fewEnds(task: Assignment, series: SeriesStates, withStates: boolean): SeriesEnd[] {
  const ends: SeriesEnd[] = [];
  for (const end of seriesEnds(task, series, withStates))
    ends.push({ ...end, state: end.state === null ? null : end.state.slice() });
  return ends;
}

async function copyEnds(
  client: ClientBase,
  task: Assignment,
  series: SeriesStates,
  states: boolean,
): Promise<void> {
  const { taskId } = task;
  const used = series.used();
  const coverage = new RowEncoder(3, SIDE_BYTES, COVERAGE_BYTES * used.length);
  const ends = new RowEncoder(4, SIDE_BYTES, states ? STATE_BYTES * used.length : 0);
  for (const one of seriesEnds(task, series, states)) {
    coverage.row();
    coverage.int4(one.seriesId);
    coverage.tstzrange(one.fromUs, one.toUs);
    coverage.int8(taskId);
    if (one.state === null) continue;
    ends.row();
    ends.int4(one.seriesId);
    ends.timestamptz(one.lastTsUs);
    ends.int8(taskId);
    ends.bytea(one.state);
  }
  await copyRows(client, 'backhaul.coverage', ['series_id', 'covered', 'task_id'], coverage.bytes());
  if (states)
    await copyRows(client, 'backhaul.indicator_state', ['series_id', 'ts', 'task_id', 'state'], ends.bytes());
}
