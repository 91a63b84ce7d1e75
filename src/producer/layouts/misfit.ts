/** Why a file is not as the layout says that its user named for it: the first thing that does not fit, and what would. */

import { nearest } from '../../base/nearest.ts';
import { BackhaulError, type FaultPlace } from '../../faults/fault.ts';
import { printable } from '../../faults/safe_text.ts';
import {
  type ColumnRoles,
  isNumberRole,
  normaliseName,
  requiredRoles,
  rolesByPosition,
} from '../../scan/header.ts';
import { NumberReader, PLAIN_NUMBERS } from '../../scan/number_reader.ts';
import { encodingHint } from '../../scan/record_text.ts';
import type { RecordShape } from '../../scan/shape.ts';
import { expectedStamp, stampHint } from '../../scan/stamp_hint.ts';
import { type Fit, type Head, HeadStamps, linesOf } from './head.ts';
import type { Layout } from './layout.ts';

interface Misfit {
  readonly message: string;
  readonly line?: number;
  readonly field?: string;
  readonly expected: string;
  readonly found: string;
  readonly hint: string;
}

export function misfitError(layout: Layout, head: Head, fit: Fit, where: FaultPlace): BackhaulError {
  const { message, line, field, expected, found, hint } = misfitOf(layout, head, fit);
  return new BackhaulError({
    kind: 'not-a-bar-file',
    message: `the file is not as the layout ${layout.name} says: ${message}`,
    where: { ...where, ...(line !== undefined && { line }), ...(field !== undefined && { field }) },
    expected,
    found: printable(found),
    hint,
  });
}

function misfitOf({ shape, symbol }: Layout, head: Head, { known, first }: Fit): Misfit {
  const symbolIsFixed = symbol.kind !== 'column';
  if (shape.header === 'required' || known > 1) return headerMisfit(shape, symbolIsFixed, first);
  const lines = linesOf(head, shape);
  const record = lines[Math.min(shape.preamble, lines.length - 1)];
  if (record === undefined) {
    const expected = 'at least one record';
    return { message: 'it is empty', expected, found: 'nothing', hint: 'Download the file again.' };
  }
  return recordMisfit(shape, rolesByPosition(shape, symbolIsFixed), record);
}

function headerMisfit(shape: RecordShape, symbolIsFixed: boolean, header: readonly string[]): Misfit {
  const names = header.map(normaliseName);
  const missing = requiredRoles(shape, symbolIsFixed).filter((role) => {
    const columns = shape.columns.filter((column) => column.role === role);
    if (role === 'time' && columns.length === 0) return false;
    return !columns.some((column) => column.names.some((name) => names.includes(normaliseName(name))));
  });
  const wanted = shape.columns.find(({ role }) => role === missing[0])?.names ?? missing;
  const near = wanted.map((name) => nearest(name, header)).find((name) => name !== null);
  const split = otherDelimiter(shape, header.join(shape.delimiter));
  return {
    message: `its header has no ${missing.join(', ') || 'names of the columns'}`,
    field: missing[0] ?? '',
    expected: `a header with ${wanted.join(' or ')}`,
    found: header.join(shape.delimiter),
    hint:
      encodingHint(header.join(), shape) ??
      split ??
      (near === undefined
        ? `Say what the header calls it: columns: { ${missing[0] ?? 'time'}: NAME }.`
        : `Did you mean columns: { ${missing[0]}: ${near} }?`),
  };
}

function recordMisfit(
  shape: RecordShape,
  roles: ColumnRoles,
  { line, fields }: { readonly line: number; readonly fields: readonly string[] },
): Misfit {
  const found = fields.join(shape.delimiter);
  const count = roles.roles.length;
  if (fields.length !== count && !(fields.length === count + 1 && fields.at(-1) === '')) {
    const hint = 'List every column of the file in columns, those that are not needed as ignore.';
    return {
      message: `a record has ${fields.length} ${fields.length === 1 ? 'field' : 'fields'}, and columns lists ${count}`,
      line,
      expected: `${count} fields: ${roles.roles.join(', ')}`,
      found,
      hint: otherDelimiter(shape, found) ?? hint,
    };
  }
  if (!new HeadStamps(shape, roles).isStamp(fields)) {
    const parts = ['time', 'date', 'time_of_day'].map(
      (role) => fields[roles.roles.indexOf(role as 'time')] ?? '',
    );
    const text = parts.filter((part) => part !== '').join(' ');
    return {
      message: 'a stamp cannot be read',
      line,
      field: 'time',
      expected: expectedStamp(shape),
      found: text,
      hint: /\d/.test(text)
        ? stampHint(text, shape)
        : 'Is this a header? header: optional reads one, and its names tell the columns.',
    };
  }
  const numbers = new NumberReader(shape.numbers ?? PLAIN_NUMBERS);
  const isNumber = (text: string): boolean =>
    Number.isFinite(numbers.read(Buffer.from(text), 0, Buffer.byteLength(text), true));
  const at = roles.roles.findIndex((role, i) => isNumberRole(role) && !isNumber(fields[i]!));
  const field = fields[at] ?? '';
  return {
    message: 'a field is no number',
    line,
    field: roles.roles[at] ?? '',
    expected: 'a number',
    found: field,
    hint: /^[\d.,' ]+$/.test(field)
      ? `Say how numbers are written: numbers: { decimal: ',', thousands: '.' }.`
      : 'Is this the column? columns says which is what.',
  };
}

/** Whether a line would be of several fields by another delimiter. */
function otherDelimiter({ delimiter, columns }: RecordShape, line: string): string | null {
  const other = [',', ';', '\t', '|'].find(
    (one) => one !== delimiter && line.split(one).length >= Math.min(columns.length, 5),
  );
  if (other === undefined || line.split(delimiter).length >= line.split(other).length) return null;
  return `Say what parts the fields: delimiter: '${other === '\t' ? '\\t' : other}'.`;
}
