import { afterEach, describe, expect, test } from 'vitest';
import { backendPid, connect, createPool, endPool, wasRefused } from '../../src/database/connect.ts';
import { classify } from '../../src/faults/classify.ts';
import { faultLine } from '../../src/ui/fault_text.ts';
import { acrossRestarts } from '../../src/workers/restarts.ts';
import { type FakePooler, fakePooler } from './fake_pooler.ts';

let pooler: FakePooler;
afterEach(() => pooler.close());

const SETTINGS = { statementTimeoutMs: 1_111, idleInTransactionTimeoutMs: 3_333 };

describe('a pooler that keeps sessions together', () => {
  test('is given no start-up parameter but those it knows, and the settings afterwards', async () => {
    pooler = await fakePooler('session');
    const client = await connect(pooler.url, SETTINGS);
    const pool = createPool(pooler.url, { ...SETTINGS, max: 1 });
    await pool.query('SELECT 1');
    expect(backendPid(client)).toBe(1001);
    await Promise.all([client.end(), endPool(pool)]);
    const known = ['user', 'database', 'application_name', 'client_encoding'];
    expect([...pooler.parameters].filter((name) => !known.includes(name))).toEqual([]);
    const settings = pooler.queries.filter(({ text }) =>
      text.startsWith('SELECT pg_backend_pid() AS pid, set_config'),
    );
    expect(settings).toHaveLength(2);
    for (const { text } of settings)
      for (const name of [`'statement_timeout', '1111'`, `'idle_in_transaction_session_timeout', '3333'`])
        expect(text).toContain(name);
    // It is looked at once: the session, the one beside it, and that of the pool.
    expect(new Set(pooler.queries.map(({ connection }) => connection)).size).toBe(3);
  });
});

describe.each(['transaction', 'statement'])('pool_mode = %s', (mode) => {
  test('is refused in one line that names the setting, before any setting is made', async () => {
    pooler = await fakePooler(mode);
    const error = await connect(pooler.url, SETTINGS).catch((thrown: unknown) => thrown);
    const { fault, retry } = classify(error);
    expect(faultLine(fault)).toMatch(
      /^The pooler at 127\.0\.0\.1:\d+ .* needs sessions: set pool_mode = session .*\.$/,
    );
    expect([fault.kind, retry, wasRefused(error)]).toEqual(['database-connect', false, false]);
    const settled = pooler.queries.filter(({ text }) => /AS pid, set_config/.test(text));
    expect(settled).toEqual([]);
  });
});

test.each(['08P01', '53300', '28P01', '3D000'])(
  'a session refused by %s is told, not waited for',
  async (code) => {
    pooler = await fakePooler(code);
    const pool = createPool(pooler.url, SETTINGS);
    let tries = 0;
    const patience = {
      leaseMs: 60_000,
      signal: new AbortController().signal,
      waiting: () => expect.unreachable(),
      isFinal: wasRefused,
    };
    const work = acrossRestarts(patience, async () => {
      tries++;
      await pool.query('SELECT 1');
    });
    await expect(work).rejects.toMatchObject({ code });
    expect(tries).toBe(1);
    await endPool(pool);
  },
);

test('what is waited for is told once, with why', async () => {
  pooler = await fakePooler('session');
  const told: string[] = [];
  let tries = 0;
  const patience = {
    leaseMs: 60_000,
    signal: new AbortController().signal,
    waiting: ({ code = '' }: { readonly code?: string }) => void told.push(code),
  };
  await acrossRestarts(patience, async () => {
    if (++tries < 3) throw Object.assign(new Error('it starts'), { code: '57P03' });
  });
  expect(told).toEqual(['57P03']);
});

/** A database behind PgBouncer in session mode; the same in transaction mode where the second address is given. */
const { TEST_PGBOUNCER_URL: real = '', TEST_PGBOUNCER_TRANSACTION_URL: shared = '' } = process.env;

test.skipIf(real === '')('PgBouncer in session mode makes the settings and cancels', async () => {
  pooler = await fakePooler('session');
  const client = await connect(real, SETTINGS);
  const { rows } = await client.query(
    `SELECT current_setting('statement_timeout') AS timeout, pg_backend_pid() AS pid`,
  );
  expect(rows).toEqual([{ timeout: '1111ms', pid: backendPid(client) }]);
  const sleeping = client.query('SELECT pg_sleep(30)').catch((error: unknown) => error);
  const other = await connect(real);
  await other.query('SELECT pg_cancel_backend($1)', [backendPid(client)]);
  expect(await sleeping).toMatchObject({ code: '57014' });
  await Promise.all([client.end(), other.end()]);
});

test.skipIf(shared === '')('PgBouncer in transaction mode is refused', async () => {
  pooler = await fakePooler('session');
  const error = await connect(shared, SETTINGS).catch((thrown: unknown) => thrown);
  expect(faultLine(classify(error).fault)).toContain('set pool_mode = session');
});
