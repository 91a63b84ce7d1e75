import { type Storage, tableIn } from '../../state/task_plan.ts';
import type { ZipEntryInfo } from '../archive/zip.ts';
import { storageOfName } from '../layouts/head.ts';
import type { SourceObject } from '../sources/source.ts';

/** Where in a zip the bytes of an entry are. */
export function zipStorage(object: SourceObject, entry: ZipEntryInfo): Storage {
  const table = tableIn(storageOfName(entry.name));
  return {
    kind: 'zip',
    objectBytes: object.sizeBytes,
    objectEtag: object.etag,
    headerOffset: entry.headerOffset,
    compressedSize: entry.compressedSize,
    uncompressedSize: entry.uncompressedSize,
    crc32: entry.crc32,
    method: entry.method,
    ...(table !== null && { table }),
  };
}
