/**
 * Parquet files out of Arrow record batches: a batch is a row group, a column of it one page. Pure.
 *
 * Directory and page headers are hyparquet-writer's; the pages are made here, by loops over whole columns, because a
 * writer that takes values one by one costs several times as much as all that is done here. Doubles are `planes.ts`.
 * LZ4 in WebAssembly had a tenth more bytes and, with its copies in and out, took several times as long.
 *
 * Format: https://github.com/apache/parquet-format (parquet.thrift, Encodings.md).
 */

import type { Data, RecordBatch, Schema } from 'apache-arrow';
import type { ColumnChunk, Encoding, RowGroup, SchemaElement } from 'hyparquet';
import { ByteWriter } from 'hyparquet-writer/src/bytewriter.js';
import { writePageHeader } from 'hyparquet-writer/src/datapage.js';
import { writeMetadata } from 'hyparquet-writer/src/metadata.js';
import { arrow } from '../bars/arrow.ts';
import { Arena, Packer, PlaceSplitter, zstandard } from './planes.ts';

const MAGIC = Uint8Array.from([0x50, 0x41, 0x52, 0x31]);

type Bound = number | bigint | Uint8Array;

/** Used again from column to column. */
interface PageMemory {
  readonly splitter: PlaceSplitter;
  readonly arena: Arena;
}

/** The values of a column of a batch on their way into pages. */
interface Encoded {
  readonly encoding: Encoding;
  /** Of the rows that have one, behind the levels; in memory that the next column overwrites. */
  readonly content: Uint8Array;
  /** The part of the content that Zstandard makes smaller: [from, to). */
  readonly worth: readonly [from: number, to: number];
  /** The distinct values, written one behind another, in front of a page of their numbers; null: none. */
  readonly dictionary: { readonly values: Uint8Array; readonly count: number } | null;
  /** Undefined where no order of the values is known. */
  readonly least: Bound | undefined;
  readonly most: Bound | undefined;
}

/** The bytes of a file that holds `batches`, a row group at a time. A batch is done with when the next is asked for. */
export async function* parquetBytes(
  schema: Schema,
  batches: AsyncIterable<RecordBatch>,
): AsyncGenerator<readonly Uint8Array[]> {
  const memory: PageMemory = { splitter: new PlaceSplitter(), arena: new Arena() };
  const elements = schema.fields.map(elementOf);
  const packers = elements.map(() => new Packer());
  const groups: RowGroup[] = [];
  let offset = MAGIC.length;
  yield [MAGIC];
  for await (const batch of batches) {
    const began = offset;
    const columns: ColumnChunk[] = [];
    const pieces: Uint8Array[] = [];
    memory.arena.clear();
    for (let k = 0; k < elements.length; k++) {
      const chunk = new Chunk(
        elements[k]!,
        batch.data.children[k]!,
        batch.numRows,
        offset,
        memory,
        packers[k]!,
      );
      pieces.push(...chunk.pieces);
      offset += chunk.bytes;
      columns.push(chunk.entry);
    }
    groups.push({
      columns,
      total_byte_size: columns.reduce((sum, one) => sum + one.meta_data!.total_uncompressed_size, 0n),
      num_rows: BigInt(batch.numRows),
      total_compressed_size: BigInt(offset - began),
    });
    yield pieces;
  }
  yield [directory(schema, elements, groups)];
}

function directory(schema: Schema, elements: SchemaElement[], groups: RowGroup[]): Uint8Array {
  const writer = new ByteWriter();
  writeMetadata(writer, {
    version: 2,
    created_by: 'backhaul',
    schema: [{ name: 'bars', num_children: elements.length }, ...elements],
    num_rows: groups.reduce((sum, { num_rows: rows }) => sum + rows, 0n),
    row_groups: groups,
    key_value_metadata: [...schema.metadata].map(([key, value]) => ({ key, value })),
    metadata_length: 0,
  });
  writer.appendBytes(MAGIC);
  return writer.getBytes();
}

