import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client, Pool } from 'pg';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { connect, createPool } from '../../src/database/connect.ts';
import { embeddedUrl } from '../../src/database/embedded.ts';
import { runLoad } from '../../src/load/load.ts';
import type { LoadEvent } from '../../src/load/load_events.ts';
import { answerOf } from '../commands/in_process.ts';
import { testDatabase } from '../database.ts';
import { LOAD_DEFAULTS, load, scratchFolder } from '../e2e/loading.ts';
import { krakenCsv, walk, write } from '../e2e/market.ts';
import { type Copy, differences, type Original, originals, snapshot } from './copies.ts';
import { type Ended, onThreads, type Program, start } from './program.ts';
import { openProxy } from './proxy.ts';
import { freshWorld, onCopy } from './worlds.ts';

/**
 * Ctrl-C, SIGTERM and readers that go away, at the moments that matter: the command ends by itself, soon, with the code
 * it promises; nothing of it is left; the same command again ends as if nothing had been. Moments are held by locks
 * that the test takes and lets go, and met by looking for what then waits: no test counts on how long anything takes.
 */

const LONG = process.env['BACKHAUL_LONG'] === '1';

/** Presses closer together than this are one. */
const PRESS_MS = 300;
/** What ends at once does so well within this, however busy the machine; the leases of these loads are longer. */
const AT_ONCE_MS = 60_000;
const LEASE = ['--lease-seconds', '600'] as const;

const databases = await originals();
const bare = await testDatabase({ content: 'empty' });
const { rows: servers } = await bare.pool.query<{ version: number }>(
  `SELECT current_setting('server_version_num')::int AS version`,
);
/** Before, no server could tell that the program behind a statement is gone (`src/database/connect.ts`). */
const SEES_ORPHANS = servers[0]!.version >= 140_000;
const folder = scratchFolder();
const world = freshWorld(join(folder, 'fresh'), 2);
let original: Original;
let gapped: Original;
let undisturbed: Record<string, string>;
const hole = join(folder, 'hole');

beforeAll(async () => {
  original = await databases.original(world.prepare);
  undisturbed = await onCopy(original, async (copy) => {
    await load(copy.url, [world.source]);
    return snapshot(copy.pool);
  });
  const bars = walk('XBTUSD', Date.UTC(2024, 0, 1) / 1000, Date.UTC(2024, 9, 1) / 1000, 3600, 5);
  const quarter = (q: number, place: string): string => {
    const [from, to] = [Date.UTC(2024, 3 * q, 1) / 1000, Date.UTC(2024, 3 * q + 3, 1) / 1000];
    const some = bars.filter((bar) => bar.time >= from && bar.time < to);
    return write(folder, `${place}/q${q + 1}/XBTUSD_60.csv`, krakenCsv(some));
  };
  const standing = [quarter(0, 'ends'), quarter(2, 'ends')];
  quarter(1, 'hole');
  gapped = await databases.original(async (url) => {
    await load(url, standing, { workers: 1 });
    await answerOf(['gaps', 'scan', '--to', '2024-10-01'], { env: { DATABASE_URL: url } });
  });
});

// ── what a command leaves behind ───────────────────────────────────────────────────────────────────────────────────

/** Everything of a command's that the database still shows; sessions just broken off get a moment to go. */
async function remains(db: Pool): Promise<unknown> {
  for (const limit = Date.now() + 10_000; ; await sleep(40)) {
    const { rows } = await db.query<{ sessions: string[]; runs: number; tasks: number }>(
      `SELECT (SELECT coalesce(array_agg(application_name || ': ' || query), '{}') FROM pg_stat_activity
               WHERE datname = current_database() AND application_name LIKE 'backhaul%') AS sessions,
              (SELECT count(*)::int FROM backhaul.run WHERE state = 'running') AS runs,
              (SELECT count(*)::int FROM backhaul.task WHERE state = 'running') AS tasks`,
    );
    if (rows[0]!.sessions.length === 0 || Date.now() > limit) return rows[0];
  }
}

const NOTHING = { sessions: [], runs: 0, tasks: 0 };

/** Programs whose working folder, or whose arguments, name a folder. */
function programsIn(place: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
        return line.includes(place) || readlinkSync(`/proc/${pid}/cwd`).startsWith(place) ? [line] : [];
      } catch {
        return []; // It has ended, or is none of ours.
      }
    });
}

