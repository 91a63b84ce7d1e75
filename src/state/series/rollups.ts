/** Table `rollup`: which bars make which longer ones, of a market or of all symbols of a venue. */

import type { ClientBase } from 'pg';
import type { Db } from '../../database/connect.ts';
import type { FilesOf } from './rollup_roles.ts';

/** Files of this market, or of all symbols of a venue (null), make bars of `rollupS` seconds. */
export interface Rollup {
  readonly venue: string;
  readonly symbol: string | null;
  readonly intervalS: number;
  readonly rollupS: number;
}

/** Stands for every symbol of a venue's shared files. */
const EVERY = '*';

/**
 * Notes rollups from now on, for good and before anything is loaded by them: who claims a task later sees them. Of the
 * bars of a market the shortest alone, so that those make longer ones as they pass by; what stands is still to be made
 * (`behind`), and of the market's other bars at the end of the load ({@link noteOtherBases}).
 * Not to be called inside a transaction: it looks at what stands once its notes are there for all to see.
 */
export async function noteRollups(db: Db, rollups: readonly Rollup[]): Promise<void> {
  if (rollups.length === 0) return;
  const { rows: noted } = await db.query<StoredRollup>(
    `WITH durable AS MATERIALIZED (SELECT set_config('synchronous_commit', 'on', true)),
     wanted AS MATERIALIZED (
       SELECT venue, symbol, min(interval_s) AS interval_s, rollup_s
       FROM unnest($1::text[], $2::text[], $3::int[], $4::int[]) AS w (venue, symbol, interval_s, rollup_s)
       GROUP BY venue, symbol, rollup_s)
     INSERT INTO backhaul.rollup (venue, symbol, interval_s, rollup_s, behind)
     SELECT w.venue, w.symbol, w.interval_s, w.rollup_s, true FROM wanted w CROSS JOIN durable
     WHERE NOT EXISTS (SELECT FROM backhaul.rollup r WHERE r.venue = w.venue COLLATE "C" AND r.rollup_s = w.rollup_s
       AND r.symbol IN (w.symbol COLLATE "C", '*') AND r.interval_s < w.interval_s)
     ORDER BY 1, 2, 3, 4 ON CONFLICT DO NOTHING
     RETURNING venue, symbol, interval_s, rollup_s`,
    columnsOf(rollups),
  );
  if (noted.length > 0) await caughtUp(db, await withNothingBehind(db, noted));
}

/** A row of the table. */
interface StoredRollup {
  readonly venue: string;
  readonly symbol: string;
  readonly interval_s: number;
  readonly rollup_s: number;
}

/**
 * Those of which no bar stands and none is being loaded: files that are claimed from now on see them on record, and one
 * that was claimed before is at work, or what it brought stands, in the eyes of the same statement.
 */
async function withNothingBehind(db: Db, noted: readonly StoredRollup[]): Promise<Rollup[]> {
  const { rows } = await db.query<StoredRollup>(
    `SELECT w.venue, w.symbol, w.interval_s, w.rollup_s
     FROM unnest($1::text[], $2::text[], $3::int[], $4::int[]) AS w (venue, symbol, interval_s, rollup_s)
     WHERE NOT EXISTS (SELECT FROM backhaul.series s JOIN backhaul.coverage c USING (series_id)
         WHERE s.venue = w.venue COLLATE "C" AND w.symbol IN (s.symbol, '*') AND s.interval_s = w.interval_s)
       AND NOT EXISTS (SELECT FROM backhaul.task t WHERE t.owner IS NOT NULL
         AND t.family = (w.venue || '/*/' || w.interval_s) COLLATE "C")`,
    [
      noted.map(({ venue }) => venue),
      noted.map(({ symbol }) => symbol),
      noted.map(({ interval_s }) => interval_s),
      noted.map(({ rollup_s }) => rollup_s),
    ],
  );
  return rows.map(({ venue, symbol, interval_s, rollup_s }) => ({
    venue,
    symbol: symbol === EVERY ? null : symbol,
    intervalS: interval_s,
    rollupS: rollup_s,
  }));
}

