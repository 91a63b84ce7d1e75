/**
 * `--workers auto` against every fixed number, in four regimes: `node bench/regimes.ts [regime …] [--seconds 40] [--rounds 3]`.
 *
 *   cpu        files on the disk, a database beside them: the CPU is the limit
 *   database   the same behind a link of 12 MB/s
 *   source     files in S3, every answer 50 ms late
 *   neighbour  the same as `cpu`, beside a program that takes a whole core for 8 s out of 16
 *
 * Each run is a `backhaul load` of its own into an empty database, stopped after --seconds. Told per regime: records a
 * second of each, counted from the run's first record on; auto's share of the best fixed one; and its lowest share of
 * it in any 5 s after its first ten seconds (where a neighbour comes and goes, of the best one in the same 5 s), beside
 * that of the best itself. Hosts are slower at one time than at another: auto and the best are run in turns, --rounds of
 * them, and what is told last are medians.
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { link, mkdir, rm, writeFile } from 'node:fs/promises';
import { createServer, connect as dial, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { gzipSync } from 'node:zlib';
import { BenchDatabase } from '../src/bench/bench_database.ts';
import { S3Server, TEST_ACCOUNT } from '../tests/s3_server/s3_server.ts';
import { storedObject } from '../tests/s3_server/stored_object.ts';

const LAUNCHER = fileURLToPath(new URL('../bin/backhaul.js', import.meta.url));
const LINK_BYTES_A_SECOND = 12e6;
const LATENCY_MS = 50;
const NEIGHBOUR_MS = 8_000;
const WINDOW_S = 5;
const UNSTEADY_S = 10;

interface Run {
  readonly workers: string;
  /** Records read by so many seconds after the first were. */
  readonly timeline: readonly { readonly seconds: number; readonly records: number }[];
  readonly decisions: readonly string[];
}

interface Regime {
  readonly name: string;
  readonly fixed: readonly number[];
  readonly setUp: (database: BenchDatabase) => Promise<Setting>;
}

interface Setting {
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly databaseUrl: string;
  /** Begins with each run; what it returns ends it. */
  readonly disturb: () => () => void;
  readonly close: () => Promise<void>;
}

const FOLDER = join(tmpdir(), `backhaul-regimes-${process.pid}`);

/** Kraken's minute bars of a made-up pair. */
function minuteBars(records: number): string {
  let price = 100;
  const lines: string[] = [];
  for (let i = 0; i < records; i++) {
    const open = price;
    price = Math.round((open + Math.sin(i * 12.9898) * 0.05) * 100) / 100;
    const high = Math.max(open, price) + 0.02;
    const low = Math.min(open, price) - 0.02;
    const volume = (Math.abs(Math.cos(i * 78.233)) * 90).toFixed(8);
    lines.push(
      `${1_672_531_200 + 60 * i},${open},${high.toFixed(2)},${low.toFixed(2)},${price},${volume},${i % 97}\n`,
    );
  }
  return lines.join('');
}

/** 60 pairs of 500,000 minutes each: one file under many names. */
async function localFiles(): Promise<string> {
  const folder = join(FOLDER, 'data');
  await mkdir(folder, { recursive: true });
  const first = join(folder, 'PAA00USD_1.csv.gz');
  await writeFile(first, gzipSync(minuteBars(500_000)));
  for (let i = 1; i < 60; i++)
    await link(first, join(folder, `PAA${String(i).padStart(2, '0')}USD_1.csv.gz`));
  return folder;
}

let local: Promise<string> | null = null;

async function onDisk(
  database: BenchDatabase,
  disturb: Setting['disturb'] = () => () => {},
): Promise<Setting> {
  local ??= localFiles();
  return {
    args: [await local, '--layout', 'kraken-ohlcvt'],
    env: {},
    databaseUrl: database.url,
    disturb,
    close: async () => {},
  };
}

/** A link that takes so many bytes a second to the server, all connections together. */
async function slowLink(url: string): Promise<{ url: string; close: () => Promise<void> }> {
  const address = new URL(url);
  const host = address.searchParams.get('host');
  const port = address.searchParams.get('port') ?? address.port;
  const target =
    host === null ? { host: address.hostname, port: Number(port) } : { path: `${host}/.s.PGSQL.${port}` };
  const sockets = new Set<Socket>();
  let free = performance.now();
  const listener = createServer((client) => {
    const server = dial(target as { path: string });
    for (const socket of [client, server]) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', () => {});
      socket.on('close', () => {
        sockets.delete(socket);
        client.destroy();
        server.destroy();
      });
    }
    server.pipe(client);
    client.on('data', (piece) => {
      // Each piece takes its turn on the link.
      free = Math.max(free, performance.now()) + (1000 * piece.length) / LINK_BYTES_A_SECOND;
      const wait = free - performance.now();
      if (wait < 4) {
        server.write(piece);
        return;
      }
      client.pause();
      setTimeout(() => {
        server.write(piece);
        client.resume();
      }, wait);
    });
    client.on('end', () => server.end());
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const near = new URL(url);
  near.searchParams.delete('host');
  near.searchParams.delete('port');
  near.hostname = '127.0.0.1';
  near.port = String((listener.address() as { port: number }).port);
  return {
    url: near.href,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      listener.close();
    },
  };
}

