import type { ClientBase } from 'pg';

/** Gaps that were filled by what a task vouches for are open again; the next look at them says which state is right. */
export async function reopenGaps(client: ClientBase, taskId: number): Promise<void> {
  await client.query(
    `UPDATE backhaul.gap SET state = CASE WHEN overflow <= 0 THEN 'detected' ELSE 'unfillable' END, filled_at = NULL, changed_at = clock_timestamp()
     WHERE gap_id IN (
       SELECT DISTINCT ON (g.series_id, g.start_ts) g.gap_id
       FROM backhaul.gap g JOIN backhaul.coverage c USING (series_id)
       WHERE c.task_id = $1 AND g.state = 'filled' AND c.covered && tstzrange(g.start_ts, g.end_ts)
         AND NOT EXISTS (SELECT FROM backhaul.gap o WHERE o.series_id = g.series_id AND o.start_ts = g.start_ts
                         AND o.state <> 'filled')
       ORDER BY g.series_id, g.start_ts, g.gap_id DESC)`,
    [taskId],
  );
}
