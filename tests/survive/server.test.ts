import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool } from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { LOAD_POINTS } from '../../src/base/kill_points.ts';
import { connect, createPool } from '../../src/database/connect.ts';
import { serverAccount } from '../../src/database/embedded_binaries.ts';
import { load, scratchFolder, wipe } from '../e2e/loading.ts';
import { krakenCsv, random, walk, write } from '../e2e/market.ts';
import { differences, snapshot } from './copies.ts';
import { ownServer } from './own_server.ts';
import { startLoad, thawed, untilFrozen } from './program.ts';
import { openProxy } from './proxy.ts';
import { freshWorld } from './worlds.ts';

/** The server, the network and the disk fail: the load goes on, or says why not and can be resumed. */

const LONG = process.env['BACKHAUL_LONG'] === '1';

/** In the middle of a load, or where no new connection is to be had. */
const GONE = /The database is gone|No connection to the database/;

const server = await ownServer();
const folder = scratchFolder();
const db = createPool(server.url, { applicationName: 'test pool', max: 2, statementTimeoutMs: 20_000 });
afterAll(() => db.end());

const world = freshWorld(join(folder, 'small'));
/** One file of some 1.5 MB, 7 MB of rows, so that something happens in its middle. */
const large = write(
  folder,
  'large/XBTUSD_1.csv',
  krakenCsv(walk('XBTUSD', Date.UTC(2021, 0, 1) / 1000, Date.UTC(2021, 1, 1) / 1000, 60, 11, 0.6)),
);

let both: Record<string, string>;
let whole: Record<string, string>;
let few: Record<string, string>;
beforeAll(async () => {
  await load(server.url, [large]);
  whole = await snapshot(db);
  await load(server.url, [world.source]);
  both = await snapshot(db);
  await wipe(db);
  await load(server.url, [world.source]);
  few = await snapshot(db);
  await wipe(db);
});
afterEach(async () => {
  await server.startAgain();
  await wipe(db);
});

/** Resolves when a session of this name is open. */
async function met(name: string): Promise<void> {
  const sql = 'SELECT count(*)::int AS open FROM pg_stat_activity WHERE application_name = $1';
  while ((await db.query<{ open: number }>(sql, [name])).rows[0]!.open === 0) await sleep(5);
}

describe('a server that is stopped at once and started again', () => {
  const seeds = Array.from({ length: LONG ? 60 : 1 }, (_, i) => i + 1);
  it.each(seeds)('is waited for: the load goes on by itself (seed %i)', async (seed) => {
    await wipe(db);
    const next = random(seed);
    const program = startLoad(server.url, [world.source, large], { flags: ['--lease-seconds', '20'] });
    // A server that was never there is said at once: it is stopped once the load has met it.
    await met('backhaul run');
    for (let stop = 0; stop < (LONG ? 3 : 2); stop++) {
      await sleep(next() * 1000);
      await server.stopImmediately();
      await sleep(next() * 500);
      await server.startAgain();
    }
    const { code, stderr, hung } = await program.ended;
    expect({ code, hung }, stderr).toEqual({ code: 3, hung: false });
    expect(differences(await snapshot(db), both)).toEqual([]);
  });

  it('and that stays away ends the load by name; the same command goes on', async () => {
    const program = startLoad(server.url, [large], { flags: ['--json'] });
    await program.said('"type":"discovered"');
    await server.stopImmediately();
    const { code, stderr, hung } = await program.ended;
    expect({ code, hung }).toEqual({ code: 1, hung: false });
    expect(stderr).toMatch(GONE);
    await server.startAgain();
    await load(server.url, [large]);
    expect(differences(await snapshot(db), whole)).toEqual([]);
  });
});

describe.skipIf(process.platform !== 'linux')('a server that is stopped at once and started again', () => {
  const points = LONG
    ? LOAD_POINTS.filter((point) => !point.startsWith('merge.'))
    : (['discovery.stored', 'copy.opened', 'commit.sent', 'leaf.attached'] as const);
  it.each(points)('while the load is at %s, is waited for', async (point) => {
    const program = startLoad(server.url, [world.source], {
      flags: ['--lease-seconds', '20'],
      env: { BACKHAUL_FREEZE_AT: point },
    });
    await untilFrozen(program);
    await server.stopImmediately();
    await server.startAgain();
    const { code, stderr, hung } = await thawed(program);
    expect({ code, hung }, stderr).toEqual({ code: 3, hung: false });
    expect(differences(await snapshot(db), few)).toEqual([]);
  });
});

