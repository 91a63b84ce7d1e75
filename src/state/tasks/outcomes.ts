import type { ClientBase } from 'pg';

/** What a loaded task has left beside the bars, taken back when it is loaded again. */
export async function dropOutcomes(client: ClientBase, taskId: number): Promise<void> {
  await client.query('DELETE FROM backhaul.coverage WHERE task_id = $1', [taskId]);
  await client.query('DELETE FROM backhaul.reject WHERE task_id = $1', [taskId]);
  await client.query('DELETE FROM backhaul.conflict WHERE task_id = $1', [taskId]);
}
