/** Apache Arrow's IPC format, as a file (Feather v2) or as a stream: a batch at a time. */

import type { FileHandle } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type * as Arrow from 'apache-arrow';
import { BackhaulError } from '../../../faults/fault.ts';
import type { ObjectReader } from '../../sources/source.ts';
import { registerCodecs } from './arrow_codecs.ts';
import { fieldsOf, tableBatch } from './arrow_columns.ts';
import type { TableFile } from './table_file.ts';

// All of Arrow in one file, as its package ships it: a tenth of the time to load.
export const arrow = createRequire(import.meta.url)('apache-arrow/Arrow.es2015.min') as typeof Arrow;

/** What a file begins with, padded to 8 bytes, and ends in. */
export const ARROW_MAGIC = 'ARROW1';

/** Opens a file: its directory lies at its end. Fails with `unsupported` and `corrupt`, and as its reader does. */
export async function openArrowFile(
  reader: ObjectReader,
  signal: AbortSignal | undefined,
): Promise<TableFile> {
  registerCodecs(arrow);
  const handle = new Handle(reader, signal);
  const told = (error: unknown): unknown => handle.failure?.error ?? damaged(error);
  try {
    const batches = await arrow.RecordBatchReader.from(handle as unknown as FileHandle);
    await batches.open();
    return tableOf(batches, told, async () => {});
  } catch (error) {
    throw told(error);
  }
}

/** Opens the stream whose bytes these are; read to its end, so that sums behind it are checked. */
export async function openArrowStream(bytes: AsyncIterable<Uint8Array>): Promise<TableFile> {
  registerCodecs(arrow);
  const source = bytes[Symbol.asyncIterator]();
  let thrown: { readonly error: unknown } | null = null;
  const pieces = (async function* () {
    try {
      for (let next = await source.next(); next.done !== true; next = await source.next())
        // The source may fill its piece anew, and columns are views of it.
        yield new Uint8Array(next.value);
    } catch (error) {
      thrown = { error };
      throw error;
    }
  })();
  const told = (error: unknown): unknown =>
    (thrown as { readonly error: unknown } | null)?.error ?? damaged(error);
  try {
    const batches = await arrow.RecordBatchReader.from(pieces);
    await batches.open();
    return tableOf(batches, told, async (isWhole) => {
      if (isWhole) for (let next = await source.next(); next.done !== true; ) next = await source.next();
      await source.return?.();
    });
  } catch (error) {
    throw told(error);
  }
}

/** `end` is told whether all rows were read. */
function tableOf(
  reader: Arrow.RecordBatchReader,
  told: (error: unknown) => unknown,
  end: (isWhole: boolean) => Promise<void>,
): TableFile {
  const { schema } = reader;
  if (schema === undefined || schema === null || schema.fields.length === 0)
    throw damaged(new Error('it has no columns'));
  return {
    fields: fieldsOf(schema),
    metadata: schema.metadata,
    rows: null,
    async *batches(places, limit = Number.POSITIVE_INFINITY) {
      let left = limit;
      let isWhole = false;
      try {
        for await (const batch of reader as AsyncIterable<Arrow.RecordBatch>) {
          if (left <= 0) return;
          const own = tableBatch(batch, places);
          yield own.rows <= left ? own : { ...own, rows: left };
          left -= own.rows;
        }
        isWhole = true;
      } catch (error) {
        throw told(error);
      } finally {
        try {
          await end(isWhole);
        } catch (error) {
          // biome-ignore lint/correctness/noUnsafeFinally: what is behind the stream says more than its early end.
          throw told(error);
        }
      }
    },
  };
}

/** Bytes read at once where a few are asked for: those of a message's head, and of the directory. */
const AHEAD_BYTES = 1 << 16;

/** An object as the part of a file handle that Arrow uses. */
class Handle {
  readonly fd = -1;
  /** What a read has thrown: Arrow may tell it otherwise. */
  failure: { readonly error: unknown } | null = null;
  readonly #reader: ObjectReader;
  readonly #signal: AbortSignal | undefined;
  #ahead: { readonly at: number; readonly bytes: Buffer } = { at: 0, bytes: Buffer.alloc(0) };

  constructor(reader: ObjectReader, signal: AbortSignal | undefined) {
    this.#reader = reader;
    this.#signal = signal;
  }

  async stat(): Promise<{ size: number }> {
    return { size: this.#reader.sizeBytes };
  }

  async read(
    into: Uint8Array,
    offset: number,
    length: number,
    position: number,
  ): Promise<{ bytesRead: number; buffer: Uint8Array }> {
    try {
      into.set(await this.#bytes(position, length), offset);
      return { bytesRead: length, buffer: into };
    } catch (error) {
      this.failure ??= { error };
      throw error;
    }
  }

  async #bytes(position: number, length: number): Promise<Uint8Array> {
    if (length > AHEAD_BYTES) return this.#reader.read(position, length, this.#signal);
    const { at, bytes } = this.#ahead;
    if (position >= at && position + length <= at + bytes.length)
      return bytes.subarray(position - at, position - at + length);
    const most = Math.min(AHEAD_BYTES, this.#reader.sizeBytes - position);
    this.#ahead = { at: position, bytes: await this.#reader.read(position, most, this.#signal) };
    return this.#ahead.bytes.subarray(0, length);
  }

  async close(): Promise<void> {
    // Whoever opened the object closes it.
  }
}

function damaged(error: unknown): unknown {
  if (error instanceof BackhaulError) return error;
  const found = error instanceof Error ? error.message : String(error);
  const isShort = /expected to read|end of|message body/i.test(found);
  return new BackhaulError(
    {
      kind: isShort ? 'truncated' : 'corrupt',
      message: isShort ? 'the Arrow file ends too early' : 'the Arrow file is damaged',
      found: found.slice(0, 200),
      hint: 'Download or write the file again.',
    },
    { cause: error },
  );
}
