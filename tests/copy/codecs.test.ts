import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BarColumns, INDICATOR_NAMES } from '../../src/bars/columns.ts';
import { BarDecoder } from '../../src/copy/bar_decoder.ts';
import { BarEncoder } from '../../src/copy/bar_encoder.ts';
import { RowEncoder } from '../../src/copy/row_encoder.ts';
import { BARS_COLUMNS, COPY_HEADER, COPY_TRAILER, MAX_ROW_BYTES } from '../../src/copy/wire.ts';
import { BackhaulError } from '../../src/faults/fault.ts';
import { GOLDEN_BARS, GOLDEN_CASES, goldenColumns, SHORT_BARS } from './golden_cases.ts';

function golden(file: string): Uint8Array {
  return readFileSync(join(import.meta.dirname, 'goldens', file));
}

const FLOATS = (cols: BarColumns): Float64Array[] => [
  ...[cols.ts, cols.open, cols.high, cols.low, cols.close, cols.volume, cols.trades],
  ...cols.indicators,
];

/** Rows 0 … length-1 as plain values, for comparison; -0 and NaN stay what they are. */
function contents(cols: BarColumns): number[][] {
  return Array.from({ length: cols.length }, (_, i) => [cols.symbol[i]!, ...FLOATS(cols).map((c) => c[i]!)]);
}

/** A whole stream of the rows of `cols`. */
function streamOf(cols: BarColumns): Uint8Array {
  const out = new Uint8Array(COPY_HEADER.length + cols.length * MAX_ROW_BYTES + COPY_TRAILER.length);
  out.set(COPY_HEADER);
  const end = new BarEncoder().encode(cols, null, 0, cols.length, null, out, COPY_HEADER.length);
  out.set(COPY_TRAILER, end);
  return out.subarray(0, end + COPY_TRAILER.length);
}

/** Cuts bytes at the given places. */
function cut(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const ends = [...new Set(places.map((p) => p % bytes.length))].sort((a, b) => a - b);
  // A copy each, so that a decoder which keeps a view of a piece is found out.
  return [0, ...ends].map((start, i) => bytes.slice(start, ends[i] ?? bytes.length));
}

/**
 * The rows of a whole stream, a batch at a time: yields `cols` whenever it is full, and at the end with what is left.
 * The consumer is done with `cols` when it asks for more.
 */
async function* decodeRows(
  pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  cols: BarColumns,
): AsyncGenerator<BarColumns> {
  const decoder = new BarDecoder(cols);
  cols.length = 0;
  for await (const piece of pieces) {
    let at = 0;
    while (at < piece.length) {
      at = decoder.push(piece, at);
      if (cols.length < cols.capacity) continue;
      yield cols;
      cols.length = 0;
    }
  }
  decoder.end();
  if (cols.length > 0) yield cols;
}

async function decodeAll(pieces: Iterable<Uint8Array>, capacity: number): Promise<number[][]> {
  const rows: number[][] = [];
  for await (const cols of decodeRows(pieces, new BarColumns(capacity))) rows.push(...contents(cols));
  return rows;
}

const value = fc.oneof(fc.double(), fc.constantFrom(Number.NaN, 0, -0, 5e-324, 1e308));
const bars = fc
  .array(
    fc.tuple(
      fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
      fc.integer({ min: -4e15, max: 8e15 }),
      fc.option(fc.maxSafeInteger(), { nil: Number.NaN }),
      fc.array(value, { minLength: 21, maxLength: 21 }),
    ),
    { maxLength: 12 },
  )
  .map((rows) => {
    const cols = new BarColumns(rows.length + 1);
    for (const [i, [series, ts, trades, floats]] of rows.entries()) {
      cols.symbol[i] = series;
      cols.ts[i] = ts;
      cols.trades[i] = trades;
      const rest = FLOATS(cols).filter((c) => c !== cols.ts && c !== cols.trades);
      for (const [k, column] of rest.entries()) column[i] = floats[k]!;
    }
    cols.length = rows.length;
    return cols;
  });

