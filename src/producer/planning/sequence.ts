import { BackhaulError } from '../../faults/fault.ts';
import { abortError } from '../../faults/file_fault.ts';
import { earliestStamp, readHead } from '../layouts/head.ts';
import { openObject } from '../open_source.ts';
import type { ObjectReader, SourceOptions } from '../sources/source.ts';
import type { DiscoveredTask, PlannedTask } from './found_task.ts';

/** The order of tasks whose names do not date them. */

/** Files looked into at once. */
const WIDTH = 8;

/**
 * Sets the sequence of tasks that have none to the stamp their first records bear, where an order is needed: in lanes of
 * several of the tasks given. Local files of their own are looked into in any case, for it costs next to nothing and
 * later loads may add to their lanes. Files that cannot be read keep no sequence.
 */
export async function assignSequences(
  tasks: readonly DiscoveredTask[],
  options: SourceOptions,
  signal?: AbortSignal,
): Promise<void> {
  const byLane = Map.groupBy(
    tasks.filter((task): task is PlannedTask => task.plan !== null),
    (task) => task.lane,
  );
  const undated = [...byLane.values()].flatMap((lane) =>
    lane.filter((task) => task.sequence === null && (lane.length > 1 || isCheap(task))),
  );
  // Entries of one zip share its reader.
  const byObject = Map.groupBy(undated, (task) => task.uri);
  const queue = [...byObject.values()];
  const work = async (): Promise<void> => {
    for (let group = queue.pop(); group !== undefined; group = queue.pop()) {
      if (signal?.aborted) throw abortError(signal);
      await dateGroup(group, options, signal);
    }
  };
  await Promise.all(Array.from({ length: WIDTH }, work));
}

function isCheap(task: PlannedTask): boolean {
  return task.uri.startsWith('file:') && task.plan.storage.kind !== 'zip';
}

async function dateGroup(
  tasks: readonly PlannedTask[],
  options: SourceOptions,
  signal: AbortSignal | undefined,
): Promise<void> {
  let reader: ObjectReader | null = null;
  try {
    const { storage } = tasks[0]!.plan;
    const { uri, sizeBytes, etag } = tasks[0]!;
    reader =
      storage.kind === 'zip'
        ? await openObject(uri, storage.objectBytes, storage.objectEtag, options)
        : await openObject(uri, sizeBytes, etag, options);
    for (const task of tasks) {
      const head = await readHead(reader, task.plan.storage, signal);
      if (head !== null) task.sequence = earliestStamp(head, task.plan.shape, task.plan.symbol !== null);
    }
  } catch (error) {
    if (signal?.aborted) throw abortError(signal);
    // The task will meet the same error and say so; until then its place in the lane is by name.
    if (!(error instanceof BackhaulError)) throw error;
  } finally {
    await reader?.close();
  }
}