/** 4,000 pairs of 10,000 minutes, served by another thread. */
async function serveS3(): Promise<void> {
  const server = await new S3Server().start();
  const body = storedObject(minuteBars(10_000));
  for (let i = 0; i < 4000; i++) server.put('b', `P${String(i).padStart(4, '0')}USD_1.csv`, body);
  server.fault({ kind: 'delay', ms: LATENCY_MS }, { on: 'get', times: Number.POSITIVE_INFINITY });
  parentPort?.postMessage(server.endpointUrl);
}

const REGIMES: readonly Regime[] = [
  { name: 'cpu', fixed: [1, 2, 3], setUp: (database) => onDisk(database) },
  {
    name: 'database',
    fixed: [1, 2, 3],
    setUp: async (database) => {
      const behind = await slowLink(database.url);
      return { ...(await onDisk(database)), databaseUrl: behind.url, close: behind.close };
    },
  },
  {
    name: 'source',
    fixed: [2, 4, 8, 16],
    setUp: async (database) => {
      const worker = new Worker(new URL(import.meta.url));
      const [endpoint] = (await once(worker, 'message')) as [string];
      return {
        args: ['s3://b', '--layout', 'kraken-ohlcvt', '--endpoint-url', endpoint, '--region', 'us-east-1'],
        env: {
          AWS_ACCESS_KEY_ID: TEST_ACCOUNT.accessKeyId,
          AWS_SECRET_ACCESS_KEY: TEST_ACCOUNT.secretAccessKey,
        },
        databaseUrl: database.url,
        disturb: () => () => {},
        close: async () => void (await worker.terminate()),
      };
    },
  },
  {
    name: 'neighbour',
    fixed: [1, 2, 3],
    setUp: (database) =>
      onDisk(database, () => {
        const busy = `const end = () => performance.now() % ${2 * NEIGHBOUR_MS} > ${NEIGHBOUR_MS};
          setInterval(() => { while (end()); }, 50);`;
        const child = spawn(process.execPath, ['-e', busy], { stdio: 'ignore' });
        return () => void child.kill('SIGKILL');
      }),
  },
];

/** One load, stopped after `seconds`. */
async function run(setting: Setting, workers: string, seconds: number): Promise<Run> {
  const { PATH, HOME } = process.env;
  const timeline: { seconds: number; records: number }[] = [];
  const decisions: string[] = [];
  const child = spawn(
    process.execPath,
    [LAUNCHER, 'load', ...setting.args, '--json', '--verbose', '--workers', workers],
    {
      cwd: FOLDER,
      env: { PATH, HOME, ...setting.env, BACKHAUL_DATABASE: setting.databaseUrl },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  let said = '';
  child.stderr.on('data', (piece) => {
    said = (said + piece).slice(-2000);
  });
  const closed = once(child, 'close');
  const ended = setTimeout(() => child.kill('SIGKILL'), 3 * seconds * 1000);
  const undisturb = setting.disturb();
  let first: number | null = null;
  for await (const line of createInterface({ input: child.stdout })) {
    const event = JSON.parse(line) as Record<string, unknown>;
    if (event['type'] === 'decision')
      decisions.push(
        `${Math.round((performance.now() - (first ?? performance.now())) / 1000)} s: ${event['previous']} → ${event['workers']}, ${event['reason']}`,
      );
    const records = Number(event['rows_read'] ?? 0);
    if (event['type'] !== 'progress' || event['phase'] !== 'load' || records === 0) continue;
    first ??= performance.now();
    timeline.push({ seconds: (performance.now() - first) / 1000, records });
    if (timeline.at(-1)!.seconds >= seconds) child.kill('SIGKILL');
  }
  undisturb();
  clearTimeout(ended);
  await closed;
  if (timeline.length < 5) throw new Error(`the load with ${workers} workers told too little: ${said}`);
  return { workers, timeline, decisions };
}

/** Records a second between two instants of a run, seconds. */
function rateOf({ timeline }: Run, from: number, to: number): number {
  const inside = timeline.filter((point) => point.seconds >= from && point.seconds <= to);
  const [first, last] = [inside[0], inside.at(-1)];
  if (first === undefined || last === undefined || first === last) return 0;
  return (last.records - first.records) / (last.seconds - first.seconds);
}

/**
 * What auto is of the best, at all times, after its first seconds, and in the worst of its windows then; and what the
 * best itself was in the worst of its own: what is the host's doing, or that of files that end together.
 */
interface Share {
  readonly whole: number;
  readonly steady: number;
  readonly lowest: number;
  readonly lowestOfBest: number;
}

/** `others`: all fixed runs where what is best changes with time, else none. */
function shareOf(auto: Run, best: Run, others: readonly Run[]): Share {
  const last = Math.min(...[auto, best, ...others].map(({ timeline }) => timeline.at(-1)!.seconds));
  const lowestOf = (one: Run): number => {
    let lowest = Number.POSITIVE_INFINITY;
    for (let from = UNSTEADY_S; from + WINDOW_S <= last; from++) {
      const against =
        others.length > 0
          ? Math.max(...others.map((other) => rateOf(other, from, from + WINDOW_S)))
          : rateOf(best, UNSTEADY_S, last);
      lowest = Math.min(lowest, rateOf(one, from, from + WINDOW_S) / against);
    }
    return lowest;
  };
  const ratio = (from: number): number => rateOf(auto, from, last) / rateOf(best, from, last);
  return {
    whole: ratio(0),
    steady: ratio(UNSTEADY_S),
    lowest: lowestOf(auto),
    lowestOfBest: lowestOf(best),
  };
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1]! + sorted[sorted.length >> 1]!) / 2;
}

