/** Which column of a file is which, by its header. */

import type { BarNumber, ExtraColumn, NumberRole, RecordShape, Role, ShapeColumn } from './shape.ts';

/**
 * Which column of a batch a number goes to. A trade's go where a bar's would: its price to `open`, and the ids of the
 * first and last trade it sums up to `low` and `high`.
 */
export const COLUMN_OF: Readonly<Record<NumberRole, BarNumber>> = {
  open: 'open',
  high: 'high',
  low: 'low',
  close: 'close',
  volume: 'volume',
  trades: 'trades',
  price: 'open',
  first_id: 'low',
  last_id: 'high',
};

/** Whether a field of the role is one of the numbers of a bar or a trade. */
export function isNumberRole(role: Role): role is NumberRole {
  return Object.hasOwn(COLUMN_OF, role);
}

/** What a trade has no use for, and what a bar has none for. */
const NOT_OF_TRADES: readonly Role[] = ['open', 'high', 'low', 'close', 'side', 'id'];
const NOT_OF_BARS: readonly Role[] = ['price', 'side', 'id', 'first_id', 'last_id'];

/** Header names a role goes by where a layout names none. */
export function namesOfRole(role: Role): readonly string[] {
  if (role === 'date') return ['date', 'day'];
  return role === 'time_of_day' ? ['time_of_day', 'time'] : [role];
}

/** Roles of the fields of a record, in their order. */
export interface ColumnRoles {
  readonly roles: readonly Role[];
  /** Per field: the extra column it is. */
  readonly extras: readonly (ExtraColumn | null)[];
  /** Per field: what a `key` column must hold. */
  readonly keys: readonly (string | null)[];
  /** Per field: may it be null? */
  readonly optional: readonly boolean[];
  /** Required roles no field has. */
  readonly missing: readonly Role[];
  /** Fields that have a role other than `ignore`. */
  readonly known: number;
}

/** A header's name as {@link ShapeColumn.names} writes it: lower case, runs of anything but letters and digits as one `_`, none at the ends. */
export function normaliseName(name: string): string {
  return name
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, '_')
    .replace(/^_|_$/g, '');
}

/** The roles of a file without a header: the shape's columns in their order. */
export function rolesByPosition(shape: RecordShape, symbolIsFixed: boolean): ColumnRoles {
  const columns: (ShapeColumn | null)[] = shape.columns.map((column) => column);
  return describe(columns, shape, symbolIsFixed);
}

/**
 * The roles of a file under the given header. Of two fields that fit a column the one named first in its `names`
 * gets it; of two columns with one role the first that finds a field. Where the layout lists roles alone and the header
 * has other words for some of them, or one name too few, the order of the list counts, unless the names it has stand in
 * another; `isHeader` says that the line is no record, whose fields would be words too, and `mayLack` that a name may be
 * missing: columns of tables have one each.
 */
export function rolesByHeader(
  header: readonly string[],
  shape: RecordShape,
  symbolIsFixed: boolean,
  isHeader = false,
  mayLack = true,
): ColumnRoles {
  const names = header.map(normaliseName);
  // A delimiter behind the last name makes an empty one, as it does in the records.
  if (names.length > 1 && names.at(-1) === '') names.pop();
  const columns: (ShapeColumn | null)[] = names.map(() => null);
  const found = new Set<Role>();
  for (const column of shape.columns) {
    if (column.role === 'ignore' || found.has(column.role)) continue;
    const at = column.names
      .map((name) => names.indexOf(normaliseName(name)))
      .find((index) => index >= 0 && columns[index] === null);
    if (at === undefined) continue;
    columns[at] = column;
    if (column.role !== 'extra' && column.role !== 'key') found.add(column.role);
  }
  if (isHeader && isInOrder(columns, shape, mayLack ? 1 : 0)) return rolesByPosition(shape, symbolIsFixed);
  const told = describe(columns, shape, symbolIsFixed);
  const lacks = shape.columns.some(
    (column) => column.required && !column.names.some((name) => names.includes(normaliseName(name))),
  );
  return lacks ? { ...told, missing: [...told.missing, 'ignore'] } : told;
}

/** Whether what a header names stands where a list of bare roles says, and is not all that the list has. */
function isInOrder(
  found: readonly (ShapeColumn | null)[],
  { columns }: RecordShape,
  mostLacking: number,
): boolean {
  const isBare = columns.every(
    ({ role, names }) =>
      role === 'ignore' || (role !== 'extra' && String(names) === String(namesOfRole(role))),
  );
  const isWhole = columns.every((column) => column.role === 'ignore' || found.includes(column));
  const tooFew = columns.length - found.length;
  if (!isBare || isWhole || tooFew < 0 || tooFew > mostLacking) return false;
  let before = 0;
  return columns.every((column, i) => {
    const at = found.indexOf(column);
    if (at < 0) return true;
    const shift = i - at;
    const isNext = shift >= before && shift <= tooFew;
    before = shift;
    return isNext;
  });
}

/** Roles without which a record is no bar, or no trade; `symbol` too when the file does not name its one symbol. */
export function requiredRoles({ kind, volume }: RecordShape, symbolIsFixed: boolean): Role[] {
  const required: Role[] = kind === 'trades' ? ['time', 'price'] : ['time', 'open', 'high', 'low', 'close'];
  if (volume === undefined) required.push('volume');
  if (!symbolIsFixed) required.push('symbol');
  return required;
}

function describe(
  columns: readonly (ShapeColumn | null)[],
  shape: RecordShape,
  symbolIsFixed: boolean,
): ColumnRoles {
  const required = requiredRoles(shape, symbolIsFixed);
  const roles = columns.map((column): Role => {
    if (column === null || (symbolIsFixed && column.role === 'symbol')) return 'ignore';
    if ((shape.kind === 'trades' ? NOT_OF_TRADES : NOT_OF_BARS).includes(column.role)) return 'ignore';
    return column.role === 'volume' && shape.volume === 'none' ? 'ignore' : column.role;
  });
  const isInTwo = (roles.includes('date') || shape.day !== undefined) && roles.includes('time_of_day');
  return {
    roles,
    optional: columns.map(
      (column) =>
        (column?.role === 'trades' && column.optional === true) ||
        (column?.role === 'volume' && shape.volume === 'optional'),
    ),
    extras: columns.map((column, i) => (roles[i] === 'ignore' ? null : (column?.extra ?? null))),
    keys: columns.map((column) => column?.value ?? null),
    missing: [
      ...required.filter((role) => !roles.includes(role) && !(role === 'time' && isInTwo)),
      // What a layout asks to keep must be there: a slip in its name would keep nothing, and say nothing.
      ...shape.columns.flatMap((column): Role[] =>
        column.role === 'extra' && !columns.includes(column) ? ['extra'] : [],
      ),
    ],
    known: columns.filter((column) => column !== null && column.role !== 'ignore').length,
  };
}
