import { BackhaulError, type Fault } from '../../../src/faults/fault.ts';
import type { ObjectReader } from '../../../src/producer/sources/source.ts';

/** An object in memory that counts how it is read. */
export class MemoryReader implements ObjectReader {
  readonly uri: string;
  readonly sizeBytes: number;
  readonly #bytes: Buffer;
  readonly #pieceBytes: number;
  reads = 0;
  bytesRead = 0;
  /** Bytes of the longest read since it was last set to 0. */
  longest = 0;
  /** Streams begun and not yet ended. */
  streaming = 0;

  constructor(bytes: Uint8Array, pieceBytes = 1 << 16, uri = 'memory:object') {
    this.uri = uri;
    this.#bytes = Buffer.from(bytes);
    this.sizeBytes = bytes.length;
    this.#pieceBytes = pieceBytes;
  }

  async read(start: number, length: number): Promise<Buffer> {
    this.reads++;
    if (start + length > this.sizeBytes) {
      throw new BackhaulError({ kind: 'truncated', message: 'beyond the end' });
    }
    this.bytesRead += length;
    this.longest = Math.max(this.longest, length);
    return this.#bytes.subarray(start, start + length);
  }

  async *stream(start: number, end: number): AsyncIterable<Uint8Array> {
    this.streaming++;
    try {
      for (let at = start; at < end; at += this.#pieceBytes) {
        const piece = this.#bytes.subarray(at, Math.min(end, at + this.#pieceBytes));
        this.bytesRead += piece.length;
        yield piece;
      }
    } finally {
      this.streaming--;
    }
  }

  async close(): Promise<void> {}
}

/** The fault a promise fails with; fails itself when there is none. */
export async function faultOf(promise: Promise<unknown>): Promise<Fault> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof BackhaulError) return error.fault;
    throw error;
  }
  throw new Error('a fault was expected');
}

/** Bytes are copied: a piece holds only until the next is asked for. */
export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items)
    all.push(item instanceof Uint8Array ? (Buffer.from(item) as unknown as T) : item);
  return all;
}
