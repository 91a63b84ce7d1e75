/** An attempt at a task, and how its session is known to the server. */

/** An attempt, as its writes name it. */
export interface Attempt {
  readonly taskId: number;
  readonly attempt: number;
}

/** Name that the session of an attempt carries in `pg_stat_activity`. */
export function sessionName({ taskId, attempt }: Attempt): string {
  return `backhaul ${taskId}/${attempt}`;
}
