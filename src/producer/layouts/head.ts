/** A look at the first bytes of a file: enough to tell a bar file from another, and to date its first bars. */

import { constants, gunzipSync, inflateRawSync, zstdDecompressSync } from 'node:zlib';
import { INDICATOR_NAMES } from '../../bars/columns.ts';
import { FieldList } from '../../scan/csv_record.ts';
import { sniffEncoding } from '../../scan/encoding.ts';
import type { ColumnRoles } from '../../scan/header.ts';
import { normaliseName, rolesByHeader, rolesByPosition } from '../../scan/header.ts';
import { JsonRecords } from '../../scan/json_records.ts';
import { NumberReader, PLAIN_NUMBERS } from '../../scan/number_reader.ts';
import type { RecordShape, ScanChecks } from '../../scan/shape.ts';
import { NO_FACTS, StampReader } from '../../scan/stamp_reader.ts';
import type { TableField } from '../../scan/table/table_columns.ts';
import { tableShape } from '../../scan/table/table_shape.ts';
import { textOf } from '../../scan/table/texts.ts';
import { type Storage, tableIn } from '../../state/task_plan.ts';
import { openBytes } from '../archive/entry_stream.ts';
import { ARROW_MAGIC, PARQUET_MAGIC } from '../archive/table/marks.ts';
import type { ObjectReader } from '../sources/source.ts';
import { zoneNamed } from './period.ts';

/** Bytes read from an object. Inflated they are 64 KiB and more of a CSV. */
const HEAD_BYTES = 16 << 10;
/** A block of Zstandard gives nothing until it is whole, and is up to 128 KiB. */
const ZSTD_HEAD_BYTES = 160 << 10;
/** What that many bytes inflate to at most (1032 : 1). */
const MAX_INFLATED = 1040 * HEAD_BYTES;
/** Of the inflated bytes, as many as are looked at. */
const LOOK_BYTES = 64 << 10;
/** Records looked at for whether this is a bar file at all. */
const SAMPLE_RECORDS = 25;

/** The start of a file, as records of fields. */
export interface Head {
  /** Inflated. */
  readonly bytes: Buffer;
  /** `bytes` are the whole file. */
  readonly complete: boolean;
  /** Of a file of columns, which has no text: then `bytes` are none. */
  readonly table?: TableHead;
}

/** The start of a table: its columns, and the first rows as a CSV would have them. */
export interface TableHead {
  readonly fields: readonly TableField[];
  readonly metadata: ReadonlyMap<string, string>;
  readonly records: readonly string[][];
}

/** Rows looked at of a table. */
const TABLE_ROWS = 2_000;
/** Columns whose first values are looked at: what bars are made of is among the first. */
const TABLE_COLUMNS = 40;

/** One after another: a decoder that ends on a damaged file does not say on which. */
let before: Promise<unknown> = Promise.resolve();

function tableHead(reader: ObjectReader, storage: Storage, signal?: AbortSignal): Promise<Head> {
  const head = before.then(() => readTableHead(reader, storage, signal));
  before = head.catch(() => {});
  return head;
}

async function readTableHead(reader: ObjectReader, storage: Storage, signal?: AbortSignal): Promise<Head> {
  // Most loads meet no table: its readers are a tenth of a thread's start.
  const { openTable } = await import('../archive/table/open_table.ts');
  const { fields, metadata, batches } = await openTable(reader, storage, signal);
  // Our own indicators are computed again, whatever they are.
  const computed = new Set<string>(INDICATOR_NAMES);
  const places = fields.flatMap(({ name }, at) => (computed.has(name) ? [] : [at])).slice(0, TABLE_COLUMNS);
  const records: string[][] = [];
  for await (const { rows, columns } of batches(places, TABLE_ROWS)) {
    for (let row = 0; row < rows && records.length < TABLE_ROWS; row++) {
      const record = fields.map(() => '');
      for (const [i, column] of columns.entries()) record[places[i]!] = textOf(column, row);
      records.push(record);
    }
    if (records.length >= TABLE_ROWS) break;
  }
  return { bytes: Buffer.alloc(0), complete: false, table: { fields, metadata, records } };
}

