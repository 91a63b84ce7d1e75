import { randomBytes } from 'node:crypto';
import type { Pool } from 'pg';
import { afterAll } from 'vitest';
import { connect, createPool } from '../../src/database/connect.ts';

/**
 * Databases on servers with an extension: a fresh one for a test file, dropped at its end. The servers are given by
 * their addresses; without one the tests that need it are skipped.
 */

export interface EngineDatabase {
  readonly url: string;
  readonly pool: Pool;
}

/** A server with TimescaleDB among its `shared_preload_libraries`. */
export const TIMESCALE_URL = process.env['TEST_TIMESCALE_URL'] ?? '';
/** The coordinator of a Citus cluster; its workers are those that its own database `postgres` (or the one given) knows. */
export const CITUS_URL = process.env['TEST_CITUS_URL'] ?? '';

async function say(url: string, statements: readonly string[]): Promise<void> {
  const client = await connect(url, { applicationName: 'test admin' });
  try {
    await client.query('SET client_min_messages = warning');
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}

function at(url: string, database: string, host?: string, port?: number): string {
  const other = new URL(url);
  other.pathname = `/${database}`;
  if (host !== undefined) other.hostname = host;
  if (port !== undefined) other.port = String(port);
  return other.href;
}

const newName = (): string => `backhaul_beyond_${process.pid}_${randomBytes(4).toString('hex')}`;
const create = (name: string): string =>
  `CREATE DATABASE ${name} TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'`;

function opened(url: string, drop: () => Promise<void>): EngineDatabase {
  const pool = createPool(url, { applicationName: 'test pool', max: 4 });
  afterAll(async () => {
    await pool.end();
    await drop();
  });
  return { url, pool };
}

export async function timescaleDatabase(): Promise<EngineDatabase> {
  const name = newName();
  await say(TIMESCALE_URL, [create(name)]);
  const url = at(TIMESCALE_URL, name);
  await say(url, ['CREATE EXTENSION timescaledb']);
  return opened(url, () => say(TIMESCALE_URL, [`DROP DATABASE ${name} WITH (FORCE)`]));
}

interface Node {
  readonly host: string;
  readonly port: number;
  readonly group: number;
}

async function nodesOf(url: string): Promise<Node[]> {
  const client = await connect(url, { applicationName: 'test admin' });
  try {
    const { rows } = await client.query<Node>(
      'SELECT nodename AS host, nodeport AS port, groupid AS group FROM pg_dist_node ORDER BY groupid',
    );
    return rows;
  } finally {
    await client.end();
  }
}

/** A database of one name on all nodes, which know each other in it. */
export async function citusDatabase(): Promise<EngineDatabase> {
  const name = newName();
  const nodes = await nodesOf(CITUS_URL);
  const workers = nodes.filter(({ group }) => group !== 0);
  const coordinator = nodes.find(({ group }) => group === 0)!;
  const everywhere = [
    CITUS_URL,
    ...workers.map(({ host, port }) => at(CITUS_URL, new URL(CITUS_URL).pathname.slice(1), host, port)),
  ];
  for (const admin of everywhere) {
    await say(admin, [create(name)]);
    await say(at(admin, name), ['CREATE EXTENSION citus']);
  }
  const url = at(CITUS_URL, name);
  await say(url, [
    `SELECT citus_set_coordinator_host('${coordinator.host}', ${coordinator.port})`,
    ...workers.map(({ host, port }) => `SELECT citus_add_node('${host}', ${port})`),
  ]);
  return opened(url, async () => {
    for (const admin of everywhere) await say(admin, [`DROP DATABASE ${name} WITH (FORCE)`]);
  });
}
