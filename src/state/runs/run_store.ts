/**
 * One run of a command that loads. Its program holds an advisory lock as long as it lives, so that others see it die.
 * The lock is a shared one: nobody ever waits for it, not even for a session of our own that the server thinks alive.
 */

import type { ClientBase } from 'pg';
import { type Db, inTransaction } from '../../database/connect.ts';
import { storableJson } from '../../faults/safe_text.ts';

/** First half of the advisory locks that live runs hold; the second is the run's id. "bckr". */
export const RUN_LOCK_SPACE = 0x62_63_6b_72;

export type RunState = 'running' | 'finished' | 'failed' | 'interrupted' | 'lost';

export interface RunStart {
  /** UUID, new for each program; the owner of all its claims. */
  readonly owner: string;
  readonly command: string;
  /** What it was asked for; no secrets. */
  readonly options: unknown;
  readonly host?: string;
  /** What it is to bring: a live run that is to bring the same is joined. Null: it goes alone. */
  readonly work?: string | null;
}

/** SQL: the program of run `alias` holds its lock, and has said something within so many ms (a parameter's name). */
export function isAlive(alias: 'r' | 'l', ms: '$3' | '$6'): string {
  return `${alias}.state = 'running' AND ${alias}.seen_at > statement_timestamp() - ${ms} * interval '1 ms' AND EXISTS (
    SELECT FROM pg_locks k WHERE k.locktype = 'advisory' AND k.granted AND k.objsubid = 2
      AND k.database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND k.classid = ${RUN_LOCK_SPACE} AND k.objid = ${alias}.run_id)`;
}

/** Of two that begin at once one joins the other. */
const JOIN_LOCK = `pg_advisory_xact_lock(hashtextextended('backhaul.run.join', 0))`;
/** One that has said nothing for longer is not joined, ms. */
const JOINED_WITHIN_MS = 30_000;

/**
 * Notes a run and takes its lock on this session, which must stay open, and be used by nobody through a pool, until the
 * run is over: when it closes, tasks of this owner are free for all at once instead of after their lease.
 */
export async function startRun(
  client: ClientBase,
  { owner, command, options, host = '', work = null }: RunStart,
): Promise<number> {
  return inTransaction(client, async () => {
    if (work !== null) await client.query(`SELECT ${JOIN_LOCK}`);
    const { rows } = await client.query<{ run_id: number }>(
      `INSERT INTO backhaul.run (owner, command, options, host, work, joined)
       VALUES ($1, $2, $3, nullif($4, ''), $5, (
         SELECT coalesce(r.joined, r.run_id) FROM backhaul.run r
         WHERE r.work = $5 AND r.done_at IS NULL AND ${isAlive('r', '$6')} ORDER BY r.run_id LIMIT 1))
       RETURNING run_id`,
      [owner, command, storableJson(options ?? {}), host, work, JOINED_WITHIN_MS],
    );
    // A lock of the session: it outlasts the transaction.
    const runId = rows[0]!.run_id;
    await client.query(`SELECT pg_advisory_lock_shared(${RUN_LOCK_SPACE}, $1::int)`, [runId]);
    return runId;
  });
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
