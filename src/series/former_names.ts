/** Under which names the companies of series were traded before, and when, by the renames on record. */

import type { Range } from '../base/ranges.ts';
import type { Db } from '../database/connect.ts';
import { stampOf, usOf } from '../database/stamps.ts';
import { readEnds } from './series.ts';

/** A name that a series' company had before, by a rename on record or several; instants are µs since 1970. */
export interface Rename {
  readonly venue: string;
  /** Since 1970-01-01. */
  readonly day: number;
  readonly intervalS: number;
  /** Null: nothing stands under the old name. */
  readonly otherId: number | null;
  readonly other: string;
  readonly keepId: number;
  readonly keep: string;
  /** Bars of the old name from here (null: from its first) up to the day are the company's. */
  readonly fromUs: number | null;
  readonly untilUs: number;
  /** So are those of the new name in this time (null: to its last). */
  readonly keepFromUs: number;
  readonly keepUntilUs: number | null;
  /** When another company on record gave the new name up, before this one took it; null: none had it. */
  readonly leftUs: number | null;
  /** The first bar of the day of the rename. */
  readonly sinceUs: number;
  readonly eventIds: readonly number[];
  readonly isJoined: boolean;
}

/**
 * The renames that end at a series, or at one of those given, the latest first, an interval before the shorter ones that
 * may make it.
 */
export async function readRenames(db: Db, seriesIds: readonly number[] | null = null): Promise<Rename[]> {
  const { rowCount } = await db.query(
    `SELECT FROM pg_attribute WHERE attrelid = to_regclass('backhaul.event') AND attname = 'joined_at'`,
  );
  if (rowCount === 0) return [];
  const { rows: some } = await db.query(`SELECT FROM backhaul.event WHERE kind = 'rename' LIMIT 1`);
  if (some.length === 0) return [];
  const { rows } = await db.query<Rename>(
    `WITH RECURSIVE rename AS MATERIALIZED (
       SELECT e.event_id, e.venue, e.symbol, e.new_symbol, e.day, e.joined_at IS NOT NULL AS is_joined,
         (SELECT min(x.day) FROM backhaul.event x
          WHERE x.venue = e.venue AND x.symbol = e.new_symbol AND x.kind = 'rename' AND x.day > e.day) AS next_day
       FROM backhaul.event e WHERE e.kind = 'rename'),
     named AS (
       SELECT r.venue, r.symbol, r.day, r.new_symbol AS name, r.day AS since, r.next_day AS until, 1 AS steps,
         ARRAY[r.event_id] AS event_ids, r.is_joined
       FROM rename r
       UNION ALL
       SELECT n.venue, n.symbol, n.day, r.new_symbol, r.day, r.next_day, n.steps + 1, n.event_ids || r.event_id,
         n.is_joined AND r.is_joined
       FROM named n JOIN rename r ON r.venue = n.venue AND r.symbol = n.name AND r.day = n.until
       WHERE n.steps < 32),
     -- Where the bars of the company under the old name begin: who bore it before is another.
     since AS (
       SELECT r.venue, r.symbol, r.day, greatest(
         (SELECT max(x.day) FROM backhaul.event x
          WHERE x.venue = r.venue AND x.symbol = r.symbol AND x.kind = 'rename' AND x.day < r.day),
         (SELECT max(x.day) FROM backhaul.event x
          WHERE x.venue = r.venue AND x.new_symbol = r.symbol AND x.kind = 'rename' AND x.day < r.day
            AND x.joined_at IS NULL)) AS from_day
       FROM rename r
       -- What stands before the day under a name that another company has taken over is that one's.
       WHERE NOT EXISTS (SELECT FROM backhaul.event x
         WHERE x.venue = r.venue AND x.new_symbol = r.symbol AND x.kind = 'rename' AND x.day >= r.day
           AND x.joined_at IS NOT NULL)),
     took AS (
       SELECT n.*, (SELECT max(x.day) FROM backhaul.event x
         WHERE x.venue = n.venue AND x.symbol = n.name AND x.kind = 'rename' AND x.day <= n.since) AS left_day
       FROM named n),
     pair AS (
       SELECT n.venue, n.day, n.symbol AS other, n.name AS keep, n.steps, n.event_ids, n.is_joined, k.interval_s,
         o.series_id AS other_id, k.series_id AS keep_id, z.zone,
         backhaul.session_start(f.from_day, z.zone) AS from_ts,
         backhaul.session_start(n.day, z.zone) AS until_ts,
         backhaul.scale_start(n.since, z.zone, k.interval_s) AS keep_from,
         backhaul.session_start(n.until, z.zone) AS keep_until,
         backhaul.session_start(n.left_day, z.zone) AS left_ts,
         backhaul.scale_start(n.day, z.zone, k.interval_s) AS since_bar
       FROM took n JOIN since f USING (venue, symbol, day)
       JOIN backhaul.series k ON k.venue = n.venue AND k.symbol = n.name
         AND ($1::int[] IS NULL OR k.series_id = ANY ($1))
       LEFT JOIN backhaul.series o ON o.venue = n.venue AND o.symbol = n.symbol AND o.interval_s = k.interval_s
       CROSS JOIN LATERAL (SELECT backhaul.session_zone(k.series_id) AS zone) z)
     SELECT p.venue, p.day - date '1970-01-01' AS day, p.interval_s AS "intervalS", p.keep_id AS "keepId", p.keep,
       p.other_id AS "otherId", p.other, ${usOf('p.from_ts')} AS "fromUs", ${usOf('p.until_ts')} AS "untilUs",
       ${usOf('p.keep_from')} AS "keepFromUs", ${usOf('p.keep_until')} AS "keepUntilUs",
       ${usOf('p.left_ts')} AS "leftUs",
       ${usOf('p.since_bar')} AS "sinceUs", p.event_ids::int[] AS "eventIds", p.is_joined AS "isJoined"
     FROM pair p ORDER BY p.day DESC, p.venue, p.other, p.interval_s DESC, p.steps`,
    [seriesIds],
  );
  return rows;
}

