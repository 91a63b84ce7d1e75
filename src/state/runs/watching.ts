/** The tables as somebody sees them who watches a run: pages of files, rejects with their records. Reads only. */

import type { Db } from '../../database/connect.ts';
import type { Fault } from '../../faults/fault.ts';
import type { TaskState } from '../machine.ts';

/** One file of a page. */
export interface WatchedFile {
  readonly taskId: number;
  readonly uri: string;
  readonly entry: string | null;
  readonly state: TaskState;
  readonly lane: string | null;
  readonly sizeBytes: number;
  readonly rowsLoaded: number | null;
  readonly rowsRejected: number | null;
  readonly attempt: number;
  readonly finishedAt: Date | null;
  readonly error: Fault | null;
}

/** Files behind `afterId`, in the order of their ids, at most `limit`: a page costs the same anywhere in a million. */
export async function filesAfter(
  db: Db,
  state: TaskState | null,
  part: string | null,
  afterId: number,
  limit: number,
): Promise<WatchedFile[]> {
  const { rows } = await db.query<WatchedFile>(
    `SELECT task_id AS "taskId", uri, entry, state, lane, size_bytes AS "sizeBytes", rows_loaded AS "rowsLoaded",
       rows_rejected AS "rowsRejected", attempt, finished_at AS "finishedAt", error
     FROM backhaul.task
     WHERE task_id > $1 AND ($2::text IS NULL OR state = $2)
       AND ($3::text IS NULL OR strpos(lower(uri || coalesce('/' || entry, '')), lower($3)) > 0)
     ORDER BY task_id LIMIT $4`,
    [afterId, state, part, limit],
  );
  return rows;
}

/** A record that was set aside. */
export interface WatchedReject {
  readonly uri: string;
  readonly entry: string | null;
  readonly line: number;
  readonly byteOffset: number;
  readonly reason: string;
  readonly field: string;
  readonly record: string;
}

/** Rejects of the latest tasks, at most `limit`. */
export async function latestRejects(db: Db, limit: number): Promise<WatchedReject[]> {
  const { rows } = await db.query<WatchedReject>(
    `SELECT t.uri, t.entry, r.line, r.byte_offset AS "byteOffset", r.reason, r.field, r.record
     FROM backhaul.reject r JOIN backhaul.task t USING (task_id) ORDER BY r.task_id DESC, r.line LIMIT $1`,
    [limit],
  );
  return rows;
}

/** What a run says of itself while it lasts. */
export interface LiveRun {
  readonly at: string;
  readonly progress: object | null;
  readonly audit: Readonly<Record<string, unknown>>;
  /** In cores: the machine's, the loader's, the server's; null where it is not known. */
  readonly cpu: {
    readonly cores: number;
    readonly busy: number | null;
    readonly own: number;
    readonly server: number | null;
    readonly memory: number;
  } | null;
}

/** Notes what a run says of itself now, for whoever watches from elsewhere. */
export async function noteLive(db: Db, runId: number, live: LiveRun): Promise<void> {
  await db.query(
    `UPDATE backhaul.run SET live = $2, seen_at = clock_timestamp() WHERE run_id = $1 AND state = 'running'`,
    [runId, JSON.stringify(live).replaceAll('\\u0000', '')],
  );
}

/** The latest run of a command that loads, with what it said last; null before the first. */
export async function watchedRun(db: Db): Promise<{
  readonly runId: number;
  readonly command: string;
  readonly state: string;
  readonly startedAt: Date;
  readonly finishedAt: Date | null;
  readonly sources: unknown;
  readonly live: LiveRun | null;
  readonly audit: Readonly<Record<string, unknown>> | null;
} | null> {
  const { rows } = await db.query(
    `SELECT run_id AS "runId", command, state, started_at AS "startedAt", finished_at AS "finishedAt",
       options->'sources' AS sources, live, audit
     FROM backhaul.run ORDER BY (state = 'running') DESC, run_id DESC LIMIT 1`,
  );
  return rows[0] ?? null;
}
