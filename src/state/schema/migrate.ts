/** The schema: which version is installed, and how it is brought up to date. */

import type { ClientBase } from 'pg';
import { killPoint } from '../../base/kill_points.ts';
import { type Db, inTransaction } from '../../database/connect.ts';
import { BackhaulError } from '../../faults/fault.ts';
import { MIGRATIONS } from '../migrations/migrations.ts';
import { makeReadingAnew } from './candles_view.ts';
import { isDistributed, ONE_BY_ONE } from './distributed.ts';
import { statementsOf } from './statements.ts';

/** The schema this program reads and writes. */
export const SCHEMA_VERSION = MIGRATIONS.at(-1)!.version;

const MINIMUM_SERVER = 130_000;

/** Key of the advisory lock one migration at a time holds. */
const LOCK = `hashtextextended('backhaul.migration', 0)`;

/** Refuses a server the tables cannot live on: too old, read-only, or not UTF-8. */
async function checkServer(db: Db): Promise<void> {
  const { rows } = await db.query<{ version: number; shown: string; encoding: string; standby: boolean }>(
    `SELECT current_setting('server_version_num')::int AS version, current_setting('server_version') AS shown,
            current_setting('server_encoding') AS encoding, pg_is_in_recovery() AS standby`,
  );
  const server = rows[0]!;
  if (server.version < MINIMUM_SERVER)
    throw new BackhaulError({
      kind: 'database-connect',
      message: 'The server is too old.',
      expected: 'PostgreSQL 13 or newer',
      found: `PostgreSQL ${server.shown}`,
      hint: 'Upgrade it, or leave out --database for the embedded one.',
    });
  if (server.standby)
    throw new BackhaulError({
      kind: 'database-connect',
      message: 'The server is a standby: it only reads.',
      hint: 'Give the address of the primary.',
    });
  if (server.encoding !== 'UTF8')
    throw new BackhaulError({
      kind: 'database-connect',
      message: 'The database is not in UTF-8.',
      expected: 'UTF8',
      found: server.encoding,
      hint: 'Create one that is: createdb --encoding=UTF8 --template=template0 <name>',
    });
}

/** The version of the schema in this database; 0: there is none. */
export async function installedVersion(db: Db): Promise<number> {
  // Not to_regclass(): a session that once looked in vain keeps that answer for the rest of its transaction, and a
  // second migration, waiting for the lock in one, would not see what the first has made.
  const found = await db.query(
    `SELECT 1 FROM pg_catalog.pg_tables WHERE schemaname = 'backhaul' AND tablename = 'migration'`,
  );
  if (found.rowCount === 0) return 0;
  const versions = await db.query<{ version: number }>(
    'SELECT coalesce(max(version), 0) AS version FROM backhaul.migration',
  );
  return versions.rows[0]!.version;
}

async function apply(client: ClientBase): Promise<number> {
  await client.query(`SELECT pg_advisory_xact_lock(${LOCK})`);
  const from = await installedVersion(client);
  if (from === 0)
    await client.query(
      `CREATE SCHEMA IF NOT EXISTS backhaul;
       CREATE TABLE IF NOT EXISTS backhaul.migration (
         version int PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT clock_timestamp())`,
    );
  const isSpread = await isDistributed(client);
  if (isSpread) await client.query(ONE_BY_ONE);
  for (const { version, name, sql } of MIGRATIONS) {
    if (version <= from) continue;
    // On a cluster a statement that changes a distributed table has to come alone.
    for (const text of isSpread ? statementsOf(sql) : [sql]) await client.query(text);
    await client.query('INSERT INTO backhaul.migration (version, name) VALUES ($1, $2)', [version, name]);
  }
  await makeReadingAnew(client);
  killPoint('schema.made');
  return from;
}

/** Tables of a newer version may mean what this one does not know: one line, whichever command meets them. */
export function refuseNewer(installed: number): void {
  if (installed > SCHEMA_VERSION)
    throw new BackhaulError({
      kind: 'database',
      message: `The tables in this database were made by a newer version of Backhaul (schema ${installed}; this one knows ${SCHEMA_VERSION}): upgrade it, or use another database`,
    });
}

/**
 * Brings schema `backhaul` up to date, all of it in one transaction; any number of callers at once is fine. Returns the
 * versions before and after.
 * @throws BackhaulError: a server that will not do, a schema made by a newer version, no right to create one
 */
export async function migrate(db: Db): Promise<{ readonly from: number; readonly to: number }> {
  await checkServer(db);
  const installed = await installedVersion(db);
  refuseNewer(installed);
  if (installed === SCHEMA_VERSION) return { from: installed, to: installed };
  try {
    return { from: await inTransaction(db, apply), to: SCHEMA_VERSION };
  } catch (error) {
    if ((error as { code?: string }).code !== '42501') throw error;
    throw new BackhaulError(
      {
        kind: 'database',
        message: 'No right to create schema backhaul in this database.',
        code: '42501',
        hint: 'GRANT CREATE ON DATABASE <database> TO <user>;',
      },
      { cause: error },
    );
  }
}

/** Whether `bars` is a TimescaleDB hypertable (then there are no leaves of ours) or a partitioned table. */
export async function isHypertable(db: Db): Promise<boolean> {
  const { rows } = await db.query<{ relkind: string }>(
    `SELECT relkind FROM pg_class WHERE oid = to_regclass('backhaul.bars')`,
  );
  return rows[0]?.relkind === 'r';
}
