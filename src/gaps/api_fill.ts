/**
 * Fills gaps from an exchange's API. What an answer brings becomes a task of its own in the lane of the series, loaded
 * in one transaction by the same merge as files: rows that stand are kept, indicators that follow are recomputed.
 */

import { createHash } from 'node:crypto';
import type { ClientBase, Pool } from 'pg';
import { BarColumns, INDICATOR_NAMES, type IndicatorName } from '../bars/columns.ts';
import { killPoint } from '../base/kill_points.ts';
import { holds, hull, intersect, merge, type Range } from '../base/ranges.ts';
import { leafMonths, monthlyRows } from '../copy/leaf.ts';
import { inTransaction } from '../database/connect.ts';
import { faultOf } from '../faults/classify.ts';
import { BackhaulError, type Fault } from '../faults/fault.ts';
import { SessionClock } from '../indicators/engine.ts';
import { type MergeMemory, mergeMemory } from '../merge/merge_memory.ts';
import { Merge, type MergeCounts } from '../merge/merge_rows.ts';
import { type TargetsOf, Upkeep, type UpkeepSettings } from '../rollups/upkeep.ts';
import { Partitions } from '../state/leaves/partitions.ts';
import { CLAIM_LOCK } from '../state/moves.ts';
import { isHypertable } from '../state/schema/migrate.ts';
import { rollupRoles } from '../state/series/rollup_roles.ts';
import { standingTargets } from '../state/series/rollups.ts';
import { laneOf, type SeriesName, seriesText } from '../state/series/series_name.ts';
import { noteWithheld } from '../state/series/withheld.ts';
import type { TaskPlan } from '../state/task_plan.ts';
import type { Attempt } from '../state/tasks/attempt.ts';
import { finish } from '../state/tasks/finish.ts';
import { isAtWork } from '../state/tasks/lane_standing.ts';
import { beginOwnTask } from '../state/tasks/own_task.ts';
import type { GapFiller } from './fill.ts';
import type { Gap } from './gap_store.ts';
import type { Candle, CandleAnswer, KrakenApi } from './kraken_api.ts';
import { underOwnName } from './own_name.ts';

/** Layouts of tasks that came from an API, for whoever reads the table. */
type ApiLayout = 'kraken-api' | 'kraken-trades-api';

export interface ApiFillOptions {
  readonly api: KrakenApi;
  readonly indicators: readonly IndicatorName[];
  readonly onSeries: (text: string) => void;
}

/** Fills what Kraken's API still serves: the attempt for `fillGaps`. Gaps of other venues are left alone. */
export function fromKrakenApi(options: ApiFillOptions): GapFiller {
  return async (db, gaps) => {
    const failures = new Map<number, Fault>();
    const reachable = await underOwnName(
      db,
      gaps.filter((gap) => gap.venue === 'kraken' && reaches(gap)),
    );
    const writer = new ApiWriter(db, options.indicators, 'kraken-api');
    let sources = 0;
    for (const some of Map.groupBy(reachable, (gap) => gap.seriesId).values()) {
      const { symbol, intervalS } = some[0]!;
      try {
        const answer = await options.api.candles(symbol, intervalS, some[0]!.fromUs);
        sources++;
        const loaded = await writer.write(some, answer);
        options.onSeries(`${seriesText(some[0]!)}: ${loaded} of ${answer.candles.length} candles are new`);
      } catch (error) {
        const fault = faultOf(error);
        if (fault.kind === 'interrupted' || fault.kind === 'database-connect') throw error;
        for (const gap of some) failures.set(gap.gapId, fault);
        options.onSeries(`${seriesText(some[0]!)}: ${fault.message}`);
      }
    }
    return { sources, failures, load: null };
  };
}

/** The latest candles may hold a part of a gap whose start is out of reach. */
export function reaches({ overflow, toUs, fromUs, intervalS }: Gap): boolean {
  return overflow !== null && overflow < (toUs - fromUs) / (intervalS * 1e6);
}

/** Writes what an API has told, a task an answer. */
export class ApiWriter {
  readonly #layout: ApiLayout;
  readonly #db: Pool;
  readonly #asked: readonly boolean[];

  constructor(db: Pool, indicators: readonly IndicatorName[], layout: ApiLayout) {
    this.#layout = layout;
    this.#db = db;
    this.#asked = INDICATOR_NAMES.map((name) => indicators.includes(name));
  }

  /** Merges an answer's candles into the gaps of one series; resolves to the rows that are new. */
  async write(gaps: readonly Gap[], answer: CandleAnswer): Promise<number> {
    const vouched = answer.told === null ? [] : intersect(merge(gaps), [answer.told]);
    if (vouched.length === 0) return 0;
    const candles = answer.candles.filter((candle) => holds(vouched, candle.tsUs));
    // Of candles that were made of trades, the trades are the records.
    const trades =
      this.#layout === 'kraken-api'
        ? null
        : { used: candles.reduce((sum, candle) => sum + candle.trades, 0), made: candles.length };
    await this.#makeStanding(gaps[0]!, candles);
    return inTransaction(this.#db, async (client) => {
      await aloneWith(client, gaps[0]!);
      const { seriesId } = gaps[0]!;
      const attempt = await beginTask(client, gaps[0]!, answer, vouched, this.#layout);
      const loaded = await this.#merge(client, attempt.taskId, gaps[0]!, candles, vouched);
      await finish(client, {
        ...attempt,
        rowsRead: trades?.used ?? candles.length,
        trades,
        rowsLoaded: loaded.loaded,
        rowsRejected: 0,
        rowsDuplicate: candles.length - loaded.loaded,
        rowsEmpty: 0,
        rowsConflict: loaded.conflicts,
        rowsOutside: trades === null ? answer.candles.length - candles.length : 0,
        firstTsUs: candles[0]?.tsUs ?? null,
        lastTsUs: candles.at(-1)?.tsUs ?? null,
        // No task of the lane can have moved: its claims wait for us.
        laneLoaded: null,
        // The merge has stored the state behind the last bar.
        ends: vouched.map((range) => ({ ...range, seriesId, lastTsUs: range.toUs, state: null })),
      });
      killPoint('api.merged');
      return loaded.loaded;
    });
  }

