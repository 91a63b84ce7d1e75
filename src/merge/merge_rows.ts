/**
 * The second way into `bars`, for rows that are not simply newer than what stands: files that overlap, arrive late or
 * replace an earlier version.
 *
 * Everything happens in the task's own transaction, a batch at a time: its rows are held against what stands in the same
 * stretch of time, and what is new is put in its place, with the indicators behind it (`rewriter.ts`). What is equal to
 * what stands is read once and leads to nothing.
 *
 * A load may ask for some indicators alone. Those it gives to its own rows and to the rows that follow them. The others
 * are NULL in its own rows; in rows that stand they are kept true where there is a value, and NULL stays NULL.
 * All leaves must be standing: rows are found by their key.
 */

import type { ClientBase } from 'pg';
import type { BarColumns } from '../bars/columns.ts';
import { killPoint } from '../base/kill_points.ts';
import type { Range } from '../base/ranges.ts';
import { BY_KEY, rangeRows, touchedOnly } from '../copy/copy_reader.ts';
import { usOf } from '../database/stamps.ts';
import type { ExtraColumn } from '../scan/shape.ts';
import { commitAsOne, isDistributed } from '../state/schema/distributed.ts';
import { rangesOfTaskAlone } from '../state/series/coverage_rows.ts';
import { dropOutcomes } from '../state/tasks/outcomes.ts';
import { type BarParts, Comparison, EQUAL, KEPT, NEW_ROW, REPLACES, type SeriesRun } from './comparison.ts';
import { IncomingExtras } from './extra_values.ts';
import type { MergeMemory } from './merge_memory.ts';
import { type ChangedSeries, Rewriter, type RewriterSettings } from './rewriter.ts';

/** What became of the rows. */
export interface MergeCounts {
  /** Rows of the file that are in `bars` now because of it. */
  readonly loaded: number;
  /** Equal to what stood, and those where what stood was kept. */
  readonly duplicates: number;
  /** Rows that differed from what stood, kept or replaced. */
  readonly conflicts: number;
  /** Rows that completed a bar which was unfinished: they count as duplicates, for the bar stood already. */
  readonly completed: number;
  /** Standing rows whose indicators changed. */
  readonly recomputed: number;
}

export interface MergeSettings extends Omit<RewriterSettings, 'taskId' | 'toTheEnd'> {
  readonly taskId: number;
  readonly intervalUs: number;
  readonly onConflict: 'keep' | 'replace';
  /** Columns that the file's layout keeps beside the bars: its rows are in the stage. */
  readonly extras?: readonly ExtraColumn[];
  /** By series, where its bars were made of shorter ones: a file's own bars take their places. */
  readonly derived?: ReadonlyMap<number, readonly Range[]>;
  /** Asked once, before anything is written: whether what is behind the rows waits for those of other files. */
  readonly waits?: () => Promise<boolean>;
  /** Hears of rows [from, to) of a series when they have been compared, and which of them stand now because of it. */
  readonly saw?: (seriesId: number, cols: BarColumns, from: number, to: number, fresh: Int32Array) => void;
}

/** From when to when bars of a series are gone, µs since 1970. */
export interface Gone {
  readonly fromUs: number;
  readonly untilUs: number;
}

const NO_ROWS = new Int32Array(0);

/**
 * Takes out the rows a task brought, where no other task vouches for them: how many, and from when to when by series.
 * `hypertable`: `bars` is one.
 */
export async function removeOld(
  client: ClientBase,
  taskId: number,
  hypertable: boolean,
): Promise<{ readonly bars: number; readonly gone: ReadonlyMap<number, Gone> }> {
  if (await isDistributed(client)) await commitAsOne(client);
  const ranges = await rangesOfTaskAlone(client, taskId);
  const { rows } = await client.query<{ id: number; from: number; until: number; bars: number }>(
    `WITH old AS (
       DELETE FROM backhaul.bars b USING ${rangeRows(ranges)}
       WHERE b.series_id = r.series_id AND b.ts > r.after_ts AND b.ts <= r.to_ts AND ${touchedOnly(ranges, hypertable)}
       RETURNING b.series_id, b.ts)
     SELECT series_id AS id, ${usOf('min(ts)')} AS from, ${usOf('max(ts)')} AS until, count(*)::int AS bars
     FROM old GROUP BY series_id ORDER BY series_id`,
  );
  await dropOutcomes(client, taskId);
  return {
    bars: rows.reduce((sum, one) => sum + one.bars, 0),
    gone: new Map(rows.map(({ id, from, until }) => [id, { fromUs: from, untilUs: until }])),
  };
}

/** One merge: batches in, in the order of their series and of time. */
export class Merge {
  readonly #client: ClientBase;
  readonly #memory: MergeMemory;
  readonly #settings: MergeSettings;
  readonly #comparison: Comparison;
  readonly rewriter: Rewriter;
  readonly #extras: IncomingExtras;
  /** Where bars are gone and what is behind has not been computed yet. */
  readonly #gone: Map<number, Gone>;
  #loaded = 0;
  #hasBegun = false;
  /** What is behind the rows is computed by another; null: not known yet. */
  #waits: boolean | null = null;
  readonly #recomputedBefore: number;

