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
  CLOSE,
  clearBucket,
  END,
  HIGH,
  isOpen,
  LOW,
  OPEN,
  START,
  settle,
  TRADES,
  VOLUME,
} from '../../buckets/aggregator.ts';
import { type BucketGrid, bucketGrid, dayGrid } from '../../buckets/bucket_grid.ts';
import { AT, bucketIn, KNOWN_FROM, KNOWN_TO, putRecord } from '../../buckets/carried.ts';
import { type Joins, knownFrom, knownTo } from '../../buckets/covered.ts';
import { joinsBy } from '../../calendar/joined_files.ts';
import { calendarOf } from '../../calendar/market_calendar.ts';
import { isCheckpoint } from '../../indicators/checkpoints.ts';
import { encodeState, type IndicatorEngine, type Splits, STATE_LENGTH } from '../../indicators/engine.ts';
import type { SymbolTable } from '../../scan/symbol_table.ts';
import { addDerivations, type Stretches } from '../../state/series/derivations.ts';
import { StateRows } from '../../state/series/indicator_states.ts';
import { rollupRoles } from '../../state/series/rollup_roles.ts';
import { haveMovedOn, type RollupState, replaceRollupStates } from '../../state/series/rollup_states.ts';
import { lockRollups } from '../../state/series/rollups.ts';
import { haveCalendar } from '../../state/series/series_rules.ts';
import { noteWithheld } from '../../state/series/withheld.ts';
import type { SharedDoubles } from '../link/messages.ts';
import type { AttemptParts } from './attempt_parts.ts';
import { Checkpoints } from './checkpoint_states.ts';
import type { VenueSplits } from './file_splits.ts';
import { knownIds } from './known_series_ids.ts';
import { ensureLeaves } from './leaves.ts';
import { RestartBy } from './load_path.ts';
import { isRun, SharedRoom, sharedDoubles } from './shared_doubles.ts';

const shared = new SharedRoom();

/** Series that the last file of this thread had. */
let expected = 0;

/** The file has to be compared with what stands. */
function asMerge(): RestartBy {
  return new RestartBy({ merges: true });
}

// What a file knows of each of its series, in doubles: µs since 1970.
/** The last bar of the file before; NaN: there was none. */
const FROM_US = 0;
/** Of the file's own; NaN: none has come yet. */
const FIRST_US = 1;
const LAST_US = 2;
/** Where what is known begins and ends. */
const KNOWN_FROM_US = 3;
const KNOWN_TO_US = 4;
const ENDS_LENGTH = 5;

