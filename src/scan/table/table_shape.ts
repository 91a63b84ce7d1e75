/** A layout's shape for the columns of a table, where names and types are known and no text is split. */

import { type ColumnRoles, isNumberRole, rolesByHeader } from '../header.ts';
import { NULL_WORDS, type RecordShape } from '../shape.ts';
import type { TableField } from './table_columns.ts';

/** Which columns are read, and as what. */
export interface TableShape {
  readonly shape: RecordShape;
  /** Roles of all columns, in the order of the table. */
  readonly all: ColumnRoles;
  /** Of those that are read: places in the table, and their roles. */
  readonly places: readonly number[];
  readonly roles: ColumnRoles;
}

export function tableShape(
  fields: readonly TableField[],
  shape: RecordShape,
  symbolIsFixed: boolean,
): TableShape {
  const all = rolesByHeader(
    fields.map(({ name }) => name),
    shape,
    symbolIsFixed,
    true,
    false,
  );
  const places = all.roles.flatMap((role, at) => (role === 'ignore' ? [] : [at]));
  const time = fields[all.roles.indexOf('time')];
  const { formats, ...rest } = shape;
  // A column that has a type for instants needs no unit and no pattern.
  const isTyped = time?.kind === 'stamp';
  const areNumbers = all.roles.every(
    (role, at) => !isNumberRole(role) || !['text', 'dictionary'].includes(fields[at]!.kind),
  );
  const numbers =
    shape.numbers !== undefined && areNumbers
      ? { ...shape.numbers, decimal: '.' as const, thousands: null, suffixes: false }
      : shape.numbers;
  return {
    shape: {
      ...rest,
      ...(formats !== undefined && !isTyped && { formats }),
      ...(numbers !== undefined && (numbers.scale !== 0 || !areNumbers) && { numbers }),
      time: isTyped ? 'text' : shape.time,
      header: 'required',
      preamble: 0,
      nulls: [...new Set(['', ...(shape.nulls ?? NULL_WORDS)])],
    },
    all,
    places,
    roles: {
      roles: places.map((at) => all.roles[at]!),
      extras: places.map((at) => all.extras[at]!),
      keys: places.map((at) => all.keys[at]!),
      optional: places.map((at) => all.optional[at]!),
      missing: all.missing,
      known: all.known,
    },
  };
}
