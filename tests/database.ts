import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client, Pool } from 'pg';
import { afterAll, afterEach, beforeEach, inject } from 'vitest';
import { connect, createPool } from '../src/database/connect.ts';
import { startEmbedded } from '../src/database/embedded.ts';
import { distribute } from '../src/state/leaves/distribute.ts';
import { migrate } from '../src/state/schema/migrate.ts';
import { askedEngine, databaseAt, serverOf, type TestServer } from './servers.ts';

/** A database of its own for a test file: a copy of a migrated one, dropped at the end unless a test failed. */
export interface TestDatabase {
  readonly name: string;
  /** For anything that opens its own sessions; holds the password. */
  readonly url: string;
  readonly pool: Pool;
  /** A session of its own; it ends with the test that opened it, one opened outside of tests with the file. */
  client(applicationName?: string): Promise<Client>;
}

export interface TestDatabaseOptions {
  /** `empty`: without schema `backhaul`. */
  readonly content?: 'migrated' | 'empty';
}

/** A statement that waits for a lock for ever becomes an error that names it, before the test's own timeout. */
const STATEMENT_TIMEOUT_MS = 20_000;

const TEMPLATE = 'backhaul_template';
/** Of a Citus cluster: each node has some, and each statement goes to few. */
const SHARDS = 4;

/** The server's speed matters here, what survives a power cut does not. */
const SETTINGS = {
  fsync: 'off',
  full_page_writes: 'off',
  shared_buffers: '256MB',
  max_wal_size: '2GB',
  maintenance_work_mem: '64MB',
  // A worker of its own a database and minute, for databases that live some seconds.
  autovacuum_naptime: '1d',
  // Two cores are busy enough without processes that read for others.
  io_method: 'sync',
};

/** The server of this run: an engine's that was asked for, one that was given, or the embedded one. */
export async function runServer(): Promise<TestServer> {
  const engine = askedEngine(process.env['BACKHAUL_TEST_ENGINE']);
  if (engine !== null) return engine;
  const given = process.env['TEST_DATABASE_URL'];
  if (given !== undefined && given !== '') {
    if (new URL(given).password === '')
      throw new Error(
        'TEST_DATABASE_URL needs a password that the server asks for: tests look where it comes to light',
      );
    return serverOf('plain', given);
  }
  const { socketUrl } = await startEmbedded(inject('testRun'), { settings: SETTINGS });
  return serverOf('plain', socketUrl);
}

/** The template, made by the first file that needs it; the lock is held by the session, so a crash gives it back. */
async function ensureTemplate(admin: Client, server: TestServer): Promise<string> {
  // Another schema is another template: TEST_DATABASE_URL may point to a server that remembers older ones.
  const name = `${TEMPLATE}_${process.pid}_${randomBytes(3).toString('hex')}`;
  await admin.query(`SELECT pg_advisory_lock(hashtext('${TEMPLATE}'))`);
  try {
    const run = join(inject('testRun'), 'template');
    const made = await admin.query<{ datname: string }>(
      `SELECT datname FROM pg_database d JOIN pg_shdescription s ON s.objoid = d.oid WHERE s.description = $1`,
      [run],
    );
    const known = made.rows[0]?.datname;
    if (known !== undefined) return known;
    await server.create(name);
    const pool = createPool(databaseAt(server.url, name), { applicationName: 'test template', max: 1 });
    await migrate(pool);
    if (server.engine === 'citus')
      await distribute(pool, { shards: SHARDS, dryRun: false, onStep: () => {} });
    await pool.end();
    await admin.query(`COMMENT ON DATABASE ${name} IS '${run.replaceAll("'", "''")}'`);
    return name;
  } finally {
    await admin.query(`SELECT pg_advisory_unlock(hashtext('${TEMPLATE}'))`);
  }
}

async function withAdmin<T>(server: TestServer, work: (admin: Client) => Promise<T>): Promise<T> {
  const admin = await connect(server.url, { applicationName: 'test admin' });
  try {
    return await work(admin);
  } finally {
    await admin.end();
  }
}

interface Session {
  readonly application_name: string;
  readonly state: string | null;
  readonly query: string;
}

/** Sessions on the database that nobody has closed; those just closed get a moment to go. */
async function leakedSessions(admin: Client, name: string): Promise<Session[]> {
  for (let look = 0; ; look++) {
    const { rows } = await admin.query<Session>(
      `SELECT application_name, state, query FROM pg_stat_activity
       WHERE datname = $1 AND backend_type = 'client backend' AND application_name NOT LIKE 'citus\\_internal%'`,
      [name],
    );
    if (rows.length === 0 || look === 40) return rows;
    await sleep(25);
  }
}

async function finishWith(server: TestServer, name: string, failed: boolean): Promise<void> {
  await withAdmin(server, async (admin) => {
    const leaked = await leakedSessions(admin, name);
    if (failed) {
      await writeFile(join(inject('testRun'), 'kept'), name);
      process.stderr.write(`Database ${name} is kept.\n`);
    } else await server.drop(name);
    if (leaked.length > 0) {
      const list = leaked.map(
        (one) => `  ${one.application_name} (${one.state}): ${one.query.slice(0, 200)}`,
      );
      throw new Error(`Sessions were left open on ${name}:\n${list.join('\n')}`);
    }
  });
}

/** A fresh database for the test file that calls this, at its top: `const database = await testDatabase();` */
export async function testDatabase(options: TestDatabaseOptions = {}): Promise<TestDatabase> {
  const server = await runServer();
  const name = `backhaul_test_${process.pid}_${randomBytes(4).toString('hex')}`;
  await withAdmin(server, async (admin) => {
    await server.create(name, options.content === 'empty' ? null : await ensureTemplate(admin, server));
  });
  const url = databaseAt(server.url, name);
  const pool = createPool(url, {
    applicationName: 'test pool',
    max: 8,
    statementTimeoutMs: STATEMENT_TIMEOUT_MS,
  });
  let failed = false;
  const ofTest: Client[] = [];
  const ofFile: Client[] = [];
  let inTest = false;
  const endAll = async (list: Client[]): Promise<void> => {
    await Promise.all(list.splice(0).map((client) => client.end().catch(() => {})));
  };
  beforeEach(() => {
    inTest = true;
  });
  afterEach(async ({ task }) => {
    inTest = false;
    failed ||= task.result?.state === 'fail';
    await endAll(ofTest);
  });
  afterAll(async () => {
    await Promise.all([pool.end(), endAll(ofFile)]);
    await finishWith(server, name, failed);
  });
  return {
    name,
    url,
    pool,
    client: async (applicationName = 'test client') => {
      const client = await connect(url, { applicationName, statementTimeoutMs: STATEMENT_TIMEOUT_MS });
      (inTest ? ofTest : ofFile).push(client);
      return client;
    },
  };
}
