import { type BarBatch, barsOf } from '../bars/record_batch.ts';
import type { BarEncoder } from './bar_encoder.ts';
import type { BarSink } from './copy_writer.ts';
import { MAX_ROW_BYTES } from './wire.ts';

/** Encodes rows and throws the bytes away: measures every stage before the database. */
export class NullSink implements BarSink {
  readonly #encoder: BarEncoder;
  readonly #buffer: Uint8Array;
  #rows = 0;

  /** `buffer` has room for {@link MAX_ROW_BYTES} at least. */
  constructor(encoder: BarEncoder, buffer: Uint8Array) {
    this.#encoder = encoder;
    this.#buffer = buffer;
  }

  async write(batch: BarBatch, took: (rows: number) => void): Promise<void> {
    const { bars, seriesIds } = barsOf(batch);
    const rows = batch.numRows;
    const room = Math.floor(this.#buffer.length / MAX_ROW_BYTES);
    for (let row = 0; row < rows; row += room) {
      const until = Math.min(rows, row + room);
      this.#encoder.encode(bars, seriesIds, row, until, null, this.#buffer, 0);
      took(until - row);
    }
    this.#rows += rows;
  }

  async end(): Promise<number> {
    return this.#rows;
  }

  async abort(): Promise<void> {}
}
