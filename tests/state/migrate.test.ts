import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { INDICATOR_NAMES } from '../../src/bars/columns.ts';
import { createPool } from '../../src/database/connect.ts';
import { TASK_STATES, TRANSITIONS } from '../../src/state/machine.ts';
import { isHypertable, migrate, SCHEMA_VERSION } from '../../src/state/schema/migrate.ts';
import { claim } from '../../src/state/tasks/claim.ts';
import { expire } from '../../src/state/tasks/lease.ts';
import { upsertTasks } from '../../src/state/tasks/task_listing.ts';
import { answerOf } from '../commands/in_process.ts';
import { testDatabase } from '../database.ts';
import { nextState, sampleTask, TRANSITION_NAMES } from './sample_tasks.ts';

const database = await testDatabase({ content: 'empty' });
const { pool } = database;

/** All that a migration leaves, as text: two of them can be held against each other. */
async function schema(): Promise<unknown> {
  const { rows } = await pool.query(
    `SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns
     WHERE table_schema = 'backhaul' ORDER BY 1, ordinal_position`,
  );
  return rows;
}

describe('migrate', () => {
  test('makes the schema once, however many call it at once', async () => {
    const pools = Array.from({ length: 6 }, () => createPool(database.url, { max: 1 }));
    const results = await Promise.all(pools.map(migrate));
    await Promise.all(pools.map((one) => one.end()));
    expect(results.map(({ to }) => to)).toEqual(pools.map(() => SCHEMA_VERSION));
    const { rows } = await pool.query('SELECT version FROM backhaul.migration ORDER BY version');
    expect(rows).toEqual(Array.from({ length: SCHEMA_VERSION }, (_, n) => ({ version: n + 1 })));
  });

  test('does nothing the second time', async () => {
    const before = await schema();
    expect(await migrate(pool)).toEqual({ from: SCHEMA_VERSION, to: SCHEMA_VERSION });
    expect(await schema()).toEqual(before);
  });

  test('leaves nothing behind when it fails half way', async () => {
    const other = await testEmpty();
    // Something of that name is there already, so the migration fails after it has made most of its tables.
    await other.query('CREATE SCHEMA backhaul; CREATE TABLE backhaul.conflict (x int)');
    await expect(migrate(other)).rejects.toMatchObject({ code: '42P07' });
    const { rows } = await other.query(
      `SELECT tablename FROM pg_tables WHERE schemaname = 'backhaul' ORDER BY tablename`,
    );
    expect(rows).toEqual([{ tablename: 'conflict' }]);
  });

  test('needs no more than a database of its own', async () => {
    const plain = `${database.name}_plain`;
    await pool.query(`CREATE ROLE ${plain} LOGIN PASSWORD 'plain'`);
    await pool.query(`CREATE DATABASE ${plain} OWNER ${plain} TEMPLATE template0`);
    const url = new URL(database.url);
    Object.assign(url, { username: plain, password: 'plain', pathname: `/${plain}` });
    const other = createPool(url.href);
    expect(await migrate(other)).toEqual({ from: 0, to: SCHEMA_VERSION });
    await upsertTasks(other, null, [sampleTask(1)]);
    await claim(other, { owner: randomUUID(), limit: 1, leaseMs: -1 });
    expect(await expire(other)).toHaveLength(1);
    await other.end();
    await pool.query(`DROP DATABASE ${plain} WITH (FORCE)`);
    await pool.query(`DROP ROLE ${plain}`);
  });

  test('refuses a schema of a newer version', async () => {
    await pool.query(`INSERT INTO backhaul.migration (version, name) VALUES (999, 'from the future')`);
    await expect(migrate(pool)).rejects.toMatchObject({
      fault: { kind: 'database', message: expect.stringContaining('schema 999') },
    });
    // One line, of commands that only read as well.
    for (const command of ['status', 'retry', 'report']) {
      const { code, stderr } = await answerOf([command], { env: { DATABASE_URL: database.url } });
      expect([code, stderr.trim().split('\n')]).toEqual([1, [expect.stringContaining('a newer version')]]);
    }
    await pool.query('DELETE FROM backhaul.migration WHERE version = 999');
  });
});

let extra: { name: string; pool: ReturnType<typeof createPool> } | null = null;

async function testEmpty(): Promise<ReturnType<typeof createPool>> {
  const name = `${database.name}_extra`;
  await pool.query(`CREATE DATABASE ${name} TEMPLATE template0`);
  const url = new URL(database.url);
  url.pathname = `/${name}`;
  extra = { name, pool: createPool(url.href) };
  return extra.pool;
}

