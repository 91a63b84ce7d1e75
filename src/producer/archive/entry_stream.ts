/** From a stored object to the CSV's bytes: what a worker scans. Nothing is believed that can be checked. */

import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { BackhaulError, type Fault } from '../../faults/fault.ts';
import { abortError, faultAt } from '../../faults/file_fault.ts';
import type { Storage } from '../../state/task_plan.ts';
import type { ObjectReader } from '../sources/source.ts';
import { type InflateMeter, inflateRaw } from './inflate.ts';
import { INFLATE_LIMITS, type InflateLimits } from './inflate_limits.ts';
import { unpacked } from './unpack.ts';

export interface OpenBytesOptions {
  /** The entry's name, for errors and to be compared with the one in the zip. */
  readonly entry?: string | null;
  /** Published SHA-256 of the whole object, lower-case hex. */
  readonly sha256?: string | null;
  readonly limits?: InflateLimits;
  /** Told how long each piece of the source was waited for, ms. */
  readonly onWait?: (ms: number) => void;
}

/** What is smaller hurts nobody, whatever it came from. */
const RATIO_FROM_BYTES = 64 << 20;

type ZipStorage = Extract<Storage, { kind: 'zip' }>;

/**
 * The inflated bytes of an object or entry, in pieces, each of which holds until the next is asked for. Ends with an error where bytes are missing (`truncated`), are
 * not what the container says (`corrupt`), differ from a published sum (`checksum`) or are too many (`limit`).
 * Reads no faster than it is read from; leaving the loop stops everything behind it.
 */
export async function* openBytes(
  reader: ObjectReader,
  storage: Storage,
  signal?: AbortSignal,
  options: OpenBytesOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  // Leaving early must also end a read from the network that is still waiting for bytes.
  const ending = new AbortController();
  const flow: Flow = {
    read: 0,
    inflated: 0,
    limits: options.limits ?? INFLATE_LIMITS,
    ending,
    signal: signal ? AbortSignal.any([signal, ending.signal]) : ending.signal,
    waited: options.onWait ?? (() => {}),
  };
  try {
    if (signal?.aborted) throw abortError(signal);
    for await (const piece of opened(reader, storage, options, flow)) {
      if (signal?.aborted) throw abortError(signal);
      yield piece;
    }
  } catch (error) {
    if (signal?.aborted) throw abortError(signal);
    throw placed(error, reader.uri, options.entry ?? null, flow);
  } finally {
    ending.abort(ENDED);
  }
}

/** Why a read under way is given up; said, because an abort without a reason makes an error with a stack. */
const ENDED = 'no more is wanted';

/** One pass over an object: how far it is, and what ends it. */
interface Flow {
  /** Bytes of the object fed to the decoder. */
  read: number;
  inflated: number;
  readonly limits: InflateLimits;
  readonly ending: AbortController;
  /** Aborts with the caller's signal or with `ending`. */
  readonly signal: AbortSignal;
  readonly waited: (ms: number) => void;
}

function opened(
  reader: ObjectReader,
  storage: Storage,
  options: OpenBytesOptions,
  flow: Flow,
): AsyncIterable<Uint8Array> {
  const whole = (): AsyncIterable<Uint8Array> => {
    const bytes = reader.stream(0, reader.sizeBytes, flow.signal);
    return options.sha256 ? hashed(bytes, options.sha256) : bytes;
  };
  switch (storage.kind) {
    case 'plain':
    case 'arrow':
    case 'parquet':
      return counted(whole(), flow);
    case 'gzip':
    case 'zstd':
    case 'xz':
    case 'bz2':
      return unpacked(storage.kind, whole(), meterOf(flow));
    case 'tar':
      return tarEntry(reader, storage, flow);
    case 'zip':
      return unzipped(reader, storage, options.sha256 ? whole() : null, options.entry ?? null, flow);
  }
}

/** One entry of a tar, which of a packed one lies behind all that is before it. */
function tarEntry(
  reader: ObjectReader,
  { pack, offset, size, inner, objectBytes }: Extract<Storage, { kind: 'tar' }>,
  flow: Flow,
): AsyncIterable<Uint8Array> {
  const own =
    pack === 'plain'
      ? reader.stream(offset, offset + size, flow.signal)
      : stretch(unpacked(pack, reader.stream(0, objectBytes, flow.signal), meterOf(flow)), offset, size);
  if (inner !== 'plain' && inner !== 'parquet' && inner !== 'arrow')
    return unpacked(inner, own, meterOf(flow));
  return pack === 'plain' ? counted(own, flow) : own;
}

