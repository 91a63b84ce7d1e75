/**
 * Parquet: its directory first, then a row group after another, of each the ranges of the columns that are read and no
 * other byte. Columns of the usual encodings are read page by page (page_table.ts), a row group that has another
 * by Apache Arrow's Rust implementation, in WebAssembly, which also says what the columns are.
 */

import type { ParquetFile } from 'parquet-wasm';
import { arrow } from '../../../bars/arrow.ts';
import { BackhaulError } from '../../../faults/fault.ts';
import { abortError } from '../../../faults/file_fault.ts';
import type { ObjectReader } from '../../sources/source.ts';
import { fieldsOf, tableBatch } from './arrow_columns.ts';
import { PARQUET_MAGIC } from './marks.ts';
import { PAGE_LIMITS, type PageLimits } from './page_pieces.ts';
import { PageTable } from './page_table.ts';
import { parquetDamage } from './parquet_faults.ts';
import type { TableFile } from './table_file.ts';

/** Rows decoded at once: 8 columns of them are 4 MB. */
const BATCH_ROWS = 65_536;

/**
 * Opens a table.
 * @throws BackhaulError `unsupported` and `corrupt`, and with what its reader fails with
 */
export async function openParquet(
  reader: ObjectReader,
  signal?: AbortSignal,
  limits: PageLimits = PAGE_LIMITS,
): Promise<TableFile> {
  const tail = await readTail(reader, signal);
  const parquet = await import('parquet-wasm');
  const ranges = new Ranges(reader, tail, signal);
  const file = await ranges.during(() => parquet.ParquetFile.fromFile(ranges as unknown as Blob));
  const metadata = file.metadata();
  const groups = metadata.numRowGroups();
  const schema = arrow.tableFromIPC(file.schema().intoIPCStream()).schema;
  const names = schema.fields.map(({ name }) => name);
  const fields = fieldsOf(schema);
  const pages = PageTable.open(reader, tail, limits, signal);
  return {
    fields,
    metadata: new Map([
      ...schema.metadata,
      ...(metadata.fileMetadata().keyValueMetadata() as Map<string, string>),
    ]),
    rows: metadata.fileMetadata().numRows(),
    async *batches(places, limit = Number.POSITIVE_INFINITY) {
      const columns = places.map((place) => names[place]!);
      let left = limit;
      const own = pages?.columns(places.map((place) => fields[place]!)) ?? null;
      try {
        for (let group = 0; group < groups && left > 0; group++) {
          const batches = own?.batches(group, left) ?? null;
          if (batches !== null) {
            for await (const batch of batches) {
              yield batch;
              left -= batch.rows;
            }
            continue;
          }
          for await (const batch of rowGroup(file, ranges, { group, columns, limit: left })) {
            // Of the same order as in the file, so what was asked for is all there is.
            yield tableBatch(
              batch,
              columns.map((_, i) => i),
            );
            left -= batch.numRows;
          }
        }
      } finally {
        own?.end();
      }
    },
  };
}

async function* rowGroup(
  file: ParquetFile,
  ranges: Ranges,
  { group, columns, limit }: { readonly group: number; readonly columns: string[]; readonly limit: number },
): AsyncGenerator<import('apache-arrow').RecordBatch> {
  const stream = await ranges.during(() =>
    file.stream({
      rowGroups: [group],
      columns,
      batchSize: Math.min(BATCH_ROWS, limit),
      ...(limit < Number.POSITIVE_INFINITY && { limit }),
    }),
  );
  const batches = stream.getReader() as ReadableStreamDefaultReader<{ intoIPCStream(): Uint8Array }>;
  for (;;) {
    const next = await ranges.during(() => batches.read());
    if (next.done) return;
    yield* arrow.tableFromIPC(next.value.intoIPCStream()).batches;
  }
}

/** The last bytes of a file, with its directory: read once. */
export interface Tail {
  readonly from: number;
  readonly bytes: Buffer;
}

/** Bytes that hold the directory of most files. */
const TAIL_BYTES = 1 << 16;