  /** The merge compares by key: every leaf needs its own. */
  async #makeStanding({ intervalS }: Gap, candles: readonly Candle[]): Promise<void> {
    const partitions = new Partitions(this.#db, await isHypertable(this.#db));
    partitions.standingFromBirth = true;
    const stamps = candles.map((candle) => candle.tsUs);
    const [first = 0, last = 0] = [stamps[0], stamps.at(-1)];
    await partitions.ensure(stamps, {
      months: leafMonths(monthlyRows(stamps.length, first, last, intervalS * 1e6)),
    });
    await partitions.promoteAll(1, () => {}, true);
  }

  async #merge(
    client: ClientBase,
    taskId: number,
    gap: Gap,
    candles: readonly Candle[],
    vouched: readonly Range[],
  ): Promise<Pick<MergeCounts, 'loaded' | 'conflicts'>> {
    if (candles.length === 0) return { loaded: 0, conflicts: 0 };
    const { seriesId, intervalS } = gap;
    const memory = mergeMemory();
    const settings = {
      session: SessionClock.utcDay(),
      hypertable: await isHypertable(client),
      asked: this.#asked,
      taskId,
    };
    const upkeep = await this.#beginUpkeep(client, memory, gap, settings);
    const merge = new Merge(client, memory, {
      ...settings,
      derived: upkeep.derived,
      saw: (...seen) => upkeep.saw(...seen),
      intervalUs: intervalS * 1e6,
      onConflict: 'keep',
    });
    const ids = Int32Array.of(seriesId);
    await merge.take(columnsOf(candles), ids, candles.length);
    await noteWithheld(client, ids, this.#asked);
    const counts = await merge.finish();
    for (const { fromUs, toUs } of vouched) {
      upkeep.edge(seriesId, fromUs);
      upkeep.edge(seriesId, toUs - 1);
    }
    const targets: TargetsOf = (some, rollupS) => standingTargets(client, some, rollupS);
    await upkeep.settle(targets, new Map([[seriesId, vouched]]));
    return counts;
  }

  /** What looks after longer bars that the candles are in, and shorter ones that they stand for. */
  async #beginUpkeep(
    client: ClientBase,
    memory: MergeMemory,
    gap: Gap,
    settings: Pick<UpkeepSettings, 'session' | 'hypertable' | 'asked' | 'taskId'>,
  ): Promise<Upkeep> {
    const { venue, symbol, intervalS, seriesId } = gap;
    const [role] = await rollupRoles(client, [gap]);
    const upkeep = new Upkeep(client, memory, {
      ...settings,
      ...role!,
      sessionZone: 'UTC',
      files: { venue, symbol, intervalS },
      leavesFor: (stamps) => new Partitions(this.#db, settings.hypertable).ensure(stamps, { standing: true }),
    });
    await upkeep.begin();
    await upkeep.meet([seriesId]);
    return upkeep;
  }
}

function columnsOf(candles: readonly Candle[]): BarColumns {
  const cols = new BarColumns(candles.length, false);
  candles.forEach((candle, i) => {
    cols.ts[i] = candle.tsUs;
    for (const name of ['open', 'high', 'low', 'close', 'volume', 'trades'] as const)
      cols[name][i] = candle[name];
    cols.line[i] = i + 1;
  });
  cols.length = candles.length;
  return cols;
}

/** Nobody claims anything until we commit; a series that somebody is at work on already is left alone. */
async function aloneWith(client: ClientBase, series: SeriesName): Promise<void> {
  await client.query(`SELECT ${CLAIM_LOCK}`);
  if (await isAtWork(client, [series]))
    throw new BackhaulError({
      kind: 'predecessor',
      message: 'a load is at work on the series',
      hint: 'try again later',
    });
}

/** The same question has another answer tomorrow: each is a task of its own. */
function beginTask(
  client: ClientBase,
  gap: Gap,
  answer: CandleAnswer,
  vouched: readonly Range[],
  layout: ApiLayout,
): Promise<Attempt> {
  const { fromUs, toUs } = hull(vouched)!;
  return beginOwnTask(client, {
    uri: answer.uri,
    etag: `sha256:${createHash('sha256').update(JSON.stringify(answer.candles)).digest('hex')}`,
    sizeBytes: answer.sizeBytes,
    layout,
    lane: laneOf(gap),
    sequence: fromUs,
    plan: planOf(gap, fromUs, toUs),
  });
}

/** For whoever reads the table: the task is never planned again, and its file range is left to its coverage. */
function planOf({ venue, symbol, intervalS }: Gap, wantFromUs: number, wantToUs: number): TaskPlan {
  return {
    venue,
    symbol,
    intervalS,
    shape: { delimiter: ',', header: 'none', preamble: 0, columns: [], time: 's', timeZone: 'UTC' },
    storage: { kind: 'plain' },
    order: 'time',
    grid: 'epoch',
    sessionZone: 'UTC',
    fileFromUs: null,
    fileToUs: null,
    wantFromUs,
    wantToUs,
    wantSymbols: null,
    onInvalid: 'reject',
    onConflict: 'keep',
    maxRejects: 0,
    maxRejectShare: null,
    expectedRows: null,
    sha256: null,
  };
}
