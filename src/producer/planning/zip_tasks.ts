/** The tasks of a zip: one an entry. */

import { BackhaulError } from '../../faults/fault.ts';
import { type Manifest, manifestKey } from '../archive/kraken_manifest.ts';
import { listZip, type ZipEntryInfo } from '../archive/zip.ts';
import { PartsReader } from '../archive/zip_parts.ts';
import { readHead } from '../layouts/head.ts';
import type { Resolution } from '../layouts/resolve.ts';
import { hiddenKind, isHiddenPath, type ObjectKind, unreadKind } from '../sources/object_kind.ts';
import type { ObjectReader, Source } from '../sources/source.ts';
import type { Asked } from './asked.ts';
import { type DiscoveredTask, failed, type TaskPlace } from './found_task.ts';
import { entryPath, type Item } from './items.ts';
import { plannedTasks } from './planned_task.ts';
import { publishedSum } from './published_sum.ts';
import { manifestOf, missingEntries } from './zip_manifest.ts';
import { zipStorage } from './zip_storage.ts';

export async function zipTasks(
  item: Item,
  source: Source,
  asked: Asked,
  signal: AbortSignal | undefined,
): Promise<DiscoveredTask[]> {
  const { object, path } = item;
  asked.refuseNoBars(path, { uri: object.uri });
  // Where a zip is named like the one CSV in it, its name may tell that nobody asked for it.
  const alone = asked.byName(path.replace(/\.zip$/i, '.csv'));
  if (asked.isUnwanted(alone)) {
    asked.leaveOut();
    return [];
  }
  const reader = await openItem(item, source);
  try {
    const entries = (await listZip(reader, signal)).filter(({ name }) => {
      if (!isHiddenPath(name)) return true;
      const kind = hiddenKind(name);
      if (kind !== null) asked.notRead(kind);
      return false;
    });
    asked.counts.entries += entries.length;
    const manifest = await manifestOf(object, reader, entries, asked.options.onNote, signal);
    const kinds = entries.map(({ name }) => asked.kindOf(entryPath(path, name), false));
    const single = kinds.filter((kind) => kind === 'data').length === 1;
    const sha256 = await publishedSum(item, source, reader, single, signal);
    const zip: OpenZip = { item, reader, manifest, sha256, alone: single ? alone : null };
    const tasks: DiscoveredTask[] = [];
    const planned = new Set<string>();
    for (const [i, entry] of entries.entries()) {
      // Entries of one name are one task, which has failed.
      if (planned.has(entry.name)) continue;
      planned.add(entry.name);
      tasks.push(...(await entryTasks(zip, entry, kinds[i]!, asked, signal)));
    }
    return [...tasks, ...missingEntries(object, entries, manifest, asked)];
  } finally {
    await reader.close();
  }
}

function openItem({ object, parts }: Item, source: Source): Promise<ObjectReader> | PartsReader {
  if (parts.length === 0) return source.open(object);
  return new PartsReader(parts, (part) => source.open(part));
}

/** A zip whose entries are being planned. */
interface OpenZip {
  readonly item: Item;
  readonly reader: ObjectReader;
  readonly manifest: Manifest | null;
  readonly sha256: string | null;
  /** What the zip's name tells of the one file in it. */
  readonly alone: Resolution | null;
}

async function entryTasks(
  { item, reader, manifest, sha256, alone }: OpenZip,
  entry: ZipEntryInfo,
  kind: ObjectKind,
  asked: Asked,
  signal: AbortSignal | undefined,
): Promise<DiscoveredTask[]> {
  const { object } = item;
  const place: TaskPlace = {
    uri: object.uri,
    entry: entry.name,
    etag: `crc32:${entry.crc32.toString(16).padStart(8, '0')}-${entry.uncompressedSize}`,
    sizeBytes: entry.compressedSize,
    modifiedMs: Number.isNaN(entry.modifiedMs) ? null : entry.modifiedMs,
  };
  const path = entryPath(item.path, entry.name);
  if (kind !== 'data' && kind !== 'zip' && !leadsOut(entry.name)) {
    // Its manifest was read.
    if (manifest === null || manifestKey(entry.name) !== 'manifest.json')
      asked.notRead(unreadKind(entry.name));
    return [];
  }
  const named = asked.byName(path) ?? alone;
  if (asked.isUnwanted(named)) {
    asked.leaveOut();
    return [];
  }
  if (entry.fault !== null) return [failed(place, entry.fault, named?.layout.name)];
  const storage = zipStorage(object, entry);
  try {
    const where = { uri: object.uri, entry: entry.name };
    const resolution =
      named === null || asked.mustLook(named)
        ? asked.byHead(await readHead(reader, storage, signal), path, named, where)
        : named;
    const listed = manifest?.rows.get(manifestKey(entry.name));
    const published = {
      sha256,
      expectedRows: listed?.rows ?? null,
      manifest: listed === undefined ? null : manifest,
    };
    const tasks = plannedTasks(place, resolution, storage, published, asked);
    if (tasks.length === 0) asked.leaveOut();
    else asked.noteDecisions(resolution, path);
    return tasks;
  } catch (error) {
    if (!(error instanceof BackhaulError) || error.fault.kind === 'interrupted') throw error;
    return [failed(place, error.fault)];
  }
}

/** Names that would be written outside the folder a zip is unpacked to. */
function leadsOut(name: string): boolean {
  return name.startsWith('/') || /^[a-z]:/i.test(name) || name.split('/').includes('..');
}
