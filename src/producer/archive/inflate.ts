/**
 * The containers of deflate data: gzip (RFC 1952) with all its members, and the bare data of a zip's entry. Pieces
 * yielded are views that hold until the next is asked for.
 */

import { crc32 } from 'node:zlib';
import { BackhaulError } from '../../faults/fault.ts';
import { CORRUPT, ENDED, Inflater, NEEDS_INPUT, TRUNCATED } from './inflater.ts';

/** Told of every piece taken from the source, and of every piece made of it before it is yielded. */
export interface InflateMeter {
  read(bytes: number): void;
  made(bytes: number): void;
  /** How long a piece was waited for, ms. */
  waited(ms: number): void;
  /** No more is wanted: a read under way may be given up. */
  end(): void;
}

/** Kept for the next stream: an instance is half a megabyte. */
const idle: Inflater[] = [];
const MAX_IDLE = 2;

/** The first two bytes of every member, and the only method there is. */
const GZIP_MAGIC = 0x8b1f;
const DEFLATE = 8;
const FLAG_HEADER_SUM = 2;
const FLAG_EXTRA = 4;
const FLAG_NAME = 8;
const FLAG_COMMENT = 16;
const RESERVED_FLAGS = 0xe0;

/**
 * Inflates a gzip of any number of members; zeros may follow the last one, as tape blocks are padded so.
 * @throws BackhaulError `truncated`, and `corrupt` for damage, sums that differ, and whatever else follows
 */
export async function* gunzip(
  bytes: AsyncIterable<Uint8Array>,
  meter: InflateMeter,
): AsyncGenerator<Uint8Array, void, undefined> {
  yield* using(bytes, meter, async function* (input) {
    do {
      await readHeader(input);
      let sum = 0;
      let size = 0;
      for await (const piece of inflated(input, meter)) {
        sum = crc32(piece, sum);
        size = (size + piece.length) >>> 0;
        yield piece;
      }
      const end = await input.take(8);
      if (end.readUInt32LE(0) !== sum) throw corrupt('incorrect data check');
      if (end.readUInt32LE(4) !== size) throw corrupt('incorrect length check');
    } while ((await input.has(1)) && input.rest()[0] !== 0);
    await readPadding(input);
  });
}

/**
 * Inflates bare deflate data, which must fill `bytes`.
 * @throws BackhaulError `truncated`, `corrupt`
 */
export async function* inflateRaw(
  bytes: AsyncIterable<Uint8Array>,
  meter: InflateMeter,
): AsyncGenerator<Uint8Array, void, undefined> {
  yield* using(bytes, meter, async function* (input) {
    yield* inflated(input, meter);
    if (await input.has(1)) {
      throw new BackhaulError({
        kind: 'corrupt',
        message: 'the compressed data end before the entry does',
      });
    }
  });
}

async function* using(
  bytes: AsyncIterable<Uint8Array>,
  meter: InflateMeter,
  work: (input: CompressedBytes) => AsyncGenerator<Uint8Array, void, undefined>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const inflater = idle.pop() ?? new Inflater();
  const input = new CompressedBytes(bytes, inflater, meter);
  try {
    yield* work(input);
  } finally {
    inflater.reset();
    if (idle.length < MAX_IDLE) idle.push(inflater);
    await input.close();
  }
}

/** One deflate stream. */
async function* inflated(
  input: CompressedBytes,
  meter: InflateMeter,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { inflater } = input;
  inflater.begin();
  let isAll = false;
  for (;;) {
    const how = inflater.step(isAll);
    const piece = inflater.made();
    if (piece.length > 0) {
      meter.made(piece.length);
      yield piece;
    }
    if (how === ENDED) return;
    if (how === TRUNCATED) throw input.truncated();
    if (how === CORRUPT) throw corrupt(inflater.reason);
    if (how === NEEDS_INPUT) isAll = !(await input.more());
  }
}