async function goesOn(copy: Copy): Promise<void> {
  await load(copy.url, [world.source], { batchBytes: 65_536 });
  expect(differences(await snapshot(copy.pool), undisturbed)).toEqual([]);
}

const startIn = (copy: Copy, ...flags: string[]): Program =>
  start(['load', world.source, ...onThreads(1), ...LEASE, ...flags], { env: { DATABASE_URL: copy.url } });

// ── moments ────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Holds a lock until it is let go, or the test is over. */
async function hold(copy: { readonly url: string }, sql: string): Promise<() => Promise<void>> {
  const client: Client = await connect(copy.url, { applicationName: 'test lock' });
  let held = true;
  const letGo = async (): Promise<void> => {
    if (!held) return;
    held = false;
    // Its database may be gone by now, and the session with it.
    await client.query('ROLLBACK').catch(() => {});
    await client.end().catch(() => {});
  };
  onTestFinished(letGo);
  await client.query('BEGIN');
  await client.query(sql);
  return letGo;
}

/** Resolves when so many sessions answer to a condition. */
async function until(db: Pool, condition: string, least = 1): Promise<void> {
  const sql = `SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = current_database()
    AND application_name LIKE 'backhaul%' AND ${condition}`;
  while ((await db.query<{ n: number }>(sql)).rows[0]!.n < least) await sleep(40);
}

const WAITS = `wait_event_type = 'Lock'`;

/** Ends a program, if it does so at all, and says how long it took. */
async function ending(program: Program): Promise<Ended & { readonly soon: boolean }> {
  const started = performance.now();
  const ended = await program.ended;
  return { ...ended, soon: performance.now() - started < AT_ONCE_MS };
}

const INTERRUPTED = { code: 130, signal: null, hung: false, soon: true };

describe('a load whose files are at work', () => {
  /** Its workers wait in their transactions, just before they commit. */
  const LOCK = 'LOCK TABLE backhaul.coverage IN ACCESS EXCLUSIVE MODE';

  it('finishes them at SIGTERM, and claims no more', async () => {
    await onCopy(original, async (copy) => {
      const letGo = await hold(copy, LOCK);
      const program = startIn(copy, '--workers', '2', '--drain-seconds', '600');
      await until(copy.pool, WAITS, 2);
      program.child.kill('SIGTERM');
      await program.said('Ctrl-C again stops at once.');
      await letGo();
      const ended = await ending(program);
      expect(ended).toMatchObject(INTERRUPTED);
      expect(ended.stderr).toMatch(/^Interrupted: finishing \d files?, for at most 600 s\. /m);
      expect(ended.stdout).toMatch(/^Interrupted\. Loaded /);
      expect(await remains(copy.pool)).toEqual(NOTHING);
      const { rows } = await copy.pool.query<{ state: string; n: number }>(
        'SELECT state, count(*)::int AS n FROM backhaul.task GROUP BY state ORDER BY state',
      );
      expect(rows.map((row) => row.state)).toEqual(['loaded', 'pending']);
      await goesOn(copy);
    });
  });

  it('tells what is at work at the very moment it is asked to drain, not as of the last progress', async () => {
    await onCopy(original, async (copy) => {
      const letGo = await hold(copy, LOCK);
      const drain = new AbortController();
      const { signal: abort } = new AbortController();
      const events: LoadEvent[] = [];
      const options = { ...LOAD_DEFAULTS, sources: [world.source], databaseUrl: copy.url, workers: 1 };
      const loading = runLoad(options, (event) => events.push(event), { drain: drain.signal, abort });
      await until(copy.pool, WAITS);
      const before = events.length;
      drain.abort();
      expect(events.slice(before)).toMatchObject([{ type: 'progress', phase: 'load', workers: 1 }]);
      await letGo();
      expect(await loading).toMatchObject({ interrupted: true });
    });
  });

  it('puts back what has not ended when the time of a drain is over', async () => {
    await onCopy(original, async (copy) => {
      await hold(copy, LOCK);
      const program = startIn(copy, '--drain-seconds', '1');
      await until(copy.pool, WAITS);
      // As a scheduler ends it: what has not ended by itself must be done with before the scheduler's patience is.
      program.child.kill('SIGTERM');
      const ended = await ending(program);
      expect(ended).toMatchObject(INTERRUPTED);
      expect(ended.stderr).not.toContain('Stopping at once');
      expect(await remains(copy.pool)).toEqual(NOTHING);
    });
  });

  it('stops at once at the second SIGINT', async () => {
    await onCopy(original, async (copy) => {
      const letGo = await hold(copy, LOCK);
      const program = startIn(copy, '--drain-seconds', '600');
      await until(copy.pool, WAITS);
      program.child.kill('SIGINT');
      await program.said('Ctrl-C again stops at once.');
      await sleep(PRESS_MS);
      program.child.kill('SIGINT');
      const ended = await ending(program);
      expect(ended).toMatchObject(INTERRUPTED);
      expect(ended.stderr).toContain('Stopping at once; nothing half loaded stays.');
      // The lock is still held: nobody waited for it.
      expect(await remains(copy.pool)).toEqual(NOTHING);
      await letGo();
      await goesOn(copy);
    });
  });

  it('stops at once although the server says nothing any more', async () => {
    await onCopy(original, async (copy) => {
      const direct = new URL(copy.url);
      const port = (await copy.pool.query<{ port: number }>('SHOW port')).rows[0]!.port;
      direct.host = `127.0.0.1:${port}`;
      direct.search = '';
      const proxy = await openProxy(direct.href);
      await hold(copy, LOCK);
      const program = start(['load', world.source, ...onThreads(1), ...LEASE, '--drain-seconds', '600'], {
        env: { DATABASE_URL: proxy.url },
      });
      await until(copy.pool, WAITS);
      proxy.stall();
      program.child.kill('SIGINT');
      await program.said('Ctrl-C again stops at once.');
      await sleep(PRESS_MS);
      program.child.kill('SIGINT');
      expect(await ending(program)).toMatchObject(INTERRUPTED);
    });
  });
});

