/** Table `series_rule`: what layouts say of whole series, such as a calendar, spellings, prices of zero and below. */

import type { ClientBase } from 'pg';
import { aliasesBeside } from '../../base/spellings.ts';
import { arrayText } from '../../database/array_text.ts';
import type { Db } from '../../database/connect.ts';
import { sayToCoordinator } from '../schema/node_statements.ts';
import type { TaskPlan } from '../task_plan.ts';

/**
 * What a layout says of whole series, kept with them for checks and gaps to know when the layout is gone. In the
 * transaction of a task; nothing is written where it stands already.
 */
export async function rememberRules(
  client: ClientBase,
  seriesIds: Int32Array,
  plan: TaskPlan,
): Promise<void> {
  const { shape, calendar } = plan;
  const aliases = ownAliases(plan);
  if (shape.prices !== 'any' && calendar === undefined && aliases === null) return;
  await sayToCoordinator(
    client,
    `INSERT INTO backhaul.series_rule AS r (series_id, prices, calendar, aliases)
     SELECT unnest($1::int[]), $2, $3::jsonb, $4::jsonb
     ON CONFLICT (series_id) DO ${UPDATE}`,
    [
      [...seriesIds],
      shape.prices ?? 'positive',
      calendar === undefined ? null : JSON.stringify(calendar),
      aliases === null ? null : JSON.stringify(aliases),
    ],
  );
}

/** Whether an earlier file has said a calendar of any of these series. */
export async function haveCalendar(client: ClientBase, seriesIds: Int32Array): Promise<boolean> {
  const { rows } = await client.query<{ some: boolean }>(
    `SELECT EXISTS (SELECT FROM backhaul.series_rule
       WHERE series_id = ANY ($1) AND calendar IS NOT NULL) AS some`,
    [arrayText(seriesIds)],
  );
  return rows[0]!.some;
}

/** The spellings to remember; null: none that is not known without. */
function ownAliases({ aliases = [] }: TaskPlan): TaskPlan['aliases'] | null {
  const own = aliasesBeside(aliases);
  return own.length === 0 ? null : own;
}

/** A layout that says nothing leaves what an earlier one has said. */
const UPDATE = `UPDATE SET
    prices = CASE WHEN excluded.prices = 'any' THEN 'any' ELSE r.prices END,
    calendar = coalesce(excluded.calendar, r.calendar),
    aliases = CASE WHEN excluded.aliases IS NULL OR r.aliases @> excluded.aliases THEN r.aliases
      ELSE coalesce(r.aliases, '[]') || excluded.aliases END
  WHERE (excluded.prices = 'any' AND r.prices <> 'any')
    OR (excluded.calendar IS NOT NULL AND excluded.calendar IS DISTINCT FROM r.calendar)
    OR (excluded.aliases IS NOT NULL AND NOT coalesce(r.aliases, '[]') @> excluded.aliases)`;

/**
 * The same for the series of files that a listing has found and that may be loaded already: who writes a calendar or
 * aliases into a layout afterwards need not load anything again.
 */
export async function rememberPlannedRules(db: Db, plans: readonly TaskPlan[]): Promise<void> {
  const rules = new Map<string, unknown>();
  for (const plan of plans) {
    const { venue, symbol, intervalS, calendar } = plan;
    const aliases = ownAliases(plan);
    if (calendar === undefined && aliases === null) continue;
    const rule = { venue, symbol, interval_s: intervalS, calendar, aliases: aliases ?? undefined };
    rules.set(JSON.stringify([venue, symbol, intervalS]), rule);
  }
  if (rules.size === 0) return;
  await db.query(
    `INSERT INTO backhaul.series_rule AS r (series_id, calendar, aliases)
     SELECT DISTINCT ON (s.series_id) s.series_id, p.calendar, p.aliases
     FROM jsonb_to_recordset($1::jsonb)
       AS p (venue text, symbol text, interval_s int, calendar jsonb, aliases jsonb)
     JOIN backhaul.series s ON s.venue = p.venue COLLATE "C" AND s.interval_s = p.interval_s
       AND (p.symbol IS NULL OR s.symbol = p.symbol COLLATE "C")
     ORDER BY s.series_id, p.symbol NULLS LAST
     ON CONFLICT (series_id) DO ${UPDATE}`,
    [JSON.stringify([...rules.values()])],
  );
}
