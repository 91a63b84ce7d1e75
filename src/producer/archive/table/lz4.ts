/**
 * LZ4's frame format (lz4_Frame_format.md 1.6.4) over its block format: what pandas and freqtrade pack Feather files by.
 * Of our own, because the packages there are for it were last kept in 2018, or bring a compiled library for each platform.
 */

import { BackhaulError } from '../../../faults/fault.ts';

const MAGIC = 0x184d2204;
/** Flags of a frame. */
const BLOCK_SUMS = 0x10;
const CONTENT_SIZE = 0x08;
const CONTENT_SUM = 0x04;
const DICTIONARY = 0x01;
/** Of a block's size: it is stored as it is. */
const STORED = 0x80000000;
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
  let out = new Uint8Array(size >= 0 ? size : 4 * bytes.length);
  let length = 0;
  for (;;) {
    if (at + 4 > bytes.length) throw corrupt('its LZ4 frame ends too early');
    const word = view.getUint32(at, true);
    at += 4;
    if (word === 0) break;
    const isStored = (word & STORED) !== 0;
    const end = at + (word & 0x7fffffff);
    if (end > bytes.length) throw corrupt('its LZ4 frame ends too early');
    if (isStored) {
      out = roomFor(out, length + end - at, size);
      out.set(bytes.subarray(at, end), length);
      length += end - at;
    } else {
      // A block becomes at most 255 times its size, and 4 MB.
      if (size < 0) out = roomFor(out, length + Math.min(255 * (end - at), 4 << 20), size);
      length = block(bytes, at, end, out, length);
    }
    at = end + ((flags & BLOCK_SUMS) === 0 ? 0 : 4);
  }
  if ((flags & CONTENT_SUM) !== 0 && at + 4 > bytes.length) throw corrupt('its LZ4 frame ends too early');
  if (size >= 0 && length !== size) throw corrupt('its LZ4 frame is shorter than it says');
  return out.subarray(0, length);
}

function roomFor(out: Uint8Array<ArrayBuffer>, length: number, size: number): Uint8Array<ArrayBuffer> {
  if (length <= out.length) return out;
  if (size >= 0 || length > MOST_BYTES) throw corrupt('its LZ4 frame is longer than it says');
  const larger = new Uint8Array(Math.max(length, 2 * out.length));
  larger.set(out);
  return larger;
}

/** Unpacks a block to `out[length …]`; returns where that ends. */
function block(bytes: Uint8Array, start: number, end: number, out: Uint8Array, length: number): number {
  let from = start;
  let to = length;
  while (from < end) {
    const token = bytes[from++]!;
    let literals = token >> 4;
    if (literals === 15) {
      let more: number;
      do {
        more = bytes[from++]!;
        literals += more;
      } while (more === 255 && from < end);
    }
    if (from + literals > end || to + literals > out.length) throw corrupt('an LZ4 block is damaged');
    for (const last = from + literals; from < last; ) out[to++] = bytes[from++]!;
    if (from >= end) return to;
    const offset = bytes[from]! | (bytes[from + 1]! << 8);
    from += 2;
    let match = (token & 15) + 4;
    if (match === 19) {
      let more: number;
      do {
        more = bytes[from++]!;
        match += more;
      } while (more === 255 && from < end);
    }
    if (offset === 0 || offset > to || to + match > out.length) throw corrupt('an LZ4 block is damaged');
    for (const last = to + match; to < last; to++) out[to] = out[to - offset]!;
  }
  return to;
}

function corrupt(message: string): BackhaulError {
  return new BackhaulError({
    kind: 'corrupt',
    message: `the file is damaged: ${message}`,
    hint: 'Download or write the file again.',
  });
}