export async function hasBars(
  db: Db,
  seriesId: number,
  fromUs: number | null,
  untilUs: number | null,
): Promise<boolean> {
  const { rowCount } = await db.query(
    `SELECT FROM backhaul.bars WHERE series_id = $1 AND ($2::bigint IS NULL OR ts >= ${stampOf('$2')})
       AND ($3::bigint IS NULL OR ts < ${stampOf('$3')}) LIMIT 1`,
    [seriesId, fromUs, untilUs],
  );
  return rowCount !== 0;
}

/** Whether the new name has bars from before the day that the old one has not. */
export async function isAnothers(db: Db, { keepId, otherId, sinceUs }: Rename): Promise<boolean> {
  if (!(await hasBars(db, keepId, null, sinceUs))) return false;
  const { rowCount } = await db.query(
    `WITH o AS MATERIALIZED (SELECT ts, close FROM backhaul.bars WHERE series_id = $1 AND ts < ${stampOf('$3')})
     SELECT FROM backhaul.bars b WHERE b.series_id = $2 AND b.ts < ${stampOf('$3')}
       AND NOT EXISTS (SELECT FROM o WHERE o.ts = b.ts AND o.close = b.close) LIMIT 1`,
    [otherId, keepId, sinceUs],
  );
  return rowCount !== 0;
}

/** A name that bars of a series had in a range of time. */
export interface FormerName extends Range {
  readonly symbol: string;
  /** Bars of that name and time are put under the series' own already; else the end of a load will. */
  readonly isJoined: boolean;
}

/** Under which names the company of a series was traded. */
export interface CompanyNames {
  readonly former: readonly FormerName[];
  /** Before this the series' own name was another company's on record; -Infinity: not that anybody knows. */
  readonly ownFromUs: number;
}

/**
 * The names that the companies of these series had before, of those of which the renames on record make one series with
 * what stands. A series without any is absent. Null: of all series.
 */
export async function readFormerNames(
  db: Db,
  seriesIds: readonly number[] | null,
): Promise<ReadonlyMap<number, CompanyNames>> {
  const names = new Map<number, CompanyNames>();
  const renames = await readRenames(db, seriesIds);
  if (renames.length === 0) return names;
  const ends = await readEnds(db, [...new Set(renames.map(({ keepId }) => keepId))]);
  for (const rename of renames) {
    const { keepId, other, fromUs, untilUs, leftUs, isJoined } = rename;
    const end = ends.get(keepId);
    if (end === undefined || !(await hasBarsOfItsTime(db, rename, end))) continue;
    const mayBeAnothers = !isJoined && end.first < rename.sinceUs;
    if (mayBeAnothers && (rename.otherId === null || (await isAnothers(db, rename)))) continue;
    const known = names.get(keepId);
    const one = { symbol: other, fromUs: fromUs ?? Number.NEGATIVE_INFINITY, toUs: untilUs, isJoined };
    names.set(keepId, {
      former: [...(known?.former ?? []), one],
      ownFromUs: Math.max(known?.ownFromUs ?? Number.NEGATIVE_INFINITY, leftUs ?? Number.NEGATIVE_INFINITY),
    });
  }
  return names;
}

/** Whether the new name has bars of the company: by the ends of its series where that tells. */
async function hasBarsOfItsTime(
  db: Db,
  { keepId, keepFromUs, keepUntilUs }: Rename,
  { first, last }: { readonly first: number; readonly last: number },
): Promise<boolean> {
  if (last < keepFromUs) return false;
  if (keepUntilUs === null) return true;
  return first < keepUntilUs && hasBars(db, keepId, keepFromUs, keepUntilUs);
}
