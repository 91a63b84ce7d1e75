/**
 * Parquet files out of Arrow record batches: a batch is a row group, a column of it one page. Pure.
 *
 * Directory and page headers are hyparquet-writer's; the pages are made here, by loops over whole columns, because a
 * writer that takes values one by one costs several times as much as all that is done here. Measured a row of 24
 * columns, µs of CPU: bytes of doubles by their places 0.07, Zstandard over them 0.21 at 126 bytes; LZ4 in WebAssembly
 * had 139 bytes, and with its copies in and out 2.2 in all.
 *
 * Format: https://github.com/apache/parquet-format (parquet.thrift, Encodings.md).
 */

import zlib from 'node:zlib';
import type { Data, RecordBatch, Schema } from 'apache-arrow';
import type { ColumnChunk, Encoding, RowGroup, SchemaElement } from 'hyparquet';
import { ByteWriter } from 'hyparquet-writer/src/bytewriter.js';
import { writePageHeader } from 'hyparquet-writer/src/datapage.js';
import { writeMetadata } from 'hyparquet-writer/src/metadata.js';
import { arrow } from '../bars/arrow.ts';

const MAGIC = Uint8Array.from([0x50, 0x41, 0x52, 0x31]);
const LEVEL = { [zlib.constants.ZSTD_c_compressionLevel]: 1 };

type Bound = number | bigint | Uint8Array;

/** The values of a column of a batch on their way into pages. */
interface Encoded {
  readonly encoding: Encoding;
  /** Of the rows that have one. */
  readonly values: Uint8Array;
  /** The distinct values, written one behind another, in front of a page of their numbers; null: none. */
  readonly dictionary: { readonly values: Uint8Array; readonly count: number } | null;
  /** Undefined where no order of the values is known. */
  readonly least: Bound | undefined;
  readonly most: Bound | undefined;
}

