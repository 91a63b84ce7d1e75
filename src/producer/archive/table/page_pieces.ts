/** A page of a Parquet file that is too long to be unpacked at once: its bytes a piece after another. */

import { pipeline, Readable, type Transform } from 'node:stream';
import { createBrotliDecompress, createGunzip, createZstdDecompress } from 'node:zlib';
import type { CompressionCodec } from 'hyparquet';
import type { PageKernel, Place } from './page_kernel.ts';
import { parquetDamage } from './parquet_faults.ts';

/** Bytes [from, to) of a column's chunk, of which it may hold the next. */
export type ChunkBytes = (from: number, to: number) => Promise<Uint8Array> | Uint8Array;

/** What bounds the memory a file is read in, in bytes. */
export interface PageLimits {
  /** A row group's columns are read at once up to so many; beyond, each by pieces as it goes on. */
  readonly group: number;
  /** A column's part read at once, then. */
  readonly range: number;
  /** A page is unpacked at once up to so many; a longer one goes through a window. */
  readonly page: number;
  /** Of that window, at least: it is longer where a batch takes more. */
  readonly window: number;
  /** Packed or unpacked at once, then. */
  readonly piece: number;
}

/**
 * A page is a MB, by most writers, and a row group up to a hundred thousand or a million rows. DuckDB writes pages of up
 * to 100 MB, where it was told to make large row groups.
 */
export const PAGE_LIMITS: PageLimits = {
  group: 32 << 20,
  range: 2 << 20,
  page: 2 << 20,
  window: 1 << 19,
  piece: 1 << 17,
};

/** How far back Snappy refers: it is written in blocks of so many bytes. */
export const SNAPPY_BACK_BYTES = 1 << 16;

/** The bytes of a page, unpacked. */
export interface PagePieces {
  /**
   * Puts the next bytes of the page at `at` of the kernel's memory, behind those from `first` on, up to `last` or some
   * bytes beyond that do not count. Returns where they end: `at`, if there are no more.
   */
  fill(first: number, at: number, last: number): Promise<number>;
  /** No more are asked for. */
  end(): void;
}

/** What lies packed at [from, to) of a chunk. */
export interface PackedPage {
  readonly codec: CompressionCodec;
  readonly bytes: ChunkBytes;
  readonly from: number;
  readonly to: number;
}

/** Places for what is packed, and what is known of it. */
export interface PackedPlaces {
  readonly packed: Place;
  readonly state: Place;
}

/** The pieces, of `piece` bytes, of a page. */
export function pagePieces(
  kernel: PageKernel,
  places: PackedPlaces,
  page: PackedPage,
  piece: number,
): PagePieces {
  const options = { chunkSize: Math.max(64, piece) };
  switch (page.codec) {
    case 'SNAPPY':
      return new SnappyPieces(kernel, places, page, piece);
    case 'GZIP':
      return new StreamPieces(kernel, createGunzip(options), page, piece);
    case 'BROTLI':
      return new StreamPieces(kernel, createBrotliDecompress(options), page, piece);
    case 'ZSTD':
      return new StreamPieces(kernel, createZstdDecompress(options), page, piece);
    default:
      return new PlainPieces(kernel, page, piece);
  }
}

class PlainPieces implements PagePieces {
  readonly #kernel: PageKernel;
  readonly #page: PackedPage;
  readonly #piece: number;
  #at: number;

  constructor(kernel: PageKernel, page: PackedPage, piece: number) {
    this.#kernel = kernel;
    this.#page = page;
    this.#piece = piece;
    this.#at = page.from;
  }

