/** The tasks of a tar: one an entry. */

import { BackhaulError } from '../../faults/fault.ts';
import type { Packing, Storage } from '../../state/task_plan.ts';
import { INFLATE_LIMITS } from '../archive/inflate_limits.ts';
import type { TarEntry } from '../archive/tar.ts';
import { readHead } from '../layouts/head.ts';
import { hiddenKind, isHiddenPath, unreadKind } from '../sources/object_kind.ts';
import type { ObjectReader, Source } from '../sources/source.ts';
import type { Asked } from './asked.ts';
import { type DiscoveredTask, failed, type TaskPlace } from './found_task.ts';
import { entryPath, type Item } from './items.ts';
import { plannedTasks } from './planned_task.ts';
import { packingOfTar, tarEntries, tarStorage } from './tar_storage.ts';

/** Bytes of a packed tar that may be unpacked in vain: each entry is reached through all that lie before it. */
const MOST_IN_VAIN = INFLATE_LIMITS.bytes;

export async function tarTasks(
  { object, path, checksums }: Item,
  source: Source,
  asked: Asked,
  signal: AbortSignal | undefined,
): Promise<DiscoveredTask[]> {
  asked.refuseNoBars(path, { uri: object.uri });
  const reader = await source.open(object);
  try {
    const pack = packingOfTar(object.name);
    const sha256 = await checksums.of(object.name);
    const entries = await tarEntries(reader, pack, sha256, signal);
    checkCost(entries, pack);
    const names = new Map<string, number>();
    for (const { name } of entries) names.set(name, (names.get(name) ?? 0) + 1);
    const tasks: DiscoveredTask[] = [];
    for (const entry of entries) {
      if (isHiddenPath(entry.name)) {
        const kind = hiddenKind(entry.name);
        if (kind !== null) asked.notRead(kind);
        continue;
      }
      asked.counts.entries++;
      const place: TaskPlace = {
        uri: object.uri,
        entry: entry.name,
        etag: `${object.etag}@${entry.offset}-${entry.size}`,
        sizeBytes: entry.size,
        modifiedMs: Number.isFinite(entry.modifiedMs) ? entry.modifiedMs : null,
      };
      const own = entryPath(path, entry.name);
      const kind = asked.kindOf(own, false);
      if (kind !== 'data') {
        asked.notRead(unreadKind(entry.name));
        continue;
      }
      try {
        if ((names.get(entry.name) ?? 0) > 1) throw twice(entry.name);
        const storage = tarStorage(object, pack, entry);
        tasks.push(...(await entryTasks(place, own, storage, reader, asked, signal)));
      } catch (error) {
        if (!(error instanceof BackhaulError) || error.fault.kind === 'interrupted') throw error;
        tasks.push(failed(place, error.fault));
      }
    }
    return tasks;
  } finally {
    await reader.close();
  }
}

async function entryTasks(
  place: TaskPlace,
  path: string,
  storage: Storage,
  reader: ObjectReader,
  asked: Asked,
  signal: AbortSignal | undefined,
): Promise<DiscoveredTask[]> {
  asked.refuseNoBars(path, { uri: place.uri, entry: place.entry! });
  const named = asked.byName(path);
  if (asked.isUnwanted(named)) {
    asked.leaveOut();
    return [];
  }
  const where = { uri: place.uri, entry: place.entry! };
  const resolution =
    named === null || asked.mustLook(named)
      ? asked.byHead(await readHead(reader, storage, signal), path, named, where)
      : named;
  const tasks = plannedTasks(
    place,
    resolution,
    storage,
    { sha256: null, expectedRows: null, manifest: null },
    asked,
  );
  if (tasks.length === 0) asked.leaveOut();
  else asked.noteDecisions(resolution, path);
  return tasks;
}

function checkCost(entries: readonly TarEntry[], pack: Packing): void {
  if (pack === 'plain') return;
  const inVain = entries.reduce((sum, { offset }) => sum + offset, 0);
  if (inVain <= MOST_IN_VAIN) return;
  throw new BackhaulError({
    kind: 'limit',
    message:
      'a packed tar of so many files is not read as it is: each is reached through all that lie before it',
    expected: `at most ${MOST_IN_VAIN} bytes to be unpacked in vain`,
    found: `${inVain} bytes, for ${entries.length} files`,
    hint: 'Unpack it and load what it holds, or keep it as a plain .tar of .csv.gz files.',
  });
}

function twice(name: string): BackhaulError {
  return new BackhaulError({
    kind: 'corrupt',
    message: 'the tar holds several entries of this name, and which of them is meant cannot be told',
    expected: 'one entry a name',
    found: name,
  });
}
