/**
 * Finds closes that jump, and tells what kind of jump it is. Pure; µs since 1970.
 *
 * Moves are measured from close to close as logarithms, each divided by the square root of the intervals it took, as a
 * random walk would have it. The measure of a usual move is the median of those that moved at all: no jump, however
 * large, moves it, so one is found in ten bars as well as in ten million. Of three such measures the largest counts:
 * that of the piece, that of the 64 moves around (calm years do not make wild ones suspicious), and one step of the
 * last digit that prices are told in (a price of 3 ticks moves by a third).
 */

import { factorText, placesOf, splitOf } from './factors.ts';
import { DEVIATIONS_A_MAD, median } from './medians.ts';

/** `split` and `level` stay, the others come back or are of a single field. */
export type JumpKind = 'split' | 'slip' | 'decimal' | 'sign' | 'spike' | 'level';

/** One jump. */
export interface Jump {
  readonly kind: JumpKind;
  readonly atUs: number;
  readonly before: number;
  readonly found: number;
  /** Logarithm of the factor; 0 where it has none. */
  readonly log: number;
  /** `2:1`, `×100`. */
  readonly factor: string;
  /** How many usual moves. */
  readonly weight: number;
  /** Bars until it was over; null where it is not. */
  readonly bars: number | null;
  /** Which bar of the series, from 0. */
  readonly ordinal: number;
  /** A split and a lost decimal place look alike. */
  readonly open: boolean;
  /** Where the price stands; a close stands for the whole bar. */
  readonly field: 'open' | 'high' | 'low' | 'close';
}

/** Bars within which a spike comes back. */
const SPIKE_BARS = 3;
/** What of a jump may be left when it has come back. */
const BACK_SHARE = 0.25;
/** Moves of which the local measure is taken. */
const BLOCK = 64;
const LEAST_OF_BLOCK = 16;
/** Moves a measure of the piece needs. */
const LEAST_MOVES = 8;
/** A move that a split or a slip explains, with a gap between the bars as they leave one, needs fewer deviations… */
const EXPLAINED_DEVIATIONS = 6;
/** … and fewer still where the next open is where the split puts it: YHOO's 3:2 of 1997 was 5 deviations. */
const EXACT_DEVIATIONS = 4;
const EXACTLY = 0.04;
/** Moves of less than a percent are news, or a market nobody is in. */
const LEAST_JUMP = 0.01;
/** A market that has fallen by a third may still be a market: a smaller split must stand out by its size. */
const LEAST_EXPLAINED = 0.35;
/** Splits come into force while the market is closed. */
const CLOSED_US = 4 * 3_600_000_000;
const DAY_US = 86_400_000_000;
/** Usual moves between a price and 0, or from one side of it to the other, where that is not far away. */
const FAR_ACROSS = 12;
/** Up to so many bars say nothing of what is usual. */
const FEW_BARS = 5;
/** Closes whose digits tell the tick. */
const DIGITS_LOOKED_AT = 256;
const LEAST_TICK = 1e-12;

/** Prices as a check gets them, a row a bar. */
export interface Prices {
  readonly ts: Float64Array;
  readonly open: Float64Array;
  readonly high: Float64Array;
  readonly low: Float64Array;
  readonly close: Float64Array;
}

/** Which rows: `[0, rows)` are there, those of `[from, to)` are asked for; `before` bars of the series came earlier. */
export interface Part {
  readonly rows: number;
  readonly from: number;
  readonly to: number;
  readonly before: number;
}

/** Looks at pieces of one size; its memory is used again. */
export class JumpFinder {
  readonly #rows: Int32Array;
  readonly #logs: Float64Array;
  readonly #moves: Float64Array;
  readonly #scratch: Float64Array;
  readonly #local: Float64Array;
  #blocks = 0;

  /** `mostRows`: of a piece. */
  constructor(mostRows: number) {
    this.#rows = new Int32Array(mostRows);
    this.#logs = new Float64Array(mostRows);
    this.#moves = new Float64Array(mostRows);
    this.#scratch = new Float64Array(mostRows);
    this.#local = new Float64Array(Math.ceil(mostRows / BLOCK) + 1);
  }