function elementOf({ name, type, nullable }: Schema['fields'][number]): SchemaElement {
  const shape = { name, repetition_type: nullable ? 'OPTIONAL' : 'REQUIRED' } as const;
  if (arrow.DataType.isFloat(type)) return { ...shape, type: 'DOUBLE' };
  if (arrow.DataType.isInt(type)) return { ...shape, type: type.bitWidth === 64 ? 'INT64' : 'INT32' };
  if (arrow.DataType.isTimestamp(type))
    return {
      ...shape,
      type: 'INT64',
      converted_type: 'TIMESTAMP_MICROS',
      logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'MICROS' },
    };
  return { ...shape, type: 'BYTE_ARRAY', converted_type: 'UTF8', logical_type: { type: 'STRING' } };
}

/** A column of a row group. */
class Chunk {
  readonly pieces: Uint8Array[] = [];
  bytes = 0;
  readonly entry: ColumnChunk;
  #inflated = 0;

  /** `offset`: of its first byte in the file. */
  constructor(
    element: SchemaElement,
    data: Data,
    rows: number,
    offset: number,
    { splitter, arena }: PageMemory,
    packer: Packer,
  ) {
    const levels = element.repetition_type === 'OPTIONAL' ? levelsOf(data, rows) : NO_LEVELS;
    const { encoding, content, worth, dictionary, least, most } = encoded(data, rows, levels, splitter);
    if (dictionary !== null) this.#dictionary(dictionary);
    const page = offset + this.bytes;
    this.#page(rows, encoding, content, packer.packed(content, ...worth, arena));
    this.entry = {
      file_offset: BigInt(offset),
      meta_data: {
        type: element.type!,
        encodings: dictionary === null ? [encoding, 'RLE'] : ['PLAIN', encoding, 'RLE'],
        path_in_schema: [element.name],
        codec: 'ZSTD',
        num_values: BigInt(rows),
        total_uncompressed_size: BigInt(this.#inflated),
        total_compressed_size: BigInt(this.bytes),
        data_page_offset: BigInt(page),
        ...(dictionary !== null && { dictionary_page_offset: BigInt(offset) }),
        statistics: {
          null_count: BigInt(data.nullCount),
          ...(least !== undefined && { min_value: least }),
          ...(most !== undefined && { max_value: most }),
        },
      },
    };
  }

  #dictionary({ values, count }: NonNullable<Encoded['dictionary']>): void {
    this.#put(values, zstandard(values, values.length), (sizes) => ({
      type: 'DICTIONARY_PAGE',
      ...sizes,
      dictionary_page_header: { num_values: count, encoding: 'PLAIN' },
    }));
  }

  #page(rows: number, encoding: Encoding, content: Uint8Array, packed: Uint8Array): void {
    this.#put(content, packed, (sizes) => ({
      type: 'DATA_PAGE',
      ...sizes,
      data_page_header: {
        num_values: rows,
        encoding,
        definition_level_encoding: 'RLE',
        repetition_level_encoding: 'RLE',
      },
    }));
  }

  #put(
    content: Uint8Array,
    packed: Uint8Array,
    headerOf: (sizes: {
      uncompressed_page_size: number;
      compressed_page_size: number;
    }) => Parameters<typeof writePageHeader>[1],
  ): void {
    const header = new ByteWriter(64);
    writePageHeader(
      header,
      headerOf({ uncompressed_page_size: content.length, compressed_page_size: packed.length }),
    );
    const head = header.getBytes();
    this.pieces.push(head, packed);
    this.bytes += head.length + packed.length;
    this.#inflated += head.length + content.length;
  }
}

const NO_LEVELS = new Uint8Array(0);

/** The levels, and the values behind them: all of it worth packing. */
function behind(levels: Uint8Array, values: Uint8Array): Pick<Encoded, 'content' | 'worth'> {
  const content = levels.length === 0 ? values : Buffer.concat([levels, values]);
  return { content, worth: [0, content.length] };
}

