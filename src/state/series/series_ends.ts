/** What a task leaves of a series beside its bars: the range it vouches for, its last bar, and the state behind that. */

import type { ClientBase } from 'pg';
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

/** Writes the ends of many series: two COPYs. A state's bytes may be used again when the next end is asked for. */
export async function copyEnds(
  client: ClientBase,
  taskId: number,
  ends: Iterable<SeriesEnd>,
  count: number,
): Promise<void> {
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

/** CTEs that write the ends of a few series for the one task in CTE `moved`; their parameters are {@link endValues}. */
export const INSERT_ENDS = `
covered AS (
  ${insertCoverage('$12', '$13', '$14')}),
ended AS (
  ${insertStates('$12', '$15', '$16')})`;

/** Parameters `$12` to `$16` of {@link INSERT_ENDS}. */
export function endValues(ends: readonly SeriesEnd[]): unknown[] {
  return [
    ends.map(({ seriesId }) => seriesId),
    ends.map(({ fromUs }) => fromUs),
    ends.map(({ toUs }) => toUs),
    ends.map(({ lastTsUs }) => lastTsUs),
    ends.map(({ state }) => state),
  ];
}
