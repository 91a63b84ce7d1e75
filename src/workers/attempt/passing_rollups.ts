/**
 * Longer bars made of a file's own as those pass by on their way into the table, and copied in beside them: for files
 * that only go on where what stands ends, of markets whose longer bars nobody else makes. Open buckets and indicator
 * states go from file to file inside a lane as those of the file's own series do.
 *
 * What it has gone on from is held against the table before the commit; where that is not so, or anything stands in the
 * way, the file goes the way of the merge, which makes the same bars from what stands (`src/rollups`).
 */

import type { BarColumns } from '../../bars/columns.ts';
import { type BarBatch, toRecordBatch } from '../../bars/record_batch.ts';
import {
  aggregateThrough,
  BUCKET_LENGTH,
  barSoFar,
  clearBucket,
  END,
  isOpen,
  START,
  settle,
} from '../../buckets/aggregator.ts';
import { type BucketGrid, bucketGrid, dayGrid } from '../../buckets/bucket_grid.ts';
import { AT, bucketIn, KNOWN_FROM, KNOWN_TO, putRecord } from '../../buckets/carried.ts';
import { type Joins, knownFrom, knownTo } from '../../buckets/covered.ts';
import { joinsBy } from '../../calendar/joined_files.ts';
import { calendarOf } from '../../calendar/market_calendar.ts';
import { isCheckpoint } from '../../indicators/checkpoints.ts';
import { encodeState, type IndicatorEngine, type Splits, STATE_LENGTH } from '../../indicators/engine.ts';
import type { SymbolTable } from '../../scan/symbol_table.ts';
import { addDerivations } from '../../state/series/derivations.ts';
import { StateRows } from '../../state/series/indicator_states.ts';
import { rollupRoles } from '../../state/series/rollup_roles.ts';
import { haveMovedOn, type RollupState, replaceRollupStates } from '../../state/series/rollup_states.ts';
import { lockRollups } from '../../state/series/rollups.ts';
import { noteWithheld } from '../../state/series/withheld.ts';
import type { AttemptParts } from './attempt_parts.ts';
import { Checkpoints } from './checkpoint_states.ts';
import type { VenueSplits } from './file_splits.ts';
import { knownIds } from './known_series_ids.ts';
import { ensureLeaves } from './leaves.ts';
import { RestartBy } from './load_path.ts';
import { isRun, SharedRoom, sharedDoubles } from './shared_doubles.ts';

const shared = new SharedRoom();

/** Doubles that the last file of this thread had in there. */
let expected = 0;

/** The file has to be compared with what stands. */
function asMerge(): RestartBy {
  return new RestartBy({ merges: true });
}

/** What a file knows of the longer bars of one of its series. µs since 1970. */
interface Carried {
  readonly seriesId: number;
  /** By interval. */
  readonly targetIds: readonly number[];
  /** The last bar of the file before; null: there was none. */
  readonly fromUs: number | null;
  /** Where what is known begins and ends. */
  knownFromUs: number;
  knownToUs: number;
  firstUs: number;
  lastUs: number;
  /** Of the shorter bars, and by interval of the longer ones. */
  readonly splits: Splits;
  readonly targetSplits: readonly Splits[];
  /** By interval, the last longer bar the file has made; NaN: none. */
  readonly madeUs: number[];
}

export class PassingRollups {
  readonly #parts: AttemptParts;
  readonly #symbols: SymbolTable;
  readonly #splits: VenueSplits;
  readonly #write: (batch: BarBatch) => Promise<void>;
  readonly #intervals: readonly number[];
  readonly #grids: readonly BucketGrid[];
  readonly #days: BucketGrid;
  readonly #joins: Joins;
  /** By symbol ordinal. */
  readonly #series: (Carried | undefined)[] = [];
  /** By symbol ordinal: the record of its open buckets, then the state of each of its longer series. */
  #states = shared.fresh(expected);
  /** The buckets, by symbol ordinal and interval. */
  #buckets = new Float64Array(0);
  /** `series_id` by symbol ordinal and interval. */
  #targetIds = new Int32Array(0);
  /** Longer bars that wait to be written. */
  readonly #made: BarColumns;
  readonly checkpoints = new Checkpoints();
  /** Longer bars written. */
  rows = 0;

  /** `write` takes longer bars to where the file's own go. */
  constructor(
    parts: AttemptParts,
    symbols: SymbolTable,
    splits: VenueSplits,
    write: (batch: BarBatch) => Promise<void>,
  ) {
    const { plan, rollups } = parts.task;
    this.#parts = parts;
    this.#symbols = symbols;
    this.#splits = splits;
    this.#write = write;
    this.#intervals = rollups.makes;
    this.#grids = rollups.makes.map((rollupS) => bucketGrid(rollupS, plan.sessionZone));
    this.#days = dayGrid(plan.sessionZone);
    this.#joins = joinsBy(calendarOf(plan.venue, plan.calendar), this.#days);
    this.#made = parts.memory.merge().out;
    this.#made.length = 0;
  }

