/**
 * What comes after the first load: overlaps, late files, filled holes. Each is timed as the whole command a user gives,
 * beside an append of the same records, and beside what plain SQL takes for the same rows ready-made: a COPY into a
 * temporary table and INSERT … ON CONFLICT, which knows nothing of indicators. What stands before is vacuumed and on
 * disk: a server that has five million new bars to clean up does it during whatever comes next.
 */

import { cp, mkdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import { connect } from '../database/connect.ts';
import { BackhaulError } from '../faults/fault.ts';
import { BenchDatabase } from './bench_database.ts';
import { type DayFile, dayFiles, tradingDay } from './day_files.ts';
import { runProgram } from './load_run.ts';
import { type QuarterFile, quarterFiles } from './quarter_files.ts';
import type { DataSize } from './size.ts';
import { type Figure, figureOf, median } from './statistics.ts';

export interface DayTwoOptions {
  /** Where data and the embedded server are kept. */
  readonly folder: string;
  /** Of the day files. */
  readonly size: DataSize;
  readonly rounds: number;
  /** URL of a server; null: an embedded one. */
  readonly databaseUrl: string | null;
  /** Quarters of the series whose hole is filled: each length is measured. */
  readonly lengths: readonly number[];
  /** Quarters of the series that is loaded in both orders. */
  readonly quarters: number;
}

/** One kind of work in one round. */
export interface DayTwoRun {
  readonly type: 'day_two_run';
  readonly work: string;
  readonly round: number;
  readonly seconds: number;
  readonly appendSeconds: number;
  /** Null where it is not taken. */
  readonly floorSeconds: number | null;
}

/** One kind of work in all rounds. */
export interface Work {
  readonly work: string;
  /** Records its files hold, and bars that stand before. */
  readonly records: number;
  readonly standing: number;
  readonly seconds: Figure;
  /** An append of the same records in the same round, and the work over it. */
  readonly appendSeconds: Figure;
  readonly overAppend: Figure;
  /** The same of the CPU, the loader's and, where it is known, the server's: other programs on the machine matter less to it. */
  readonly cpuOverAppend: Figure;
  readonly floorSeconds: Figure | null;
  readonly cpuSeconds: number;
  /** Null where the server runs elsewhere. */
  readonly serverCpuSeconds: number | null;
  readonly peakRssBytes: number;
}

export interface DayTwoResult {
  readonly type: 'day_two';
  readonly version: 1;
  /** ISO 8601. */
  readonly at: string;
  readonly rounds: number;
  readonly server: string;
  readonly works: readonly Work[];
  readonly bottleneck: string;
}

export interface DayTwoReporter {
  event(event: DayTwoRun | DayTwoResult): void;
  note(line: string): void;
}

/** A stretch of the table, seconds since 1970. */
interface Stretch {
  readonly fromS: number;
  readonly toS: number;
}

interface Task {
  readonly work: string;
  readonly records: number;
  /** Sources that stand before, the command that gets it ready, and the one that is timed. */
  readonly stands: readonly string[];
  readonly prepares?: readonly string[];
  readonly command: readonly string[];
  /** It changes nothing that stands, which is what its append loads. */
  readonly leavesAll?: boolean;
  /** Its append: what stands, what is loaded. */
  readonly append: { readonly stands: readonly string[]; readonly loads: readonly string[] };
  /** What it writes, for the floor; null: none is taken. */
  readonly writes: (Stretch & { readonly stood: boolean }) | null;
}

interface Measured {
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly serverCpuSeconds: number | null;
  readonly peakRssBytes: number;
}

/** Runs it. What it has made in the database is gone afterwards; its data stay to be used again. */
export async function runDayTwo(
  options: DayTwoOptions,
  reporter: DayTwoReporter,
  signal: AbortSignal,
): Promise<DayTwoResult> {
  await mkdir(options.folder, { recursive: true });
  const database = await BenchDatabase.open(options.folder, options.databaseUrl);
  try {
    return await new DayTwo(options, reporter, signal, database).run();
  } finally {
    await database.close();
  }
}

class DayTwo {
  readonly #options: DayTwoOptions;
  readonly #reporter: DayTwoReporter;
  readonly #signal: AbortSignal;
  readonly #database: BenchDatabase;
  /** What stands since it was loaded, which took so long. */
  #left: { readonly stands: readonly string[]; readonly measured: Measured } | null = null;

  constructor(
    options: DayTwoOptions,
    reporter: DayTwoReporter,
    signal: AbortSignal,
    database: BenchDatabase,
  ) {
    this.#options = options;
    this.#reporter = reporter;
    this.#signal = signal;
    this.#database = database;
  }

  async run(): Promise<DayTwoResult> {
    const { rounds } = this.#options;
    const tasks = await this.#tasks();
    // What has never run is slow, on either side.
    await this.#load([], tasks[0]!.append.loads);
    const works: Work[] = [];
    for (const task of tasks) works.push(await this.#measure(task));
    const result: DayTwoResult = {
      type: 'day_two',
      version: 1,
      at: new Date().toISOString(),
      rounds,
      server: this.#database.facts.version,
      works,
      bottleneck: bottleneckOf(works),
    };
    this.#reporter.event(result);
    return result;
  }

  async #tasks(): Promise<Task[]> {
    const { folder, size, lengths, quarters } = this.#options;
    const root = join(folder, 'data');
    this.#reporter.note('making data');
    const days = await dayFiles(root, size, this.#signal, () => {});
    const copies = await this.#copies(root, days.files);
    const longest = Math.max(quarters, ...lengths);
    const all = await quarterFiles(root, longest, size.seed, this.#signal);
    return [
      ...dayTasks(days.files, copies),
      ...lengths.map((length) => fillTask(all.slice(0, length))),
      orderTask(all.slice(0, quarters)),
      ...passTasks('day files', paths(days.files), recordsOf(days.files)),
      ...passTasks('quarters', paths(all.slice(0, quarters)), barsOf(all.slice(0, quarters))),
    ];
  }

  /** The same day files under other names. */
  async #copies(root: string, files: readonly DayFile[]): Promise<string[]> {
    const again = join(root, 'again');
    await rm(again, { recursive: true, force: true });
    return Promise.all(
      files.map(async ({ path }, i) => {
        const copy = join(again, String(i), ...path.split('/').slice(-5));
        await mkdir(dirname(copy), { recursive: true });
        await cp(path, copy);
        return copy;
      }),
    );
  }

  async #measure(task: Task): Promise<Work> {
    const runs: { readonly run: Measured; readonly append: Measured; readonly floor: number | null }[] = [];
    let standing = 0;
    for (let round = 1; round <= this.#options.rounds; round++) {
      const append = await this.#appended(task);
      standing = await this.#bars();
      if (task.prepares !== undefined) await this.#command(task.prepares);
      await this.#database.settle();
      const run = await this.#timed(task.command);
      const floor = task.writes === null ? null : await this.#floor(task.writes);
      runs.push({ run, append, floor });
      const { work } = task;
      const { seconds } = run;
      this.#reporter.event({
        type: 'day_two_run',
        work,
        round,
        seconds,
        appendSeconds: append.seconds,
        floorSeconds: floor,
      });
    }
    const server = runs.map(({ run }) => run.serverCpuSeconds);
    const floors = runs.flatMap(({ floor }) => (floor === null ? [] : [floor]));
    return {
      work: task.work,
      records: task.records,
      standing,
      seconds: figureOf(runs.map(({ run }) => run.seconds)),
      appendSeconds: figureOf(runs.map(({ append }) => append.seconds)),
      overAppend: figureOf(runs.map(({ run, append }) => run.seconds / append.seconds)),
      cpuOverAppend: figureOf(runs.map(({ run, append }) => cpuOf(run) / cpuOf(append))),
      floorSeconds: floors.length === 0 ? null : figureOf(floors),
      cpuSeconds: median(runs.map(({ run }) => run.cpuSeconds)),
      serverCpuSeconds: server.includes(null) ? null : median(server as number[]),
      peakRssBytes: Math.max(...runs.map(({ run }) => run.peakRssBytes)),
    };
  }

  /** Measures the append of a task, and leaves what is to stand before it. */
  async #appended({ stands, append, leavesAll }: Task): Promise<Measured> {
    if (leavesAll !== true) {
      this.#left = null;
      const measured = await this.#load(append.stands, append.loads);
      await this.#stand(stands);
      return measured;
    }
    // What leaves all as it is needs no load of its own, only one of the same before it.
    if (this.#left?.stands !== stands) this.#left = { stands, measured: await this.#load([], stands) };
    return this.#left.measured;
  }

  /** Loads `loads` when `stands` stands in an otherwise empty database. */
  async #load(stands: readonly string[], loads: readonly string[]): Promise<Measured> {
    await this.#stand(stands);
    return this.#timed(['load', ...loads]);
  }

  async #stand(sources: readonly string[]): Promise<void> {
    await this.#database.reset();
    if (sources.length === 0) return;
    await this.#command(['load', ...sources]);
    await this.#database.settle();
  }

  async #timed(words: readonly string[]): Promise<Measured> {
    const before = await this.#database.cpuSeconds();
    const run = await this.#command(words);
    const after = await this.#database.cpuSeconds();
    return { ...run, serverCpuSeconds: before === null || after === null ? null : after - before };
  }

  async #command(words: readonly string[]): Promise<Omit<Measured, 'serverCpuSeconds'>> {
    const { folder } = this.#options;
    const where = { databaseUrl: this.#database.url, core: null, folder };
    const run = await runProgram([...words, '--json'], where, this.#signal);
    // 3: gaps that a file of one quarter leaves beside it, and what `validate` finds in made-up prices.
    if (run.code === 0 || (run.code === 3 && words[0] !== 'load')) return run;
    throw new BackhaulError({
      kind: 'internal',
      message: `a measured command ended with exit code ${run.code}`,
      found: run.complaint,
      hint: `the same by hand: backhaul ${words.join(' ')}`,
    });
  }

  async #bars(): Promise<number> {
    const client = await connect(this.#database.url, { applicationName: 'backhaul bench' });
    try {
      // An empty database has no tables either.
      const { rowCount } = await client.query(`SELECT WHERE to_regclass('backhaul.bars') IS NOT NULL`);
      if (rowCount === 0) return 0;
      const { rows } = await client.query<{ n: number }>('SELECT count(*)::int AS n FROM backhaul.bars');
      return rows[0]!.n;
    } finally {
      await client.end();
    }
  }

  /** The rows that were written, ready-made, once more by SQL alone: seconds. */
  async #floor({ fromS, toS, stood }: Stretch & { readonly stood: boolean }): Promise<number> {
    const client = await connect(this.#database.url, { applicationName: 'backhaul bench' });
    const within = `ts >= to_timestamp(${fromS}) AND ts < to_timestamp(${toS})`;
    try {
      const pieces: Buffer[] = [];
      const out = client.query(copyTo(`COPY (SELECT * FROM backhaul.bars WHERE ${within}) TO STDOUT BINARY`));
      for await (const piece of out) pieces.push(piece as Buffer);
      // They are put back: what the bench measured is not looked at any more.
      if (!stood) await client.query(`DELETE FROM backhaul.bars WHERE ${within}`);
      if (!stood) await client.query('VACUUM backhaul.bars');
      const started = performance.now();
      await client.query('BEGIN; CREATE TEMP TABLE floor (LIKE backhaul.bars) ON COMMIT DROP');
      const copy = client.query(copyFrom('COPY floor FROM STDIN BINARY'));
      for (const piece of pieces) if (!copy.write(piece)) await new Promise((go) => copy.once('drain', go));
      await new Promise<void>((done, fail) => copy.once('finish', done).once('error', fail).end());
      await client.query('INSERT INTO backhaul.bars SELECT * FROM floor ON CONFLICT DO NOTHING');
      await client.query('COMMIT');
      return (performance.now() - started) / 1000;
    } finally {
      await client.end();
    }
  }
}

