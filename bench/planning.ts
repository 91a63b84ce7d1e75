/**
 * What planning takes of many files: `node bench/planning.ts [folder|s3] [files=1000000]`. Makes the files (hard links of
 * one, in the system's folder for temporary ones) or a bucket in a process of its own, and an embedded PostgreSQL; plans
 * them as a dry run, into the task table, and again when all are loaded. Tells seconds and the planner's memory at its
 * most (RSS, each in a process of its own). `FREE_YOUNG_GENERATION=1`: what it takes where V8 sizes that as it likes. All it
 * made is removed.
 */

import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { linkSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { keepYoungGenerationSmall } from '../src/base/young_generation.ts';
import { connect, createPool } from '../src/database/connect.ts';
import { ensureEmbedded } from '../src/database/embedded.ts';
import type { LoadOptions } from '../src/load/load_events.ts';
import { RunTally } from '../src/load/run_tally.ts';
import { SharedRun } from '../src/load/shared_run.ts';
import { TaskFeed } from '../src/load/task_feed.ts';
import { startRun } from '../src/state/runs/run_store.ts';
import { migrate } from '../src/state/schema/migrate.ts';
import { S3Server, TEST_ACCOUNT } from '../tests/s3_server/s3_server.ts';
import { storedObject } from '../tests/s3_server/stored_object.ts';

const DAYS = 1_000;
const REGION = 'us-east-1';
/** Links that one file may have; ext4 allows 65,000. */
const LINKS = 50_000;
const BAR = '1609459200000,1,2,0.5,1.5,10,1609459259999,1,1,1,1,0\n';
const DAY_MS = 86_400_000;

/** `S000USDT-1m-2021-01-01.csv` …: a thousand days of each symbol. */
function* names(files: number): Iterable<string> {
  for (let i = 0; i < files; i++) {
    const symbol = `S${String(Math.floor(i / DAYS)).padStart(4, '0')}USDT`;
    const day = new Date(Date.UTC(2021, 0, 1) + (i % DAYS) * DAY_MS).toISOString().slice(0, 10);
    yield `${symbol}-1m-${day}.csv`;
  }
}

function makeFolder(folder: string, files: number): void {
  mkdirSync(join(folder, 'flat'));
  let made = 0;
  for (const name of names(files)) {
    const origin = join(folder, `origin-${Math.floor(made / LINKS)}`);
    if (made++ % LINKS === 0) writeFileSync(origin, BAR);
    linkSync(origin, join(folder, 'flat', name));
  }
}

function optionsFor(source: string, endpointUrl: string | null, databaseUrl: string | null): LoadOptions {
  return {
    sources: [source],
    sourceOptions: endpointUrl === null ? {} : { endpointUrl, region: REGION, pathStyle: true },
    layout: 'auto',
    databaseUrl,
    fromUs: null,
    toUs: null,
    symbols: null,
    intervals: null,
    indicators: [],
    workers: 1,
    cpuTarget: 1,
    maxRejects: null,
    maxRejectShare: null,
    onInvalid: 'reject',
    onConflict: 'keep',
    dryRun: databaseUrl === null,
    batchBytes: null,
    leaseMs: 60_000,
    drainMs: 0,
  };
}

/** One planning, in this process; tells what it found, how long it took and what it held. */
async function plan(source: string, endpointUrl: string | null, databaseUrl: string | null): Promise<void> {
  // As the program has it.
  if (process.env['FREE_YOUNG_GENERATION'] !== '1') keepYoungGenerationSmall();
  const options = optionsFor(source, endpointUrl, databaseUrl);
  const tally = new RunTally(options, () => {});
  const discovery = new TaskFeed(options, () => {}, tally);
  const { signal } = new AbortController();
  const start = performance.now();
  await discovery.open(signal);
  if (databaseUrl === null) {
    await discovery.dryRun(null, signal);
  } else {
    const pool = createPool(databaseUrl, { max: 4 });
    const client = await connect(databaseUrl);
    const runId = await startRun(client, { owner: randomUUID(), command: 'load', options: {} });
    await client.end();
    const patience = { leaseMs: 60_000, signal, waiting: () => {} };
    const shared = await SharedRun.of(pool, runId, patience, false);
    await discovery.run(pool, runId, shared, signal, patience, () => {});
    await pool.end();
  }
  const seconds = (performance.now() - start) / 1000;
  const { objects } = tally.found;
  const megabytes = process.resourceUsage().maxRSS / 1024;
  process.stdout.write(
    `${objects} files, ${seconds.toFixed(1)} s, ${megabytes.toFixed(0)} MiB at the most\n`,
  );
}

/** The same in a process of its own. */
async function planned(what: string, ...given: (string | null)[]): Promise<void> {
  process.stdout.write(`${what}: `);
  const args = [fileURLToPath(import.meta.url), 'plan', ...given.map((one) => one ?? '')];
  const child = spawn(process.execPath, args, { stdio: 'inherit' });
  const [code] = (await once(child, 'exit')) as [number];
  if (code !== 0) throw new Error(`planning ended with ${code}`);
}

/** All tasks as a load would leave them, by the moves the table allows. */
async function markLoaded(databaseUrl: string): Promise<void> {
  const client = await connect(databaseUrl);
  await client.query(`UPDATE backhaul.task SET state = 'running', attempt = 1, owner = gen_random_uuid(),
    claimed_at = now(), lease_until = now()`);
  await client.query(`UPDATE backhaul.task SET state = 'loaded', owner = NULL, lease_until = NULL, finished_at = now(),
    rows_read = 1, rows_loaded = 1, rows_rejected = 0, rows_duplicate = 0`);
  await client.query('VACUUM ANALYZE backhaul.task');
  await client.end();
}

/** A bucket of many keys in a process of its own: its memory is none of the planner's. */
async function serve(files: number): Promise<void> {
  const server = await new S3Server().start();
  const body = storedObject(BAR);
  for (const name of names(files)) server.put('b', `flat/${name}`, body);
  process.stdout.write(`${server.endpointUrl}\n`);
}

async function measure(way: string, files: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'backhaul-planning-'));
  const embedded = await ensureEmbedded(join(folder, 'database'));
  const server =
    way === 's3' ? spawn(process.execPath, [fileURLToPath(import.meta.url), 'serve', String(files)]) : null;
  try {
    const client = await connect(embedded.socketUrl);
    await migrate(client);
    await client.end();
    let endpoint: string | null = null;
    if (server === null) makeFolder(folder, files);
    else endpoint = String(((await once(server.stdout!, 'data')) as [Buffer])[0]).trim();
    const source = server === null ? join(folder, 'flat') : 's3://b/flat/';
    await planned('dry run', source, endpoint, null);
    await planned('into the table', source, endpoint, embedded.socketUrl);
    await markLoaded(embedded.socketUrl);
    await planned('again, all loaded', source, endpoint, embedded.socketUrl);
  } finally {
    server?.kill();
    await embedded.release();
    rmSync(folder, { recursive: true, force: true });
  }
}

const [way = 'folder', ...rest] = process.argv.slice(2);
process.env['AWS_ACCESS_KEY_ID'] = TEST_ACCOUNT.accessKeyId;
process.env['AWS_SECRET_ACCESS_KEY'] = TEST_ACCOUNT.secretAccessKey;
if (way === 'plan') await plan(rest[0]!, rest[1] || null, rest[2] || null);
else if (way === 'serve') await serve(Number(rest[0]));
else await measure(way, Number(rest[0] ?? 1_000_000));
