import * as arrow from 'apache-arrow';
import fc from 'fast-check';
import * as parquet from 'parquet-wasm';
import { describe, expect, it } from 'vitest';
import { BackhaulError } from '../../../src/faults/fault.ts';
import { PAGE_LIMITS, type PageLimits } from '../../../src/producer/archive/table/page_pieces.ts';
import { PageTable } from '../../../src/producer/archive/table/page_table.ts';
import { openParquet } from '../../../src/producer/archive/table/parquet_file.ts';
import { textOf } from '../../../src/scan/table/texts.ts';
import { MemoryReader } from './memory_reader.ts';

/**
 * Pages as Apache Arrow's own implementation writes them: what is read of them is what was written. The encodings of the
 * format's second version are left to that implementation, a row group at a time, and are held to the same.
 */

const RUNS = Number(process.env['SCAN_RUNS'] ?? 25);

type Cell = string | number | bigint | null;

const TYPES = {
  whole: new arrow.Int64(),
  small: new arrow.Int32(),
  price: new arrow.Float64(),
  single: new arrow.Float32(),
  word: new arrow.Utf8(),
  at: new arrow.TimestampMicrosecond(),
} as const;
type Column = keyof typeof TYPES;
const COLUMNS = Object.keys(TYPES) as Column[];

interface Written {
  readonly rows: number;
  readonly distinct: number;
  readonly nulls: number;
  readonly compression: number;
  readonly version: number;
  readonly hasDictionary: boolean;
  /** Whether bytes of numbers lie apart. */
  readonly isSplit: boolean;
  readonly dictionaryBytes: number;
  readonly pageBytes: number;
  readonly groupRows: number;
}

/** A value of a column for a row: the same for the same number of `distinct`. */
function cellOf(column: Column, row: number, { distinct, nulls }: Written): Cell {
  const kind = (row * 7919 + (row >> 3)) % distinct;
  if (nulls > 0 && (row * 31 + COLUMNS.indexOf(column)) % nulls === 0) return null;
  switch (column) {
    case 'whole':
      return BigInt(kind) * 9_007_199_254_743n - 5n;
    case 'small':
      return kind - 100;
    case 'price':
      return kind / 8 + 0.1;
    case 'single':
      return kind / 4;
    case 'word':
      return `W${'x'.repeat(kind % 5)}${kind}é`;
    case 'at':
      return 1_700_000_000_000 + kind;
  }
}

function bytesOf(written: Written): Uint8Array {
  const { rows } = written;
  const table = new arrow.Table(
    Object.fromEntries(
      COLUMNS.map((column) => [
        column,
        arrow.vectorFromArray(
          Array.from({ length: rows }, (_, row) => cellOf(column, row, written)),
          TYPES[column] as arrow.DataType,
        ),
      ]),
    ),
  );
  const split = written.isSplit ? (['whole', 'small', 'price', 'single'] as const) : [];
  const properties = split
    .reduce(
      (builder, name) => builder.setColumnEncoding(name, parquet.Encoding.BYTE_STREAM_SPLIT),
      new parquet.WriterPropertiesBuilder(),
    )
    .setCompression(written.compression)
    .setWriterVersion(written.version)
    .setDictionaryEnabled(written.hasDictionary)
    .setDictionaryPageSizeLimit(written.dictionaryBytes)
    .setDataPageSizeLimit(written.pageBytes)
    .setWriteBatchSize(64)
    .setMaxRowGroupSize(written.groupRows)
    .build();
  return parquet.writeParquet(parquet.Table.fromIPCStream(arrow.tableToIPC(table, 'stream')), properties);
}

async function textsOf(bytes: Uint8Array, limit?: number, limits = PAGE_LIMITS): Promise<string[]> {
  const table = await openParquet(new MemoryReader(bytes), undefined, limits);
  const texts: string[] = [];
  for await (const batch of table.batches(
    COLUMNS.map((name) => table.fields.findIndex((field) => field.name === name)),
    limit,
  ))
    for (let row = 0; row < batch.rows; row++)
      texts.push(batch.columns.map((column) => textOf(column, row)).join('|'));
  return texts;
}

function expectedText(written: Written, row: number): string {
  return COLUMNS.map((column) => {
    const cell = cellOf(column, row, written);
    if (cell === null) return '';
    if (column !== 'at') return String(cell);
    const text = new Date(Number(cell)).toISOString();
    return text.endsWith('.000Z') ? text.slice(0, -5) : text.replace('Z', '000');
  }).join('|');
}

