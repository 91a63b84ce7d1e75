import { randomBytes } from 'node:crypto';
import type { Pool } from 'pg';
import { onTestFinished } from 'vitest';
import { createPool } from '../../src/database/connect.ts';
import { databaseAt, type TestServer } from '../servers.ts';

/** Empty databases on servers with an extension: a fresh one for a test, dropped at its end. */

export interface EngineDatabase {
  readonly url: string;
  readonly pool: Pool;
}

export async function engineDatabase(server: TestServer): Promise<EngineDatabase> {
  const name = `backhaul_beyond_${process.pid}_${randomBytes(4).toString('hex')}`;
  await server.create(name);
  const url = databaseAt(server.url, name);
  const pool = createPool(url, { applicationName: 'test pool', max: 4 });
  onTestFinished(async () => {
    await pool.end();
    await server.drop(name);
  });
  return { url, pool };
}