/** The shape for what a head is the head of. */
export function headShape(head: Head, shape: RecordShape, symbolIsFixed: boolean): RecordShape {
  return head.table === undefined ? shape : tableShape(head.table.fields, shape, symbolIsFixed).shape;
}

/** Reads the head of an object or entry. Null when its bytes cannot be inflated: a worker will say why. */
export async function readHead(
  reader: ObjectReader,
  storage: Storage,
  signal?: AbortSignal,
): Promise<Head | null> {
  if (tableIn(storage) !== null) return tableHead(reader, storage, signal);
  if (isStreamed(storage)) return streamedHead(reader, storage, signal);
  return inflatedHead(await rawHead(reader, storage, signal), storage);
}

/**
 * Reads the head of a file of its own and tells from it how the file is stored: browsers inflate what they download,
 * or do not, so the bytes know better than the name. `named` is believed of an empty file.
 */
export async function sniffFile(
  reader: ObjectReader,
  named: Storage,
  signal?: AbortSignal,
): Promise<{ readonly head: Head | null; readonly storage: Storage }> {
  const raw = await rawHead(reader, named, signal);
  const isEmpty = raw === null || raw.bytes.length === 0;
  const storage = isEmpty ? named : storageOfBytes(raw.bytes, named);
  if (tableIn(storage) !== null) return { head: await tableHead(reader, storage, signal), storage };
  if (isStreamed(storage)) return { head: await streamedHead(reader, storage, signal), storage };
  return { head: inflatedHead(raw, storage), storage };
}

/** Of what is packed so, a piece by itself cannot be unpacked: it is unpacked as a worker does, and left early. */
function isStreamed({ kind }: Storage): boolean {
  return kind === 'xz' || kind === 'bz2' || kind === 'tar';
}

async function streamedHead(
  reader: ObjectReader,
  storage: Storage,
  signal: AbortSignal | undefined,
): Promise<Head | null> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const piece of openBytes(reader, storage, signal)) {
      pieces.push(Uint8Array.from(piece));
      length += piece.length;
      if (length > LOOK_BYTES) break;
    }
  } catch (error) {
    if (signal?.aborted) throw error;
    return null;
  }
  return { bytes: Buffer.concat(pieces).subarray(0, LOOK_BYTES), complete: length <= LOOK_BYTES };
}

/** How a file of its own is stored, by its name. */
export function storageOfName(name: string): Storage {
  if (/\.gz$/i.test(name)) return { kind: 'gzip' };
  if (/\.xz$/i.test(name)) return { kind: 'xz' };
  if (/\.bz2$/i.test(name)) return { kind: 'bz2' };
  if (/\.parquet$/i.test(name)) return { kind: 'parquet' };
  if (/\.(?:arrows?|ipc|feather)$/i.test(name)) return { kind: 'arrow' };
  return { kind: /\.zst$/i.test(name) ? 'zstd' : 'plain' };
}

/** The same by its first bytes: the magic numbers of gzip (RFC 1952) and of Zstandard's frames (RFC 8878). */
function storageOfBytes(bytes: Buffer, named: Storage): Storage {
  const mark = bytes.subarray(0, 8).toString('latin1');
  // The names of tables are believed too: what has lost its mark is to be told as a damaged table.
  if (mark.startsWith(PARQUET_MAGIC) || named.kind === 'parquet') return { kind: 'parquet' };
  if (mark.startsWith(ARROW_MAGIC) || mark.startsWith('FEA1') || named.kind === 'arrow')
    return { kind: 'arrow' };
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) return { kind: 'gzip' };
  if (mark.startsWith('\xfd7zXZ')) return { kind: 'xz' };
  if (/^BZh[1-9]/.test(mark)) return { kind: 'bz2' };
  const magic = bytes.length < 4 ? 0 : bytes.readUInt32LE(0);
  const isZstd = magic === 0xfd2fb528 || (magic & 0xfffffff0) >>> 0 === 0x184d2a50;
  return { kind: isZstd ? 'zstd' : 'plain' };
}