async function measure(
  regime: Regime,
  database: BenchDatabase,
  seconds: number,
  rounds: number,
): Promise<void> {
  const setting = await regime.setUp(database);
  const name = regime.name.padEnd(10);
  const next = async (workers: string): Promise<Run> => {
    await database.reset();
    const one = await run(setting, workers, seconds);
    const rate = (from: number): string => (rateOf(one, from, seconds) / 1000).toFixed(0).padStart(5);
    process.stdout.write(
      `${name} ${workers.padStart(4)} workers  ${rate(0)} k records/s, ${rate(UNSTEADY_S)} k after ${UNSTEADY_S} s\n`,
    );
    for (const decision of one.decisions) process.stdout.write(`${name}   ${decision}\n`);
    return one;
  };
  try {
    const runs: Run[] = [];
    for (const workers of regime.fixed) runs.push(await next(String(workers)));
    let best = runs.reduce((a, b) => (rateOf(b, 0, seconds) > rateOf(a, 0, seconds) ? b : a));
    const shares: Share[] = [];
    for (let round = 0; round < rounds; round++) {
      if (round > 0) best = await next(best.workers);
      shares.push(shareOf(await next('auto'), best, regime.name === 'neighbour' ? [...runs, best] : []));
    }
    const told = (of: (share: Share) => number): string => `${(100 * median(shares.map(of))).toFixed(0)} %`;
    process.stdout.write(
      `${name} auto is ${told((one) => one.whole)} of the best (${best.workers} workers), after ${UNSTEADY_S} s ` +
        `${told((one) => one.steady)}; its lowest ${WINDOW_S} s then ${told((one) => one.lowest)}, ` +
        `the best one's own ${told((one) => one.lowestOfBest)}\n\n`,
    );
  } finally {
    await setting.close();
  }
}

/** The number after `flag`, and `args` without both. */
function take(
  args: readonly string[],
  flag: string,
  fallback: number,
): { readonly value: number; readonly rest: readonly string[] } {
  const at = args.indexOf(flag);
  return at === -1
    ? { value: fallback, rest: args }
    : { value: Number(args[at + 1]), rest: args.toSpliced(at, 2) };
}

async function main(args: readonly string[]): Promise<void> {
  const { value: seconds, rest } = take(args, '--seconds', 40);
  const { value: rounds, rest: names } = take(rest, '--rounds', 3);
  const wanted = REGIMES.filter(({ name }) => names.length === 0 || names.includes(name));
  await mkdir(FOLDER, { recursive: true });
  const database = await BenchDatabase.open(FOLDER, null);
  try {
    for (const regime of wanted) await measure(regime, database, seconds, rounds);
  } finally {
    await database.close();
    await rm(FOLDER, { recursive: true, force: true });
  }
}

if (isMainThread) await main(process.argv.slice(2));
else await serveS3();
