/** How the text of a file nobody knows becomes records: its encoding, what parts its fields, where its records begin. */

import { BackhaulError, type FaultPlace } from '../faults/fault.ts';
import { printable } from '../faults/safe_text.ts';
import { type Head, jsonText } from '../producer/layouts/head.ts';
import { FieldList } from '../scan/csv_record.ts';
import { sniffEncoding } from '../scan/encoding.ts';
import { isColumnName } from './column_words.ts';
import { guessCodePage } from './encoding_guess.ts';

/** A guess and what it is made by. */
export interface Guess<T> {
  readonly value: T;
  readonly why: string;
}

export interface Table {
  readonly encoding: Guess<string>;
  readonly delimiter: Guess<string>;
  /** It is JSON: lines and fields are what its records come to. */
  readonly isJson: boolean;
  /** Names of the columns; null where there is no header. */
  readonly header: readonly string[] | null;
  /** Lines before the header, or before the first record. */
  readonly preamble: readonly string[];
  /** Lines between the header and the first record. */
  readonly subheader: number;
  /** All of one length. */
  readonly records: readonly (readonly string[])[];
}

/** Lines looked at. */
const LINES = 2_000;
/** Lines before the first record. */
const HEAD_LINES = 20;
/** A stamp and four prices. */
const LEAST_FIELDS = 5;
/** In this order: what is written with semicolons may have decimal commas. */
const DELIMITERS = [
  ['\t', 'tabs'],
  [';', 'semicolons'],
  ['|', 'bars'],
  [',', 'commas'],
  [' ', 'blanks'],
] as const;
const JSON_DELIMITERS = [[',', 'commas']] as const;
/** Of the lines, so many must have equally many fields. */
const MOST = 0.8;

