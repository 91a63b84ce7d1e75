/** Runs that ended, as `runs`, `status` and notices look back at them. All from `backhaul.run` and its audit. */

import type { Db } from '../../database/connect.ts';

/** What a load keeps of itself in `run.audit`. Runs of earlier versions lack the later parts. */
export interface RunAudit {
  readonly tasks: { readonly loaded: number; readonly failed: number };
  readonly rows: { readonly loaded: number; readonly rejected: number; readonly duplicate: number };
  /** Bytes as they lie in the source, and inflated. */
  readonly bytes: number;
  readonly inflatedBytes: number;
  readonly seconds: number;
  readonly discoverSeconds: number;
  readonly finishSeconds: number;
  readonly peakWorkers: number;
  readonly decisions: readonly {
    readonly atSeconds: number;
    readonly workers: number;
    readonly reason: string;
  }[];
  readonly failures: readonly {
    readonly uri: string;
    readonly entry: string | null;
    readonly fault: { readonly message: string };
  }[];
  /** Seconds all workers together waited, by what for. */
  readonly waits?: { readonly source: number; readonly lane: number; readonly copy: number };
  /** The files that took longest, longest first. */
  readonly slowest?: readonly {
    readonly uri: string;
    readonly entry: string | null;
    readonly seconds: number;
    readonly rows: number;
  }[];
  /** Records read so far, at instants of the run. */
  readonly samples?: readonly {
    readonly atSeconds: number;
    readonly rowsRead: number;
    readonly workers: number;
  }[];
}

export interface PastRun {
  readonly runId: number;
  readonly command: string;
  readonly state: string;
  readonly startedAt: Date;
  readonly finishedAt: Date | null;
  /** Null while it runs, and where its program was lost. */
  readonly audit: RunAudit | null;
  readonly options: Readonly<Record<string, unknown>>;
}

const COLUMNS = `run_id AS "runId", command, state, started_at AS "startedAt", finished_at AS "finishedAt", audit, options`;

/** Runs that began within the last `days`, latest first, at most `limit`. */
export async function recentRuns(db: Db, days: number, limit: number): Promise<PastRun[]> {
  const { rows } = await db.query<PastRun>(
    `SELECT ${COLUMNS} FROM backhaul.run WHERE started_at > statement_timestamp() - $1 * interval '1 day'
     ORDER BY run_id DESC LIMIT $2`,
    [days, limit],
  );
  return rows;
}

/** One run; null where there is none of that number. */
export async function findRun(db: Db, runId: number): Promise<PastRun | null> {
  const { rows } = await db.query<PastRun>(`SELECT ${COLUMNS} FROM backhaul.run WHERE run_id = $1`, [runId]);
  return rows[0] ?? null;
}

/** The loads before `runId` that ended and loaded something, latest first. */
export async function loadsBefore(db: Db, runId: number, limit: number): Promise<PastRun[]> {
  const { rows } = await db.query<PastRun>(
    `SELECT ${COLUMNS} FROM backhaul.run
     WHERE run_id < $1 AND state = 'finished' AND (audit #>> '{rows,loaded}')::bigint > 0
       AND command = (SELECT command FROM backhaul.run WHERE run_id = $1)
     ORDER BY run_id DESC LIMIT $2`,
    [runId, limit],
  );
  return rows;
}

/** Runs of a command that ended, counted back from the latest, as long as each failed or had failed files. */
export async function failuresInARow(db: Db, command: string): Promise<number> {
  const { rows } = await db.query<{ failed: boolean }>(
    `SELECT state IN ('failed', 'lost') OR coalesce((audit #>> '{tasks,failed}')::bigint, 0) > 0 AS failed
     FROM backhaul.run WHERE command = $1 AND state NOT IN ('running', 'interrupted') ORDER BY run_id DESC LIMIT 100`,
    [command],
  );
  const first = rows.findIndex(({ failed }) => !failed);
  return first === -1 ? rows.length : first;
}

/** Forgets runs that ended more than `days` ago; their tasks stay. The number of them. */
export async function forgetRuns(db: Db, days: number): Promise<number> {
  const { rowCount } = await db.query(
    `DELETE FROM backhaul.run WHERE state <> 'running' AND started_at < statement_timestamp() - $1 * interval '1 day'`,
    [days],
  );
  return rowCount ?? 0;
}
