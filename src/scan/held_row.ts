/**
 * The held row: the last row of a batch may still be folded with the next record, so it is not taken with the batch
 * but carried to the front of the next.
 */

import type { BarColumns } from '../bars/columns.ts';
import type { Reject } from './shape.ts';

/** Copies a row, without its indicators; `from` may be `to`. */
export function copyRow(from: BarColumns, fromRow: number, to: BarColumns, toRow: number): void {
  to.symbol[toRow] = from.symbol[fromRow]!;
  to.ts[toRow] = from.ts[fromRow]!;
  to.open[toRow] = from.open[fromRow]!;
  to.high[toRow] = from.high[fromRow]!;
  to.low[toRow] = from.low[fromRow]!;
  to.close[toRow] = from.close[fromRow]!;
  to.volume[toRow] = from.volume[fromRow]!;
  to.trades[toRow] = from.trades[fromRow]!;
  to.line[toRow] = from.line[fromRow]!;
  to.offset[toRow] = from.offset[fromRow]!;
  for (let k = 0; k < from.extras.length; k++) {
    to.extras[k] ??= [];
    to.extras[k]![toRow] = from.extras[k]![fromRow] ?? null;
  }
}

/** Moves the last row of `from` to row 0 of `to`, which then has that row alone, if any; `from` may be `to`. Indicators are not moved. */
export function carryLast(from: BarColumns, to: BarColumns): void {
  const last = from.length - 1;
  if (last >= 0) copyRow(from, last, to, 0);
  to.length = last >= 0 ? 1 : 0;
}

/** Whether two rows of a stamp say the same: prices, volume and trades (none equals none). No value is -0. */
export function isSameBar(bars: BarColumns, a: number, b: number): boolean {
  return (
    bars.open[a] === bars.open[b] &&
    bars.high[a] === bars.high[b] &&
    bars.low[a] === bars.low[b] &&
    bars.close[a] === bars.close[b] &&
    Object.is(bars.volume[a], bars.volume[b]) &&
    Object.is(bars.trades[a], bars.trades[b])
  );
}

/** A row as a record's text, for a reject whose bytes are gone: symbol, µs, open, high, low, close, volume, trades. */
function rowText(bars: BarColumns, row: number, symbolNames: readonly string[]): string {
  const shown = (value: number): number | '' => (Number.isNaN(value) ? '' : value);
  return [
    symbolNames[bars.symbol[row]!] ?? '',
    bars.ts[row],
    bars.open[row],
    bars.high[row],
    bars.low[row],
    bars.close[row],
    shown(bars.volume[row]!),
    shown(bars.trades[row]!),
  ].join(',');
}

/** The reject a row becomes when a later one of its stamp says otherwise. */
export function conflictOf(bars: BarColumns, row: number, symbolNames: readonly string[]): Reject {
  return {
    line: bars.line[row]!,
    byteOffset: bars.offset[row]!,
    reason: 'conflict',
    field: '',
    record: rowText(bars, row, symbolNames),
  };
}