/** A file begins and ends in four letters; what does not was cut, or is none. */
async function readTail(reader: ObjectReader, signal: AbortSignal | undefined): Promise<Tail> {
  const size = reader.sizeBytes;
  const from = Math.max(0, size - TAIL_BYTES);
  const bytes = await reader.read(from, size - from, signal);
  const isShort = size < 12;
  const last = isShort ? '' : bytes.subarray(-4).toString('latin1');
  const begin = from === 0 ? bytes : await reader.read(0, 4, signal);
  const first = isShort ? '' : begin.subarray(0, 4).toString('latin1');
  if (first === PARQUET_MAGIC && last === PARQUET_MAGIC) {
    const length = bytes.readUInt32LE(bytes.length - 8);
    const start = size - 8 - length;
    if (start >= from || start < 4) return { from, bytes };
    return { from: start, bytes: await reader.read(start, size - start, signal) };
  }
  const isEncrypted = first === 'PARE' || last === 'PARE';
  if (isEncrypted) throw new BackhaulError({ kind: 'encrypted', message: 'the Parquet file is encrypted' });
  throw new BackhaulError({
    kind: first === PARQUET_MAGIC ? 'truncated' : 'corrupt',
    message: first === PARQUET_MAGIC ? 'the Parquet file ends before its directory' : 'not a Parquet file',
    expected: `${PARQUET_MAGIC} at its beginning and its end`,
    found: JSON.stringify([first, last]),
    hint: 'Download or write the file again.',
  });
}

/**
 * An object as the part of a `Blob` that the decoder uses. What a read throws would end the WebAssembly instance: such a
 * read never ends for the decoder, and {@link during} throws it to whoever waits.
 */
class Ranges {
  readonly size: number;
  readonly #reader: ObjectReader;
  readonly #tail: Tail;
  readonly #signal: AbortSignal | undefined;
  readonly #failed: Promise<never>;
  #fail: (error: unknown) => void = () => {};

  constructor(reader: ObjectReader, tail: Tail, signal: AbortSignal | undefined) {
    this.size = reader.sizeBytes;
    this.#reader = reader;
    this.#tail = tail;
    this.#signal = signal;
    this.#failed = new Promise<never>((_, reject) => {
      this.#fail = reject;
    });
    this.#failed.catch(() => {
      // Thrown by whoever waits.
    });
  }

  slice(start: number, end: number): { arrayBuffer(): Promise<ArrayBuffer> } {
    return { arrayBuffer: () => this.#read(start, end) };
  }

  #read(start: number, end: number): Promise<ArrayBuffer> {
    return new Promise((resolve) => {
      this.#bytes(start, end).then(resolve, this.#fail);
    });
  }

  async #bytes(start: number, end: number): Promise<ArrayBuffer> {
    if (this.#signal?.aborted) throw abortError(this.#signal);
    if (!(start >= 0 && start <= end && end <= this.size))
      throw parquetDamage(`bytes ${start} to ${end} of ${this.size}`);
    const { from, bytes: last } = this.#tail;
    const bytes =
      start >= from
        ? last.subarray(start - from, end - from)
        : await this.#reader.read(start, end - start, this.#signal);
    const { buffer, byteOffset, byteLength } = bytes;
    return buffer.byteLength === byteLength
      ? (buffer as ArrayBuffer)
      : (buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer);
  }

  /** What a step of the decoder gives. Fails with what reading fails with, or with `corrupt`. */
  async during<T>(begin: () => Promise<T>): Promise<T> {
    const isOurs = !process.hasUncaughtExceptionCaptureCallback();
    if (isOurs) process.setUncaughtExceptionCaptureCallback((error) => this.#trapped(error));
    try {
      const step = begin();
      step.catch(() => {
        // Where the race is lost already.
      });
      return await Promise.race([step, this.#failed]);
    } catch (error) {
      throw error instanceof BackhaulError
        ? error
        : parquetDamage(error instanceof Error ? error.message : String(error));
    } finally {
      if (isOurs) process.setUncaughtExceptionCaptureCallback(null);
    }
  }

  /**
   * Rust's panics on damaged data end what was at work, between two turns of the event loop, and nobody hears of it. A
   * thread reads one Parquet file at a time, so it is this one; the decoder is as good as before for the next.
   */
  #trapped(error: unknown): void {
    if (!(error instanceof WebAssembly.RuntimeError)) throw error;
    this.#fail(parquetDamage('data that do not decode'));
  }
}
