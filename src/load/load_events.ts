/**
 * What a load is asked for, what it says on the way and what it says at the end: the seam between the load engine
 * (`load.ts`) and whoever shows it (`src/commands`). Plain data only; nothing here does anything.
 */

import type { IndicatorName } from '../bars/columns.ts';
import type { Fault } from '../faults/fault.ts';
import type { InflateLimits } from '../producer/archive/inflate_limits.ts';
import type { ToldByRecords } from '../producer/planning/found_task.ts';
import type { SourceOptions } from '../producer/sources/source.ts';
import type { Compression } from '../state/leaves/compress.ts';
import type { TaskPlan } from '../state/task_plan.ts';
import type { PhaseSeconds } from '../workers/link/messages.ts';
import type { RejectSummary, RowCounts } from '../workers/link/task_result.ts';

/** Everything a load needs to know. Times are µs since 1970, ranges `[from, to)`. */
export interface LoadOptions {
  /** As the user wrote them: folders, files, zips, `s3://…`, `https://…`. At least one. */
  readonly sources: readonly string[];
  readonly sourceOptions: SourceOptions;
  /** `auto`, a layout's name, or the path of a YAML file that describes one. */
  readonly layout: string;
  /** Where the rows go. Null only in a dry run without a database: every task then counts as new. */
  readonly databaseUrl: string | null;
  readonly fromUs: number | null;
  readonly toUs: number | null;
  /** As the user wrote them; null for all. */
  readonly symbols: readonly string[] | null;
  /** Seconds; null for all. */
  readonly intervals: readonly number[] | null;
  /** What files are that do not tell: seconds, and a name. */
  readonly interval?: number | null;
  readonly venue?: string | null;
  /** The indicators to compute, in the order of `INDICATOR_NAMES`; the columns of the others stay NULL. */
  readonly indicators: readonly IndicatorName[];
  /** Lengths of longer bars to be made of those that are loaded, s, ascending. */
  readonly rollups?: readonly number[];
  readonly workers: 'auto' | number;
  /** For `auto`: share of the CPU (0 … 1) that may be busy where others want it too. */
  readonly cpuTarget: number;
  /** Absolute limit of rejects a file, and a share (0 … 1) of its records; null where the user set only the other. */
  readonly maxRejects: number | null;
  readonly maxRejectShare: number | null;
  /** `numeric`: the decimals of prices and volumes are kept to the last digit, beside the doubles. */
  readonly prices?: 'float8' | 'numeric';
  readonly onInvalid: TaskPlan['onInvalid'];
  readonly onConflict: 'keep' | 'replace';
  /** Load again what is loaded, or was unloaded. */
  readonly reload?: boolean;
  /** The selection that the load is given is that of what is newer than the bars that stand. */
  readonly incremental?: boolean;
  /** The database is to be a distributed one: it is made one before anything is loaded, if it is not yet. */
  readonly distribute?: boolean;
  /** At the end, chunks of a hypertable that hold no bars younger than this, s, go to its columnstore; null: none. */
  readonly compressAfterS?: number | null;
  /** Discover and plan, write nothing: one `plan` event a task. */
  readonly dryRun: boolean;
  /** Size of a batch on its way to COPY; null lets the engine choose. */
  readonly batchBytes: number | null;
  readonly leaseMs: number;
  /** What a compressed file may become; left out: what the engine allows. */
  readonly inflate?: InflateLimits;
  /** How long a drain lets what runs go on; what has not ended then is given back. */
  readonly drainMs: number;
}

/** The first signal asks to finish what runs, for `drainMs`, and to claim no more; the second to stop now. */
export interface LoadSignals {
  readonly drain: AbortSignal;
  readonly abort: AbortSignal;
}

/** How a task left this run. `released`: given back unfinished after an interrupt. `unchanged`: loaded by an earlier run. */
export type TaskOutcome = 'loaded' | 'failed' | 'skipped' | 'unchanged' | 'released';

/** Discovery goes on: totals of one source so far. */
export interface DiscoveringEvent {
  readonly type: 'discovering';
  readonly source: string;
  readonly objects: number;
  readonly entries: number;
}

/** A source is listed and planned. */
export interface DiscoveredEvent {
  readonly type: 'discovered';
  readonly source: string;
  readonly objects: number;
  readonly entries: number;
  /** Tasks to do, and those an earlier run has done. */
  readonly tasks: number;
  readonly unchanged: number;
  /** Bytes of the tasks to do, as they lie in the source. */
  readonly bytes: number;
  readonly seconds: number;
}

/** Dry run: one task as it would be done. */
export interface PlanEvent {
  readonly type: 'plan';
  readonly uri: string;
  readonly entry: string | null;
  readonly layout: string;
  readonly venue: string;
  /** Null: a file of many symbols. */
  readonly symbol: string | null;
  readonly intervalS: number;
  readonly lane: string;
  /** Bytes as they lie in the source. */
  readonly sizeBytes: number;
  /** `new`: not known yet; `changed`: loaded, but the file differs now; else the state of the task in the database. */
  readonly state: 'new' | 'changed' | 'pending' | 'running' | 'loaded' | 'failed' | 'skipped';
}