afterAll(async () => {
  if (extra === null) return;
  await extra.pool.end();
  await pool.query(`DROP DATABASE ${extra.name} WITH (FORCE)`);
});

describe('the tables', () => {
  test('hold what is promised, and candles shows it', async () => {
    const columns = async (table: string): Promise<string[]> => {
      const { rows } = await pool.query<{ column_name: string }>(
        `SELECT column_name FROM information_schema.columns
         WHERE table_schema = 'backhaul' AND table_name = $1 ORDER BY ordinal_position`,
        [table],
      );
      return rows.map((row) => row.column_name);
    };
    const ohlcv = ['ts', 'open', 'high', 'low', 'close', 'volume', 'trades', ...INDICATOR_NAMES];
    expect(await columns('bars')).toEqual(['series_id', ...ohlcv]);
    expect(await columns('bars_bare')).toEqual(['series_id', ...ohlcv]);
    expect(await columns('candles')).toEqual(['venue', 'symbol', 'interval_s', ...ohlcv]);
    expect((await columns('series')).slice(0, 4)).toEqual(['series_id', 'venue', 'symbol', 'interval_s']);
    const task =
      `task_id uri entry etag size_bytes layout lane sequence state attempt lease_until not_before rows_read
      rows_loaded rows_rejected rows_duplicate first_ts last_ts error`.split(/\s+/);
    expect(await columns('task')).toEqual(expect.arrayContaining(task));
    expect(await columns('reject')).toEqual(['task_id', 'line', 'byte_offset', 'reason', 'field', 'record']);
    expect(await columns('coverage')).toEqual(['series_id', 'covered', 'task_id']);
  });

  test('show a bar once, while its leaf is bare and when it stands', async () => {
    const client = await database.client();
    await client.query(`INSERT INTO backhaul.series (venue, symbol, interval_s) VALUES ('v', 'S', 60)`);
    await client.query(
      `CREATE TABLE backhaul.bars_2024_01 (LIKE backhaul.bars,
         CONSTRAINT month CHECK (ts >= '2024-01-01Z' AND ts < '2024-02-01Z'));
       ALTER TABLE backhaul.bars_2024_01 INHERIT backhaul.bars_bare;
       INSERT INTO backhaul.bars_2024_01 (series_id, ts, close) VALUES (1, '2024-01-15Z', 42)`,
    );
    const look = async (): Promise<unknown> =>
      (await client.query('SELECT symbol, ts, close, sma_20 FROM backhaul.candles')).rows;
    const bar = [{ symbol: 'S', ts: new Date('2024-01-15T00:00:00Z'), close: 42, sma_20: null }];
    expect(await look()).toEqual(bar);
    await client.query(
      `ALTER TABLE backhaul.bars_2024_01 ADD PRIMARY KEY (series_id, ts);
       ALTER TABLE backhaul.bars_2024_01 NO INHERIT backhaul.bars_bare;
       ALTER TABLE backhaul.bars ATTACH PARTITION backhaul.bars_2024_01 FOR VALUES FROM ('2024-01-01Z') TO ('2024-02-01Z')`,
    );
    expect(await look()).toEqual(bar);
    expect(await isHypertable(client)).toBe(false);
  });

  test('can be read, and only read, by backhaul_reader; leaves made later too', async () => {
    const client = await database.client();
    await client.query('SET ROLE backhaul_reader');
    expect((await client.query('SELECT * FROM backhaul.candles')).rowCount).toBe(1);
    expect((await client.query('SELECT * FROM backhaul.bars_2024_01')).rowCount).toBe(1);
    await expect(client.query('DELETE FROM backhaul.bars')).rejects.toMatchObject({ code: '42501' });
    await expect(
      client.query(`INSERT INTO backhaul.run (owner, command) VALUES (NULL, 'x')`),
    ).rejects.toMatchObject({
      code: '42501',
    });
    await client.query('RESET ROLE');
  });
});

