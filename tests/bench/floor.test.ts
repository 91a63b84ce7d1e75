import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { BarColumns } from '../../src/bars/columns.ts';
import { toRecordBatch } from '../../src/bars/record_batch.ts';
import { copiesOf, type ReadyMade, type Stretch } from '../../src/bench/floor.ts';
import { BarDecoder } from '../../src/copy/bar_decoder.ts';
import { BarEncoder } from '../../src/copy/bar_encoder.ts';
import { FileSink } from '../../src/copy/file_sink.ts';
import { MAX_ROW_BYTES } from '../../src/copy/wire.ts';

const folder = mkdtempSync(join(tmpdir(), 'backhaul-floor-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const ROWS = 20;

/** Twenty bars of one month, three a file. */
async function readyMade(): Promise<ReadyMade> {
  const cols = new BarColumns(ROWS);
  for (let i = 0; i < ROWS; i++) {
    cols.ts[i] = Date.UTC(2024, 2, 5, 12, i) * 1000;
    cols.close[i] = i / 7;
  }
  cols.length = ROWS;
  const sink = new FileSink(new BarEncoder(), new Uint8Array(3 * MAX_ROW_BYTES), join(folder, '1'), 1);
  await sink.write(toRecordBatch(cols, Int32Array.of(4), 0, ROWS), () => {});
  await sink.end();
  const paths = readdirSync(folder).map((_, n) => join(folder, `1.bars_2024_03.${n}.copy`));
  return {
    leaf: 'bars_2024_03',
    task: 1,
    parts: paths.map((path) => ({ path, bytes: statSync(path).size })),
  };
}

/** The closes in one COPY's bytes, which must be a whole one. */
function closesIn(copy: readonly Stretch[]): number[] {
  const cols = new BarColumns(ROWS + 1);
  const decoder = new BarDecoder(cols);
  decoder.push(Buffer.concat(copy.map(({ path, from, to }) => readFileSync(path).subarray(from, to))));
  expect(decoder.finished).toBe(true);
  return [...cols.close.subarray(0, cols.length)];
}

it('the floor sends the same rows in the same order, by one COPY or by one a file', async () => {
  const file = await readyMade();
  const closes = Array.from({ length: ROWS }, (_, i) => i / 7);
  expect(file.parts.length).toBe(Math.ceil(ROWS / 3));

  const whole = copiesOf(file, false);
  expect(whole).toHaveLength(1);
  expect(closesIn(whole[0]!)).toEqual(closes);

  const short = copiesOf(file, true);
  expect(short).toHaveLength(file.parts.length);
  expect(short.flatMap(closesIn)).toEqual(closes);
});