  async fill(_first: number, at: number, last: number): Promise<number> {
    const { bytes, to } = this.#page;
    const some = Math.min(last - at, to - this.#at, this.#piece);
    if (some === 0) return at;
    const piece = await bytes(this.#at, this.#at + some);
    this.#kernel.bytes.set(piece, at);
    this.#at += some;
    return at + some;
  }

  end(): void {}
}

class SnappyPieces implements PagePieces {
  readonly #kernel: PageKernel;
  readonly #page: PackedPage;
  readonly #piece: number;
  readonly #packed: Place;
  readonly #state: Place;
  /** Bytes of the chunk that are in `packed` or were. */
  #at: number;
  /** Where what is in `packed` ends. */
  #end: number;
  /** Bytes that are still to come; -1: not known yet. */
  #left = -1;

  constructor(kernel: PageKernel, { packed, state }: PackedPlaces, page: PackedPage, piece: number) {
    this.#kernel = kernel;
    this.#page = page;
    // How long it is, is told at its beginning in up to five bytes.
    this.#piece = Math.max(8, piece);
    this.#packed = packed;
    this.#state = state;
    this.#at = page.from;
    kernel.make(packed, 2 * this.#piece);
    this.#end = packed.at;
  }

  async fill(first: number, at: number, last: number): Promise<number> {
    const { run } = this.#kernel;
    const state = this.#state.at;
    if (this.#left < 0) {
      await this.#more(this.#packed.at);
      this.#left = run.beginSnappy(state, this.#packed.at, this.#end, at);
      if (this.#left < 0) throw parquetDamage('Snappy that does not unpack');
    }
    while (this.#left > 0) {
      run.moveSnappy(state, run.snappyIn(state), at);
      const isEnd = this.#at === this.#page.to;
      const most = Math.min(last, at + this.#left);
      if (run.snappy(state, this.#end, isEnd ? 1 : 0, first, most) === 0)
        throw parquetDamage('Snappy that does not unpack');
      const some = run.snappyOut(state) - at;
      if (some > this.#left) throw parquetDamage('Snappy that does not unpack');
      if (some > 0) {
        this.#left -= some;
        return at + some;
      }
      if (isEnd) throw parquetDamage('Snappy that ends too early');
      await this.#more(run.snappyIn(state));
      run.moveSnappy(state, this.#packed.at, at);
    }
    return at;
  }

  /** Reads on behind what was not used yet, from `from` on, which is moved to the beginning. */
  async #more(from: number): Promise<void> {
    const { at } = this.#packed;
    const some = Math.min(this.#piece, this.#page.to - this.#at);
    const piece = await this.#page.bytes(this.#at, this.#at + some);
    const { bytes } = this.#kernel;
    bytes.copyWithin(at, from, this.#end);
    const end = at + this.#end - from;
    bytes.set(piece, end);
    this.#at += some;
    this.#end = end + some;
  }

  end(): void {}
}

/** What Node has a decoder for. */
class StreamPieces implements PagePieces {
  readonly #kernel: PageKernel;
  readonly #codec: CompressionCodec;
  readonly #decoder: Transform;
  readonly #pieces: AsyncIterator<Uint8Array>;
  /** What reading has failed with, not unpacking. */
  #failure: { readonly error: unknown } | null = null;
  #piece: Uint8Array = new Uint8Array(0);

  constructor(kernel: PageKernel, decoder: Transform, page: PackedPage, piece: number) {
    this.#kernel = kernel;
    this.#codec = page.codec;
    this.#decoder = decoder;
    const packed = Readable.from(this.#packed(page, piece), { objectMode: false });
    // What fails is told to whoever asks for pieces.
    pipeline(packed, decoder, () => {});
    this.#pieces = decoder[Symbol.asyncIterator]();
  }

  async *#packed({ bytes, from, to }: PackedPage, piece: number): AsyncGenerator<Uint8Array> {
    try {
      for (let at = from; at < to; at += piece) yield await bytes(at, Math.min(to, at + piece));
    } catch (error) {
      this.#failure = { error };
      throw error;
    }
  }

  async fill(_first: number, at: number, last: number): Promise<number> {
    while (this.#piece.length === 0) {
      const next = await this.#next();
      if (next.done === true) return at;
      this.#piece = next.value;
    }
    const some = Math.min(last - at, this.#piece.length);
    this.#kernel.bytes.set(this.#piece.subarray(0, some), at);
    this.#piece = this.#piece.subarray(some);
    return at + some;
  }

  async #next(): Promise<IteratorResult<Uint8Array>> {
    try {
      return await this.#pieces.next();
    } catch (error) {
      if (this.#failure !== null) throw this.#failure.error;
      throw parquetDamage(`${this.#codec}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  end(): void {
    this.#decoder.destroy();
  }
}
