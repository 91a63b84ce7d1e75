/**
 * The CRCs of S3's object checksums, GB/s, eight bytes a step against one: `node bench/crc.ts`.
 */

import { randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { Crc64Nvme, crc32c } from '../src/producer/sources/transfer/crc.ts';

const bytes = randomBytes(64 << 20);
const PIECE = 64 << 10;

/** The plain table walk, a byte a step. */
const TABLE = Int32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  return crc;
});
function byteByByte(piece: Uint8Array, crc: number): number {
  let c = ~crc;
  for (let i = 0; i < piece.length; i++) c = TABLE[(c ^ piece[i]!) & 0xff]! ^ (c >>> 8);
  return ~c >>> 0;
}

function measure(name: string, pass: (piece: Uint8Array) => void): void {
  let best = Number.POSITIVE_INFINITY;
  for (let run = 0; run < 5; run++) {
    const start = performance.now();
    for (let at = 0; at < bytes.length; at += PIECE) pass(bytes.subarray(at, at + PIECE));
    best = Math.min(best, performance.now() - start);
  }
  process.stdout.write(`${name.padEnd(24)} ${(bytes.length / best / 1e6).toFixed(2)} GB/s\n`);
}

let crc = 0;
const crc64 = new Crc64Nvme();
measure('crc32 (zlib)', (piece) => {
  crc = crc32(piece, crc);
});
measure('crc32c, a byte a step', (piece) => {
  crc = byteByByte(piece, crc);
});
measure('crc32c', (piece) => {
  crc = crc32c(piece, crc);
});
measure('crc64nvme', (piece) => crc64.update(piece));
