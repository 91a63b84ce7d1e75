/** What the longer bars of series go on from, as it goes from file to file inside a lane (`src/buckets/carried.ts`). */

import { BUCKET_LENGTH, CLOSE, HIGH, LOW, OPEN, START, TRADES, VOLUME } from '../buckets/aggregator.ts';
import { mostCarried, putRecord } from '../buckets/carried.ts';
import type { Db } from '../database/connect.ts';
import { STATE_LENGTH } from '../indicators/engine.ts';
import type { RollupRole } from '../state/series/rollup_roles.ts';
import { type RollupState, readStatesMadeOf } from '../state/series/rollup_states.ts';
import type { ClaimedTask } from '../state/tasks/claim.ts';

const MOST_ROLLUPS = mostCarried(STATE_LENGTH);

/** Whether a task makes its longer bars, if any, as its own pass by: nobody else makes some of them, nor its own. */
export function makesInPassing({ plan }: Pick<ClaimedTask, 'plan'>, role: RollupRole): boolean {
  const { makes, makesOfSome, isContested, isMade } = role;
  if (isMade || makesOfSome.length > 0) return false;
  if (makes.length === 0) return true;
  // A bar of trades may get more of them from the next file.
  return !isContested && makes.length <= MOST_ROLLUPS && plan.shape.kind !== 'trades';
}

/** The records of series that have any, by the series. Where a bucket ends is left to the worker: it knows the venue's days. */
export async function readCarried(db: Db, seriesIds: readonly number[]): Promise<Map<number, Float64Array>> {
  const records = new Map<number, Float64Array>();
  for (const [seriesId, states] of await readStatesMadeOf(db, seriesIds)) {
    const atUs = Math.max(...states.map((one) => one.atUs));
    // One that was left behind is not gone on from.
    const some = states.filter((one) => one.atUs === atUs).slice(0, MOST_ROLLUPS);
    const buckets = new Float64Array(some.length * BUCKET_LENGTH);
    for (const [i, state] of some.entries()) putBucket(state, buckets, i * BUCKET_LENGTH);
    const record = new Float64Array(STATE_LENGTH);
    const ends = {
      atUs,
      knownFromUs: Math.min(...some.map((one) => one.knownFromUs)),
      knownToUs: Math.max(...some.map((one) => one.knownToUs)),
    };
    putRecord(
      record,
      0,
      STATE_LENGTH,
      ends,
      some.map(({ rollupS }) => rollupS),
      buckets,
      0,
    );
    records.set(seriesId, record);
  }
  return records;
}

function putBucket(state: RollupState, to: Float64Array, at: number): void {
  to.fill(Number.NaN, at, at + BUCKET_LENGTH);
  to[at + START] = state.ts;
  to[at + OPEN] = state.open;
  to[at + HIGH] = state.high;
  to[at + LOW] = state.low;
  to[at + CLOSE] = state.close;
  to[at + VOLUME] = state.volume;
  to[at + TRADES] = state.trades;
}