/** @throws BackhaulError `not-a-bar-file` for an empty file, one that is no text, and text that is no table */
export function guessTable(head: Head, where: FaultPlace): Table {
  if (head.bytes.length === 0) throw noTable('the file is empty', where, '', 'Download the file again.');
  const encoding = guessEncoding(head.bytes, where);
  const text = new TextDecoder(encoding.value).decode(head.bytes, { stream: !head.complete });
  const isJson = /^\s*(?:\[\s*[[{]|\{)/.test(text);
  const lines = (isJson ? jsonText(text) : text).split('\n').map((line) => line.replace(/\r$/, ''));
  if (!head.complete || isJson) lines.pop();
  const filled = lines.filter((line) => line.trim() !== '').slice(0, LINES);
  if (filled.length === 0 && isJson) throw noRecords(text, where);
  if (filled.length === 0) throw noTable('the file holds nothing but blank lines', where, '');
  for (const [delimiter, name] of isJson ? JSON_DELIMITERS : DELIMITERS) {
    const rows = filled.map((line) => fieldsOf(line, delimiter));
    const [count, share] = commonCount(rows);
    if (count < LEAST_FIELDS || share < MOST) continue;
    const first = rows.findIndex((row) => isRecord(row, count));
    if (first < 0 || first > HEAD_LINES) continue;
    const records = rows.slice(first).filter((row) => row.length === count);
    const headerAt = headerOf(rows.slice(0, first), count);
    const header = headerAt < 0 ? null : rows[headerAt]!;
    // A delimiter behind the last field makes an empty one; under a name it is a column without values.
    const trails =
      records.every((row) => row.at(-1) === '') && (header === null || (header[count - 1] ?? '') === '');
    return {
      encoding,
      isJson,
      delimiter: {
        value: delimiter,
        why: `${name} part ${Math.round(share * 100)} % of the lines into ${count} fields`,
      },
      header: trails && header !== null ? header.slice(0, count - 1) : header,
      preamble: filled.slice(0, headerAt < 0 ? first : headerAt),
      subheader: headerAt < 0 ? 0 : first - headerAt - 1,
      records: trails ? records.map((row) => row.slice(0, -1)) : records,
    };
  }
  throw noTable(
    'no delimiter parts its lines into the fields of bars',
    where,
    filled[0]!,
    'A bar is a stamp, open, high, low and close in fields of one line.',
  );
}

/** JSON in which no array of records is found. */
function noRecords(text: string, where: FaultPlace): BackhaulError {
  const isByLine = /^\s*\{[^\n]*\}\s*\n\s*\{/.test(text);
  const isByColumn = /"(?:o|open|opens)"\s*:\s*\[\s*[\d"n.-]/i.test(text);
  return noTable(
    'it is JSON, but no array of records',
    where,
    text.slice(0, 200),
    isByLine
      ? 'Objects line by line become an array by: jq -s . file.json > bars.json.'
      : isByColumn
        ? 'It has an array for each column; jq makes records of them, by the names they have: jq "[.t, .o, .h, .l, .c, .v] | transpose" file.json > bars.json.'
        : 'Records are arrays or objects of plain values, in one array, at the top or inside objects: jq makes them so.',
  );
}

function guessEncoding(bytes: Uint8Array, where: FaultPlace): Guess<string> {
  const sniffed = sniffEncoding(bytes);
  if (sniffed !== null && !sniffed.startsWith('utf-32'))
    return { value: sniffed, why: 'its first bytes say so' };
  const odd = bytes.filter((byte) => byte < 9 || (byte > 13 && byte < 32)).length;
  if (bytes.includes(0) || odd > bytes.length / 100) {
    const shown = [...bytes.subarray(0, 8)].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
    throw noTable(
      'the file is no text',
      where,
      `the bytes ${shown}`,
      'Is it packed, or of a program of its own? Write it out as CSV.',
    );
  }
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: true });
    return { value: 'utf-8', why: 'every byte is UTF-8' };
  } catch {
    return guessCodePage(bytes);
  }
}

/** The number of fields that most lines have, and their share. */
function commonCount(rows: readonly (readonly string[])[]): readonly [number, number] {
  const counts = new Map<number, number>();
  for (const { length } of rows) counts.set(length, (counts.get(length) ?? 0) + 1);
  const [count, lines] = [...counts].reduce((a, b) =>
    b[1] > a[1] || (b[1] === a[1] && b[0] > a[0]) ? b : a,
  );
  // Lines before the records are few, whatever they are.
  const others = rows.length - lines;
  return [
    count,
    others <= HEAD_LINES && lines > others / 2 ? Math.max(MOST, lines / rows.length) : lines / rows.length,
  ];
}

/** Numbers however they are written. */
const NUMBER = /^(?:[$€£¥]\s?)?[+-]?(?:\d[\d.,'_\s\u00a0\u202f]*|\.\d+)(?:e[+-]?\d+)?[KMBT%]?$/i;

/** Whether a field may be a number. */
export function isNumberish(field: string): boolean {
  return NUMBER.test(field);
}

function isRecord(row: readonly string[], count: number): boolean {
  return row.length === count && row.filter(isNumberish).length >= 4;
}

/** The line that is most like a header; -1 where none is. */
function headerOf(rows: readonly (readonly string[])[], count: number): number {
  const known = rows.map((row) =>
    Math.abs(row.length - count) > 1 ? 0 : row.filter((field) => isColumnName(field)).length,
  );
  const most = Math.max(0, ...known);
  if (most >= 2) return known.indexOf(most);
  // Words nobody knows stand where names would.
  const last = rows.at(-1);
  const isNames = last !== undefined && last.length === count && !last.some(isNumberish);
  return isNames ? rows.length - 1 : -1;
}

function fieldsOf(line: string, delimiter: string): string[] {
  const bytes = Buffer.from(line);
  const list = new FieldList();
  try {
    list.split(bytes, 0, bytes.length, delimiter.charCodeAt(0));
    return list.texts().map((field) => field.trim());
  } catch {
    return line.split(delimiter).map((field) => field.trim());
  }
}

function noTable(message: string, where: FaultPlace, found: string, hint?: string): BackhaulError {
  return new BackhaulError({
    kind: 'not-a-bar-file',
    message,
    where,
    ...(found !== '' && { expected: 'a table of bars as text', found: printable(found) }),
    ...(hint !== undefined && { hint }),
  });
}