/** Which rows have a value: their number of bytes, then a run; Arrow's bitmap is what Parquet calls bit-packed. */
function levelsOf({ nullCount, nullBitmap }: Data, rows: number): Uint8Array {
  const writer = new ByteWriter(16 + Math.ceil(rows / 8));
  writer.appendUint32(0);
  if (nullCount === 0) {
    writer.appendVarInt(rows << 1);
    writer.appendUint8(1);
  } else {
    const groups = Math.ceil(rows / 8);
    writer.appendVarInt((groups << 1) | 1);
    writer.appendBytes(nullBitmap.subarray(0, groups));
  }
  writer.view.setUint32(0, writer.index - 4, true);
  return writer.getBytes();
}

function encoded(data: Data, rows: number, levels: Uint8Array, splitter: PlaceSplitter): Encoded {
  const { type } = data;
  if (arrow.DataType.isFloat(type)) return doubles(data, rows, levels, splitter);
  if (arrow.DataType.isDictionary(type))
    return names(data as Data<import('apache-arrow').Dictionary>, rows, levels);
  if (arrow.DataType.isUtf8(type)) return texts(data, rows, levels);
  if (arrow.DataType.isInt(type) && type.bitWidth === 32) return integers(data, rows, levels);
  return longs(data, rows, levels);
}

// ── doubles ──────────────────────────────────────────────────────────────────────────────────────────────────────

function doubles(data: Data, rows: number, levels: Uint8Array, splitter: PlaceSplitter): Encoded {
  const values = compact(data.values as Float64Array, data, rows);
  const { bytes, from, to, least, most } = splitter.split(values, levels.length);
  bytes.set(levels);
  // NaN is in no order, and of the zeros a reader must not know which it was.
  const none = least > most;
  return {
    encoding: 'BYTE_STREAM_SPLIT',
    content: bytes,
    // NULLs that come and go are packed with what they stand before.
    worth: data.nullCount === 0 ? [from, to] : [0, to],
    dictionary: null,
    least: none ? undefined : least === 0 ? -0 : least,
    most: none ? undefined : most === 0 ? 0 : most,
  };
}

// ── whole numbers ────────────────────────────────────────────────────────────────────────────────────────────────

/** Of 64 bits, instants among them. */
function longs(data: Data, rows: number, levels: Uint8Array): Encoded {
  const values = compact(data.values as BigInt64Array, data, rows);
  // As two words: a BigInt a row is what would cost most here.
  const words = new Int32Array(values.buffer, values.byteOffset, 2 * values.length);
  let least = 0;
  let most = 0;
  for (let i = 1; i < values.length; i++) {
    if (isBelow(words, i, least)) least = i;
    if (isBelow(words, most, i)) most = i;
  }
  return {
    encoding: 'PLAIN',
    ...behind(levels, bytesOf(values)),
    dictionary: null,
    least: values[least],
    most: values[most],
  };
}

function isBelow(words: Int32Array, i: number, j: number): boolean {
  const high = words[2 * i + 1]! - words[2 * j + 1]!;
  return high < 0 || (high === 0 && words[2 * i]! >>> 0 < words[2 * j]! >>> 0);
}

/** Of 32 bits: a few distinct ones, each in long runs. */
function integers(data: Data, rows: number, levels: Uint8Array): Encoded {
  const stretches = stretchesOf(compact(data.values as Int32Array, data, rows));
  const numbers = new Map<number, number>();
  for (const { value } of stretches) if (!numbers.has(value)) numbers.set(value, numbers.size);
  const distinct = Int32Array.from(numbers.keys());
  return {
    encoding: 'RLE_DICTIONARY',
    ...behind(
      levels,
      runs(stretches, (value) => numbers.get(value)!, distinct.length),
    ),
    dictionary: { values: bytesOf(distinct), count: distinct.length },
    least: distinct.length === 0 ? undefined : distinct.reduce((a, b) => Math.min(a, b)),
    most: distinct.length === 0 ? undefined : distinct.reduce((a, b) => Math.max(a, b)),
  };
}

