import { type FileHandle, open } from 'node:fs/promises';
import { type BarBatch, barsOf } from '../workers/record_batch.ts';
import type { BarSink } from './copy_writer.ts';
import { type BarEncoder, COPY_HEADER, COPY_TRAILER, MAX_ROW_BYTES } from './format.ts';
import { splitByLeaf } from './leaf.ts';

/**
 * Writes what COPY would get into files, one a leaf: `<path>.<leaf>.copy`. They are what a benchmark sends ready-made
 * to learn how fast the server could be.
 */
export class FileSink implements BarSink {
  readonly #encoder: BarEncoder;
  readonly #buffer: Uint8Array;
  readonly #path: string;
  readonly #files = new Map<string, FileHandle>();
  #rows = 0;

  /** `buffer` has room for {@link MAX_ROW_BYTES} at least. */
  constructor(encoder: BarEncoder, buffer: Uint8Array, path: string) {
    this.#encoder = encoder;
    this.#buffer = buffer;
    this.#path = path;
  }

  async write(batch: BarBatch, took: (rows: number) => void): Promise<void> {
    const { bars, seriesIds } = barsOf(batch);
    const room = Math.floor(this.#buffer.length / MAX_ROW_BYTES);
    for (const part of splitByLeaf(bars.ts, 0, batch.numRows)) {
      const file = await this.#file(part.leaf.name);
      for (let row = part.from; row < part.to; row += room) {
        const until = Math.min(part.to, row + room);
        const end = this.#encoder.encode(bars, seriesIds, row, until, part.rows, this.#buffer, 0);
        await file.writeFile(this.#buffer.subarray(0, end));
        took(until - row);
      }
    }
    this.#rows += batch.numRows;
  }

  async end(): Promise<number> {
    for (const file of this.#files.values()) await file.writeFile(COPY_TRAILER);
    await this.abort();
    return this.#rows;
  }

  async abort(): Promise<void> {
    for (const file of this.#files.values()) await file.close();
    this.#files.clear();
  }

  async #file(leaf: string): Promise<FileHandle> {
    let file = this.#files.get(leaf);
    if (file === undefined) {
      file = await open(`${this.#path}.${leaf}.copy`, 'w');
      this.#files.set(leaf, file);
      await file.writeFile(COPY_HEADER);
    }
    return file;
  }
}
