/**
 * LZ4's frame format (lz4_Frame_format.md 1.6.4) over its block format: what pandas and freqtrade pack Feather files by.
 * Of our own, because the packages there are for it were last kept in 2018, or bring a compiled library for each platform.
 */

import { BackhaulError } from '../../../faults/fault.ts';
import { PageKernel } from './page_kernel.ts';

const MAGIC = 0x184d2204;
/** Flags of a frame. */
const BLOCK_SUMS = 0x10;
const CONTENT_SIZE = 0x08;
const CONTENT_SUM = 0x04;
const DICTIONARY = 0x01;
/** Of a block's size: it is stored as it is. */
const STORED = 0x80000000;
/** Longest block, unpacked, and how far back one refers. */
const MOST_BLOCK_BYTES = 4 << 20;
const BACK_BYTES = 1 << 16;
/** A frame of a column is some MB; beyond, its size is not believed. */
const MOST_BYTES = 2 ** 31;

/**
 * Unpacks one frame.
 * @throws BackhaulError `corrupt`
 */
export function lz4Frame(bytes: Uint8Array): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 11 || view.getUint32(0, true) !== MAGIC) throw corrupt('there is no LZ4 frame');
  const flags = bytes[4]!;
  let at = 6;
  let size = -1;
  if ((flags & CONTENT_SIZE) !== 0) {
    size = Number(view.getBigUint64(at, true));
    at += 8;
  }
  if ((flags & DICTIONARY) !== 0) throw corrupt('its LZ4 frame needs a dictionary');
  at++;
  if (size > MOST_BYTES) throw corrupt('its LZ4 frame promises too much');
  const out = new Out(size >= 0 ? size : 4 * bytes.length, size >= 0);
  const kernel = PageKernel.take();
  const packed = kernel.place(0);
  // Blocks may refer to what is before them.
  const window = kernel.place(BACK_BYTES + MOST_BLOCK_BYTES);
  let end = window.at;
  for (;;) {
    if (at + 4 > bytes.length) throw corrupt('its LZ4 frame ends too early');
    const word = view.getUint32(at, true);
    at += 4;
    if (word === 0) break;
    const length = word & 0x7fffffff;
    if (at + length > bytes.length) throw corrupt('its LZ4 frame ends too early');
    if (length > MOST_BLOCK_BYTES) throw corrupt('an LZ4 block is longer than blocks are');
    const back = Math.min(end - window.at, BACK_BYTES);
    kernel.bytes.copyWithin(window.at, end - back, end);
    const begin = window.at + back;
    const block = bytes.subarray(at, at + length);
    if ((word & STORED) !== 0) {
      kernel.bytes.set(block, begin);
      end = begin + length;
    } else {
      kernel.make(packed, length);
      kernel.bytes.set(block, packed.at);
      end = kernel.run.lz4(packed.at, packed.at + length, window.at, begin, begin + MOST_BLOCK_BYTES);
      if (end === 0) throw corrupt('an LZ4 block is damaged');
    }
    out.add(kernel.bytes.subarray(begin, end));
    at += length + ((flags & BLOCK_SUMS) === 0 ? 0 : 4);
  }
  kernel.giveBack();
  if ((flags & CONTENT_SUM) !== 0 && at + 4 > bytes.length) throw corrupt('its LZ4 frame ends too early');
  if (size >= 0 && out.length !== size) throw corrupt('its LZ4 frame is shorter than it says');
  return out.bytes;
}

/** What was unpacked. */
class Out {
  length = 0;
  #room: Uint8Array<ArrayBuffer>;
  readonly #isKnown: boolean;

  constructor(size: number, isKnown: boolean) {
    this.#room = Buffer.allocUnsafeSlow(size);
    this.#isKnown = isKnown;
  }

  get bytes(): Uint8Array {
    return this.#room.subarray(0, this.length);
  }

  add(piece: Uint8Array): void {
    const length = this.length + piece.length;
    if (length > this.#room.length) {
      if (this.#isKnown || length > MOST_BYTES) throw corrupt('its LZ4 frame is longer than it says');
      const larger = new Uint8Array(Math.max(length, 2 * this.#room.length));
      larger.set(this.bytes);
      this.#room = larger;
    }
    this.#room.set(piece, this.length);
    this.length = length;
  }
}

function corrupt(message: string): BackhaulError {
  return new BackhaulError({
    kind: 'corrupt',
    message: `the file is damaged: ${message}`,
    hint: 'Download or write the file again.',
  });
}
