/** Apache Arrow's IPC format, as a file (Feather v2) or as a stream: a batch at a time. */

import type { FileHandle } from 'node:fs/promises';
import type * as Arrow from 'apache-arrow';
import { arrow } from '../../../bars/arrow.ts';
import { BackhaulError } from '../../../faults/fault.ts';
import type { ObjectReader } from '../../sources/source.ts';
import { registerCodecs } from './arrow_codecs.ts';
import { fieldsOf, tableBatch } from './arrow_columns.ts';
import { ArrowHandle } from './arrow_handle.ts';
import { ARROW_LIMITS, type ArrowLimits, LargeBatch, LargeBatches } from './arrow_large.ts';
import { ArrowMessages } from './arrow_messages.ts';
import type { TableFile } from './table_file.ts';

/** Bytes in which the first head of a file lies, as a rule. */
const HEAD_BYTES = 4096;

/**
 * Opens a file or a stream by its bytes, which are read to their end, so that sums behind it are checked. A file is a
 * stream between a mark and a directory.
 * @throws BackhaulError `unsupported`, `truncated` and `corrupt`, and as the bytes do
 */
export async function openArrow(bytes: AsyncIterable<Uint8Array>, isFile: boolean): Promise<TableFile> {
  return openMessages(new ArrowMessages(() => bytes, null), null, isFile);
}

/** The same of what can be read by ranges, and from a place on: no batch is held that is larger than the limit. */
export async function openArrowByRanges(
  reader: ObjectReader,
  bytesFrom: (place: number) => AsyncIterable<Uint8Array>,
  isFile: boolean,
  signal: AbortSignal | undefined,
  limits: ArrowLimits = ARROW_LIMITS,
): Promise<TableFile> {
  const large = new LargeBatches(reader, signal, limits);
  return openMessages(new ArrowMessages(bytesFrom, large), large, isFile);
}

async function openMessages(
  messages: ArrowMessages,
  large: LargeBatches | null,
  isFile: boolean,
): Promise<TableFile> {
  registerCodecs(arrow);
  const told = (error: unknown): unknown => messages.failure?.error ?? damaged(error);
  try {
    const batches = await arrow.RecordBatchReader.from(messages.pieces(isFile));
    await batches.open();
    return tableOf(batches, large, told, (isWhole) => messages.end(isWhole));
  } catch (error) {
    throw told(error);
  }
}

/**
 * Opens a file whose columns stand in its directory alone, at its end, as Arrow's own package for JavaScript writes it.
 * @throws BackhaulError `unsupported` and `corrupt`, and as its reader does
 */
export async function openArrowByDirectory(
  reader: ObjectReader,
  signal: AbortSignal | undefined,
): Promise<TableFile> {
  registerCodecs(arrow);
  const handle = new ArrowHandle(reader, signal);
  const told = (error: unknown): unknown => handle.failure?.error ?? damaged(error);
  try {
    const batches = await arrow.RecordBatchReader.from(handle as unknown as FileHandle);
    await batches.open();
    return tableOf(batches, null, told, async () => {});
  } catch (error) {
    throw told(error);
  }
}

/** Whether a file tells its columns at its beginning too, as it ought to. */
export async function isStreamInside(
  reader: ObjectReader,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const size = Math.min(HEAD_BYTES, reader.sizeBytes - 8);
  const bytes = await reader.read(8, size, signal);
  const length = bytes.readInt32LE(bytes.readInt32LE(0) === -1 ? 4 : 0);
  // A head that is this long has many columns.
  if (length < 0 || length + 8 > size) return true;
  const message = new arrow.MessageReader(Uint8Array.from(bytes.subarray(0, length + 8))).readMessage();
  return message?.headerType === arrow.MessageHeader.Schema;
}

/** `end` is told whether all rows were read. */
function tableOf(
  reader: Arrow.RecordBatchReader,
  large: LargeBatches | null,
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
        for await (const batch of large === null ? plain(reader) : inOrder(plain(reader), large)) {
          if (left <= 0) return;
          if (batch instanceof LargeBatch) {
            for await (const rows of batch.rows(schema, dictionariesOf(reader), places, left)) {
              yield rows;
              left -= rows.rows;
            }
            continue;
          }
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

const plain = (reader: Arrow.RecordBatchReader): AsyncIterable<Arrow.RecordBatch> =>
  reader as unknown as AsyncIterable<Arrow.RecordBatch>;

const dictionariesOf = (reader: Arrow.RecordBatchReader): ReadonlyMap<number, Arrow.Vector> =>
  (reader as unknown as { readonly dictionaries: ReadonlyMap<number, Arrow.Vector> }).dictionaries;

/** The batches as they lie in the file: those Arrow's reader gives, and large ones, for which it waits. */
async function* inOrder(
  reader: AsyncIterable<Arrow.RecordBatch>,
  large: LargeBatches,
): AsyncGenerator<Arrow.RecordBatch | LargeBatch, void, undefined> {
  const batches = reader[Symbol.asyncIterator]();
  let next = batches.next();
  try {
    for (;;) {
      const got = await Promise.race([next, large.offered()]);
      if (got instanceof LargeBatch) {
        yield got;
        large.taken();
        continue;
      }
      if (got.done === true) return;
      yield got.value;
      next = batches.next();
    }
  } finally {
    // Where it still waits, nobody does for it.
    next.catch(() => {});
    large.end();
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