/** The bytes of a file that holds `batches`. A batch is done with when the next is asked for. */
export async function* parquetBytes(
  schema: Schema,
  batches: AsyncIterable<RecordBatch>,
): AsyncGenerator<Uint8Array> {
  const elements = schema.fields.map(elementOf);
  const groups: RowGroup[] = [];
  let offset = MAGIC.length;
  yield MAGIC;
  for await (const batch of batches) {
    const began = offset;
    const columns: ColumnChunk[] = [];
    for (let k = 0; k < elements.length; k++) {
      const chunk = new Chunk(elements[k]!, batch.data.children[k]!, batch.numRows, offset);
      yield* chunk.pieces;
      offset += chunk.bytes;
      columns.push(chunk.entry);
    }
    groups.push({
      columns,
      total_byte_size: columns.reduce((sum, one) => sum + one.meta_data!.total_uncompressed_size, 0n),
      num_rows: BigInt(batch.numRows),
      total_compressed_size: BigInt(offset - began),
    });
  }
  yield directory(schema, elements, groups);
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
  constructor(element: SchemaElement, data: Data, rows: number, offset: number) {
    const { encoding, values, dictionary, least, most } = encoded(data, rows);
    if (dictionary !== null) this.#dictionary(dictionary);
    const page = offset + this.bytes;
    this.#page(element, data, rows, encoding, values);
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
    this.#put(values, (sizes) => ({
      type: 'DICTIONARY_PAGE',
      ...sizes,
      dictionary_page_header: { num_values: count, encoding: 'PLAIN' },
    }));
  }

  #page(
    { repetition_type: repetition }: SchemaElement,
    data: Data,
    rows: number,
    encoding: Encoding,
    values: Uint8Array,
  ): void {
    const levels = repetition === 'OPTIONAL' ? levelsOf(data, rows) : new Uint8Array(0);
    const content = behind(levels, values);
    this.#put(content, (sizes) => ({
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
    headerOf: (sizes: {
      uncompressed_page_size: number;
      compressed_page_size: number;
    }) => Parameters<typeof writePageHeader>[1],
  ): void {
    // All of it in one piece: of the 16 KB that are usual, twenty are made for a page and put together, for as long again.
    const chunkSize = content.length + (content.length >> 7) + 1024;
    const packed = zlib.zstdCompressSync(content, { params: LEVEL, chunkSize });
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

/** The levels, and the values behind them: without a copy where there is room before the values. */
function behind(levels: Uint8Array, values: Uint8Array): Uint8Array {
  if (levels.length === 0) return values;
  if (values.buffer !== places.buffer || levels.length > ROOM) return Buffer.concat([levels, values]);
  places.set(levels, ROOM - levels.length);
  return places.subarray(ROOM - levels.length, ROOM + values.length);
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

function encoded(data: Data, rows: number): Encoded {
  const { type } = data;
  if (arrow.DataType.isFloat(type)) return doubles(data, rows);
  if (arrow.DataType.isDictionary(type)) return names(data as Data<import('apache-arrow').Dictionary>, rows);
  if (arrow.DataType.isUtf8(type)) return texts(data, rows);
  if (arrow.DataType.isInt(type) && type.bitWidth === 32) return integers(data, rows);
  return longs(data, rows);
}

// ── doubles ──────────────────────────────────────────────────────────────────────────────────────────────────────

function doubles(data: Data, rows: number): Encoded {
  const values = compact(data.values as Float64Array, data, rows);
  let least = Number.POSITIVE_INFINITY;
  let most = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (value < least) least = value;
    if (value > most) most = value;
  }
  // NaN is in no order, and of the zeros a reader must not know which it was.
  const none = least > most;
  return {
    encoding: 'BYTE_STREAM_SPLIT',
    values: byPlaces(values),
    dictionary: null,
    least: none ? undefined : least === 0 ? -0 : least,
    most: none ? undefined : most === 0 ? 0 : most,
  };
}

/** Bytes before the values that their levels find room in, those of 130,000 rows. */
const ROOM = 1 << 14;
/** Filled again by each column: half a megabyte each would be what most of the collector's work is for. */
let places = new Uint8Array(0);

/**
 * The first bytes of all, then the second …: of four values at a time a word for each place. In memory that the next call
 * overwrites.
 */
function byPlaces(values: Float64Array): Uint8Array {
  const count = values.length;
  if (places.length < ROOM + 8 * count) places = new Uint8Array(ROOM + 8 * count);
  const words = new Uint32Array(values.buffer, values.byteOffset, 2 * count);
  const bytes = new Uint8Array(values.buffer, values.byteOffset, 8 * count);
  const out = places.subarray(ROOM, ROOM + 8 * count);
  // Words of `out` begin at multiples of four for every place only if all places are that long.
  const whole = count % 4 === 0 ? count : 0;
  const quarter = whole / 4;
  const to = new Uint32Array(out.buffer, out.byteOffset, 2 * whole);
  for (let half = 0; half < 2; half++) {
    const p0 = 4 * half * quarter;
    const p1 = p0 + quarter;
    const p2 = p1 + quarter;
    const p3 = p2 + quarter;
    for (let i = 0, at = half; i < quarter; i++, at += 8) {
      const a = words[at]!;
      const b = words[at + 2]!;
      const c = words[at + 4]!;
      const d = words[at + 6]!;
      to[p0 + i] = (a & 255) | ((b & 255) << 8) | ((c & 255) << 16) | (d << 24);
      to[p1 + i] = ((a >>> 8) & 255) | (b & 0xff00) | ((c & 0xff00) << 8) | ((d & 0xff00) << 16);
      to[p2 + i] = ((a >>> 16) & 255) | ((b >>> 8) & 0xff00) | (c & 0xff0000) | ((d & 0xff0000) << 8);
      to[p3 + i] = (a >>> 24) | ((b >>> 16) & 0xff00) | ((c >>> 8) & 0xff0000) | (d & 0xff000000);
    }
  }
  for (let row = whole; row < count; row++)
    for (let place = 0; place < 8; place++) out[place * count + row] = bytes[8 * row + place]!;
  return out;
}

// ── whole numbers ────────────────────────────────────────────────────────────────────────────────────────────────

/** Of 64 bits, instants among them. */
function longs(data: Data, rows: number): Encoded {
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
    values: bytesOf(values),
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
function integers(data: Data, rows: number): Encoded {
  const values = compact(data.values as Int32Array, data, rows);
  const numbers = new Map<number, number>();
  const places = new Int32Array(values.length);
  for (let i = 0; i < values.length; i++) {
    let place = numbers.get(values[i]!);
    if (place === undefined) {
      place = numbers.size;
      numbers.set(values[i]!, place);
    }
    places[i] = place;
  }
  const distinct = Int32Array.from(numbers.keys());
  return {
    encoding: 'RLE_DICTIONARY',
    values: runs(places, distinct.length),
    dictionary: { values: bytesOf(distinct), count: distinct.length },
    least: distinct.length === 0 ? undefined : distinct.reduce((a, b) => Math.min(a, b)),
    most: distinct.length === 0 ? undefined : distinct.reduce((a, b) => Math.max(a, b)),
  };
}

// ── texts ────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Numbers of names that are the same for many rows: the names that occur, then runs of their numbers. */
function names(data: Data<import('apache-arrow').Dictionary>, rows: number): Encoded {
  const codes = compact(data.values as Int32Array, data, rows);
  const vector = data.dictionary!;
  const placeOf = new Int32Array(vector.length).fill(-1);
  const places = new Int32Array(codes.length);
  const written = new ByteWriter();
  let count = 0;
  let least: Uint8Array | undefined;
  let most: Uint8Array | undefined;
  for (let i = 0; i < codes.length; i++) {
    const code = codes[i]!;
    if (placeOf[code] === -1) {
      placeOf[code] = count++;
      const name = Buffer.from(vector.get(code) as string);
      written.appendUint32(name.length);
      written.appendBytes(name);
      if (least === undefined || Buffer.compare(name, least) < 0) least = name;
      if (most === undefined || Buffer.compare(name, most) > 0) most = name;
    }
    places[i] = placeOf[code]!;
  }
  return {
    encoding: 'RLE_DICTIONARY',
    values: runs(places, count),
    dictionary: { values: written.getBytes(), count },
    least,
    most,
  };
}

/** Texts of their own: each behind its length. What lies between which is not looked at. */
function texts({ values, valueOffsets, nullCount, nullBitmap }: Data, rows: number): Encoded {
  const bytes = values as Uint8Array;
  const out = new ByteWriter(4 * rows + valueOffsets[rows]! - valueOffsets[0]!);
  for (let row = 0; row < rows; row++) {
    if (nullCount > 0 && !isThere(nullBitmap, row)) continue;
    out.appendUint32(valueOffsets[row + 1]! - valueOffsets[row]!);
    out.appendBytes(bytes.subarray(valueOffsets[row], valueOffsets[row + 1]));
  }
  return { encoding: 'PLAIN', values: out.getBytes(), dictionary: null, least: undefined, most: undefined };
}

/** Numbers below `count`, run by run: the width of one in bits, then of each run twice its length, and the number. */
function runs(numbers: Int32Array, count: number): Uint8Array {
  const width = Math.max(1, 32 - Math.clz32(count - 1));
  const writer = new ByteWriter(1024);
  writer.appendUint8(width);
  for (let from = 0; from < numbers.length; ) {
    const number = numbers[from]!;
    let to = from + 1;
    while (to < numbers.length && numbers[to] === number) to++;
    writer.appendVarInt((to - from) << 1);
    for (let bits = 0; bits < width; bits += 8) writer.appendUint8((number >>> bits) & 255);
    from = to;
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