/**
 * `length` bytes from `start` on; the rest is not read.
 * @throws BackhaulError `truncated`
 */
async function* stretch(
  bytes: AsyncIterable<Uint8Array>,
  start: number,
  length: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  let at = 0;
  for await (const piece of bytes) {
    const part = piece.subarray(Math.max(0, start - at), Math.max(0, start + length - at));
    if (part.length > 0) yield part;
    at += piece.length;
    if (at >= start + length) return;
  }
  if (at < start + length)
    throw new BackhaulError({
      kind: 'truncated',
      message: 'the tar ends before the entry does',
      expected: `${start + length} bytes`,
      found: `${at} bytes`,
    });
}

/** Passes bytes on and holds their SHA-256 against the published one at the end. */
export async function* hashed(bytes: AsyncIterable<Uint8Array>, expected: string): AsyncIterable<Uint8Array> {
  const hash = createHash('sha256');
  for await (const piece of bytes) {
    hash.update(piece);
    yield piece;
  }
  const found = hash.digest('hex');
  if (found !== expected) throw new BackhaulError(checksumFault(expected, found));
}

/** A published SHA-256 that differs from the object's. */
export function checksumFault(expected: string, found: string): Fault {
  return {
    kind: 'checksum',
    message: 'the SHA-256 of the file differs from the published one',
    expected,
    found,
    hint: 'Download the file again.',
  };
}

async function* counted(bytes: AsyncIterable<Uint8Array>, flow: Flow): AsyncIterable<Uint8Array> {
  let asked = performance.now();
  for await (const piece of bytes) {
    flow.waited(performance.now() - asked);
    flow.read += piece.length;
    flow.inflated += piece.length;
    yield piece;
    asked = performance.now();
  }
}

function checkLimits({ read, inflated, limits }: Flow): void {
  if (inflated > limits.bytes) {
    throw new BackhaulError({
      kind: 'limit',
      message: 'the file inflates to more bytes than allowed',
      expected: `at most ${limits.bytes} bytes`,
      found: `${inflated} bytes out of ${read} and more to come`,
      hint: 'If this is no bomb, allow more: --max-inflated-bytes.',
    });
  }
  if (inflated > RATIO_FROM_BYTES && inflated > limits.ratio * read) {
    throw new BackhaulError({
      kind: 'limit',
      message: 'the file inflates out of all proportion',
      expected: `at most ${limits.ratio} times its size`,
      found: `${inflated} bytes out of ${read} and more to come`,
      hint: 'If this is no bomb, allow more: --max-inflate-ratio.',
    });
  }
}

function meterOf(flow: Flow): InflateMeter {
  return {
    read: (bytes) => {
      flow.read += bytes;
    },
    made: (bytes) => {
      flow.inflated += bytes;
      checkLimits(flow);
    },
    waited: flow.waited,
    end: () => flow.ending.abort(ENDED),
  };
}

/** One entry of a zip. `whole` streams the entire object (to be hashed on the way); null reads the entry's bytes alone. */
async function* unzipped(
  reader: ObjectReader,
  storage: ZipStorage,
  whole: AsyncIterable<Uint8Array> | null,
  entry: string | null,
  flow: Flow,
): AsyncIterable<Uint8Array> {
  const { start, found } = await dataStart(reader, storage, entry, whole === null, flow.signal);
  const end = start + storage.compressedSize;
  let bytes: AsyncIterable<Uint8Array>;
  if (whole !== null) bytes = within(whole, start, end);
  else if (found === null) bytes = reader.stream(start, end, flow.signal);
  else bytes = single(found);
  const inflated = storage.method === 0 ? counted(bytes, flow) : inflateRaw(bytes, meterOf(flow));
  let sum = 0;
  for await (const piece of inflated) {
    if (flow.inflated > storage.uncompressedSize) throw sizeError(storage, 'more than that');
    sum = crc32(piece, sum);
    yield piece;
  }
  if (flow.inflated !== storage.uncompressedSize) throw sizeError(storage, `${flow.inflated} bytes`);
  if (sum !== storage.crc32) {
    throw new BackhaulError({
      kind: 'corrupt',
      message: 'the CRC-32 of the entry differs from the one in the zip',
      expected: hex32(storage.crc32),
      found: hex32(sum),
      hint: 'Download the zip again.',
    });
  }
}

function hex32(value: number): string {
  return value.toString(16).padStart(8, '0');
}

