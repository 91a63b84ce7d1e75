/** Where in a tar the files are that it holds. */

import type { Packing, Storage } from '../../state/task_plan.ts';
import { BlockCache } from '../archive/block_cache.ts';
import { openBytes } from '../archive/entry_stream.ts';
import { listTar, type TarBytes, type TarEntry, tarBytesOf } from '../archive/tar.ts';
import { storageOfName } from '../layouts/head.ts';
import type { ObjectReader, SourceObject } from '../sources/source.ts';

const HEADER_BLOCK_BYTES = 64 << 10;

/** The headers of a plain tar are read where they lie; a packed one is unpacked once, to its end. */
export async function tarEntries(
  reader: ObjectReader,
  pack: Packing,
  sha256: string | null,
  signal: AbortSignal | undefined,
): Promise<TarEntry[]> {
  if (pack === 'plain') {
    const cache = new BlockCache(reader, HEADER_BLOCK_BYTES);
    const read: TarBytes = (at, length) =>
      at >= reader.sizeBytes
        ? Promise.resolve(Buffer.alloc(0))
        : cache.read(at, Math.min(length, reader.sizeBytes - at), signal);
    return listTar(read);
  }
  const bytes = tarBytesOf(openBytes(reader, { kind: pack }, signal, { sha256 }));
  const entries = await listTar(bytes);
  await bytes.end();
  return entries;
}

/** Where in a tar the bytes of an entry are. */
export function tarStorage(object: SourceObject, pack: Packing, { name, offset, size }: TarEntry): Storage {
  return {
    kind: 'tar',
    objectBytes: object.sizeBytes,
    objectEtag: object.etag,
    pack,
    offset,
    size,
    inner: storageOfName(name).kind as Exclude<Storage['kind'], 'zip' | 'tar'>,
  };
}

/** How a tar of this name is packed. */
export function packingOfTar(name: string): Packing {
  if (/\.(?:tar\.gz|tgz)$/i.test(name)) return 'gzip';
  if (/\.(?:tar\.zst|tzst)$/i.test(name)) return 'zstd';
  if (/\.(?:tar\.xz|txz)$/i.test(name)) return 'xz';
  return /\.(?:tar\.bz2|tbz2?)$/i.test(name) ? 'bz2' : 'plain';
}
