import { createServer } from 'node:net';
import { from as copyFrom } from 'pg-copy-streams';
import { describe, expect, test } from 'vitest';
import { connect, createPool, inTransaction } from '../../src/database/connect.ts';
import { connectFault, redactUrl } from '../../src/database/connect_fault.ts';
import { classify } from '../../src/faults/classify.ts';
import { testDatabase } from '../database.ts';

const database = await testDatabase({ content: 'empty' });

function urlWith(change: (url: URL) => void): string {
  const url = new URL(database.url);
  change(url);
  return url.href;
}

async function faultOf(
  url: string,
): Promise<{ kind: string; code?: string; hint?: string; message: string }> {
  return connect(url, { connectTimeoutMs: 300 }).then(
    () => expect.unreachable(),
    (error: { fault: { kind: string; message: string } }) => error.fault,
  );
}

describe('connect', () => {
  test('gives int8 as a number, and the name the session was given', async () => {
    const client = await connect(database.url, {
      applicationName: 'backhaul 12/3',
      statementTimeoutMs: 1234,
    });
    const { rows } = await client.query(
      `SELECT 9007199254740991::int8 AS n, array[1::int8] AS many, current_setting('application_name') AS name,
              current_setting('statement_timeout') AS timeout, NULL::int8 AS nothing`,
    );
    await client.end();
    expect(rows).toMatchObject([
      { n: 9007199254740991, name: 'backhaul 12/3', timeout: '1234ms', nothing: null },
    ]);
  });

  test.each([
    ['a wrong password', '28P01', (url: URL) => (url.password = 'hunter2')],
    ['a database that is not there', '3D000', (url: URL) => (url.pathname = '/nobody_made_this')],
    ['a user that is not there', '28P01', (url: URL) => (url.username = 'nobody_made_this')],
  ])('names %s and never the password', async (_, code, change) => {
    const url = urlWith(change);
    const fault = await faultOf(url);
    expect(fault).toMatchObject({ kind: 'database-connect', code });
    expect(fault.hint).toBeTruthy();
    expect(JSON.stringify(fault)).not.toContain(new URL(url).password);
    expect(classify(fault).retry).toBe(false);
  });

  test('names a port where nobody listens, and it is worth another try', async () => {
    const fault = await faultOf('postgres://u:hunter2@127.0.0.1:1/db');
    expect(fault).toMatchObject({ kind: 'database-connect', code: 'ECONNREFUSED' });
    expect(fault.message).toContain('127.0.0.1:1');
    expect(JSON.stringify(fault)).not.toContain('hunter2');
    expect(classify(fault).retry).toBe(true);
  });

  test('gives up on a server that never answers', async () => {
    const server = createServer(() => {});
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const fault = await faultOf(`postgres://u:p@127.0.0.1:${port}/db`);
    server.close();
    expect(fault).toMatchObject({ kind: 'database-connect', code: '08001' });
  });

  test.each(['mysql://u@h/db', 'not a url', 'postgres://u:hunter2@h:port/db', ''])(
    '%j is a usage fault',
    async (url) => {
      const fault = await faultOf(url);
      expect(fault.kind).toBe('usage');
      expect(JSON.stringify(fault)).not.toContain('hunter2');
    },
  );
});

describe('a session that breaks', () => {
  /** Opens one and ends it from the server's side; resolves when the client knows. */
  async function broken(): Promise<Awaited<ReturnType<typeof connect>>> {
    const client = await connect(database.url);
    const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    const ended = new Promise((resolve) => client.once('end', resolve));
    await database.pool.query('SELECT pg_terminate_backend($1)', [rows[0]!.pid]);
    await ended;
    return client;
  }

  test('fails what runs with a code that is tried again', async () => {
    const client = await connect(database.url, { applicationName: 'to be ended' });
    const sleeping = client.query('SELECT pg_sleep(30)').catch((error: unknown) => error);
    await expect
      .poll(async () => {
        const { rowCount } = await database.pool.query(
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'to be ended' AND state = 'active'`,
        );
        return rowCount;
      })
      .toBe(1);
    expect(classify(await sleeping)).toMatchObject({ retry: true });
  });

  test('fails what comes after with a code, in each of the ways of calling', async () => {
    const client = await broken();
    const refused = { code: '08003' };
    await expect(client.query('SELECT 1')).rejects.toMatchObject(refused);
    await expect(
      new Promise((resolve, reject) =>
        client.query('SELECT 1', (error) => (error ? reject(error) : resolve(0))),
      ),
    ).rejects.toMatchObject(refused);
    const copy = client.query(copyFrom('COPY t FROM STDIN'));
    await expect(new Promise((_, reject) => copy.on('error', reject))).rejects.toMatchObject(refused);
    expect(classify(refused).retry).toBe(true);
    await client.end();
  });

  test('does not end the program, and a pool replaces it', async () => {
    const pool = createPool(database.url, { max: 1 });
    const { rows } = await pool.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    await database.pool.query('SELECT pg_terminate_backend($1)', [rows[0]!.pid]);
    await expect.poll(() => pool.totalCount).toBe(0);
    expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    await pool.end();
  });

  test('a pool that finds no server fails with the code of that', async () => {
    const url = 'postgres://u:p@127.0.0.1:1/db';
    const pool = createPool(url);
    const error = await pool.query('SELECT 1').catch((thrown: unknown) => thrown);
    expect(connectFault(error, url)).toMatchObject({ kind: 'database-connect', code: 'ECONNREFUSED' });
    await pool.end();
  });

  test('that breaks behind the server is not called one to the server', async () => {
    const told = await database.pool
      .query(`DO $$ BEGIN RAISE EXCEPTION 'node 127.0.0.1:1 is away' USING ERRCODE = '08006'; END $$`)
      .catch((thrown: unknown) => thrown);
    expect(connectFault(told, database.url)).toMatchObject({
      kind: 'database-connect',
      message: expect.stringContaining('does not reach another one'),
      found: 'node 127.0.0.1:1 is away',
      hint: expect.stringContaining('all nodes'),
    });
  });
});

describe('inTransaction', () => {
  test('commits, rolls back, and gives the pool its session back in either case', async () => {
    const pool = createPool(database.url, { max: 1 });
    await pool.query('CREATE TABLE counted (n int)');
    await inTransaction(pool, (client) => client.query('INSERT INTO counted VALUES (1)'));
    const failed = inTransaction(pool, async (client) => {
      await client.query('INSERT INTO counted VALUES (2)');
      await client.query('SELECT 1 / 0');
    });
    await expect(failed).rejects.toMatchObject({ code: '22012' });
    expect((await pool.query('SELECT n FROM counted')).rows).toEqual([{ n: 1 }]);
    await pool.end();
  });
});

describe('redactUrl', () => {
  test.each([
    ['postgres://u:secret@h:5432/d?sslmode=require', 'postgres://u:***@h:5432/d?sslmode=require'],
    ['postgres://u@h/d', 'postgres://u@h/d'],
    ['postgres://u:secret@/d?host=/run/pg', 'postgres://u:***@/d?host=/run/pg'],
    ['postgres://h/d?user=u&password=secret', 'postgres://h/d?user=u&password=***'],
    ['postgres://u:secret@h:port/d', 'postgres://u:***@h:port/d'],
    ['postgres://u:se%40cret@h/d', 'postgres://u:***@h/d'],
  ])('%s', (url, shown) => {
    expect(redactUrl(url)).toBe(shown);
  });
});