function inflatedHead(raw: Head | null, storage: Storage): Head | null {
  if (raw === null) return null;
  try {
    const bytes = inflateBytes(raw.bytes, storage);
    // Nothing came out of something: an empty file, or one that is damaged from its start.
    if (bytes.length === 0 && raw.bytes.length > 0 && storage.kind === 'gzip') gunzipSync(raw.bytes);
    return { bytes: bytes.subarray(0, LOOK_BYTES), complete: raw.complete && bytes.length <= LOOK_BYTES };
  } catch {
    return null;
  }
}

async function rawHead(
  reader: ObjectReader,
  storage: Storage,
  signal: AbortSignal | undefined,
): Promise<Head | null> {
  if (storage.kind !== 'zip') {
    const length = Math.min(storage.kind === 'zstd' ? ZSTD_HEAD_BYTES : HEAD_BYTES, reader.sizeBytes);
    const complete = length === reader.sizeBytes;
    return { bytes: await reader.read(0, length, signal), complete };
  }
  // The local header, its name and its extra fields in one go with what follows: a request to S3 costs 30 ms.
  const length = Math.min(HEAD_BYTES + 1024, reader.sizeBytes - storage.headerOffset);
  if (length < 30) return null;
  const header = await reader.read(storage.headerOffset, length, signal);
  const start = 30 + header.readUInt16LE(26) + header.readUInt16LE(28);
  const bytes = header.subarray(start, start + storage.compressedSize);
  return { bytes, complete: bytes.length === storage.compressedSize };
}

function inflateBytes(raw: Buffer, storage: Storage): Buffer {
  const options = { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: MAX_INFLATED };
  if (storage.kind === 'gzip') return gunzipSync(raw, options);
  if (storage.kind === 'zstd')
    return zstdDecompressSync(raw, {
      finishFlush: constants.ZSTD_e_flush,
      maxOutputLength: MAX_INFLATED,
      params: { [constants.ZSTD_d_windowLogMax]: 27 },
    });
  return storage.kind === 'zip' && storage.method === 8 ? inflateRawSync(raw, options) : raw;
}

/** A line of the head that is not blank. */
export interface HeadLine {
  /** From 1. */
  readonly line: number;
  readonly fields: string[];
}

/** The first lines of the head that are not blank. The last line counts only when nothing cut it short. */
export function linesOf(
  head: Head,
  { delimiter, encoding, syntax }: Pick<RecordShape, 'delimiter' | 'encoding' | 'syntax'>,
  limit = SAMPLE_RECORDS,
): HeadLine[] {
  if (head.table !== undefined) {
    const { fields, records } = head.table;
    return [fields.map(({ name }) => name), ...records]
      .slice(0, limit)
      .map((record, i) => ({ line: i, fields: record }));
  }
  const text = decoded(head.bytes, encoding);
  const lines = (syntax === 'json' ? jsonText(text) : text).split('\n', limit + 20);
  const cut = lines.length < limit + 20 && !head.complete;
  if (cut) lines.pop();
  const filled = lines
    .map((line, i) => ({ line: i + 1, text: line.replace(/\r$/, '') }))
    .filter(({ text }) => text.trim() !== '');
  return filled.slice(0, limit).map(({ line, text }) => ({ line, fields: fieldsOf(text, delimiter) }));
}

/** Their fields alone. */
export function recordsOf(
  head: Head,
  shape: Pick<RecordShape, 'delimiter' | 'encoding' | 'syntax'>,
  limit = SAMPLE_RECORDS,
): string[][] {
  return linesOf(head, shape, limit).map(({ fields }) => fields);
}

/** The text of a head, without its mark. What is no text of the encoding the scanner will tell. */
function decoded(bytes: Buffer, said: string | undefined): string {
  const encoding = sniffEncoding(bytes) ?? said ?? 'utf-8';
  const decoder = decoderOf(encoding.startsWith('utf-32') ? 'utf-8' : encoding);
  const text = decoder.decode(bytes, { stream: true });
  // What a head that was cut short has left in it.
  decoder.decode();
  return text;
}