describe('a load that builds keys', () => {
  /** Every key takes a minute: as long as a large leaf's. */
  async function slowKeys(copy: Copy): Promise<void> {
    await copy.pool.query(
      `CREATE FUNCTION public.slow_key() RETURNS event_trigger LANGUAGE plpgsql AS $$
       BEGIN IF current_query() LIKE '%ADD PRIMARY KEY%' THEN PERFORM pg_sleep(60); END IF; END $$;
       CREATE EVENT TRIGGER slow_key ON ddl_command_start WHEN TAG IN ('ALTER TABLE') EXECUTE FUNCTION public.slow_key()`,
    );
  }
  const BUILDING = `query LIKE '%ADD PRIMARY KEY%' AND wait_event = 'PgSleep'`;

  it.each([
    { presses: 1, drain: '1' },
    { presses: 2, drain: '600' },
  ])(
    'cancels them in the server, after $presses Ctrl-C and $drain s of drain',
    async ({ presses, drain }) => {
      await onCopy(original, async (copy) => {
        await slowKeys(copy);
        const program = startIn(copy, '--drain-seconds', drain);
        await until(copy.pool, BUILDING);
        program.child.kill('SIGINT');
        await program.said('Interrupted: finishing the keys that are being built');
        if (presses === 2) {
          await sleep(PRESS_MS);
          program.child.kill('SIGINT');
        }
        expect(await ending(program)).toMatchObject(INTERRUPTED);
        expect(await remains(copy.pool)).toEqual(NOTHING);
        await copy.pool.query('DROP EVENT TRIGGER slow_key; DROP FUNCTION public.slow_key');
        await goesOn(copy);
      });
    },
  );

  it.skipIf(!SEES_ORPHANS)('leaves the server nothing to build for a loader that was killed', async () => {
    await onCopy(original, async (copy) => {
      await slowKeys(copy);
      const program = startIn(copy);
      await until(copy.pool, BUILDING);
      program.child.kill('SIGKILL');
      await program.ended;
      expect(await remains(copy.pool)).toMatchObject({ sessions: [] });
    });
  });
});

/** A server that takes connections and never says a word. */
async function silentServer(): Promise<{
  readonly port: number;
  readonly met: Promise<void>;
  readonly server: Server;
}> {
  let meet = (): void => {};
  const met = new Promise<void>((resolve) => {
    meet = resolve;
  });
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', meet);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const address = server.address();
  return { port: typeof address === 'object' && address !== null ? address.port : 0, met, server };
}

