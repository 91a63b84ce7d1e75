/**
 * The words a worker and the main thread exchange about one task, over a port of its own. States do not go through the
 * port: a million of them an hour, handed over as buffers, would keep the collector of the main thread busy.
 */

import type { MessagePort } from 'node:worker_threads';
import type { Leaf } from '../../copy/leaf.ts';
import type { Fault } from '../../faults/fault.ts';
import type { Assignment } from './assignment.ts';

/** Memory of a worker that the main thread reads and writes as well, in turns: a message says whose it is. */
export type SharedDoubles = Float64Array<SharedArrayBuffer>;

/** What a worker asks. */
export type Question =
  /** Of the file's own interval, or of longer bars. */
  | { readonly kind: 'series'; readonly symbols: readonly string[]; readonly rollupS?: number }
  /** The leaves of bars at these stamps. `standing`: new ones get their key at once. */
  | {
      readonly kind: 'partitions';
      readonly stamps: readonly number[];
      /** As the file has them. */
      readonly rowsAMonth: number;
      readonly standing: boolean;
    }
  /** The states of these series as the task's predecessors leave them; `last` is the greatest of their symbols. */
  | {
      readonly kind: 'states';
      readonly seriesIds: Int32Array;
      readonly last: string;
      /** Where they are wanted: `STATE_LENGTH` doubles a series; NaN in the first: the series has no state yet. */
      readonly into: SharedDoubles;
    }
  /** Wait until every earlier task of the lane that runs in this process has committed or gone. */
  | { readonly kind: 'turn' }
  /** The late files that come right behind this one in its lane and wait: from now on they are this attempt's too. */
  | { readonly kind: 'company' };

/** What it tells, without waiting. */
export type Notice =
  | {
      readonly kind: 'publish';
      readonly seriesIds: Int32Array;
      /** `STATE_LENGTH` doubles a series, in the order of `seriesIds`; they stay as they are until the attempt ends. */
      readonly states: SharedDoubles;
      /** Every series whose symbol sorts before this one is final in this task; null: nothing can be said yet. */
      readonly frontier: string | null;
      /** All rows of the task have been computed. */
      readonly complete: boolean;
    }
  /** What was published is void: the attempt starts again another way. */
  | { readonly kind: 'withdraw' }
  | {
      readonly kind: 'progress';
      readonly bytes: number;
      readonly records: number;
      readonly waits: PhaseSeconds;
    };

/** Where an attempt's time went, seconds. */
export interface PhaseSeconds {
  /** Waiting for bytes from the source; they may have been on their way while others were worked on. */
  source: number;
  /** Waiting for a predecessor's states or its commit. */
  lane: number;
  /** Waiting for PostgreSQL to take rows. */
  copy: number;
}

/** Replies, by the question's kind. */
export interface Answers {
  series: Int32Array;
  partitions: readonly Leaf[];
  /** They are where they were wanted. */
  states: null;
  /** Tasks of the lane that must be loaded when this one commits; any other number: its states are stale. */
  turn: number;
  /** In the order of the lane; each with a port of its own. */
  company: readonly Assignment[];
}

/** What goes through the port. */
export type Frame =
  | { readonly id: number; readonly question: Question }
  | { readonly notice: Notice }
  | { readonly id: number; readonly answer: unknown }
  | { readonly id: number; readonly fault: Fault }
  | { readonly abort: Fault }
  /** With its first task a thread brings a line of its own, which outlasts tasks. */
  | { readonly thread: number; readonly line: MessagePort };