/** One an encoding: each has memory of its own outside the heap, which the collector neither counts nor hurries for. */
const decoders = new Map<string, InstanceType<typeof TextDecoder>>();

function decoderOf(encoding: string): InstanceType<typeof TextDecoder> {
  const decoder = decoders.get(encoding) ?? new TextDecoder(encoding);
  decoders.set(encoding, decoder);
  return decoder;
}

/** The records that are whole, a line each; none where it is no JSON of records. */
export function jsonText(text: string): string {
  try {
    return Buffer.from(new JsonRecords().push(Buffer.from(text))).toString();
  } catch {
    return '';
  }
}

/** The fields of a line, without the blanks around them; one that is no CSV is cut at each delimiter. */
function fieldsOf(line: string, delimiter: string): string[] {
  const fields = new FieldList();
  const bytes = Buffer.from(line);
  try {
    fields.split(bytes, 0, bytes.length, delimiter.charCodeAt(0));
    return fields.texts().map((field) => field.trim());
  } catch {
    return line.split(delimiter).map((field) => field.trim());
  }
}

/** What a head says of a shape: that it fits by its header or by its records, that it does not, or nothing. */
export interface Fit {
  readonly kind: 'header' | 'records' | 'none' | 'empty';
  /** Columns of the shape that the header has, at best. */
  readonly known: number;
  /** The header found, or what comes nearest to one. */
  readonly first: readonly string[];
  /** Records behind the header. */
  readonly records: readonly (readonly string[])[];
  readonly roles: ColumnRoles | null;
}

/** Holds the head of a file against a shape. One record that could be a bar is enough: the scanner judges the others. */
export function fitHead(head: Head, layoutShape: RecordShape, symbolIsFixed: boolean): Fit {
  const shape = headShape(head, layoutShape, symbolIsFixed);
  const records = recordsOf(head, shape);
  let first = records[0] ?? [];
  if (records.length === 0) return { kind: 'empty', known: 0, first, records, roles: null };
  let known = 0;
  if (shape.header !== 'none') {
    const byPosition = new HeadStamps(shape, rolesByPosition(shape, symbolIsFixed));
    for (let i = 0; i <= shape.preamble && i < records.length; i++) {
      const header = records[i]!;
      const isRecord = byPosition.isStamp(header);
      const roles = rolesByHeader(header, shape, symbolIsFixed, !isRecord, head.table === undefined);
      if (roles.missing.length === 0) {
        return { kind: 'header', known: roles.known, first: header, records: records.slice(i + 1), roles };
      }
      if (roles.known > known) {
        known = roles.known;
        first = header;
      }
    }
  }
  const roles = rolesByPosition(shape, symbolIsFixed);
  const fits = shape.header !== 'required' && records.some((record) => looksLikeBar(record, shape, roles));
  return { kind: fits ? 'records' : 'none', known, first, records, roles: fits ? roles : null };
}

function looksLikeBar(record: readonly string[], shape: RecordShape, roles: ColumnRoles): boolean {
  const extra = record.length - roles.roles.length;
  if (extra !== 0 && !(extra === 1 && record.at(-1) === '')) return false;
  const numbers = new NumberReader(shape.numbers ?? PLAIN_NUMBERS);
  const isNumber = (role: 'open' | 'close' | 'price' | 'volume'): boolean => {
    const text = record[roles.roles.indexOf(role)] ?? '';
    // Prices that are multiples of something have no points.
    const { scale = 0, decimal = '.' } = shape.numbers ?? {};
    if (role !== 'volume' && scale !== 0 && text.includes(decimal)) return false;
    const field = Buffer.from(text);
    return Number.isFinite(numbers.read(field, 0, field.length, true));
  };
  if (!new HeadStamps(shape, roles).isStamp(record)) return false;
  return shape.kind === 'trades'
    ? isNumber('price') && isNumber('volume')
    : isNumber('open') && isNumber('close');
}

