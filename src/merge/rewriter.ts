/**
 * Series computed again from where something changed, and no further than it matters.
 *
 * The indicators of a bar follow from the state before it and from the bar; states forget. From a stored state before
 * the first change on, standing and new bars go through the engine in the order of time. At every bar whose state is
 * stored, behind the changes, the new state is held against it: where they have the same bits, all that follows would be
 * computed to what stands already, and is neither read nor written. An EMA of 200 bars forgets in some 4,000; on a price
 * that never moves it never does, and then the way leads to the end of the series.
 *
 * Only rows that are new or whose indicators changed are written: those that stand go, and all are copied in. Rows read
 * at a time, and so the memory, are bounded.
 */

import type { ClientBase } from 'pg';
import { type BarColumns, INDICATOR_NAMES } from '../bars/columns.ts';
import { toRecordBatch } from '../bars/record_batch.ts';
import { killPoint } from '../base/kill_points.ts';
import { BarEncoder } from '../copy/bar_encoder.ts';
import { type BarRange, BY_KEY, readRanges } from '../copy/copy_reader.ts';
import { CopyWriter, MAX_COPY_BYTES } from '../copy/copy_writer.ts';
import { KnownLeaves, monthLeaf } from '../copy/leaf.ts';
import { nextCheckpoint } from '../indicators/checkpoints.ts';
import {
  decodeState,
  encodeState,
  IndicatorEngine,
  type SessionClock,
  type Splits,
  STATE_LENGTH,
  sameState,
  splitsOf,
} from '../indicators/engine.ts';
import { findLeaves } from '../state/leaves/partitions.ts';
import { isDistributed } from '../state/schema/distributed.ts';
import {
  readStarts,
  readStates,
  replaceStates,
  type StartOfSeries,
  type StoredState,
} from '../state/series/indicator_states.ts';
import { maskOf } from '../state/series/withheld.ts';
import { StandingExtras } from './extra_values.ts';
import type { MergeMemory } from './merge_memory.ts';

/** Bars read behind a change at first, as intervals: as long as the longest average takes to forget. Then twice as many. */
const FIRST_REACH = 4_352;
const LONGEST_REACH = 1 << 30;

/** A series in which something changed; µs since 1970. */
export interface ChangedSeries {
  readonly seriesId: number;
  readonly intervalUs: number;
  /** From this instant on something may be different. */
  readonly fromUs: number;
  /** Up to here bars may have gone: before it, no stored state counts. -Infinity: none have. */
  readonly goneUntilUs: number;
  /** Its new rows in the batch, in the order of time; where a bar stands at the same instant, they replace it. */
  readonly rows: Int32Array;
}

export interface RewriterSettings {
  readonly session: SessionClock;
  readonly hypertable: boolean;
  /** Of each of `INDICATOR_NAMES`, whether rows get it that have none yet. */
  readonly asked: readonly boolean[];
  /** Of the states that are written; null: the task that the series' last state came with. */
  readonly taskId: number | null;
  /** Every row behind the first change is looked at. */
  readonly toTheEnd: boolean;
}

/** A row that stands nowhere, and one that takes the place of another. */
const NEW = -1;
const REPLACING = -2;

/**
 * Which series of a call may have more rows in a later one, so that what is behind their rows waits: none, the last one,
 * which may go on in the next batch, or all of them, as other files are about to bring rows behind these.
 */
export type Staying = 'none' | 'last' | 'all';

/** Series that wait at most, 1 kB each; of more, what is behind is computed at once. */
const MOST_WAITING = 16_384;

/** Series read in one round: of each the states ahead are read with it, whether its rows have room or not. */
const MOST_AT_ONCE = 512;

const NO_ROWS = new Int32Array(0);
const NO_STATES: ReadonlyMap<number, Uint8Array> = new Map();