describe('a load that waits', () => {
  it('for a database that does not answer ends at the first Ctrl-C', async () => {
    const { port, met } = await silentServer();
    const program = start(['load', world.source], {
      env: { DATABASE_URL: `postgres://me@127.0.0.1:${port}/market` },
    });
    await met;
    program.child.kill('SIGINT');
    const ended = await ending(program);
    expect(ended).toMatchObject(INTERRUPTED);
    expect(ended.stderr).toContain('Interrupted before anything was loaded.');
  });

  it.skipIf(!SEES_ORPHANS)('for another program that makes the tables ends at the first Ctrl-C', async () => {
    await hold(bare, `SELECT pg_advisory_xact_lock(hashtextextended('backhaul.migration', 0))`);
    const program = start(['load', world.source], { env: { DATABASE_URL: bare.url } });
    await until(bare.pool, WAITS);
    program.child.kill('SIGINT');
    expect(await ending(program)).toMatchObject(INTERRUPTED);
    for (const limit = Date.now() + 10_000; ; await sleep(40)) {
      const { rows } = await bare.pool.query(
        `SELECT query FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'backhaul%'`,
      );
      if (rows.length === 0) break;
      expect(Date.now(), JSON.stringify(rows)).toBeLessThan(limit);
    }
  });

  it('for a listing ends at the first Ctrl-C', async () => {
    await onCopy(original, async (copy) => {
      const { port, met } = await silentServer();
      const program = start(
        ['load', 's3://bucket/prefix', '--endpoint-url', `http://127.0.0.1:${port}`, '--path-style'],
        {
          env: {
            DATABASE_URL: copy.url,
            AWS_ACCESS_KEY_ID: 'a',
            AWS_SECRET_ACCESS_KEY: 'b',
            AWS_REGION: 'us-east-1',
            AWS_EC2_METADATA_DISABLED: 'true',
          },
        },
      );
      await met;
      program.child.kill('SIGINT');
      expect(await ending(program)).toMatchObject(INTERRUPTED);
      expect(await remains(copy.pool)).toEqual(NOTHING);
    });
  });
});

describe('the other commands that change something', () => {
  it('gaps fill: an interrupted one leaves no gap in filling, and the next one fills', async () => {
    await onCopy(gapped, async (copy) => {
      const letGo = await hold(copy, 'LOCK TABLE backhaul.coverage IN EXCLUSIVE MODE');
      const program = start(['gaps', 'fill', hole, '--drain-seconds', '1'], {
        env: { DATABASE_URL: copy.url },
      });
      await until(copy.pool, WAITS);
      program.child.kill('SIGINT');
      expect(await ending(program)).toMatchObject(INTERRUPTED);
      expect(await remains(copy.pool)).toEqual(NOTHING);
      const { rows } = await copy.pool.query('SELECT DISTINCT state FROM backhaul.gap');
      expect(rows).toEqual([{ state: 'unfillable' }]);
      await letGo();
      const again = await answerOf(['gaps', 'fill', hole], { env: { DATABASE_URL: copy.url } });
      // Its quarter, and not the hours around it that the others lack.
      expect(again).toMatchObject({ code: 3 });
      expect(again.stdout).toContain('2,184 bars covered that were not');
    });
  });

  it('gaps fill --api: one that waits for an answer ends at the first Ctrl-C', async () => {
    await onCopy(gapped, async (copy) => {
      // Within the reach of the API, as it were.
      await copy.pool.query(
        `DELETE FROM backhaul.gap WHERE gap_id <> (SELECT min(gap_id) FROM backhaul.gap);
         UPDATE backhaul.gap SET start_ts = now() - interval '10 hours', end_ts = now() - interval '5 hours',
           overflow = -700, state = 'detected'`,
      );
      const { port, met } = await silentServer();
      const args = ['gaps', 'fill', '--api', 'kraken', '--api-url', `http://127.0.0.1:${port}`];
      const program = start(args, { env: { DATABASE_URL: copy.url } });
      await Promise.race([met, program.ended.then(({ stdout, stderr }) => Promise.reject(stdout + stderr))]);
      program.child.kill('SIGINT');
      expect(await ending(program)).toMatchObject(INTERRUPTED);
      const { rows } = await copy.pool.query(`SELECT gap_id FROM backhaul.gap WHERE state = 'filling'`);
      expect(rows).toEqual([]);
      expect(await remains(copy.pool)).toEqual(NOTHING);
    });
  });

  it.skipIf(!SEES_ORPHANS)('recompute ends with the series at work, or at once', async () => {
    await onCopy(gapped, async (copy) => {
      await hold(copy, 'LOCK TABLE backhaul.indicator_state IN EXCLUSIVE MODE');
      const program = start(['recompute'], { env: { DATABASE_URL: copy.url } });
      await until(copy.pool, WAITS);
      program.child.kill('SIGINT');
      await program.said('Interrupted: ending with the series at work.');
      await sleep(PRESS_MS);
      program.child.kill('SIGINT');
      expect(await ending(program)).toMatchObject(INTERRUPTED);
      expect(await remains(copy.pool)).toEqual(NOTHING);
    });
  });

  it('report, validate, gaps scan, query and status end at the first Ctrl-C', async () => {
    await onCopy(gapped, async (copy) => {
      for (const args of [
        ['report'],
        ['validate'],
        ['gaps', 'scan'],
        ['query', 'SELECT * FROM bars'],
        ['status', '--watch'],
      ]) {
        const letGo = await hold(copy, 'LOCK TABLE backhaul.bars, backhaul.task IN ACCESS EXCLUSIVE MODE');
        const program = start(args, { env: { DATABASE_URL: copy.url } });
        await until(copy.pool, WAITS);
        program.child.kill('SIGINT');
        // What waits for a lock between two looks of a watch is over with it.
        if (args[0] === 'status') await letGo();
        const code = args[0] === 'status' ? 0 : 130;
        expect([args, await ending(program)]).toMatchObject([args, { ...INTERRUPTED, code }]);
        await letGo();
        expect([args, await remains(copy.pool)]).toEqual([args, NOTHING]);
      }
    });
  });
});

