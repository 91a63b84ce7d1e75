import type { ClientBase } from 'pg';
import type { Db } from '../database/connect.ts';
import type { TaskPlan } from './task_plan.ts';

/**
 * What a layout says of whole series, kept with them for checks and gaps to know when the layout is gone. In the
 * transaction of a task; nothing is written where it stands already.
 */
export async function rememberRules(
  client: ClientBase,
  seriesIds: Int32Array,
  { shape, calendar }: TaskPlan,
): Promise<void> {
  if (shape.prices !== 'any' && calendar === undefined) return;
  await client.query(
    `INSERT INTO backhaul.series_rule AS r (series_id, prices, calendar)
     SELECT unnest($1::int[]), $2, $3::jsonb
     ON CONFLICT (series_id) DO ${UPDATE}`,
    [[...seriesIds], shape.prices ?? 'positive', calendar === undefined ? null : JSON.stringify(calendar)],
  );
}

/** A layout that says nothing leaves what an earlier one has said. */
const UPDATE = `UPDATE SET
    prices = CASE WHEN excluded.prices = 'any' THEN 'any' ELSE r.prices END,
    calendar = coalesce(excluded.calendar, r.calendar)
  WHERE (excluded.prices = 'any' AND r.prices <> 'any')
    OR (excluded.calendar IS NOT NULL AND excluded.calendar IS DISTINCT FROM r.calendar)`;

/**
 * The same for the series of files that a listing has found and that may be loaded already: who writes a calendar into
 * a layout afterwards need not load anything again.
 */
export async function rememberPlannedRules(db: Db, plans: readonly TaskPlan[]): Promise<void> {
  const rules = new Map<string, unknown>();
  for (const { venue, symbol, intervalS, calendar } of plans) {
    if (calendar === undefined) continue;
    const rule = { venue, symbol, interval_s: intervalS, calendar };
    rules.set(JSON.stringify([venue, symbol, intervalS]), rule);
  }
  if (rules.size === 0) return;
  await db.query(
    `INSERT INTO backhaul.series_rule AS r (series_id, calendar)
     SELECT DISTINCT ON (s.series_id) s.series_id, p.calendar
     FROM jsonb_to_recordset($1::jsonb) AS p (venue text, symbol text, interval_s int, calendar jsonb)
     JOIN backhaul.series s ON s.venue = p.venue COLLATE "C" AND s.interval_s = p.interval_s
       AND (p.symbol IS NULL OR s.symbol = p.symbol COLLATE "C")
     ORDER BY s.series_id, p.symbol NULLS LAST
     ON CONFLICT (series_id) DO ${UPDATE}`,
    [JSON.stringify([...rules.values()])],
  );
}
