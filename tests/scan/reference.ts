/**
 * The scanner's rules once more, as plainly as they can be written: whole files, strings, regular expressions,
 * BigInt, `Number()` and csv-parse on one record after the other. Slow, and shares no code with the scanner.
 */
import { parse } from 'csv-parse/sync';
import { NULL_WORDS, type RecordShape, type RejectReason, type ScanChecks } from '../../src/scan/shape.ts';

export interface Row {
  symbol: string;
  ts: number;
  open: number;
  high: number;
  low: number;
  close: number;
  volume: number;
  trades: number;
  line: number;
  offset: number;
}

export interface Outcome {
  rows: Row[];
  rejects: { line: number; byteOffset: number; reason: RejectReason; field: string }[];
  /** The rejects' text; conflicts have none here. */
  texts: (string | null)[];
  counters: { recordsRead: number; duplicates: number; rejected: number; empty: number; outside: number };
  unordered: boolean;
  /** `kind line byteOffset` of what was thrown. */
  fault: string | null;
}

export interface Input {
  bytes: Buffer;
  shape: RecordShape;
  checks: ScanChecks;
  /** Null: a column says. */
  fixed: string | null;
  wanted: Readonly<Record<string, string>> | null;
  order: 'time' | 'symbol-time' | 'any';
}

interface RawRecord {
  line: number;
  offset: number;
  /** Index behind its line end. */
  next: number;
  /** As latin1, so that a character is a byte. */
  fields: string[] | null;
  reason: 'csv' | 'record-too-long' | 'nul-byte' | null;
  text: string;
}

const NOT_ONE = 'not one record';

/** Fields of a text that is one record, or the code of what csv-parse says. */
function csvFields(text: string, delimiter: string): string[] | string {
  try {
    // A NUL behind a quote is the end to csv-parse, and an error to us.
    const records = parse(Buffer.from(text.replaceAll('\0', '\x01'), 'latin1'), {
      delimiter,
      encoding: 'latin1',
      relax_column_count: true,
      record_delimiter: ['\r\n', '\n'],
    }) as string[][];
    return records.length === 1 ? records[0]! : NOT_ONE;
  } catch (error) {
    return (error as { code: string }).code;
  }
}

const OPEN = 'CSV_QUOTE_NOT_CLOSED';

function recordAt(text: string, offset: number, line: number, delimiter: string, max: number): RawRecord {
  const firstEnd = text.indexOf('\n', offset);
  const spoilt = (reason: 'csv' | 'record-too-long'): RawRecord => {
    const shown = text.slice(offset, Math.min(firstEnd, offset + max));
    const whole = firstEnd - offset <= max;
    return {
      line,
      offset,
      next: firstEnd + 1,
      fields: null,
      reason,
      text: printable(whole ? shown.replace(/\r$/, '') : shown),
    };
  };
  if (firstEnd - offset > max) return spoilt('record-too-long');
  for (let end = firstEnd; ; end = text.indexOf('\n', end + 1)) {
    if (end < 0) {
      const rest = text.slice(offset, offset + max + 1);
      const fields = csvFields(rest, delimiter);
      return spoilt(text.length - offset > max && fields === OPEN ? 'record-too-long' : 'csv');
    }
    if (end - offset > max) {
      const fields = csvFields(text.slice(offset, offset + max + 1).replace(/\r$/, ''), delimiter);
      return spoilt(typeof fields === 'string' && fields !== OPEN ? 'csv' : 'record-too-long');
    }
    const raw = text.slice(offset, end + 1);
    const fields = csvFields(raw, delimiter);
    if (fields === OPEN) continue;
    if (typeof fields === 'string') return spoilt('csv');
    return {
      line,
      offset,
      next: end + 1,
      fields,
      reason: raw.includes('\0') ? 'nul-byte' : null,
      text: printable(raw.replace(/\r?\n$/, '')),
    };
  }
}

/** All records that are not blank. */
export function recordsOf(bytes: Buffer, delimiter: string, max: number): RawRecord[] {
  let text = bytes.toString('latin1');
  if (!text.endsWith('\n')) text += '\n';
  const records: RawRecord[] = [];
  let line = 1;
  for (let at = text.startsWith('\xef\xbb\xbf') ? 3 : 0; at < text.length; ) {
    const blank = /^\r?\n/.exec(text.slice(at, at + 2));
    if (blank !== null) {
      at += blank[0].length;
      line++;
      continue;
    }
    const record = recordAt(text, at, line, delimiter, max);
    records.push(record);
    line += text.slice(at, record.next).split('\n').length - 1;
    at = record.next;
  }
  return records;
}

function printable(latin1: string): string {
  const bytes = Buffer.from(latin1, 'latin1');
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    text = latin1.replace(/[\x80-\xff]/g, escaped);
  }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  const shown = [...text].map((character) => character.replace(/[\x00-\x1f\x7f-\x9f]/, escaped));
  while (shown.join('').length > 500) shown.pop();
  return shown.join('');
}

