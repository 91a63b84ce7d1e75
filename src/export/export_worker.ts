/** The work of a thread of an export: one file, from COPY out to its last byte and its name. */

import { createHash } from 'node:crypto';
import { type FileHandle, mkdir, open, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { MessagePort } from 'node:worker_threads';
import type { RecordBatch } from 'apache-arrow';
import { ColumnDecoder, type DecodedColumn } from '../copy/column_decoder.ts';
import { copyOut } from '../copy/copy_out.ts';
import { connect, namedConnectError } from '../database/connect.ts';
import { faultOf } from '../faults/classify.ts';
import type { Fault } from '../faults/fault.ts';
import { isDistributed } from '../state/schema/distributed.ts';
import { BatchBuilder, type SeriesColumns } from './export_batch.ts';
import { fileBytes } from './formats.ts';
import { type ManifestFile, UNFINISHED } from './manifest.ts';
import { noRoom } from './no_room.ts';
import type { ExportFormat } from './partition_plan.ts';
import { type AskedRows, sourceOf } from './row_source.ts';

/** Rows of a batch: of Parquet a row group, what a reader prunes by; 24 columns of them are 12 MB. */
const BATCH_ROWS = 65_536;
const PROGRESS_MS = 200;

/** One file as a thread is told of it. */
export interface FileOrder extends AskedRows {
  readonly url: string;
  /** The snapshot all files of a run are read in. */
  readonly snapshot: string;
  readonly folder: string;
  readonly path: string;
  readonly format: ExportFormat;
  readonly series: SeriesColumns;
  readonly metadata: ReadonlyMap<string, string>;
  readonly groups: ManifestFile['groups'];
  /** Takes the number of rows written since the last word. */
  readonly port: MessagePort;
}

export type FileResult =
  | { readonly kind: 'written'; readonly file: ManifestFile }
  | { readonly kind: 'empty' }
  | { readonly kind: 'failed'; readonly fault: Fault };

/** Writes the file under another name and gives it its own when it is whole; without a row there is none. */
export default async function exportFile(order: FileOrder): Promise<FileResult> {
  const target = join(order.folder, order.path);
  try {
    const client = await connect(order.url, { applicationName: 'backhaul export', readsInPlace: true });
    try {
      await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
      await client.query(`SET TRANSACTION SNAPSHOT '${order.snapshot.replaceAll("'", '')}'`);
      // One series after another, each along its key: nothing for a sort, a compiler or helpers to gain.
      await client.query('SET LOCAL jit = off; SET LOCAL max_parallel_workers_per_gather = 0');
      const source = sourceOf(order, await isDistributed(client));
      const decoder = new ColumnDecoder(source.fields, BATCH_ROWS);
      const file = await write(order, target, decoder, copyOut(client, source.text, decoder));
      return file === null ? { kind: 'empty' } : { kind: 'written', file };
    } finally {
      await client.end().catch(() => {});
    }
  } catch (error) {
    const { fault } = noRoom(error, target) ?? { fault: faultOf(namedConnectError(error, order.url)) };
    return { kind: 'failed', fault: { ...fault, where: { uri: target, ...fault.where } } };
  } finally {
    order.port.close();
  }
}

async function write(
  order: FileOrder,
  target: string,
  decoder: ColumnDecoder,
  source: AsyncIterator<number>,
): Promise<ManifestFile | null> {
  const builder = new BatchBuilder(order.columns, order.series, order.metadata);
  const isOfOne = order.seriesIds.length === 1;
  const written = new Order(order.path);
  let told = { at: 0, rows: 0 };
  async function* batches(
    first: IteratorResult<number>,
    rest: AsyncIterator<number>,
  ): AsyncGenerator<RecordBatch> {
    for (let next = first; next.done !== true; next = await rest.next()) {
      const columns = [...decoder.columns];
      const ordinals = isOfOne ? null : (columns.shift()!.values as Int32Array);
      written.take(ordinals, columns[0]!, next.value);
      yield builder.batch(ordinals, columns, next.value);
      const now = performance.now();
      if (now - told.at < PROGRESS_MS) continue;
      order.port.postMessage(written.rows - told.rows);
      told = { at: now, rows: written.rows };
    }
  }
  const first = await source.next();
  if (first.done === true) return null;
  await mkdir(dirname(target), { recursive: true });
  const handle = await open(target + UNFINISHED, 'w');
  const { bytes, sha256 } = await store(
    handle,
    fileBytes(order.format, builder.schema, batches(first, source)),
  );
  await rename(target + UNFINISHED, target);
  order.port.postMessage(written.rows - told.rows);
  return {
    path: order.path,
    rows: written.rows,
    bytes,
    sha256,
    first_ts: iso(written.firstUs),
    last_ts: iso(written.lastUs),
    groups: order.groups,
  };
}

/** Buffers that one call of the system takes, of the 1,024 it may. */
const AT_ONCE = 512;

async function store(
  handle: FileHandle,
  pieces: AsyncIterable<readonly Uint8Array[]>,
): Promise<{ bytes: number; sha256: string }> {
  const hash = createHash('sha256');
  let bytes = 0;
  try {
    for await (const some of pieces) {
      for (const piece of some) {
        hash.update(piece);
        bytes += piece.length;
      }
      for (let at = 0; at < some.length; at += AT_ONCE) await writeAll(handle, some.slice(at, at + AT_ONCE));
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
  return { bytes, sha256: hash.digest('hex') };
}

/** Writes until all is written: a disk that is nearly full takes a part, and says so at the next. */
async function writeAll(handle: FileHandle, pieces: readonly Uint8Array[]): Promise<void> {
  let { bytesWritten } = await handle.writev(pieces);
  for (const piece of pieces) {
    if (bytesWritten < piece.length) await handle.writeFile(piece.subarray(bytesWritten));
    bytesWritten = Math.max(0, bytesWritten - piece.length);
  }
}

/** Sees that rows come by series and time, counts them, and keeps the ends. */
class Order {
  readonly #path: string;
  rows = 0;
  firstUs = Number.POSITIVE_INFINITY;
  lastUs = Number.NEGATIVE_INFINITY;
  #ordinal = 0;
  #stamp = 0;

  constructor(path: string) {
    this.#path = path;
  }

  take(ordinals: Int32Array | null, stamps: DecodedColumn, length: number): void {
    const { buffer, byteOffset } = stamps.values;
    const words = new Int32Array(buffer, byteOffset, 2 * length);
    for (let row = 0; row < length; row++) {
      const stamp = words[2 * row + 1]! * 2 ** 32 + (words[2 * row]! >>> 0);
      const ordinal = ordinals === null ? 1 : ordinals[row]!;
      if (ordinal < this.#ordinal || (ordinal === this.#ordinal && stamp <= this.#stamp))
        throw new Error(`rows of ${this.#path} do not come in the order of series and time`);
      this.#ordinal = ordinal;
      this.#stamp = stamp;
      if (stamp < this.firstUs) this.firstUs = stamp;
      if (stamp > this.lastUs) this.lastUs = stamp;
    }
    this.rows += length;
  }
}

function iso(us: number): string {
  return new Date(Math.floor(us / 1000)).toISOString();
}
