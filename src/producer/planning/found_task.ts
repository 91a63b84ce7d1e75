/** What discovery is asked for, and what it finds. */

import type { Fault } from '../../faults/fault.ts';
import type { TaskPlan } from '../../state/task_plan.ts';
import type { InflateLimits } from '../archive/inflate_limits.ts';
import type { SourceObject } from '../sources/source.ts';

/** Where something to load lies. */
export interface TaskPlace {
  readonly uri: string;
  /** Name inside a zip; null for an object that is a file of its own. */
  readonly entry: string | null;
  readonly etag: string;
  /** Bytes as they lie in the source. */
  readonly sizeBytes: number;
  readonly modifiedMs: number | null;
}

/** A task with all a worker needs. */
export interface PlannedTask extends TaskPlace {
  readonly layout: string;
  /** `venue/SYMBOL/interval`; for files of many symbols with a star in the place of the symbol. */
  readonly lane: string;
  /** µs of the planned first bar; null: unknown. */
  sequence: number | null;
  readonly plan: TaskPlan;
  /** Of its symbol, the archive's own first; absent where there is but one. */
  readonly spellings?: readonly string[];
}

/** Something that ought to be loaded and cannot be. */
export interface FailedTask extends TaskPlace {
  readonly layout: string | null;
  readonly lane: null;
  readonly sequence: null;
  readonly plan: null;
  readonly fault: Fault;
}

export type DiscoveredTask = PlannedTask | FailedTask;

/** Bars to load of a task, `[fromUs, toUs)`; null is unbounded. */
export interface WantRange {
  readonly fromUs: number | null;
  readonly toUs: number | null;
}

/** What is to be loaded of a task that was selected. */
export interface Selected extends WantRange {
  /** Symbols that were asked for, and are not of a file of many: there they are the names of others. */
  readonly without?: ReadonlySet<string>;
}

/** Asked for each planned task; null leaves it out: it is neither stored nor loaded. */
export type SelectTask = (task: PlannedTask) => Selected | null;

/** What discovery has seen so far; kept up to date while it runs. */
export interface DiscoverCounts {
  /** Files in the sources, and files in their zips. */
  objects: number;
  entries: number;
  /** Left out by `--symbols`, `--intervals`, `--from`, `--to`, for what their names say. */
  filtered: number;
  /** Not read for what their names say, by kind: `.zst`, `.parquet`, `document`, `hidden` … */
  readonly notRead: Record<string, number>;
  readonly byRecords: ToldByRecords[];
}

/** Files whose records decided what their names do not tell, or tell otherwise. */
export interface ToldByRecords {
  readonly what: 'interval' | 'venue' | 'date';
  /** What it is by the records: `1m`, a venue; empty for a date. */
  readonly is: string;
  /** The word in their paths that was overruled; null where there was none. */
  readonly said: string | null;
  files: number;
}

export function noCounts(): DiscoverCounts {
  return { objects: 0, entries: 0, filtered: 0, notRead: {}, byRecords: [] };
}

export interface DiscoverOptions {
  /** `auto`, a layout's name, or the path of a YAML file. */
  readonly layout: string;
  readonly fromUs: number | null;
  readonly toUs: number | null;
  /** As the user wrote them; null for all. */
  readonly symbols: readonly string[] | null;
  /** Seconds; null for all. */
  readonly intervals: readonly number[] | null;
  /** Of files that do not tell: seconds, and a name. */
  readonly interval?: number | null;
  readonly venue?: string | null;
  /** `numeric`: the decimals of prices and volumes are kept too. */
  readonly prices?: 'float8' | 'numeric';
  readonly onInvalid: TaskPlan['onInvalid'];
  readonly onConflict: TaskPlan['onConflict'];
  readonly maxRejects: number | null;
  readonly maxRejectShare: number | null;
  readonly inflate?: InflateLimits;
  readonly counts?: DiscoverCounts;
  /** Something worth saying that is no failure of a task. */
  readonly onNote?: (message: string) => void;
}

export function placeOf({ uri, etag, sizeBytes, modifiedMs }: SourceObject): TaskPlace {
  return { uri, entry: null, etag, sizeBytes, modifiedMs };
}

export function failed(place: TaskPlace, fault: Fault, layout?: string): FailedTask {
  return { ...place, layout: layout ?? null, lane: null, sequence: null, plan: null, fault };
}
