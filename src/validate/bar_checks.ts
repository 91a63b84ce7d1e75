/** Checks that look at the bars of one series at a time: all of them in one pass over the bars. µs since 1970. */

import type { ExpectedBars } from '../calendar/expected_bars.ts';
import type { Db } from '../database/connect.ts';
import { inTransaction } from '../database/connect.ts';
import { type BarPiece, type PriceColumn, streamBars } from '../series/bar_stream.ts';
import type { Series } from '../series/series.ts';
import { EXAMPLES_KEPT, type Example, type Finding, findingOf, SPLITS_KEPT } from './findings.ts';
import { type Jump, JumpFinder, type JumpKind, joined } from './jumps.ts';
import { isExplained, type KnownSplits, symbolKey } from './split_check.ts';
import { VolumeFinder } from './volumes.ts';

export const BAR_CHECKS = ['ohlc', 'grid', 'jumps', 'volume', 'stamps'] as const;
export type BarCheck = (typeof BAR_CHECKS)[number];

/** A series to look at, with where its bars may open. */
export interface CheckedSeries {
  readonly series: Series;
  readonly expectedBars: ExpectedBars;
}

export interface BarCheckOptions {
  readonly checks: ReadonlySet<BarCheck>;
  readonly fromUs: number | null;
  readonly toUs: number | null;
  readonly jumpDeviations: number;
  readonly volumeDeviations: number;
  /** Splits on record: what they explain is no jump. */
  readonly splits: KnownSplits;
}

/** What the pass found; `bars` says how many there are, by series. */
export interface CheckedBars {
  readonly findings: readonly Finding[];
  readonly bars: ReadonlyMap<number, number>;
}

/** Rows of a series that are judged together: 3 MB of columns and as much of scratch. */
const PIECE_ROWS = 1 << 16;
/** Rows that are seen with the piece before and with the one after, half of them judged with each. */
const OVERLAP = 32;
/** Series named in one statement. */
const SERIES_AT_ONCE = 2_000;
/** Jumps of a series that are held to be told apart: beyond, they are counted as they are. */
const JUMPS_HELD = 10_000;

const COLUMNS: readonly PriceColumn[] = ['open', 'high', 'low', 'close', 'volume'];

/** Makes the checks on every bar of the series. `all`: they are all the series there are. */
export async function checkBars(
  db: Db,
  checked: readonly CheckedSeries[],
  all: boolean,
  options: BarCheckOptions,
): Promise<CheckedBars> {
  const pass = new Pass(checked, options);
  const { fromUs, toUs } = options;
  await inTransaction(db, async (client) => {
    // One statement of many simple rows: compiling it, and a worker to gather from, cost more than they save.
    await client.query('SET LOCAL jit = off; SET LOCAL max_parallel_workers_per_gather = 0');
    for (const seriesIds of all ? [null] : inParts(checked)) {
      const query = { seriesIds, columns: COLUMNS, fromUs, toUs };
      await streamBars(client, query, { rows: PIECE_ROWS, overlap: OVERLAP }, (piece) => pass.take(piece));
    }
  });
  return { findings: pass.findings(), bars: pass.bars };
}

function inParts(checked: readonly CheckedSeries[]): number[][] {
  const ids = checked.map(({ series }) => series.seriesId).sort((a, b) => a - b);
  const parts: number[][] = [];
  for (let at = 0; at < ids.length; at += SERIES_AT_ONCE) parts.push(ids.slice(at, at + SERIES_AT_ONCE));
  return parts;
}

/** Counts all and keeps the heaviest examples; of equal ones the first. */
class Tally {
  readonly examples: (Example & { readonly weight: number })[] = [];
  count = 0;
  readonly #kept: number;

  constructor(kept: number) {
    this.#kept = kept;
  }