async function readHeader(input: CompressedBytes): Promise<void> {
  let sum = 0;
  const take = async (length: number): Promise<Buffer> => {
    const bytes = await input.take(length);
    sum = crc32(bytes, sum);
    return bytes;
  };
  const text = async (): Promise<void> => {
    while ((await take(1))[0] !== 0);
  };
  if ((await take(2)).readUInt16LE(0) !== GZIP_MAGIC) throw corrupt('incorrect header check');
  const [method, flags] = (await take(8)) as unknown as [number, number];
  if (method !== DEFLATE) throw corrupt('unknown compression method');
  if ((flags & RESERVED_FLAGS) !== 0) throw corrupt('unknown header flags set');
  if ((flags & FLAG_EXTRA) !== 0) await take((await take(2)).readUInt16LE(0));
  if ((flags & FLAG_NAME) !== 0) await text();
  if ((flags & FLAG_COMMENT) !== 0) await text();
  if ((flags & FLAG_HEADER_SUM) === 0) return;
  const expected = sum & 0xffff;
  if ((await take(2)).readUInt16LE(0) !== expected) throw corrupt('header crc mismatch');
}

async function readPadding(input: CompressedBytes): Promise<void> {
  while (await input.has(1)) {
    const rest = input.rest();
    if (rest.some((byte) => byte !== 0)) {
      throw new BackhaulError({
        kind: 'corrupt',
        message: 'something that is no gzip follows the compressed data',
      });
    }
    input.inflater.skip(rest.length);
  }
}

function corrupt(reason: string): BackhaulError {
  return new BackhaulError({
    kind: 'corrupt',
    message: `the compressed data are damaged: ${DAMAGES[reason] ?? reason}`,
    hint: 'download the file again',
  });
}

/** What zlib says in these words, for whoever has not read RFC 1952. */
const DAMAGES: Readonly<Record<string, string>> = {
  'incorrect header check': 'where a gzip should begin, there is something else',
  'incorrect data check': 'the CRC-32 at its end differs from that of the data',
  'incorrect length check': 'the length at its end differs from that of the data',
};

/** Compressed bytes on their way into the inflater's buffer; one piece of the source is always being fetched ahead. */
class CompressedBytes {
  readonly inflater: Inflater;
  readonly #source: AsyncIterator<Uint8Array>;
  readonly #meter: InflateMeter;
  #next: Promise<IteratorResult<Uint8Array>>;
  #piece: Uint8Array = new Uint8Array(0);
  #at = 0;
  #read = 0;
  #isOver = false;

  constructor(bytes: AsyncIterable<Uint8Array>, inflater: Inflater, meter: InflateMeter) {
    this.inflater = inflater;
    this.#meter = meter;
    this.#source = bytes[Symbol.asyncIterator]();
    this.#next = this.#fetch();
  }

  #fetch(): Promise<IteratorResult<Uint8Array>> {
    const next = this.#source.next();
    next.catch(() => {}); // thrown when it is waited for
    return next;
  }

  /** Brings more bytes; false when there are none. */
  async more(): Promise<boolean> {
    for (;;) {
      if (this.#at < this.#piece.length) {
        this.#at += this.inflater.fill(this.#piece, this.#at);
        return true;
      }
      if (this.#isOver) return false;
      const asked = performance.now();
      const { done, value } = await this.#next;
      this.#meter.waited(performance.now() - asked);
      if (done === true) {
        this.#isOver = true;
        return false;
      }
      this.#piece = value;
      this.#at = 0;
      this.#read += value.length;
      this.#meter.read(value.length);
      this.#next = this.#fetch();
    }
  }

  /** Whether `length` bytes more are there. */
  async has(length: number): Promise<boolean> {
    while (this.inflater.available < length) if (!(await this.more())) return false;
    return true;
  }

  /**
   * The next `length` bytes (64 KiB at most).
   * @throws BackhaulError `truncated`
   */
  async take(length: number): Promise<Buffer> {
    if (!(await this.has(length))) throw this.truncated();
    const bytes = Buffer.from(this.rest().subarray(0, length));
    this.inflater.skip(length);
    return bytes;
  }

  rest(): Uint8Array {
    return this.inflater.rest();
  }

  truncated(): BackhaulError {
    return new BackhaulError({
      kind: 'truncated',
      message: 'the compressed data end too early',
      found: `the end of the data after ${this.#read} compressed bytes`,
      hint: 'download the file again',
    });
  }

  /** Ends what is behind; what was being fetched is waited for. */
  async close(): Promise<void> {
    this.#meter.end();
    await this.#next.catch(() => {});
    await this.#source.return?.();
  }
}
