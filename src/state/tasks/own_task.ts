/** Tasks of fills from an API or from trades: made, at work and loaded in one transaction, never claimed. */

import { randomUUID } from 'node:crypto';
import type { ClientBase } from 'pg';
import { becomes, mayMove, noteEvent } from '../moves.ts';
import type { TaskPlan } from '../task_plan.ts';
import type { Attempt } from './attempt.ts';

/** A task that nobody claims: whoever plans it is at work on it already. */
export interface OwnTask {
  readonly uri: string;
  readonly etag: string;
  readonly sizeBytes: number;
  readonly layout: string;
  readonly lane: string;
  /** µs since 1970. */
  readonly sequence: number;
  readonly plan: TaskPlan;
}

/**
 * A task that is born running, in the transaction that will finish it: nobody else ever sees it unfinished. Its URI gets
 * a fragment of its own.
 */
export async function beginOwnTask(client: ClientBase, task: OwnTask): Promise<Attempt> {
  const owner = randomUUID();
  const { rows } = await client.query<{ task_id: number }>(
    `INSERT INTO backhaul.task (uri, etag, size_bytes, layout, lane, sequence, plan)
     VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING task_id`,
    [
      `${task.uri}#${owner}`,
      task.etag,
      task.sizeBytes,
      task.layout,
      task.lane,
      task.sequence,
      JSON.stringify(task.plan),
    ],
  );
  const taskId = rows[0]!.task_id;
  await client.query(
    `WITH moved AS (
       UPDATE backhaul.task SET ${becomes('claim')}, attempt = 1, owner = $2, claimed_at = statement_timestamp(),
         lease_until = statement_timestamp() + interval '1 minute'
       WHERE task_id = $1 AND ${mayMove('claim')} RETURNING task_id, attempt, owner),
     ${noteEvent('claim')}
     SELECT FROM moved`,
    [taskId, owner],
  );
  return { taskId, attempt: 1 };
}
