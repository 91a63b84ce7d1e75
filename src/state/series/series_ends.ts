/** What a task leaves of a series beside its bars: the range it vouches for, its last bar, and the state behind that. */

import type { ClientBase } from 'pg';
import { isOnNode, sayToCoordinator } from '../schema/node_statements.ts';
import { CoverageRows, insertCoverage } from './coverage_rows.ts';
import { insertStates, StateRows } from './indicator_states.ts';

/** µs since 1970. */
export interface SeriesEnd {
  readonly seriesId: number;
  readonly fromUs: number;
  readonly toUs: number;
  readonly lastTsUs: number;
  /** As the engine encodes it; null: no state is stored. */
  readonly state: Uint8Array | null;
}

/** Ends that a session on a node says in one statement: some 3 MB of text. */
const MOST_AT_ONCE = 2_000;

/** Writes the ends of many series: two COPYs, or, from a node, statements. A state's bytes may be used again when the next end is asked for. */
export async function copyEnds(
  client: ClientBase,
  taskId: number,
  ends: Iterable<SeriesEnd>,
  count: number,
): Promise<void> {
  if (isOnNode(client)) return tellEnds(client, taskId, ends);
  const coverage = new CoverageRows(taskId, count);
  const states = new StateRows(taskId, count);
  let hasStates = false;
  for (const end of ends) {
    coverage.add(end);
    if (end.state === null) continue;
    states.add({ seriesId: end.seriesId, tsUs: end.lastTsUs, state: end.state });
    hasStates = true;
  }
  await coverage.write(client);
  if (hasStates) await states.write(client);
}

async function tellEnds(client: ClientBase, taskId: number, ends: Iterable<SeriesEnd>): Promise<void> {
  let some: SeriesEnd[] = [];
  for (const end of ends) {
    some.push({ ...end, state: end.state === null ? null : end.state.slice() });
    if (some.length < MOST_AT_ONCE) continue;
    await sayToCoordinator(client, TELL_ENDS, [taskId, ...endValues(some)]);
    some = [];
  }
  if (some.length > 0) await sayToCoordinator(client, TELL_ENDS, [taskId, ...endValues(some)]);
}

/** CTEs that write the ends of a few series for the one task in CTE `moved`; their parameters are {@link endValues}. */
function insertEnds([ids, from, to, last, states]: readonly [
  string,
  string,
  string,
  string,
  string,
]): string {
  return `
covered AS (
  ${insertCoverage(ids, from, to)}),
ended AS (
  ${insertStates(ids, last, states)})`;
}

/** {@link insertEnds} with {@link endValues} as parameters `$12` to `$16`. */
export const INSERT_ENDS = insertEnds(['$12', '$13', '$14', '$15', '$16']);

const TELL_ENDS = `WITH moved AS (SELECT $1::bigint AS task_id),${insertEnds(['$2', '$3', '$4', '$5', '$6'])}
SELECT FROM moved`;

/** The five parameters of the statements that write ends. */
export function endValues(ends: readonly SeriesEnd[]): unknown[] {
  return [
    ends.map(({ seriesId }) => seriesId),
    ends.map(({ fromUs }) => fromUs),
    ends.map(({ toUs }) => toUs),
    ends.map(({ lastTsUs }) => lastTsUs),
    ends.map(({ state }) => state),
  ];
}