/** Whether one of the first records could be a bar; so can what there is none of. */
export function readsAsBars({ records, roles }: Fit, shape: RecordShape): boolean {
  const some = records.slice(0, SAMPLE_RECORDS);
  return some.length === 0 || (roles !== null && some.some((record) => looksLikeBar(record, shape, roles)));
}

/** No rules: a look at a head judges no bar. */
const NO_CHECKS: ScanChecks = {
  intervalUs: 0,
  grid: 'none',
  zone: 'UTC',
  fileFromUs: Number.NEGATIVE_INFINITY,
  fileToUs: Number.POSITIVE_INFINITY,
  wantFromUs: Number.NEGATIVE_INFINITY,
  wantToUs: Number.POSITIVE_INFINITY,
  earliestUs: Number.NEGATIVE_INFINITY,
  latestUs: Number.POSITIVE_INFINITY,
  onInvalid: 'reject',
  maxRecordBytes: LOOK_BYTES,
};

/** Stamps of the records of a head. */
export class HeadStamps {
  readonly #stamps: StampReader;

  constructor(shape: RecordShape, roles: ColumnRoles) {
    const zone = zoneNamed(shape.timeZone);
    this.#stamps = new StampReader(roles, shape, NO_CHECKS, zone, zone, NO_FACTS);
  }

  isStamp(record: readonly string[]): boolean {
    const { lastColumn } = this.#stamps;
    return lastColumn >= 0 && lastColumn < record.length && this.#stamps.isStamp(FieldList.of(record));
  }

  /** Whether the stamp is a local time: text that names no offset from UTC. */
  isLocal(record: readonly string[]): boolean {
    return this.isStamp(record) && !Number.isNaN(this.#stamps.localUs);
  }

  /** µs, of two instants the first; NaN when there is none, or it is not certain which. */
  stampOf(record: readonly string[]): number {
    return this.isStamp(record) && this.#stamps.need === null && !this.#stamps.isOtherForm
      ? this.#stamps.first
      : Number.NaN;
  }
}

/** Whether the first record is stamped with a time that names no offset from UTC. */
export function isStampedLocally(head: Head, shape: RecordShape, symbolIsFixed: boolean): boolean {
  const { roles, records } = fitHead(head, shape, symbolIsFixed);
  const [first] = records;
  return (
    roles !== null &&
    first !== undefined &&
    new HeadStamps(headShape(head, shape, symbolIsFixed), roles).isLocal(first)
  );
}

/**
 * The earliest stamp in the head of a file, µs since 1970, or null when there is none. Newest-first files give the
 * earliest of their newest bars: good enough to order files by.
 */
export function earliestStamp(head: Head, shape: RecordShape, symbolIsFixed: boolean): number | null {
  const { roles, records } = fitHead(head, shape, symbolIsFixed);
  if (roles === null) return null;
  let earliest = Number.POSITIVE_INFINITY;
  const stamps = new HeadStamps(headShape(head, shape, symbolIsFixed), roles);
  for (const record of records) {
    const stamp = stamps.stampOf(record);
    if (stamp < earliest) earliest = stamp;
  }
  return Number.isSafeInteger(earliest) ? earliest : null;
}

/** Values of a column that is none of a bar's (a venue, an interval), by header or by the shape's order. */
export function valuesOf(head: Head, shape: RecordShape, name: string): ReadonlySet<string> {
  const { kind, first, records } = fitHead(head, shape, true);
  const wanted = normaliseName(name);
  const at =
    kind === 'header'
      ? first.findIndex((field) => normaliseName(field) === wanted)
      : shape.columns.findIndex((column) => column.names.some((one) => normaliseName(one) === wanted));
  return new Set(at < 0 ? [] : records.map((record) => record[at] ?? '').filter((value) => value !== ''));
}

/** The symbol of the first record, for layouts whose venue it tells; null when there is none. */
export function firstSymbol(head: Head, shape: RecordShape): string | null {
  const { roles, records } = fitHead(head, shape, false);
  const at = roles?.roles.indexOf('symbol') ?? -1;
  return at < 0 ? null : (records[0]?.[at] ?? null);
}