function escaped(character: string): string {
  return `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
}

const trim = (field: string): string => field.replace(/^[ \t]+|[ \t]+$/g, '');

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;

/** Beyond, an exponent makes no stamp. */
const MOST_POWER = 30;

/** µs, or null. Units s, ms, us, ns and magnitude. */
function stampOf(field: string, unit: RecordShape['time']): number | null {
  const match = /^([+-]?)(\d+)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/.exec(trim(field));
  if (match === null) return null;
  const [, sign, whole, fraction = '', exponent = '0'] = match;
  if (Math.abs(Number(exponent)) > MOST_POWER) return null;
  // The number is `value / one`, and there are no fractions in either.
  const value = BigInt(whole! + fraction) * 10n ** BigInt(MOST_POWER + Number(exponent));
  const one = 10n ** BigInt(MOST_POWER + fraction.length);
  const digits = String(value / one).length;
  const magnitude = digits <= 11 ? 's' : digits <= 14 ? 'ms' : digits <= 17 ? 'us' : 'ns';
  const perSecond = { s: 1n, ms: 1_000n, us: 1_000_000n, ns: 1_000_000_000n };
  const us = (value * 1_000_000n) / one / perSecond[(unit === 'magnitude' ? magnitude : unit) as 's'];
  return Number(sign === '-' ? -us : us);
}

function symbolOf(field: string, wanted: Input['wanted']): string | 'invalid' | 'not asked' {
  const trimmed = trim(field);
  if (trimmed.length === 0 || trimmed.length > 64) return 'invalid';
  let name: string;
  try {
    name = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.from(trimmed, 'latin1'));
  } catch {
    return 'invalid';
  }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  if (/[\x00-\x1f\x7f-\x9f]/.test(name)) return 'invalid';
  if (wanted === null) return name;
  return Object.hasOwn(wanted, name) ? wanted[name]! : 'not asked';
}

type Judged = { row: Row } | 'outside' | 'empty' | { reason: RejectReason; field: string; us?: number };

function judge(record: RawRecord, { shape, checks, fixed, wanted }: Input): Judged {
  if (record.reason !== null) return { reason: record.reason, field: '' };
  const fields = [...record.fields!];
  const columns = shape.columns;
  if (fields.length === columns.length + 1 && fields.at(-1) === '') fields.pop();
  if (fields.length !== columns.length) return { reason: 'field-count', field: '' };
  const of = (role: string): string => fields[columns.findIndex((column) => column.role === role)]!;
  const symbol = fixed ?? symbolOf(of('symbol'), wanted);
  if (symbol === 'not asked') return 'outside';
  const ts = stampOf(of('time'), shape.time);
  if (ts === null) return { reason: 'timestamp', field: 'time' };
  if (ts < checks.earliestUs || ts > checks.latestUs) return { reason: 'timestamp', field: 'time', us: ts };
  if (ts < checks.wantFromUs || ts >= checks.wantToUs) return 'outside';
  if (symbol === 'invalid') return { reason: 'symbol', field: 'symbol' };
  const row: Row = {
    symbol,
    ts,
    open: 0,
    high: 0,
    low: 0,
    close: 0,
    volume: Number.NaN,
    trades: Number.NaN,
    line: record.line,
    offset: record.offset,
  };
  const isNull = (field: string): boolean => (shape.nulls ?? NULL_WORDS).includes(trim(field));
  if (shape.empty !== 'reject' && ['open', 'high', 'low', 'close'].every((price) => isNull(of(price)))) {
    return 'empty';
  }
  for (const [i, { role, optional }] of columns.entries()) {
    if (!(role in row) || role === 'symbol') continue;
    if (role === 'volume' && shape.volume === 'none') continue;
    const field = trim(fields[i]!);
    if (role === 'trades' && optional === true && isNull(field)) continue;
    if (role === 'volume' && shape.volume === 'optional' && isNull(field)) continue;
    if (!NUMBER.test(field)) return { reason: 'number', field: role };
    if (role === 'trades' && !Number.isSafeInteger(Number(field))) return { reason: 'trades', field: role };
    row[role as (typeof VALUES)[number]] = Number(field) + 0; // a 0 has no sign
  }
  const { onInvalid } = checks;
  if (onInvalid === 'keep') return { row };
  const counts = ({ reason }: Broken): boolean =>
    onInvalid === 'reject' || !(onInvalid as readonly string[]).includes(reason);
  return brokenRules(row, shape, checks).find(counts) ?? { row };
}

interface Broken {
  reason: RejectReason;
  field: string;
}

function brokenRules(row: Row, shape: RecordShape, checks: ScanChecks): Broken[] {
  const broken: Broken[] = [];
  if (row.ts < checks.fileFromUs || row.ts >= checks.fileToUs)
    broken.push({ reason: 'outside-file-range', field: 'time' });
  if (checks.grid === 'epoch' && row.ts % checks.intervalUs !== 0)
    broken.push({ reason: 'off-grid', field: 'time' });
  for (const field of ['open', 'high', 'low', 'close'] as const) {
    const isBelow = shape.prices !== 'any' && row[field] <= 0;
    if (isBelow || !Number.isFinite(row[field])) broken.push({ reason: 'price', field });
  }
  if (row.high < row.open || row.high < row.close) broken.push({ reason: 'high-low', field: 'high' });
  if (row.low > row.open || row.low > row.close) broken.push({ reason: 'high-low', field: 'low' });
  if (row.volume < 0 || Math.abs(row.volume) === Number.POSITIVE_INFINITY)
    broken.push({ reason: 'volume', field: 'volume' });
  if (row.trades < 0) broken.push({ reason: 'trades', field: 'trades' });
  return broken;
}

const VALUES = ['open', 'high', 'low', 'close', 'volume', 'trades'] as const;

/** Where a row stands to the rows before it. */
function placeOf(
  row: Row,
  rows: readonly Row[],
  order: Input['order'],
): 'new' | 'equal' | 'conflict' | 'back' {
  const before = rows.at(-1);
  if (before === undefined || order === 'any') return 'new';
  if (before.symbol === row.symbol && before.ts === row.ts) {
    const same = VALUES.every((value) => String(before[value]) === String(row[value]));
    return same ? 'equal' : 'conflict';
  }
  if (order === 'symbol-time' && Buffer.compare(Buffer.from(row.symbol), Buffer.from(before.symbol)) < 0) {
    return 'back';
  }
  return rows.some((other) => other.symbol === row.symbol && other.ts >= row.ts) ? 'back' : 'new';
}

/** What is wrong with the file as a whole after `seen` records, if anything. */
function faultOf(judged: readonly (readonly [RawRecord, Judged])[], isEnd: boolean): string | null {
  const at = (record: RawRecord): string => `${record.line} ${record.offset}`;
  const stamps = judged.slice(0, 64).filter(([, result]) => typeof result === 'object' && 'us' in result);
  const isMostlyOutside = isEnd ? 2 * stamps.length > Math.min(64, judged.length) : stamps.length > 32;
  if (isMostlyOutside && judged.length <= 64) return `timestamp ${at(stamps[0]![0])}`;
  const unreadable = (result: Judged): boolean =>
    typeof result === 'object' &&
    'reason' in result &&
    !('us' in result) &&
    ['field-count', 'number', 'timestamp', 'symbol', 'nul-byte', 'csv', 'record-too-long'].includes(
      result.reason,
    );
  if (judged.length > 16 || judged.length === 0 || !judged.every(([, result]) => unreadable(result)))
    return null;
  const first = judged[0]![1] as { reason: RejectReason };
  const isNone = judged.length === 16 || (isEnd && first.reason === 'field-count');
  return isNone ? `not-a-bar-file ${at(judged[0]![0])}` : null;
}

/** What the scanner must make of a file without a header. */
export function reference(input: Input): Outcome {
  const { bytes, shape, checks, order } = input;
  const outcome: Outcome = {
    rows: [],
    rejects: [],
    texts: [],
    counters: { recordsRead: 0, duplicates: 0, rejected: 0, empty: 0, outside: 0 },
    unordered: false,
    fault: null,
  };
  const { rows, counters } = outcome;
  const judged: (readonly [RawRecord, Judged])[] = [];
  const reject = (
    line: number,
    byteOffset: number,
    reason: RejectReason,
    field: string,
    text: string | null,
  ): void => {
    counters.rejected++;
    outcome.rejects.push({ line, byteOffset, reason, field });
    outcome.texts.push(text);
  };
  for (const record of recordsOf(bytes, shape.delimiter, checks.maxRecordBytes)) {
    const result = judge(record, input);
    judged.push([record, result]);
    outcome.fault = faultOf(judged, false);
    if (outcome.fault !== null) return outcome;
    if (result === 'outside') counters.outside++;
    else if (result === 'empty') {
      counters.recordsRead++;
      counters.empty++;
    } else if ('reason' in result) {
      counters.recordsRead++;
      reject(record.line, record.offset, result.reason, result.field, record.text);
    } else {
      const place = placeOf(result.row, rows, order);
      if (place === 'back') return { ...outcome, unordered: true };
      counters.recordsRead++;
      if (place === 'equal') counters.duplicates++;
      if (place === 'conflict') {
        const before = rows.pop()!;
        reject(before.line, before.offset, 'conflict', '', null);
      }
      if (place !== 'equal') rows.push(result.row);
    }
  }
  outcome.fault = faultOf(judged, true);
  return outcome;
}