describe('encoders against the bytes of a real server', () => {
  test.each(GOLDEN_CASES)('$file', ({ file, encode }) => {
    expect(Buffer.from(encode()).toString('hex')).toBe(Buffer.from(golden(file)).toString('hex'));
  });

  test('a row without NULL takes MAX_ROW_BYTES', () => {
    const cols = goldenColumns();
    const out = new Uint8Array(MAX_ROW_BYTES);
    expect(new BarEncoder().encode(cols, null, 0, 1, null, out, 0)).toBe(MAX_ROW_BYTES);
    expect(BARS_COLUMNS).toHaveLength(24);
  });
});

describe('BarEncoder', () => {
  test('a list of rows writes those rows in that order', () => {
    const cols = goldenColumns();
    const whole = new Uint8Array(cols.length * MAX_ROW_BYTES);
    const encoder = new BarEncoder();
    const expected = [4, 1, 1].map((row) => {
      const end = encoder.encode(cols, null, row, row + 1, null, whole, 0);
      return Buffer.from(whole.slice(0, end));
    });
    const rows = Int32Array.of(0, 4, 1, 1, 3);
    const end = encoder.encode(cols, null, 1, 4, rows, whole, 10);
    expect(Buffer.from(whole.subarray(10, end)).equals(Buffer.concat(expected))).toBe(true);
  });

  test('symbols are looked up in the series ids', () => {
    const cols = goldenColumns();
    cols.symbol[0] = 2;
    const out = new Uint8Array(MAX_ROW_BYTES);
    new BarEncoder().encode(cols, Int32Array.of(10, 20, 30), 0, 1, null, out, 0);
    expect(new DataView(out.buffer).getInt32(6)).toBe(30);
  });

  test('an indicator that is not wanted is NULL, the others are as ever', async () => {
    const cols = goldenColumns();
    const wanted = INDICATOR_NAMES.map((_, k) => k % 3 === 0);
    const out = new Uint8Array(COPY_HEADER.length + cols.length * MAX_ROW_BYTES);
    out.set(COPY_HEADER);
    const end = new BarEncoder(wanted).encode(cols, null, 0, cols.length, null, out, COPY_HEADER.length);
    const decoded = await decodeAll([out.subarray(0, end), COPY_TRAILER], 100);
    const expected = contents(cols).map((row) =>
      row.map((x, i) => (i < 8 || wanted[i - 8] ? x : Number.NaN)),
    );
    expect(decoded).toEqual(expected);
  });

  test('writes into its part of the buffer alone, wherever that begins', () => {
    const cols = goldenColumns();
    const memory = new Uint8Array(MAX_ROW_BYTES + 40).fill(0xaa);
    const end = new BarEncoder().encode(cols, null, 0, 1, null, memory.subarray(7), 5);
    expect(end).toBe(5 + MAX_ROW_BYTES);
    expect(memory.subarray(0, 12).every((b) => b === 0xaa)).toBe(true);
    expect(memory.subarray(12 + MAX_ROW_BYTES).every((b) => b === 0xaa)).toBe(true);
  });
});

describe('BarDecoder', () => {
  test('reads what the server wrote', async () => {
    expect(await decodeAll([golden('bars.bin')], 100)).toEqual(contents(goldenColumns()));
  });

  test('reads the first eight columns, without indicators', async () => {
    const cols = goldenColumns();
    for (const column of cols.indicators) column.fill(Number.NaN);
    expect(await decodeAll([golden(SHORT_BARS.file)], 100)).toEqual(contents(cols));
  });

  test('any rows, cut anywhere, in batches of any size, come back', async () => {
    const property = fc.asyncProperty(
      bars,
      fc.array(fc.nat(4000), { maxLength: 20 }),
      fc.integer({ min: 1, max: 14 }),
      async (cols, places, capacity) => {
        expect(await decodeAll(cut(streamOf(cols), places), capacity)).toEqual(contents(cols));
      },
    );
    await fc.assert(property, { numRuns: 200 });
  });

  test('one byte at a time', async () => {
    const bytes = golden('bars.bin');
    const pieces = Array.from(bytes, (_, i) => bytes.slice(i, i + 1));
    expect(await decodeAll(pieces, 2)).toEqual(contents(goldenColumns()));
  });

  test('a stream that ends early is an error, at every length', async () => {
    const bytes = golden('bars.bin');
    for (let length = 0; length < bytes.length; length++) {
      await expect(decodeAll([bytes.subarray(0, length)], 100), `${length} bytes`).rejects.toThrow(
        BackhaulError,
      );
    }
  });

  test.each([
    ['another signature', 3, 0],
    ['another number of fields', COPY_HEADER.length + 1, 23],
    ['a series_id of another length', COPY_HEADER.length + 5, 8],
    ['a stamp that is NULL', COPY_HEADER.length + 13, 255],
  ])('%s is an error of kind database', async (_, at, byte) => {
    const bytes = Uint8Array.from(golden('bars.bin'));
    bytes[at] = byte;
    if (byte === 255) bytes.fill(255, at - 3, at + 1);
    await expect(decodeAll([bytes], 100)).rejects.toMatchObject({ fault: { kind: 'database' } });
  });

  test('bytes after the trailer are an error', () => {
    const decoder = new BarDecoder(new BarColumns(100));
    expect(decoder.push(golden('bars.bin'))).toBe(golden('bars.bin').length);
    expect(decoder.finished).toBe(true);
    expect(() => decoder.push(Uint8Array.of(0))).toThrow(/something else/);
  });

  test('stops when the columns are full and goes on from there', () => {
    const cols = new BarColumns(2);
    const decoder = new BarDecoder(cols);
    const bytes = golden('bars.bin');
    const sizes: number[] = [];
    for (let at = 0; at < bytes.length; cols.length = 0) {
      at = decoder.push(bytes, at);
      sizes.push(cols.length);
    }
    expect(sizes).toEqual([2, 2, 2, GOLDEN_BARS.length - 6]);
    decoder.end();
  });
});