// ── texts ────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Numbers of names that are the same for many rows: the names that occur, then runs of their numbers. */
function names(data: Data<import('apache-arrow').Dictionary>, rows: number, levels: Uint8Array): Encoded {
  const stretches = stretchesOf(compact(data.values as Int32Array, data, rows));
  const vector = data.dictionary!;
  const placeOf = new Int32Array(vector.length).fill(-1);
  const written = new ByteWriter();
  let count = 0;
  let least: Uint8Array | undefined;
  let most: Uint8Array | undefined;
  for (const { value: code } of stretches) {
    if (placeOf[code] !== -1) continue;
    placeOf[code] = count++;
    const name = Buffer.from(vector.get(code) as string);
    written.appendUint32(name.length);
    written.appendBytes(name);
    if (least === undefined || Buffer.compare(name, least) < 0) least = name;
    if (most === undefined || Buffer.compare(name, most) > 0) most = name;
  }
  return {
    encoding: 'RLE_DICTIONARY',
    ...behind(
      levels,
      runs(stretches, (code) => placeOf[code]!, count),
    ),
    dictionary: { values: written.getBytes(), count },
    least,
    most,
  };
}

/** Texts of their own: each behind its length. What lies between which is not looked at. */
function texts(
  { values, valueOffsets, nullCount, nullBitmap }: Data,
  rows: number,
  levels: Uint8Array,
): Encoded {
  const bytes = values as Uint8Array;
  const out = new ByteWriter(4 * rows + valueOffsets[rows]! - valueOffsets[0]!);
  for (let row = 0; row < rows; row++) {
    if (nullCount > 0 && !isThere(nullBitmap, row)) continue;
    out.appendUint32(valueOffsets[row + 1]! - valueOffsets[row]!);
    out.appendBytes(bytes.subarray(valueOffsets[row], valueOffsets[row + 1]));
  }
  return {
    encoding: 'PLAIN',
    ...behind(levels, out.getBytes()),
    dictionary: null,
    least: undefined,
    most: undefined,
  };
}

/** A number that many rows have, one behind another. */
interface Stretch {
  readonly value: number;
  readonly rows: number;
}

function stretchesOf(values: Int32Array): Stretch[] {
  const stretches: Stretch[] = [];
  for (let from = 0; from < values.length; ) {
    const value = values[from]!;
    let to = from + 1;
    while (to < values.length && values[to] === value) to++;
    stretches.push({ value, rows: to - from });
    from = to;
  }
  return stretches;
}

/** Their numbers, below `count`, run by run: the width of one in bits, then of each run twice its length, and the number. */
function runs(stretches: readonly Stretch[], numberOf: (value: number) => number, count: number): Uint8Array {
  const width = Math.max(1, 32 - Math.clz32(count - 1));
  const writer = new ByteWriter(1024);
  writer.appendUint8(width);
  for (const { value, rows } of stretches) {
    const number = numberOf(value);
    writer.appendVarInt(rows << 1);
    for (let bits = 0; bits < width; bits += 8) writer.appendUint8((number >>> bits) & 255);
  }
  return writer.getBytes();
}

// ── rows that have a value ───────────────────────────────────────────────────────────────────────────────────────

function isThere(bitmap: Uint8Array, row: number): boolean {
  return (bitmap[row >> 3]! & (1 << (row & 7))) !== 0;
}

/** The values of the rows that have one: those of the batch itself where all have. */
function compact<T extends Float64Array | BigInt64Array | Int32Array>(
  values: T,
  { nullCount, nullBitmap }: Data,
  rows: number,
): T {
  if (nullCount === 0) return values.subarray(0, rows) as T;
  const out = values.slice(0, rows - nullCount) as T;
  let at = 0;
  // NULLs come in stretches, before an indicator has enough bars: what lies between is copied at once.
  for (let from = 0; from < rows; ) {
    if (!isThere(nullBitmap, from)) {
      from++;
      continue;
    }
    let to = from + 1;
    while (to < rows && isThere(nullBitmap, to)) to++;
    out.set(values.subarray(from, to) as never, at);
    at += to - from;
    from = to;
  }
  return out;
}

function bytesOf(values: BigInt64Array | Int32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}
