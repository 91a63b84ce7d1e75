/**
 * Tables `rollup`, `derivation` and `rollup_state`: which bars make longer ones, which stretches of a series were made so,
 * and what they are continued from. µs since 1970.
 */

import type { ClientBase } from 'pg';
import { merge, type Range } from '../../base/ranges.ts';
import { copyRows } from '../../copy/copy_writer.ts';
import { RowEncoder } from '../../copy/row_encoder.ts';
import { arrayText } from '../../database/array_text.ts';
import type { Db } from '../../database/connect.ts';
import { stampOf, usOf } from '../../database/stamps.ts';

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
 */
export async function noteRollups(db: Db, rollups: readonly Rollup[]): Promise<void> {
  if (rollups.length === 0) return;
  await db.query(
    `WITH durable AS MATERIALIZED (SELECT set_config('synchronous_commit', 'on', true)),
     wanted AS MATERIALIZED (
       SELECT venue, symbol, min(interval_s) AS interval_s, rollup_s
       FROM unnest($1::text[], $2::text[], $3::int[], $4::int[]) AS w (venue, symbol, interval_s, rollup_s)
       GROUP BY venue, symbol, rollup_s)
     INSERT INTO backhaul.rollup (venue, symbol, interval_s, rollup_s, behind)
     SELECT w.venue, w.symbol, w.interval_s, w.rollup_s, true FROM wanted w CROSS JOIN durable
     WHERE NOT EXISTS (SELECT FROM backhaul.rollup r WHERE r.venue = w.venue COLLATE "C" AND r.rollup_s = w.rollup_s
       AND r.symbol IN (w.symbol COLLATE "C", '*') AND r.interval_s < w.interval_s)
     ORDER BY 1, 2, 3, 4 ON CONFLICT DO NOTHING`,
    columnsOf(rollups),
  );
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

/** Files of a market, or of all of a venue's symbols. */
export interface FilesOf {
  readonly venue: string;
  readonly symbol: string | null;
  readonly intervalS: number;
}

/** What rollups mean for a task. */
export interface RollupRole {
  /** The longer bars its bars make, ascending, s. */
  readonly makes: readonly number[];
  /** Of a file of many symbols: what bars of some of them make besides, s. */
  readonly makesOfSome: readonly number[];
  /** Some of those have another origin too, the vendor's own files or other bars: they are settled bar by bar. */
  readonly isContested: boolean;
  /** Its own series is made of shorter bars as well. */
  readonly isMade: boolean;
  /** Rollups on record that this was read from: another number when it commits, and it is to be read again. */
  readonly onRecord: number;
}

/** Of a task without any. */
export const NO_ROLE: RollupRole = {
  makes: [],
  makesOfSome: [],
  isContested: false,
  isMade: false,
  onRecord: 0,
};

/** SQL: rollup `r` is of the files `a`, of a market or of all symbols. */
const OF_THE_FILES = `r.venue = a.venue COLLATE "C" AND (a.symbol IS NULL OR r.symbol IN (a.symbol COLLATE "C", '*'))`;

/** SQL: task `t` writes bars that `m` makes too. */
const IN_LANES = `t.family = m.venue || '/*/' || m.rollup_s
  AND (m.symbol IS NULL OR t.lane IN (m.venue || '/' || m.symbol || '/' || m.rollup_s, t.family))`;

const ROLES = `
WITH a AS MATERIALIZED (
  SELECT * FROM unnest($1::text[], $2::text[], $3::int[]) WITH ORDINALITY AS a (venue, symbol, interval_s, n)
  WHERE EXISTS (SELECT FROM backhaul.rollup)),
makes AS MATERIALIZED (
  SELECT a.n, a.venue, a.symbol, a.interval_s, r.rollup_s, bool_or(a.symbol IS NOT NULL OR r.symbol = '*') AS of_all
  FROM a JOIN backhaul.rollup r ON r.interval_s = a.interval_s AND ${OF_THE_FILES}
  GROUP BY a.n, a.venue, a.symbol, a.interval_s, r.rollup_s)
SELECT a.n::int - 1 AS n,
  (SELECT array_agg(m.rollup_s ORDER BY m.rollup_s) FROM makes m WHERE m.n = a.n AND m.of_all) AS makes,
  (SELECT array_agg(m.rollup_s ORDER BY m.rollup_s) FROM makes m WHERE m.n = a.n AND NOT m.of_all) AS some,
  coalesce((SELECT bool_or(
      EXISTS (SELECT FROM backhaul.rollup r WHERE r.rollup_s = m.rollup_s AND r.interval_s <> m.interval_s
                AND r.venue = m.venue COLLATE "C" AND (m.symbol IS NULL OR r.symbol IN (m.symbol COLLATE "C", '*')))
      OR EXISTS (SELECT FROM backhaul.task t WHERE t.state = 'pending' AND ${IN_LANES})
      OR EXISTS (SELECT FROM backhaul.task t WHERE t.owner IS NOT NULL AND ${IN_LANES})
      OR EXISTS (SELECT FROM backhaul.task t WHERE t.lane_turn IS NOT NULL AND t.state = 'loaded' AND ${IN_LANES}))
    FROM makes m WHERE m.n = a.n), false) AS contested,
  EXISTS (SELECT FROM backhaul.rollup r WHERE r.rollup_s = a.interval_s AND ${OF_THE_FILES}) AS made,
  (SELECT count(*)::int FROM backhaul.rollup r WHERE a.interval_s IN (r.interval_s, r.rollup_s) AND ${OF_THE_FILES}) AS known
FROM a`;

/** What rollups mean for the files, in their order. */
export async function rollupRoles(db: Db, files: readonly FilesOf[]): Promise<RollupRole[]> {
  if (files.length === 0) return [];
  const { rows } = await db.query<{
    n: number;
    makes: number[] | null;
    some: number[] | null;
    contested: boolean;
    made: boolean;
    known: number;
  }>({
    name: 'backhaul rollup roles',
    text: ROLES,
    values: [
      files.map(({ venue }) => venue),
      files.map(({ symbol }) => symbol),
      files.map(({ intervalS }) => intervalS),
    ],
  });
  const roles: RollupRole[] = files.map(() => NO_ROLE);
  for (const { n, makes, some, contested, made, known } of rows)
    roles[n] = {
      makes: makes ?? [],
      makesOfSome: some ?? [],
      isContested: contested || some !== null,
      isMade: made,
      onRecord: known,
    };
  return roles;
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

/** A stretch of a series whose bars were made of another's. */
export interface Derivation extends Range {
  readonly seriesId: number;
  readonly rollupS: number;
  readonly fromSeriesId: number;
  /** Of the other. */
  readonly fromIntervalS: number;
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

/** All such stretches of these series, or of what was made `from` them; of one length alone, or of all (null). */
export async function readDerivations(
  db: Db,
  seriesIds: readonly number[],
  which: 'of' | 'from' = 'of',
  rollupS: number | null = null,
): Promise<Derivation[]> {
  const { rows } = await db.query<
    Omit<Derivation, keyof Range> & { fromUs: number | null; toUs: number | null }
  >(
    `SELECT d.series_id AS "seriesId", d.from_series_id AS "fromSeriesId", s.interval_s AS "fromIntervalS",
       m.interval_s AS "rollupS",
       ${BOUNDS}
     FROM backhaul.derivation d JOIN backhaul.series s ON s.series_id = d.from_series_id
     JOIN backhaul.series m ON m.series_id = d.series_id
     WHERE (($2 AND d.series_id = ANY ($1)) OR (NOT $2 AND d.from_series_id = ANY ($1)))
       AND ($3::int IS NULL OR m.interval_s = $3)`,
    [arrayText(seriesIds), which === 'of', rollupS],
  );
  return rows.map(bounded);
}

/** SQL: the stretch of derivation `d`; NULL where it has no end. */
const BOUNDS = `CASE WHEN lower_inf(d.covered) THEN NULL ELSE ${usOf('lower(d.covered)')} END AS "fromUs",
       CASE WHEN upper_inf(d.covered) THEN NULL ELSE ${usOf('upper(d.covered)')} END AS "toUs"`;

function bounded<Row extends { readonly fromUs: number | null; readonly toUs: number | null }>(
  row: Row,
): Row & Range {
  const { fromUs, toUs } = row;
  return { ...row, fromUs: fromUs ?? Number.NEGATIVE_INFINITY, toUs: toUs ?? Number.POSITIVE_INFINITY };
}

/** Series of one interval that are, at least in part, made of bars of another. */
export interface DerivedSum {
  readonly intervalS: number;
  readonly fromIntervalS: number;
  readonly series: number;
  readonly stretches: number;
}

/** What is derived from what, over all series: a row a pair of intervals. */
export async function derivedSums(db: Db): Promise<DerivedSum[]> {
  const { rows } = await db.query<DerivedSum>(
    `SELECT m.interval_s AS "intervalS", s.interval_s AS "fromIntervalS",
       count(DISTINCT d.series_id)::int AS series, count(*)::int AS stretches
     FROM backhaul.derivation d JOIN backhaul.series s ON s.series_id = d.from_series_id
     JOIN backhaul.series m ON m.series_id = d.series_id
     GROUP BY m.interval_s, s.interval_s ORDER BY m.interval_s, s.interval_s`,
  );
  return rows;
}

/** Makes these the stretches of a series that were made of others. */
export async function replaceDerivations(
  client: ClientBase,
  seriesId: number,
  derivations: readonly Omit<Derivation, 'seriesId' | 'rollupS' | 'fromIntervalS'>[],
): Promise<void> {
  await client.query('DELETE FROM backhaul.derivation WHERE series_id = $1', [seriesId]);
  if (derivations.length === 0) return;
  const rows = new RowEncoder(3);
  for (const { fromSeriesId, fromUs, toUs } of derivations) {
    rows.row();
    rows.int4(seriesId);
    rows.int4(fromSeriesId);
    rows.tstzrange(fromUs, toUs);
  }
  await copyRows(client, 'backhaul.derivation', ['series_id', 'from_series_id', 'covered'], rows.bytes());
}

/** What a series goes on from. */
export interface RollupState {
  readonly seriesId: number;
  readonly fromSeriesId: number;
  /** The last of the shorter bars. */
  readonly atUs: number;
  /** Without a hole, the shorter bars are known between these. */
  readonly knownFromUs: number;
  readonly knownToUs: number;
  /** The beginning of the bucket that is open, and its bar so far; NaN: none is. */
  readonly ts: number;
  readonly open: number;
  readonly high: number;
  readonly low: number;
  readonly close: number;
  readonly volume: number;
  readonly trades: number;
}

const VALUES = ['open', 'high', 'low', 'close', 'volume'] as const;

/** Writes states by COPY. */
async function writeRollupStates(client: ClientBase, states: readonly RollupState[]): Promise<void> {
  if (states.length === 0) return;
  const orNull = (value: number): number | null => (Number.isNaN(value) ? null : value);
  const rows = new RowEncoder(12, 1 << 28, 140 * states.length);
  for (const state of states) {
    rows.row();
    rows.int4(state.seriesId);
    rows.timestamptz(state.atUs);
    rows.int4(state.fromSeriesId);
    rows.timestamptz(state.knownFromUs);
    rows.timestamptz(state.knownToUs);
    rows.timestamptz(orNull(state.ts));
    for (const name of VALUES) rows.float8(orNull(state[name]));
    rows.int8(orNull(state.trades));
  }
  const columns = ['series_id', 'at', 'from_series_id', 'known_from', 'known_to', 'ts', ...VALUES, 'trades'];
  await copyRows(client, 'backhaul.rollup_state', columns, rows.bytes());
}

/** The states of series, by id: of those that have one, as made of `fromSeriesIds`. */
async function readRollupStates(db: Db, seriesIds: readonly number[]): Promise<Map<number, RollupState>> {
  const { rows } = await db.query<Record<keyof RollupState, number | null>>(
    `SELECT w.id AS "seriesId", l.from_series_id AS "fromSeriesId", ${usOf('l.at')} AS "atUs",
       ${usOf('l.known_from')} AS "knownFromUs", ${usOf('l.known_to')} AS "knownToUs", ${usOf('l.ts')} AS ts,
       l.open, l.high, l.low, l.close, l.volume, l.trades
     FROM unnest($1::int[]) AS w (id) CROSS JOIN LATERAL (
       SELECT * FROM backhaul.rollup_state r WHERE r.series_id = w.id ORDER BY r.at DESC LIMIT 1) l`,
    [seriesIds],
  );
  const states = rows.map(
    (row) =>
      Object.fromEntries(
        Object.entries(row).map(([name, value]) => [name, value ?? Number.NaN]),
      ) as unknown as RollupState,
  );
  return new Map(states.map((state) => [state.seriesId, state]));
}

/** Makes these the states of their series, and of `gone` none. */
export async function replaceRollupStates(
  client: ClientBase,
  gone: readonly number[],
  states: readonly RollupState[],
): Promise<void> {
  await client.query('DELETE FROM backhaul.rollup_state WHERE series_id = ANY ($1)', [arrayText(gone)]);
  await writeRollupStates(client, states);
}

/** Whether any of these series goes on from elsewhere than was seen: behind another of the shorter bars, or of none (null). */
export async function haveMovedOn(
  db: Db,
  seen: readonly { readonly seriesId: number; readonly atUs: number | null }[],
): Promise<boolean> {
  const { rows } = await db.query<{ moved: boolean }>(
    `SELECT EXISTS (SELECT FROM unnest($1::int[], $2::bigint[]) AS w (id, us)
       LEFT JOIN LATERAL (SELECT r.at FROM backhaul.rollup_state r WHERE r.series_id = w.id
                          ORDER BY r.at DESC LIMIT 1) l ON true
       WHERE l.at IS DISTINCT FROM ${stampOf('w.us')}) AS moved`,
    [arrayText(seen.map(({ seriesId }) => seriesId)), arrayText(seen.map(({ atUs }) => atUs))],
  );
  return rows[0]!.moved;
}

/** Stretches that were made of one series each, beside those on record. False, and nothing is done, where others made some. */
export async function addDerivations(
  client: ClientBase,
  added: readonly (Range & { readonly seriesId: number; readonly fromSeriesId: number })[],
): Promise<boolean> {
  const madeOf = new Map(added.map(({ seriesId, fromSeriesId }) => [seriesId, fromSeriesId]));
  const ids = [...madeOf.keys()];
  const { rows: stretches } = await client.query<
    Pick<Derivation, 'seriesId' | 'fromSeriesId'> & { fromUs: number | null; toUs: number | null }
  >(
    `SELECT d.series_id AS "seriesId", d.from_series_id AS "fromSeriesId", ${BOUNDS}
     FROM backhaul.derivation d WHERE d.series_id = ANY ($1)`,
    [arrayText(ids)],
  );
  const before = stretches.map(bounded);
  if (before.some(({ seriesId, fromSeriesId }) => madeOf.get(seriesId) !== fromSeriesId)) return false;
  if (before.length > 0)
    await client.query('DELETE FROM backhaul.derivation WHERE series_id = ANY ($1)', [arrayText(ids)]);
  const rows = new RowEncoder(3, 1 << 28, 60 * (added.length + before.length));
  for (const [seriesId, ranges] of Map.groupBy([...before, ...added], (one) => one.seriesId))
    for (const { fromUs, toUs } of merge(ranges)) {
      rows.row();
      rows.int4(seriesId);
      rows.int4(madeOf.get(seriesId)!);
      rows.tstzrange(fromUs, toUs);
    }
  await copyRows(client, 'backhaul.derivation', ['series_id', 'from_series_id', 'covered'], rows.bytes());
  return true;
}

/** What is on record of the longer bars that series make, by the series they are made of. */
export async function readStatesMadeOf(
  db: Db,
  fromSeriesIds: readonly number[],
): Promise<Map<number, (RollupState & { readonly rollupS: number })[]>> {
  const made = new Map(
    (await readDerivations(db, fromSeriesIds, 'from')).map((one) => [
      `${one.fromSeriesId} ${one.seriesId}`,
      one,
    ]),
  );
  const states = await readRollupStates(db, [...new Set([...made.values()].map(({ seriesId }) => seriesId))]);
  const found = new Map<number, (RollupState & { readonly rollupS: number })[]>();
  for (const { fromSeriesId, seriesId, rollupS } of made.values()) {
    const state = states.get(seriesId);
    if (state?.fromSeriesId !== fromSeriesId) continue;
    const some = found.get(fromSeriesId) ?? [];
    some.push({ ...state, rollupS });
    found.set(fromSeriesId, some);
  }
  return found;
}
