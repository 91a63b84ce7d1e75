import type { BarColumns } from '../columns.ts';
import type { KernelFields, KernelSymbol, RowKernel } from '../row_kernel.ts';
import type { ColumnRoles } from './header.ts';
import type { ScanChecks } from './shape.ts';

/** Roles by the place of their column in {@link BarColumns.raw}. */
const RAW_COLUMNS: readonly string[] = ['symbol', 'time', 'open', 'high', 'low', 'close', 'volume', 'trades'];
/** Most fields a record may have in the kernel. */
const MOST_FIELDS = 64;

/** What the kernel can do of a file, or null when it can do nothing: text stamps, grids of days and weeks. */
export function kernelFields(
  columns: ColumnRoles,
  codes: Uint8Array,
  delimiter: number,
  unit: number,
  checks: ScanChecks,
): KernelFields | null {
  const { earliestUs, latestUs, wantFromUs, wantToUs, fileFromUs, fileToUs, intervalUs, grid } = checks;
  const isKnown = (grid === 'epoch' || grid === 'none') && codes.every((code) => code <= MOST_CODE);
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
 * common kind: another symbol than the row before, a stamp that does not follow it, a number with an exponent, anything
 * that is not good. `line` is that of the record at `start`, `origin` the byte offset of `bytes[0]`.
 */
export function readQuickly(
  kernel: RowKernel,
  fields: KernelFields,
  last: KernelSymbol,
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
    p = kernel.scan(fields, last, bytes, p, newline, out, before, line + row - first, origin);
    out.length += kernel.appended;
    if (!kernel.isDrained || out.length === out.capacity) break;
  }
  return p;
}
