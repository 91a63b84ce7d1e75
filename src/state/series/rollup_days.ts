/** Days, weeks and months that are made of files: all of them begin where the days of one zone do. */

import type { ClientBase } from 'pg';
import { BackhaulError } from '../../faults/fault.ts';
import type { RollupRole } from './rollup_roles.ts';

const DAY_S = 86_400;

/** A file, as far as its days go. */
interface FileOfDays {
  readonly taskId: number;
  readonly plan: {
    readonly venue: string;
    readonly symbol: string | null;
    readonly intervalS: number;
    readonly sessionZone: string;
  };
  readonly rollups: RollupRole;
}

/**
 * Refuses a file that tells its days otherwise than the file of its lane that was loaded last, where days or longer bars
 * are made of both: two kinds of days would lie over each other in one series.
 * @throws BackhaulError `unsupported`
 */
export async function refuseOtherDays(client: ClientBase, file: FileOfDays): Promise<void> {
  const { taskId, plan, rollups } = file;
  if (![...rollups.makes, ...rollups.makesOfSome].some((rollupS) => rollupS >= DAY_S)) return;
  const { rows } = await client.query<{ uri: string; entry: string; zone: string | null }>(
    `SELECT uri, coalesce(entry, '') AS entry, plan->>'sessionZone' AS zone FROM backhaul.task
     WHERE lane = (SELECT lane FROM backhaul.task WHERE task_id = $1)
       AND lane_turn IS NOT NULL AND state = 'loaded' ORDER BY lane_turn DESC LIMIT 1`,
    [taskId],
  );
  const last = rows[0];
  if (last === undefined || last.zone === null || last.zone === plan.sessionZone) return;
  const whose = plan.symbol === null ? plan.venue : `${plan.venue} ${plan.symbol}`;
  throw new BackhaulError({
    kind: 'unsupported',
    message: `days of ${whose} are made of its bars, and would begin elsewhere by this file`,
    expected: `days of ${last.zone}, as in ${last.uri}${last.entry === '' ? '' : ` ${last.entry}`}`,
    found: `days of ${plan.sessionZone}`,
    hint: `the layout's key session tells whose days they are; or take out the days, weeks and months that stand (backhaul unload --symbols … --intervals 1d,1w,1mo), load, and make them anew with backhaul rollup`,
  });
}
