/** Opens a file of columns, Parquet or Arrow, whatever it lies in. */

import { BackhaulError } from '../../../faults/fault.ts';
import { faultAt } from '../../../faults/file_fault.ts';
import { type Storage, tableIn } from '../../../state/task_plan.ts';
import type { ObjectReader } from '../../sources/source.ts';
import { hashed, type OpenBytesOptions, openBytes } from '../entry_stream.ts';
import { isStreamInside, openArrow, openArrowByDirectory, openArrowByRanges } from './arrow_file.ts';
import { ARROW_MAGIC } from './marks.ts';
import { openParquet } from './parquet_file.ts';
import type { TableFile } from './table_file.ts';

/** Tables are read by ranges, which a packed entry has none of: one of up to so many bytes is unpacked into memory. */
const MOST_ENTRY_BYTES = 256 << 20;

/** Opens an object or entry that holds a table. A published sum is checked before a row is read of it. */
export async function openTable(
  reader: ObjectReader,
  storage: Storage,
  signal: AbortSignal | undefined,
  options: OpenBytesOptions = {},
): Promise<TableFile> {
  const { uri } = reader;
  try {
    if (storage.kind === 'arrow') {
      const isFile = await isArrowFile(reader, signal);
      if (isFile && !(await isStreamInside(reader, signal))) {
        if (options.sha256) await checkSum(reader, options.sha256, signal);
        return await openArrowByDirectory(reader, signal);
      }
      // What has a published sum is read from its beginning to its end.
      if (options.sha256) return await openArrow(openBytes(reader, storage, signal, options), isFile);
      const from = (offset: number): ObjectReader =>
        partOf(reader, { offset, size: reader.sizeBytes - offset });
      const bytesFrom = (place: number): AsyncIterable<Uint8Array> =>
        openBytes(from(place), storage, signal, options);
      return await openArrowByRanges(reader, bytesFrom, isFile, signal);
    }
    const own = await entryReader(reader, storage, signal, options);
    if (tableIn(storage) === 'arrow') {
      const isFile = await isArrowFile(own, signal);
      return isFile && !(await isStreamInside(own, signal))
        ? await openArrowByDirectory(own, signal)
        : await openArrowByRanges(own, (place) => own.stream(place, own.sizeBytes, signal), isFile, signal);
    }
    if (own === reader && options.sha256) await checkSum(reader, options.sha256, signal);
    return await openParquet(own, signal);
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new BackhaulError(faultAt(error, { uri, ...(options.entry && { entry: options.entry }) }), {
      cause: error,
    });
  }
}

async function checkSum(
  reader: ObjectReader,
  sha256: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  for await (const _ of hashed(reader.stream(0, reader.sizeBytes, signal), sha256));
}

/** Whether it is a file, or else a stream. A file ends in its mark, a stream in a word that says so: what does not was cut off. */
async function isArrowFile(reader: ObjectReader, signal: AbortSignal | undefined): Promise<boolean> {
  const size = reader.sizeBytes;
  const first = size < 16 ? Buffer.alloc(0) : await reader.read(0, 8, signal);
  const last = size < 16 ? Buffer.alloc(0) : await reader.read(size - 8, 8, signal);
  const isFile = first.subarray(0, 6).toString('latin1') === ARROW_MAGIC;
  const isWhole = isFile
    ? last.subarray(2).toString('latin1') === ARROW_MAGIC
    : last.length > 0 && last.readUInt32LE(4) === 0;
  if (isWhole) return isFile;
  const isOld = first.subarray(0, 4).toString('latin1') === 'FEA1';
  throw new BackhaulError({
    kind: isOld ? 'unsupported' : 'truncated',
    message: isOld ? 'Feather files of version 1 are not read' : 'the Arrow file ends too early',
    where: { uri: reader.uri },
    expected: isOld
      ? 'version 2, which is Arrow IPC'
      : isFile
        ? `${ARROW_MAGIC} at its end`
        : 'an end-of-stream mark at its end',
    hint: isOld ? 'Write it again: df.to_feather(path).' : 'Download or write the file again.',
  });
}

/** An entry by itself: of a plain tar where it lies, of what is packed in memory. */
async function entryReader(
  reader: ObjectReader,
  storage: Storage,
  signal: AbortSignal | undefined,
  options: OpenBytesOptions,
): Promise<ObjectReader> {
  if (storage.kind === 'tar' && storage.pack === 'plain') return partOf(reader, storage);
  if (storage.kind === 'zip') return inMemory(reader, storage, storage.uncompressedSize, signal, options);
  return storage.kind === 'tar' ? inMemory(reader, storage, storage.size, signal, options) : reader;
}

function partOf(
  reader: ObjectReader,
  { offset, size }: { readonly offset: number; readonly size: number },
): ObjectReader {
  return {
    uri: reader.uri,
    sizeBytes: size,
    read: (start, length, signal) => reader.read(offset + start, length, signal),
    stream: (start, end, signal) => reader.stream(offset + start, offset + end, signal),
    close: async () => {},
  };
}

async function inMemory(
  reader: ObjectReader,
  storage: Storage,
  size: number,
  signal: AbortSignal | undefined,
  options: OpenBytesOptions,
): Promise<ObjectReader> {
  if (size > MOST_ENTRY_BYTES)
    throw new BackhaulError({
      kind: 'unsupported',
      message: 'a table of this size is not read out of an archive',
      expected: `at most ${MOST_ENTRY_BYTES} bytes`,
      found: `${size} bytes`,
      hint: 'Unpack the archive and load what it held.',
    });
  const bytes = Buffer.alloc(size);
  let at = 0;
  for await (const piece of openBytes(reader, storage, signal, options)) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return {
    uri: reader.uri,
    sizeBytes: bytes.length,
    read: async (start, length) => bytes.subarray(start, start + length),
    async *stream(start, end) {
      yield bytes.subarray(start, end);
    },
    close: async () => {},
  };
}