/** A task ended, or an attempt at it did and it will be tried again (`retry`). */
export interface TaskEvent {
  readonly type: 'task';
  readonly uri: string;
  readonly entry: string | null;
  readonly outcome: Exclude<TaskOutcome, 'unchanged'> | 'retry';
  readonly attempt: number;
  readonly rows: RowCounts;
  /** Inflated bytes scanned, of a task that was loaded. */
  readonly inflatedBytes: number;
  readonly seconds: number;
  /** Of them, those it waited, by what for; zeros where it was not loaded. */
  readonly waits: Readonly<PhaseSeconds>;
  readonly fault: Fault | null;
}

/** Totals of the run so far; a few times a second, and at once when the run is asked to drain. */
export interface ProgressEvent {
  readonly type: 'progress';
  /** What the run as a whole is at. `finish`: partitions get their keys. */
  readonly phase: 'load' | 'finish';
  readonly tasksDone: number;
  readonly tasksTotal: number;
  /** Bytes as they lie in the source, including those of tasks half done. */
  readonly bytesDone: number;
  readonly bytesTotal: number;
  readonly rowsRead: number;
  readonly rowsLoaded: number;
  readonly rowsRejected: number;
  readonly tasksFailed: number;
  /** Workers at work now, and how many there are to be. */
  readonly workers: number;
  readonly workersWanted: number;
  readonly seconds: number;
  /** Seconds that workers waited so far, by what for. */
  readonly waits: Readonly<PhaseSeconds>;
  /** Of the last second; missing before the first look, and where the number of workers was given. */
  readonly cpu?: CpuUse;
}

/** Cores in use, as far as they can be seen: 1.5 is one and a half. */
export interface CpuUse {
  /** Those this load may use. */
  readonly cores: number;
  readonly loader: number;
  /** Null: it cannot be seen from here; 0: on other cores or another machine. */
  readonly server: number | null;
  /** Of everybody; null where only a part of the host is ours. */
  readonly host: number | null;
}

/** A partition was made (bare), or got its key and its place in `bars` (standing). */
export interface PartitionEvent {
  readonly type: 'partition';
  readonly name: string;
  readonly state: 'bare' | 'standing';
  readonly rows: number;
  readonly seconds: number;
}

/** The pool chose another number of workers. */
export interface DecisionEvent {
  readonly type: 'decision';
  readonly workers: number;
  readonly previous: number;
  readonly reason: string;
}

/** Something worth saying that is no failure of a task. */
export interface NoteEvent {
  readonly type: 'note';
  readonly level: 'info' | 'warning';
  readonly message: string;
}

export type LoadEvent =
  | DiscoveringEvent
  | DiscoveredEvent
  | PlanEvent
  | TaskEvent
  | ProgressEvent
  | PartitionEvent
  | DecisionEvent
  | Compression
  | NoteEvent;

/** Whoever listens. Called on the main thread, must return at once and must not throw. */
export type LoadReporter = (event: LoadEvent) => void;

/** A task that failed for good in this run, or had failed before and stands in the way. */
export interface LoadFailure {
  readonly uri: string;
  readonly entry: string | null;
  readonly taskId: number | null;
  readonly fault: Fault;
}

/** One of several loads that were one run, and what it brought. */
export interface RunHost {
  readonly runId: number;
  readonly host: string;
  /** `lost`: it was killed, and the others have done the rest. */
  readonly state: string;
  readonly files: number;
  readonly rows: number;
}

/** A load, at its end. Counts are of this run alone, and of all of it where several hosts shared it. */
export interface LoadSummary {
  readonly type: 'summary';
  readonly dryRun: boolean;
  /** The row of `backhaul.run`; null in a dry run. */
  readonly runId: number | null;
  /** Those that shared the run; empty where it was one alone. */
  readonly hosts: readonly RunHost[];
  readonly sources: readonly string[];
  readonly objects: number;
  readonly entries: number;
  readonly tasks: Readonly<Record<TaskOutcome, number>>;
  /** Files that `--incremental` or a fill of gaps had no use for, by what their names and ranges say. */
  readonly leftOut: number;
  /** Files left out by `--symbols`, `--intervals`, `--from`, `--to`, for what their names say. */
  readonly filtered: number;
  /** What the sources hold and nobody read, by kind: `.zst`, `.parquet`, `document`, `hidden` … */
  /** Files whose records decided what their names do not tell, or tell otherwise. */
  readonly byRecords: readonly ToldByRecords[];
  readonly notRead: { readonly files: number; readonly kinds: Readonly<Record<string, number>> };
  readonly rows: RowCounts;
  /** Bytes read, as they lie in the sources, and inflated. */
  readonly bytes: number;
  readonly inflatedBytes: number;
  readonly seconds: number;
  /** Of them: discovery and planning, and giving partitions their keys. */
  readonly discoverSeconds: number;
  readonly finishSeconds: number;
  readonly rowsPerSecond: number;
  readonly inflatedBytesPerSecond: number;
  /** Highest number of workers at work at once. */
  readonly peakWorkers: number;
  /** Series that got rows in this run. */
  readonly series: number;
  /** First and last bar of this run's rows, µs since 1970; null without rows. */
  readonly firstTs: number | null;
  readonly lastTs: number | null;
  /** At most 100; `tasks.failed` has the number. */
  readonly failures: readonly LoadFailure[];
  /** By count, most first. */
  readonly rejects: readonly RejectSummary[];
  /** All that was found had been loaded before, or holds nothing that is wanted. */
  readonly nothingToDo: boolean;
  /** An interrupt ended the run early. */
  readonly interrupted: boolean;
}
