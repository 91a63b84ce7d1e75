/**
 * What longer bars cost a load: the same files with and without, in turns, each as the whole command a user gives. The
 * loader's CPU a record, and what the server spends on the rows that come on top.
 */

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { interval } from '../base/quantities.ts';
import { connect } from '../database/connect.ts';
import { BackhaulError } from '../faults/fault.ts';
import { BenchDatabase } from './bench_database.ts';
import { dayFiles } from './day_files.ts';
import { runProgram } from './load_run.ts';
import { quarterFiles } from './quarter_files.ts';
import type { DataSize } from './size.ts';
import { type Figure, figureOf, median } from './statistics.ts';

export interface RollupCostOptions {
  /** Where data and the embedded server are kept. */
  readonly folder: string;
  /** Of the day files. */
  readonly size: DataSize;
  /** Quarters of minutes of one market. */
  readonly quarters: number;
  readonly rounds: number;
  /** URL of a server; null: an embedded one. */
  readonly databaseUrl: string | null;
  /** The longer bars, s. */
  readonly rollups: readonly number[];
}

/** One pair of loads. */
export interface RollupCostRun {
  readonly type: 'rollup_cost_run';
  readonly files: string;
  readonly round: number;
  /** CPU of the loader. */
  readonly plainCpuSeconds: number;
  readonly cpuSeconds: number;
}

/** One kind of files in all rounds. */
export interface RollupCost {
  readonly files: string;
  readonly records: number;
  /** Bars that were made of them. */
  readonly made: number;
  /** The whole command. */
  readonly plainSeconds: Figure;
  readonly seconds: Figure;
  /** CPU of the loader, its start included, µs a record, and what longer bars add to it: pair by pair. */
  readonly plainCpuUs: number;
  readonly cpuUs: number;
  readonly addedShare: Figure;
  /** CPU of the server, µs: a row without longer bars, and a longer bar; null where it runs elsewhere. */
  readonly serverRowUs: number | null;
  readonly serverMadeUs: number | null;
  readonly peakRssBytes: number;
}

export interface RollupCostResult {
  readonly type: 'rollup_cost';
  readonly version: 1;
  /** ISO 8601. */
  readonly at: string;
  readonly rounds: number;
  readonly server: string;
  readonly rollups: readonly number[];
  readonly costs: readonly RollupCost[];
}

export interface RollupCostReporter {
  event(event: RollupCostRun | RollupCostResult): void;
  note(line: string): void;
}

interface Measured {
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly serverCpuSeconds: number | null;
  readonly peakRssBytes: number;
  readonly bars: number;
}

/** Runs it. What it has made in the database is gone afterwards; its data stay to be used again. */
export async function runRollupCost(
  options: RollupCostOptions,
  reporter: RollupCostReporter,
  signal: AbortSignal,
): Promise<RollupCostResult> {
  const { folder, size, quarters, rounds, rollups } = options;
  await mkdir(folder, { recursive: true });
  const root = join(folder, 'data');
  reporter.note('making data');
  const market = await quarterFiles(root, quarters, size.seed, signal);
  const days = await dayFiles(root, size, signal, () => {});
  const works = [
    { files: `${quarters} quarters of minutes of one market`, paths: market.map(({ path }) => path) },
    { files: `${size.days} day files of ${size.tickers} symbols`, paths: days.files.map(({ path }) => path) },
  ];
  const database = await BenchDatabase.open(folder, options.databaseUrl);
  try {
    // What has never run is slow.
    await measure(database, folder, works[0]!.paths, rollups, signal);
    const costs: RollupCost[] = [];
    for (const { files, paths } of works) {
      const pairs: { readonly plain: Measured; readonly made: Measured }[] = [];
      for (let round = 1; round <= rounds; round++) {
        const plain = await measure(database, folder, paths, [], signal);
        const made = await measure(database, folder, paths, rollups, signal);
        pairs.push({ plain, made });
        reporter.event({
          type: 'rollup_cost_run',
          files,
          round,
          plainCpuSeconds: plain.cpuSeconds,
          cpuSeconds: made.cpuSeconds,
        });
      }
      costs.push(costOf(files, pairs));
    }
    const result: RollupCostResult = {
      type: 'rollup_cost',
      version: 1,
      at: new Date().toISOString(),
      rounds,
      server: database.facts.version,
      rollups,
      costs,
    };
    reporter.event(result);
    return result;
  } finally {
    await database.close();
  }
}

/** Loads into an empty database. */
async function measure(
  database: BenchDatabase,
  folder: string,
  paths: readonly string[],
  rollups: readonly number[],
  signal: AbortSignal,
): Promise<Measured> {
  await database.reset();
  const asked = rollups.length === 0 ? [] : ['--rollups', rollups.map(interval).join(',')];
  const words = ['load', ...paths, '--workers', '1', ...asked, '--json'];
  const before = await database.cpuSeconds();
  const run = await runProgram(words, { databaseUrl: database.url, core: null, folder }, signal);
  const after = await database.cpuSeconds();
  if (run.code !== 0)
    throw new BackhaulError({
      kind: 'internal',
      message: `a measured load ended with exit code ${run.code}`,
      found: run.complaint,
      hint: `the same by hand: backhaul load ${paths[0]} ${asked.join(' ')}`,
    });
  const serverCpuSeconds = before === null || after === null ? null : after - before;
  return { ...run, serverCpuSeconds, bars: await barsOf(database) };
}

async function barsOf({ url }: BenchDatabase): Promise<number> {
  const client = await connect(url, { applicationName: 'backhaul bench' });
  try {
    const { rows } = await client.query<{ n: number }>('SELECT count(*)::int AS n FROM backhaul.bars');
    return rows[0]!.n;
  } finally {
    await client.end();
  }
}

/** The figures of a kind of files. */
export function costOf(
  files: string,
  pairs: readonly { readonly plain: Measured; readonly made: Measured }[],
): RollupCost {
  const records = pairs[0]!.plain.bars;
  const made = pairs[0]!.made.bars - records;
  const us = (seconds: readonly number[], of: number): number => (median(seconds) / of) * 1e6;
  const plainServer = pairs.map(({ plain }) => plain.serverCpuSeconds);
  const madeServer = pairs.map(({ made: one }) => one.serverCpuSeconds);
  const isKnown = !plainServer.includes(null) && !madeServer.includes(null);
  const added = pairs.map((_, i) => madeServer[i]! - plainServer[i]!);
  return {
    files,
    records,
    made,
    plainSeconds: figureOf(pairs.map(({ plain }) => plain.seconds)),
    seconds: figureOf(pairs.map((one) => one.made.seconds)),
    plainCpuUs: us(
      pairs.map(({ plain }) => plain.cpuSeconds),
      records,
    ),
    cpuUs: us(
      pairs.map((one) => one.made.cpuSeconds),
      records,
    ),
    addedShare: figureOf(pairs.map((one) => one.made.cpuSeconds / one.plain.cpuSeconds - 1)),
    serverRowUs: isKnown ? us(plainServer as number[], records) : null,
    serverMadeUs: isKnown ? us(added, made) : null,
    peakRssBytes: Math.max(...pairs.map((one) => one.made.peakRssBytes)),
  };
}
