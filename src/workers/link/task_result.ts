/** How an attempt ended, as plain data. */

import type { Fault } from '../../faults/fault.ts';
import type { RejectReason } from '../../scan/shape.ts';
import type { PhaseSeconds } from './messages.ts';

/**
 * Records of a file by what became of them: `read = loaded + rejected + duplicate + empty`; `outside` were not asked for.
 * Of a file of trades `read = trades + rejected + empty`, and `loaded` and `duplicate` are bars made of them.
 */
export interface RowCounts {
  readonly read: number;
  readonly loaded: number;
  readonly rejected: number;
  readonly duplicate: number;
  /** Records without any price: there was no bar. */
  readonly empty: number;
  /** Records whose stamp stood already with other values; whichever `--on-conflict` kept, they are in one of the above too. */
  readonly conflict: number;
  readonly outside: number;
  /** Records of trades that are in bars. */
  readonly trades: number;
}

/** Rejects of this run that share a reason, with the first of them. */
export interface RejectSummary {
  readonly reason: RejectReason;
  readonly count: number;
  readonly example: {
    readonly uri: string;
    readonly entry: string | null;
    readonly line: number;
    readonly byteOffset: number;
    readonly field: string;
    readonly record: string;
  } | null;
}

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
  /** Those of the files that were merged in the same transaction, in their order. */
  readonly company?: readonly LoadedResult[];
}

export type TaskResult =
  | LoadedResult
  | { readonly kind: 'failed'; readonly fault: Fault; readonly retry: boolean }
  /** Files that were to be merged together are to be loaded one by one. */
  | { readonly kind: 'parts' }
  /** Rows older than what stands: the leaves must be standing before the next attempt. */
  | { readonly kind: 'needs-standing' };
