/**
 * Chunks of a TimescaleDB hypertable, made as leaves are elsewhere: of a month, a year or a decade, by what comes, and before
 * the transaction that writes into them. One that makes its chunk itself keeps others from making theirs until it ends,
 * and it may be waiting for just one of those: the file before it in its lane.
 */

import type { ClientBase } from 'pg';
import type { Leaf } from '../copy/leaf.ts';

/** Those with something of this range, as they are cut. */
export async function chunksWithin(client: ClientBase, { fromUs, toUs }: Leaf): Promise<Leaf[]> {
  const { rows } = await client.query<{ name: string; from_ts: Date; to_ts: Date }>(
    `SELECT chunk_name AS name, range_start AS from_ts, range_end AS to_ts FROM timescaledb_information.chunks
     WHERE hypertable_schema = 'backhaul' AND hypertable_name = 'bars' AND range_start < $2 AND range_end > $1`,
    [new Date(fromUs / 1000), new Date(toUs / 1000)],
  );
  return rows.map(({ name, from_ts, to_ts }) => ({
    name,
    fromUs: from_ts.getTime() * 1000,
    toUs: to_ts.getTime() * 1000,
  }));
}

/** Makes the chunk of `tsUs`: of the range of `wide`, less what stands of it. */
export async function createChunk(
  client: ClientBase,
  wide: Leaf,
  tsUs: number,
  standing: readonly Leaf[],
): Promise<Leaf> {
  let { fromUs, toUs } = wide;
  for (const other of standing) {
    if (other.toUs <= tsUs) fromUs = Math.max(fromUs, other.toUs);
    else toUs = Math.min(toUs, other.fromUs);
  }
  const { rows } = await client.query<{ name: string }>(
    `SELECT table_name AS name FROM _timescaledb_functions.create_chunk('backhaul.bars',
       jsonb_build_object('ts', jsonb_build_array($1::bigint, $2::bigint)))`,
    [fromUs, toUs],
  );
  return { name: rows[0]!.name, fromUs, toUs };
}