/** A series on its way. */
class Walk {
  readonly seriesId: number;
  readonly intervalUs: number;
  taskId: number;
  readonly lastUs: number;
  readonly canMeet: boolean;
  readonly goneUntilUs: number;
  readonly splits: Splits;
  fresh: Int32Array;
  /** The first of `fresh` that has not gone through the engine. */
  next = 0;
  readonly state = new Float64Array(STATE_LENGTH);
  /** All bars up to here have gone through the engine; -Infinity: none. */
  atUs: number;
  /** The last of those that there is; -Infinity: none. */
  lastBarUs: number;
  /** Behind which bar the last state is stored, or about to be. */
  lastStateUs: number;
  /** Up to here what is stored of states is as it shall be. */
  statesUs: number;
  /** Stored states ahead. */
  stored: ReadonlyMap<number, Uint8Array> = NO_STATES;
  reach = FIRST_REACH;
  /** More is read than what has new rows. */
  looksAhead = false;
  /** The end of the rows being read. */
  toUs = Number.NEGATIVE_INFINITY;
  /** Where new and stored states met; null: nowhere yet. */
  metUs: number | null = null;
  isDone = false;

  constructor(
    { seriesId, intervalUs, fromUs, goneUntilUs, rows }: ChangedSeries,
    start: Pick<StartOfSeries, 'atUs' | 'lastUs' | 'state' | 'splits'>,
    taskId: number,
    canMeet: boolean,
    clock: SessionClock,
  ) {
    this.seriesId = seriesId;
    this.intervalUs = intervalUs;
    this.taskId = taskId;
    this.lastUs = start.lastUs;
    this.canMeet = canMeet;
    this.goneUntilUs = goneUntilUs;
    this.splits = splitsOf(start.splits, intervalUs, clock);
    this.fresh = rows;
    this.atUs = start.atUs;
    this.lastBarUs = start.atUs;
    this.lastStateUs = start.atUs;
    this.statesUs = Number.isFinite(fromUs) ? fromUs - 1 : fromUs;
    if (start.state !== null) decodeState(start.state, this.state);
  }
}

export class Rewriter {
  readonly #client: ClientBase;
  readonly #memory: MergeMemory;
  readonly #settings: RewriterSettings;
  readonly #engine: IndicatorEngine;
  readonly #writer: CopyWriter;
  readonly #leaves = new KnownLeaves();
  readonly #extras: StandingExtras;
  readonly #asked: number;
  /** Indicators that were not asked for, by their place in `INDICATOR_NAMES`. */
  readonly #unasked: readonly number[];
  readonly #found = new Float64Array(STATE_LENGTH);
  readonly #computed = new Float64Array(STATE_LENGTH);
  /** Of each row of `work`, the standing one whose indicators it may have already; {@link NEW} or {@link REPLACING}. */
  readonly #standingOf: Int32Array;
  /** The new rows of {@link rewrite}. */
  #batch: BarColumns | null = null;
  /** By ordinal in `out`. */
  #ids: number[] = [];
  #deletes: { seriesId: number; fromUs: number; toUs: number }[] = [];
  /** The last standing row of the series being computed goes: the next one, if it does too, is of the same range. */
  #extends = false;
  #staleStates: BarRange[] = [];
  #states: (StoredState & { readonly taskId: number })[] = [];
  /** Series of which more may come, by id: they are right as far as they have gone, and wait there. */
  readonly #open = new Map<number, Walk>();
  #taskId: number | null;
  #planned = false;
  /** Standing rows whose indicators changed, by series. */
  readonly changed = new Map<number, number>();