  add(weight: number, atUs: number, text: () => string): void {
    this.count++;
    if (this.examples.length === this.#kept && weight <= this.examples.at(-1)!.weight) return;
    const at = this.examples.findIndex((one) => one.weight < weight);
    this.examples.splice(at < 0 ? this.examples.length : at, 0, { weight, atUs, text: text() });
    if (this.examples.length > this.#kept) this.examples.pop();
  }

  /** As a finding tells them. */
  told(): Example[] {
    return this.examples.map(({ atUs, text }) => ({ atUs, text }));
  }
}

class Pass {
  readonly bars = new Map<number, number>();
  readonly #options: BarCheckOptions;
  readonly #byId: ReadonlyMap<number, CheckedSeries>;
  readonly #jumpFinder: JumpFinder;
  readonly #volumeFinder: VolumeFinder;
  readonly #findings = new Map<BarCheck, Finding[]>(BAR_CHECKS.map((check) => [check, []]));
  #tallies = new Map<BarCheck, Tally>();
  #jumps: Jump[] = [];
  #before = 0;

  constructor(checked: readonly CheckedSeries[], options: BarCheckOptions) {
    this.#options = options;
    this.#byId = new Map(checked.map((one) => [one.series.seriesId, one]));
    this.#jumpFinder = new JumpFinder(options.checks.has('jumps') ? PIECE_ROWS : 0);
    this.#volumeFinder = new VolumeFinder(options.checks.has('volume') ? PIECE_ROWS : 0);
  }

  /** By check, then in the order of the series' ids. */
  findings(): Finding[] {
    return BAR_CHECKS.flatMap((check) => this.#findings.get(check)!);
  }

  take(piece: BarPiece): void {
    const one = this.#byId.get(piece.seriesId);
    // A series that another program has begun since.
    if (one === undefined) return;
    const { rows, repeated, last } = piece;
    const from = repeated === 0 ? 0 : OVERLAP / 2;
    const to = last ? rows : rows - OVERLAP / 2;
    const { checks } = this.#options;
    if (checks.has('ohlc')) this.#checkPrices(piece, from, to, one.series.prices === 'any');
    if (checks.has('grid')) this.#checkGrid(piece, from, to, one.expectedBars);
    if (checks.has('stamps')) this.#checkStamps(piece, from, to);
    if (checks.has('volume')) this.#checkVolumes(piece, from, to);
    if (checks.has('jumps')) this.#checkJumps(piece, from, to, one.series);
    this.#before += to - from;
    if (last) this.#close(one.series);
  }

  #tally(check: BarCheck): Tally {
    let tally = this.#tallies.get(check);
    if (tally === undefined) {
      tally = new Tally(EXAMPLES_KEPT);
      this.#tallies.set(check, tally);
    }
    return tally;
  }

  /** Every comparison with NaN is false, so it is found too. */
  #checkPrices({ ts, values, nulls }: BarPiece, from: number, to: number, anyPrice: boolean): void {
    const floor = anyPrice ? Number.NEGATIVE_INFINITY : 0;
    const [open, high, low, close, volume] = values as Five;
    for (let row = from; row < to; row++) {
      const [o, h, l, c, v] = [open[row]!, high[row]!, low[row]!, close[row]!, volume[row]!];
      const isSound =
        l > floor &&
        l <= o &&
        l <= c &&
        h >= o &&
        h >= c &&
        h < Number.POSITIVE_INFINITY &&
        ((v >= 0 && v < Number.POSITIVE_INFINITY) || (nulls[row]! & NULL_VOLUME) !== 0);
      if (isSound) continue;
      const missing = nulls[row]!;
      this.#tally('ohlc').add(0, ts[row]!, () =>
        ['O', o, 'H', h, 'L', l, 'C', c, 'V', v]
          .map((word, i) => ((missing >> ((i - 1) / 2)) & (i & 1) ? 'NULL' : word))
          .join(' '),
      );
    }
  }

