/** Rows of a query as text: a table, records one below the other, CSV or JSON. Values are PostgreSQL's own texts. */

import { isoInstant, safeJson } from './json_lines.ts';
import { PLAIN, type Style } from './style.ts';
import { tableLines } from './table.ts';
import { cutEnd, displayWidth, sanitise } from './text.ts';

/** A column of a result; `type` is its OID. */
export interface ResultColumn {
  readonly name: string;
  readonly type: number;
}

/** Values in the order of the columns, as text; null is NULL. */
export type ResultRow = readonly (string | null)[];

/** OIDs of pg_type that never change. */
const BOOL = 16;
const INTEGERS = new Set([20, 21, 23, 26]);
const DECIMALS = new Set([700, 701, 1700]);
const JSONS = new Set([114, 3802]);
const TIMESTAMPTZ = 1184;

const MOST_OF_A_VALUE = 1000;

/** A table; where it is wider than the terminal and has more than a few columns, each row as a block of lines. */
export function resultLines(
  columns: readonly ResultColumn[],
  rows: readonly ResultRow[],
  width: number,
  style: Style = PLAIN,
): string[] {
  const cells = rows.map((row) => row.map(cell));
  const natural = columns.map((column, j) =>
    Math.max(displayWidth(sanitise(column.name)), ...cells.map((row) => displayWidth(row[j]!))),
  );
  const wide = natural.reduce((sum, each) => sum + each + 2, -2) > width;
  if (wide && columns.length > 3 && rows.length > 0) return blocks(columns, cells, width, style);
  const heads = columns.map((column) => ({
    title: sanitise(column.name),
    align: isNumeric(column) ? ('right' as const) : ('left' as const),
  }));
  return tableLines(heads, cells, width, style);
}

function blocks(
  columns: readonly ResultColumn[],
  cells: readonly (readonly string[])[],
  width: number,
  style: Style,
): string[] {
  const names = columns.map((column) => sanitise(column.name));
  const longest = Math.max(...names.map(displayWidth));
  return cells.flatMap((row, i) => [
    ...(cells.length > 1 ? [style.dim(`-[ ${i + 1} ]-`)] : []),
    ...row.map((text, j) => {
      const name = names[j]! + ' '.repeat(longest - displayWidth(names[j]!));
      return `${style.bold(name)}  ${cutEnd(text, Math.max(10, width - longest - 2))}`;
    }),
  ]);
}

function cell(value: string | null): string {
  return value === null ? '' : cutEnd(sanitise(value), MOST_OF_A_VALUE);
}

function isNumeric(column: ResultColumn): boolean {
  return INTEGERS.has(column.type) || DECIMALS.has(column.type);
}

/** A line of CSV as COPY writes it: NULL is nothing, an empty text is `""`. */
export function csvLine(values: ResultRow): string {
  return values.map(csvField).join(',');
}

function csvField(value: string | null): string {
  if (value === null) return '';
  return value === '' || /[",\n\r]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
}

/** `{"type":"row","row":{…}}`: numbers as numbers, instants as ISO 8601 in UTC, NaN and infinities as null. */
export function jsonRow(columns: readonly ResultColumn[], row: ResultRow): string {
  const members = columns.map((column, j) => `${safeJson(column.name)}:${jsonValue(column, row[j] ?? null)}`);
  return `{"type":"row","row":{${members.join(',')}}}`;
}

function jsonValue(column: ResultColumn, text: string | null): string {
  if (text === null) return 'null';
  if (column.type === BOOL) return text === 't' ? 'true' : 'false';
  if (isNumeric(column)) return /^-?\d+(\.\d+)?(e[+-]?\d+)?$/.test(text) ? text : 'null';
  if (JSONS.has(column.type)) return safeJson(JSON.parse(text));
  if (column.type === TIMESTAMPTZ) return safeJson(isoText(text));
  return safeJson(text);
}

/** `2024-04-01 13:30:00.123+00` (the session is in UTC) as `2024-04-01T13:30:00.123000Z`; `infinity` stays. */
function isoText(text: string): string {
  const match = /^(\d{4}-\d{2}-\d{2}) (\d{2}:\d{2}:\d{2})(?:\.(\d{1,6}))?\+00$/.exec(text);
  if (match === null) return text;
  const [, date, time, fraction = ''] = match;
  return isoInstant(Date.parse(`${date}T${time}Z`) * 1000 + Number(fraction.padEnd(6, '0')));
}