  // ── what a series goes on from ─────────────────────────────────────────────────────────────────────────────────

  /**
   * Series whose bars come next, with the last bar that stands of each (null: none).
   * @throws {@link RestartBy} where their longer bars do not go on from there
   */
  async open(slots: readonly number[], lastOf: (slot: number) => number | null): Promise<void> {
    const { plan } = this.#parts.task;
    const each = 1 + this.#intervals.length;
    const length = each * STATE_LENGTH;
    this.#makeRoom(slots.reduce((most, slot) => Math.max(most, slot), 0) + 1);
    const symbols = slots.map((slot) => this.#symbols.names[slot]!);
    const ownIds = await this.#idsOf(plan.intervalS, symbols);
    const targetIds = await Promise.all(this.#intervals.map((rollupS) => this.#idsOf(rollupS, symbols)));
    const seriesIds = new Int32Array(slots.length * each);
    slots.forEach((_, i) => {
      // The record of its open buckets goes by the number of the series below nothing.
      seriesIds[i * each] = -ownIds[i]!;
      targetIds.forEach((ids, k) => {
        seriesIds[i * each + 1 + k] = ids[i]!;
      });
    });
    const run = isRun(slots);
    const into = run
      ? this.#states.subarray(slots[0]! * length, (slots.at(-1)! + 1) * length)
      : sharedDoubles(slots.length * length);
    await this.#parts.link.ask({ kind: 'states', seriesIds, last: symbols.at(-1)!, into });
    slots.forEach((slot, i) => {
      if (!run) this.#states.set(into.subarray(i * length, (i + 1) * length), slot * length);
      this.#take(
        slot,
        ownIds[i]!,
        lastOf(slot),
        targetIds.map((ids) => ids[i]!),
      );
    });
  }

  #take(slot: number, seriesId: number, lastUs: number | null, targetIds: readonly number[]): void {
    const symbol = this.#symbols.names[slot]!;
    const at = slot * (1 + this.#intervals.length) * STATE_LENGTH;
    const hasRecord = !Number.isNaN(this.#states[at + AT]!);
    const fromUs = hasRecord ? this.#states[at + AT]! : null;
    if (fromUs !== lastUs) throw asMerge();
    for (let k = 0; k < this.#intervals.length; k++) {
      const to = (slot * this.#intervals.length + k) * BUCKET_LENGTH;
      this.#targetIds[slot * this.#intervals.length + k] = targetIds[k]!;
      clearBucket(this.#buckets, to);
      if (hasRecord) {
        const bucket = bucketIn(this.#states, at, STATE_LENGTH, this.#intervals[k]!);
        if (bucket === -1) throw asMerge();
        this.#buckets.set(this.#states.subarray(bucket, bucket + BUCKET_LENGTH), to);
        if (isOpen(this.#buckets, to))
          this.#buckets[to + END] = this.#grids[k]!.endOf(this.#buckets[to + START]!);
      } else if (!isNone(this.#states[at + (1 + k) * STATE_LENGTH]!)) throw asMerge();
    }
    this.#series[slot] = {
      seriesId,
      targetIds,
      fromUs,
      knownFromUs: hasRecord ? this.#states[at + KNOWN_FROM]! : Number.NaN,
      knownToUs: hasRecord ? this.#states[at + KNOWN_TO]! : Number.NEGATIVE_INFINITY,
      firstUs: Number.NaN,
      lastUs: Number.NaN,
      splits: this.#splits.of(symbol, this.#parts.task.plan.intervalS),
      targetSplits: this.#intervals.map((rollupS) => this.#splits.of(symbol, rollupS)),
      madeUs: this.#intervals.map(() => Number.NaN),
    };
  }

  async #idsOf(intervalS: number, symbols: readonly string[]): Promise<readonly number[]> {
    const known = knownIds({ ...this.#parts.task.plan, intervalS });
    const unknown = symbols.filter((symbol) => !known.has(symbol));
    if (unknown.length > 0) {
      const ids = await this.#parts.link.ask({ kind: 'series', symbols: unknown, rollupS: intervalS });
      unknown.forEach((symbol, i) => {
        known.set(symbol, ids[i]!);
      });
    }
    return symbols.map((symbol) => known.get(symbol)!);
  }

  #makeRoom(slots: number): void {
    const series = this.#intervals.length;
    if (this.#targetIds.length >= slots * series) return;
    const room = Math.max(slots, 2 * (this.#targetIds.length / series));
    const targetIds = new Int32Array(room * series);
    targetIds.set(this.#targetIds);
    this.#targetIds = targetIds;
    const buckets = new Float64Array(room * series * BUCKET_LENGTH);
    buckets.set(this.#buckets);
    this.#buckets = buckets;
    expected = room * (1 + series) * STATE_LENGTH;
    this.#states = shared.grown(expected);
  }

  // ── bars on their way ──────────────────────────────────────────────────────────────────────────────────────────

  /** Rows [from, to) of `cols`, of one series that was opened, behind all of it that were taken before. */
  async take(engine: IndicatorEngine, cols: BarColumns, from: number, to: number): Promise<void> {
    const slot = cols.symbol[from]!;
    const series = this.#series[slot]!;
    if (Number.isNaN(series.firstUs)) this.#begin(series, cols.ts[from]!);
    const { splits, knownFromUs } = series;
    const beforeUs = Number.isNaN(series.lastUs)
      ? (series.fromUs ?? Number.NEGATIVE_INFINITY)
      : series.lastUs;
    series.lastUs = cols.ts[to - 1]!;
    const made = this.#made;
    for (let k = 0; k < this.#intervals.length; k++) {
      const ordinal = slot * this.#intervals.length + k;
      for (let row = from; ; ) {
        const first = made.length;
        const grid = this.#grids[k]!;
        const [state, at] = [this.#buckets, ordinal * BUCKET_LENGTH];
        const lastUs = row === from ? beforeUs : cols.ts[row - 1]!;
        row = aggregateThrough(splits, lastUs, grid, state, at, knownFromUs, cols, row, to, made, ordinal);
        this.#compute(engine, slot, k, first);
        if (row === to) break;
        await this.flush();
      }
    }
  }

  /** Where what is known of a series begins: with the file, or with one before that it joins. */
  #begin(series: Carried, firstUs: number): void {
    series.firstUs = firstUs;
    const { plan } = this.#parts.task;
    const fromUs = knownFrom({ ...plan, firstUs, intervalUs: plan.intervalS * 1e6 }, this.#days);
    if (series.fromUs !== null && this.#joins(series.knownToUs, fromUs))
      series.knownFromUs = Math.min(series.knownFromUs, fromUs);
    else {
      series.knownFromUs = fromUs;
      series.knownToUs = Number.NEGATIVE_INFINITY;
    }
  }

  /** The indicators of the bars made of a series since there were `first`. */
  #compute(engine: IndicatorEngine, slot: number, k: number, first: number): void {
    const made = this.#made;
    if (made.length === first) return;
    const at = (slot * (1 + this.#intervals.length) + 1 + k) * STATE_LENGTH;
    engine.load(this.#states, at);
    const { targetIds, targetSplits, madeUs } = this.#series[slot]!;
    engine.splits = targetSplits[k]!;
    if (made.ts[first]! <= engine.lastTs) throw asMerge();
    const series = { seriesId: targetIds[k]!, intervalUs: this.#intervals[k]! * 1e6 };
    this.checkpoints.run(engine, made, first, made.length, series);
    engine.store(this.#states, at);
    madeUs[k] = made.ts[made.length - 1]!;
  }

  /** Series that no more of the file's bars are of: the buckets that are over are bars, and the next file may go on. */
  async close(engine: IndicatorEngine, slots: readonly number[]): Promise<void> {
    const each = 1 + this.#intervals.length;
    for (const slot of slots) await this.#close(engine, slot);
    const seriesIds = new Int32Array(slots.length * each);
    slots.forEach((slot, i) => {
      seriesIds[i * each] = -this.#series[slot]!.seriesId;
      this.#series[slot]!.targetIds.forEach((id, k) => {
        seriesIds[i * each + 1 + k] = id;
      });
    });
    const length = each * STATE_LENGTH;
    let states = this.#states.subarray((slots[0] ?? 0) * length, ((slots.at(-1) ?? -1) + 1) * length);
    if (!isRun(slots)) {
      states = sharedDoubles(slots.length * length);
      slots.forEach((slot, i) => {
        states.set(this.#states.subarray(slot * length, (slot + 1) * length), i * length);
      });
    }
    this.#parts.link.tell({ kind: 'publish', seriesIds, states, frontier: null, complete: false });
  }

  async #close(engine: IndicatorEngine, slot: number): Promise<void> {
    const { plan } = this.#parts.task;
    const series = this.#series[slot]!;
    const { lastUs } = series;
    const toUs = knownTo({ ...plan, lastUs, intervalUs: plan.intervalS * 1e6 });
    series.knownToUs = Math.max(series.knownToUs, toUs);
    const made = this.#made;
    if (made.length + this.#intervals.length > made.capacity) await this.flush();
    const buckets = slot * this.#intervals.length * BUCKET_LENGTH;
    for (let k = 0; k < this.#intervals.length; k++) {
      const first = made.length;
      const ordinal = slot * this.#intervals.length + k;
      const { splits, knownFromUs, knownToUs } = series;
      const bucket = buckets + k * BUCKET_LENGTH;
      settle(splits, lastUs, this.#buckets, bucket, knownFromUs, knownToUs, made, ordinal);
      this.#compute(engine, slot, k, first);
    }
    const ends = { atUs: lastUs, knownFromUs: series.knownFromUs, knownToUs: series.knownToUs };
    const at = slot * (1 + this.#intervals.length) * STATE_LENGTH;
    putRecord(this.#states, at, STATE_LENGTH, ends, this.#intervals, this.#buckets, buckets);
  }

  /** Writes what waits. */
  async flush(): Promise<void> {
    const made = this.#made;
    if (made.length === 0) return;
    // They lie among the file's own bars, but for a bucket that begins before them: a month is wide enough.
    await ensureLeaves(this.#parts, made, made.length, false, Number.POSITIVE_INFINITY);
    await this.#write(toRecordBatch(made, this.#targetIds, 0, made.length));
    this.rows += made.length;
    made.length = 0;
  }

  // ── on record ──────────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * Writes what belongs to the longer bars, in the task's transaction and when its turn in the lane has come.
   * @throws {@link RestartBy} where others have changed what they go on from, or make some of them too
   */
  async settle(): Promise<void> {
    const client = this.#parts.client!;
    const { plan, settings, taskId } = this.#parts.task;
    const slots = [...this.#series.keys()].filter((slot) => this.#series[slot] !== undefined);
    if (slots.length === 0) return;
    const every = slots.flatMap((slot) =>
      this.#intervals.map((_, k) => ({ slot, k, series: this.#series[slot]! })),
    );
    await lockRollups(client, plan, this.#intervals);
    const [role] = await rollupRoles(client, [plan]);
    if (role!.isContested || role!.isMade || `${role!.makes}` !== `${this.#intervals}`) throw asMerge();
    const seen = every.map(({ k, series }) => ({ seriesId: series.targetIds[k]!, atUs: series.fromUs }));
    if (await haveMovedOn(client, seen)) throw asMerge();
    const ids = seen.map(({ seriesId }) => seriesId);
    await noteWithheld(client, Int32Array.from(ids), settings.indicators);
    const added = every.map(({ k, series }) => ({
      seriesId: series.targetIds[k]!,
      fromSeriesId: series.seriesId,
      // From where the file before has ended: that there is no bar between the two is known too.
      fromUs: series.fromUs ?? this.#grids[k]!.floor(series.firstUs),
      toUs: this.#grids[k]!.endOf(this.#grids[k]!.floor(series.lastUs)),
    }));
    if (!(await addDerivations(client, added))) throw asMerge();
    const states = new StateRows(taskId, every.length);
    let hasStates = false;
    for (const { slot, k, series } of every) {
      const tsUs = series.madeUs[k]!;
      if (Number.isNaN(tsUs) || isCheckpoint(tsUs, this.#intervals[k]! * 1e6)) continue;
      const at = (slot * (1 + this.#intervals.length) + 1 + k) * STATE_LENGTH;
      states.add({ seriesId: series.targetIds[k]!, tsUs, state: encodeState(this.#states, at) });
      hasStates = true;
    }
    const { checkpoints } = this;
    for (const state of checkpoints.take()) {
      states.add(state);
      hasStates = true;
    }
    if (hasStates) await states.write(client);
    await replaceRollupStates(
      client,
      ids,
      every.map(({ slot, k, series }) => this.#stateOf(slot, k, series)),
    );
  }

  #stateOf(slot: number, k: number, series: Carried): RollupState {
    const { ts, open, high, low, close, volume, trades } = barSoFar(
      this.#buckets,
      (slot * this.#intervals.length + k) * BUCKET_LENGTH,
    );
    const { seriesId: fromSeriesId, lastUs: atUs, knownFromUs, knownToUs } = series;
    const seriesId = series.targetIds[k]!;
    // Written out: spread into one another, objects of seven numbers cost as much as all else here.
    return {
      seriesId,
      fromSeriesId,
      atUs,
      knownFromUs,
      knownToUs,
      ts,
      open,
      high,
      low,
      close,
      volume,
      trades,
    };
  }
}

/** Whether the first double of a state says that its series has none. */
function isNone(version: number): boolean {
  return Number.isNaN(version) || version === 0;
}