/** Notes rollups whose bars that stand are being made just now, as far as they are wanted. */
export async function noteMade(db: Db, rollups: readonly Rollup[]): Promise<void> {
  await db.query(
    `INSERT INTO backhaul.rollup (venue, symbol, interval_s, rollup_s)
     SELECT DISTINCT venue, symbol, interval_s, rollup_s
     FROM unnest($1::text[], $2::text[], $3::int[], $4::int[]) AS w (venue, symbol, interval_s, rollup_s)
     ORDER BY 1, 2, 3, 4 ON CONFLICT DO NOTHING`,
    columnsOf(rollups),
  );
}

function columnsOf(rollups: readonly Rollup[]): [string[], string[], number[], number[]] {
  return [
    rollups.map(({ venue }) => venue),
    rollups.map(({ symbol }) => symbol ?? EVERY),
    rollups.map(({ intervalS }) => intervalS),
    rollups.map(({ rollupS }) => rollupS),
  ];
}

/** SQL: files of all symbols brought bars of series `s`'s venue and interval. */
const IS_SHARED = `EXISTS (SELECT FROM backhaul.task t WHERE t.lane = (s.venue || '/*/' || s.interval_s) COLLATE "C"
  AND t.lane_turn IS NOT NULL AND t.state = 'loaded')`;

/**
 * What was asked for once of a market is made of all its bars that fill it, whichever came first: notes those that have
 * come since. Bars that no file brought are none of them. `makes` tells which intervals fill which.
 */
export async function noteOtherBases(
  db: Db,
  makes: (intervalS: number, rollupS: number) => boolean,
): Promise<void> {
  const { rows } = await db.query<{ rollups: number[] | null; intervals: number[] | null }>(
    `SELECT (SELECT array_agg(DISTINCT rollup_s) FROM backhaul.rollup) AS rollups,
       (SELECT array_agg(DISTINCT interval_s) FROM backhaul.series WHERE EXISTS (SELECT FROM backhaul.rollup)) AS intervals`,
  );
  const { rollups, intervals } = rows[0]!;
  const pairs = (intervals ?? []).flatMap((intervalS) =>
    (rollups ?? []).filter((rollupS) => makes(intervalS, rollupS)).map((rollupS) => [intervalS, rollupS]),
  );
  if (pairs.length === 0) return;
  await db.query(
    `INSERT INTO backhaul.rollup (venue, symbol, interval_s, rollup_s, behind)
     SELECT DISTINCT s.venue, CASE WHEN w.symbol = '*' AND ${IS_SHARED} THEN '*' ELSE s.symbol END,
       s.interval_s, w.rollup_s, true
     FROM (SELECT DISTINCT venue, symbol, rollup_s FROM backhaul.rollup) w
     JOIN unnest($1::int[], $2::int[]) AS p (interval_s, rollup_s) USING (rollup_s)
     JOIN backhaul.series s ON s.venue = w.venue AND s.interval_s = p.interval_s AND w.symbol IN (s.symbol, '*')
     WHERE NOT EXISTS (SELECT FROM backhaul.rollup r WHERE r.venue = s.venue AND r.rollup_s = w.rollup_s
         AND r.symbol IN (s.symbol, '*') AND r.interval_s = s.interval_s)
       AND EXISTS (SELECT FROM backhaul.coverage c WHERE c.series_id = s.series_id)
     ORDER BY 1, 2, 3, 4 ON CONFLICT DO NOTHING`,
    [pairs.map(([intervalS]) => intervalS), pairs.map(([, rollupS]) => rollupS)],
  );
}

/** A rollup on record; `behind`: what stands of its bars is still to be made. */
export interface NotedRollup extends Rollup {
  readonly behind: boolean;
}

export async function notedRollups(db: Db): Promise<NotedRollup[]> {
  const { rows } = await db.query<NotedRollup>(
    `SELECT venue, nullif(symbol, '*') AS symbol, interval_s AS "intervalS", rollup_s AS "rollupS", behind
     FROM backhaul.rollup`,
  );
  return rows;
}

/** Whether what stands of some bars is still to be made. */
export async function isSomeBehind(db: Db): Promise<boolean> {
  const { rows } = await db.query<{ some: boolean }>(
    'SELECT EXISTS (SELECT FROM backhaul.rollup WHERE behind) AS some',
  );
  return rows[0]!.some;
}

