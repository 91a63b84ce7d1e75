/**
 * One pass over the stamps of many series, for whatever looks at when bars are and not at what they say. The leaves come
 * one after the other, oldest first, and in each the series in the order of its key: so the server merges no leaves and
 * sorts next to nothing. Times are µs since 1970.
 */

import type { Range } from '../base/ranges.ts';
import { type Db, inTransaction } from '../database/connect.ts';
import { usOf } from '../database/stamps.ts';
import { streamBars } from './bar_stream.ts';

/** Stamps `[0, rows)` of one series, ascending, and behind those it was told before. The array belongs to the pass. */
export type TakeStamps = (seriesId: number, ts: Float64Array, rows: number) => void;

/** Which stamps: `[fromUs, toUs)`. */
export interface StampQuery {
  readonly seriesIds: readonly number[];
  readonly fromUs: number;
  readonly toUs: number;
}

const PIECE_ROWS = 1 << 14;
/** Series named in one statement; more are read with all that have ids between theirs. */
const MOST_NAMED = 500;

interface LeafRange {
  readonly fromUs: number;
  readonly toUs: number;
  readonly isBare: boolean;
}

/** Hands every stamp of the query to `take`, and some of other series with it. */
export async function eachStamp(
  db: Db,
  { seriesIds, fromUs, toUs }: StampQuery,
  take: TakeStamps,
): Promise<void> {
  if (seriesIds.length === 0) return;
  const ids = seriesIds.toSorted((a, b) => a - b);
  const few = ids.length <= MOST_NAMED;
  const which = few ? { seriesIds: ids } : { seriesIds: null, between: [ids[0]!, ids.at(-1)!] as const };
  await inTransaction(db, async (client) => {
    await client.query(
      `SET LOCAL jit = off; SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL work_mem = '64MB'`,
    );
    const read = async ({ fromUs, toUs }: Range, only: 'bars' | 'bars_bare'): Promise<number> => {
      let rows = 0;
      const query = { ...which, columns: [], fromUs, toUs, only };
      await streamBars(client, query, { rows: PIECE_ROWS, overlap: 0 }, (piece) => {
        rows += piece.rows;
        take(piece.seriesId, piece.ts, piece.rows);
      });
      return rows;
    };
    for (const leaf of await readLeaves(client, fromUs, toUs)) {
      // A leaf that gets its key meanwhile is read where it was, or else where it has gone.
      if (leaf.isBare && (await read(leaf, 'bars_bare')) > 0) continue;
      await read(leaf, 'bars');
    }
  });
}

/** The leaves with something of a range, cut to it; of a hypertable, which has none, the range. */
async function readLeaves(db: Db, fromUs: number, toUs: number): Promise<LeafRange[]> {
  const { rows } = await db.query<LeafRange>(
    `SELECT ${usOf('from_ts')} AS "fromUs", ${usOf('to_ts')} AS "toUs", state = 'bare' AS "isBare"
     FROM backhaul.partition ORDER BY from_ts`,
  );
  if (rows.length === 0) return [{ fromUs, toUs, isBare: false }];
  return rows
    .filter((leaf) => leaf.fromUs < toUs && leaf.toUs > fromUs)
    .map(({ isBare, ...leaf }) => ({
      fromUs: Math.max(leaf.fromUs, fromUs),
      toUs: Math.min(leaf.toUs, toUs),
      isBare,
    }));
}
