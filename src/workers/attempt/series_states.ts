/** The states that the series of a file go on from, asked of the lane and handed on to the file behind. */

import type { BarColumns } from '../../bars/columns.ts';
import { type IndicatorEngine, LAST_TS, NO_SPLITS, STATE_LENGTH } from '../../indicators/engine.ts';
import type { SymbolTable } from '../../scan/symbol_table.ts';
import type { SharedDoubles } from '../link/messages.ts';
import type { WorkerLink } from '../link/worker_link.ts';
import { Checkpoints } from './checkpoint_states.ts';
import type { VenueSplits } from './file_splits.ts';
import { knownIds, type SeriesFamily } from './known_series_ids.ts';
import type { PassingRollups } from './passing_rollups.ts';
import { isRun, SharedRoom, sharedDoubles } from './shared_doubles.ts';

/** A series that has rows in the file. */
export interface UsedSeries {
  /** Ordinal of its symbol in the file; its state lies at `slot * STATE_LENGTH` of `packed`. */
  readonly slot: number;
  readonly seriesId: number;
  /** First and last bar in this file, µs since 1970. */
  readonly firstTs: number;
  readonly lastTs: number;
}

/** Sorts behind every symbol. */
const BEHIND_ALL = '\u{10ffff}';

/** Symbols the last file of this thread had: the next one will have as many, so that nothing has to grow. */
let expected = 1;

function grown(array: Float64Array, length: number): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(Math.max(length, 2 * array.length));
  larger.set(array);
  return larger;
}

const shared = new SharedRoom();

/**
 * The series of one file: their ids, their first and last bars, and their indicator states on the way through it.
 * Asks the main thread for ids and for the states predecessors leave, and tells it which series are final here.
 * Memory: `STATE_LENGTH` doubles a symbol of the file.
 */
export class SeriesStates {
  readonly #link: WorkerLink;
  readonly #symbols: SymbolTable;
  readonly #bySymbol: boolean;
  readonly #splits: VenueSplits | null;
  /** `series_id` by symbol ordinal. */
  ids = new Int32Array(0);
  /** States by symbol ordinal. */
  packed = shared.fresh(expected * STATE_LENGTH);
  #firstTs = new Float64Array(expected);
  #lastTs = new Float64Array(expected);
  #rowsOf = new Float64Array(expected);
  /** By ordinal: 1 where the state is in `packed`. */
  #held = new Uint8Array(expected);
  /** Symbols whose ids were asked for, or known, from the first on. */
  #prefetched = 0;
  /** What was asked for and has not been looked at: `known` when the ids of all symbols before `end` are. */
  readonly #asked: { readonly end: number; readonly known: Promise<void> }[] = [];
  readonly #known: Map<string, number>;
  readonly #intervalUs: number;
  /** A series of ours may be in a file before under a symbol that sorts elsewhere. */
  readonly #hasAliases: boolean;
  /** States behind bars in the middle of the file. */
  readonly checkpoints = new Checkpoints();
  readonly #rollups: PassingRollups | null;
  /** The series the file is in the middle of. */
  #open = -1;
  /** Rows computed, or identified, so far. */
  rows = 0;
  /** What {@link used} found when there were so many rows. */
  #used: { readonly rows: number; readonly series: readonly UsedSeries[] } = { rows: 0, series: [] };
  /** Seconds spent waiting for predecessors. */
  laneSeconds = 0;

  /**
   * `family`: the venue and the interval of the series. `bySymbol`: the file is sorted by symbol, so that a series is
   * final when the next one begins. `splits`: of its venue. `rollups`: longer bars to
   * be made as they pass by.
   */
  constructor(
    link: WorkerLink,
    symbols: SymbolTable,
    family: SeriesFamily,
    bySymbol: boolean,
    splits: VenueSplits | null,
    rollups: PassingRollups | null = null,
  ) {
    this.#link = link;
    this.#symbols = symbols;
    this.#known = knownIds(family);
    this.#intervalUs = family.intervalS * 1e6;
    this.#hasAliases = family.aliases !== undefined;
    this.#bySymbol = bySymbol;
    this.#splits = splits;
    this.#rollups = rollups;
  }

  /** First and last bar of the file, µs; null without rows. */
  get firstTs(): number | null {
    const all = this.used();
    return all.length === 0 ? null : all.reduce((least, one) => Math.min(least, one.firstTs), Infinity);
  }

  get lastTs(): number | null {
    const all = this.used();
    return all.length === 0 ? null : all.reduce((most, one) => Math.max(most, one.lastTs), -Infinity);
  }