  /**
   * The jumps of a part; what lies beside it is only looked at. They need {@link SPIKE_BARS} rows behind them to be told
   * apart. `anyPrice`: the market's prices may be zero and below; then moves are what they are, and only slips are told.
   */
  find(
    prices: Prices,
    { rows, from, to, before }: Part,
    intervalUs: number,
    deviations: number,
    anyPrice = false,
  ): Jump[] {
    const { close } = prices;
    let count = 0;
    for (let row = 0; row < rows; row++) {
      const price = close[row]!;
      // Zero and what is no number is told by the check of prices.
      if (price === 0 || !Number.isFinite(price)) continue;
      this.#rows[count++] = row;
    }
    if (count < 3) return [];
    const isSigned = this.#isSigned(close, count);
    // Around zero no move is large or small, and a sign turns as it likes.
    if (anyPrice && (isSigned || this.#isNearZero(close, count))) return [];
    const jumps = isSigned
      ? this.#findSigned(prices, count, intervalUs, deviations)
      : this.#findPositive(prices, count, intervalUs, deviations);
    return jumps
      .filter((jump) => !anyPrice || isSlip(jump))
      .filter(({ ordinal }) => ordinal >= from && ordinal < to)
      .map((jump) => ({ ...jump, ordinal: before + jump.ordinal }));
  }

  /**
   * Spreads and premiums: values around 0, of which logarithms say nothing. Those pass 0 by moves like any other; where
   * signs were turned by mistake they are far from it.
   */
  #isSigned(close: Float64Array, count: number): boolean {
    const scratch = this.#scratch;
    let negative = 0;
    let moved = 0;
    let crossings = 0;
    for (let j = 0; j < count; j++) {
      const price = close[this.#rows[j]!]!;
      if (price < 0) negative++;
      if (j === 0) continue;
      const before = close[this.#rows[j - 1]!]!;
      if (price < 0 !== before < 0) this.#moves[crossings++] = Math.abs(price - before);
      else if (price !== before) scratch[moved++] = Math.abs(price - before);
    }
    if (negative < 2 || negative * 50 <= count) return false;
    if (crossings === 0 || moved === 0) return true;
    return median(this.#moves, crossings) <= FAR_ACROSS * median(scratch, moved);
  }

  /** Whether usual moves soon take the usual price to 0. */
  #isNearZero(close: Float64Array, count: number): boolean {
    for (let j = 0; j < count; j++) this.#moves[j] = Math.abs(close[this.#rows[j]!]!);
    const price = median(this.#moves, count);
    let moved = 0;
    for (let j = 1; j < count; j++) {
      const move = Math.abs(close[this.#rows[j]!]! - close[this.#rows[j - 1]!]!);
      if (move !== 0) this.#scratch[moved++] = move;
    }
    return moved > 0 && price <= FAR_ACROSS * median(this.#scratch, moved);
  }

  #findPositive(prices: Prices, count: number, intervalUs: number, asked: number): Jump[] {
    const { close } = prices;
    // Of so few moves none is unusual; what a slip leaves is plain even there.
    const deviations = count > FEW_BARS ? asked : Number.POSITIVE_INFINITY;
    for (let j = 0; j < count; j++) this.#logs[j] = Math.log(Math.abs(close[this.#rows[j]!]!));
    const usual = this.#measure(prices.ts, count, intervalUs);
    const tick = tickOf(close, this.#rows, count);
    const jumps: Jump[] = [];
    for (let j = 1; j < count; j++) {
      const row = this.#rows[j]!;
      const price = close[row]!;
      const before = close[this.#rows[j - 1]!]!;
      const wick = wickAt(prices, row, before, price);
      if (wick !== null) jumps.push(wick);
      const floor = tick / Math.min(Math.abs(price), Math.abs(before));
      const scale = Math.max(usual, this.#around(j), floor);
      const move = this.#moves[j]!;
      const weight = Math.abs(move) / scale;
      if (price < 0) {
        jumps.push(turned(prices.ts[row]!, before, price, row));
        continue;
      }
      const log = this.#logs[j]! - this.#logs[j - 1]!;
      if (weight < Math.min(deviations, EXACT_DEVIATIONS) || Math.abs(log) < LEAST_JUMP) continue;
      const bars = this.#barsUntilBack(j, count, log, scale);
      const found = { atUs: prices.ts[row]!, before, found: price, log, weight, bars, ordinal: row };
      const jump = bars === null ? stays(prices, this.#rows[j - 1]!, row, found) : comesBack(found);
      if (weight <= Math.min(deviations, deviationsOf(jump, prices, this.#rows[j - 1]!, row, intervalUs)))
        continue;
      jumps.push(jump);
      // The way back is no jump of its own.
      if (bars !== null) j += bars;
    }
    return jumps;
  }

  #findSigned(prices: Prices, count: number, intervalUs: number, deviations: number): Jump[] {
    const { close, ts } = prices;
    for (let j = 0; j < count; j++) this.#logs[j] = close[this.#rows[j]!]!;
    const usual = this.#measure(ts, count, intervalUs);
    const tick = tickOf(close, this.#rows, count);
    const jumps: Jump[] = [];
    for (let j = 1; j < count; j++) {
      const row = this.#rows[j]!;
      const scale = Math.max(usual, this.#around(j), tick);
      const weight = Math.abs(this.#moves[j]!) / scale;
      if (weight <= deviations) continue;
      const step = this.#logs[j]! - this.#logs[j - 1]!;
      const bars = this.#barsUntilBack(j, count, step, scale);
      jumps.push({
        kind: bars === null ? 'level' : 'spike',
        atUs: ts[row]!,
        before: this.#logs[j - 1]!,
        found: close[row]!,
        log: 0,
        factor: '',
        weight,
        bars,
        ordinal: row,
        open: false,
        field: 'close',
      });
      if (bars !== null) j += bars;
    }
    return jumps;
  }

  /** Fills in the moves of `#logs`, and what is usual around each; returns what is usual in all. */
  #measure(ts: Float64Array, count: number, intervalUs: number): number {
    const rows = this.#rows;
    for (let j = 1; j < count; j++) {
      const steps = (ts[rows[j]!]! - ts[rows[j - 1]!]!) / intervalUs;
      const log = this.#logs[j]! - this.#logs[j - 1]!;
      this.#moves[j] = steps > 1 ? log / Math.sqrt(steps) : log;
    }
    this.#blocks = Math.ceil(count / BLOCK);
    for (let block = 0; block < this.#blocks; block++) {
      const end = Math.min(count, (block + 1) * BLOCK);
      this.#local[block] = this.#usualMove(Math.max(1, block * BLOCK), end, LEAST_OF_BLOCK);
    }
    // In a short series a few moves are all there is; in a flat one they may be the jumps themselves.
    return this.#usualMove(1, count, Math.min(LEAST_MOVES, Math.max(3, (count - 1) / 4)));
  }

  /** The usual size of moves `[from, to)` that moved at all; 0 where they are fewer than `least`. */
  #usualMove(from: number, to: number, least: number): number {
    let moved = 0;
    for (let j = from; j < to; j++) {
      const move = this.#moves[j]!;
      if (move !== 0) this.#scratch[moved++] = Math.abs(move);
    }
    return moved < least ? 0 : DEVIATIONS_A_MAD * median(this.#scratch, moved);
  }

  #around(j: number): number {
    const block = Math.floor(j / BLOCK);
    const local = this.#local;
    const before = block > 0 ? local[block - 1]! : 0;
    const after = block + 1 < this.#blocks ? local[block + 1]! : 0;
    return Math.max(before, local[block]!, after);
  }

  /** Bars until a jump to `j` has come back to where it came from; null where it has not within {@link SPIKE_BARS}. */
  #barsUntilBack(j: number, count: number, log: number, scale: number): number | null {
    const level = this.#logs[j - 1]!;
    for (let m = 1; m <= SPIKE_BARS && j + m < count; m++) {
      const left = Math.abs(this.#logs[j + m]! - level);
      if (left <= Math.max(BACK_SHARE * Math.abs(log), 3 * scale) && left < Math.abs(log) / 2) return m;
    }
    return null;
  }
}

/** What a mistake leaves, as against a move: a power of ten, or the same price with the other sign. */
function isSlip({ kind, before, found }: Jump): boolean {
  if (kind === 'sign') return Math.abs(Math.log(Math.abs(found / before))) < Math.LN2;
  return kind === 'slip' || kind === 'decimal';
}

function turned(atUs: number, before: number, found: number, ordinal: number): Jump {
  return {
    kind: 'sign',
    atUs,
    before,
    found,
    log: 0,
    factor: '×-1',
    weight: 0,
    bars: 1,
    ordinal,
    open: false,
    field: 'close',
  };
}

/** Deviations that are enough for a jump, as far as its cause is known. */
function deviationsOf(
  { kind, log }: Jump,
  { ts, open, close }: Prices,
  before: number,
  row: number,
  intervalUs: number,
): number {
  if (kind === 'level' || kind === 'spike') return Number.POSITIVE_INFINITY;
  if (kind !== 'split') return EXPLAINED_DEVIATIONS;
  if (Math.abs(log) < LEAST_EXPLAINED) return Number.POSITIVE_INFINITY;
  if (intervalUs < DAY_US && ts[row]! - ts[before]! < CLOSED_US) return Number.POSITIVE_INFINITY;
  const overnight = Math.log(open[row]! / close[before]!);
  return splitOf(overnight, EXACTLY) === null ? EXPLAINED_DEVIATIONS : EXACT_DEVIATIONS;
}

/** A price of the bar this many times beyond both closes beside it is no wick any more. */
const WICK_FACTOR = 3;

/** An open, high or low far from the close before and that of the bar itself; null for most bars. */
function wickAt({ ts, open, high, low }: Prices, row: number, before: number, close: number): Jump | null {
  const top = WICK_FACTOR * Math.max(before, close);
  const bottom = Math.min(before, close) / WICK_FACTOR;
  const [first, most, least] = [open[row]!, high[row]!, low[row]!];
  if (close < 0 || (first < top && most < top && least > bottom && first > bottom)) return null;
  const [field, found] =
    first >= top || first <= bottom
      ? (['open', first] as const)
      : most >= top
        ? (['high', most] as const)
        : (['low', least] as const);
  // What is no price is told by the check of prices.
  if (!(found > 0) || found === Number.POSITIVE_INFINITY) return null;
  const beside = found > close ? Math.max(before, close) : Math.min(before, close);
  const log = Math.log(found / beside);
  const kind = kindOfReturn(log);
  const factor = factorText(log);
  return {
    kind,
    atUs: ts[row]!,
    before: beside,
    found,
    log,
    factor,
    weight: 0,
    bars: 1,
    ordinal: row,
    open: false,
    field,
  };
}

type Found = Omit<Jump, 'kind' | 'factor' | 'open' | 'field'>;

/** What a jump that comes back is: a power of ten is somebody's slip. */
function comesBack(found: Found): Jump {
  return {
    ...found,
    kind: kindOfReturn(found.log),
    factor: factorText(found.log),
    open: false,
    field: 'close',
  };
}

function kindOfReturn(log: number): JumpKind {
  const places = Math.abs(placesOf(log));
  return places === 0 ? 'spike' : places === 2 || places === 3 ? 'slip' : 'decimal';
}

/** What a jump that stays is. A split shows between a close and the next open, and leaves a gap between the bars. */
function stays({ open, high, low, close }: Prices, before: number, row: number, found: Found): Jump {
  const overnight = Math.log(open[row]! / close[before]!);
  const places = Math.abs(placesOf(found.log));
  const gap = found.log < 0 ? high[row]! < low[before]! : low[row]! > high[before]!;
  if (places >= 2 && gap)
    return { ...found, kind: 'slip', factor: factorText(found.log), open: false, field: 'close' };
  const split = splitOf(overnight);
  if (split !== null && gap && Math.abs(found.log - split.log) < 0.25)
    return { ...found, kind: 'split', factor: split.ratio, open: places === 1, field: 'close' };
  return { ...found, kind: 'level', factor: factorText(found.log), open: false, field: 'close' };
}

/**
 * The step of the last digit that closes are told in: of closes spread over the piece, the one with the most digits
 * behind the point decides. Computed prices have 15 digits, and no tick.
 */
function tickOf(close: Float64Array, rows: Int32Array, count: number): number {
  const stride = Math.max(1, Math.floor(count / DIGITS_LOOKED_AT));
  let digits = 0;
  for (let j = 0; j < count; j += stride) {
    digits = Math.max(digits, digitsBehind(close[rows[j]!]!));
  }
  return Math.max(LEAST_TICK, 10 ** -digits);
}

function digitsBehind(price: number): number {
  const [mantissa = '', exponent = '0'] = String(price).split('e');
  const point = mantissa.indexOf('.');
  return Math.max(0, (point < 0 ? 0 : mantissa.length - point - 1) - Number(exponent));
}

/** Bars within which prices that went elsewhere by a split's or a slip's factor may come back. */
const UNDONE_WITHIN = 10_000;

/**
 * The jumps of one series, in their order: of those that undo each other one is left. Prices were elsewhere for a while,
 * which no split explains.
 */
export function joined(jumps: readonly Jump[]): Jump[] {
  const whole: Jump[] = [];
  for (const jump of jumps) {
    const before = whole.at(-1);
    if (before === undefined || !undoes(before, jump)) {
      whole.push(jump);
      continue;
    }
    const { log } = before;
    const bars = jump.ordinal - before.ordinal;
    whole[whole.length - 1] = {
      ...before,
      kind: kindOfReturn(log),
      factor: factorText(log),
      bars,
      open: false,
    };
  }
  return whole;
}

function undoes(before: Jump, after: Jump): boolean {
  if (before.bars !== null || after.bars !== null || before.kind === 'level') return false;
  if (after.ordinal - before.ordinal > UNDONE_WITHIN) return false;
  return Math.abs(before.log + after.log) <= Math.max(0.1, 0.05 * Math.abs(before.log));
}
