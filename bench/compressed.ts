/**
 * What writing into compressed chunks costs: the same commands on two databases of one TimescaleDB server, bars as rows in
 * the one, compressed in the other and compressed again after each. `node bench/compressed.ts <server> [tickers=500]
 * [days=6] [rounds=3] [folder]`: URL of a database to make others from, on a server that nobody else uses. Prints, for each
 * command, medians of seconds, CPU of the server (if it is on this machine) and bytes of its log, on the one and the other, how much the
 * tables have grown by bars that are rows again, and what compressing them again takes.
 */

import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { dayFiles } from '../src/bench/day_files.ts';
import { runProgram } from '../src/bench/load_run.ts';
import { median } from '../src/bench/statistics.ts';
import { connect } from '../src/database/connect.ts';
import { databaseAt, serverOf } from '../tests/servers.ts';
import { serverCpu } from './server_cpu.ts';

const [serverUrl = '', tickers = '500', days = '6', rounds = '3', root] = process.argv.slice(2);
const { signal } = new AbortController();
const folder = root ?? join(tmpdir(), 'backhaul-bench-compressed');
const data = await dayFiles(
  folder,
  { days: Number(days), tickers: Number(tickers), seed: '1' },
  signal,
  () => {},
);
const paths = data.files.map(({ path }) => path);
const second = paths[1]!;
const late = paths[2]!;
const last = paths.at(-1)!;
const standing = paths.filter((path) => path !== late && path !== last);

/** The day of `path` told otherwise by another file: each tenth bar has traded once more. */
async function toldOtherwise(path: string): Promise<string> {
  const other = join(folder, 'otherwise', relative(data.folder, path));
  const lines = gunzipSync(await readFile(path))
    .toString()
    .split('\n');
  const trades = lines[0]!.split(',').indexOf('transactions');
  const changed = lines.map((line, i) => {
    if (i % 10 !== 1 || line === '') return line;
    return line
      .split(',')
      .map((field, k) => (k === trades ? Number(field) + 1 : field))
      .join(',');
  });
  await mkdir(dirname(other), { recursive: true });
  await writeFile(other, gzipSync(changed.join('\n')));
  return other;
}
const changed = await toldOtherwise(paths[3]!);
const someone = gunzipSync(await readFile(last))
  .toString()
  .split('\n')[1]!
  .split(',')[0]!;

const COMMANDS: readonly (readonly [string, readonly string[]])[] = [
  ['the next day', ['load', last]],
  ['a day before two that stand', ['load', late]],
  ['a day that tells a tenth of its bars otherwise', ['load', changed, '--on-conflict', 'replace']],
  ['a day that is there already', ['load', second, '--reload']],
  ['a day taken out', ['unload', second]],
  ['the same loaded again', ['load', second, '--reload']],
  ['indicators of a series again', ['recompute', '--symbols', someone]],
  ['a series taken out', ['unload', '--symbols', someone]],
];

interface Cost {
  readonly seconds: number;
  readonly cpu: number;
  readonly logBytes: number;
  /** The tables' growth. */
  readonly bytes: number;
}

async function sizes(url: string): Promise<{ log: number; table: number }> {
  const client = await connect(url, { applicationName: 'backhaul bench' });
  const { rows } = await client.query<{ log: number; table: number }>(
    `SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::float8 AS log,
       coalesce((SELECT sum(hypertable_size(format('%I.%I', hypertable_schema, hypertable_name)::regclass))
         FROM timescaledb_information.hypertables), 0)::float8 AS "table"`,
  );
  await client.end();
  return rows[0]!;
}

async function run(databaseUrl: string, words: readonly string[]): Promise<Cost> {
  const before = { ...(await sizes(databaseUrl)), cpu: await serverCpu(serverUrl) };
  const done = await runProgram(words, { databaseUrl, core: null, folder }, signal);
  if (done.code !== 0) throw new Error(`${words.join(' ')}: ${done.code} ${done.complaint}`);
  const after = await sizes(databaseUrl);
  return {
    seconds: done.seconds,
    cpu: (await serverCpu(serverUrl)) - before.cpu,
    logBytes: after.log - before.log,
    bytes: after.table - before.table,
  };
}

async function digest(url: string): Promise<string> {
  const client = await connect(url, { applicationName: 'backhaul bench' });
  const { rows } = await client.query<{ digest: string }>(
    `SELECT md5(string_agg(md5(c::text), '' ORDER BY symbol, ts)) AS digest FROM backhaul.candles c`,
  );
  await client.end();
  return rows[0]!.digest;
}

const server = serverOf('timescale', serverUrl);
const COMPRESS = ['db', 'compress', '--compress-after', '1d'];
const costs = new Map<string, { rows: Cost[]; packed: Cost[]; again: Cost[] }>();
const base: { rows: Cost[]; packed: Cost[] } = { rows: [], packed: [] };
for (let round = 0; round < Number(rounds); round++) {
  const [rows, packed] = ['rows', 'packed'].map((name) => `backhaul_bench_${name}_${process.pid}`);
  const [asRows, compressed] = [databaseAt(serverUrl, rows!), databaseAt(serverUrl, packed!)];
  try {
    for (const name of [rows!, packed!]) await server.create(name);
    for (const url of [asRows, compressed]) base.rows.push(await run(url, ['load', ...standing]));
    base.packed.push(await run(compressed, COMPRESS));
    for (const [name, words] of COMMANDS) {
      const cost = costs.get(name) ?? { rows: [], packed: [], again: [] };
      costs.set(name, cost);
      const inRows = (): Promise<unknown> => run(asRows, words).then((one) => cost.rows.push(one));
      const inPacked = (): Promise<unknown> => run(compressed, words).then((one) => cost.packed.push(one));
      for (const one of round % 2 === 0 ? [inRows, inPacked] : [inPacked, inRows]) await one();
      if ((await digest(asRows)) !== (await digest(compressed))) throw new Error(`${name}: other bars`);
      cost.again.push(await run(compressed, COMPRESS));
    }
  } finally {
    for (const name of [rows!, packed!]) await server.drop(name);
  }
}

const told = (list: readonly Cost[]): string => {
  const of = (value: (one: Cost) => number): number => median(list.map(value));
  const mb = (bytes: number): string => (bytes / 1e6).toFixed(1);
  return `${of(({ seconds }) => seconds).toFixed(1)} s, CPU ${of(({ cpu }) => cpu).toFixed(1)} s, log ${mb(of(({ logBytes }) => logBytes))} MB, tables ${mb(of(({ bytes }) => bytes))} MB`;
};
process.stdout.write(
  `${data.records} bars in ${paths.length} days, ${tickers} tickers; medians of ${rounds} rounds\n` +
    `first load: ${told(base.rows)}\ncompressed: ${told(base.packed)}\n`,
);
for (const [name, { rows, packed, again }] of costs)
  process.stdout.write(
    `${name}\n  as rows:          ${told(rows)}\n  compressed:       ${told(packed)}\n  compressed again: ${told(again)}\n`,
  );
