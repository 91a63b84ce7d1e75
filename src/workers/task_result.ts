import type { Fault } from '../faults/fault.ts';
import type { RejectSummary, RowCounts } from '../load/events.ts';
import type { PhaseSeconds } from './link.ts';

/** A task that committed. */
export interface LoadedResult {
  readonly kind: 'loaded';
  readonly rows: RowCounts;
  /** First and last bar in µs since 1970; null without rows. */
  readonly firstTsUs: number | null;
  readonly lastTsUs: number | null;
  /** Inflated bytes scanned. */
  readonly inflatedBytes: number;
  /** Series that have rows in this file. */
  readonly seriesIds: Int32Array;
  readonly rejects: readonly RejectSummary[];
  /** It went the way of the merge: states of its series changed otherwise than by what it published. */
  readonly merged: boolean;
  /** Bars that stood unfinished and are whole now because of it. */
  readonly completed: number;
  /** Standing rows whose indicators changed because of it. */
  readonly recomputed: number;
  readonly waits: PhaseSeconds;
}

/** How an attempt ended, as plain data. */
export type TaskResult =
  | LoadedResult
  | { readonly kind: 'failed'; readonly fault: Fault; readonly retry: boolean }
  /** Rows older than what stands: the leaves must be standing before the next attempt. */
  | { readonly kind: 'needs-standing' };
