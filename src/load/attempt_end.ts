/** What becomes of a task whose attempt has not loaded it. Pure, but for chance in the length of a pause. */

import { counted } from '../base/quantities.ts';
import { BackhaulError, type Fault } from '../faults/fault.ts';

/** Attempts at a task whose failures may pass, and the pause after the first; it doubles with each. */
const MAX_ATTEMPTS = 5;
const RETRY_DELAY_MS = 1_000;
/** While the run's session lives, a connection that breaks is mostly one to a node behind it: that may restart for a minute. */
const MAX_UNREACHED = 10;
const LONGEST_DELAY_MS = 10_000;

/**
 * `merge`: claimed again, it goes the way of the merge. `release`: back to pending, it has done nothing wrong. `stop`:
 * likewise, and the run ends, for the next file would fare no better. `lost`: somebody else has it. `retry`: back to
 * pending after a while. `fail`: it has failed.
 */
export type AttemptEnd =
  | { readonly kind: 'merge' | 'release' | 'lost' | 'fail' }
  | { readonly kind: 'stop'; readonly error: BackhaulError }
  | { readonly kind: 'retry'; readonly delayMs: number };

/** `failures`: those of the task before this one. `isMerging`: this attempt went the way of the merge. */
export function endOf(
  fault: Fault,
  {
    retry,
    failures,
    isMerging,
  }: { readonly retry: boolean; readonly failures: number; readonly isMerging: boolean },
): AttemptEnd {
  // A file of another lane, here or in another loader, has brought bars of the same series meanwhile.
  if (isTaken(fault) && !isMerging) return { kind: 'merge' };
  if (fault.kind === 'lost-lease') return { kind: 'lost' };
  if (isServersOwn(fault))
    return { kind: 'stop', error: new BackhaulError({ ...fault, hint: hintFor(fault) }) };
  // A token that has expired is no fault of the file: the same command goes on with new ones.
  if (fault.kind === 'credentials') return { kind: 'stop', error: new BackhaulError(fault) };
  if (fault.kind === 'predecessor' || fault.kind === 'interrupted') return { kind: 'release' };
  const most = fault.kind === 'database-connect' ? MAX_UNREACHED : MAX_ATTEMPTS;
  if ((retry || isTaken(fault)) && failures + 1 < most) {
    const delayMs = Math.min(RETRY_DELAY_MS * 2 ** failures, LONGEST_DELAY_MS) * (0.5 + Math.random());
    return { kind: 'retry', delayMs };
  }
  return { kind: 'fail' };
}

/** SQLSTATEs of a server that can take no rows: a full disk, a standby, an I/O error below it. */
export function isServersOwn({ kind, code = '' }: Fault): boolean {
  return kind === 'database' && (code === '53100' || code === '25006' || /^58\w{3}$/.test(code));
}

/** SQLSTATE of a key that is there already. */
function isTaken({ kind, code }: Fault): boolean {
  return kind === 'database' && code === '23505';
}

function hintFor({ code }: Fault): string {
  const next = 'then the same command goes on where this one stopped; nothing half loaded stays';
  if (code === '53100') return `make room on the disk of the server, ${next}`;
  if (code === '25006')
    return `the server only reads now (a standby, or default_transaction_read_only): mend that, ${next}`;
  return `see the log of the server, ${next}`;
}

export function interrupted(): BackhaulError {
  return new BackhaulError({ kind: 'interrupted', message: 'the load was interrupted' });
}

/** Tasks that nobody can move: their rows have been locked for longer than anybody should wait. Another attempt may fare better. */
export function rowsLocked(ids: readonly number[]): BackhaulError {
  return new BackhaulError({
    kind: 'database',
    code: '55P03',
    message: `rows of backhaul.task stay locked, those of ${counted(ids.length, 'task')}, by another session or a prepared transaction (task_id ${ids.join(', ')})`,
    hint: 'end the session that holds them (pg_locks), or settle what is prepared (pg_prepared_xacts; on Citus SELECT recover_prepared_transactions(), once all nodes are up), then the same command goes on where this one stopped',
  });
}