const paths = (files: readonly { readonly path: string }[]): string[] => files.map(({ path }) => path);
const barsOf = (quarters: readonly QuarterFile[]): number =>
  quarters.reduce((sum, { bars }) => sum + bars, 0);
const cpuOf = ({ cpuSeconds, serverCpuSeconds }: Measured): number => cpuSeconds + (serverCpuSeconds ?? 0);
const recordsOf = (files: readonly DayFile[]): number => files.reduce((sum, { records }) => sum + records, 0);

/** All days a second time, a day that comes after the one behind it, and several before those that stand. */
function dayTasks(days: readonly DayFile[], copies: readonly string[]): Task[] {
  const last = days.length - 1;
  const dayS = (n: number): number => tradingDay(n) / 1000;
  const late = last - 1;
  return [
    {
      work: `${days.length} day files again, under other names`,
      records: recordsOf(days),
      stands: paths(days),
      command: ['load', ...copies],
      append: { stands: [], loads: paths(days) },
      writes: { fromS: dayS(0), toS: dayS(last) + 2 * 86_400, stood: true },
    },
    {
      work: 'a day file after the day behind it',
      records: days[late]!.records,
      stands: paths(days.filter((_, n) => n !== late)),
      command: ['load', days[late]!.path],
      append: { stands: paths(days.slice(0, late)), loads: [days[late]!.path] },
      writes: { fromS: dayS(late), toS: dayS(late) + 86_400, stood: false },
    },
    ...severalLate(days),
  ];
}

