import type { Storage } from '../../state/task_plan.ts';
import { earliestStamp, sniffFile, storageOfName } from '../layouts/head.ts';
import type { Source } from '../sources/source.ts';
import type { Asked } from './asked.ts';
import { type PlannedTask, placeOf } from './found_task.ts';
import type { Item } from './items.ts';
import { plannedTask } from './planned_task.ts';

/**
 * The task of a file of its own; null when nobody asked for it. A local one is looked into, of a remote one the name
 * must do where it can.
 */
export async function fileTask(
  { object, path, checksums }: Item,
  source: Source,
  asked: Asked,
  signal: AbortSignal | undefined,
): Promise<PlannedTask | null> {
  asked.refuseNoBars(path, { uri: object.uri });
  const named = asked.byName(path);
  if (asked.isUnwanted(named)) return asked.leaveOut();
  let storage: Storage = storageOfName(object.name);
  let resolution = named;
  let firstUs: number | null = null;
  if (named === null || asked.mustLook(named) || source.uri.startsWith('file:')) {
    const reader = await source.open(object);
    try {
      const sniffed = await sniffFile(reader, storage, signal);
      storage = sniffed.storage;
      resolution = asked.byHead(sniffed.head, path, named, { uri: object.uri });
      if (sniffed.head !== null)
        firstUs = earliestStamp(sniffed.head, resolution.shape, resolution.symbol !== null);
    } finally {
      await reader.close();
    }
  }
  const published = { sha256: await checksums.of(object.name), expectedRows: null, manifest: null };
  const task = plannedTask(placeOf(object), resolution!, storage, published, asked);
  if (task === null) return asked.leaveOut();
  // The head is at hand: where no name dates the file its first records do, should others join its lane.
  task.sequence ??= firstUs;
  asked.noteDecisions(resolution!, path);
  return task;
}