describe('a reader of stdout that goes away', () => {
  /** Starts a command, closes its stdout after the first piece (or at once), and waits for its end. */
  async function unread(copy: Copy, args: readonly string[], atOnce: boolean): Promise<Ended> {
    const program = start(args, { env: { DATABASE_URL: copy.url } });
    const stdout = program.child.stdout!;
    if (atOnce) stdout.destroy();
    else stdout.once('data', () => stdout.destroy());
    const ended = await ending(program);
    expect(ended).toMatchObject({ hung: false, signal: null, soon: true, stderr: '' });
    expect(await remains(copy.pool)).toEqual(NOTHING);
    return ended;
  }

  it('ends what only tells something quietly, with 0', async () => {
    await onCopy(gapped, async (copy) => {
      const many = 'SELECT g, repeat(md5(g::text), 20) FROM generate_series(1, 50000) g';
      // Each command once, half of them before their first word and half after it; in a long run some both ways.
      for (const [atOnce, ...args] of [
        [false, 'query', many, '--csv'],
        [false, 'status', '--watch', '--json'],
        [true, 'report', '--json'],
        [true, 'gaps', 'list', '--csv'],
        ...(LONG
          ? ([
              [true, 'query', many, '--json'],
              [false, 'report'],
            ] as const)
          : []),
      ] as const)
        expect([args, (await unread(copy, args, atOnce)).code]).toEqual([args, 0]);
    });
  });

  it('ends a load that tells JSON lines as Ctrl-C does; the same command goes on', async () => {
    await onCopy(original, async (copy) => {
      const letGo = await hold(copy, 'LOCK TABLE backhaul.coverage IN ACCESS EXCLUSIVE MODE');
      const program = startIn(copy, '--json', '--drain-seconds', '1');
      await until(copy.pool, WAITS);
      program.child.stdout!.destroy();
      const ended = await ending(program);
      expect(ended).toMatchObject(INTERRUPTED);
      expect(ended.stderr).toContain('Nobody reads the JSON lines any more: finishing 1 file');
      await letGo();
      expect(await remains(copy.pool)).toEqual(NOTHING);
      await goesOn(copy);
    });
  });

  it('is nothing to a load that has only its summary to tell, nor is a closed stderr', async () => {
    await onCopy(original, async (copy) => {
      const program = startIn(copy);
      program.child.stdout!.destroy();
      program.child.stderr!.destroy();
      expect(await ending(program)).toMatchObject({ hung: false, soon: true, code: 3 });
      expect(differences(await snapshot(copy.pool), undisturbed)).toEqual([]);
      expect(await remains(copy.pool)).toEqual(NOTHING);
    });
  });
});