function sizeError(storage: ZipStorage, found: string): BackhaulError {
  return new BackhaulError({
    kind: 'corrupt',
    message: 'the entry does not inflate to the size its zip states',
    expected: `${storage.uncompressedSize} bytes`,
    found,
  });
}

/** The part `[start, end)` of a stream that begins at 0; what lies outside is read and dropped. */
async function* within(
  bytes: AsyncIterable<Uint8Array>,
  start: number,
  end: number,
): AsyncIterable<Uint8Array> {
  let at = 0;
  for await (const piece of bytes) {
    const part = piece.subarray(Math.max(0, start - at), Math.max(0, end - at));
    at += piece.length;
    if (part.length > 0) yield part;
  }
}

async function* single(piece: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  yield piece;
}

const LOCAL_HEADER_BYTES = 30;
const LOCAL_HEADER_SIGNATURE = 0x04034b50;
/** Entries whose data are no more than this are read with their header at once. */
const SMALL_ENTRY_BYTES = 1 << 16;
/** For what a local header holds besides the name. */
const LOCAL_EXTRA_BYTES = 64;

/** A small entry from its header on: as much of it as one read gives; empty for others. */
async function headOf(
  reader: ObjectReader,
  { headerOffset, compressedSize }: ZipStorage,
  entry: string | null,
  signal: AbortSignal,
): Promise<Buffer> {
  if (compressedSize > SMALL_ENTRY_BYTES) return Buffer.alloc(0);
  const length = LOCAL_HEADER_BYTES + Buffer.byteLength(entry ?? '') + LOCAL_EXTRA_BYTES + compressedSize;
  const end = Math.min(reader.sizeBytes, headerOffset + length);
  const pieces: Uint8Array[] = [];
  // A stream, because its end says whether the object is still the one that was listed.
  for await (const piece of reader.stream(headerOffset, end, signal)) pieces.push(Uint8Array.from(piece));
  return Buffer.concat(pieces);
}

/**
 * Where the entry's data start, by its local header (APPNOTE 4.3.7), which must be the one the directory meant; and the
 * data, where they were read with it.
 */
async function dataStart(
  reader: ObjectReader,
  storage: ZipStorage,
  entry: string | null,
  wanted: boolean,
  signal: AbortSignal,
): Promise<{ readonly start: number; readonly found: Uint8Array | null }> {
  const head = wanted ? await headOf(reader, storage, entry, signal) : Buffer.alloc(0);
  const read = (at: number, length: number): Buffer | Promise<Buffer> =>
    at + length <= head.length
      ? head.subarray(at, at + length)
      : reader.read(storage.headerOffset + at, length, signal);
  const header = await read(0, LOCAL_HEADER_BYTES);
  const signature = header.readUInt32LE(0);
  if (signature !== LOCAL_HEADER_SIGNATURE) {
    throw headerError('no local header', hex32(LOCAL_HEADER_SIGNATURE), hex32(signature));
  }
  if ((header.readUInt16LE(6) & 1) !== 0) {
    throw new BackhaulError({ kind: 'encrypted', message: 'the entry is encrypted' });
  }
  const method = header.readUInt16LE(8);
  if (method !== storage.method) throw headerError('another method', `${storage.method}`, `${method}`);
  const nameBytes = header.readUInt16LE(26);
  const name = (await read(LOCAL_HEADER_BYTES, nameBytes)).toString('latin1').replaceAll('\\', '/');
  // Names beyond ASCII may be written in several encodings; the CRC-32 tells entries apart there.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: NUL is where ASCII starts.
  const comparable = /^[\x00-\x7f]*$/;
  if (entry !== null && comparable.test(entry) && comparable.test(name) && name !== entry) {
    throw headerError('the header of another entry', entry, name);
  }
  const before = LOCAL_HEADER_BYTES + nameBytes + header.readUInt16LE(28);
  const dataEnd = before + storage.compressedSize;
  return {
    start: storage.headerOffset + before,
    found: storage.compressedSize > 0 && dataEnd <= head.length ? head.subarray(before, dataEnd) : null,
  };
}

function headerError(what: string, expected: string, found: string): BackhaulError {
  return new BackhaulError({
    kind: 'corrupt',
    message: `${what} where the zip's directory has the entry`,
    expected,
    found,
    hint: 'The zip is damaged or was replaced: load the source again.',
  });
}

/** The error with its place; offsets count inflated bytes. */
function placed(error: unknown, uri: string, entry: string | null, flow: Flow): BackhaulError {
  const where = { uri, ...(entry === null ? {} : { entry }), byteOffset: flow.inflated };
  return new BackhaulError(faultAt(error, where), { cause: error });
}
