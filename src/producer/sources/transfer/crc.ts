/**
 * The two CRCs of S3's object checksums that Node does not bring: CRC-32C (Castagnoli) and CRC-64/NVME, both
 * reflected. Source: the CRC RevEng catalogue, "CRC-32/ISCSI" and "CRC-64/NVME".
 * Tables for eight bytes a step: 1.0 and 0.7 GB/s, against 0.17 for a byte a step (`bench/crc.ts`).
 */

const SLICES = 8;

/** 8 tables of 256: the CRC of a byte followed by 0 … 7 zero bytes. */
function tables32(polynomial: number): Uint32Array {
  const tables = new Uint32Array(SLICES * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ polynomial : crc >>> 1;
    tables[byte] = crc;
  }
  for (let i = 256; i < tables.length; i++) {
    const before = tables[i - 256]!;
    tables[i] = tables[before & 0xff]! ^ (before >>> 8);
  }
  return tables;
}

const CRC32C = tables32(0x82f63b78);

/** CRC-32C over `bytes`, going on from `crc` (0 at first), as unsigned 32 bits. */
export function crc32c(bytes: Uint8Array, crc: number): number {
  let c = ~crc;
  let i = 0;
  for (const last = bytes.length - 7; i < last; i += 8) {
    const low = c ^ (bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24));
    c =
      CRC32C[1792 + (low & 0xff)]! ^
      CRC32C[1536 + ((low >>> 8) & 0xff)]! ^
      CRC32C[1280 + ((low >>> 16) & 0xff)]! ^
      CRC32C[1024 + (low >>> 24)]! ^
      CRC32C[768 + bytes[i + 4]!]! ^
      CRC32C[512 + bytes[i + 5]!]! ^
      CRC32C[256 + bytes[i + 6]!]! ^
      CRC32C[bytes[i + 7]!]!;
  }
  for (; i < bytes.length; i++) c = CRC32C[(c ^ bytes[i]!) & 0xff]! ^ (c >>> 8);
  return ~c >>> 0;
}

/** High and low words of the tables for CRC-64/NVME's polynomial 0x9a6c9329ac4bc9b5. */
function tables64(): { high: Uint32Array; low: Uint32Array } {
  const high = new Uint32Array(SLICES * 256);
  const low = new Uint32Array(SLICES * 256);
  for (let byte = 0; byte < 256; byte++) {
    let h = 0;
    let l = byte;
    for (let bit = 0; bit < 8; bit++) {
      const odd = l & 1;
      l = (l >>> 1) | (h << 31);
      h >>>= 1;
      if (odd) {
        h ^= 0x9a6c9329;
        l ^= 0xac4bc9b5;
      }
    }
    high[byte] = h;
    low[byte] = l;
  }
  for (let i = 256; i < high.length; i++) {
    const h = high[i - 256]!;
    const l = low[i - 256]!;
    high[i] = high[l & 0xff]! ^ (h >>> 8);
    low[i] = low[l & 0xff]! ^ ((l >>> 8) | (h << 24));
  }
  return { high, low };
}

const { high: HIGH, low: LOW } = tables64();

/** CRC-64/NVME of a stream of bytes. */
export class Crc64Nvme {
  #high = 0xffffffff;
  #low = 0xffffffff;

  update(bytes: Uint8Array): void {
    let h = this.#high;
    let l = this.#low;
    let i = 0;
    for (const last = bytes.length - 7; i < last; i += 8) {
      const a = l ^ (bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24));
      const b = h ^ (bytes[i + 4]! | (bytes[i + 5]! << 8) | (bytes[i + 6]! << 16) | (bytes[i + 7]! << 24));
      const t7 = 1792 + (a & 0xff);
      const t6 = 1536 + ((a >>> 8) & 0xff);
      const t5 = 1280 + ((a >>> 16) & 0xff);
      const t4 = 1024 + (a >>> 24);
      const t3 = 768 + (b & 0xff);
      const t2 = 512 + ((b >>> 8) & 0xff);
      const t1 = 256 + ((b >>> 16) & 0xff);
      const t0 = b >>> 24;
      h = HIGH[t7]! ^ HIGH[t6]! ^ HIGH[t5]! ^ HIGH[t4]! ^ HIGH[t3]! ^ HIGH[t2]! ^ HIGH[t1]! ^ HIGH[t0]!;
      l = LOW[t7]! ^ LOW[t6]! ^ LOW[t5]! ^ LOW[t4]! ^ LOW[t3]! ^ LOW[t2]! ^ LOW[t1]! ^ LOW[t0]!;
    }
    for (; i < bytes.length; i++) {
      const t = (l ^ bytes[i]!) & 0xff;
      l = LOW[t]! ^ ((l >>> 8) | (h << 24));
      h = HIGH[t]! ^ (h >>> 8);
    }
    this.#high = h;
    this.#low = l;
  }

  /** 8 bytes, most significant first. */
  digest(): Buffer {
    const digest = Buffer.alloc(8);
    digest.writeUInt32BE(~this.#high >>> 0, 0);
    digest.writeUInt32BE(~this.#low >>> 0, 4);
    return digest;
  }
}
