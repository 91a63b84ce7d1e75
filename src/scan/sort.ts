/** Rows of a file in no usable order put into it, in memory. */

import type { BarColumns } from '../bars/columns.ts';
import { conflictOf, copyRow, isSameBar } from './held_row.ts';
import type { Reject } from './shape.ts';
import { joinBars } from './trade_bars.ts';

/** What {@link sortBars} folded away. Rows before = rows after + `duplicates` + `rejected` + `joined` (0 where absent). */
export interface SortOutcome {
  /** Parts of bars of trades that were put to another part. */
  readonly joined?: number;
  readonly duplicates: number;
  readonly rejected: number;
  /** The first 10,000 of the rejected rows, each a `conflict`. */
  readonly rejects: Reject[];
}

const MAX_REJECTS = 10_000;

/**
 * Sorts all rows of a file in place, by symbol (bytes of its name ascending), then stamp, then as they came, and folds
 * equal stamps of a series as the scanner does: equal rows are duplicates, of different ones the last of the file
 * wins; where the rows were made of `trades`, they are parts of one bar and are joined. `symbolNames`: ordinal → name;
 * ordinals of one name become one. Indicators are not moved. Needs 16 bytes a row beside them; one series newest first,
 * as vendors like it, is turned round without sorting.
 */
export function sortBars(
  bars: BarColumns,
  symbolNames: readonly string[],
  of: 'bars' | 'trades' = 'bars',
): SortOutcome {
  const rank = ranksOf(symbolNames);
  const first = firstOfName(symbolNames);
  for (let row = 0; row < bars.length; row++) bars.symbol[row] = first[bars.symbol[row]!]!;
  const run = runOf(bars, rank);
  if (run === 'descending') reverse(bars);
  else if (run === 'none') permute(bars, sortedRows(bars, rank));
  return run === 'none' ? fold(bars, symbolNames, of) : { duplicates: 0, rejected: 0, rejects: [] };
}

/** Ordinal → place of its name among the names. */
function ranksOf(names: readonly string[]): Int32Array {
  const bytes = names.map((name) => Buffer.from(name));
  const byName = names
    .map((_, ordinal) => ordinal)
    .sort((a, b) => Buffer.compare(bytes[a]!, bytes[b]!) || a - b);
  const rank = new Int32Array(names.length);
  for (const [place, ordinal] of byName.entries()) rank[ordinal] = place;
  return rank;
}

/** Ordinal → the first ordinal of the same name. */
function firstOfName(names: readonly string[]): Int32Array {
  const first = new Map<string, number>();
  for (const [ordinal, name] of names.entries()) if (!first.has(name)) first.set(name, ordinal);
  return Int32Array.from(names, (name) => first.get(name)!);
}

/** Whether the rows stand as they should, or are one series strictly newest first. */
function runOf(bars: BarColumns, rank: Int32Array): 'ascending' | 'descending' | 'none' {
  let ascending = true;
  let descending = true;
  const { symbol, ts } = bars;
  for (let row = 1; row < bars.length && (ascending || descending); row++) {
    const step = rank[symbol[row]!]! - rank[symbol[row - 1]!]!;
    if (step < 0 || (step === 0 && ts[row]! <= ts[row - 1]!)) ascending = false;
    if (step !== 0 || ts[row]! >= ts[row - 1]!) descending = false;
  }
  if (ascending) return 'ascending';
  return descending ? 'descending' : 'none';
}

function columnsOf(bars: BarColumns): (Float64Array | Int32Array)[] {
  const { symbol, ts, open, high, low, close, volume, trades, line, offset } = bars;
  return [symbol, ts, open, high, low, close, volume, trades, line, offset];
}

function reverse(bars: BarColumns): void {
  for (const column of columnsOf(bars)) column.subarray(0, bars.length).reverse();
}

/** The rows in their new order. */
function sortedRows(bars: BarColumns, rank: Int32Array): Uint32Array {
  const { symbol, ts } = bars;
  const rows = new Uint32Array(bars.length).map((_, row) => row);
  return rows.sort((a, b) => rank[symbol[a]!]! - rank[symbol[b]!]! || ts[a]! - ts[b]! || a - b);
}

function permute(bars: BarColumns, rows: Uint32Array): void {
  const scratch = new Float64Array(rows.length);
  for (const column of columnsOf(bars)) {
    for (let row = 0; row < rows.length; row++) scratch[row] = column[rows[row]!]!;
    column.set(scratch);
  }
}

function fold(bars: BarColumns, symbolNames: readonly string[], of: 'bars' | 'trades'): SortOutcome {
  const rejects: Reject[] = [];
  let joined = 0;
  let duplicates = 0;
  let rejected = 0;
  let last = 0;
  for (let row = 1; row < bars.length; row++) {
    if (bars.symbol[row] !== bars.symbol[last] || bars.ts[row] !== bars.ts[last]) {
      if (++last !== row) copyRow(bars, row, bars, last);
    } else if (of === 'trades') {
      joinBars(bars, last, bars, row);
      joined++;
    } else if (isSameBar(bars, last, row)) duplicates++;
    else {
      rejected++;
      if (rejects.length < MAX_REJECTS) rejects.push(conflictOf(bars, last, symbolNames));
      copyRow(bars, row, bars, last);
    }
  }
  bars.length = Math.min(bars.length, last + 1);
  return { ...(joined > 0 && { joined }), duplicates, rejected, rejects };
}