/** What stood of these is made. */
export async function caughtUp(db: Db, rollups: readonly Rollup[]): Promise<void> {
  await db.query(
    `UPDATE backhaul.rollup r SET behind = false
     FROM unnest($1::text[], $2::text[], $3::int[], $4::int[]) AS w (venue, symbol, interval_s, rollup_s)
     WHERE r.venue = w.venue COLLATE "C" AND r.symbol = w.symbol COLLATE "C" AND r.interval_s = w.interval_s
       AND r.rollup_s = w.rollup_s`,
    columnsOf(rollups),
  );
}

/**
 * Nobody else writes these longer bars of a market, or of all symbols of a venue, before the transaction ends. To be
 * called when the task's turn in its lane has come, or two could wait for each other.
 */
export async function lockRollups(
  client: ClientBase,
  { venue, symbol }: Pick<FilesOf, 'venue' | 'symbol'>,
  intervals: readonly number[],
): Promise<void> {
  const sorted = [...intervals].sort((a, b) => a - b);
  const all = `hashtextextended('backhaul.rollup ' || $1 || '/*/' || r, 0)`;
  const own = `hashtextextended('backhaul.rollup ' || $1 || '/' || $2 || '/' || r, 0)`;
  await client.query(
    symbol === null
      ? `SELECT pg_advisory_xact_lock(${all}) FROM unnest($3::int[]) AS u (r) WHERE $2::text IS NULL`
      : `SELECT pg_advisory_xact_lock_shared(${all}), pg_advisory_xact_lock(${own})
         FROM unnest($3::int[]) AS u (r)`,
    [venue, symbol, sorted],
  );
}

/** The longer bars of a market are not made any more; those of a venue's shared files are, while some of them stand. */
export async function forgetRollup(
  client: ClientBase,
  {
    venue,
    symbol,
    intervalS,
  }: { readonly venue: string; readonly symbol: string; readonly intervalS: number },
): Promise<void> {
  // Asked apart: Citus sends a DELETE that also names `series`, which is on all nodes, to one of them.
  const { rows } = await client.query<{ stand: boolean }>(
    `SELECT EXISTS (SELECT FROM backhaul.derivation d JOIN backhaul.series s USING (series_id)
       WHERE s.venue = $1 COLLATE "C" AND s.interval_s = $2) AS stand`,
    [venue, intervalS],
  );
  await client.query(
    `DELETE FROM backhaul.rollup r WHERE r.venue = $1 COLLATE "C" AND r.rollup_s = $3
       AND (r.symbol = $2 COLLATE "C" OR (r.symbol = '*' AND NOT $4))`,
    [venue, symbol, intervalS, rows[0]!.stand],
  );
}

/** The series that make longer bars of these series, by what is on record for their markets. */
export async function basesOf(
  db: Db,
  seriesIds: readonly number[],
): Promise<
  { readonly seriesId: number; readonly bases: { readonly seriesId: number; readonly intervalS: number }[] }[]
> {
  const { rows } = await db.query<{ id: number; base: number; interval: number }>(
    `SELECT DISTINCT m.series_id AS id, b.series_id AS base, b.interval_s AS interval
     FROM backhaul.series m
     JOIN backhaul.rollup r ON r.venue = m.venue AND r.rollup_s = m.interval_s AND r.symbol IN (m.symbol, '*')
     JOIN backhaul.series b ON b.venue = m.venue AND b.symbol = m.symbol AND b.interval_s = r.interval_s
     WHERE m.series_id = ANY ($1)`,
    [seriesIds],
  );
  return [...Map.groupBy(rows, (row) => row.id)].map(([seriesId, some]) => ({
    seriesId,
    bases: some.map(({ base, interval }) => ({ seriesId: base, intervalS: interval })),
  }));
}

/** The series of longer bars that stand already, by the series of their markets that make them. */
export async function standingTargets(
  db: Db,
  seriesIds: readonly number[],
  rollupS: number,
): Promise<Map<number, number>> {
  const { rows } = await db.query<{ base: number; id: number }>(
    `SELECT b.series_id AS base, m.series_id AS id FROM backhaul.series b
     JOIN backhaul.series m ON m.venue = b.venue AND m.symbol = b.symbol AND m.interval_s = $2
     WHERE b.series_id = ANY ($1)`,
    [seriesIds, rollupS],
  );
  return new Map(rows.map(({ base, id }) => [base, id]));
}
