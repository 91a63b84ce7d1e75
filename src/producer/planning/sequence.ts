/** The order of tasks whose names do not date them. */

import { DigestSet } from '../../base/digest_set.ts';
import { BackhaulError } from '../../faults/fault.ts';
import { abortError } from '../../faults/file_fault.ts';
import { earliestStamp, readHead } from '../layouts/head.ts';
import { openObject } from '../open_source.ts';
import type { ObjectReader, SourceOptions } from '../sources/source.ts';
import type { DiscoveredTask, PlannedTask } from './found_task.ts';

/** Files looked into at once. */
const WIDTH = 8;
/** Tasks that wait to be dated together: entries of one zip share its reader. */
const BATCH = 2_000;
/** Lanes of which one undated task is known, and no need to date it yet. */
const MOST_WAITING = 10_000;

/**
 * The same tasks, those without a sequence dated by the stamp their first records bear where an order is needed: in lanes
 * of several tasks. They come when they are dated, or last where they are alone in their lane. Files that cannot be
 * read keep no sequence. Nulls (a listing that pauses) are passed on. Holds a few thousand tasks, however many there are.
 */
export async function* sequenced<T extends DiscoveredTask | null>(
  tasks: AsyncIterable<T>,
  options: SourceOptions,
  signal?: AbortSignal,
): AsyncIterable<T | PlannedTask> {
  const alone = new Map<string, PlannedTask>();
  const lanes = new DigestSet();
  let batch: PlannedTask[] = [];
  const toDate = (task: PlannedTask): void => {
    alone.delete(task.lane);
    batch.push(task);
  };
  for await (const task of tasks) {
    if (task === null || task.plan === null) {
      yield task;
      continue;
    }
    const other = alone.get(task.lane);
    if (other !== undefined) toDate(other);
    if (task.sequence !== null) yield task;
    else if (lanes.has(task.lane)) toDate(task);
    else alone.set(task.lane, task);
    lanes.add(task.lane);
    // Of too many that may yet get company, the oldest are dated as if they had.
    if (alone.size > MOST_WAITING) for (const one of [...alone.values()].slice(0, BATCH)) toDate(one);
    if (batch.length < BATCH) continue;
    await dateAll(batch, options, signal);
    yield* batch;
    batch = [];
  }
  await dateAll(batch, options, signal);
  yield* batch;
  yield* alone.values();
}

async function dateAll(
  tasks: readonly PlannedTask[],
  options: SourceOptions,
  signal: AbortSignal | undefined,
): Promise<void> {
  const queue = [...Map.groupBy(tasks, (task) => task.uri).values()];
  const work = async (): Promise<void> => {
    for (let group = queue.pop(); group !== undefined; group = queue.pop()) {
      if (signal?.aborted) throw abortError(signal);
      await dateGroup(group, options, signal);
    }
  };
  await Promise.all(Array.from({ length: WIDTH }, work));
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
      storage.kind === 'zip' || storage.kind === 'tar'
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
