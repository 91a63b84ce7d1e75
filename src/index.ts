/**
 * Backhaul as a library: what the command line does, without its output, its flags and its exit codes. Failures are
 * {@link BackhaulError}s with a {@link Fault} of plain data. See docs/library.md.
 */

import type { Pool } from 'pg';
import { createPool, endPool } from './database/connect.ts';
import { takeStandingNames } from './events/take_names.ts';
import { type Gap, type GapState, listGaps, recordScan } from './gaps/gap_store.ts';
import { scanSeries } from './gaps/scan.ts';
import { filterOf, type LoadRequest, loadOptionsOf, microseconds, type Wanted } from './library/requests.ts';
import { Running } from './library/running.ts';
import { runLoad } from './load/load.ts';
import type { LoadEvent, LoadSummary } from './load/load_events.ts';
import { type Report, readReport } from './report/completeness.ts';
import { joinRenamed } from './series/renamed_market.ts';
import { makeWhatIsBehind } from './series/rollup.ts';
import { migrate } from './state/schema/migrate.ts';

export { BackhaulError, type Fault, type FaultKind } from './faults/fault.ts';
export type { Gap, GapState } from './gaps/gap_store.ts';
export type { Instant, Interval, LoadRequest, Wanted } from './library/requests.ts';
export type { Running } from './library/running.ts';
export type { LoadEvent, LoadFailure, LoadSummary } from './load/load_events.ts';
export type { Report } from './report/completeness.ts';

/** A load at work: awaited for its summary, iterated for its events. */
export function load(request: LoadRequest): Running<LoadEvent, LoadSummary> {
  return new Running(async (say) => {
    const options = loadOptionsOf(request);
    const never = new AbortController().signal;
    const signal = request.signal ?? never;
    const summary = await runLoad(options, say, { drain: signal, abort: never });
    if (!summary.dryRun && !summary.interrupted)
      await onDatabase(request, async (db) => {
        await takeStandingNames(db, signal);
        await joinRenamed(db, signal, () => {});
        await makeWhatIsBehind(db, { signal, onProgress: () => {} });
      });
    return summary;
  });
}

export interface LookRequest extends Wanted {
  readonly database: string;
}

export const gaps = {
  /** Looks for holes, keeps them on record, and resolves to those that are open. */
  scan: (request: LookRequest): Promise<Gap[]> =>
    onDatabase(request, async (db) => {
      const nowUs = Date.now() * 1000;
      const scans = await scanSeries(db, { filter: filterOf(request), ...rangeOf(request), nowUs });
      await recordScan(db, scans, request.from === undefined && request.to === undefined, nowUs);
      return listGaps(db, { ...filterOf(request), ...rangeOf(request), states: OPEN });
    }),

  /** Those on record. */
  list: (request: LookRequest & { readonly states?: readonly GapState[] }): Promise<Gap[]> =>
    onDatabase(request, (db) =>
      listGaps(db, { ...filterOf(request), ...rangeOf(request), states: request.states ?? OPEN }),
    ),
};

/** How complete the data is, by symbol, interval and month. */
export function report(request: LookRequest): Promise<Report> {
  return onDatabase(request, (db) =>
    readReport(db, {
      filter: filterOf(request),
      tiers: [],
      ...rangeOf(request),
      upTo: 'files',
      nowUs: Date.now() * 1000,
    }),
  );
}

const OPEN: readonly GapState[] = ['detected', 'unfillable', 'filling', 'failed'];

function rangeOf({ from, to }: Wanted): { readonly fromUs: number | null; readonly toUs: number | null } {
  return {
    fromUs: from === undefined ? null : microseconds(from),
    toUs: to === undefined ? null : microseconds(to),
  };
}

async function onDatabase<T>(
  { database }: Pick<LookRequest, 'database'>,
  work: (db: Pool) => Promise<T>,
): Promise<T> {
  const db = createPool(database, { applicationName: 'backhaul library', max: 4 });
  try {
    await migrate(db);
    return await work(db);
  } finally {
    await endPool(db);
  }
}
