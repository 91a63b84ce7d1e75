/** Where a row belongs after the one before it: behind it, equal to it, or out of order. */

import type { BarColumns } from '../bars/columns.ts';
import { isSameBar } from './held_row.ts';
import type { SymbolTable } from './symbol_table.ts';

/** {@link RowOrder.place}: a row of its own. */
export const ROW_NEW = 0;
/** Equal to the row before, stamp and values. */
export const ROW_DUPLICATE = 1;
/** The stamp of the row before, with other values. */
const ROW_CONFLICT = 2;
/** The file is not in the order it was said to be in. */
export const ROW_GOES_BACK = 3;

/** How a row stands to the one before it. */
export class RowOrder {
  readonly #order: 'time' | 'symbol-time' | 'any';
  readonly #symbols: SymbolTable;
  /** By ordinal: the last stamp of a series, known when another series has come in between. */
  #lastTs = new Float64Array(16).fill(Number.NEGATIVE_INFINITY);

  constructor(order: 'time' | 'symbol-time' | 'any', symbols: SymbolTable) {
    this.#order = order;
    this.#symbols = symbols;
  }

  /** One of the codes above for row `row`, given that rows `0 … row-1` stand. */
  place(bars: BarColumns, row: number): number {
    if (row === 0 || this.#order === 'any') return ROW_NEW;
    const before = row - 1;
    const symbol = bars.symbol[row]!;
    const symbolBefore = bars.symbol[before]!;
    const ts = bars.ts[row]!;
    const tsBefore = bars.ts[before]!;
    if (symbol === symbolBefore) {
      if (ts > tsBefore) return ROW_NEW;
      if (ts < tsBefore) return ROW_GOES_BACK;
      return isSameBar(bars, before, row) ? ROW_DUPLICATE : ROW_CONFLICT;
    }
    if (this.#order === 'symbol-time') {
      return this.#symbols.compare(symbol, symbolBefore) > 0 ? ROW_NEW : ROW_GOES_BACK;
    }
    this.#makeRoom(Math.max(symbol, symbolBefore));
    this.#lastTs[symbolBefore] = tsBefore;
    return ts > this.#lastTs[symbol]! ? ROW_NEW : ROW_GOES_BACK;
  }

  #makeRoom(ordinal: number): void {
    if (ordinal < this.#lastTs.length) return;
    const larger = new Float64Array(2 * ordinal + 2).fill(Number.NEGATIVE_INFINITY);
    larger.set(this.#lastTs);
    this.#lastTs = larger;
  }
}