export class PassingRollups {
  readonly #parts: AttemptParts;
  readonly #symbols: SymbolTable;
  readonly #splits: VenueSplits;
  readonly #write: (batch: BarBatch) => Promise<void>;
  readonly #intervals: readonly number[];
  readonly #grids: readonly BucketGrid[];
  readonly #days: BucketGrid;
  readonly #joins: Joins;
  readonly #joined = { toUs: Number.NaN, fromUs: Number.NaN, is: false };
  /** By symbol ordinal: the record of its open buckets, then the state of each of its longer series. */
  #states: SharedDoubles;
  // By symbol ordinal, as columns: of objects a file of thousands would leave as many to the collector.
  /** `series_id`; 0: none of it was opened. */
  #seriesIds: Int32Array;
  #ends: Float64Array;
  /** 1: what the buckets of the series end in is made. */
  #isSettled: Uint8Array;
  readonly #ownSplits: Splits[] = [];
  // By symbol ordinal and interval.
  #buckets: Float64Array;
  #targetIds: Int32Array;
  /** The last longer bar the file has made; NaN: none. */
  #madeUs: Float64Array;
  readonly #targetSplits: Splits[] = [];
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
    const each = rollups.makes.length;
    this.#states = shared.fresh(expected * (1 + each) * STATE_LENGTH);
    this.#seriesIds = new Int32Array(expected);
    this.#ends = new Float64Array(expected * ENDS_LENGTH);
    this.#isSettled = new Uint8Array(expected);
    this.#buckets = new Float64Array(expected * each * BUCKET_LENGTH);
    this.#targetIds = new Int32Array(expected * each);
    this.#madeUs = new Float64Array(expected * each);
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
    for (let i = 0; i < slots.length; i++) {
      const slot = slots[i]!;
      if (!run) this.#states.set(into.subarray(i * length, (i + 1) * length), slot * length);
      for (let k = 0; k < targetIds.length; k++)
        this.#targetIds[slot * targetIds.length + k] = targetIds[k]![i]!;
      this.#take(slot, ownIds[i]!, lastOf(slot));
    }
  }

  #take(slot: number, seriesId: number, lastUs: number | null): void {
    const symbol = this.#symbols.names[slot]!;
    const count = this.#intervals.length;
    const at = slot * (1 + count) * STATE_LENGTH;
    const hasRecord = !Number.isNaN(this.#states[at + AT]!);
    if ((hasRecord ? this.#states[at + AT]! : null) !== lastUs) throw asMerge();
    for (let k = 0; k < count; k++) {
      const to = (slot * count + k) * BUCKET_LENGTH;
      clearBucket(this.#buckets, to);
      if (hasRecord) {
        const bucket = bucketIn(this.#states, at, STATE_LENGTH, this.#intervals[k]!);
        if (bucket === -1) throw asMerge();
        for (let i = 0; i < BUCKET_LENGTH; i++) this.#buckets[to + i] = this.#states[bucket + i]!;
        if (isOpen(this.#buckets, to))
          this.#buckets[to + END] = this.#grids[k]!.endOf(this.#buckets[to + START]!);
      } else if (!isNone(this.#states[at + (1 + k) * STATE_LENGTH]!)) throw asMerge();
      this.#madeUs[slot * count + k] = Number.NaN;
      this.#targetSplits[slot * count + k] = this.#splits.of(symbol, this.#intervals[k]!);
    }
    this.#ownSplits[slot] = this.#splits.of(symbol, this.#parts.task.plan.intervalS);
    this.#seriesIds[slot] = seriesId;
    this.#isSettled[slot] = 0;
    const ends = slot * ENDS_LENGTH;
    this.#ends[ends + FROM_US] = hasRecord ? this.#states[at + AT]! : Number.NaN;
    this.#ends[ends + FIRST_US] = Number.NaN;
    this.#ends[ends + LAST_US] = Number.NaN;
    this.#ends[ends + KNOWN_FROM_US] = hasRecord ? this.#states[at + KNOWN_FROM]! : Number.NaN;
    this.#ends[ends + KNOWN_TO_US] = hasRecord ? this.#states[at + KNOWN_TO]! : Number.NEGATIVE_INFINITY;
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
    const count = this.#intervals.length;
    const before = this.#seriesIds.length;
    if (before < slots) {
      const room = Math.max(slots, 2 * before);
      this.#seriesIds = grown(this.#seriesIds, new Int32Array(room));
      this.#ends = grown(this.#ends, new Float64Array(room * ENDS_LENGTH));
      this.#isSettled = grown(this.#isSettled, new Uint8Array(room));
      this.#targetIds = grown(this.#targetIds, new Int32Array(room * count));
      this.#buckets = grown(this.#buckets, new Float64Array(room * count * BUCKET_LENGTH));
      this.#madeUs = grown(this.#madeUs, new Float64Array(room * count));
    }
    this.#states = shared.grown(this.#seriesIds.length * (1 + count) * STATE_LENGTH);
  }

  // ── bars on their way ──────────────────────────────────────────────────────────────────────────────────────────

  /**
   * Rows [from, to) of `cols`, of one series that was opened, behind all of it that were taken before; `isLast`: no more
   * of the file's are of it. Null: they are taken.
   */
  take(
    engine: IndicatorEngine,
    cols: BarColumns,
    from: number,
    to: number,
    isLast: boolean,
  ): Promise<void> | null {
    const slot = cols.symbol[from]!;
    const ends = slot * ENDS_LENGTH;
    if (Number.isNaN(this.#ends[ends + FIRST_US]!)) this.#begin(slot, cols.ts[from]!);
    const beforeUs = this.#ends[ends + (Number.isNaN(this.#ends[ends + LAST_US]!) ? FROM_US : LAST_US)]!;
    const lastUs = Number.isNaN(beforeUs) ? Number.NEGATIVE_INFINITY : beforeUs;
    this.#ends[ends + LAST_US] = cols.ts[to - 1]!;
    const made = this.#made;
    const count = this.#intervals.length;
    // A bar a row and one that the end completes are the most there can be.
    if (made.length + (to - from + 1) * count > made.capacity)
      return this.#takeInParts(engine, cols, from, to, lastUs);
    if (isLast) this.#know(slot);
    for (let k = 0; k < count; k++) {
      const first = made.length;
      this.#aggregate(slot, k, lastUs, cols, from, to);
      // The indicators of a series are taken up once, and put down once.
      if (isLast) this.#settle(slot, k);
      this.#compute(engine, slot, k, first);
    }
    if (isLast) this.#isSettled[slot] = 1;
    return null;
  }

  /** The same where there may be more bars than have room: what is made is written in between. */
  async #takeInParts(
    engine: IndicatorEngine,
    cols: BarColumns,
    from: number,
    to: number,
    beforeUs: number,
  ): Promise<void> {
    const slot = cols.symbol[from]!;
    for (let k = 0; k < this.#intervals.length; k++)
      for (let row = from; ; ) {
        const first = this.#made.length;
        row = this.#aggregate(slot, k, row === from ? beforeUs : cols.ts[row - 1]!, cols, row, to);
        this.#compute(engine, slot, k, first);
        if (row === to) break;
        await this.flush();
      }
  }

  /** Returns the first row that was not taken, for want of room. */
  #aggregate(slot: number, k: number, lastUs: number, cols: BarColumns, from: number, to: number): number {
    const ordinal = slot * this.#intervals.length + k;
    const knownFromUs = this.#ends[slot * ENDS_LENGTH + KNOWN_FROM_US]!;
    const [splits, grid, made] = [this.#ownSplits[slot]!, this.#grids[k]!, this.#made];
    const at = ordinal * BUCKET_LENGTH;
    return aggregateThrough(
      splits,
      lastUs,
      grid,
      this.#buckets,
      at,
      knownFromUs,
      cols,
      from,
      to,
      made,
      ordinal,
    );
  }

  /** Where what is known of a series begins: with the file, or with one before that it joins. */
  #begin(slot: number, firstUs: number): void {
    const at = slot * ENDS_LENGTH;
    const { plan } = this.#parts.task;
    const fromUs = knownFrom({ ...plan, firstUs, intervalUs: plan.intervalS * 1e6 }, this.#days);
    const ends = this.#ends;
    ends[at + FIRST_US] = firstUs;
    if (!Number.isNaN(ends[at + FROM_US]!) && this.#joinsUp(ends[at + KNOWN_TO_US]!, fromUs))
      ends[at + KNOWN_FROM_US] = Math.min(ends[at + KNOWN_FROM_US]!, fromUs);
    else {
      ends[at + KNOWN_FROM_US] = fromUs;
      ends[at + KNOWN_TO_US] = Number.NEGATIVE_INFINITY;
    }
  }

  /** As `#joins`; of files of many symbols it is the same question again and again. */
  #joinsUp(toUs: number, fromUs: number): boolean {
    const joined = this.#joined;
    if (toUs !== joined.toUs || fromUs !== joined.fromUs) {
      joined.toUs = toUs;
      joined.fromUs = fromUs;
      joined.is = this.#joins(toUs, fromUs);
    }
    return joined.is;
  }

  /** Where what is known of a series ends, when its last bar has come. */
  #know(slot: number): void {
    const { plan } = this.#parts.task;
    const at = slot * ENDS_LENGTH;
    const lastUs = this.#ends[at + LAST_US]!;
    const toUs = knownTo({ ...plan, lastUs, intervalUs: plan.intervalS * 1e6 });
    this.#ends[at + KNOWN_TO_US] = Math.max(this.#ends[at + KNOWN_TO_US]!, toUs);
  }

  /** The bucket that a series ends in is a bar, if all of it is known. There must be room. */
  #settle(slot: number, k: number): void {
    const ordinal = slot * this.#intervals.length + k;
    const at = slot * ENDS_LENGTH;
    const [lastUs, fromUs] = [this.#ends[at + LAST_US]!, this.#ends[at + KNOWN_FROM_US]!];
    const bucket = ordinal * BUCKET_LENGTH;
    const toUs = this.#ends[at + KNOWN_TO_US]!;
    settle(this.#ownSplits[slot]!, lastUs, this.#buckets, bucket, fromUs, toUs, this.#made, ordinal);
  }

  /** The indicators of the bars made of a series since there were `first`. */
  #compute(engine: IndicatorEngine, slot: number, k: number, first: number): void {
    const made = this.#made;
    if (made.length === first) return;
    const ordinal = slot * this.#intervals.length + k;
    const at = (slot * (1 + this.#intervals.length) + 1 + k) * STATE_LENGTH;
    engine.load(this.#states, at);
    engine.splits = this.#targetSplits[ordinal]!;
    if (made.ts[first]! <= engine.lastTs) throw asMerge();
    const series = { seriesId: this.#targetIds[ordinal]!, intervalUs: this.#intervals[k]! * 1e6 };
    this.checkpoints.run(engine, made, first, made.length, series);
    engine.store(this.#states, at);
    this.#madeUs[ordinal] = made.ts[made.length - 1]!;
  }

  /** Series that no more of the file's bars are of: the buckets that are over are bars, and the next file may go on. */
  async close(engine: IndicatorEngine, slots: readonly number[]): Promise<void> {
    const count = this.#intervals.length;
    const each = 1 + count;
    const seriesIds = new Int32Array(slots.length * each);
    for (let i = 0; i < slots.length; i++) {
      const slot = slots[i]!;
      if (this.#isSettled[slot] === 0) {
        if (this.#made.length + count > this.#made.capacity) await this.flush();
        this.#know(slot);
        for (let k = 0; k < count; k++) {
          const first = this.#made.length;
          this.#settle(slot, k);
          this.#compute(engine, slot, k, first);
        }
        this.#isSettled[slot] = 1;
      }
      this.#putRecord(slot);
      seriesIds[i * each] = -this.#seriesIds[slot]!;
      for (let k = 0; k < count; k++) seriesIds[i * each + 1 + k] = this.#targetIds[slot * count + k]!;
    }
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

  #putRecord(slot: number): void {
    const count = this.#intervals.length;
    const at = slot * ENDS_LENGTH;
    const ends = {
      atUs: this.#ends[at + LAST_US]!,
      knownFromUs: this.#ends[at + KNOWN_FROM_US]!,
      knownToUs: this.#ends[at + KNOWN_TO_US]!,
    };
    const buckets = slot * count * BUCKET_LENGTH;
    const to = slot * (1 + count) * STATE_LENGTH;
    putRecord(this.#states, to, STATE_LENGTH, ends, this.#intervals, this.#buckets, buckets);
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
    const count = this.#intervals.length;
    const ordinals = this.#ordinals();
    if (ordinals.length === 0) return;
    if (await this.#isJoinedOtherwise()) throw asMerge();
    expected = Math.floor(ordinals.at(-1)! / count) + 1;
    await lockRollups(client, plan, this.#intervals);
    const [role] = await rollupRoles(client, [plan]);
    if (role!.isContested || role!.isMade || `${role!.makes}` !== `${this.#intervals}`) throw asMerge();
    const { seriesIds, fromSeriesIds, atUs, fromUs, toUs } = this.#madeOf(ordinals);
    if (await haveMovedOn(client, seriesIds, atUs)) throw asMerge();
    await noteWithheld(client, seriesIds, settings.indicators);
    if (!(await addDerivations(client, { seriesIds, fromSeriesIds, fromUs, toUs }))) throw asMerge();
    const states = new StateRows(taskId, ordinals.length);
    let hasStates = false;
    for (const ordinal of ordinals) {
      const [slot, k] = [Math.floor(ordinal / count), ordinal % count];
      const tsUs = this.#madeUs[ordinal]!;
      if (Number.isNaN(tsUs) || isCheckpoint(tsUs, this.#intervals[k]! * 1e6)) continue;
      const at = (slot * (1 + count) + 1 + k) * STATE_LENGTH;
      states.add({ seriesId: this.#targetIds[ordinal]!, tsUs, state: encodeState(this.#states, at) });
      hasStates = true;
    }
    for (const state of this.checkpoints.take()) {
      states.add(state);
      hasStates = true;
    }
    if (hasStates) await states.write(client);
    await replaceRollupStates(client, seriesIds, this.#leave(ordinals), ordinals.length);
  }

  /** Whether an earlier file has said a calendar that this one, which says none, was not joined by. */
  async #isJoinedOtherwise(): Promise<boolean> {
    const { client, task } = this.#parts;
    if (task.plan.calendar !== undefined) return false;
    return haveCalendar(
      client!,
      this.#seriesIds.filter((id) => id !== 0),
    );
  }

  /** The file's longer series, by symbol ordinal and interval. */
  #ordinals(): Int32Array {
    const count = this.#intervals.length;
    const ordinals = new Int32Array(this.#seriesIds.length * count);
    let length = 0;
    for (let slot = 0; slot < this.#seriesIds.length; slot++)
      if (this.#seriesIds[slot] !== 0) for (let k = 0; k < count; k++) ordinals[length++] = slot * count + k;
    return ordinals.subarray(0, length);
  }

  /** What the file's longer series are made of, and of which stretches; `atUs`: the bar that they were continued behind. */
  #madeOf(ordinals: Int32Array): Stretches & { readonly atUs: Float64Array } {
    const count = this.#intervals.length;
    const seriesIds = new Int32Array(ordinals.length);
    const fromSeriesIds = new Int32Array(ordinals.length);
    const atUs = new Float64Array(ordinals.length);
    const fromUs = new Float64Array(ordinals.length);
    const toUs = new Float64Array(ordinals.length);
    for (let i = 0; i < ordinals.length; i++) {
      const ordinal = ordinals[i]!;
      const [slot, grid] = [Math.floor(ordinal / count), this.#grids[ordinal % count]!];
      const ends = slot * ENDS_LENGTH;
      seriesIds[i] = this.#targetIds[ordinal]!;
      fromSeriesIds[i] = this.#seriesIds[slot]!;
      atUs[i] = this.#ends[ends + FROM_US]!;
      // From where the file before has ended: that there is no bar between the two is known too.
      fromUs[i] = Number.isNaN(atUs[i]!) ? grid.floor(this.#ends[ends + FIRST_US]!) : atUs[i]!;
      toUs[i] = grid.endOf(grid.floor(this.#ends[ends + LAST_US]!));
    }
    return { seriesIds, fromSeriesIds, atUs, fromUs, toUs };
  }

  /** What the next file goes on from; each holds until the next is asked for. */
  *#leave(ordinals: Int32Array): Generator<RollupState> {
    const count = this.#intervals.length;
    const buckets = this.#buckets;
    const state = { seriesId: 0, fromSeriesId: 0, ...ZEROS };
    for (const ordinal of ordinals) {
      const slot = Math.floor(ordinal / count);
      const [ends, bucket] = [slot * ENDS_LENGTH, ordinal * BUCKET_LENGTH];
      state.seriesId = this.#targetIds[ordinal]!;
      state.fromSeriesId = this.#seriesIds[slot]!;
      state.atUs = this.#ends[ends + LAST_US]!;
      state.knownFromUs = this.#ends[ends + KNOWN_FROM_US]!;
      state.knownToUs = this.#ends[ends + KNOWN_TO_US]!;
      state.ts = buckets[bucket + START]!;
      state.open = buckets[bucket + OPEN]!;
      state.high = buckets[bucket + HIGH]!;
      state.low = buckets[bucket + LOW]!;
      state.close = buckets[bucket + CLOSE]!;
      state.volume = buckets[bucket + VOLUME]!;
      state.trades = buckets[bucket + TRADES]!;
      yield state;
    }
  }
}

const ZEROS = {
  atUs: 0,
  knownFromUs: 0,
  knownToUs: 0,
  ts: 0,
  open: 0,
  high: 0,
  low: 0,
  close: 0,
  volume: 0,
  trades: 0,
};

/** `larger` with what was in the smaller one. */
function grown<Columns extends Float64Array | Int32Array | Uint8Array>(
  smaller: Columns,
  larger: Columns,
): Columns {
  larger.set(smaller);
  return larger;
}

/** Whether the first double of a state says that its series has none. */
function isNone(version: number): boolean {
  return Number.isNaN(version) || version === 0;
}
