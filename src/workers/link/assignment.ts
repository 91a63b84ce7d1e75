/** All a worker is given for one attempt at one task; plain data but for the port. */

import type { MessagePort } from 'node:worker_threads';
import type { InflateLimits } from '../../producer/archive/inflate_limits.ts';
import type { SourceOptions } from '../../producer/sources/source.ts';
import type { NodeSessions } from '../../state/schema/node_statements.ts';
import type { RollupRole } from '../../state/series/rollup_roles.ts';
import type { TaskPlan } from '../../state/task_plan.ts';

export interface Assignment {
  readonly taskId: number;
  readonly attempt: number;
  readonly uri: string;
  readonly entry: string | null;
  readonly etag: string;
  readonly sizeBytes: number;
  readonly plan: TaskPlan;
  /** The task was loaded before and its object has changed: its old rows go in the same transaction. */
  readonly replaces: boolean;
  /** Go straight to the merge: an attempt of this run has found rows older than what stands. */
  readonly merge: boolean;
  /** What longer bars it makes, and whether its own are made of shorter ones too. */
  readonly rollups: RollupRole;
  readonly settings: WorkerSettings;
  /** The revision of the events of its venue; 0: it has none. */
  readonly eventRevision: number;
  /** What is known already; null: everything has to be asked. */
  readonly knownSeries: KnownSeries | null;
  readonly port: MessagePort;
}

/**
 * What goes along with the assignment of a task that is alone in its lane, so that a small file need not ask: the
 * series of its symbol, and whether that has no state yet, for certain. Its turn it asks for like any other: by the
 * answer it knows that the main thread has read all it has published, which a port drops when it is closed.
 */
export interface KnownSeries {
  readonly symbol: string;
  readonly id: number;
  readonly isNew: boolean;
}

/** Settings of a run that workers share. */
export interface WorkerSettings {
  readonly databaseUrl: string;
  readonly hypertable: boolean;
  /** Of a cluster whose nodes take rows from us; null: all goes to `databaseUrl`. */
  readonly nodes: NodeSessions | null;
  readonly source: SourceOptions;
  readonly batchRows: number;
  readonly copyBytes: number;
  /** Rows of a file in no usable order that are sorted in memory; larger ones are sorted by the database. */
  readonly sortRows: number;
  readonly maxRecordBytes: number;
  /** What a compressed file may become. */
  readonly inflate: InflateLimits;
  /** Which of the default indicators are stored, in their order. */
  readonly indicators: readonly boolean[];
  /** Stamps after this are outside all reason, µs. */
  readonly latestUs: number;
  /** Benchmarks need no database. `null`: encode and throw away; a folder: what COPY would get, a file a task and leaf. */
  readonly sink: 'postgres' | 'null' | { readonly folder: string };
}
