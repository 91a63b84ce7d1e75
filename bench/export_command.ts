/**
 * How fast `backhaul export` is as a whole: the command as a user gives it, from its start to its exit, against an
 * embedded database with all indicators; and beside it two floors: the same rows by COPY … TO STDOUT (FORMAT binary) read
 * by a client that throws them away, and as the export asks for them, decoded into columns and no more. `node bench/export_command.ts [folder] [quarters] [rounds] [format …]`; a quarter is
 * 131,000 minutes. Prints rows a second of the clock, the CPU of the command and of the server, and the most memory held.
 */

import { rmSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { to as copyTo } from 'pg-copy-streams';
import { INDICATOR_NAMES } from '../src/bars/columns.ts';
import { BenchDatabase } from '../src/bench/bench_database.ts';
import { runProgram } from '../src/bench/load_run.ts';
import { quarterFiles } from '../src/bench/quarter_files.ts';
import { median } from '../src/bench/statistics.ts';
import { ColumnDecoder } from '../src/copy/column_decoder.ts';
import { copyOut } from '../src/copy/copy_out.ts';
import { connect } from '../src/database/connect.ts';
import type { ExportColumn } from '../src/export/export_batch.ts';
import { sourceOf } from '../src/export/row_source.ts';

const [root = join(tmpdir(), 'backhaul-bench-export'), quarters = '32', rounds = '3', ...formats] =
  process.argv.slice(2);
const { signal } = new AbortController();
const folder = join(root, 'run');
await mkdir(folder, { recursive: true });
const files = await quarterFiles(join(root, 'data'), Number(quarters), 'export', signal);
const rows = files.reduce((sum, { bars }) => sum + bars, 0);
const database = await BenchDatabase.open(root, null);

interface Measured {
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly serverCpuSeconds: number;
  readonly rssBytes: number;
}

/** The server's CPU while something is done. */
async function besides(work: () => Promise<Omit<Measured, 'serverCpuSeconds'>>): Promise<Measured> {
  const before = (await database.cpuSeconds()) ?? Number.NaN;
  const done = await work();
  return { ...done, serverCpuSeconds: ((await database.cpuSeconds()) ?? Number.NaN) - before };
}

async function command(words: readonly string[]): Promise<Omit<Measured, 'serverCpuSeconds'>> {
  const run = await runProgram(words, { databaseUrl: database.url, core: null, folder }, signal);
  if (run.code !== 0) throw new Error(`${words.join(' ')}: exit code ${run.code}\n${run.complaint}`);
  return { seconds: run.seconds, cpuSeconds: run.cpuSeconds, rssBytes: run.peakRssBytes };
}

/** All rows by COPY, half of the time in each session; nothing is done with them. */
async function floor(sessions: number): Promise<Omit<Measured, 'serverCpuSeconds'>> {
  const began = performance.now();
  const before = process.cpuUsage();
  const middle = files[files.length / 2]!.fromS;
  const halves =
    sessions === 1 ? ['true'] : [`ts < to_timestamp(${middle})`, `ts >= to_timestamp(${middle})`];
  await Promise.all(
    halves.map(async (where) => {
      const client = await connect(database.url, { applicationName: 'backhaul bench' });
      try {
        await client.query('SET jit = off; SET max_parallel_workers_per_gather = 0');
        const text = `COPY (SELECT 1::int4, b.* FROM backhaul.bars b WHERE ${where} ORDER BY series_id, ts) TO STDOUT BINARY`;
        for await (const _ of client.query(copyTo(text)));
      } finally {
        await client.end();
      }
    }),
  );
  const { user, system } = process.cpuUsage(before);
  return { seconds: (performance.now() - began) / 1000, cpuSeconds: (user + system) / 1e6, rssBytes: 0 };
}

const COLUMNS: readonly ExportColumn[] = [
  { name: 'ts', kind: 'timestamp' },
  ...['open', 'high', 'low', 'close', 'volume'].map((name): ExportColumn => ({ name, kind: 'float64' })),
  { name: 'trades', kind: 'int64' },
  ...INDICATOR_NAMES.map((name): ExportColumn => ({ name, kind: 'float64' })),
];
const BATCH_ROWS = 65_536;

/** All rows as an export asks for them, half of the time in each of two sessions, into columns that nobody looks at. */
async function columnsOnly(columns: readonly ExportColumn[]): Promise<Omit<Measured, 'serverCpuSeconds'>> {
  const began = performance.now();
  const before = process.cpuUsage();
  const middle = new Date(1000 * files[files.length / 2]!.fromS).toISOString();
  const halves = [
    ['-infinity', middle],
    [middle, 'infinity'],
  ] as const;
  await Promise.all(
    halves.map(async ([from, to]) => {
      const client = await connect(database.url, { applicationName: 'backhaul bench', readsInPlace: true });
      try {
        await client.query('SET jit = off; SET max_parallel_workers_per_gather = 0');
        const source = sourceOf({ columns, seriesIds: Int32Array.of(1), from, to }, false);
        for await (const _ of copyOut(client, source.text, new ColumnDecoder(source.fields, BATCH_ROWS)));
      } finally {
        await client.end();
      }
    }),
  );
  const { user, system } = process.cpuUsage(before);
  return { seconds: (performance.now() - began) / 1000, cpuSeconds: (user + system) / 1e6, rssBytes: 0 };
}

function tell(name: string, runs: readonly Measured[]): void {
  const of = (pick: (one: Measured) => number): number => median(runs.map(pick));
  const rate = Math.round(rows / of((one) => one.seconds)).toLocaleString('en-US');
  const us = (pick: (one: Measured) => number): string => ((of(pick) / rows) * 1e6).toFixed(2);
  const both = of((one) => one.cpuSeconds + one.serverCpuSeconds);
  process.stdout.write(
    `${name.padEnd(32)} ${rate.padStart(10)} rows/s of the clock; µs a row: ${us((one) => one.cpuSeconds)} its own CPU, ` +
      `${us((one) => one.serverCpuSeconds)} the server's; two cores do at most ${Math.round((2 * rows) / both).toLocaleString('en-US')} rows/s; ` +
      `RSS ${Math.round(Math.max(...runs.map((one) => one.rssBytes)) / 1e6)} MB\n`,
  );
}

try {
  await command(['load', ...files.map(({ path }) => path), '--json']);
  await database.settle();
  process.stdout.write(`${rows.toLocaleString('en-US')} rows, PostgreSQL ${database.facts.version}\n`);
  const kinds: readonly (readonly [string, () => Promise<Omit<Measured, 'serverCpuSeconds'>>])[] = [
    ['COPY out, one session', () => floor(1)],
    ['COPY out, two sessions', () => floor(2)],
    ['into columns, indicators all', () => columnsOnly(COLUMNS)],
    ['into columns, indicators none', () => columnsOnly(COLUMNS.slice(0, -INDICATOR_NAMES.length))],
    ...(formats.length === 0 ? ['parquet'] : formats).flatMap((format) =>
      ['all', 'none'].map(
        (indicators) =>
          [
            `export ${format}, indicators ${indicators}`,
            async () => {
              const out = join(folder, 'out');
              rmSync(out, { recursive: true, force: true });
              return command(['export', out, '--format', format, '--indicators', indicators, '--json']);
            },
          ] as const,
      ),
    ),
  ];
  const measured = new Map<string, Measured[]>(kinds.map(([name]) => [name, []]));
  for (let round = 0; round < Number(rounds); round++)
    for (const [name, work] of kinds) measured.get(name)!.push(await besides(work));
  for (const [name, runs] of measured) tell(name, runs);
} finally {
  await database.close();
  rmSync(folder, { recursive: true, force: true });
}
