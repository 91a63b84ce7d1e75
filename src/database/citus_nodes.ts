/**
 * What a Citus coordinator says when one of its nodes is gone, by the routines of Citus that say it: most of them use no
 * SQLSTATE that tells, and a text is nothing to go by. Tried with Citus 13.0.
 */

import type pg from 'pg';
import { pause } from '../base/pause.ts';

/** An error, or a notice, as the protocol brings it. */
export interface Told {
  readonly routine?: string | undefined;
  readonly code?: string | undefined;
}

/** By the code each comes with: an internal error, or one of input and output. */
const NODE_LOST: ReadonlyMap<string, string> = new Map([
  ['MarkRemoteTransactionFailed', 'XX000'],
  ['CheckRemoteTransactionsHealth', 'XX000'],
  ['InitializeCopyShardState', 'XX000'],
  // An answer without a code of its own is no node's: it is that of a connection that broke.
  ['ReportResultError', 'XX000'],
  ['SendCopyDataToPlacement', '58030'],
  ['EndRemoteCopy', '58030'],
  ['ReportCopyError', '58030'],
]);

/**
 * The SQLSTATE of an error as a server without nodes would tell it. 08006 where the coordinator's connection to a node has
 * broken. What a node says to rows that are copied to it comes without its code: most of it is a key that is there
 * already, 23505, and whoever takes it for that and merges is told by other statements if it is not.
 */
export function codeOf({ routine = '', code }: Told): string | undefined {
  if (routine === 'ReportCopyError' && code === 'XX000') return '23505';
  return code !== undefined && NODE_LOST.get(routine) === code ? '08006' : code;
}

/**
 * A transaction has been committed, and a node that has prepared its part did not hear of it: what lies there is neither
 * there nor gone until somebody tells it. A warning; COMMIT itself succeeds.
 */
export function isHalfCommitted({ routine }: Told): boolean {
  return routine === 'FinishRemoteTransactionCommit';
}

/** Between two tries, and after how long it is given up: Citus itself tries every minute. */
const AGAIN_MS = 250;
const MOST_MS = 150_000;
/** SQLSTATE of what a role has no right to. */
const FORBIDDEN = '42501';

/**
 * Resolves once every node has committed what this coordinator had committed by now. Without the right to see to it, it
 * waits for Citus to do so. Faults 08006 when a node stays away.
 */
export async function commitEverywhere(client: pg.ClientBase): Promise<void> {
  const { rows } = await client.query<{ gids: string[] }>(
    `SELECT coalesce(array_agg(gid), '{}') AS gids FROM pg_catalog.pg_dist_transaction`,
  );
  for (const limit = performance.now() + MOST_MS; performance.now() < limit; await pause(AGAIN_MS)) {
    await recoverPrepared(client);
    const left = await client.query(
      'SELECT FROM pg_catalog.pg_dist_transaction WHERE gid = ANY ($1::text[]) LIMIT 1',
      [rows[0]!.gids],
    );
    if (left.rowCount === 0) return;
  }
  const message = 'A node of the cluster is away and has not yet committed what the others have.';
  throw Object.assign(new Error(message), { code: '08006' });
}

/** Has the nodes end what a coordinator that crashed, or could not reach them, has left; where that is allowed. */
export async function recoverPrepared(db: pg.ClientBase | pg.Pool): Promise<void> {
  try {
    await db.query('SELECT recover_prepared_transactions()');
  } catch (error) {
    if ((error as { code?: string }).code !== FORBIDDEN) throw error;
  }
}