/** The first half of the days, all at once, after the other half. */
function severalLate(days: readonly DayFile[]): Task[] {
  const half = days.length >> 1;
  if (half < 2) return [];
  const [first, rest] = [days.slice(0, half), days.slice(half)];
  const dayS = (n: number): number => tradingDay(n) / 1000;
  return [
    {
      work: `${half} day files before ${rest.length} that stand`,
      records: recordsOf(first),
      stands: paths(rest),
      command: ['load', ...paths(first)],
      append: { stands: [], loads: paths(first) },
      writes: { fromS: dayS(0), toS: dayS(half), stood: false },
    },
  ];
}

/** The quarter in the middle of a series, missing and filled. */
function fillTask(quarters: readonly QuarterFile[]): Task {
  const middle = Math.floor(quarters.length / 2);
  const { path, fromS, toS, bars } = quarters[middle]!;
  return {
    work: `a quarter filled in a series of ${quarters.length}`,
    records: bars,
    stands: paths(quarters.filter((_, n) => n !== middle)),
    prepares: ['gaps', 'scan'],
    command: ['gaps', 'fill', path],
    append: { stands: paths(quarters.slice(0, middle)), loads: [path] },
    writes: { fromS, toS, stood: false },
  };
}

/** All quarters in one run, named newest first; its append is the same, named oldest first. */
function orderTask(quarters: readonly QuarterFile[]): Task {
  return {
    work: `${quarters.length} quarters newest first`,
    records: barsOf(quarters),
    stands: [],
    command: ['load', ...paths(quarters).reverse()],
    append: { stands: [], loads: paths(quarters) },
    writes: null,
  };
}

