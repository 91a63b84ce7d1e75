/** What a run has done so far and in all: counts, failures, samples for its record. */

import type { Fault } from '../faults/fault.ts';
import { type DiscoverCounts, noCounts } from '../producer/planning/found_task.ts';
import type { ClaimedTask } from '../state/tasks/claim.ts';
import type { ListingCounts } from '../state/tasks/task_listing.ts';
import type { PhaseSeconds } from '../workers/link/messages.ts';
import type { LoadedResult, RejectSummary, RowCounts } from '../workers/link/task_result.ts';
import type { DispatchEvents } from './dispatcher.ts';
import type {
  CpuUse,
  LoadFailure,
  LoadOptions,
  LoadReporter,
  LoadSummary,
  PlanEvent,
  ProgressEvent,
  TaskOutcome,
} from './load_events.ts';
import type { Listing, Share } from './run_share.ts';
import type { ConcurrencyLimit } from './scaling/concurrency.ts';

const MAX_FAILURES = 100;
const NO_ROWS: RowCounts = {
  read: 0,
  loaded: 0,
  rejected: 0,
  duplicate: 0,
  empty: 0,
  conflict: 0,
  outside: 0,
  trades: 0,
};
const NO_WAITS: Readonly<PhaseSeconds> = { source: 0, lane: 0, copy: 0 };
const DISCOVERING_MS = 250;
/** Files and instants that a run's record keeps. */
const SLOWEST_KEPT = 20;
const SAMPLES_KEPT = 240;

/** A file and how long its attempt took, s. */
interface SlowFile {
  readonly uri: string;
  readonly entry: string | null;
  readonly seconds: number;
  readonly rows: number;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Counts one run, tells the reporter how it goes, and sums it up at the end. */
export class RunTally {
  readonly #options: LoadOptions;
  readonly #report: LoadReporter;
  readonly #started = performance.now();
  readonly #rows: Mutable<RowCounts> = { ...NO_ROWS };
  readonly #tasks: Record<TaskOutcome, number> = {
    loaded: 0,
    failed: 0,
    skipped: 0,
    unchanged: 0,
    released: 0,
  };
  readonly #failures: LoadFailure[] = [];
  /** Those of them that the listing told. */
  readonly #listed = { failed: 0, failures: [] as LoadFailure[] };
  readonly #rejects = new Map<string, Mutable<RejectSummary>>();
  readonly #series = new Set<number>();
  /** Tasks whose rows are counted. */
  readonly #counted = new Set<number>();
  /** Inflated bytes, records and waiting of attempts under way, by task. */
  readonly #underway = new Map<
    number,
    { readonly share: number; readonly records: number; readonly waits: PhaseSeconds }
  >();
  readonly #decisions: { readonly atSeconds: number; readonly workers: number; readonly reason: string }[] =
    [];
  /** What discovery counts: objects, entries, and what it passed over. */
  readonly found: DiscoverCounts = noCounts();
  /** Seconds all workers waited, by what for. */
  readonly #waits: PhaseSeconds = { ...NO_WAITS };
  /** The files that took longest, longest first. */
  readonly #slowest: SlowFile[] = [];
  #cpu: () => CpuUse | null = () => null;
  /** Records read at instants an even `#sampleEvery` seconds apart: half of them go whenever there are too many. */
  #samples: { readonly atSeconds: number; readonly rowsRead: number; readonly workers: number }[] = [];
  #sampleEvery = 1;
  /** How many workers there are to be; null until there may be any. */
  #limit: ConcurrencyLimit | null = null;
  #toDo = 0;
  #bytesTotal = 0;
  #bytesDone = 0;
  #inflated = 0;
  #discoverSeconds = 0;
  #discoveringAt = 0;
  #peakWorkers = 0;
  #firstTs: number | null = null;
  #lastTs: number | null = null;
  finishSeconds = 0;
  /** Files that a selection does not want. */
  leftOut = 0;

  constructor(options: LoadOptions, report: LoadReporter) {
    this.#options = options;
    this.#report = report;
  }

  // ── discovery ──────────────────────────────────────────────────────────────────────────────────────────────────

