import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { BarColumns } from '../../src/bars/columns.ts';
import { toRecordBatch } from '../../src/bars/record_batch.ts';
import { BarDecoder } from '../../src/copy/bar_decoder.ts';
import { BarEncoder } from '../../src/copy/bar_encoder.ts';
import { FileSink } from '../../src/copy/file_sink.ts';
import { MAX_ROW_BYTES } from '../../src/copy/wire.ts';

const root = mkdtempSync(join(tmpdir(), 'backhaul-sink-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const MARCH_END_US = Date.UTC(2024, 2, 31, 23, 58) * 1000;

/** Ten bars of two series, in March and April. */
function tenBars(): BarColumns {
  const cols = new BarColumns(10);
  for (let i = 0; i < 10; i++) {
    cols.symbol[i] = i % 2;
    cols.ts[i] = MARCH_END_US + i * 30e6;
    cols.close[i] = i === 3 ? Number.NaN : i / 7;
  }
  cols.length = 10;
  return cols;
}

it.each([
  ['one file a leaf', 1 << 20, ['7.bars_2024_03.0.copy', '7.bars_2024_04.0.copy']],
  [
    'a file a buffer of three rows',
    1,
    [
      '7.bars_2024_03.0.copy',
      '7.bars_2024_03.1.copy',
      '7.bars_2024_04.0.copy',
      '7.bars_2024_04.1.copy',
      '7.bars_2024_04.2.copy',
    ],
  ],
])('writes whole COPY streams: %s', async (_, maxCopyBytes, names) => {
  const folder = mkdtempSync(join(root, 'ready-'));
  const cols = tenBars();
  const buffer = new Uint8Array(3 * MAX_ROW_BYTES);
  const sink = new FileSink(new BarEncoder(), buffer, join(folder, '7'), maxCopyBytes);
  await sink.write(toRecordBatch(cols, Int32Array.of(40, 41), 0, 6), () => {});
  await sink.write(toRecordBatch(cols, Int32Array.of(40, 41), 6, 10), () => {});
  expect(await sink.end()).toBe(10);

  expect(readdirSync(folder).sort()).toEqual(names);
  const read = new BarColumns(20);
  for (const name of readdirSync(folder).sort()) {
    const decoder = new BarDecoder(read);
    decoder.push(readFileSync(join(folder, name)));
    expect(decoder.finished).toBe(true);
  }
  expect(read.length).toBe(10);
  expect(Array.from(read.ts.subarray(0, 10))).toEqual(Array.from(cols.ts));
  expect(Array.from(read.close.subarray(0, 10))).toEqual(Array.from(cols.close));
  expect(Array.from(read.symbol.subarray(0, 10))).toEqual([40, 41, 40, 41, 40, 41, 40, 41, 40, 41]);
});
