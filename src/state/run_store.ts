/**
 * One run of a command that loads. Its program holds an advisory lock as long as it lives, so that others see it die.
 * The lock is a shared one: nobody ever waits for it, not even for a session of our own that the server thinks alive.
 */

import type { ClientBase } from 'pg';
import type { Db } from '../database/connect.ts';
import { storableJson } from '../faults/text.ts';

/** First half of the advisory locks that live runs hold; the second is the run's id. "bckr". */
export const RUN_LOCK_SPACE = 0x62_63_6b_72;

export type RunState = 'running' | 'finished' | 'failed' | 'interrupted' | 'lost';

export interface RunStart {
  /** UUID, new for each program; the owner of all its claims. */
  readonly owner: string;
  readonly command: string;
  /** What it was asked for; no secrets. */
  readonly options: unknown;
}

/**
 * Notes a run and takes its lock on this session, which must stay open, and be used by nobody through a pool, until the
 * run is over: when it closes, tasks of this owner are free for all at once instead of after their lease.
 */
export async function startRun(client: ClientBase, { owner, command, options }: RunStart): Promise<number> {
  const { rows } = await client.query<{ run_id: number }>(
    `WITH made AS (
       INSERT INTO backhaul.run (owner, command, options) VALUES ($1, $2, $3) RETURNING run_id)
     SELECT run_id, pg_advisory_lock_shared(${RUN_LOCK_SPACE}, run_id::int) FROM made`,
    [owner, command, storableJson(options ?? {})],
  );
  return rows[0]!.run_id;
}

/** Takes the lock again on a new session, after the one before broke. */
export async function resumeRun(client: ClientBase, runId: number): Promise<void> {
  await client.query(`SELECT pg_advisory_lock_shared(${RUN_LOCK_SPACE}, $1::int)`, [runId]);
  await client.query(
    `UPDATE backhaul.run SET state = 'running', finished_at = NULL WHERE run_id = $1 AND state = 'lost'`,
    [runId],
  );
}

/** Notes how a run ended, with its JSON audit. False: it was closed already. */
export async function finishRun(
  db: Db,
  runId: number,
  state: Exclude<RunState, 'running' | 'lost'>,
  audit: unknown,
): Promise<boolean> {
  const { rowCount } = await db.query(
    `UPDATE backhaul.run SET state = $2, finished_at = clock_timestamp(), audit = $3
     WHERE run_id = $1 AND state IN ('running', 'lost')`,
    [runId, state, storableJson(audit ?? null)],
  );
  return rowCount === 1;
}

/** What loads were asked for, latest first; of type `LoadOptions` as far as their version knew it. */
export async function pastLoads(db: Db, most: number): Promise<Record<string, unknown>[]> {
  const { rows } = await db.query<{ options: Record<string, unknown> }>(
    `SELECT options FROM backhaul.run WHERE command = 'load' ORDER BY run_id DESC LIMIT $1`,
    [most],
  );
  return rows.map(({ options }) => options);
}
