/** What buffers of Arrow files are packed by: Zstandard by Node, LZ4 (as pandas does) by a decoder of our own. */

import { zstdDecompressSync } from 'node:zlib';
import type * as Arrow from 'apache-arrow';
import { lz4Frame } from './lz4.ts';

let isDone = false;

/** Tells Arrow how to unpack. It has no codec of its own. */
export function registerCodecs({ compressionRegistry, CompressionType }: typeof Arrow): void {
  if (isDone) return;
  isDone = true;
  compressionRegistry.set(CompressionType.LZ4_FRAME, { decode: lz4Frame });
  compressionRegistry.set(CompressionType.ZSTD, {
    decode: (bytes: Uint8Array) => {
      const made = zstdDecompressSync(bytes);
      // Columns of eight bytes need a place that is a multiple of it.
      return made.byteOffset % 8 === 0 ? made : Uint8Array.from(made);
    },
  });
}
