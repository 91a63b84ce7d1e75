import { createRequire } from 'node:module';
import { tableFromIPC } from 'apache-arrow';
import { expect, test } from 'vitest';
import { BarColumns } from '../../src/bars/columns.ts';
import { BATCH_SCHEMA, barsOf, toRecordBatch } from '../../src/bars/record_batch.ts';
import { BARS_COLUMNS } from '../../src/copy/wire.ts';

function someColumns(): BarColumns {
  const cols = new BarColumns(10);
  for (let i = 0; i < 10; i++) {
    cols.symbol[i] = i % 3;
    cols.ts[i] = 1_704_067_200_000_000 + i;
    cols.open[i] = i / 7;
    for (const [k, column] of cols.indicators.entries()) column[i] = i < 5 ? Number.NaN : i + k / 100;
  }
  cols.length = 10;
  return cols;
}

test('the columns are those of bars, by name and in order', () => {
  expect(BATCH_SCHEMA.names).toEqual(BARS_COLUMNS);
});

test('the rows are the same memory, not a copy of it', () => {
  const cols = someColumns();
  const batch = toRecordBatch(cols, Int32Array.of(10, 20, 30), 2, 9);
  expect(batch.numRows).toBe(7);
  expect(batch.getChild('open')?.data[0]?.values.buffer).toBe(cols.open.buffer);
  expect(batch.getChild('series_id')?.data[0]?.values.buffer).toBe(cols.symbol.buffer);
});

test('values are those of the rows, series_id by way of the symbol', () => {
  const cols = someColumns();
  const batch = toRecordBatch(cols, Int32Array.of(10, 20, 30), 2, 9);
  expect(Array.from(batch.getChild('series_id')!)).toEqual([30, 10, 20, 30, 10, 20, 30]);
  expect(Array.from(batch.getChild('ts')!)).toEqual(Array.from(cols.ts.subarray(2, 9)));
  expect(Array.from(batch.getChild('volatility_20')!)).toEqual(
    Array.from(cols.indicators[15]!.subarray(2, 9)),
  );
});

test('it can be written as Arrow and read back', async () => {
  const cols = someColumns();
  // By the build of Arrow that batches are made with; the other one reads what it writes.
  const { RecordBatchStreamWriter } = createRequire(import.meta.url)(
    'apache-arrow/Arrow.es2015.min',
  ) as typeof import('apache-arrow');
  const writer = new RecordBatchStreamWriter();
  writer.write(toRecordBatch(cols, Int32Array.of(10, 20, 30), 0, 10));
  writer.close();
  const table = tableFromIPC(await writer.toUint8Array());
  expect(table.numRows).toBe(10);
  expect(Array.from(table.getChild('series_id')!)).toEqual(Array.from(cols.symbol, (s) => 10 * (s + 1)));
  expect(Array.from(table.getChild('open')!)).toEqual(Array.from(cols.open));
});

test('gives back the very arrays it was made of', () => {
  const cols = someColumns();
  const { bars, seriesIds } = barsOf(toRecordBatch(cols, Int32Array.of(10, 20, 30), 2, 9));
  expect([...seriesIds]).toEqual([10, 20, 30]);
  expect(bars.close.buffer).toBe(cols.close.buffer);
  expect([...bars.close]).toEqual([...cols.close.subarray(2, 9)]);
  expect([...bars.symbol]).toEqual([...cols.symbol.subarray(2, 9)]);
  expect(bars.indicators.map((column) => column[0])).toEqual(cols.indicators.map((column) => column[2]));
});