const files: fc.Arbitrary<Written> = fc.record({
  rows: fc.integer({ min: 1, max: 3000 }),
  distinct: fc.constantFrom(1, 2, 9, 300, 5000),
  nulls: fc.constantFrom(0, 1, 2, 13, 999),
  compression: fc.constantFrom(
    parquet.Compression.UNCOMPRESSED,
    parquet.Compression.SNAPPY,
    parquet.Compression.ZSTD,
    parquet.Compression.GZIP,
    parquet.Compression.BROTLI,
    parquet.Compression.LZ4_RAW,
  ),
  version: fc.constantFrom(parquet.WriterVersion.V1, parquet.WriterVersion.V2),
  hasDictionary: fc.boolean(),
  isSplit: fc.boolean(),
  dictionaryBytes: fc.constantFrom(200, 1 << 20),
  pageBytes: fc.constantFrom(300, 1 << 20),
  groupRows: fc.constantFrom(700, 100_000),
});

/** All at once, or by the smallest pieces there can be. */
const limitsOf: fc.Arbitrary<PageLimits> = fc.constantFrom(
  PAGE_LIMITS,
  { group: 0, range: 1, page: 0, window: 16, piece: 7 },
  { group: 0, range: 700, page: 64, window: 1000, piece: 300 },
);

describe('pages of a Parquet file', () => {
  it('give the values that were written, of whatever pages, levels and packing', async () => {
    await fc.assert(
      fc.asyncProperty(files, limitsOf, fc.option(fc.nat(3000)), async (written, limits, first) => {
        const rows = Math.min(written.rows, first ?? written.rows);
        const texts = await textsOf(bytesOf(written), first ?? undefined, limits);
        expect(texts).toEqual(Array.from({ length: rows }, (_, row) => expectedText(written, row)));
      }),
      { numRuns: RUNS },
    );
  });

  const usual: Written = {
    rows: 40_000,
    distinct: 300,
    nulls: 13,
    compression: parquet.Compression.SNAPPY,
    version: parquet.WriterVersion.V1,
    hasDictionary: true,
    isSplit: false,
    dictionaryBytes: 1 << 20,
    pageBytes: 1 << 16,
    groupRows: 30_000,
  };

  it('of the usual kind are not left to the slow way, and are read as far as they are asked for', async () => {
    const bytes = bytesOf(usual);
    const isReadByPages = async (written: Uint8Array): Promise<boolean> => {
      const reader = new MemoryReader(written);
      const { fields } = await openParquet(reader);
      const pages = PageTable.open(reader, { bytes: written }, PAGE_LIMITS, undefined);
      return (pages?.columns(fields)?.batches(0, 1) ?? null) !== null;
    };
    expect(await isReadByPages(bytes)).toBe(true);
    expect(await isReadByPages(bytesOf({ ...usual, rows: 100, isSplit: true, hasDictionary: false }))).toBe(
      true,
    );
    const texts = await textsOf(bytes, 30_001);
    expect(texts).toHaveLength(30_001);
    expect(texts[30_000]).toBe(expectedText(usual, 30_000));
  });

  it('of one large row group come without its columns being held: the largest read is a range', async () => {
    const bytes = bytesOf({ ...usual, groupRows: 100_000, hasDictionary: false, pageBytes: 1 << 24 });
    const reader = new MemoryReader(bytes);
    const limits = { group: 1 << 16, range: 1 << 14, page: 1 << 14, window: 1 << 14, piece: 1 << 12 };
    const table = await openParquet(reader, undefined, limits);
    reader.longest = 0;
    let rows = 0;
    for await (const batch of table.batches([0, 1, 2, 3, 4, 5])) rows += batch.rows;
    expect(rows).toBe(usual.rows);
    expect(bytes.length).toBeGreaterThan(20 * limits.range);
    expect(reader.longest).toBe(limits.range);
  });

  it('that are damaged end in an error, or in other values, and never in another number of rows', async () => {
    const written = { ...usual, rows: 2000, pageBytes: 2000 };
    const whole = bytesOf(written);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 }),
        limitsOf,
        async (changes, limits) => {
          const bytes = Uint8Array.from(whole);
          for (const [at, value] of changes) bytes[at] = value;
          const read = await textsOf(bytes, undefined, limits).catch((error: unknown) => error);
          if (read instanceof BackhaulError)
            expect(['corrupt', 'unsupported', 'truncated']).toContain(read.fault.kind);
          else expect(read).toHaveLength(2000);
        },
      ),
      { numRuns: RUNS },
    );
  });
});
