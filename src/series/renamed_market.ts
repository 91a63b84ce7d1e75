/**
 * Companies whose files bear the old name up to the day of a rename and the new one from it on: one series, under the
 * later name. What bears the old name from the day on is another company's, and so is what bears the new one before it.
 */

import type { Pool } from 'pg';
import type { Db } from '../database/connect.ts';
import { usOf } from '../database/stamps.ts';
import { BackhaulError } from '../faults/fault.ts';
import { type Mended, mendMarket, type SplitMarket } from './market_of_two_series.ts';

interface Renamed {
  readonly venue: string;
  readonly intervalS: number;
  readonly keepId: number;
  readonly keep: string;
  readonly otherId: number;
  readonly other: string;
  readonly fromUs: number | null;
  readonly untilUs: number;
  readonly eventIds: readonly number[];
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
  const { rows } = await db.query<Renamed>(
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
         coalesce(backhaul.session_start(n.until, z.zone), 'infinity') AS keep_until,
         backhaul.scale_start(n.day, z.zone, o.interval_s) AS since_bar
       FROM named n JOIN since f USING (venue, symbol, day)
       JOIN backhaul.series o ON o.venue = n.venue AND o.symbol = n.symbol
       JOIN backhaul.series k ON k.venue = n.venue AND k.symbol = n.name AND k.interval_s = o.interval_s
       CROSS JOIN LATERAL (SELECT backhaul.session_zone(k.series_id) AS zone) z),
     first AS MATERIALIZED (
       SELECT DISTINCT ON (p.venue, p.other, p.day, p.interval_s) p.* FROM pair p
       WHERE EXISTS (SELECT FROM backhaul.bars b WHERE b.series_id = p.other_id AND b.ts < p.until_ts
           AND b.ts >= coalesce(p.from_ts, '-infinity'))
         AND EXISTS (SELECT FROM backhaul.bars b WHERE b.series_id = p.keep_id AND b.ts >= p.keep_from
           AND b.ts < p.keep_until)
       ORDER BY p.venue, p.other, p.day, p.interval_s, p.steps),
     anothers AS (
       SELECT p.venue, p.other, p.keep FROM first p
       WHERE NOT p.is_joined AND EXISTS (
         SELECT FROM backhaul.bars b WHERE b.series_id = p.keep_id AND b.ts < p.since_bar
           AND NOT EXISTS (SELECT FROM backhaul.bars o
             WHERE o.series_id = p.other_id AND o.ts = b.ts AND o.close = b.close)))
     SELECT p.venue, p.interval_s AS "intervalS", p.keep_id AS "keepId", p.keep, p.other_id AS "otherId", p.other,
       ${usOf('p.from_ts')} AS "fromUs", ${usOf('p.until_ts')} AS "untilUs", p.event_ids::int[] AS "eventIds"
     FROM first p
     WHERE (p.venue, p.other, p.keep) NOT IN (SELECT venue, other, keep FROM anothers)
     ORDER BY p.day DESC, p.venue, p.other, p.interval_s DESC`,
  );
  return rows.map(({ venue, intervalS, keepId, keep, otherId, other, fromUs, untilUs, eventIds }) => ({
    keep: { venue, symbol: keep, intervalS, seriesId: keepId },
    others: [{ venue, symbol: other, intervalS, seriesId: otherId }],
    fromUs,
    untilUs,
    eventIds,
  }));
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
