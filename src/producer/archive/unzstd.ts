/**
 * Zstandard (RFC 8878) by Node's own decoder. That one ends silently with the first frame of a file, so each further
 * frame gets a decoder of its own, from the byte on where the last one stopped.
 */

import { createZstdDecompress } from 'node:zlib';
import { BackhaulError } from '../../faults/fault.ts';
import type { InflateMeter } from './inflate.ts';

const CHUNK_BYTES = 1 << 20;

/**
 * Decompresses a file of any number of frames.
 * @throws BackhaulError `truncated`, and `corrupt` for damage and whatever else follows
 */
export async function* unzstd(
  bytes: AsyncIterable<Uint8Array>,
  meter: InflateMeter,
): AsyncGenerator<Uint8Array, void, undefined> {
  const input = new Pieces(bytes, meter);
  try {
    do yield* oneFrame(input, meter);
    while (await input.isMore());
  } finally {
    await input.close();
  }
}

async function* oneFrame(input: Pieces, meter: InflateMeter): AsyncGenerator<Uint8Array, void, undefined> {
  const decoder = createZstdDecompress({ chunkSize: CHUNK_BYTES });
  let fed = 0;
  // Pieces the decoder has not taken whole: what a frame leaves over is in them.
  const recent: Uint8Array[] = [];
  let recentBytes = 0;
  let sourceFailed: { readonly error: unknown } | null = null;
  const feeding = (async () => {
    for (;;) {
      const piece = await input.take().catch((error: unknown) => {
        sourceFailed = { error };
        return null;
      });
      if (decoder.destroyed || decoder.readableEnded) {
        if (piece !== null) input.putBack(piece);
        return;
      }
      if (piece === null) {
        decoder.end();
        return;
      }
      fed += piece.length;
      recent.push(piece);
      recentBytes += piece.length;
      await new Promise<void>((resolve) => {
        decoder.once('close', resolve);
        decoder.write(piece, () => {
          decoder.off('close', resolve);
          resolve();
        });
      });
      while (recent.length > 1 && recentBytes - recent[0]!.length >= fed - decoder.bytesWritten)
        recentBytes -= recent.shift()!.length;
    }
  })();
  try {
    for await (const piece of decoder as AsyncIterable<Uint8Array>) {
      meter.made(piece.length);
      yield piece;
    }
  } catch (error) {
    if (sourceFailed !== null) throw (sourceFailed as { readonly error: unknown }).error;
    throw faultOf(error, fed);
  } finally {
    decoder.destroy();
    await feeding;
  }
  if (sourceFailed !== null) throw (sourceFailed as { readonly error: unknown }).error;
  const left = fed - decoder.bytesWritten;
  if (left > 0) input.putBack(Buffer.concat(recent).subarray(recentBytes - left));
}

function faultOf(error: unknown, fed: number): unknown {
  const { code } = error as { code?: unknown };
  if (code === 'Z_BUF_ERROR')
    return new BackhaulError({
      kind: 'truncated',
      message: 'the compressed data end too early',
      found: `the end of the data after ${fed} compressed bytes`,
      hint: 'download the file again',
    });
  if (typeof code === 'string' && code.startsWith('ZSTD_'))
    return new BackhaulError({
      kind: 'corrupt',
      message: `the compressed data are damaged: ${DAMAGES[code] ?? 'they are no Zstandard frame'}`,
      code,
      hint: 'download the file again',
    });
  return error;
}

const DAMAGES: Readonly<Record<string, string>> = {
  ZSTD_error_prefix_unknown: 'where a Zstandard frame should begin, there is something else',
  ZSTD_error_checksum_wrong: 'the checksum at its end differs from that of the data',
  ZSTD_error_corruption_detected: 'a block does not decode',
  ZSTD_error_frameParameter_windowTooLarge: 'its window is larger than 128 MB',
};

/** The source's pieces; those that were not used up are put back in front. */
class Pieces {
  readonly #source: AsyncIterator<Uint8Array>;
  readonly #meter: InflateMeter;
  readonly #back: Uint8Array[] = [];

  constructor(bytes: AsyncIterable<Uint8Array>, meter: InflateMeter) {
    this.#source = bytes[Symbol.asyncIterator]();
    this.#meter = meter;
  }

  /** The next piece that is not empty; null at the end. */
  async take(): Promise<Uint8Array | null> {
    const back = this.#back.shift();
    if (back !== undefined) return back;
    for (;;) {
      const asked = performance.now();
      const { done, value } = await this.#source.next();
      this.#meter.waited(performance.now() - asked);
      if (done === true) return null;
      this.#meter.read(value.length);
      // The decoder works on a thread of its own and keeps the piece until then; the source may reuse it.
      if (value.length > 0) return Uint8Array.from(value);
    }
  }

  putBack(piece: Uint8Array): void {
    this.#back.unshift(piece);
  }

  async isMore(): Promise<boolean> {
    const piece = await this.take();
    if (piece === null) return false;
    this.putBack(piece);
    return true;
  }

  async close(): Promise<void> {
    this.#meter.end();
    await this.#source.return?.();
  }
}
