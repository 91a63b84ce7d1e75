/** Record batches as the bytes of a file, by format. */

import { PassThrough, type Readable } from 'node:stream';
import { createGzip, createZstdCompress, constants as zlib } from 'node:zlib';
import type { RecordBatch, Schema } from 'apache-arrow';
import { arrow } from '../bars/arrow.ts';
import { parquetBytes } from './parquet.ts';
import type { ExportFormat } from './partition_plan.ts';

/** The bytes of a file that holds `batches`, some pieces at a time, which are done with when the next are asked for. */
export function fileBytes(
  format: ExportFormat,
  schema: Schema,
  batches: AsyncIterable<RecordBatch>,
): AsyncIterable<readonly Uint8Array[]> {
  switch (format) {
    case 'parquet':
      return parquetBytes(schema, batches);
    case 'arrow':
      return arrowBytes(schema, batches);
    case 'csv':
      return alone(csvBytes(schema, batches));
    case 'csv.gz':
      // Level 6, zlib's own: 9 takes three times as long for a percent.
      return through(csvBytes(schema, batches), createGzip({ level: 6, chunkSize: 1 << 18 }));
    case 'csv.zst':
      return through(
        csvBytes(schema, batches),
        createZstdCompress({ params: { [zlib.ZSTD_c_compressionLevel]: 3, [zlib.ZSTD_c_checksumFlag]: 1 } }),
      );
  }
}

/** Arrow's IPC file. What the writer writes is taken from it a batch at a time, so nothing piles up in its queue. */
async function* arrowBytes(
  schema: Schema,
  batches: AsyncIterable<RecordBatch>,
): AsyncGenerator<readonly Uint8Array[]> {
  const sink = new Pieces();
  const writer = new arrow.RecordBatchFileWriter();
  writer.reset(sink, schema);
  for await (const batch of batches) {
    writer.write(batch);
    yield sink.take();
  }
  writer.finish();
  yield sink.take();
}

class Pieces extends arrow.AsyncByteQueue {
  #pieces: Uint8Array[] = [];

  override write(piece: Uint8Array | string | ArrayBufferLike | ArrayBufferView | null | undefined): void {
    if (piece instanceof Uint8Array && piece.length > 0) this.#pieces.push(piece);
  }

  take(): Uint8Array[] {
    const taken = this.#pieces;
    this.#pieces = [];
    return taken;
  }
}

/** A batch is a piece of text: header first, an empty field for NULL, numbers in the fewest digits that are exact. */
async function* csvBytes(schema: Schema, batches: AsyncIterable<RecordBatch>): AsyncGenerator<Uint8Array> {
  const encoder = new TextEncoder();
  yield encoder.encode(`${schema.fields.map(({ name }) => csvField(name)).join(',')}\n`);
  for await (const batch of batches) {
    const columns = schema.fields.map(({ name }) => textsOf(batch, name));
    let text = '';
    for (let row = 0; row < batch.numRows; row++) {
      for (let k = 0; k < columns.length; k++) text += (k === 0 ? '' : ',') + columns[k]!(row);
      text += '\n';
    }
    yield encoder.encode(text);
  }
}

/** How a column's value in a row is written. */
function textsOf(batch: RecordBatch, name: string): (row: number) => string {
  const vector = batch.getChild(name)!;
  const { type } = vector;
  if (arrow.DataType.isTimestamp(type)) {
    const stamps = vector.data[0]!.values as BigInt64Array;
    return (row) => isoStamp(Number(stamps[row]!));
  }
  if (arrow.DataType.isUtf8(type) || arrow.DataType.isDictionary(type)) {
    return (row) => {
      const value = vector.get(row) as string | null;
      return value === null ? '' : csvField(value);
    };
  }
  const { values } = vector.data[0]!;
  const numbers = values as Float64Array | BigInt64Array | Int32Array;
  return vector.nullCount === 0
    ? (row) => String(numbers[row])
    : (row) => (vector.isValid(row) ? String(numbers[row]) : '');
}

/** `2024-01-02T03:04:05Z`, with a fraction where there is one. µs since 1970. */
function isoStamp(us: number): string {
  const fraction = ((us % 1e6) + 1e6) % 1e6;
  const seconds = new Date((us - fraction) / 1000).toISOString().slice(0, 19);
  return fraction === 0 ? `${seconds}Z` : `${seconds}.${String(fraction).padStart(6, '0')}Z`;
}

function csvField(text: string): string {
  return /[",\r\n]/.test(text) || text === '' ? `"${text.replaceAll('"', '""')}"` : text;
}

async function* through(
  bytes: AsyncIterable<Uint8Array>,
  transform: NodeJS.ReadWriteStream,
): AsyncGenerator<readonly Uint8Array[]> {
  const { pipeline } = await import('node:stream/promises');
  const out = new PassThrough({ highWaterMark: 1 << 20 });
  const done = pipeline(bytes, transform, out);
  done.catch(() => {
    // Thrown by `out` to whoever reads it, and below.
  });
  for await (const piece of out as Readable) yield [piece as Uint8Array];
  await done;
}

async function* alone(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<readonly Uint8Array[]> {
  for await (const piece of pieces) yield [piece];
}
