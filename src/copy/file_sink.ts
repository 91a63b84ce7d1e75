import { type FileHandle, open } from 'node:fs/promises';
import { type BarBatch, barsOf } from '../bars/record_batch.ts';
import type { BarEncoder } from './bar_encoder.ts';
import type { BarSink } from './copy_writer.ts';
import { monthLeaf, splitByLeaf } from './leaf.ts';
import { COPY_HEADER, COPY_TRAILER, MAX_ROW_BYTES } from './wire.ts';

interface OpenFile {
  readonly handle: FileHandle;
  readonly number: number;
  bytes: number;
}

/**
 * Writes what COPY would get into files, one a COPY: `<path>.<leaf>.<n>.copy`, n from 0, leaves of a month. They are what a benchmark
 * sends ready-made to learn how fast the server could be.
 */
export class FileSink implements BarSink {
  readonly #encoder: BarEncoder;
  readonly #buffer: Uint8Array;
  readonly #path: string;
  readonly #maxCopyBytes: number;
  /** The open file of each leaf. */
  readonly #files = new Map<string, OpenFile>();
  #rows = 0;

  /**
   * `buffer` has room for {@link MAX_ROW_BYTES} at least. `maxCopyBytes`: a file is ended at the first buffer's end from
   * here on.
   */
  constructor(encoder: BarEncoder, buffer: Uint8Array, path: string, maxCopyBytes: number) {
    this.#encoder = encoder;
    this.#buffer = buffer;
    this.#path = path;
    this.#maxCopyBytes = maxCopyBytes;
  }

  async write(batch: BarBatch, took: (rows: number) => void): Promise<void> {
    const { bars, seriesIds } = barsOf(batch);
    const room = Math.floor(this.#buffer.length / MAX_ROW_BYTES);
    for (const part of splitByLeaf(bars.ts, batch.numRows, monthLeaf)) {
      for (let row = part.from; row < part.to; row += room) {
        const file = await this.#file(part.leaf.name);
        const until = Math.min(part.to, row + room);
        const end = this.#encoder.encode(bars, seriesIds, row, until, part.rows, this.#buffer, 0);
        await file.handle.writeFile(this.#buffer.subarray(0, end));
        file.bytes += end;
        took(until - row);
      }
    }
    this.#rows += batch.numRows;
  }

  async end(): Promise<number> {
    for (const { handle } of this.#files.values()) await handle.writeFile(COPY_TRAILER);
    await this.abort();
    return this.#rows;
  }

  async abort(): Promise<void> {
    for (const { handle } of this.#files.values()) await handle.close();
    this.#files.clear();
  }

  /** The file of a leaf that takes more rows. */
  async #file(leaf: string): Promise<OpenFile> {
    const last = this.#files.get(leaf);
    if (last !== undefined && last.bytes < this.#maxCopyBytes) return last;
    if (last !== undefined) {
      await last.handle.writeFile(COPY_TRAILER);
      await last.handle.close();
      this.#files.delete(leaf);
    }
    const number = last === undefined ? 0 : last.number + 1;
    const handle = await open(`${this.#path}.${leaf}.${number}.copy`, 'w');
    const file = { handle, number, bytes: COPY_HEADER.length };
    this.#files.set(leaf, file);
    await handle.writeFile(COPY_HEADER);
    return file;
  }
}
