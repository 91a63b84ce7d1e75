import pg from 'pg';
import type { Db } from './connect.ts';

/** Whether `bars` is spread over the nodes of a Citus cluster; asked once a session. */

const answers = new WeakMap<pg.ClientBase, boolean>();

/**
 * True where `bars` is a distributed table. A database becomes one while nothing else is at work on it (`db distribute`),
 * so a session's answer stays true; on a pool it is asked each time.
 */
export async function isDistributed(db: Db): Promise<boolean> {
  const known = db instanceof pg.Pool ? undefined : answers.get(db);
  if (known !== undefined) return known;
  // The catalogue of Citus, where there is one: a statement that names it would not be parsed elsewhere.
  const { rows } = await db.query<{ there: boolean }>(
    `SELECT to_regclass('pg_catalog.pg_dist_partition') IS NOT NULL AND to_regclass('backhaul.bars') IS NOT NULL AS there`,
  );
  const is =
    rows[0]!.there &&
    (
      await db.query(
        `SELECT 1 FROM pg_catalog.pg_dist_partition WHERE logicalrelid = to_regclass('backhaul.bars')`,
      )
    ).rowCount === 1;
  if (!(db instanceof pg.Pool) && is) answers.set(db, is);
  return is;
}

/**
 * Has the transaction commit on all nodes or on none, whatever it writes. Citus commits in two phases where it knows of
 * several nodes; rows of one node beside our own tables, which lie on the coordinator, do not count for it as several.
 * A COPY always does, also one of no rows.
 */
export const COMMIT_AS_ONE = 'COPY backhaul.bars (series_id, ts) FROM STDIN BINARY';
