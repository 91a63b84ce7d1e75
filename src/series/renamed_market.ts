/**
 * Companies whose files bear the old name up to the day of a rename and the new one from it on: one series, under the
 * later name. What bears the old name from the day on is another company's, and so is what bears the new one before it.
 */

import type { Pool } from 'pg';
import type { Db } from '../database/connect.ts';
import { stampOf, usOf } from '../database/stamps.ts';
import { BackhaulError } from '../faults/fault.ts';
import { type Mended, mendMarket, type SplitMarket } from './market_of_two_series.ts';

/** Two series that a rename may make one; instants are µs since 1970. */
interface Pair {
  readonly venue: string;
  /** Since 1970-01-01. */
  readonly day: number;
  readonly intervalS: number;
  readonly otherId: number;
  readonly other: string;
  readonly keepId: number;
  readonly keep: string;
  /** Bars of the old name from here (null: from its first) up to the day are the company's. */
  readonly fromUs: number | null;
  readonly untilUs: number;
  /** So are those of the new name in this time (null: to its last). */
  readonly keepFromUs: number;
  readonly keepUntilUs: number | null;
  /** The first bar of the day of the rename. */
  readonly sinceUs: number;
  readonly eventIds: readonly number[];
  readonly isJoined: boolean;
}

/**
 * The series that renames on record make one, the latest rename first, an interval before the shorter ones that may make
 * it. Renamed again, a company is found under the first of its later names that has bars of its time.
 *
 * Left out where the new name has other bars from before the day: whose they are, nobody says. That is asked once: where a
 * rename was carried out, what comes later goes the same way.
 */
