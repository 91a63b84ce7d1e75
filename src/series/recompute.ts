/** Indicators again, from the bars that stand. µs since 1970. */

import type { ClientBase, Pool } from 'pg';
import { INDICATOR_NAMES, type IndicatorName } from '../bars/columns.ts';
import { killPoint } from '../base/kill_points.ts';
import { inTransaction } from '../database/connect.ts';
import { BackhaulError } from '../faults/fault.ts';
import { SessionClock } from '../indicators/engine.ts';
import { type MergeMemory, mergeMemory } from '../merge/merge_memory.ts';
import { Rewriter, type RewriterSettings } from '../merge/rewriter.ts';
import { Partitions } from '../state/leaves/partitions.ts';
import { CLAIM_LOCK } from '../state/moves.ts';
import { isHypertable } from '../state/schema/migrate.ts';
import { noteGiven } from '../state/series/withheld.ts';
import { isAtWork } from '../state/tasks/lane_standing.ts';
import { readCoverage } from './coverage.ts';
import { readSeries, type Series, type SeriesFilter } from './series.ts';

export interface RecomputeOptions {
  readonly filter: SeriesFilter;
  /** From the nearest stored state before this instant; null: from the first bar. */
  readonly fromUs: number | null;
  /** Those that rows get which have none of it; what stands of the others is made true as well. */
  readonly indicators: readonly IndicatorName[];
  readonly signal: AbortSignal;
  readonly onSeries: (series: Series, changed: number) => void;
}

export interface RecomputeSummary {
  readonly type: 'recompute';
  readonly series: number;
  /** Rows whose indicators were others, and are written. */
  readonly changed: number;
  readonly interrupted: boolean;
}

/** Bars computed in one transaction, as many as there can be: so long do claims wait. */
const GROUP_BARS = 500_000;
/** Series of one transaction. */
const GROUP_SERIES = 2_000;
/** Rows in memory: half of them are read, computed and written at a time. */
const BATCH_ROWS = 24_576;

/**
 * Computes the indicators of series again, some of them in a transaction, and writes the rows in which they differ.
 * With all indicators the table is then, bit for bit, what a load from scratch would have made. Claims wait meanwhile.
 * @throws BackhaulError: those of the filter, `database` while a load is at work
 */
export async function recompute(db: Pool, options: RecomputeOptions): Promise<RecomputeSummary> {
  const all = (await readSeries(db, options.filter)).filter((one) => one.lastUs !== null);
  const { facts } = await readCoverage(db, all);
  // The rows are found by their key, and written through it.
  const hypertable = await isHypertable(db);
  await new Partitions(db, hypertable).promoteAll(1, () => {}, true);
  const memory = mergeMemory(BATCH_ROWS);
  let changed = 0;
  let done = 0;
  for (const [zone, some] of Map.groupBy(all, (one) => facts.get(one.seriesId)!.sessionZone)) {
    const settings = { session: SessionClock.zone(zone), hypertable };
    for (const group of groupsOf(some)) {
      if (options.signal.aborted) break;
      const rows = await inTransaction(db, (client) =>
        recomputeGroup(client, memory, group, settings, options),
      );
      killPoint('recompute.committed');
      for (const series of group) {
        const count = rows.get(series.seriesId) ?? 0;
        options.onSeries(series, count);
        changed += count;
      }
      done += group.length;
    }
  }
  return { type: 'recompute', series: done, changed, interrupted: done < all.length };
}

/** Series that fit into a transaction together; a long one has its own. */
function groupsOf(all: readonly Series[]): Series[][] {
  const groups: Series[][] = [];
  let bars = Number.POSITIVE_INFINITY;
  for (const series of all) {
    const most = (series.lastUs! - series.firstUs!) / (series.intervalS * 1e6) + 1;
    if (bars + most > GROUP_BARS || groups.at(-1)!.length === GROUP_SERIES) {
      groups.push([]);
      bars = 0;
    }
    groups.at(-1)!.push(series);
    bars += most;
  }
  return groups;
}

async function recomputeGroup(
  client: ClientBase,
  memory: MergeMemory,
  group: readonly Series[],
  settings: Pick<RewriterSettings, 'session' | 'hypertable'>,
  { fromUs, indicators }: Pick<RecomputeOptions, 'fromUs' | 'indicators'>,
): Promise<ReadonlyMap<number, number>> {
  await client.query(`SELECT ${CLAIM_LOCK}`);
  if (await isAtWork(client, group))
    throw new BackhaulError({
      kind: 'database',
      message: 'A load is at work on these series.',
      hint: 'Wait for it to end; npx backhaul status shows it.',
    });
  const asked = INDICATOR_NAMES.map((name) => indicators.includes(name));
  const rewriter = new Rewriter(client, memory, { ...settings, asked, taskId: null, toTheEnd: true });
  await rewriter.rewrite(
    null,
    group.map(({ seriesId, intervalS }) => ({
      seriesId,
      intervalUs: intervalS * 1e6,
      fromUs: fromUs ?? Number.NEGATIVE_INFINITY,
      goneUntilUs: Number.NEGATIVE_INFINITY,
      rows: new Int32Array(0),
    })),
    'none',
  );
  if (fromUs === null)
    await noteGiven(
      client,
      group.map(({ seriesId }) => seriesId),
      asked,
    );
  killPoint('recompute.written');
  return rewriter.changed;
}