describe.skipIf(process.platform !== 'linux')('the embedded server of a command that is interrupted', () => {
  function place(): string {
    const made = mkdtempSync(join(tmpdir(), 'backhaul-shutdown-'));
    mkdirSync(join(made, 'files'));
    write(
      made,
      'files/XBTUSD_1440.csv',
      krakenCsv(walk('XBTUSD', 1_704_067_200, 1_711_929_600, 86_400, 1, 1)),
    );
    onTestFinished(() => rmSync(made, { recursive: true, force: true }));
    return made;
  }
  const dataOf = (cwd: string): string =>
    (JSON.parse(readFileSync(join(cwd, '.backhaul/database.json'), 'utf8')) as { data: string }).data;
  const made = (cwd: string): boolean => existsSync(join(cwd, '.backhaul/database.json'));

  /** Nothing runs, and what a start that was given up had begun is gone. */
  function expectNothingLeft(cwd: string): void {
    expect(programsIn(cwd)).toEqual([]);
    const files = readdirSync(cwd, { recursive: true, encoding: 'utf8' });
    expect(files.filter((name) => name.endsWith('.making'))).toEqual([]);
    if (!made(cwd)) return;
    const data = dataOf(cwd);
    expect(programsIn(data)).toEqual([]);
    const folderOfData = join(data, '..');
    const half = existsSync(folderOfData)
      ? readdirSync(folderOfData).filter((name) => name.includes('.new-'))
      : [];
    expect(half).toEqual([]);
  }

  /** Ends `command` by Ctrl-C while it makes its server; a load there then does as anywhere. */
  async function givenUp(...args: readonly string[]): Promise<string> {
    const cwd = place();
    const program = start(args, { cwd });
    while (!made(cwd) || programsIn(dataOf(cwd)).length === 0) await sleep(20);
    program.child.kill('SIGINT');
    expect(await ending(program)).toMatchObject(INTERRUPTED);
    expectNothingLeft(cwd);
    return cwd;
  }

  it('is not left half made by db start', async () => {
    await givenUp('db', 'start');
  });

  it('is not left half made by load, nor running by what was starting it, nor by what used it', async () => {
    const cwd = await givenUp('load', 'files');
    const again = await start(['load', 'files'], { cwd }).ended;
    expect(again.code, again.stderr).toBe(0);
    expectNothingLeft(cwd);

    const starting = start(['query', 'SELECT pg_sleep(60)'], { cwd });
    while (programsIn(dataOf(cwd)).length === 0) await sleep(20);
    starting.child.kill('SIGTERM');
    expect(await ending(starting)).toMatchObject(INTERRUPTED);
    expectNothingLeft(cwd);

    // A lock nobody else could hold: the command waits for itself.
    const using = start(['query', 'SELECT pg_sleep(60)'], { cwd });
    const asking = `SELECT count(*)::int AS n FROM pg_stat_activity WHERE wait_event = 'PgSleep'`;
    for (;;) {
      const address = await embeddedUrl(join(cwd, '.backhaul'));
      const db = createPool(address!.url, { applicationName: 'test', max: 1 });
      const { rows } = await db.query<{ n: number }>(asking).catch(() => ({ rows: [{ n: 0 }] }));
      await db.end();
      if (rows[0]!.n > 0) break;
      await sleep(100);
    }
    using.child.kill('SIGINT');
    expect(await ending(using)).toMatchObject(INTERRUPTED);
    expectNothingLeft(cwd);
  });

  it('of npm start is stopped, while it makes its files, starts, and loads', async () => {
    const cwd = place();
    // It starts its server as load does, which is interrupted there above: that moment is for the long run.
    const moments: readonly ((program: Program) => Promise<void>)[] = [
      (program) => program.said('Sample files'),
      ...(LONG ? [(program: Program) => program.said(' records in ')] : []),
      (program) => program.said(' to load'),
    ];
    for (const moment of moments) {
      const program = start(['demo'], { cwd });
      await moment(program);
      program.child.kill('SIGINT');
      expect(await ending(program)).toMatchObject(INTERRUPTED);
      expectNothingLeft(cwd);
    }
  });
});

afterAll(() => {
  expect(programsIn(folder)).toEqual([]);
});