describe('the database holds the same table of moves as machine.ts', () => {
  /** Columns that each state's CHECKs ask for, so that only the move itself can be refused. */
  const columns: Readonly<Record<string, string>> = {
    pending: `owner = NULL, lease_until = NULL, finished_at = NULL`,
    running: `owner = gen_random_uuid(), lease_until = now(), claimed_at = now(), finished_at = NULL`,
    loaded: `owner = NULL, lease_until = NULL, finished_at = now(), rows_read = 3, rows_loaded = 1, rows_rejected = 1,
             rows_duplicate = 1, error = NULL, plan = '{}', lane = 'l'`,
    failed: `owner = NULL, lease_until = NULL, finished_at = now(), error = '{"kind":"internal","message":"m"}'`,
    skipped: `owner = NULL, lease_until = NULL, finished_at = now()`,
  };
  const way: Readonly<Record<string, readonly string[]>> = {
    pending: [],
    running: ['running'],
    loaded: ['running', 'loaded'],
    failed: ['running', 'failed'],
    skipped: ['skipped'],
  };

  async function move(id: number, to: string): Promise<void> {
    const claim = to === 'running' ? `CASE WHEN state = 'pending' THEN 1 ELSE 0 END` : '0';
    await pool.query(
      `UPDATE backhaul.task SET state = $2, attempt = attempt + ${claim}, ${columns[to]} WHERE task_id = $1`,
      [id, to],
    );
  }

  async function taskIn(state: string): Promise<number> {
    const { rows } = await pool.query<{ task_id: number }>(
      `INSERT INTO backhaul.task (uri, etag, size_bytes) VALUES (gen_random_uuid(), 'e', 1) RETURNING task_id`,
    );
    const id = rows[0]!.task_id;
    for (const step of way[state]!) await move(id, step);
    return id;
  }

  beforeAll(() => migrate(pool));

  test.each(
    TASK_STATES.flatMap((from) => TASK_STATES.filter((to) => to !== from).map((to) => [from, to] as const)),
  )('%s to %s', async (from, to) => {
    const legal = TRANSITION_NAMES.some((event) => nextState(from, event) === to);
    const id = await taskIn(from);
    const moved = move(id, to);
    if (legal) await moved;
    else await expect(moved).rejects.toMatchObject({ code: '23514', constraint: 'task_transition' });
  });

  test('an event is noted only with the states it moves between', async () => {
    const id = await taskIn('pending');
    const all = TRANSITION_NAMES.flatMap((event) =>
      TASK_STATES.flatMap((from) => TASK_STATES.map((to) => [event, from, to] as const)),
    );
    const note = `INSERT INTO backhaul.task_event (task_id, event, from_state, to_state, attempt)
                  VALUES ($1, $2, $3, $4, 0)`;
    const noted = await Promise.allSettled(all.map((one) => pool.query(note, [id, ...one])));
    const legal = all.filter((_, n) => noted[n]!.status === 'fulfilled').map((one) => one.join(' '));
    const table = TRANSITION_NAMES.map((name) => `${name} ${TRANSITIONS[name].from} ${TRANSITIONS[name].to}`);
    expect(legal.toSorted()).toEqual(table.toSorted());
  });

  test('a task is born pending, and the number of its attempt moves with a claim alone', async () => {
    const born = `INSERT INTO backhaul.task (uri, etag, size_bytes, state, error, finished_at)
                  VALUES ('born', 'e', 1, 'failed', '{}', now())`;
    await expect(pool.query(born)).rejects.toMatchObject({ constraint: 'task_transition' });
    const id = await taskIn('running');
    for (const attempt of [0, 2, 100])
      await expect(
        pool.query('UPDATE backhaul.task SET attempt = $2 WHERE task_id = $1', [id, attempt]),
      ).rejects.toMatchObject({ constraint: 'task_transition' });
  });

  test.each([
    ['running without an owner', 'running', 'owner = NULL, lease_until = NULL'],
    ['pending with a lease', 'pending', 'owner = gen_random_uuid(), lease_until = now()'],
    ['failed without a reason', 'failed', 'error = NULL'],
    ['loaded with counts that do not add up', 'loaded', 'rows_loaded = rows_loaded + 1'],
    ['loaded without counts', 'loaded', 'rows_read = NULL'],
    ['loaded with an error', 'loaded', `error = '{}'`],
    ['loaded without a time', 'loaded', 'finished_at = NULL'],
    ['pending with a time', 'pending', 'finished_at = now()'],
  ])('no task is %s', async (_, state, change) => {
    const id = await taskIn(state);
    await expect(
      pool.query(`UPDATE backhaul.task SET ${change} WHERE task_id = $1`, [id]),
    ).rejects.toMatchObject({
      code: '23514',
    });
  });
});
