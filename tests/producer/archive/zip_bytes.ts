import { crc32, deflateRawSync } from 'node:zlib';

/** A small zip writer for tests: right by default, wrong wherever a test wants it. Format: APPNOTE 6.3.10. */

export interface ZipFileSpec {
  readonly name: string;
  readonly data?: string | Uint8Array;
  /** 8 unless given. */
  readonly method?: number;
  /** Bits of the general purpose flag; 1 is "encrypted", 8 "sizes follow the data". */
  readonly flags?: number;
  /** Goes into both headers instead of the true one. */
  readonly crc?: number;
  readonly uncompressedSize?: number;
  /** Goes into the directory instead of the true one. */
  readonly compressedSize?: number;
  readonly headerOffset?: number;
  /** Name in the local header where it is to differ. */
  readonly localName?: string;
  /** Bytes of an extra field in the local header alone. */
  readonly localExtraBytes?: number;
  /** Compressed bytes as they are to lie in the zip. */
  readonly raw?: Uint8Array;
  /** Sizes and offset in a zip64 extra field. */
  readonly zip64?: boolean;
  /** Bytes of the name, in both headers, where they are not the UTF-8 of `name`. */
  readonly nameBytes?: Uint8Array;
  /** A further extra field in the directory alone. */
  readonly extra?: { readonly id: number; readonly data: Uint8Array };
}

export function zipBytes(files: readonly ZipFileSpec[], comment = ''): Buffer {
  const locals: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const file of files) {
    const data = Buffer.from(file.data ?? '');
    const method = file.method ?? 8;
    const raw = Buffer.from(file.raw ?? (method === 8 ? deflateRawSync(data) : data));
    const fields: Fields = {
      flags: file.flags ?? 0,
      method,
      crc: file.crc ?? crc32(data),
      compressed: raw.length,
      uncompressed: file.uncompressedSize ?? data.length,
    };
    const local = Buffer.concat([localHeader(file, fields), raw]);
    directory.push(directoryHeader(file, fields, file.headerOffset ?? offset));
    locals.push(local);
    offset += local.length;
  }
  const central = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(Math.min(files.length, 0xffff), 8);
  end.writeUInt16LE(Math.min(files.length, 0xffff), 10);
  end.writeUInt32LE(central.length, 12);
  end.writeUInt32LE(offset, 16);
  end.writeUInt16LE(comment.length, 20);
  const end64 = files.length > 0xffff ? zip64End(files.length, central.length, offset) : Buffer.alloc(0);
  return Buffer.concat([...locals, central, end64, end, Buffer.from(comment)]);
}

interface Fields {
  readonly flags: number;
  readonly method: number;
  readonly crc: number;
  readonly compressed: number;
  readonly uncompressed: number;
}

/** 2026-09-14 19:12:12. */
const TIME = (19 << 11) | (12 << 5) | 6;
const DATE = ((2026 - 1980) << 9) | (9 << 5) | 14;

function localHeader(file: ZipFileSpec, fields: Fields): Buffer {
  const name = Buffer.from(file.nameBytes ?? file.localName ?? file.name);
  const follows = (fields.flags & 8) !== 0;
  const header = Buffer.alloc(30);
  header.writeUInt32LE(0x04034b50, 0);
  header.writeUInt16LE(20, 4);
  header.writeUInt16LE(fields.flags, 6);
  header.writeUInt16LE(fields.method, 8);
  header.writeUInt16LE(TIME, 10);
  header.writeUInt16LE(DATE, 12);
  header.writeUInt32LE(follows ? 0 : fields.crc, 14);
  header.writeUInt32LE(follows ? 0 : fields.compressed, 18);
  header.writeUInt32LE(follows ? 0 : fields.uncompressed, 22);
  header.writeUInt16LE(name.length, 26);
  header.writeUInt16LE(file.localExtraBytes ?? 0, 28);
  return Buffer.concat([header, name, Buffer.alloc(file.localExtraBytes ?? 0)]);
}

function directoryHeader(file: ZipFileSpec, fields: Fields, offset: number): Buffer {
  const name = Buffer.from(file.nameBytes ?? file.name);
  const compressed = file.compressedSize ?? fields.compressed;
  const zip64 = file.zip64 === true ? zip64Extra(fields.uncompressed, compressed, offset) : Buffer.alloc(0);
  const extra = Buffer.concat([zip64, file.extra === undefined ? Buffer.alloc(0) : extraField(file.extra)]);
  const masked = (value: number): number => (file.zip64 === true ? 0xffffffff : value);
  const header = Buffer.alloc(46);
  header.writeUInt32LE(0x02014b50, 0);
  header.writeUInt16LE(20, 4);
  header.writeUInt16LE(20, 6);
  header.writeUInt16LE(fields.flags, 8);
  header.writeUInt16LE(fields.method, 10);
  header.writeUInt16LE(TIME, 12);
  header.writeUInt16LE(DATE, 14);
  header.writeUInt32LE(fields.crc, 16);
  header.writeUInt32LE(masked(compressed), 20);
  header.writeUInt32LE(masked(fields.uncompressed), 24);
  header.writeUInt16LE(name.length, 28);
  header.writeUInt16LE(extra.length, 30);
  header.writeUInt32LE(masked(offset), 42);
  return Buffer.concat([header, name, extra]);
}

function extraField({ id, data }: { readonly id: number; readonly data: Uint8Array }): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt16LE(id, 0);
  head.writeUInt16LE(data.length, 2);
  return Buffer.concat([head, data]);
}

function zip64Extra(uncompressed: number, compressed: number, offset: number): Buffer {
  const extra = Buffer.alloc(28);
  extra.writeUInt16LE(1, 0);
  extra.writeUInt16LE(24, 2);
  extra.writeBigUInt64LE(BigInt(uncompressed), 4);
  extra.writeBigUInt64LE(BigInt(compressed), 12);
  extra.writeBigUInt64LE(BigInt(offset), 20);
  return extra;
}

function zip64End(count: number, bytes: number, offset: number): Buffer {
  const end = Buffer.alloc(56 + 20);
  end.writeUInt32LE(0x06064b50, 0);
  end.writeBigUInt64LE(44n, 4);
  end.writeBigUInt64LE(BigInt(count), 24);
  end.writeBigUInt64LE(BigInt(count), 32);
  end.writeBigUInt64LE(BigInt(bytes), 40);
  end.writeBigUInt64LE(BigInt(offset), 48);
  end.writeUInt32LE(0x07064b50, 56);
  end.writeBigUInt64LE(BigInt(offset + bytes), 64);
  end.writeUInt32LE(1, 72);
  return end;
}
