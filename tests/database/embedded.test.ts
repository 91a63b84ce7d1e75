import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import {
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { connect } from '../../src/database/connect.ts';
import { embeddedUrl, ensureEmbedded, startEmbedded, stopEmbedded } from '../../src/database/embedded.ts';
import { isReachable, ownFolder } from '../../src/database/embedded_binaries.ts';
import { findServer, freePort, tuning } from '../../src/database/embedded_server.ts';
import { migrate } from '../../src/state/schema/migrate.ts';

const run = promisify(execFile);

/** A small server: the machine is the tests' too. */
const options = { settings: { shared_buffers: '16MB', max_connections: '20', max_wal_size: '128MB' } };

let dir: string;

beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'backhaul-embedded-'));
  await chmod(folder, 0o711);
  dir = join(folder, '.backhaul');
});

afterEach(async () => {
  await stopEmbedded(dir);
});

afterAll(async () => {
  await rm(join(dir, '..'), { recursive: true, force: true });
});

interface Described {
  readonly data: string;
  readonly sockets: string;
  readonly password: string;
}

async function described(): Promise<Described> {
  return JSON.parse(await readFile(join(dir, 'database.json'), 'utf8')) as Described;
}

async function serverPid(): Promise<number | null> {
  return (await findServer((await described()).data))?.pid ?? null;
}

async function ask<T extends object>(url: string, sql: string): Promise<T[]> {
  const client = await connect(url, { applicationName: 'test' });
  try {
    return (await client.query<T>(sql)).rows;
  } finally {
    await client.end();
  }
}

