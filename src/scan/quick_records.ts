/** What the WebAssembly scanner can do of a file, told to it as numbers; null where it can do nothing. */

import type { BarColumns } from '../bars/columns.ts';
import type { KernelFields, KernelSymbol, RowKernel } from '../bars/row_kernel.ts';
import type { ColumnRoles } from './header.ts';
import type { ScanChecks } from './shape.ts';
import type { SymbolTable } from './symbol_table.ts';

/** Roles by the place of their column in {@link BarColumns.raw}. */
const RAW_COLUMNS: readonly string[] = ['symbol', 'time', 'open', 'high', 'low', 'close', 'volume', 'trades'];
/** Most fields a record may have in the kernel. */
const MOST_FIELDS = 64;

/** What the kernel can do of a file, or null when it can do nothing: text stamps, grids of days and weeks, prices below 0. */
export function kernelFields(
  columns: ColumnRoles,
  codes: Uint8Array,
  delimiter: number,
  unit: number,
  checks: ScanChecks,
  floor: number,
): KernelFields | null {
  const { earliestUs, latestUs, wantFromUs, wantToUs, fileFromUs, fileToUs, intervalUs, grid } = checks;
  const isKnown =
    floor === 0 && (grid === 'epoch' || grid === 'none') && codes.every((code) => code <= MOST_CODE);
  if (!isKnown || codes.length > MOST_FIELDS) return null;
  return {
    codes: [...codes],
    columns: columns.roles.map((role) => RAW_COLUMNS.indexOf(role)),
    delimiter,
    unit,
    rules: [
      ...[earliestUs, latestUs, wantFromUs, wantToUs, fileFromUs, fileToUs],
      grid === 'epoch' ? intervalUs : 0,
    ],
    maxRecordBytes: checks.maxRecordBytes,
    hasTrades: columns.roles.includes('trades'),
  };
}

/** Codes of fields the kernel reads are no greater. */
const MOST_CODE = 3;

/**
 * Appends the records of `bytes[start … newline]` the kernel can read to `out`, up to the first that is not of the most
 * common kind: a symbol or a stamp that does not follow that of the row before, a number with an exponent, anything that
 * is not good. `line` is that of the record at `start`, `origin` the byte offset of `bytes[0]`. `following`: where the
 * symbols go that follow `last`, which is moved on; null: the file is not sorted by them.
 */
export function readQuickly(
  kernel: RowKernel,
  fields: KernelFields,
  last: KernelSymbol,
  following: SymbolTable | null,
  isOrdered: boolean,
  bytes: Uint8Array,
  start: number,
  newline: number,
  origin: number,
  line: number,
  out: BarColumns,
): number {
  let p = start;
  const first = out.length;
  while (p <= newline) {
    const row = out.length;
    let before = Number.NaN;
    if (isOrdered) {
      if (row > 0 && out.symbol[row - 1] !== last.ordinal) return p;
      before = row > 0 ? out.ts[row - 1]! : Number.NEGATIVE_INFINITY;
    }
    const next = following?.names.length ?? -1;
    p = kernel.scan(fields, last, bytes, p, newline, out, before, next, line + row - first, origin);
    out.length += kernel.appended;
    if (following !== null && kernel.met > 0) learn(kernel, following, next, last, bytes, out);
    if (!kernel.isDrained || out.length === out.capacity) break;
  }
  return p;
}

/** Takes the symbols the kernel has met into the table; it has given them ordinals from `next` on. */
function learn(
  kernel: RowKernel,
  symbols: SymbolTable,
  next: number,
  last: KernelSymbol,
  bytes: Uint8Array,
  out: BarColumns,
): void {
  const { met } = kernel;
  for (let i = 0; i < met; i++) {
    const start = kernel.metStart(i);
    const length = kernel.metLength(i);
    const ordinal = symbols.ordinal(bytes, start, start + length);
    // A record of it may have been set aside before, so that it has its ordinal since.
    if (ordinal !== next + i)
      out.symbol.fill(ordinal, kernel.metRow(i), i + 1 < met ? kernel.metRow(i + 1) : out.length);
    if (i < met - 1) continue;
    for (let k = 0; k < length; k++) last.bytes[k] = bytes[start + k]!;
    last.length = length;
    last.ordinal = ordinal;
  }
}