  discovering(): void {
    const now = performance.now();
    if (now - this.#discoveringAt < DISCOVERING_MS) return;
    this.#discoveringAt = now;
    const { objects, entries } = this.found;
    this.#report({ type: 'discovering', source: this.#options.sources.join(' '), objects, entries });
  }

  stored(counts: ListingCounts, failures: readonly LoadFailure[]): void {
    this.#tasks.unchanged += counts.unchanged;
    this.#tasks.skipped += counts.skipped;
    this.#toDo += counts.new + counts.changed + counts.waiting;
    this.#bytesTotal += counts.bytesToDo;
    for (const failure of failures) this.#failListed(failure);
  }

  /** A file that stands as loaded and that cannot be read as it was asked for now. */
  refused(uri: string, entry: string | null, fault: Fault): void {
    this.#tasks.unchanged--;
    this.#failListed({ uri, entry, taskId: null, fault });
  }

  planned(state: PlanEvent['state']): void {
    if (state === 'loaded' || state === 'skipped') this.#tasks.unchanged++;
    else this.#toDo++;
  }

  plannedFailure(uri: string, entry: string | null, fault: Fault): void {
    this.#fail({ uri, entry, taskId: null, fault });
  }

  discovered(seconds: number): void {
    this.#discoverSeconds = seconds;
    this.#report({
      type: 'discovered',
      source: this.#options.sources.join(' '),
      objects: this.found.objects,
      entries: this.found.entries,
      tasks: this.#toDo,
      unchanged: this.#tasks.unchanged,
      bytes: this.#bytesTotal,
      seconds,
    });
  }

  /** What was found, for others that load the same. */
  listing(): Listing {
    const { objects, entries, filtered, notRead, byRecords } = this.found;
    const { unchanged, skipped } = this.#tasks;
    const tasks = { unchanged, skipped, failed: this.#listed.failed };
    const { leftOut } = this;
    const [toDo, bytesTotal, failures] = [this.#toDo, this.#bytesTotal, this.#listed.failures];
    return { objects, entries, filtered, notRead, byRecords, leftOut, toDo, bytesTotal, tasks, failures };
  }

  /** Counts what another load has found. */
  adopt(listing: Listing): void {
    const { objects, entries, filtered, notRead, byRecords, failures, tasks } = listing;
    Object.assign(this.found, { objects, entries, filtered });
    Object.assign(this.found.notRead, notRead);
    this.found.byRecords.push(...byRecords);
    this.leftOut = listing.leftOut;
    this.#toDo = listing.toDo;
    this.#bytesTotal = listing.bytesTotal;
    this.#tasks.unchanged = tasks.unchanged;
    this.#tasks.skipped = tasks.skipped;
    for (const failure of failures) this.#failListed(failure);
    this.#tasks.failed += tasks.failed - failures.length;
    this.#listed.failed = tasks.failed;
  }

  /** What this load did of a run that it shares. */
  share(): Share {
    return {
      tasks: { loaded: this.#tasks.loaded, failed: this.#tasks.failed - this.#listed.failed },
      rows: { ...this.#rows },
      bytes: this.#bytesDone,
      inflatedBytes: this.#inflated,
      peakWorkers: this.#peakWorkers,
      seriesIds: this.seriesIds,
      firstTs: this.#firstTs,
      lastTs: this.#lastTs,
      finishSeconds: this.finishSeconds,
      failures: this.#failures,
      rejects: [...this.#rejects.values()],
    };
  }

  /** Mean size of the tasks found so far that are to be loaded, bytes; 0 without any. */
  get meanBytes(): number {
    return this.#bytesTotal / Math.max(1, this.#toDo);
  }

  // ── tasks ──────────────────────────────────────────────────────────────────────────────────────────────────────

  events(limit: ConcurrencyLimit): DispatchEvents {
    this.#limit = limit;
    return {
      claimed: () => {
        this.#peakWorkers = Math.max(this.#peakWorkers, Math.min(limit.value, this.#underway.size + 1));
      },
      progress: (task, inflatedBytes, records, waits) => {
        // How much of the task is done, by inflated bytes where its size says, else an even guess of four to one.
        const whole = inflatedSize(task);
        const share = Math.min(0.99, inflatedBytes / whole);
        this.#underway.set(task.taskId, { share: share * task.sizeBytes, records, waits });
        this.#peakWorkers = Math.max(this.#peakWorkers, this.#underway.size);
      },
      loaded: (task, result, seconds) => this.#loaded(task, result, seconds),
      retried: (task, fault, seconds) => this.#left(task, 'retry', fault, seconds),
      failed: (task, fault, seconds) => {
        this.#fail({ uri: task.uri, entry: task.entry, taskId: task.taskId, fault });
        this.#left(task, 'failed', fault, seconds);
      },
      released: (task, fault, seconds) => this.#left(task, 'released', fault, seconds),
      note: (message) => this.#report({ type: 'note', level: 'info', message }),
    };
  }

  #loaded(task: ClaimedTask, result: LoadedResult, seconds: number): void {
    this.#underway.delete(task.taskId);
    // Loaded again, because a server that crashed has forgotten it: it counts once.
    if (this.#counted.has(task.taskId)) return;
    this.#counted.add(task.taskId);
    this.#tasks.loaded++;
    this.#bytesDone += task.sizeBytes;
    this.#inflated += result.inflatedBytes;
    for (const key of Object.keys(NO_ROWS) as (keyof RowCounts)[]) this.#rows[key] += result.rows[key];
    for (const id of result.seriesIds) this.#series.add(id);
    this.#waits.source += result.waits.source;
    this.#waits.lane += result.waits.lane;
    this.#waits.copy += result.waits.copy;
    this.#noteSlow({ uri: task.uri, entry: task.entry, seconds, rows: result.rows.loaded });
    if (result.firstTsUs !== null) this.#firstTs = Math.min(this.#firstTs ?? Infinity, result.firstTsUs);
    if (result.lastTsUs !== null) this.#lastTs = Math.max(this.#lastTs ?? -Infinity, result.lastTsUs);
    for (const reject of result.rejects) {
      const seen = this.#rejects.get(reject.reason);
      if (seen === undefined) this.#rejects.set(reject.reason, { ...reject });
      else seen.count += reject.count;
    }
    if (task.replaces !== null && task.replaces.etag !== task.etag)
      this.#report({
        type: 'note',
        level: 'info',
        message: `${nameOf(task)} has changed since it was loaded: its old rows were replaced${
          result.recomputed > 0 ? `, indicators of ${result.recomputed} later bars recomputed` : ''
        }`,
      });
    if (result.completed > 0)
      this.#report({
        type: 'note',
        level: 'info',
        message: `${nameOf(task)} completes ${result.completed === 1 ? 'a bar that was' : `${result.completed} bars that were`} unfinished where another file ends`,
      });
    this.#report({
      type: 'task',
      uri: task.uri,
      entry: task.entry,
      outcome: 'loaded',
      attempt: task.attempt,
      rows: result.rows,
      inflatedBytes: result.inflatedBytes,
      seconds,
      waits: result.waits,
      fault: null,
    });
  }

  #noteSlow(file: SlowFile): void {
    const slowest = this.#slowest;
    if (slowest.length === SLOWEST_KEPT && file.seconds <= slowest.at(-1)!.seconds) return;
    slowest.push(file);
    slowest.sort((a, b) => b.seconds - a.seconds);
    if (slowest.length > SLOWEST_KEPT) slowest.pop();
  }

  #sample(rowsRead: number, workers: number): void {
    const atSeconds = this.#seconds();
    const last = this.#samples.at(-1);
    if (last !== undefined && atSeconds - last.atSeconds < this.#sampleEvery) return;
    this.#samples.push({ atSeconds, rowsRead, workers });
    if (this.#samples.length < SAMPLES_KEPT) return;
    this.#samples = this.#samples.filter((_, index) => index % 2 === 0);
    this.#sampleEvery *= 2;
  }

  #left(task: ClaimedTask, outcome: 'retry' | 'failed' | 'released', fault: Fault, seconds: number): void {
    this.#underway.delete(task.taskId);
    if (outcome === 'failed') this.#bytesDone += task.sizeBytes;
    this.#report({
      type: 'task',
      uri: task.uri,
      entry: task.entry,
      outcome,
      attempt: task.attempt,
      rows: NO_ROWS,
      inflatedBytes: 0,
      seconds,
      waits: NO_WAITS,
      fault,
    });
  }

  #failListed(failure: LoadFailure): void {
    this.#listed.failed++;
    if (this.#listed.failures.length < MAX_FAILURES) this.#listed.failures.push(failure);
    this.#fail(failure);
  }

  #fail(failure: LoadFailure): void {
    this.#tasks.failed++;
    if (this.#failures.length < MAX_FAILURES) this.#failures.push(failure);
  }

  /** Series that got rows. */
  get seriesIds(): readonly number[] {
    return [...this.#series];
  }

  decision(workers: number, previous: number, reason: string): void {
    this.#decisions.push({ atSeconds: this.#seconds(), workers, reason });
    this.#report({ type: 'decision', workers, previous, reason });
  }

  // ── sums ───────────────────────────────────────────────────────────────────────────────────────────────────────

  #seconds(): number {
    return (performance.now() - this.#started) / 1000;
  }

  /** Where the CPU is looked up from now on, for progress to tell. */
  watchCpu(cpu: () => CpuUse | null): void {
    this.#cpu = cpu;
  }

  progress(phase: 'load' | 'finish', workers: number): void {
    this.#report(this.progressEvent(phase, workers));
  }

  /** The totals so far; a sample of them is kept for the run's record. */
  progressEvent(phase: 'load' | 'finish', workers: number): ProgressEvent {
    let bytes = this.#bytesDone;
    let records = this.#rows.read;
    const waits = { ...this.#waits };
    for (const one of this.#underway.values()) {
      bytes += one.share;
      records += one.records;
      waits.source += one.waits.source;
      waits.lane += one.waits.lane;
      waits.copy += one.waits.copy;
    }
    this.#sample(records, workers);
    const cpu = this.#cpu();
    return {
      type: 'progress',
      phase,
      tasksDone: this.#tasks.loaded + this.#tasks.failed,
      tasksTotal: Math.max(this.#toDo, this.#tasks.loaded + this.#tasks.failed),
      bytesDone: Math.round(bytes),
      bytesTotal: Math.max(this.#bytesTotal, Math.round(bytes)),
      rowsRead: records,
      rowsLoaded: this.#rows.loaded,
      rowsRejected: this.#rows.rejected,
      tasksFailed: this.#tasks.failed,
      workers,
      workersWanted: this.#limit?.value ?? 0,
      seconds: this.#seconds(),
      waits,
      ...(cpu === null ? {} : { cpu }),
    };
  }

  /** What the run's record in the database keeps. */
  audit(): Record<string, unknown> {
    return {
      tasks: this.#tasks,
      rows: this.#rows,
      bytes: this.#bytesDone,
      inflatedBytes: this.#inflated,
      seconds: this.#seconds(),
      discoverSeconds: this.#discoverSeconds,
      finishSeconds: this.finishSeconds,
      peakWorkers: this.#peakWorkers,
      decisions: this.#decisions,
      failures: this.#failures,
      waits: this.#waits,
      slowest: this.#slowest,
      samples: [...this.#samples, { atSeconds: this.#seconds(), rowsRead: this.#rows.read, workers: 0 }],
    };
  }

  summary(runId: number | null, interrupted: boolean): LoadSummary {
    const seconds = this.#seconds();
    const released = interrupted ? Math.max(0, this.#toDo - this.#tasks.loaded - this.#tasks.failed) : 0;
    return {
      type: 'summary',
      dryRun: this.#options.dryRun,
      runId,
      hosts: [],
      sources: this.#options.sources,
      objects: this.found.objects,
      entries: this.found.entries,
      tasks: { ...this.#tasks, released },
      leftOut: this.leftOut,
      filtered: this.found.filtered,
      byRecords: this.found.byRecords,
      notRead: {
        files: Object.values(this.found.notRead).reduce((sum, count) => sum + count, 0),
        kinds: { ...this.found.notRead },
      },
      rows: { ...this.#rows },
      bytes: this.#bytesDone,
      inflatedBytes: this.#inflated,
      seconds,
      discoverSeconds: this.#discoverSeconds,
      finishSeconds: this.finishSeconds,
      rowsPerSecond: this.#rows.loaded / seconds,
      inflatedBytesPerSecond: this.#inflated / seconds,
      peakWorkers: this.#peakWorkers,
      series: this.#series.size,
      firstTs: this.#firstTs,
      lastTs: this.#lastTs,
      failures: this.#failures,
      rejects: [...this.#rejects.values()].sort((a, b) => b.count - a.count),
      nothingToDo:
        !interrupted &&
        this.#tasks.loaded === 0 &&
        this.#tasks.failed === 0 &&
        this.#tasks.unchanged + this.#tasks.skipped + this.leftOut > 0,
      interrupted,
    };
  }
}

function nameOf(task: ClaimedTask): string {
  return task.entry === null ? task.uri : `${task.uri} › ${task.entry}`;
}

/** Inflated size of a task, or a guess. */
function inflatedSize(task: ClaimedTask): number {
  const { storage } = task.plan;
  if (storage.kind === 'zip') return Math.max(1, storage.uncompressedSize);
  return Math.max(1, storage.kind === 'plain' ? task.sizeBytes : 4 * task.sizeBytes);
}
