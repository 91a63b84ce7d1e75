/** The tasks of a market that files tell of under several names. */

import type { Db } from '../../database/connect.ts';
import { laneOf, type SeriesName } from '../series/series_name.ts';

/** Which of these names of one market most of its files bear; null: none does. */
export async function spellingOfFiles(db: Db, names: readonly SeriesName[]): Promise<string | null> {
  const { rows } = await db.query<{ symbol: string }>(
    `SELECT n.symbol FROM unnest($1::text[]) AS n (symbol)
     JOIN backhaul.task t ON t.lane = ANY ($2) AND strpos(coalesce(t.entry, t.uri), n.symbol) > 0
     GROUP BY n.symbol ORDER BY count(*) DESC, n.symbol DESC LIMIT 1`,
    [names.map(({ symbol }) => symbol), names.map(laneOf)],
  );
  return rows[0]?.symbol ?? null;
}

/** The tasks of `from` are those of `to` from now on, what they replace with them. */
export async function moveLane(db: Db, from: SeriesName, to: SeriesName): Promise<void> {
  await db.query(
    `UPDATE backhaul.task SET lane = $1, plan = jsonb_set(plan, '{symbol}', to_jsonb($2::text)),
       replaces = CASE WHEN replaces->'plan'->>'symbol' IS NULL THEN replaces ELSE
         jsonb_set(jsonb_set(replaces, '{plan,symbol}', to_jsonb($2::text)), '{lane}', to_jsonb($1::text)) END
     WHERE lane = $3 AND plan IS NOT NULL`,
    [laneOf(to), to.symbol, laneOf(from)],
  );
}
