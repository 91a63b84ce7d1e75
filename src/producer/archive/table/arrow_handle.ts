import type { ObjectReader } from '../../sources/source.ts';

/** Bytes read at once where a few are asked for: those of a message's head, and of the directory. */
const AHEAD_BYTES = 1 << 16;

/** An object as the part of a file handle that Arrow uses. */
export class ArrowHandle {
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
