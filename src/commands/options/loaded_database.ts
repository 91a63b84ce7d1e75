/** The database of the commands that look at what was loaded. */

import type { Pool } from 'pg';
import { requireDatabase, requireTables, withDatabase } from './database_option.ts';

/**
 * Runs `work` on a database that something has been loaded into, with its tables up to date.
 * @throws BackhaulError `database-connect` where there is none, `database` where nothing was loaded
 */
export async function withLoadedDatabase(
  named: string | undefined,
  command: string,
  work: (db: Pool, url: string) => Promise<void>,
): Promise<void> {
  const { createPool, endPool, namedConnectError } = await import('../../database/connect.ts');
  const { migrate } = await import('../../state/schema/migrate.ts');
  await withDatabase(await requireDatabase(named), async ({ url }) => {
    const db = createPool(url, { applicationName: `backhaul ${command}`, max: 4 });
    try {
      await requireTables(db);
      await migrate(db);
      await work(db, url);
    } catch (error) {
      throw namedConnectError(error, url);
    } finally {
      await endPool(db);
    }
  });
}
