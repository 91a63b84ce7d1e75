/** What a load leaves in the run's record for the others that share the run: plain data. */

import type { DiscoverCounts } from '../producer/planning/found_task.ts';
import type { RejectSummary, RowCounts } from '../workers/link/task_result.ts';
import type { LoadFailure } from './load_events.ts';

/** What a listing found, for those that did not list themselves. */
export interface Listing {
  readonly objects: number;
  readonly entries: number;
  readonly filtered: number;
  readonly notRead: Readonly<Record<string, number>>;
  readonly byRecords: DiscoverCounts['byRecords'];
  readonly leftOut: number;
  readonly toDo: number;
  readonly bytesTotal: number;
  readonly tasks: { readonly unchanged: number; readonly skipped: number; readonly failed: number };
  readonly failures: readonly LoadFailure[];
}

/** What a load did of the whole. */
export interface Share {
  readonly tasks: { readonly loaded: number; readonly failed: number };
  readonly rows: RowCounts;
  readonly bytes: number;
  readonly inflatedBytes: number;
  readonly peakWorkers: number;
  readonly seriesIds: readonly number[];
  readonly firstTs: number | null;
  readonly lastTs: number | null;
  readonly finishSeconds: number;
  readonly failures: readonly LoadFailure[];
  readonly rejects: readonly RejectSummary[];
}
