/**
 * Loads of the same sources that are at work together are one run, whose record is that of the first. One of them lists
 * the sources for all; when nothing is left, each leaves its share and waits for the shares of the others. Who is alive
 * is seen by locks and by the server's clock.
 */

import type { Db } from '../../database/connect.ts';
import { storableJson } from '../../faults/safe_text.ts';
import { isAlive } from './run_store.ts';

/** A load among those that share a run. */
export interface Sharer {
  readonly runId: number;
  /** `running`, `finished`, `failed`, `interrupted`, `lost`. */
  readonly state: string;
  readonly host: string | null;
}

/** Which load asks, and how long one that gives no sign counts as alive. */
export interface Place {
  readonly runId: number;
  /** The first of those that share the run; `runId` itself where it is the first. */
  readonly first: number;
  readonly leaseMs: number;
}

/** The first of the loads that this one is a run with. */
export async function firstOfRun(db: Db, runId: number): Promise<number> {
  const { rows } = await db.query<{ first: number }>(
    'SELECT coalesce(joined, run_id) AS first FROM backhaul.run WHERE run_id = $1',
    [runId],
  );
  return rows[0]?.first ?? runId;
}

/**
 * Whose turn it is to list. `list`: the caller's. `wait`: another one is at it. Otherwise what was found by a listing
 * that ended after the caller began (or by any, with `any`): one that ended before may have missed a file.
 */
export async function listingTurn(
  db: Db,
  { runId, first, leaseMs }: Place,
  any: boolean,
): Promise<'list' | 'wait' | { readonly listing: unknown }> {
  const { rows } = await db.query<{ listing: unknown; found: boolean; mine: boolean; isThere: boolean }>(
    `WITH listed AS MATERIALIZED (
       SELECT r.listing FROM backhaul.run r JOIN backhaul.run me ON me.run_id = $1
       WHERE r.run_id = $2 AND r.listed_at IS NOT NULL AND ($4 OR r.listed_at > me.started_at)),
     taken AS (
       UPDATE backhaul.run r SET lister = $1
       WHERE r.run_id = $2 AND NOT EXISTS (SELECT FROM listed)
         AND (r.lister IS NULL OR r.lister = $1
              OR NOT EXISTS (SELECT FROM backhaul.run l WHERE l.run_id = r.lister AND ${isAlive('l', '$3')}))
       RETURNING r.run_id)
     SELECT (SELECT listing FROM listed) AS listing, EXISTS (SELECT FROM listed) AS found,
       EXISTS (SELECT FROM taken) AS mine, EXISTS (SELECT FROM backhaul.run WHERE run_id = $2) AS "isThere"`,
    [runId, first, leaseMs, any],
  );
  const { listing, found, mine, isThere } = rows[0]!;
  if (found) return { listing };
  return mine || !isThere ? 'list' : 'wait';
}

/**
 * How long ago the last listing of the run ended, ms, where that was before the caller began; null where there was none,
 * or one that the caller can go by.
 */
export async function listedBefore(db: Db, { runId, first }: Place): Promise<number | null> {
  const { rows } = await db.query<{ agoMs: number }>(
    `SELECT (1000 * extract(epoch FROM clock_timestamp() - r.listed_at))::float8 AS "agoMs"
     FROM backhaul.run r JOIN backhaul.run me ON me.run_id = $1
     WHERE r.run_id = $2 AND $1 <> $2 AND r.listed_at <= me.started_at`,
    [runId, first],
  );
  return rows[0]?.agoMs ?? null;
}

/** Leaves what the caller's listing found to the others. The first one stays: it saw what was new. */
export async function noteListing(db: Db, { runId, first }: Place, listing: unknown): Promise<void> {
  await db.query(
    `UPDATE backhaul.run SET listing = coalesce(listing, $3), listed_at = clock_timestamp(), lister = NULL
     WHERE run_id = $2 AND lister = $1`,
    [runId, first, storableJson(listing)],
  );
}

/** Leaves what the caller did; the others wait for that. */
export async function leaveShare(db: Db, runId: number, share: unknown): Promise<void> {
  await db.query('UPDATE backhaul.run SET share = $2, done_at = clock_timestamp() WHERE run_id = $1', [
    runId,
    storableJson(share),
  ]);
}

/** Those the caller has to wait for: alive, at work, and there before it was done. */
export async function stillAtWork(db: Db, { runId, first, leaseMs }: Place): Promise<number> {
  const { rows } = await db.query<{ count: number }>(
    `SELECT count(*) AS count FROM backhaul.run r JOIN backhaul.run me ON me.run_id = $1
     WHERE (r.run_id = $2 OR r.joined = $2) AND r.run_id <> $1 AND r.done_at IS NULL
       AND r.started_at <= me.done_at AND ${isAlive('r', '$3')}`,
    [runId, first, leaseMs],
  );
  return rows[0]!.count;
}

/** All that share the run, first come first; `share`: as each left it, null of one that ended before. */
export async function sharersOf<Share>(
  db: Db,
  first: number,
): Promise<(Sharer & { readonly owner: string; readonly share: Share | null })[]> {
  const { rows } = await db.query<Sharer & { readonly owner: string; readonly share: Share | null }>(
    `SELECT run_id AS "runId", CASE WHEN done_at IS NULL THEN state ELSE 'finished' END AS state, host, owner, share
     FROM backhaul.run WHERE run_id = $1 OR joined = $1 ORDER BY run_id`,
    [first],
  );
  return rows;
}

/** What the listing of a run found, as {@link noteListing} left it. */
export async function listingOf(db: Db, first: number): Promise<unknown> {
  const { rows } = await db.query<{ listing: unknown }>(
    'SELECT listing FROM backhaul.run WHERE run_id = $1',
    [first],
  );
  return rows[0]?.listing ?? null;
}

/** What one that left no share has brought, off the tasks it was the last to finish. */
export interface Brought {
  readonly tasks: number;
  readonly bytes: number;
  readonly read: number;
  readonly loaded: number;
  readonly rejected: number;
  readonly duplicate: number;
  readonly empty: number;
  readonly conflict: number;
}

export async function broughtBy(db: Db, owner: string): Promise<Brought> {
  const { rows } = await db.query<Brought>(
    `SELECT count(*) AS tasks, coalesce(sum(size_bytes), 0)::bigint AS bytes, coalesce(sum(rows_read), 0)::bigint AS read,
       coalesce(sum(rows_loaded), 0)::bigint AS loaded, coalesce(sum(rows_rejected), 0)::bigint AS rejected,
       coalesce(sum(rows_duplicate), 0)::bigint AS duplicate, coalesce(sum(rows_empty), 0)::bigint AS empty,
       coalesce(sum(rows_conflict), 0)::bigint AS conflict
     FROM backhaul.task t
     WHERE t.state = 'loaded' AND EXISTS (
       SELECT FROM backhaul.task_event e WHERE e.task_id = t.task_id AND e.event = 'finish' AND e.owner = $1
         AND e.attempt = t.attempt)`,
    [owner],
  );
  return rows[0]!;
}