export async function renamedMarkets(db: Db): Promise<SplitMarket[]> {
  const { rowCount } = await db.query(
    `SELECT FROM pg_attribute WHERE attrelid = to_regclass('backhaul.event') AND attname = 'joined_at'`,
  );
  if (rowCount === 0) return [];
  const { rows: some } = await db.query(`SELECT FROM backhaul.event WHERE kind = 'rename' LIMIT 1`);
  if (some.length === 0) return [];
  const { rows } = await db.query<Pair>(
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
         (SELECT max(x.day) FROM rename x WHERE x.venue = r.venue AND x.symbol = r.symbol AND x.day < r.day),
         (SELECT max(x.day) FROM rename x
          WHERE x.venue = r.venue AND x.new_symbol = r.symbol AND x.day < r.day AND NOT x.is_joined)) AS from_day
       FROM rename r
       -- What stands before the day under a name that another company has taken over is that one's.
       WHERE NOT EXISTS (SELECT FROM rename x
         WHERE x.venue = r.venue AND x.new_symbol = r.symbol AND x.day >= r.day AND x.is_joined)),
     pair AS (
       SELECT n.venue, n.day, n.symbol AS other, n.name AS keep, n.steps, n.event_ids, n.is_joined, o.interval_s,
         o.series_id AS other_id, k.series_id AS keep_id, z.zone,
         backhaul.session_start(f.from_day, z.zone) AS from_ts,
         backhaul.session_start(n.day, z.zone) AS until_ts,
         backhaul.scale_start(n.since, z.zone, o.interval_s) AS keep_from,
         backhaul.session_start(n.until, z.zone) AS keep_until,
         backhaul.scale_start(n.day, z.zone, o.interval_s) AS since_bar
       FROM named n JOIN since f USING (venue, symbol, day)
       JOIN backhaul.series o ON o.venue = n.venue AND o.symbol = n.symbol
       JOIN backhaul.series k ON k.venue = n.venue AND k.symbol = n.name AND k.interval_s = o.interval_s
       CROSS JOIN LATERAL (SELECT backhaul.session_zone(k.series_id) AS zone) z)
     SELECT p.venue, p.day - date '1970-01-01' AS day, p.interval_s AS "intervalS", p.keep_id AS "keepId", p.keep,
       p.other_id AS "otherId", p.other, ${usOf('p.from_ts')} AS "fromUs", ${usOf('p.until_ts')} AS "untilUs",
       ${usOf('p.keep_from')} AS "keepFromUs", ${usOf('p.keep_until')} AS "keepUntilUs",
       ${usOf('p.since_bar')} AS "sinceUs", p.event_ids::int[] AS "eventIds", p.is_joined AS "isJoined"
     FROM pair p ORDER BY p.day DESC, p.venue, p.other, p.interval_s DESC, p.steps`,
  );
  const found = await firstsWithBars(db, rows);
  const anothers = new Set<string>();
  for (const pair of found) if (!pair.isJoined && (await isAnothers(db, pair))) anothers.add(namesOf(pair));
  return found
    .filter((pair) => !anothers.has(namesOf(pair)))
    .map(({ venue, intervalS, keepId, keep, otherId, other, fromUs, untilUs, eventIds }) => ({
      keep: { venue, symbol: keep, intervalS, seriesId: keepId },
      others: [{ venue, symbol: other, intervalS, seriesId: otherId }],
      fromUs,
      untilUs,
      eventIds,
    }));
}

function namesOf({ venue, other, keep }: Pair): string {
  return `${venue}\n${other}\n${keep}`;
}

/**
 * Of each rename and interval the first pair whose names both have bars in their times. Asked series by series, which a
 * cluster answers wherever they lie.
 */
async function firstsWithBars(db: Db, pairs: readonly Pair[]): Promise<Pair[]> {
  const firsts = new Map<string, Pair>();
  for (const pair of pairs) {
    const { venue, other, day, intervalS, otherId, keepId, fromUs, untilUs, keepFromUs, keepUntilUs } = pair;
    const key = `${venue}\n${other}\n${day}\n${intervalS}`;
    if (firsts.has(key)) continue;
    if ((await hasBars(db, otherId, fromUs, untilUs)) && (await hasBars(db, keepId, keepFromUs, keepUntilUs)))
      firsts.set(key, pair);
  }
  return [...firsts.values()];
}

async function hasBars(
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
async function isAnothers(db: Db, { keepId, otherId, sinceUs }: Pair): Promise<boolean> {
  if (!(await hasBars(db, keepId, null, sinceUs))) return false;
  const { rowCount } = await db.query(
    `WITH o AS MATERIALIZED (SELECT ts, close FROM backhaul.bars WHERE series_id = $1 AND ts < ${stampOf('$3')})
     SELECT FROM backhaul.bars b WHERE b.series_id = $2 AND b.ts < ${stampOf('$3')}
       AND NOT EXISTS (SELECT FROM o WHERE o.ts = b.ts AND o.close = b.close) LIMIT 1`,
    [otherId, keepId, sinceUs],
  );
  return rowCount !== 0;
}

/** Rounds of one name after another: each has one rename less of a chain to see to. */
const MOST_ROUNDS = 32;

/**
 * Makes one series of the names of each renamed company, a transaction each: what was interrupted is gone on with by the
 * next call. `onJoined` hears of each. Resolves to whether all is done: while a load is at work, the rest is left to the
 * end of that one.
 */
export async function joinRenamed(
  db: Pool,
  signal: AbortSignal,
  onJoined: (market: SplitMarket, mended: Mended) => void,
): Promise<boolean> {
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const markets = await renamedMarkets(db);
    if (markets.length === 0) return true;
    // A series that has changed is looked at again first: what was behind it may go further.
    const changed = new Set<number>();
    for (const market of markets) {
      if (signal.aborted) return false;
      const ids = [market.keep, ...market.others].map(({ seriesId }) => seriesId);
      if (ids.some((id) => changed.has(id))) continue;
      try {
        onJoined(market, await mendMarket(db, market));
      } catch (error) {
        if (error instanceof BackhaulError && error.fault.kind === 'database') return false;
        throw error;
      }
      for (const id of ids) changed.add(id);
    }
  }
  return false;
}
