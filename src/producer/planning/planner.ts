import { BackhaulError } from '../../faults/fault.ts';
import { abortError, faultAt, fileError } from '../../faults/file_fault.ts';
import type { Layout } from '../layouts/layout.ts';
import { FolderChecksums } from '../sources/checksums.ts';
import type { Source, SourceObject } from '../sources/source.ts';
import { Asked } from './asked.ts';
import { fileTask } from './file_task.ts';
import { type DiscoveredTask, type DiscoverOptions, failed, placeOf } from './found_task.ts';
import { type Item, itemsOf } from './items.ts';
import { zipTasks } from './zip_tasks.ts';

/** Plans what one source holds. */
export class Planner {
  readonly isLocal: boolean;
  readonly #source: Source;
  readonly #asked: Asked;
  readonly #signal: AbortSignal | undefined;

  constructor(
    source: Source,
    forced: Layout | null,
    options: DiscoverOptions,
    signal: AbortSignal | undefined,
  ) {
    this.isLocal = source.uri.startsWith('file:');
    this.#source = source;
    this.#asked = new Asked(forced, options);
    this.#signal = signal;
  }

  /** What of a folder is to be planned; counts the rest. `lists`: checksums of the folder that were counted before. */
  items(folder: readonly SourceObject[], lists: readonly SourceObject[] = []): Item[] {
    const checksums = new FolderChecksums(this.#source, [...lists, ...folder]);
    this.#asked.counts.objects += folder.length;
    return itemsOf(
      folder,
      checksums,
      (path, uri) => this.#asked.kindOf(path, uri === this.#source.uri),
      () => this.#asked.counts.notData++,
    );
  }

  /** The tasks of one object. Only an interrupt makes it fail. */
  async plan(item: Item): Promise<DiscoveredTask[]> {
    if (this.#signal?.aborted) throw abortError(this.#signal);
    const { object } = item;
    try {
      if (item.fault !== null) throw new BackhaulError(item.fault);
      if (item.kind === 'zip') return await zipTasks(item, this.#source, this.#asked, this.#signal);
      const task = await fileTask(item, this.#source, this.#asked, this.#signal);
      return task === null ? [] : [task];
    } catch (error) {
      if (this.#signal?.aborted) throw abortError(this.#signal);
      return [failed(placeOf(object), faultAt(fileError(error, object.uri), { uri: object.uri }))];
    }
  }
}
