import type { ClientBase } from 'pg';
import type { TaskPlan } from './task_plan.ts';

/**
 * What a layout says of whole series, kept with them for checks and gaps to know when the layout is gone. In the
 * transaction of a task; nothing is written where it stands already.
 */
export async function rememberRules(
  client: ClientBase,
  seriesIds: Int32Array,
  { shape }: TaskPlan,
): Promise<void> {
  if (shape.prices !== 'any') return;
  await client.query(
    `INSERT INTO backhaul.series_rule AS r (series_id, prices) SELECT unnest($1::int[]), 'any'
     ON CONFLICT (series_id) DO UPDATE SET prices = 'any' WHERE r.prices <> 'any'`,
    [[...seriesIds]],
  );
}