  used(): readonly UsedSeries[] {
    if (this.#used.rows === this.rows) return this.#used.series;
    const used: UsedSeries[] = [];
    for (let slot = 0; slot < this.ids.length; slot++) {
      if (this.#rowsOf[slot] === 0) continue;
      const seriesId = this.ids[slot]!;
      used.push({ slot, seriesId, firstTs: this.#firstTs[slot]!, lastTs: this.#lastTs[slot]! });
    }
    this.#used = { rows: this.rows, series: used };
    return used;
  }

  usedIds(): Int32Array {
    const used = this.used();
    const ids = new Int32Array(used.length);
    for (let i = 0; i < used.length; i++) ids[i] = used[i]!.seriesId;
    return ids;
  }

  /** Gives every symbol of the rows `[0, rows)`, in any order, its id, and takes their first and last stamps down. */
  async identify(cols: BarColumns, rows: number): Promise<void> {
    await this.#resolve(mostOf(cols.symbol, rows) + 1);
    for (let row = 0; row < rows; row++) this.#saw(cols.symbol[row]!, cols.ts[row]!, cols.ts[row]!, 1);
    this.rows += rows;
  }

  /** Asks for the ids of symbols this thread has not met: they are there, as a rule, when the rows are wanted. */
  prefetch(): void {
    const { names } = this.#symbols;
    if (names.length === this.#prefetched) return;
    const unknown: string[] = [];
    for (; this.#prefetched < names.length; this.#prefetched++) {
      const name = names[this.#prefetched]!;
      if (!this.#known.has(name)) unknown.push(name);
    }
    const known = unknown.length === 0 ? Promise.resolve() : this.#ask(unknown);
    // Thrown where the ids are wanted.
    known.catch(() => {});
    this.#asked.push({ end: this.#prefetched, known });
  }

  async #ask(symbols: string[]): Promise<void> {
    const ids = await this.#link.ask({ kind: 'series', symbols });
    for (let i = 0; i < ids.length; i++) this.#known.set(symbols[i]!, ids[i]!);
  }

  /**
   * Sees that the first `count` symbols have their ids. Waits for no others: what has only just been asked for, ahead
   * of its rows, is still on its way.
   */
  async #resolve(count: number): Promise<void> {
    const before = this.ids.length;
    if (count <= before) return;
    if (count > this.#prefetched) this.prefetch();
    let end = before;
    while (end < count) {
      const asked = this.#asked.shift()!;
      await asked.known;
      end = asked.end;
    }
    const { names } = this.#symbols;
    const ids = new Int32Array(end);
    ids.set(this.ids);
    for (let slot = before; slot < end; slot++) ids[slot] = this.#known.get(names[slot]!)!;
    this.ids = ids;
    if (ids.length <= this.#firstTs.length) return;
    this.#firstTs = grown(this.#firstTs, ids.length);
    this.#lastTs = grown(this.#lastTs, ids.length);
    this.#rowsOf = grown(this.#rowsOf, ids.length);
    const held = new Uint8Array(this.#firstTs.length);
    held.set(this.#held);
    this.#held = held;
    this.packed = shared.grown(this.#firstTs.length * STATE_LENGTH);
  }

  #saw(slot: number, firstTs: number, lastTs: number, rows: number): void {
    const isNew = this.#rowsOf[slot] === 0;
    this.#rowsOf[slot]! += rows;
    if (isNew || firstTs < this.#firstTs[slot]!) this.#firstTs[slot] = firstTs;
    if (isNew || lastTs > this.#lastTs[slot]!) this.#lastTs[slot] = lastTs;
  }

  /**
   * Computes the indicators of rows `[0, rows)`, which are ascending in time inside each series and one run a series.
   * Returns false, with nothing published of this batch, when a row is not newer than what stands.
   */
  async compute(engine: IndicatorEngine, cols: BarColumns, rows: number): Promise<boolean> {
    const ends = runEnds(cols.symbol, rows);
    await this.#resolve(ends.reduce((most, end) => Math.max(most, cols.symbol[end - 1]!), 0) + 1);
    await this.#fetch(cols, ends);
    this.rows += rows;
    let start = 0;
    const intervalS = this.#intervalUs / 1e6;
    for (let i = 0; i < ends.length; i++) {
      const end = ends[i]!;
      this.#saw(cols.symbol[start]!, cols.ts[start]!, cols.ts[end - 1]!, end - start);
      const at = cols.symbol[start]! * STATE_LENGTH;
      if (Number.isNaN(this.packed[at]!)) engine.reset();
      else engine.load(this.packed, at);
      engine.splits = this.#splits?.of(this.#symbols.names[cols.symbol[start]!]!, intervalS) ?? NO_SPLITS;
      if (cols.ts[start]! <= engine.lastTs) return false;
      const series = { seriesId: this.ids[cols.symbol[start]!]!, intervalUs: this.#intervalUs };
      this.checkpoints.run(engine, cols, start, end, series);
      engine.store(this.packed, at);
      const taking = this.#rollups?.take(engine, cols, start, end, this.#bySymbol && end < rows) ?? null;
      if (taking !== null) await taking;
      start = end;
    }
    await this.#publishFinal(engine, cols, ends);
    return true;
  }

  /** All rows are computed: every series is final. */
  async complete(engine: IndicatorEngine): Promise<void> {
    expected = Math.max(1, this.ids.length);
    const slots: number[] = [];
    if (this.#bySymbol) {
      if (this.#open !== -1) slots.push(this.#open);
    } else for (let slot = 0; slot < this.ids.length; slot++) if (this.#held[slot] === 1) slots.push(slot);
    await this.#rollups?.close(engine, slots);
    this.#publish(slots, null, true);
  }

  /** Asks for the states of the series that are new in this batch. */
  async #fetch(cols: BarColumns, ends: readonly number[]): Promise<void> {
    const slots: number[] = [];
    for (let i = 0; i < ends.length; i++) {
      const slot = cols.symbol[ends[i]! - 1]!;
      if (this.#held[slot] === 1) continue;
      this.#held[slot] = 1;
      slots.push(slot);
    }
    if (slots.length === 0) return;
    const started = performance.now();
    const last = this.#hasAliases ? BEHIND_ALL : this.#symbols.names[slots.at(-1)!]!;
    const run = isRun(slots);
    const into = run ? this.#statesOf(slots) : sharedDoubles(slots.length * STATE_LENGTH);
    await this.#link.ask({ kind: 'states', seriesIds: this.#idsOf(slots), last, into });
    if (!run)
      slots.forEach((slot, i) => {
        this.packed.set(into.subarray(i * STATE_LENGTH, (i + 1) * STATE_LENGTH), slot * STATE_LENGTH);
      });
    await this.#rollups?.open(slots, (slot) => this.#lastBefore(slot));
    this.laneSeconds += (performance.now() - started) / 1000;
  }

  /** The last bar that stands of a series, as it was fetched; null: it has none. */
  #lastBefore(slot: number): number | null {
    const at = slot * STATE_LENGTH;
    const hasNone = Number.isNaN(this.packed[at]!) || this.packed[at] === 0;
    return hasNone ? null : this.packed[at + LAST_TS]!;
  }

  /** In a file sorted by symbol every series but the last of the batch is final. */
  async #publishFinal(engine: IndicatorEngine, cols: BarColumns, ends: readonly number[]): Promise<void> {
    if (!this.#bySymbol) return;
    const slots: number[] = [];
    if (this.#open !== -1 && this.#open !== cols.symbol[0]!) slots.push(this.#open);
    for (let i = 0; i < ends.length - 1; i++) slots.push(cols.symbol[ends[i]! - 1]!);
    this.#open = cols.symbol[ends.at(-1)! - 1]!;
    await this.#rollups?.close(engine, slots);
    this.#publish(slots, this.#symbols.names[this.#open]!, false);
  }

  #publish(slots: readonly number[], frontier: string | null, complete: boolean): void {
    const seriesIds = this.#idsOf(slots);
    this.#link.tell({ kind: 'publish', seriesIds, states: this.#statesOf(slots), frontier, complete });
  }

  /** As a loop: going through an iterator would make an object a series. */
  #idsOf(slots: readonly number[]): Int32Array {
    const ids = new Int32Array(slots.length);
    for (let i = 0; i < slots.length; i++) ids[i] = this.ids[slots[i]!]!;
    return ids;
  }

  /** Their states: where they are if that is one run, else a copy. */
  #statesOf(slots: readonly number[]): SharedDoubles {
    const { packed } = this;
    if (isRun(slots)) return packed.subarray(slots[0]! * STATE_LENGTH, (slots.at(-1)! + 1) * STATE_LENGTH);
    const states = sharedDoubles(slots.length * STATE_LENGTH);
    slots.forEach((slot, i) => {
      states.set(packed.subarray(slot * STATE_LENGTH, (slot + 1) * STATE_LENGTH), i * STATE_LENGTH);
    });
    return states;
  }
}

/** The greatest of `values[0, count)`. */
function mostOf(values: Int32Array, count: number): number {
  let most = 0;
  for (let i = 0; i < count; i++) most = Math.max(most, values[i]!);
  return most;
}

/** Ends (exclusive) of the runs of equal symbols in rows `[0, rows)`. */
function runEnds(symbol: Int32Array, rows: number): number[] {
  const ends: number[] = [];
  let current = symbol[0];
  for (let row = 1; row < rows; row++) {
    if (symbol[row] === current) continue;
    current = symbol[row];
    ends.push(row);
  }
  ends.push(rows);
  return ends;
}