  /**
   * `gone`: what {@link removeOld} has taken out. `rewriter`: of the merge of the file before in the same transaction,
   * with what waits for this one's rows.
   */
  constructor(
    client: ClientBase,
    memory: MergeMemory,
    settings: MergeSettings,
    gone: ReadonlyMap<number, Gone> = new Map(),
    rewriter: Rewriter | null = null,
  ) {
    const { taskId, intervalUs, onConflict } = settings;
    this.#client = client;
    this.#memory = memory;
    this.#settings = settings;
    this.#comparison = new Comparison(client, taskId, intervalUs, onConflict, settings.derived);
    this.rewriter = rewriter ?? new Rewriter(client, memory, { ...settings, toTheEnd: false });
    this.rewriter.ofTask(taskId);
    this.#recomputedBefore = this.rewriter.recomputed;
    this.#extras = new IncomingExtras(client, taskId, settings.extras ?? [], settings.hypertable);
    this.#gone = new Map(gone);
  }

  /**
   * Rows `[0, rows)` of a batch: one run a series, ascending in time in it, and behind what came of it before. Only the
   * last series of a batch may go on in the next. `seriesIds` maps `cols.symbol` to series_id; null: it is that already.
   * `parts`: rows that were put together, where there are such.
   */
  async take(
    cols: BarColumns,
    seriesIds: Int32Array | null,
    rows: number,
    parts: BarParts | null = null,
  ): Promise<void> {
    if (rows === 0) return;
    await this.#begin();
    const runs = runsOf(cols, seriesIds, rows);
    const became = await this.#comparison.compare(cols, runs, this.#memory.standing, parts);
    await this.#compareExtras(cols, runs, became);
    killPoint('merge.compared');
    const changed: ChangedSeries[] = [];
    for (const { seriesId, from, to } of runs) {
      const fresh = this.#freshRows(became, from, to);
      await this.#keepExtras(cols, seriesId, fresh, became);
      this.#loaded += fresh.length;
      this.#settings.saw?.(seriesId, cols, from, to, fresh);
      if (fresh.length > 0) changed.push(this.#changed(seriesId, cols, fresh));
    }
    if (changed.length === 0) return;
    this.#waits ??= (await this.#settings.waits?.()) ?? false;
    const mayGoOn = changed.at(-1)?.seriesId === runs.at(-1)!.seriesId;
    await this.rewriter.rewrite(cols, changed, this.#waits ? 'all' : mayGoOn ? 'last' : 'none');
  }

  /** All rows are in, and what is behind them is computed, unless it waits. */
  async finish(): Promise<MergeCounts> {
    await this.#begin();
    if (this.#waits !== true) await this.rewriter.finish();
    const left = [...this.#gone].map(([seriesId, { fromUs, untilUs }]) => ({
      seriesId,
      intervalUs: this.#settings.intervalUs,
      fromUs,
      goneUntilUs: untilUs,
      rows: NO_ROWS,
    }));
    if (left.length > 0) await this.rewriter.rewrite(null, left, 'none');
    await this.#extras.give();
    const { duplicates, conflicts, completed, joined } = this.#comparison;
    return {
      // A bar that was completed stood already.
      loaded: this.#loaded - completed - joined,
      duplicates: duplicates + joined + (this.#settings.onConflict === 'keep' ? conflicts : 0),
      conflicts,
      completed: completed + joined,
      recomputed: this.rewriter.recomputed - this.#recomputedBefore,
    };
  }

  /** Rows that are equal but for what the layout keeps beside them are not equal. */
  async #compareExtras(cols: BarColumns, runs: readonly SeriesRun[], became: Uint8Array): Promise<void> {
    const comparison = this.#comparison;
    const rows = await this.#extras.differing(
      cols,
      runs,
      (row) => became[row] === EQUAL,
      comparison.evidenceLeft,
    );
    for (const row of rows) became[row] = this.#settings.onConflict === 'replace' ? REPLACES : KEPT;
    comparison.duplicates -= rows.length;
    comparison.conflicts += rows.length;
  }

  /** Without columns of its own a file leaves new rows as they are: only of those it replaces something is to go. */
  async #keepExtras(
    cols: BarColumns,
    seriesId: number,
    fresh: Int32Array,
    became: Uint8Array,
  ): Promise<void> {
    const has = (this.#settings.extras ?? []).length > 0;
    const rows = has ? fresh : fresh.filter((row) => became[row] === REPLACES);
    if (rows.length > 0) await this.#extras.fresh(cols, seriesId, rows);
  }

  abort(): Promise<void> {
    return this.rewriter.abort();
  }

  async #begin(): Promise<void> {
    if (this.#hasBegun) return;
    this.#hasBegun = true;
    await this.#client.query(BY_KEY);
  }

  #freshRows(became: Uint8Array, from: number, to: number): Int32Array {
    const fresh = new Int32Array(to - from);
    let count = 0;
    for (let row = from; row < to; row++) {
      if (became[row] === NEW_ROW || became[row] === REPLACES) fresh[count++] = row;
    }
    return fresh.subarray(0, count);
  }

  #changed(seriesId: number, cols: BarColumns, fresh: Int32Array): ChangedSeries {
    const gone = this.#gone.get(seriesId);
    this.#gone.delete(seriesId);
    const firstUs = cols.ts[fresh[0]!]!;
    return {
      seriesId,
      intervalUs: this.#settings.intervalUs,
      fromUs: Math.min(firstUs, gone?.fromUs ?? Number.POSITIVE_INFINITY),
      goneUntilUs: gone?.untilUs ?? Number.NEGATIVE_INFINITY,
      rows: fresh,
    };
  }
}

function runsOf(cols: BarColumns, seriesIds: Int32Array | null, rows: number): SeriesRun[] {
  const runs: SeriesRun[] = [];
  for (let from = 0; from < rows; ) {
    const symbol = cols.symbol[from]!;
    let to = from + 1;
    while (to < rows && cols.symbol[to] === symbol) to++;
    runs.push({ seriesId: seriesIds === null ? symbol : seriesIds[symbol]!, from, to });
    from = to;
  }
  return runs;
}