  constructor(client: ClientBase, memory: MergeMemory, settings: RewriterSettings) {
    this.#client = client;
    this.#memory = memory;
    this.#settings = settings;
    this.#taskId = settings.taskId;
    this.#extras = new StandingExtras(client, settings.hypertable);
    this.#engine = new IndicatorEngine(settings.session, memory.kernel);
    this.#unasked = settings.asked.flatMap((isAsked, k) => (isAsked ? [] : [k]));
    this.#asked = maskOf(settings.asked);
    this.#standingOf = new Int32Array(memory.work.capacity);
    this.#writer = new CopyWriter(client, new BarEncoder(undefined, memory.kernel), {
      buffers: memory.buffers,
      hypertable: settings.hypertable,
      before: '',
      maxCopyBytes: MAX_COPY_BYTES,
      leafOf: settings.hypertable ? monthLeaf : (tsUs) => this.#leaves.at(tsUs)!,
    });
  }

  /** From here on rows are of this task. */
  ofTask(taskId: number): void {
    this.#taskId = taskId;
  }

  /**
   * Writes the new rows of a batch, and what changes behind them. `series` are in any order, each once; of a series of
   * which more was to come, rows go on where it waits, or what is behind is computed first. `stays`: what is behind the
   * rows of these waits. The batch's memory is free again when this resolves.
   */
  async rewrite(batch: BarColumns | null, series: readonly ChangedSeries[], stays: Staying): Promise<void> {
    if (!this.#planned) {
      await this.#client.query(BY_KEY);
      this.#planned = true;
    }
    // Where bars have gone it begins anew: on its way there, states that meet would end it.
    const before = series.filter(({ seriesId, fromUs, goneUntilUs }) => {
      const walk = this.#open.get(seriesId);
      return walk !== undefined && (fromUs <= walk.atUs || goneUntilUs > walk.atUs);
    });
    if (before.length > 0) await this.#go(null, [], this.#reopened(before), new Set());
    const more = new Map(series.map((one) => [one.seriesId, one]));
    // What may go on alone waits for nothing but the next batch: without rows in this one nothing is left to wait for.
    const going =
      stays === 'all' ? series.filter(({ seriesId }) => this.#open.has(seriesId)) : [...this.#open.values()];
    const walks = this.#reopened(going);
    for (const walk of walks) {
      walk.fresh = more.get(walk.seriesId)?.rows ?? NO_ROWS;
      walk.next = 0;
      // What it took to get here says nothing of what it takes from the last new row on.
      walk.reach = FIRST_REACH;
      if (walk.fresh.length > 0) walk.taskId = this.#taskId ?? walk.taskId;
      more.delete(walk.seriesId);
    }
    await this.#go(batch, [...more.values()], walks, this.#staying(series, stays));
  }

  /** Those of the series of which more may come. */
  #staying(series: readonly ChangedSeries[], stays: Staying): ReadonlySet<number> {
    if (stays === 'none') return new Set();
    const some =
      stays === 'last' ? series.slice(-1) : series.slice(0, Math.max(0, MOST_WAITING - this.#open.size));
    return new Set(some.map(({ seriesId }) => seriesId));
  }

  /** Takes series from those that wait. */
  #reopened(series: readonly { readonly seriesId: number }[]): Walk[] {
    return series.map(({ seriesId }) => {
      const walk = this.#open.get(seriesId)!;
      this.#open.delete(seriesId);
      return walk;
    });
  }

  /** Takes `walks` on, and begins with `series`, until they are done or one of those that stay has had its rows. */
  async #go(
    batch: BarColumns | null,
    series: readonly ChangedSeries[],
    walks: Walk[],
    staying: ReadonlySet<number>,
  ): Promise<void> {
    this.#batch = batch;
    let left: readonly ChangedSeries[] = series;
    let going = walks;
    while (left.length > 0 || going.length > 0) {
      if (left.length > 0) going.push(...(await this.#begin(left)));
      const some = going.slice(0, MOST_AT_ONCE);
      await this.#round(some, staying);
      const again: ChangedSeries[] = [];
      for (const walk of some) {
        if (walk.metUs === null || walk.next === walk.fresh.length) continue;
        // There are new rows far behind: it begins again with them.
        const rows = walk.fresh.subarray(walk.next);
        const { seriesId, intervalUs, goneUntilUs } = walk;
        again.push({ seriesId, intervalUs, fromUs: batch!.ts[rows[0]!]!, goneUntilUs, rows });
      }
      left = again;
      const others = going.slice(MOST_AT_ONCE);
      going = some.filter((walk) => {
        if (walk.isDone) return false;
        if (!staying.has(walk.seriesId) || walk.next < walk.fresh.length) return true;
        walk.fresh = NO_ROWS;
        walk.next = 0;
        walk.stored = NO_STATES;
        this.#open.set(walk.seriesId, walk);
        return false;
      });
      going.push(...others);
    }
    this.#batch = null;
  }

  /** No more comes: what is behind the last rows is computed. */
  async finish(): Promise<void> {
    await this.rewrite(null, [], 'none');
  }

  /** Standing rows whose indicators changed. */
  get recomputed(): number {
    let sum = 0;
    for (const rows of this.changed.values()) sum += rows;
    return sum;
  }

  /** Gives up what is under way, so that the connection can be used again. */
  abort(): Promise<void> {
    return this.#writer.abort();
  }

  // ── where it begins ────────────────────────────────────────────────────────────────────────────────────────────

  async #begin(series: readonly ChangedSeries[]): Promise<Walk[]> {
    const starts = await readStarts(
      this.#client,
      series.map(({ seriesId, fromUs }) => ({ seriesId, beforeUs: fromUs })),
    );
    const { toTheEnd } = this.#settings;
    const taskId = this.#taskId;
    const walks = series.map((one) => {
      const start = starts.get(one.seriesId)!;
      // Rows that lack an indicator that was asked for get it, all of those behind.
      const canMeet = !toTheEnd && (start.withheld & this.#asked) === 0;
      return new Walk(one, start, taskId ?? start.taskId, canMeet, this.#settings.session);
    });
    await this.#approach(
      walks,
      series.map(({ fromUs }) => fromUs),
    );
    return walks;
  }

  /** Takes each series from its stored state to the change: these bars stay as they are. */
  async #approach(walks: readonly Walk[], fromUs: readonly number[]): Promise<void> {
    const ranges: BarRange[] = [];
    const walking: Walk[] = [];
    walks.forEach((walk, i) => {
      if (!Number.isFinite(fromUs[i]!)) return;
      ranges.push({ seriesId: walk.seriesId, afterUs: walk.atUs, toUs: fromUs[i]! - 1 });
      walking.push(walk);
    });
    if (ranges.length === 0) return;
    const { standing } = this.#memory;
    let at = 0;
    await readRanges(
      this.#client,
      ranges,
      'prices',
      Number.POSITIVE_INFINITY,
      standing,
      (cols) => {
        for (let from = 0; from < cols.length; ) {
          while (walking[at]!.seriesId !== cols.symbol[from]) at++;
          const walk = walking[at]!;
          const to = endOfSeries(cols, from);
          this.#engine.load(walk.state, 0);
          this.#engine.splits = walk.splits;
          this.#engine.run(cols, from, to);
          this.#engine.store(walk.state, 0);
          walk.lastBarUs = cols.ts[to - 1]!;
          from = to;
        }
      },
      await isDistributed(this.#client),
    );
    walking.forEach((walk, i) => {
      walk.atUs = Math.max(walk.atUs, ranges[i]!.toUs);
    });
  }

  // ── a round: as many rows as there is room for ─────────────────────────────────────────────────────────────────

  async #round(walks: readonly Walk[], staying: ReadonlySet<number>): Promise<void> {
    const { out, standing } = this.#memory;
    const fresh = walks.reduce((sum, walk) => sum + walk.fresh.length - walk.next, 0);
    const most = out.capacity - fresh;
    for (const walk of walks) this.#reach(walk, staying.has(walk.seriesId));
    const ranges = walks.map(({ seriesId, atUs, toUs }) => ({ seriesId, afterUs: atUs, toUs }));
    const states = await readStates(
      this.#client,
      ranges.filter((_, i) => walks[i]!.canMeet),
    );
    for (const walk of walks) walk.stored = states.get(walk.seriesId) ?? NO_STATES;
    this.#ids = walks.map((walk) => walk.seriesId);
    out.length = 0;
    let at = 0;
    const rows = await readRanges(
      this.#client,
      ranges,
      'all',
      most,
      standing,
      (cols) => {
        for (let from = 0; from < cols.length; ) {
          while (walks[at]!.seriesId !== cols.symbol[from]) this.#endOfRange(walks[at]!, at++);
          const to = endOfSeries(cols, from);
          this.#take(walks[at]!, at, cols, from, to);
          from = to;
        }
      },
      await isDistributed(this.#client),
    );
    // Of those from `at` on there may be more than was read.
    const isWhole = rows < most;
    if (isWhole) for (; at < walks.length; at++) this.#endOfRange(walks[at]!, at);
    killPoint('merge.reading');
    await this.#write(walks);
  }

  /** How far to read: to the new rows as long as they are near each other, and behind them as far as states may meet. */
  #reach(walk: Walk, holds: boolean): void {
    const { fresh } = walk;
    const ahead = walk.reach * walk.intervalUs;
    let toUs = Math.max(walk.atUs, walk.goneUntilUs, walk.statesUs);
    let next = walk.next;
    for (; next < fresh.length; next++) {
      const ts = this.#batch!.ts[fresh[next]!]!;
      if (ts > toUs + ahead && Number.isFinite(toUs)) break;
      toUs = Math.max(toUs, ts);
    }
    const isLast = next === fresh.length;
    walk.looksAhead = !isLast || !holds;
    if (walk.looksAhead) toUs += ahead;
    // No further: what comes next may lie before the next bar that stands.
    else toUs = Math.max(walk.atUs, fresh.length === 0 ? walk.atUs : this.#batch!.ts[fresh.at(-1)!]!);
    const isToTheEnd = !walk.canMeet || toUs >= walk.lastUs || !Number.isFinite(toUs);
    walk.toUs = isLast && !holds && isToTheEnd ? Number.POSITIVE_INFINITY : toUs;
  }

  /** Standing rows [from, to) of `cols`, all of the series, with the new ones before and among them. */
  #take(walk: Walk, ordinal: number, cols: BarColumns, from: number, to: number): void {
    const { work } = this.#memory;
    for (let row = from; row < to && !walk.isDone; row++) {
      const ts = cols.ts[row]!;
      this.#takeNew(walk, ordinal, ts - 1, NEW);
      if (walk.isDone) break;
      if (this.#nextNew(walk) === ts) this.#takeNew(walk, ordinal, ts, REPLACING);
      else this.#workOn(walk, ordinal, cols, row, row);
    }
    if (work.length > 0) this.#compute(walk, ordinal);
  }

  /** What was to be read of a series has been: its new rows behind that go through. */
  #endOfRange(walk: Walk, ordinal: number): void {
    this.#takeNew(walk, ordinal, walk.toUs, NEW);
    if (this.#memory.work.length > 0) this.#compute(walk, ordinal);
    this.#extends = false;
    if (walk.looksAhead) walk.reach = Math.min(LONGEST_REACH, 2 * walk.reach);
    if (walk.isDone) return;
    if (Number.isFinite(walk.toUs)) walk.atUs = Math.max(walk.atUs, walk.toUs);
    else {
      walk.isDone = true;
      this.#endOfSeries(walk);
    }
  }

  #endOfSeries(walk: Walk): void {
    const { seriesId, taskId, lastBarUs, lastStateUs, statesUs } = walk;
    this.#staleStates.push({ seriesId, afterUs: statesUs, toUs: Infinity });
    if (lastBarUs === lastStateUs) return;
    this.#states.push({ seriesId, tsUs: lastBarUs, taskId, state: encodeState(walk.state, 0).slice() });
  }

  /** When the next of its new rows is; NaN: there is none. */
  #nextNew({ fresh, next }: Walk): number {
    return next < fresh.length ? this.#batch!.ts[fresh[next]!]! : Number.NaN;
  }

  /** The new rows up to `toUs`, unless the series is done before. */
  #takeNew(walk: Walk, ordinal: number, toUs: number, kind: typeof NEW | typeof REPLACING): void {
    while (this.#nextNew(walk) <= toUs) {
      this.#workOn(walk, ordinal, this.#batch!, walk.fresh[walk.next]!, kind);
      if (walk.isDone) return;
      walk.next++;
    }
  }

  #workOn(walk: Walk, ordinal: number, from: BarColumns, row: number, standing: number): void {
    const { work } = this.#memory;
    if (work.length === work.capacity) {
      this.#compute(walk, ordinal);
      if (walk.isDone) return;
    }
    this.#standingOf[work.length] = standing;
    const at = work.length++;
    for (let k = 1; k < 8; k++) work.raw[k]![at] = from.raw[k]![row]!;
  }

  #gone(seriesId: number, ts: number): void {
    const last = this.#deletes.at(-1);
    if (this.#extends && last !== undefined) last.toUs = ts;
    else this.#deletes.push({ seriesId, fromUs: ts, toUs: ts });
    this.#extends = true;
  }

  /** The rows in `work` through the engine, state by state, and what came of them to `out`. */
  #compute(walk: Walk, ordinal: number): void {
    const { work } = this.#memory;
    const engine = this.#engine;
    const rows = work.length;
    engine.load(walk.state, 0);
    engine.splits = walk.splits;
    let from = 0;
    while (from < rows && !walk.isDone) {
      const row = this.#nextState(walk, from, rows);
      const to = Math.min(rows, row + 1);
      engine.run(work, from, to);
      if (row < rows) this.#atState(walk, work.ts[row]!);
      this.#keep(ordinal, from, to);
      from = to;
    }
    engine.store(walk.state, 0);
    walk.lastBarUs = work.ts[from - 1]!;
    walk.atUs = walk.lastBarUs;
    // What came behind the meeting goes through another time, if it is new.
    if (walk.isDone) {
      while (walk.next > 0 && this.#batch!.ts[walk.fresh[walk.next - 1]!]! > walk.atUs) walk.next--;
    }
    work.length = 0;
  }

  /** The first row of [from, to) whose state is kept or stored. */
  #nextState(walk: Walk, from: number, to: number): number {
    const { ts } = this.#memory.work;
    const row = nextCheckpoint(ts, from, to, walk.intervalUs);
    if (walk.stored.size === 0) return row;
    for (let i = from; i < row; i++) if (walk.stored.has(ts[i]!)) return i;
    return row;
  }

  #atState(walk: Walk, ts: number): void {
    const stored = walk.stored.get(ts);
    this.#engine.store(this.#computed, 0);
    if (stored !== undefined && ts > walk.goneUntilUs) {
      decodeState(stored, this.#found);
      if (sameState(this.#found, this.#computed)) {
        walk.isDone = true;
        walk.metUs = ts;
        this.#staleStates.push({ seriesId: walk.seriesId, afterUs: walk.statesUs, toUs: ts - 1 });
        return;
      }
    }
    const state = encodeState(this.#computed, 0).slice();
    this.#states.push({ seriesId: walk.seriesId, tsUs: ts, taskId: walk.taskId, state });
    walk.lastStateUs = ts;
  }

  /** Rows [from, to) of `work` that are new or changed to `out`. */
  #keep(ordinal: number, from: number, to: number): void {
    const { work, standing, out } = this.#memory;
    const seriesId = this.#ids[ordinal]!;
    let changed = 0;
    for (let row = from; row < to; row++) {
      const stands = this.#standingOf[row]!;
      for (const k of this.#unasked) {
        if (stands < 0 || Number.isNaN(standing.indicators[k]![stands]!))
          work.indicators[k]![row] = Number.NaN;
      }
      if (stands === REPLACING) this.#gone(seriesId, work.ts[row]!);
      if (stands >= 0) {
        if (isSame(work, row, standing, stands)) {
          this.#extends = false;
          continue;
        }
        changed++;
        this.#gone(seriesId, work.ts[row]!);
      }
      const at = out.length++;
      out.symbol[at] = ordinal;
      for (let k = 1; k < 8; k++) out.raw[k]![at] = work.raw[k]![row]!;
      for (let k = 0; k < INDICATOR_NAMES.length; k++) out.indicators[k]![at] = work.indicators[k]![row]!;
    }
    if (changed > 0) this.changed.set(seriesId, (this.changed.get(seriesId) ?? 0) + changed);
  }

  // ── what it writes ─────────────────────────────────────────────────────────────────────────────────────────────

  async #write(walks: readonly Walk[]): Promise<void> {
    const { out } = this.#memory;
    let hasGone = false;
    if (this.#deletes.length > 0) {
      const ranges = this.#deletes.map(({ seriesId, fromUs, toUs }) => ({
        seriesId,
        afterUs: fromUs - 1,
        toUs,
      }));
      await this.#extras.take(ranges);
      hasGone = true;
      this.#deletes = [];
      killPoint('merge.deleted');
    }
    if (out.length > 0) {
      if (!this.#settings.hypertable) await findLeaves(this.#client, this.#leaves, out.ts, out.length);
      const batch = toRecordBatch(out, Int32Array.from(this.#ids), 0, out.length);
      await this.#writer.write(batch, () => {});
      await this.#writer.end();
      out.length = 0;
      killPoint('merge.copied');
    }
    if (hasGone) await this.#extras.give();
    for (const walk of walks) {
      if (walk.isDone || walk.lastBarUs <= walk.statesUs) continue;
      this.#staleStates.push({ seriesId: walk.seriesId, afterUs: walk.statesUs, toUs: walk.lastBarUs });
      walk.statesUs = walk.lastBarUs;
    }
    await replaceStates(this.#client, this.#staleStates, this.#states);
    this.#staleStates = [];
    this.#states = [];
  }
}

function endOfSeries({ symbol, length }: BarColumns, from: number): number {
  const series = symbol[from]!;
  let to = from + 1;
  while (to < length && symbol[to] === series) to++;
  return to;
}

/** Whether a row has the indicators of another, to the bit. */
function isSame(a: BarColumns, i: number, b: BarColumns, j: number): boolean {
  for (let k = 0; k < INDICATOR_NAMES.length; k++)
    if (!Object.is(a.indicators[k]![i]!, b.indicators[k]![j]!)) return false;
  return true;
}
