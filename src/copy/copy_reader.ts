/** Rows of `bars` out of the database, by binary COPY. */

import type { ClientBase } from 'pg';
import { to as copyTo } from 'pg-copy-streams';
import type { BarColumns } from '../bars/columns.ts';
import { BarDecoder } from './bar_decoder.ts';
import { BARS_COLUMNS } from './wire.ts';

/** A part of a series: bars behind `afterUs` up to and with `toUs`; µs since 1970, ±Infinity where there is no end. */
export interface BarRange {
  readonly seriesId: number;
  readonly afterUs: number;
  readonly toUs: number;
}

/** Columns of `bars` a range is read with: all, or those before the indicators. */
export type ColumnsRead = 'all' | 'prices';

/** Columns before the indicators. */
const PRICE_COLUMNS = 8;

/** An instant as a literal of an array: exact to the µs. */
export function stampLiteral(us: number): string {
  if (us === Number.POSITIVE_INFINITY) return 'infinity';
  if (us === Number.NEGATIVE_INFINITY) return '-infinity';
  const ms = Math.floor(us / 1000);
  const text = new Date(ms).toISOString();
  return `${text.slice(0, -1)}${String(us - ms * 1000).padStart(3, '0')}Z`;
}

/** Ranges as a row source `r (series_id, after_ts, to_ts, n)`; a COPY takes no parameters, so they are literals. */
export function rangeRows(ranges: readonly BarRange[]): string {
  const list = (values: readonly (number | string)[], type: string): string =>
    `'{${values.join(',')}}'::${type}[]`;
  return `unnest(${list(
    ranges.map((one) => one.seriesId),
    'int',
  )}, ${list(
    ranges.map((one) => stampLiteral(one.afterUs)),
    'timestamptz',
  )}, ${list(
    ranges.map((one) => stampLiteral(one.toUs)),
    'timestamptz',
  )}) WITH ORDINALITY AS r (series_id, after_ts, to_ts, n)`;
}

/** A condition on `ts` that holds in all of the ranges: with it the planner leaves out other partitions. */
export function withinHull(column: string, ranges: readonly BarRange[]): string {
  let after = Number.POSITIVE_INFINITY;
  let to = Number.NEGATIVE_INFINITY;
  for (const one of ranges) {
    after = Math.min(after, one.afterUs);
    to = Math.max(to, one.toUs);
  }
  return `${column} > '${stampLiteral(after)}' AND ${column} <= '${stampLiteral(to)}'`;
}

/** Series named one by one at most: of more, whoever touches them touches most of a compressed chunk anyway. */
const MOST_NAMED = 512;

/**
 * A condition on table `b` that holds for all rows of the ranges, between constants, for what changes rows. Beside the
 * hull of their times it names the series where `b` is a hypertable: TimescaleDB makes rows again of all compressed
 * batches that the constants do not rule out, and by a join alone that is all of a chunk. Of 50 series of 10,000 bars
 * each, two days of one, by an UPDATE: 525,650 bars without constants, 100,000 by time alone, 4,000 by both. One
 * series is told by `=`, which rules out batches across series as well.
 */
export function touchedOnly(ranges: readonly BarRange[], hypertable: boolean): string {
  const hull = withinHull('b.ts', ranges);
  const ids = new Set(hypertable ? ranges.map(({ seriesId }) => seriesId) : []);
  if (ids.size === 0 || ids.size > MOST_NAMED) return hull;
  const [first] = ids;
  return `${hull} AND b.series_id = ${ids.size === 1 ? first : `ANY ('{${[...ids].join(',')}}'::int[])`}`;
}

/**
 * What the ways through the keys need of a planner that has no statistics of tables just filled. For the transaction;
 * no statement of ours in it is better served by reading all of a partition.
 */
export const BY_KEY = `SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_hashjoin = off;
  SET LOCAL enable_mergejoin = off; SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL jit = off`;

function selectRanges(
  ranges: readonly BarRange[],
  columns: ColumnsRead,
  most: number,
  isDistributed: boolean,
): string {
  const names = columns === 'all' ? BARS_COLUMNS : BARS_COLUMNS.slice(0, PRICE_COLUMNS);
  const limit = Number.isFinite(most) ? ` LIMIT ${most}` : '';
  // Each node reads its own part of every range by the key; Citus takes no ordered query inside another.
  if (isDistributed)
    return `SELECT ${names.map((name) => `b.${name}`).join(', ')} FROM ${rangeRows(ranges)}
      JOIN backhaul.bars b ON b.series_id = r.series_id AND b.ts > r.after_ts AND b.ts <= r.to_ts
        AND ${withinHull('b.ts', ranges)}
      ORDER BY r.n, b.ts${limit}`;
  // The inner query is planned by itself: an ordered scan of the key, range after range.
  return `SELECT ${names.map((name) => `b.${name}`).join(', ')} FROM ${rangeRows(ranges)}
    CROSS JOIN LATERAL (SELECT ${names.join(', ')} FROM backhaul.bars
      WHERE series_id = r.series_id AND ts > r.after_ts AND ts <= r.to_ts AND ${withinHull('ts', ranges)}
      ORDER BY ts OFFSET 0) b${limit}`;
}

/**
 * Reads the bars of ranges, range after range, each in the order of time, `most` in all. `take` is given them as often
 * as `cols` is full, and at the end; `cols.symbol` is the series_id. {@link BY_KEY} has been said. `isDistributed`: the
 * bars are spread over the nodes of a cluster. Returns how many there were.
 */
export function readRanges(
  client: ClientBase,
  ranges: readonly BarRange[],
  columns: ColumnsRead,
  most: number,
  cols: BarColumns,
  take: (cols: BarColumns) => void,
  isDistributed: boolean,
): Promise<number> {
  return readBars(client, selectRanges(ranges, columns, most, isDistributed), cols, take);
}

/** Reads what `select` gives, in its order; its columns are those of `bars`, all or those before the indicators. */
export async function readBars(
  client: ClientBase,
  select: string,
  cols: BarColumns,
  take: (cols: BarColumns) => void,
): Promise<number> {
  const decoder = new BarDecoder(cols);
  const stream = client.query(copyTo(`COPY (${select}) TO STDOUT BINARY`));
  let rows = 0;
  let failure: { readonly error: unknown } | null = null;
  const hand = (): void => {
    rows += cols.length;
    take(cols);
    cols.length = 0;
  };
  cols.length = 0;
  for await (const piece of stream as AsyncIterable<Uint8Array>) {
    // Whatever fails here, the session is in the middle of a COPY: the rest is read and dropped.
    if (failure !== null) continue;
    try {
      for (let at = 0; at < piece.length; ) {
        at = decoder.push(piece, at);
        if (cols.length === cols.capacity) hand();
      }
    } catch (error) {
      failure = { error };
    }
  }
  if (failure !== null) throw failure.error;
  decoder.end();
  if (cols.length > 0) hand();
  return rows;
}
