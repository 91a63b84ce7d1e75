/**
 * One pass over the stamps of many series, for whatever looks at when bars are and not at what they say. The leaves come
 * one after the other, oldest first, and in each the series in the order of its key: so the server merges no leaves and
 * sorts next to nothing. A series' stamps of a leaf come as one array: a row and a message for each of them would cost
 * either side more than reading them does. Times are µs since 1970.
 */

import pg, { type ClientBase } from 'pg';
import { to as copyTo } from 'pg-copy-streams';
import type { Range } from '../base/ranges.ts';
import { type Db, inTransaction } from '../database/connect.ts';
import { stampOf, usOf } from '../database/stamps.ts';
import { StampArrays, type TakeStamps } from './stamp_arrays.ts';

/** Which stamps: `[fromUs, toUs)`. */
export interface StampQuery {
  readonly seriesIds: readonly number[];
  readonly fromUs: number;
  readonly toUs: number;
}

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
  // The series are read in two parts side by side where they are many: one session of the server does half of what we do.
  const middle = ids.length > MOST_NAMED && db instanceof pg.Pool ? ids.length >> 1 : 0;
  const parts = [ids.slice(0, middle), ids.slice(middle)].filter((part) => part.length > 0);
  const ends = await Promise.allSettled(parts.map((part) => eachOf(db, part, { fromUs, toUs }, take)));
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
}

async function eachOf(db: Db, ids: readonly number[], range: Range, take: TakeStamps): Promise<void> {
  await inTransaction(db, async (client) => {
    await client.query(
      `SET LOCAL jit = off; SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL work_mem = '64MB'`,
    );
    const read = (part: Range, table: 'bars' | 'bars_bare'): Promise<number> =>
      readStamps(client, ids, part, table, take);
    for (const leaf of await readLeaves(client, range.fromUs, range.toUs)) {
      // A leaf that gets its key meanwhile is read where it was, or else where it has gone.
      if (leaf.isBare && (await read(leaf, 'bars_bare')) > 0) continue;
      await read(leaf, 'bars');
    }
  });
}

/** The stamps of a range, by series and time; returns how many. COPY takes no parameters: numbers are written out. */
async function readStamps(
  client: ClientBase,
  ids: readonly number[],
  { fromUs, toUs }: Range,
  table: 'bars' | 'bars_bare',
  take: TakeStamps,
): Promise<number> {
  const which =
    ids.length <= MOST_NAMED
      ? `series_id IN (${ids.map(whole).join(',')})`
      : `series_id BETWEEN ${whole(ids[0]!)} AND ${whole(ids.at(-1)!)}`;
  const select = `SELECT series_id, array_agg(ts ORDER BY ts) FROM backhaul.${table}
    WHERE ${which} AND ts >= ${stampOf(whole(fromUs))} AND ts < ${stampOf(whole(toUs))}
    GROUP BY series_id ORDER BY series_id`;
  const arrays = new StampArrays(take);
  const stream = client.query(copyTo(`COPY (${select}) TO STDOUT (FORMAT binary)`));
  for await (const piece of stream) arrays.push(piece as Uint8Array);
  return arrays.end();
}

function whole(number: number): string {
  if (!Number.isSafeInteger(number)) throw new RangeError(`${number} is no whole number`);
  return String(number);
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
