import * as arrow from 'apache-arrow';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openArrowByRanges } from '../../../src/producer/archive/table/arrow_file.ts';
import { ARROW_LIMITS, type ArrowLimits } from '../../../src/producer/archive/table/arrow_large.ts';
import { textOf } from '../../../src/scan/table/texts.ts';
import { faultOf, MemoryReader } from './memory_reader.ts';

/** Batches that are read by ranges give what those give that are held. */

const TYPES = {
  whole: new arrow.Int64(),
  small: new arrow.Int16(),
  count: new arrow.Uint32(),
  price: new arrow.Float64(),
  single: new arrow.Float32(),
  word: new arrow.Utf8(),
  symbol: new arrow.Dictionary(new arrow.Utf8(), new arrow.Int8()),
  at: new arrow.TimestampMicrosecond(),
  day: new arrow.DateDay(),
  flag: new arrow.Bool(),
} as const;
type Column = keyof typeof TYPES;
const COLUMNS = Object.keys(TYPES) as Column[];

function cellOf(
  column: Column,
  row: number,
  nulls: number,
): string | number | bigint | boolean | Date | null {
  if (nulls > 0 && (row * 31 + COLUMNS.indexOf(column)) % nulls === 0) return null;
  switch (column) {
    case 'whole':
      return BigInt(row) * 9_007_199_254_743n - 5n;
    case 'small':
      return (row % 1000) - 500;
    case 'count':
      return 4_000_000_000 - row;
    case 'price':
      return row / 8 + 0.1;
    case 'single':
      return row / 4;
    case 'word':
      return `W${'x'.repeat(row % 5)}${row}é`;
    case 'symbol':
      return ['AB', 'ÄÖ', 'C'][row % 3]!;
    case 'at':
      return 1_700_000_000_000 + row;
    case 'day':
      return new Date(86_400_000 * (10_000 + row));
    case 'flag':
      return row % 3 === 0;
  }
}

/** Batches of so many rows each, as a stream. */
function bytesOf(sizes: readonly number[], nulls: number): Uint8Array {
  let from = 0;
  const batches = sizes.flatMap((rows) => {
    const start = from;
    from += rows;
    const vectors = COLUMNS.map((column) => [
      column,
      arrow.vectorFromArray(
        Array.from({ length: rows }, (_, i) => cellOf(column, start + i, nulls)),
        TYPES[column] as arrow.DataType,
      ),
    ]);
    return new arrow.Table(Object.fromEntries(vectors)).batches;
  });
  return arrow.tableToIPC(new arrow.Table(batches), 'stream');
}

async function textsOf(reader: MemoryReader, limits: ArrowLimits, limit?: number): Promise<string[]> {
  const from = (place: number): AsyncIterable<Uint8Array> => reader.stream(place, reader.sizeBytes);
  const table = await openArrowByRanges(reader, from, false, undefined, limits);
  const places = COLUMNS.map((name) => table.fields.findIndex((field) => field.name === name));
  const texts: string[] = [];
  for await (const batch of table.batches(places, limit))
    for (let row = 0; row < batch.rows; row++)
      texts.push(batch.columns.map((column) => textOf(column, row)).join('|'));
  return texts;
}

describe('large batches of an Arrow file', () => {
  it('are read by ranges as those are that are held, in their order among them', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom(1, 7, 8, 20, 300), { minLength: 1, maxLength: 4 }),
        fc.constantFrom(0, 1, 2, 13),
        fc.constantFrom({ batch: 0, rows: 8 }, { batch: 2000, rows: 16 }, { batch: 2000, rows: 1024 }),
        fc.option(fc.nat(700)),
        async (sizes, nulls, limits, limit) => {
          const bytes = bytesOf(sizes, nulls);
          const some = limit ?? undefined;
          const reader = new MemoryReader(bytes);
          const texts = await textsOf(reader, limits, some);
          expect(texts).toEqual(await textsOf(new MemoryReader(bytes), ARROW_LIMITS, some));
          const rows = sizes.reduce((sum, size) => sum + size, 0);
          expect(texts).toHaveLength(Math.min(rows, some ?? rows));
          expect(reader.streaming).toBe(0);
        },
      ),
      { numRuns: Number(process.env['SCAN_RUNS'] ?? 40) },
    );
  });

  it('are never held: the longest read is one column of some rows', async () => {
    const reader = new MemoryReader(bytesOf([6000], 13));
    expect(await textsOf(reader, { batch: 1 << 16, rows: 512 })).toHaveLength(6000);
    expect(reader.sizeBytes).toBeGreaterThan(50 * 512 * 8);
    expect(reader.longest).toBeLessThanOrEqual(512 * 16);
  });

  it('that end too early are named', async () => {
    const bytes = bytesOf([3000], 0);
    const reader = new MemoryReader(bytes.subarray(0, bytes.length - 9000));
    const { kind } = await faultOf(textsOf(reader, { batch: 1 << 12, rows: 512 }));
    expect(kind).toBe('truncated');
  });
});
