import type { Storage } from '../../state/task_plan.ts';
import { earliestStamp, sniffFile, storageOfName } from '../layouts/head.ts';
import type { Source } from '../sources/source.ts';
import type { Asked } from './asked.ts';
import { type ExportManifests, exportedByMetadata } from './export_manifest.ts';
import { exportTasks } from './export_tasks.ts';
import { type PlannedTask, placeOf } from './found_task.ts';
import type { Item } from './items.ts';
import { plannedTasks } from './planned_task.ts';

/**
 * The task of a file of its own; none when nobody asked for it, several where an export of ours holds several intervals,
 * or where trades are made into bars of several.
 * A local one is looked into, of a remote one the name must do where it can.
 */
export async function fileTasks(
  item: Item,
  source: Source,
  manifests: ExportManifests,
  asked: Asked,
  signal: AbortSignal | undefined,
): Promise<PlannedTask[]> {
  const { object, path, checksums } = item;
  asked.refuseNoBars(path, { uri: object.uri });
  const named = asked.byName(path);
  if (asked.isUnwanted(named)) {
    asked.leaveOut();
    return [];
  }
  let storage: Storage = storageOfName(object.name);
  let resolution = named;
  let firstUs: number | null = null;
  if (named === null || asked.mustLook(named) || source.uri.startsWith('file:')) {
    const reader = await source.open(object);
    try {
      const { head, storage: found } = await sniffFile(reader, storage, signal);
      storage = found;
      const inside = head?.table === undefined ? null : await exportedByMetadata(head.table.metadata);
      const own = await exportTasks(item, head, inside, storage, manifests, asked, signal);
      if (own !== null) return own;
      resolution = asked.byHead(head, path, named, { uri: object.uri });
      if (head !== null) firstUs = earliestStamp(head, resolution.shape, resolution.symbol !== null);
    } finally {
      await reader.close();
    }
  }
  const published = { sha256: await checksums.of(object.name), expectedRows: null, manifest: null };
  const tasks = plannedTasks(placeOf(object), resolution!, storage, published, asked);
  if (tasks.length === 0) {
    asked.leaveOut();
    return [];
  }
  // The head is at hand: where no name dates the file its first records do, should others join its lane.
  for (const task of tasks) task.sequence ??= firstUs;
  asked.noteDecisions(resolution!, path);
  return tasks;
}
