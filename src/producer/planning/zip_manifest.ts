/** What a zip says of itself, and what of it is not there. */

import { BackhaulError, type Fault } from '../../faults/fault.ts';
import { openBytes } from '../archive/entry_stream.ts';
import { type Manifest, manifestKey, parseManifest } from '../archive/kraken_manifest.ts';
import type { ZipEntryInfo } from '../archive/zip.ts';
import type { ObjectReader, SourceObject } from '../sources/source.ts';
import type { Asked } from './asked.ts';
import { type DiscoveredTask, failed } from './found_task.ts';
import { entryPath, pathOf } from './items.ts';
import { zipStorage } from './zip_storage.ts';

/** A manifest beyond this is none. */
const MAX_MANIFEST_BYTES = 32 << 20;

/** The manifest of a zip; null where there is none, or `onNote` was told that it is not understood. */
export async function manifestOf(
  object: SourceObject,
  reader: ObjectReader,
  entries: readonly ZipEntryInfo[],
  onNote: ((message: string) => void) | undefined,
  signal: AbortSignal | undefined,
): Promise<Manifest | null> {
  const entry = entries.find(({ name }) => manifestKey(name) === 'manifest.json');
  if (entry === undefined) return null;
  const manifest = await readManifest(object, reader, entry, signal);
  if (manifest === null) onNote?.(`${reader.uri}: ${entry.name} is not understood and was left aside`);
  return manifest;
}

/** Null for one that is damaged, too large or of an unknown shape: the files load without it. */
async function readManifest(
  object: SourceObject,
  reader: ObjectReader,
  entry: ZipEntryInfo,
  signal: AbortSignal | undefined,
): Promise<Manifest | null> {
  if (entry.fault !== null || entry.uncompressedSize > MAX_MANIFEST_BYTES) return null;
  const pieces: Uint8Array[] = [];
  try {
    for await (const piece of openBytes(reader, zipStorage(object, entry), signal, { entry: entry.name }))
      pieces.push(Buffer.from(piece));
  } catch (error) {
    if (signal?.aborted || !(error instanceof BackhaulError)) throw error;
    return null;
  }
  return parseManifest(Buffer.concat(pieces).toString('utf8'));
}

/** Files a manifest promises and the zip does not hold. */
export function missingEntries(
  object: SourceObject,
  entries: readonly ZipEntryInfo[],
  manifest: Manifest | null,
  asked: Asked,
): DiscoveredTask[] {
  if (manifest === null) return [];
  const held = new Set(entries.map(({ name }) => manifestKey(name)));
  const missing = [...manifest.rows].filter(([key]) => !held.has(key));
  // None of its names in the zip: it is the list that speaks another language, not the zip that is empty.
  if (missing.length === manifest.rows.size) return [];
  return missing.flatMap(([, { name, rows }]): DiscoveredTask[] => {
    const resolution = asked.byName(entryPath(pathOf(object.uri), name));
    if (asked.isUnwanted(resolution)) {
      asked.leaveOut();
      return [];
    }
    const fault: Fault = {
      kind: 'not-found',
      message: 'MANIFEST.json lists the entry, but the zip does not hold it',
      where: { uri: object.uri, entry: name },
      expected: rows === null ? 'the entry' : `an entry of ${rows} rows`,
      hint: 'Download the zip again.',
    };
    const { uri, etag, modifiedMs } = object;
    return [failed({ uri, entry: name, etag, sizeBytes: 0, modifiedMs }, fault, resolution?.layout.name)];
  });
}
