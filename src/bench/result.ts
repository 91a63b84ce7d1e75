/** What a benchmark tells: events as they come, and the result they add up to. Plain data. */

import type { ServerFacts } from './bench_database.ts';
import type { CheckResult } from './check_load.ts';
import type { Facts } from './facts.ts';
import type { StageTimes } from './stages.ts';
import type { Figure } from './statistics.ts';

export type Workers = 'auto' | number;

/** The machine, and the server where there is one. */
export interface MachineEvent extends Facts {
  readonly type: 'machine';
  readonly server: ServerFacts | null;
}

/** The data all runs share. */
export interface DataEvent {
  readonly type: 'data';
  readonly days: number;
  readonly tickers: number;
  readonly seed: string;
  readonly records: number;
  readonly bytes: number;
  readonly inflatedBytes: number;
  readonly sha256: string;
  /** Made now, not kept from an earlier run. */
  readonly made: boolean;
}

/** The small table was equal to what its files say. */
export interface CheckEvent extends CheckResult {
  readonly type: 'check';
}

/** CPU used while a run went on. */
export interface RunCosts {
  readonly seconds: number;
  /** Of the loader, or of the senders of the floor. */
  readonly cpuSeconds: number;
  /** Of the server; null where it is not seen from here. */
  readonly serverCpuSeconds: number | null;
  /** Share of all cores that was busy, whatever with. */
  readonly busy: number;
  /** Share of all cores that was busy with other programs; null where the server's CPU is not seen. */
  readonly others: number | null;
}

/** One measured run. */
export interface RunEvent extends RunCosts {
  readonly type: 'run';
  /**
   * `load`: end to end. `floor`: the same rows ready-made, a COPY a file. `short_floor`: likewise, by the short COPYs of
   * a load. `pipeline`: everything but the database. `distributed_load`: a load into tables that are distributed over the
   * nodes of a cluster; the server's CPU is that of all of them.
   */
  readonly what: 'load' | 'floor' | 'short_floor' | 'pipeline' | 'distributed_load';
  /** Workers of the loader, connections of a floor. */
  readonly workers: Workers;
  /** Server and loader on a core each. */
  readonly pinned: boolean;
  /** From 1. */
  readonly round: number;
  readonly records: number;
  /** Of a load: Node's start and end around it. */
  readonly startupSeconds: number | null;
  /** Of a load or a floor: primary keys. */
  readonly keySeconds: number | null;
  readonly peakWorkers: number | null;
  readonly peakRssBytes: number | null;
}

/** A pass over one file in one thread, or its COPY over one connection. */
export interface StageEvent {
  readonly type: 'stages';
  readonly round: number;
  readonly records: number;
  readonly nsPerRecord: StageTimes & { readonly copy: number | null };
}

/** All rounds of one kind of run. */
export interface Series {
  readonly workers: Workers;
  readonly seconds: Figure;
  readonly recordsPerSecond: Figure;
  /** Of the median run: µs of CPU a record. */
  readonly cpuUsPerRecord: number;
  readonly serverCpuUsPerRecord: number | null;
  readonly busy: number;
  readonly others: number | null;
  readonly startupSeconds: number | null;
  readonly keySeconds: number | null;
  readonly peakWorkers: number | null;
  readonly peakRssBytes: number | null;
  /** Of a load or the short floor: seconds over those of the floor of the same round. */
  readonly overFloor: Figure | null;
  /** Of a load: the same over the short floor. */
  readonly overShortFloor: Figure | null;
  /** Of a distributed load: seconds over those of a load into a plain database of the coordinator in the same round. */
  readonly overPlain: Figure | null;
}

/** What distribution costs on the cluster of the database that was named. */
export interface Distributed {
  /** Nodes that take shards. */
  readonly nodes: number;
  readonly loads: readonly Series[];
}

/** What one small task costs beside its rows: medians of the rounds, each with its own difference. */
export interface SmallTasks {
  readonly tasks: number;
  readonly records: number;
  /** Loading them as entries of one zip, and the same rows as one file. */
  readonly zipSeconds: Figure;
  readonly fileSeconds: Figure;
  readonly msPerTask: Figure;
}

/** Loads and the floors under one condition. */
export interface Comparison {
  readonly floor: Series;
  readonly shortFloor: Series;
  readonly loads: readonly Series[];
}

/** Everything, at the end; what `bench.json` holds. */
export interface BenchResult {
  readonly type: 'result';
  readonly version: 2;
  /** ISO 8601. */
  readonly at: string;
  readonly machine: Omit<MachineEvent, 'type'>;
  readonly data: Omit<DataEvent, 'type' | 'made'>;
  readonly check: CheckResult | null;
  readonly rounds: number;
  /** Medians of ns of CPU a record on one core. */
  readonly stages: Readonly<Record<string, Figure>>;
  /** Everything but the database. */
  readonly pipeline: readonly Series[];
  /** Records a second of CPU, with one worker: what one core does. */
  readonly recordsPerCore: number;
  /** Two workers against one, on day files of one lane; null where not both were run. */
  readonly twoAgainstOne: number | null;
  /** Sharing all cores; null without a database. */
  readonly shared: Comparison | null;
  /** A core each; null where not asked for. */
  readonly pinned: Comparison | null;
  readonly smallTasks: SmallTasks | null;
  /** Null where the database that was named is not a distributed one. */
  readonly distributed: Distributed | null;
  /** The greatest share of the cores that other programs had in a kind of run; null: unknown. */
  readonly others: number | null;
  readonly bottleneck: string;
}

export type BenchEvent =
  | MachineEvent
  | DataEvent
  | CheckEvent
  | RunEvent
  | StageEvent
  | (SmallTasks & { readonly type: 'small_tasks' })
  | BenchResult;