describe('RowEncoder', () => {
  test('grows as rows come', () => {
    const rows = new RowEncoder(2);
    for (let i = 0; i < 1000; i++) rows.row().int4(i).text('x'.repeat(i));
    expect(rows.bytes()).toHaveLength(1000 * (2 + 8 + 4) + (999 * 1000) / 2);
  });

  test('a row is its fields, each with its length', () => {
    const view = new RowEncoder(2).row().int4(7).null().bytes();
    expect(Array.from(view)).toEqual([0, 2, 0, 0, 0, 4, 0, 0, 0, 7, 255, 255, 255, 255]);
  });

  test('a row of too few or too many fields is refused', () => {
    expect(() => new RowEncoder(2).row().int4(1).row()).toThrow(RangeError);
    expect(() => new RowEncoder(2).row().int4(1).bytes()).toThrow(RangeError);
    expect(() => new RowEncoder(1).row().int4(1).int4(2)).toThrow(RangeError);
    expect(() => new RowEncoder(1).int4(1)).toThrow(RangeError);
  });

  test.each([
    ['int4', (r: RowEncoder) => r.int4(2 ** 31)],
    ['int4 with a fraction', (r: RowEncoder) => r.int4(0.5)],
    ['int8', (r: RowEncoder) => r.int8(2 ** 53)],
    ['int8 with a fraction', (r: RowEncoder) => r.int8(0.5)],
    ['a stamp between microseconds', (r: RowEncoder) => r.timestamptz(0.5)],
    ['no stamp', (r: RowEncoder) => r.timestamptz(Number.NaN)],
    ['a range backwards', (r: RowEncoder) => r.tstzrange(1, 0)],
  ])('%s: a value the type cannot hold is refused', (_, put) => {
    expect(() => put(new RowEncoder(1).row())).toThrow(RangeError);
  });

  test('beyond its limit it fails by kind', () => {
    const rows = new RowEncoder(1, 10_000);
    rows.row().text('x'.repeat(9_000));
    expect(() => rows.row().text('x'.repeat(1_000))).toThrow(BackhaulError);
    expect(() => rows.bytes()).toThrow(RangeError);
  });

  test('what neither text nor jsonb can hold is written out', () => {
    const text = Buffer.from(new RowEncoder(1).row().text('a\0b\ud800c').bytes().subarray(6));
    expect(text.toString()).toBe('a\\x00b\ufffdc');
    const value = { nul: 'a\0b', path: '\\u0000', deep: ['\udfff'], left: undefined };
    const json = Buffer.from(new RowEncoder(1).row().jsonb(value).bytes().subarray(7));
    expect(JSON.parse(json.toString())).toEqual({ nul: 'a\\x00b', path: '\\u0000', deep: ['\ufffd'] });
    expect(json.toString()).not.toContain('\\ud');
  });
});