describe('a connection that is dropped in the middle of COPY', () => {
  it('is another attempt at that file alone', async () => {
    const proxy = await openProxy(server.url);
    const program = startLoad(proxy.url, [large], { flags: ['--json'] });
    for (const bytes of [1_000_000, 3_000_000]) {
      await proxy.sent(bytes);
      expect(proxy.cut(bytes)).toBe(1);
    }
    const { code, stdout, hung } = await program.ended;
    expect({ code, hung }).toEqual({ code: 0, hung: false });
    expect(stdout.match(/"outcome":"retry"/g)).toHaveLength(2);
    expect(differences(await snapshot(db), whole)).toEqual([]);
  });

  it('together with every other one is another attempt as well', async () => {
    const proxy = await openProxy(server.url);
    const program = startLoad(proxy.url, [large]);
    await proxy.sent(2_000_000);
    expect(proxy.cut()).toBeGreaterThan(2);
    const { code, hung } = await program.ended;
    expect({ code, hung }).toEqual({ code: 0, hung: false });
    expect(differences(await snapshot(db), whole)).toEqual([]);
  });
});

/** A database of its own on the server, for tests that run side by side. */
async function ownDatabase(name: string): Promise<{ readonly url: string; readonly db: Pool }> {
  const admin = await connect(server.url, { applicationName: 'test admin' });
  await admin.query(`CREATE DATABASE ${name}`);
  await admin.end();
  const url = new URL(server.url);
  url.pathname = `/${name}`;
  const pool = createPool(url.href, { applicationName: 'test pool', max: 1, statementTimeoutMs: 20_000 });
  ending.push(() => pool.end());
  return { url: url.href, db: pool };
}

const ending: (() => Promise<void>)[] = [];
afterAll(async () => {
  for (const end of ending) await end();
});

describe.concurrent('a network that goes silent', () => {
  it.each([
    ['in the middle of COPY', 'silent_copy', 1_500_000],
    ['at the start', 'silent_start', 0],
  ])('%s ends the load by name, soon after its lease', async (_, name, bytes) => {
    const own = await ownDatabase(name);
    const proxy = await openProxy(own.url);
    const program = startLoad(proxy.url, [large], { hangMs: 40_000 });
    if (bytes > 0) await proxy.sent(bytes);
    proxy.stall();
    const stalled = performance.now();
    const { code, stderr, hung } = await program.ended;
    expect({ code, hung }).toEqual({ code: 1, hung: false });
    expect(stderr).toMatch(GONE);
    // The lease of 5 s, and at most 10 s of connections that are still being tried.
    expect(performance.now() - stalled).toBeLessThan(25_000);
    // The server itself is well, but for what the silent sessions hold until their lease is over.
    await load(own.url, [large], { leaseMs: 5_000 });
    expect(differences(await snapshot(own.db), whole)).toEqual([]);
  });

  it('for less than a lease is sat out', async () => {
    const own = await ownDatabase('silent_while');
    const proxy = await openProxy(own.url);
    const program = startLoad(proxy.url, [large], { flags: ['--lease-seconds', '30'] });
    await proxy.sent(1_500_000);
    proxy.stall();
    await sleep(1_500);
    proxy.resume();
    const { code, hung } = await program.ended;
    expect({ code, hung }).toEqual({ code: 0, hung: false });
    expect(differences(await snapshot(own.db), whole)).toEqual([]);
  });
});

const mountable = process.getuid?.() === 0 && process.platform === 'linux' && canMount();

function canMount(): boolean {
  const place = join(folder, 'mount');
  mkdirSync(place);
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', place]).status === 0;
  if (mounted) spawnSync('umount', [place]);
  return mounted;
}

describe.skipIf(!mountable)('a full disk (skipped where no small one can be mounted)', () => {
  it('ends the load by name; with room again the same command goes on', async () => {
    const place = join(folder, 'tablespace');
    const account = (await serverAccount())!;
    chmodSync(folder, 0o711);
    mkdirSync(place);
    spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=10m', 'tmpfs', place]);
    const admin = await connect(server.url, { applicationName: 'test admin' });
    try {
      mkdirSync(join(place, 'space'), { mode: 0o700 });
      chownSync(join(place, 'space'), account.uid, account.gid);
      await admin.query(`CREATE TABLESPACE small LOCATION '${join(place, 'space')}'`);
      await admin.query('CREATE DATABASE full_disk TABLESPACE small');
      const url = new URL(server.url);
      url.pathname = '/full_disk';
      const { code, stderr, hung } = await startLoad(url.href, [world.source, large]).ended;
      expect({ code, hung }, stderr).toEqual({ code: 1, hung: false });
      expect(stderr).toContain('No space left on device');
      expect(stderr).toContain('make room on the disk');
      spawnSync('mount', ['-o', 'remount,size=400m', place]);
      const again = await startLoad(url.href, [world.source, large]).ended;
      expect(again.hung).toBe(false);
      expect([0, 3]).toContain(again.code); // by whether the file with rejects was loaded before the disk was full
      const pool = createPool(url.href, { max: 1 });
      const now = await snapshot(pool);
      await pool.end();
      expect(differences(now, both)).toEqual([]);
    } finally {
      await admin.query('DROP DATABASE IF EXISTS full_disk WITH (FORCE)');
      await admin.query('DROP TABLESPACE IF EXISTS small');
      await admin.end();
      spawnSync('umount', [place]);
      rmSync(place, { recursive: true, force: true });
    }
  });
});
