import type { ClientBase, Pool } from 'pg';
import { INDICATOR_NAMES, type IndicatorName } from '../bars/columns.ts';
import { killPoint } from '../base/kill_points.ts';
import { inTransaction } from '../database/connect.ts';
import { stampOf } from '../database/stamps.ts';
import { BackhaulError } from '../faults/fault.ts';
import { SessionClock } from '../indicators/engine.ts';
import { mergeMemory, openStage, recomputeSpans } from '../merge/merge.ts';
import { isHypertable } from '../state/migrate.ts';
import { CLAIM_LOCK } from '../state/moves.ts';
import { Partitions } from '../state/partitions.ts';
import { laneOf, sharedLaneOf } from '../state/series_name.ts';
import { isLaneRunning } from '../state/tasks/lane_standing.ts';
import { readCoverage } from './coverage.ts';
import { readSeries, type Series, type SeriesFilter } from './series.ts';

/** Indicators again, from the bars that stand. µs since 1970. */

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

/**
 * Computes the indicators of each series again, in a transaction each, and writes the rows in which they differ. With
 * all indicators the table is then, bit for bit, what a load from scratch would have made. Claims wait meanwhile. Faults: those of the
 * filter, `database` while a load is at work.
 */
export async function recompute(db: Pool, options: RecomputeOptions): Promise<RecomputeSummary> {
  const all = (await readSeries(db, options.filter)).filter((one) => one.lastUs !== null);
  const { facts } = await readCoverage(db, all);
  // The rows are found by their key, and written through it.
  await new Partitions(db, await isHypertable(db)).promoteAll(1, () => {}, true);
  let changed = 0;
  let done = 0;
  for (const series of all) {
    if (options.signal.aborted) break;
    const rows = await inTransaction(db, (client) =>
      recomputeSeries(client, series, facts.get(series.seriesId)!.sessionZone, options),
    );
    killPoint('recompute.committed');
    options.onSeries(series, rows);
    changed += rows;
    done++;
  }
  return { type: 'recompute', series: done, changed, interrupted: done < all.length };
}

async function recomputeSeries(
  client: ClientBase,
  series: Series,
  sessionZone: string,
  { fromUs, indicators }: Pick<RecomputeOptions, 'fromUs' | 'indicators'>,
): Promise<number> {
  await client.query(`SELECT ${CLAIM_LOCK}`);
  if (await isLaneRunning(client, [laneOf(series), sharedLaneOf(series)]))
    throw new BackhaulError({
      kind: 'database',
      message: 'A load is at work on these series.',
      hint: 'Wait for it to end; npx backhaul status shows it.',
    });
  const start = fromUs === null ? null : await nextBar(client, series.seriesId, fromUs);
  if (fromUs !== null && start === null) return 0;
  await openStage(client);
  // The state behind the last bar is written with the task it came from.
  const { rows } = await client.query<{ task_id: number }>(
    `SELECT task_id FROM backhaul.indicator_state WHERE series_id = $1 ORDER BY ts DESC LIMIT 1`,
    [series.seriesId],
  );
  await client.query(`INSERT INTO span (series_id, t0) VALUES ($1, coalesce($2, '-infinity'::timestamptz))`, [
    series.seriesId,
    start,
  ]);
  const memory = mergeMemory(SessionClock.zone(sessionZone));
  const asked = INDICATOR_NAMES.map((name) => indicators.includes(name));
  const { recomputed } = await recomputeSpans(client, memory, asked, rows[0]?.task_id ?? 0);
  killPoint('recompute.written');
  return recomputed;
}

/** The first bar at or after an instant, as the server writes it. */
async function nextBar(client: ClientBase, seriesId: number, fromUs: number): Promise<string | null> {
  const { rows } = await client.query<{ ts: string }>(
    `SELECT ts::text AS ts FROM backhaul.bars WHERE series_id = $1 AND ts >= ${stampOf('$2')} ORDER BY ts LIMIT 1`,
    [seriesId, fromUs],
  );
  return rows[0]?.ts ?? null;
}
