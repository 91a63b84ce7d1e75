/** A benchmark of this machine, from making its data to the figures. */

import { mkdir, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { bytes } from '../base/quantities.ts';
import { faultOf } from '../faults/classify.ts';
import { BackhaulError } from '../faults/fault.ts';
import type { LoadOptions } from '../load/load_events.ts';
import type { PlannedTask } from '../producer/planning/found_task.ts';
import { BenchDatabase } from './bench_database.ts';
import { bottleneck } from './bottleneck.ts';
import { watchMachine } from './busyness.ts';
import { type CheckResult, checkReadyMade, checkTable } from './check_load.ts';
import { ClusterDatabase } from './cluster_database.ts';
import { type DayFiles, dayFiles } from './day_files.ts';
import { readFacts } from './facts.ts';
import {
  floorSums,
  intoPageCache,
  makeReadyMade,
  type ReadyMade,
  runFloor,
  type TableSums,
  tableSums,
} from './floor.ts';
import { type LoadRun, timeLoad } from './load_run.ts';
import { canPin, ownCores, pin } from './pinning.ts';
import { Pipeline, plannedTasks } from './pipeline.ts';
import type {
  BenchEvent,
  BenchResult,
  CheckEvent,
  DataEvent,
  MachineEvent,
  RunCosts,
  RunEvent,
  SmallTasks,
  StageEvent,
  Workers,
} from './result.ts';
import type { DataSize } from './size.ts';
import { type SmallTaskFiles, smallTaskFiles } from './small_tasks.ts';
import { inflate, passThrough } from './stages.ts';
import { figureOf } from './statistics.ts';
import { comparisonOf, distributedOf, othersOf, pipelineOf, stageFigures } from './summing_up.ts';

/** What is asked for. */
export interface BenchOptions {
  /** Where data and the embedded server are kept. */
  readonly folder: string;
  readonly size: DataSize;
  readonly workers: readonly Workers[];
  readonly rounds: number;
  /** `null`: everything but the database. */
  readonly sink: 'postgres' | 'null';
  /** URL of a server; null: an embedded one. */
  readonly databaseUrl: string | null;
  /** Also with server and loader on a core each. */
  readonly pin: boolean;
  /** Entries of the zip of small tasks; 0: none. */
  readonly smallTasks: number;
  /** A load of these sources as the command line would have it. */
  readonly loadOptions: (sources: readonly string[]) => LoadOptions;
}

/** Who is told what happens: events are the result's, `note` is for whoever waits. */
export interface BenchReporter {
  event(event: BenchEvent): void;
  note(line: string): void;
}

/** Small enough to be read the plain way, large enough for every indicator of some series. */
const CHECK_SIZE = { days: 3, tickers: 60 };

/** A row as COPY takes it, and in a table with its key and its share of the log. */
const READY_BYTES = 300;
const TABLE_BYTES = 700;

/** All that a load has stored, without the join to names. */
const LOADED = '(SELECT trades FROM backhaul.bars UNION ALL SELECT trades FROM backhaul.bars_bare)';

/** Runs it. What it has made in the database is gone afterwards, whatever happens; its data stay to be used again. */
export async function runBench(
  options: BenchOptions,
  reporter: BenchReporter,
  signal: AbortSignal,
): Promise<BenchResult> {
  if (options.pin) await checkPinning(options);
  await mkdir(options.folder, { recursive: true });
  const database =
    options.sink === 'null' ? null : await BenchDatabase.open(options.folder, options.databaseUrl);
  const readyMade = join(options.folder, `ready-made-${process.pid}`);
  let cluster: ClusterDatabase | null = null;
  try {
    if (database !== null && options.databaseUrl !== null)
      cluster = await clusterOf(options.databaseUrl, `${database.name}_spread`, reporter);
    return await new Bench(options, reporter, signal, { database, cluster }, readyMade).run();
  } finally {
    await rm(readyMade, { recursive: true, force: true });
    await cluster?.close();
    await database?.close();
  }
}

/** Where the database named is distributed: another one for measuring what that costs; null also where none can be made. */
async function clusterOf(
  named: string,
  name: string,
  reporter: BenchReporter,
): Promise<ClusterDatabase | null> {
  try {
    return await ClusterDatabase.open(named, name);
  } catch (error) {
    reporter.note(`what distribution costs is not measured: ${faultOf(error).message}`);
    return null;
  }
}

async function checkPinning({ sink }: BenchOptions): Promise<void> {
  const hint = 'leave out --pin';
  if (sink === 'null')
    throw new BackhaulError({ kind: 'usage', message: '--pin needs a server: --sink null has none', hint });
  if (process.platform !== 'linux' || !(await canPin()))
    throw new BackhaulError({ kind: 'usage', message: '--pin needs the program taskset', hint });
  if ((await ownCores()).length < 2)
    throw new BackhaulError({ kind: 'usage', message: '--pin needs two cores', hint });
}

class Bench {
  readonly #options: BenchOptions;
  readonly #reporter: BenchReporter;
  readonly #signal: AbortSignal;
  readonly #database: BenchDatabase | null;
  readonly #cluster: ClusterDatabase | null;
  readonly #readyMadeFolder: string;
  readonly #runs: RunEvent[] = [];
  readonly #stages: StageEvent[] = [];
  #cores = 1;
  #data!: DayFiles;
  #tasks: readonly PlannedTask[] = [];
  #readyMade: readonly ReadyMade[] = [];
  /** Sums over the ready-made rows: what every load must have in its table. */
  #sums: TableSums | null = null;

  constructor(
    options: BenchOptions,
    reporter: BenchReporter,
    signal: AbortSignal,
    {
      database,
      cluster,
    }: { readonly database: BenchDatabase | null; readonly cluster: ClusterDatabase | null },
    readyMadeFolder: string,
  ) {
    this.#options = options;
    this.#reporter = reporter;
    this.#signal = signal;
    this.#database = database;
    this.#cluster = cluster;
    this.#readyMadeFolder = readyMadeFolder;
  }

  async run(): Promise<BenchResult> {
    const { rounds, size } = this.#options;
    const machine: MachineEvent = {
      type: 'machine',
      ...(await readFacts()),
      server: this.#database?.facts ?? null,
    };
    this.#cores = machine.cores;
    this.#reporter.event(machine);
    if (this.#options.pin && this.#database?.serverPid === null)
      throw new BackhaulError({ kind: 'usage', message: '--pin needs a server on this machine' });
    const check = await this.#check();
    const data = await this.#makeData(size);
    await this.#checkRoom();
    const small = await this.#makeSmallTasks();
    await this.#warmUp();
    for (let round = 1; round <= rounds; round++) {
      await this.#stageRound(round);
      await this.#round(this.#kinds(), round);
    }
    if (this.#options.pin) await this.#pinnedRounds();
    const smallTasks = small === null ? null : await this.#measureSmallTasks(small);
    return this.#result(machine, data, check, smallTasks);
  }

  // ── data ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  #makeFiles(size: DataSize): Promise<DayFiles & { readonly made: boolean }> {
    const root = join(this.#options.folder, 'data');
    return dayFiles(root, size, this.#signal, ({ path, records }) =>
      this.#reporter.note(`made ${path}: ${records} records`),
    );
  }

  async #makeData(size: DataSize): Promise<DataEvent> {
    const { made, ...files } = await this.#makeFiles(size);
    this.#data = files;
    this.#tasks = await plannedTasks(this.#loadOptions(files.folder), this.#signal);
    const { records, bytes, inflatedBytes, sha256 } = files;
    const event: DataEvent = { type: 'data', ...size, records, bytes, inflatedBytes, sha256, made };
    this.#reporter.event(event);
    return event;
  }

  /** The ready-made rows, and the table where the server is ours, lie beside the data. */
  async #checkRoom(): Promise<void> {
    if (this.#database === null) return;
    const { folder, databaseUrl } = this.#options;
    const { bavail, bsize } = await statfs(folder);
    const needed = this.#data.records * (READY_BYTES + (databaseUrl === null ? TABLE_BYTES : 0));
    if (bavail * bsize >= needed) return;
    throw new BackhaulError({
      kind: 'limit',
      message: `there is too little room in ${folder}`,
      expected: bytes(needed),
      found: bytes(bavail * bsize),
      hint: 'ask for fewer --records, or name another folder with --data',
    });
  }

  #loadOptions(folder: string): LoadOptions {
    return this.#options.loadOptions([folder]);
  }

  /** Nothing is timed before a small load has been found right. */
  async #check(): Promise<CheckEvent> {
    const database = this.#database;
    this.#reporter.note('checking: a small load against a plain reading of its files');
    const data = await this.#makeFiles({ ...CHECK_SIZE, seed: this.#options.size.seed });
    const result =
      database === null ? await this.#checkPipeline(data) : await this.#checkLoad(database, data);
    const check: CheckEvent = { type: 'check', ...result };
    this.#reporter.event(check);
    return check;
  }

  async #checkLoad(database: BenchDatabase, data: DayFiles): Promise<CheckResult> {
    await database.reset();
    await this.#load(data.folder, 'auto', null);
    return checkTable(database.url, data);
  }

  /** Without a database: what COPY would have got. */
  async #checkPipeline(data: DayFiles): Promise<CheckResult> {
    const options = this.#loadOptions(data.folder);
    const tasks = await plannedTasks(options, this.#signal);
    const made = await makeReadyMade(this.#readyMadeFolder, tasks, options, this.#cores, this.#signal);
    return checkReadyMade(made.files, made.seriesIds, data);
  }

  /** Makes the floor's files, and what is counted by nobody: first runs of everything. */
  async #warmUp(): Promise<void> {
    this.#reporter.note('warming up');
    const { folder } = this.#data;
    const options = this.#loadOptions(folder);
    if (this.#database === null) {
      await this.#pipeline(this.#cores);
      return;
    }
    const { url } = this.#database;
    const made = await makeReadyMade(this.#readyMadeFolder, this.#tasks, options, this.#cores, this.#signal);
    this.#readyMade = made.files;
    await this.#database.reset();
    await runFloor(url, this.#readyMade, this.#cores, false, this.#signal);
    this.#sums = await floorSums(url, this.#readyMade);
    this.#expectRows(this.#sums.rows, 'the floor');
    await this.#database.reset();
    await this.#load(folder, 'auto', null);
    await this.#checkSums('the warm-up load');
  }

  // ── runs ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** What a round measures, in its order. */
  #kinds(): ((round: number) => Promise<RunEvent>)[] {
    const numbers = this.#options.workers.filter((workers) => workers !== 'auto');
    const pipelines = numbers.map(
      (workers) => async (round: number) =>
        runEvent('pipeline', workers, round, false, await this.#pipeline(workers)),
    );
    if (this.#database === null) return pipelines;
    return [
      (round) => this.#floor('floor', round, false),
      (round) => this.#floor('short_floor', round, false),
      ...this.#options.workers.map((workers) => (round: number) => this.#measuredLoad(workers, round, null)),
      ...(this.#cluster === null ? [] : this.#options.workers).map(
        (workers) => (round: number) => this.#distributedLoad(this.#cluster!, workers, round),
      ),
      ...pipelines,
    ];
  }

  /** Every second round goes backwards: what slows the machine down bit by bit hits all kinds of runs alike. */
  async #round(kinds: readonly ((round: number) => Promise<RunEvent>)[], round: number): Promise<void> {
    for (const kind of round % 2 === 1 ? kinds : kinds.toReversed()) this.#tell(await kind(round));
  }

  #tell(run: RunEvent): void {
    this.#runs.push(run);
    this.#reporter.event(run);
  }

  async #pipeline(workers: number): Promise<RunCosts & { readonly records: number }> {
    const options = this.#loadOptions(this.#data.folder);
    const pipeline = new Pipeline(options, workers, 'null', this.#signal);
    try {
      await pipeline.warmUp(this.#tasks[0]!);
      const watched = watchMachine();
      const { records, seconds, cpuSeconds } = await pipeline.run(this.#tasks);
      this.#expectRows(records, 'the pipeline');
      return { records, seconds, cpuSeconds, serverCpuSeconds: null, ...watched(cpuSeconds) };
    } finally {
      await pipeline.close();
    }
  }

  /** `pinned`: over two connections, since no more than two cores take part, and over TCP. */
  async #floor(what: 'floor' | 'short_floor', round: number, pinned: boolean): Promise<RunEvent> {
    const connections = pinned ? 2 : this.#cores;
    const database = this.#database!;
    await database.reset();
    await intoPageCache(this.#readyMade, this.#signal);
    const url = pinned ? database.tcpUrl : database.url;
    const measured = await this.#withCosts(() =>
      runFloor(url, this.#readyMade, connections, what === 'short_floor', this.#signal),
    );
    this.#expectRows(measured.rows, what === 'floor' ? 'the floor' : 'the short floor');
    return runEvent(what, connections, round, pinned, { ...measured, records: measured.rows });
  }

  async #measuredLoad(workers: Workers, round: number, core: number | null): Promise<RunEvent> {
    await this.#database!.reset();
    const measured = await this.#withCosts(() => this.#load(this.#data.folder, workers, core));
    await this.#checkSums(`the load with ${workers} workers`);
    return runEvent('load', workers, round, core !== null, { ...measured, records: measured.rows });
  }

  /** Its tables stand when it begins: a database is distributed once. */
  async #distributedLoad(cluster: ClusterDatabase, workers: Workers, round: number): Promise<RunEvent> {
    await cluster.reset();
    const { folder } = this.#options;
    const command = { source: this.#data.folder, workers, databaseUrl: cluster.url, core: null, folder };
    const measured = await this.#withCosts(() => timeLoad(command, this.#signal), cluster);
    const { rows, trades } = await tableSums(cluster.url, LOADED);
    this.#expectRows(rows, 'the distributed load');
    if (trades !== this.#sums!.trades)
      throw different('the distributed load (trades)', this.#sums!.trades, trades);
    return runEvent('distributed_load', workers, round, false, { ...measured, records: measured.rows });
  }

  /** Tied to a core it goes over TCP. */
  #load(source: string, workers: Workers, core: number | null): Promise<LoadRun> {
    const { folder } = this.#options;
    const databaseUrl = core === null ? this.#database!.url : this.#database!.tcpUrl;
    return timeLoad({ source, workers, databaseUrl, core, folder }, this.#signal);
  }

  /** Adds what the server and the machine did meanwhile. */
  async #withCosts<R extends { readonly cpuSeconds: number }>(
    work: () => Promise<R>,
    server: BenchDatabase | ClusterDatabase = this.#database!,
  ): Promise<R & RunCosts> {
    const before = await server.cpuSeconds();
    const watched = watchMachine();
    const started = performance.now();
    const run = await work();
    const seconds = (performance.now() - started) / 1000;
    const after = await server.cpuSeconds();
    const serverCpuSeconds = before === null || after === null ? null : after - before;
    const { busy, others } = watched(run.cpuSeconds + (serverCpuSeconds ?? 0));
    return { seconds, ...run, serverCpuSeconds, busy, others: serverCpuSeconds === null ? null : others };
  }

  #expectRows(found: number, where: string): void {
    if (found !== this.#data.records) throw different(where, this.#data.records, found);
  }

  async #checkSums(where: string): Promise<void> {
    const { rows, trades } = await tableSums(this.#database!.url, LOADED);
    this.#expectRows(rows, where);
    if (trades !== this.#sums!.trades) throw different(`${where} (trades)`, this.#sums!.trades, trades);
  }

  /**
   * Server and loader on a core of their own, the floor's senders likewise, as if on two machines: over TCP. A Unix
   * socket holds what a server takes in 2.6 ms, and one core shared by all workers does not refill it in time.
   */
  async #pinnedRounds(): Promise<void> {
    const serverPid = this.#database!.serverPid!;
    const [ours, theirs] = (await ownCores()) as [number, number];
    const floors = (['floor', 'short_floor'] as const).map((what) => async (round: number) => {
      const unpin = await pin(process.pid, ours, false);
      try {
        return await this.#floor(what, round, true);
      } finally {
        await unpin();
      }
    });
    const loads = this.#options.workers.map(
      (workers) => (round: number) => this.#measuredLoad(workers, round, ours),
    );
    const unpinServer = await pin(serverPid, theirs, true);
    try {
      for (let round = 1; round <= this.#options.rounds; round++)
        await this.#round([...floors, ...loads], round);
    } finally {
      await unpinServer();
    }
  }

  // ── stages ───────────────────────────────────────────────────────────────────────────────────────────────────────

  async #stageRound(round: number): Promise<void> {
    const options = this.#loadOptions(this.#data.folder);
    const [first] = this.#tasks;
    const file = await inflate(first!, options, this.#signal);
    if (file === null) return;
    // What this thread has not run yet it runs slowly.
    if (round === 1) await passThrough(file, options);
    const pass = await passThrough(file, options);
    const stage: StageEvent = {
      type: 'stages',
      round,
      records: pass.records,
      nsPerRecord: { ...pass.nsPerRecord, copy: await this.#copyStage(pass.records) },
    };
    this.#stages.push(stage);
    this.#reporter.event(stage);
  }

  /** The rows of the first file, ready-made, over one connection: the server's time, keys apart. */
  async #copyStage(records: number): Promise<number | null> {
    const database = this.#database;
    if (database === null) return null;
    const files = this.#readyMade.filter(({ task }) => task === 1);
    await database.reset();
    await intoPageCache(files, this.#signal);
    const run = await runFloor(database.url, files, 1, true, this.#signal);
    if (run.rows !== records) throw different('copy of one file', records, run.rows);
    return (run.copySeconds * 1e9) / records;
  }

  // ── small tasks ──────────────────────────────────────────────────────────────────────────────────────────────────

  async #makeSmallTasks(): Promise<SmallTaskFiles | null> {
    const { smallTasks, folder, size } = this.#options;
    if (smallTasks === 0 || this.#database === null) return null;
    return smallTaskFiles(join(folder, 'data'), smallTasks, size.seed, this.#signal);
  }

  async #measureSmallTasks(files: SmallTaskFiles): Promise<SmallTasks> {
    this.#reporter.note(`${files.tasks} small tasks against the same rows in one file`);
    const load = async (source: string): Promise<number> => {
      await this.#database!.reset();
      const { rows, seconds } = await this.#load(source, 'auto', null);
      if (rows !== files.records) throw different('small tasks', files.records, rows);
      return seconds;
    };
    const rounds: { readonly zip: number; readonly file: number }[] = [];
    for (let round = 1; round <= this.#options.rounds; round++) {
      const file = await load(files.file);
      rounds.push({ file, zip: await load(files.zip) });
    }
    const small: SmallTasks = {
      tasks: files.tasks,
      records: files.records,
      zipSeconds: figureOf(rounds.map(({ zip }) => zip)),
      fileSeconds: figureOf(rounds.map(({ file }) => file)),
      msPerTask: figureOf(rounds.map(({ zip, file }) => ((zip - file) * 1000) / files.tasks)),
    };
    this.#reporter.event({ type: 'small_tasks', ...small });
    return small;
  }

  // ── result ───────────────────────────────────────────────────────────────────────────────────────────────────────

  #result(
    { type: _machine, ...machine }: MachineEvent,
    { type: _data, made: _made, ...data }: DataEvent,
    { type: _check, ...check }: CheckEvent,
    smallTasks: SmallTasks | null,
  ): BenchResult {
    const order = this.#options.workers;
    const stages = stageFigures(this.#stages);
    const pipeline = pipelineOf(this.#runs, order);
    const shared = comparisonOf(this.#runs, order, false);
    const pinned = comparisonOf(this.#runs, order, true);
    const of = (workers: number): number | undefined =>
      pipeline.find((one) => one.workers === workers)?.recordsPerSecond.median;
    const [one, two] = [of(1), of(2)];
    const loaderStages = Object.fromEntries(
      Object.entries(stages).flatMap(([name, figure]) => (name === 'copy' ? [] : [[name, figure.median]])),
    );
    const result: BenchResult = {
      type: 'result',
      version: 2,
      at: new Date().toISOString(),
      machine,
      data,
      check,
      rounds: this.#options.rounds,
      stages,
      pipeline,
      recordsPerCore: 1e6 / (pipeline[0]?.cpuUsPerRecord ?? Number.NaN),
      twoAgainstOne: one === undefined || two === undefined ? null : two / one,
      shared,
      pinned,
      smallTasks,
      distributed:
        this.#cluster === null
          ? null
          : { nodes: this.#cluster.nodes, loads: distributedOf(this.#runs, order) },
      others: othersOf([shared, pinned, pipeline]),
      bottleneck: bottleneck({ cores: this.#cores, stages: loaderStages, pipeline, shared }),
    };
    this.#reporter.event(result);
    return result;
  }
}

function different(where: string, expected: number, found: number): BackhaulError {
  return new BackhaulError({
    kind: 'internal',
    message: `${where} has not the rows of the files: the figures would be worth nothing`,
    expected: String(expected),
    found: String(found),
  });
}

function runEvent(
  what: RunEvent['what'],
  workers: Workers,
  round: number,
  pinned: boolean,
  run: RunCosts & { readonly records: number } & Partial<
      Pick<RunEvent, 'startupSeconds' | 'keySeconds' | 'peakWorkers' | 'peakRssBytes'>
    >,
): RunEvent {
  const { records, seconds, cpuSeconds, serverCpuSeconds, busy, others } = run;
  return {
    type: 'run',
    what,
    workers,
    pinned,
    round,
    records,
    seconds,
    cpuSeconds,
    serverCpuSeconds,
    busy,
    others,
    startupSeconds: run.startupSeconds ?? null,
    keySeconds: run.keySeconds ?? null,
    peakWorkers: run.peakWorkers ?? null,
    peakRssBytes: run.peakRssBytes ?? null,
  };
}