describe('the embedded server', () => {
  test('is made and started by the first to need it, found by the next, stopped by the last', async () => {
    expect(await embeddedUrl(dir)).toBeNull();
    expect(await stopEmbedded(dir)).toBe(false);
    const first = await ensureEmbedded(dir, options);
    expect(first.startedByUs).toBe(true);
    const second = await ensureEmbedded(dir, options);
    expect(second).toMatchObject({ startedByUs: false, url: first.url });
    for (const url of [first.url, first.socketUrl])
      expect(await ask(url, 'SELECT current_database() AS name')).toEqual([{ name: 'backhaul' }]);
    await first.release();
    expect(await embeddedUrl(dir)).toMatchObject({ running: true });
    await second.release();
    await second.release();
    expect(await embeddedUrl(dir)).toMatchObject({ running: false, url: first.url });
  });

  test('lets nobody else in, and tells nobody how', async () => {
    const { url, socketUrl } = await startEmbedded(dir, options);
    const { password, data, sockets } = await described();
    expect(password).toMatch(/^[0-9a-f]{32}$/);
    expect((await stat(join(dir, 'database.json'))).mode & 0o777).toBe(0o600);
    expect((await stat(data)).mode & 0o077).toBe(0);
    expect((await stat(sockets)).mode & 0o077).toBe(0);
    // A socket's path has 107 bytes.
    expect(`${sockets}/.s.PGSQL.65535`.length).toBeLessThan(100);
    for (const one of [url, socketUrl]) {
      const wrong = new URL(one);
      wrong.password = 'wrong';
      await expect(connect(wrong.href)).rejects.toMatchObject({ fault: { code: '28P01' } });
    }
    const { port } = new URL(url);
    await expect(connect(`postgres://backhaul:${password}@127.0.0.2:${port}/backhaul`)).rejects.toMatchObject(
      {
        fault: { code: 'ECONNREFUSED' },
      },
    );
    const log = await readFile(join(dir, 'postgres.log'), 'utf8');
    expect(log).not.toContain(password);
    if (process.platform === 'linux')
      expect(await readFile(`/proc/${await serverPid()}/cmdline`, 'utf8')).not.toContain(password);
  });

  test('stays after db start until db stop, whoever comes and goes', async () => {
    const { url } = await startEmbedded(dir, options);
    const handle = await ensureEmbedded(dir, options);
    expect(handle.startedByUs).toBe(false);
    await handle.release();
    expect(await embeddedUrl(dir)).toMatchObject({ running: true, url });
    expect(await stopEmbedded(dir)).toBe(true);
    expect(await stopEmbedded(dir)).toBe(false);
  });

  test('outlives the program that started it by db start', async () => {
    const module = new URL('../../src/database/embedded.ts', import.meta.url).href;
    const program = `const { startEmbedded } = await import(${JSON.stringify(module)});
      await startEmbedded(${JSON.stringify(dir)}, ${JSON.stringify(options)});`;
    await run(process.execPath, ['--input-type=module', '-e', program]);
    const address = await embeddedUrl(dir);
    expect(address?.running).toBe(true);
    expect(await ask(address!.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  test('is started once by several who need it at the same moment, and no one stops it under another', async () => {
    const use = async (n: number): Promise<number> => {
      await sleep(n * 15);
      const handle = await ensureEmbedded(dir, options);
      const client = await connect(handle.socketUrl, { applicationName: `backhaul ${n}` });
      await client.query('SELECT pg_sleep(0.05)');
      await client.end();
      await handle.release();
      return handle.startedByUs ? 1 : 0;
    };
    // Late ones come while the early ones leave: they find it stopping, and start it again.
    const starts = await Promise.all(Array.from({ length: 10 }, (_, n) => use(n)));
    expect(starts.reduce((sum, one) => sum + one)).toBeGreaterThanOrEqual(1);
    expect(await embeddedUrl(dir)).toMatchObject({ running: false });
  });

  test('is not entered while its last user stops it: a newcomer waits, and starts it again', async () => {
    const { url } = await startEmbedded(dir, options);
    const handle = await ensureEmbedded(dir, options);
    const stopper = await connect(new URL('/postgres', url).href);
    const { rows } = await stopper.query<{ key: number }>(
      `SELECT objid::bigint AS key FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ShareLock'`,
    );
    await handle.release();
    await stopper.query('SELECT pg_advisory_lock($1)', [rows[0]!.key]);
    let entered = false;
    const newcomer = ensureEmbedded(dir, options).finally(() => {
      entered = true;
    });
    await expect
      .poll(async () => (await stopper.query('SELECT 1 FROM pg_locks WHERE NOT granted')).rowCount)
      .toBe(1);
    expect(entered).toBe(false);
    const ended = new Promise((resolve) => stopper.once('end', resolve));
    process.kill((await serverPid())!, 'SIGINT');
    await ended;
    const again = await newcomer;
    expect(again.startedByUs).toBe(true);
    await again.release();
  });

  test('is not stopped while a session of another backhaul is left', async () => {
    const handle = await ensureEmbedded(dir, options);
    const other = await connect(handle.url, { applicationName: 'backhaul 7/1' });
    await handle.release();
    expect((await other.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    await other.end();
  });

  test('comes back after kill -9 with all that was committed', async () => {
    const { url } = await startEmbedded(dir, options);
    const client = await connect(url);
    await migrate(client);
    await client.query(`INSERT INTO backhaul.series (venue, symbol, interval_s) VALUES ('v', 'S', 60)`);
    const ended = new Promise((resolve) => client.once('end', resolve));
    process.kill((await serverPid())!, 'SIGKILL');
    await ended;
    const handle = await ensureEmbedded(dir, options);
    expect(handle.startedByUs).toBe(true);
    expect(await ask(handle.url, 'SELECT venue, symbol FROM backhaul.series')).toEqual([
      { venue: 'v', symbol: 'S' },
    ]);
    await handle.release();
    // It had been started by db start: it stays.
    expect(await embeddedUrl(dir)).toMatchObject({ running: true });
  });

  test.skipIf(process.platform !== 'linux')(
    'starts although a session of the killed one still computes',
    async () => {
      const { url } = await startEmbedded(dir, options);
      const client = await connect(url);
      const computing = client.query('SELECT count(*) FROM generate_series(1, 1e12::bigint)').catch(() => {});
      await expect
        .poll(() =>
          ask(url, `SELECT 1 AS one FROM pg_stat_activity WHERE query LIKE '%1e12%' AND state = 'active'`),
        )
        .not.toEqual([]);
      process.kill((await serverPid())!, 'SIGKILL');
      const handle = await ensureEmbedded(dir, options);
      expect(await ask(handle.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
      await computing;
      await client.end();
      await handle.release();
    },
  );

  test('starts although its pid file names a stranger', async () => {
    await startEmbedded(dir, options);
    await stopEmbedded(dir);
    const { data } = await described();
    await writeFile(join(data, 'postmaster.pid'), `${process.pid}\n${data}\n1\n1\n\n\n0 0\nready\n`);
    expect(await findServer(data)).toBeNull();
    const handle = await ensureEmbedded(dir, options);
    expect(await ask(handle.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    await handle.release();
  });

  test('takes another port when somebody has taken its own', async () => {
    const { url } = await startEmbedded(dir, options);
    await stopEmbedded(dir);
    const thief = createServer();
    await new Promise<void>((resolve) => thief.listen(Number(new URL(url).port), '127.0.0.1', resolve));
    const handle = await ensureEmbedded(dir, options);
    expect(handle.url).not.toBe(url);
    expect(await ask(handle.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    await handle.release();
    thief.close();
    expect((await embeddedUrl(dir))?.url).toBe(handle.url);
  });

  test('that does not start says why, with the end of its log', async () => {
    const settings = { ...options.settings, wal_level: 'nonsense' };
    const failure = ensureEmbedded(dir, { settings });
    await expect(failure).rejects.toMatchObject({
      fault: { kind: 'database-connect', found: expect.stringContaining('nonsense') },
    });
    expect(existsSync(join((await described()).data, 'postmaster.pid'))).toBe(false);
  });

  test('of another major version is refused by name', async () => {
    const { data } = await described();
    const version = await readFile(join(data, 'PG_VERSION'), 'utf8');
    await writeFile(join(data, 'PG_VERSION'), '9\n');
    await expect(ensureEmbedded(dir, options)).rejects.toMatchObject({
      fault: { kind: 'database-connect', found: 'PostgreSQL 9' },
    });
    await writeFile(join(data, 'PG_VERSION'), version);
  });

  test('leaves no half-made folder beside its data', async () => {
    const names = await readdir(join((await described()).data, '..'));
    expect(names.filter((name) => name.includes('.new-'))).toEqual([]);
  });
});

describe('its folders', () => {
  test('a folder that others may write, or a link, is not taken for ours', async () => {
    const parent = await mkdtemp(join(tmpdir(), 'backhaul-folders-'));
    expect(await ownFolder(join(parent, 'new'), null)).toBe(true);
    expect(await ownFolder(join(parent, 'new'), null)).toBe(true);
    await mkdir(join(parent, 'open'));
    await chmod(join(parent, 'open'), 0o777);
    expect(await ownFolder(join(parent, 'open'), null)).toBe(false);
    await symlink(join(parent, 'new'), join(parent, 'link'));
    expect(await ownFolder(join(parent, 'link'), null)).toBe(false);
    await rm(parent, { recursive: true });
  });

  test('a folder below one that others may not enter is out of reach for them', async () => {
    const parent = await mkdtemp(join(tmpdir(), 'backhaul-reach-'));
    const below = join(parent, 'a', 'b');
    await mkdir(below, { recursive: true });
    const stranger = { uid: 54321, gid: 54321 };
    expect(await isReachable(below, null)).toBe(true);
    expect(await isReachable(below, stranger)).toBe(false);
    await chmod(parent, 0o711);
    expect(await isReachable(below, stranger)).toBe(true);
    await rm(parent, { recursive: true });
  });
});

describe('its settings', () => {
  const GB = 2 ** 30;
  test.each([
    [1 * GB, 10 * GB, '256MB', '64MB', '2048MB'],
    [0.25 * GB, 1 * GB, '128MB', '64MB', '1024MB'],
    [16 * GB, 500 * GB, '4096MB', '1024MB', '16384MB'],
    [512 * GB, 5000 * GB, '8192MB', '2048MB', '16384MB'],
  ])(
    'follow a machine of %d bytes of memory and %d free on disk',
    (memory, disk, buffers, maintenance, wal) => {
      expect(tuning(memory, disk)).toMatchObject({
        shared_buffers: buffers,
        maintenance_work_mem: maintenance,
        max_wal_size: wal,
        wal_level: 'minimal',
      });
      expect(tuning(memory, disk)).not.toHaveProperty('fsync');
    },
  );

  test('a free port is kept, a taken one is not', async () => {
    const port = await freePort(null);
    expect(await freePort(port)).toBe(port);
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    expect(await freePort(port)).not.toBe(port);
    server.close();
  });
});

test.skipIf(process.platform !== 'linux')(
  'the server works in its data folder, which is how it is known',
  async () => {
    await startEmbedded(dir, options);
    expect(await readlink(`/proc/${await serverPid()}/cwd`)).toBe((await described()).data);
  },
);
