import type { BarColumns } from '../workers/columns.ts';
import type { BarSink } from './copy_writer.ts';
import { type BarEncoder, MAX_ROW_BYTES } from './format.ts';

/** Encodes rows and throws the bytes away: measures every stage before the database. */
export class NullSink implements BarSink {
  readonly #encoder: BarEncoder;
  readonly #buffer: Uint8Array;
  #rows = 0;

  constructor(encoder: BarEncoder, chunkBytes: number) {
    this.#encoder = encoder;
    this.#buffer = new Uint8Array(Math.max(chunkBytes, MAX_ROW_BYTES));
  }

  async write(cols: BarColumns, seriesIds: Int32Array, from: number, to: number): Promise<void> {
    const room = Math.floor(this.#buffer.length / MAX_ROW_BYTES);
    for (let row = from; row < to; row += room)
      this.#encoder.encode(cols, seriesIds, row, Math.min(to, row + room), null, this.#buffer, 0);
    this.#rows += to - from;
  }

  async end(): Promise<number> {
    return this.#rows;
  }

  async abort(): Promise<void> {}
}
