import { crc32, deflateRawSync } from 'node:zlib';
import { type Segment, type StoredObject, virtualObject } from './stored_object.ts';

/** One file of a {@link virtualZip}: with contents, or so many compressed bytes that nobody reads. */
export interface VirtualEntry {
  readonly name: string;
  readonly data?: string;
  readonly fillerBytes?: number;
}

/** A zip of any size that costs its directory and the entries with contents alone. Format: APPNOTE 6.3.10. */
export function virtualZip(entries: readonly VirtualEntry[], etag: string): StoredObject {
  const segments: Segment[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const entry of entries) {
    const name = Buffer.from(entry.name);
    const raw = entry.data === undefined ? null : deflateRawSync(entry.data);
    const compressed = raw?.length ?? entry.fillerBytes ?? 0;
    const fixed = Buffer.alloc(26);
    fixed.writeUInt16LE(20, 0);
    fixed.writeUInt16LE(8, 4);
    fixed.writeUInt32LE(crc32(entry.data ?? ''), 10);
    fixed.writeUInt32LE(compressed, 14);
    fixed.writeUInt32LE(entry.data?.length ?? 5 * compressed, 18);
    fixed.writeUInt16LE(name.length, 22);
    const where = Buffer.alloc(14);
    where.writeUInt32LE(offset, 10);
    directory.push(Buffer.from('PK\x01\x02\x14\x00', 'latin1'), fixed, where, name);
    segments.push(
      Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), fixed, name]),
      raw ?? { zeros: compressed },
    );
    offset += 30 + name.length + compressed;
  }
  const central = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(central.length, 12);
  end.writeUInt32LE(offset, 16);
  return virtualObject([...segments, central, end], etag);
}
