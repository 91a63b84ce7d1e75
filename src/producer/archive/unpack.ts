/** What files are packed by, beside zip: each a stream of bytes into a stream of bytes. */

import { createRequire } from 'node:module';
import { ReadableStream } from 'node:stream/web';
import { BackhaulError } from '../../faults/fault.ts';
import type { Packing } from '../../state/task_plan.ts';
import { bunzip2 } from './bunzip2.ts';
import { gunzip, type InflateMeter } from './inflate.ts';
import { unzstd } from './unzstd.ts';

/**
 * Unpacks; the source's pieces are used up before the next is asked for.
 * @throws BackhaulError `truncated` and `corrupt`
 */
export function unpacked(
  packing: Exclude<Packing, 'plain'>,
  bytes: AsyncIterable<Uint8Array>,
  meter: InflateMeter,
): AsyncIterable<Uint8Array> {
  switch (packing) {
    case 'gzip':
      return gunzip(bytes, meter);
    case 'zstd':
      return unzstd(bytes, meter);
    case 'xz':
      return unxz(bytes, meter);
    case 'bz2':
      return bunzip2(bytes, meter);
  }
}

/** .xz (one stream or several) by the reference decoder compiled to WebAssembly; its sums are checked. */
async function* unxz(bytes: AsyncIterable<Uint8Array>, meter: InflateMeter): AsyncGenerator<Uint8Array> {
  const { XzReadableStream } = createRequire(import.meta.url)(
    'xz-decompress',
  ) as typeof import('xz-decompress');
  const source = new Metered(bytes, meter);
  const packed = new ReadableStream<Uint8Array>(
    {
      pull: async (controller) => {
        const piece = await source.next();
        if (piece === null) controller.close();
        else controller.enqueue(piece);
      },
      cancel: () => source.end(),
    },
    { highWaterMark: 1 },
  );
  yield* made(
    new XzReadableStream(packed as never) as unknown as AsyncIterable<Uint8Array>,
    source,
    meter,
    // LZMA_BUF_ERROR and LZMA_FORMAT_ERROR of liblzma.
    (error) => /code (?:8|10)\b/.test(error),
  );
}

/** What a decoder gives, with its errors as ours. */
async function* made(
  out: AsyncIterable<Uint8Array>,
  source: Metered,
  meter: InflateMeter,
  isShort: (error: string) => boolean,
): AsyncGenerator<Uint8Array> {
  const pieces = out[Symbol.asyncIterator]();
  let isDone = false;
  try {
    for (;;) {
      const { done, value } = await pieces.next().catch((error: unknown) => {
        isDone = true;
        throw source.failure === null ? told(String(error), isShort, error) : source.failure.error;
      });
      if (done === true) {
        isDone = true;
        return;
      }
      meter.made(value.length);
      yield value;
    }
  } finally {
    // A decoder that is left early may have ended by itself, and then complains.
    if (!isDone) await pieces.return?.().catch(() => undefined);
    meter.end();
    await source.end();
  }
}

function told(found: string, isShort: (error: string) => boolean, cause: unknown): BackhaulError {
  if (cause instanceof BackhaulError) return cause;
  const isEarly = isShort(found);
  return new BackhaulError(
    {
      kind: isEarly ? 'truncated' : 'corrupt',
      message: isEarly ? 'the compressed data end too early' : 'the compressed data are damaged',
      found: isEarly ? 'the end of the data, within a block' : found.slice(0, 100),
      hint: 'Download the file again.',
    },
    { cause },
  );
}

/** The source's pieces, measured; copies, for decoders that keep them. */
class Metered {
  /** What the source has thrown: decoders tell it otherwise. */
  failure: { readonly error: unknown } | null = null;
  readonly #source: AsyncIterator<Uint8Array>;
  readonly #meter: InflateMeter;

  constructor(bytes: AsyncIterable<Uint8Array>, meter: InflateMeter) {
    this.#source = bytes[Symbol.asyncIterator]();
    this.#meter = meter;
  }

  /** Null at the end. */
  async next(): Promise<Uint8Array | null> {
    const asked = performance.now();
    try {
      for (;;) {
        const { done, value } = await this.#source.next();
        if (done === true) return null;
        this.#meter.waited(performance.now() - asked);
        this.#meter.read(value.length);
        if (value.length > 0) return Uint8Array.from(value);
      }
    } catch (error) {
      this.failure = { error };
      throw error;
    }
  }

  async end(): Promise<void> {
    await this.#source.return?.();
  }
}
