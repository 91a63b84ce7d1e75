/** Columns that are kept beside the bars: those a layout asks for, and the decimals of prices and volumes. */

import type { ColumnRoles } from './header.ts';
import type { ExtraColumn, RecordShape, Role, ShapeColumn } from './shape.ts';

const EXACT: readonly Role[] = ['open', 'high', 'low', 'close', 'volume'];

const exactName = (role: Role): string => `${role}_exact`;

/** The columns that files of a shape bring beside their bars, each once; `BarColumns.extras` has them in this order. */
export function keptColumns({ columns }: RecordShape): ExtraColumn[] {
  const kept = new Map<string, ExtraColumn>();
  for (const { extra } of columns)
    if (extra !== undefined && !kept.has(extra.name)) kept.set(extra.name, extra);
  return [...kept.values()];
}

/** A kept column, the field it is in (-1: the file has none), and the power of ten its numbers are multiples of. */
export interface KeptPlace {
  readonly column: ExtraColumn;
  readonly at: number;
  readonly scale: number;
}

export function keptPlaces(shape: RecordShape, { roles, extras }: ColumnRoles): KeptPlace[] {
  return keptColumns(shape).map((column) => {
    const at = extras.findIndex((extra) => extra?.name === column.name);
    const isPrice = at >= 0 && roles[at] !== 'extra' && roles[at] !== 'volume';
    return { column, at, scale: isPrice ? (shape.numbers?.scale ?? 0) : 0 };
  });
}

/** The same files with the decimals of their prices and volumes kept, to the last digit: `open_exact` … `volume_exact`. */
export function withExactPrices(shape: RecordShape): RecordShape {
  const own = new Set(shape.columns.flatMap(({ extra }) => extra?.name ?? []));
  const columns = shape.columns.map((column): ShapeColumn => {
    const name = exactName(column.role);
    if (!EXACT.includes(column.role) || own.has(name)) return column;
    return { ...column, extra: { name, type: 'numeric' } };
  });
  return { ...shape, columns };
}

export function hasExactPrices({ columns }: RecordShape): boolean {
  return columns.some(({ role, extra }) => role === 'close' && extra !== undefined);
}
