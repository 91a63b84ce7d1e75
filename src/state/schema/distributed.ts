/** `bars` spread over the nodes of a Citus cluster: whether they are, and what that asks of a transaction. */

import pg from 'pg';
import { copyRows } from '../../copy/copy_writer.ts';
import type { Db } from '../../database/connect.ts';

/** On a cluster: what changes a table of several shards goes to them one after the other, over the same connections. */
export const ONE_BY_ONE = `SET LOCAL citus.multi_shard_modify_mode = 'sequential'`;

/** On a cluster: what is set for the transaction from here on is so on its nodes, whose sessions may hold locks as well. */
export const ON_NODES_TOO = `SET LOCAL citus.propagate_set_commands = 'local'`;

const answers = new WeakSet<pg.ClientBase>();

/** True where `bars` is a distributed table. It never ceases to be one, so a session that has seen it asks no more. */
export async function isDistributed(db: Db): Promise<boolean> {
  if (!(db instanceof pg.Pool) && answers.has(db)) return true;
  // Two statements: one that names the catalogue of Citus is refused where there is no Citus.
  const { rows } = await db.query<{ there: boolean }>(
    `SELECT to_regclass('pg_catalog.pg_dist_partition') IS NOT NULL AS there`,
  );
  if (!rows[0]!.there) return false;
  const found = await db.query(
    `SELECT 1 FROM pg_catalog.pg_dist_partition p JOIN pg_catalog.pg_class c ON c.oid = p.logicalrelid
     JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'backhaul' AND c.relname = 'bars'`,
  );
  if (found.rowCount === 0) return false;
  if (!(db instanceof pg.Pool)) answers.add(db);
  return true;
}

/**
 * Has the transaction commit on all nodes or on none, whatever it goes on to write. Citus commits in two phases what it
 * knows to be of several nodes; rows on one node and rows of our own tables, which lie on the coordinator, it does not
 * take for that. A COPY always commits so, and one of no rows is one.
 */
export async function commitAsOne(client: pg.ClientBase): Promise<void> {
  await copyRows(client, 'backhaul.bars', ['series_id', 'ts'], new Uint8Array(0));
}