  #checkGrid({ ts }: BarPiece, from: number, to: number, expected: ExpectedBars): void {
    for (let row = from; row < to; row++) {
      if (expected.mayOpenAt(ts[row]!)) continue;
      this.#tally('grid').add(0, ts[row]!, () => 'off the grid, and kept');
    }
  }

  /** Where leaves have their keys the server sees to it; leaves without one may hold a stamp twice. */
  #checkStamps({ ts }: BarPiece, from: number, to: number): void {
    for (let row = Math.max(1, from); row < to; row++) {
      if (ts[row]! !== ts[row - 1]!) continue;
      if (row > 1 && ts[row - 2]! === ts[row]!) continue;
      let bars = 2;
      while (row + bars - 1 < to && ts[row + bars - 1]! === ts[row]!) bars++;
      const told = bars;
      this.#tally('stamps').add(bars, ts[row]!, () => `${told} bars`);
    }
  }

  #checkVolumes({ ts, values, rows }: BarPiece, from: number, to: number): void {
    const { volumeDeviations } = this.#options;
    for (const outlier of this.#volumeFinder.find(values[4]!, rows, from, to, volumeDeviations)) {
      const { row, volume, typical, weight } = outlier;
      this.#tally('volume').add(
        weight,
        ts[row]!,
        () => `${volume}, usually ${Number(typical.toPrecision(3))}, ${weight.toFixed(1)} deviations`,
      );
    }
  }

  #checkJumps({ ts, values, rows }: BarPiece, from: number, to: number, series: Series): void {
    const [open, high, low, close] = values as Five;
    const part = { rows, from, to, before: this.#before - from };
    const found = this.#jumpFinder.find(
      { ts, open, high, low, close },
      part,
      series.intervalS * 1e6,
      this.#options.jumpDeviations,
      series.prices === 'any',
    );
    if (found.length > 0) this.#jumps = this.#jumps.concat(found);
    if (this.#jumps.length > JUMPS_HELD) this.#tellJumps(series);
  }

  #jumpTallies = new Map<JumpKind, Tally>();

  #tellJumps(series: Series): void {
    const splits = this.#options.splits.get(symbolKey(series)) ?? [];
    for (const jump of joined(this.#jumps)) {
      if (splits.length > 0 && isExplained(jump, splits, series.intervalS * 1e6)) continue;
      let tally = this.#jumpTallies.get(jump.kind);
      if (tally === undefined) {
        tally = new Tally(jump.kind === 'split' ? SPLITS_KEPT : EXAMPLES_KEPT);
        this.#jumpTallies.set(jump.kind, tally);
      }
      // Splits are told in their order: none is stranger than another.
      tally.add(jump.kind === 'split' ? 0 : jump.weight, jump.atUs, () => jumpText(jump));
    }
    this.#jumps = [];
  }

  /** The series is over: what was found becomes findings. */
  #close(series: Series): void {
    this.bars.set(series.seriesId, this.#before);
    this.#before = 0;
    for (const [check, tally] of this.#tallies)
      this.#findings
        .get(check)!
        .push(findingOf(check, series, tally.count, this.#textOf(check), tally.told()));
    if (this.#tallies.size > 0) this.#tallies = new Map();
    if (this.#jumps.length > 0) this.#tellJumps(series);
    for (const [kind, tally] of this.#jumpTallies)
      this.#findings
        .get('jumps')!
        .push(findingOf('jumps', series, tally.count, this.#jumpKindText(kind), tally.told(), kind));
    if (this.#jumpTallies.size > 0) this.#jumpTallies = new Map();
  }

  #textOf(check: BarCheck): string {
    switch (check) {
      case 'ohlc':
        return 'bars whose prices or volume cannot be';
      case 'grid':
        return "bars that do not open on their interval's grid";
      case 'volume':
        return `volumes more than ${this.#options.volumeDeviations} deviations above the usual`;
      case 'stamps':
        return 'stamps that stand more than once';
      case 'jumps':
        return 'jumps';
    }
  }

  #jumpKindText(kind: JumpKind): string {
    switch (kind) {
      case 'split':
        return 'prices that stay where a split would put them, and no event explains it';
      case 'slip':
        return 'prices off by a factor of 100 or 1,000';
      case 'decimal':
        return 'prices whose decimal point slipped';
      case 'sign':
        return 'prices with the sign turned';
      case 'spike':
        return 'prices that jump away and come back';
      case 'level':
        return `closes further than ${this.#options.jumpDeviations} usual moves from the one before`;
    }
  }
}

type Five = [Float64Array, Float64Array, Float64Array, Float64Array, Float64Array];
const NULL_VOLUME = 1 << 4;

/** `53.53 → 27.08, 2:1 split`. */
function jumpText({ kind, before, found, factor, weight, bars, open, field }: Jump): string {
  const where = field === 'close' ? '' : `${field} `;
  const moved = `${where}${before} → ${found}`;
  const deviations =
    weight > 0 ? `, ${weight < 1000 ? weight.toFixed(1) : Math.round(weight)} usual moves` : '';
  switch (kind) {
    case 'split':
      return `${moved}, ${factor} split${open ? ', or a decimal place' : ''}`;
    case 'sign':
      return `${moved}, sign turned`;
    case 'slip':
    case 'decimal':
      return `${moved}, ${factor}${forHowLong(bars)}`;
    case 'spike':
    case 'level':
      return `${moved}${factor === '' ? '' : `, ${factor}`}${forHowLong(bars)}${deviations}`;
  }
}

function forHowLong(bars: number | null): string {
  if (bars === null) return ' and stays';
  return bars === 1 ? ' for one bar' : ` for ${bars} bars`;
}
