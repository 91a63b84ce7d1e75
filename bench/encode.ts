/**
 * Nanoseconds a row of the binary COPY encoder and decoder.
 *
 *   node bench/encode.ts
 */

import { BarColumns } from '../src/bars/columns.ts';
import { BarDecoder } from '../src/copy/bar_decoder.ts';
import { BarEncoder } from '../src/copy/bar_encoder.ts';
import { COPY_HEADER, MAX_ROW_BYTES } from '../src/copy/wire.ts';

const ROWS = 8192;

function batch(nulls: boolean): BarColumns {
  const cols = new BarColumns(ROWS);
  for (let i = 0; i < ROWS; i++) {
    cols.ts[i] = 1_700_000_000_000_000 + i * 60_000_000;
    for (const column of [cols.open, cols.high, cols.low, cols.close, cols.volume, ...cols.indicators]) {
      column[i] = Math.sin(i) * 1000;
    }
    cols.trades[i] = nulls ? Number.NaN : i;
  }
  if (nulls) for (let k = 6; k < 16; k++) cols.indicators[k]!.fill(Number.NaN, 0, ROWS / 2);
  cols.length = ROWS;
  return cols;
}

/** Best of several rounds, ns a row. */
function best(round: () => void): number {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 200; i++) {
    const start = process.hrtime.bigint();
    round();
    least = Math.min(least, Number(process.hrtime.bigint() - start) / ROWS);
  }
  return least;
}

const encoder = new BarEncoder();
const out = new Uint8Array(ROWS * MAX_ROW_BYTES);
const ids = Int32Array.of(1);
const order = Int32Array.from({ length: ROWS }, (_, i) => i);
for (const nulls of [false, true]) {
  const cols = batch(nulls);
  let bytes = 0;
  const plain = best(() => {
    bytes = encoder.encode(cols, ids, 0, ROWS, null, out, 0);
  });
  const ordered = best(() => {
    encoder.encode(cols, ids, 0, ROWS, order, out, 0);
  });
  const stream = new Uint8Array(COPY_HEADER.length + bytes);
  stream.set(COPY_HEADER);
  stream.set(out.subarray(0, bytes), COPY_HEADER.length);
  const into = new BarColumns(ROWS);
  const decode = best(() => {
    into.length = 0;
    new BarDecoder(into).push(stream);
  });
  process.stdout.write(
    `${nulls ? 'half with NULLs' : 'no NULL        '}  encode ${plain.toFixed(1)}  by a row list ${ordered.toFixed(1)}  decode ${decode.toFixed(1)} ns a row\n`,
  );
}
