/** The row groups of a Parquet file, of columns that are read page by page. */

import { type ColumnMetaData, type FileMetaData, parquetMetadata } from 'hyparquet';
import { abortError } from '../../../faults/file_fault.ts';
import type { TableBatch, TableField } from '../../../scan/table/table_columns.ts';
import type { ObjectReader } from '../../sources/source.ts';
import { type PageColumn, pageChunk, pageColumn } from './page_columns.ts';
import { PageKernel } from './page_kernel.ts';
import type { ChunkBytes, PageLimits } from './page_pieces.ts';
import { PAGE_BATCH_ROWS, PageReader } from './page_reader.ts';
import { parquetDamage } from './parquet_faults.ts';

interface Chunk {
  readonly start: number;
  readonly end: number;
  readonly meta: ColumnMetaData;
}

export class PageTable {
  readonly #reader: ObjectReader;
  readonly #metadata: FileMetaData;
  readonly #signal: AbortSignal | undefined;

  readonly #limits: PageLimits;

  private constructor(
    reader: ObjectReader,
    metadata: FileMetaData,
    limits: PageLimits,
    signal: AbortSignal | undefined,
  ) {
    this.#reader = reader;
    this.#limits = limits;
    this.#metadata = metadata;
    this.#signal = signal;
  }

  /** Null where the directory, which `tail` ends in, cannot be read this way. */
  static open(
    reader: ObjectReader,
    tail: { readonly bytes: Uint8Array },
    limits: PageLimits,
    signal: AbortSignal | undefined,
  ): PageTable | null {
    try {
      return new PageTable(reader, parquetMetadata(tail.bytes, { geoparquet: false }), limits, signal);
    } catch {
      // Apache Arrow's reader says what is wrong with it, or reads it.
      return null;
    }
  }

  /** Null where one of the columns is not so read. */
  columns(fields: readonly TableField[]): PageColumns | null {
    const columns = fields.map((field) => pageColumn(this.#metadata, field));
    if (columns.length === 0 || columns.includes(null)) return null;
    return new PageColumns(this.#reader, this.#metadata, columns as PageColumn[], this.#limits, this.#signal);
  }
}

class PageColumns {
  readonly #reader: ObjectReader;
  readonly #metadata: FileMetaData;
  readonly #columns: readonly PageColumn[];
  readonly #limits: PageLimits;
  readonly #signal: AbortSignal | undefined;
  #kernel: PageKernel | null = null;
  #pages: readonly PageReader[] = [];

  constructor(
    reader: ObjectReader,
    metadata: FileMetaData,
    columns: readonly PageColumn[],
    limits: PageLimits,
    signal: AbortSignal | undefined,
  ) {
    this.#reader = reader;
    this.#limits = limits;
    this.#metadata = metadata;
    this.#columns = columns;
    this.#signal = signal;
  }

  /** No more rows are asked for. */
  end(): void {
    for (const page of this.#pages) page.end();
    this.#kernel?.giveBack();
    this.#kernel = null;
  }

  /**
   * The first `limit` rows of a row group; null where it is not so read.
   * @throws BackhaulError `corrupt`, and as its reader does
   */
  batches(group: number, limit: number): AsyncGenerator<TableBatch, void, undefined> | null {
    const chunks = this.#columns.map((column) => pageChunk(this.#metadata, group, column));
    if (chunks.includes(null)) return null;
    const rows = Math.min(limit, Number(this.#metadata.row_groups[group]!.num_rows));
    return this.#read(chunks as Chunk[], rows);
  }

  async *#read(chunks: readonly Chunk[], rows: number): AsyncGenerator<TableBatch, void, undefined> {
    if (this.#kernel === null) {
      const kernel = PageKernel.take();
      this.#kernel = kernel;
      this.#pages = this.#columns.map((column) => new PageReader(kernel, column, this.#limits));
    }
    const pages = this.#pages;
    const bytes = await this.#bytesOf(chunks);
    for (const [i, page] of pages.entries())
      page.begin(bytes[i]!, chunks[i]!.end - chunks[i]!.start, chunks[i]!.meta);
    for (let left = rows; left > 0; ) {
      if (this.#signal?.aborted) throw abortError(this.#signal);
      let some = Math.min(left, PAGE_BATCH_ROWS);
      for (const page of pages) some = await page.ready(some);
      const views = [];
      for (const page of pages) views.push(await page.read(some));
      yield { rows: some, columns: views.map((view) => view()) };
      left -= some;
    }
  }

  /** Chunks that follow each other in the file come by one read. */
  async #bytesOf(chunks: readonly Chunk[]): Promise<readonly ChunkBytes[]> {
    for (const { start, end } of chunks)
      if (!(start >= 4 && start <= end && end <= this.#reader.sizeBytes))
        throw parquetDamage(`a column at bytes ${start} to ${end} of ${this.#reader.sizeBytes}`);
    const size = chunks.reduce((sum, { start, end }) => sum + end - start, 0);
    if (size > this.#limits.group) return chunks.map((chunk) => this.#pieces(chunk));
    const order = [...chunks].sort((a, b) => a.start - b.start);
    const whole = new Map<Chunk, Uint8Array>();
    for (let at = 0; at < order.length; ) {
      const first = at;
      let { end } = order[at]!;
      while (order[at + 1]?.start === end) end = order[++at]!.end;
      at++;
      const { start } = order[first]!;
      const bytes = await this.#reader.read(start, end - start, this.#signal);
      for (const chunk of order.slice(first, at))
        whole.set(chunk, bytes.subarray(chunk.start - start, chunk.end - start));
    }
    return chunks.map((chunk) => {
      const bytes = whole.get(chunk)!;
      return (from, to) => bytes.subarray(from, to);
    });
  }

  #pieces({ start, end }: Chunk): ChunkBytes {
    let at = 0;
    let piece: Uint8Array = new Uint8Array(0);
    return async (from, to) => {
      if (from < at || to > at + piece.length) {
        const most = Math.min(end - start, Math.max(to, from + this.#limits.range));
        piece = await this.#reader.read(start + from, most - from, this.#signal);
        at = from;
      }
      return piece.subarray(from - at, to - at);
    };
  }
}
