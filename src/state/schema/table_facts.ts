import type { Db } from '../../database/connect.ts';
import { installedVersion } from './migrate.ts';

/** What a look at the tables tells; null where there are none, or this login may not read them. */
export async function readTableFacts(
  db: Db,
): Promise<{ readonly version: number; readonly bare: number; readonly running: number } | null> {
  const { rows: found } = await db.query<{ there: boolean }>(
    `SELECT count(*) = 3 AS there FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = 'backhaul' AND c.relname IN ('migration', 'partition', 'task')
       AND has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')`,
  );
  if (!found[0]!.there) return null;
  const { rows } = await db.query<{ bare: number; running: number }>(
    `SELECT (SELECT count(*)::int FROM backhaul.partition WHERE state = 'bare') AS bare,
       (SELECT count(*)::int FROM backhaul.task WHERE state = 'running' AND lease_until > now()) AS running`,
  );
  return { version: await installedVersion(db), ...rows[0]! };
}