/** What reads or computes all that stands, beside the load that brought it. */
function passTasks(what: string, files: readonly string[], records: number): Task[] {
  return [['validate'], ['recompute'], ['gaps', 'scan'], ['report']].map((command) => ({
    work: `${command.join(' ')} over ${files.length} ${what}`,
    records,
    stands: files,
    command,
    leavesAll: true,
    append: { stands: [], loads: files },
    writes: null,
  }));
}

/** What holds back the work that costs most over its append, in a sentence made of the figures. */
export function bottleneckOf(works: readonly Work[]): string {
  const worst = works.reduce((most, one) => (one.overAppend.median > most.overAppend.median ? one : most));
  const { work, overAppend, seconds, cpuSeconds, serverCpuSeconds: server } = worst;
  const what = `What costs most over its append is "${work}", ${overAppend.median.toFixed(2)} times`;
  if (server === null)
    return `${what}; the loader uses ${cpuSeconds.toFixed(1)} s of CPU in ${seconds.median.toFixed(1)} s.`;
  const share = server / (server + cpuSeconds);
  const who = share >= 0.5 ? 'PostgreSQL is the limit there' : 'the loader is the limit there';
  return `${what}; ${who}: of the CPU of its ${seconds.median.toFixed(1)} s ${Math.round(100 * share)} % is the server's (${server.toFixed(1)} s) and ${cpuSeconds.toFixed(1)} s are the loader's, half a second of it Node's start.`;
}
