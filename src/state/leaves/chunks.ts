/**
 * Chunks of a TimescaleDB hypertable, made as leaves are elsewhere: of a month, a year or a decade, by what comes, and before
 * the transaction that writes into them. One that makes its chunk itself keeps others from making theirs until it ends,
 * and it may be waiting for just one of those: the file before it in its lane.
 */

import type { ClientBase } from 'pg';
import type { Leaf } from '../../copy/leaf.ts';

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

/** The function that makes a chunk of a range we choose is TimescaleDB's own business: where it is, changes by version. */
const MAKERS = [
  {
    name: '_timescaledb_functions.create_chunk',
    sql: `SELECT table_name AS name FROM _timescaledb_functions.create_chunk('backhaul.bars',
      jsonb_build_object('ts', jsonb_build_array($1::bigint, $2::bigint)))`,
  },
  {
    name: '_timescaledb_internal.create_chunk',
    sql: `SELECT table_name AS name FROM _timescaledb_internal.create_chunk('backhaul.bars',
      jsonb_build_object('ts', jsonb_build_array($1::bigint, $2::bigint)))`,
  },
] as const;

/**
 * Makes the chunk of `tsUs`: of the range of `wide`, less what stands of it. Where TimescaleDB has no function for that, a
 * row that comes and goes makes it cut one by its own interval.
 */
export async function createChunk(
  client: ClientBase,
  wide: Leaf,
  tsUs: number,
  standing: readonly Leaf[],
): Promise<Leaf> {
  const { rows: makers } = await client.query<{ name: string }>(
    'SELECT name FROM unnest($1::text[]) AS name WHERE to_regproc(name) IS NOT NULL',
    [MAKERS.map(({ name }) => name)],
  );
  const maker = MAKERS.find(({ name }) => makers.some((has) => has.name === name));
  if (maker === undefined) return chunkOfARow(client, tsUs);
  let { fromUs, toUs } = wide;
  for (const other of standing) {
    if (other.toUs <= tsUs) fromUs = Math.max(fromUs, other.toUs);
    else toUs = Math.min(toUs, other.fromUs);
  }
  const { rows } = await client.query<{ name: string }>(maker.sql, [fromUs, toUs]);
  return { name: rows[0]!.name, fromUs, toUs };
}

/** No series has the number 0: nobody sees the row, nor waits for it. */
async function chunkOfARow(client: ClientBase, tsUs: number): Promise<Leaf> {
  const ts = new Date(Math.floor(tsUs / 1000));
  await client.query('INSERT INTO backhaul.bars (series_id, ts) VALUES (0, $1)', [ts]);
  await client.query('DELETE FROM backhaul.bars WHERE series_id = 0 AND ts = $1', [ts]);
  const [chunk] = await chunksWithin(client, { name: '', fromUs: tsUs, toUs: tsUs + 1000 });
  return chunk!;
}
