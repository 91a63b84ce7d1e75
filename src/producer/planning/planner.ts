import { BackhaulError, type Fault } from '../../faults/fault.ts';
import { abortError, faultAt, fileError } from '../../faults/file_fault.ts';
import type { Layout } from '../layouts/layout.ts';
import { FolderChecksums } from '../sources/checksums.ts';
import { type ObjectKind, unreadHint, unreadKind } from '../sources/object_kind.ts';
import type { Source, SourceObject } from '../sources/source.ts';
import { Asked } from './asked.ts';
import { ExportManifests } from './export_manifest.ts';
import { fileTasks } from './file_tasks.ts';
import {
  type DiscoverCounts,
  type DiscoveredTask,
  type DiscoverOptions,
  failed,
  placeOf,
} from './found_task.ts';
import { brokenItem, type Item, itemsOf, pathOf } from './items.ts';
import { tarTasks } from './tar_tasks.ts';
import { zipTasks } from './zip_tasks.ts';

/** Plans what one source holds. */
export class Planner {
  readonly isLocal: boolean;
  readonly #source: Source;
  readonly #asked: Asked;
  readonly #manifests: ExportManifests;
  readonly #signal: AbortSignal | undefined;
  #checksums: FolderChecksums | null = null;

  constructor(
    source: Source,
    forced: Layout | null,
    options: DiscoverOptions,
    signal: AbortSignal | undefined,
  ) {
    this.isLocal = source.uri.startsWith('file:');
    this.#source = source;
    this.#asked = new Asked(forced, options);
    this.#manifests = new ExportManifests(source);
    this.#signal = signal;
  }

  /** What of a folder is to be planned; counts the rest. `lists`: checksums of the folder that were counted before. */
  items(folder: readonly SourceObject[], lists: readonly SourceObject[] = []): Item[] {
    const checksums = new FolderChecksums(this.#source, [...lists, ...folder], this.#checksums);
    this.#checksums = checksums;
    this.#asked.counts.objects += folder.length;
    return itemsOf(
      folder,
      checksums,
      (path, uri) => this.#asked.kindOf(path, uri === this.#source.uri),
      (object, kind) => this.#unread(object, kind, checksums),
    );
  }

  /** A file that was named outright fails, any other is counted; checksums are read when they are needed. */
  #unread(object: SourceObject, kind: ObjectKind, checksums: FolderChecksums): Item | null {
    if (object.uri === this.#source.uri) return brokenItem(object, checksums, unreadFault(object));
    if (kind === 'other') this.#asked.notRead(unreadKind(object.name));
    return null;
  }

  /** Whether the object is the very one that was named, and none that is read. */
  isRefused({ uri }: SourceObject): boolean {
    if (uri !== this.#source.uri) return false;
    const kind = this.#asked.kindOf(pathOf(uri), true);
    return kind === 'other' || kind === 'checksum';
  }

  /** What a listing left out. */
  passedOver(kind: string): void {
    this.#asked.notRead(kind);
  }

  /** The tasks of one object. Only an interrupt makes it fail. */
  async plan(item: Item): Promise<DiscoveredTask[]> {
    if (this.#signal?.aborted) throw abortError(this.#signal);
    const { object } = item;
    try {
      if (item.fault !== null) throw new BackhaulError(item.fault);
      if (item.kind === 'zip' || item.kind === 'tar') return await this.#entries(item);
      return await fileTasks(item, this.#source, this.#manifests, this.#asked, this.#signal);
    } catch (error) {
      if (this.#signal?.aborted) throw abortError(this.#signal);
      return [failed(placeOf(object), faultAt(fileError(error, object.uri), { uri: object.uri }))];
    }
  }

  /** The tasks of an archive; one that was named outright and has none fails, unless it was but not asked for. */
  async #entries(item: Item): Promise<DiscoveredTask[]> {
    const { object } = item;
    const { counts } = this.#asked;
    const leftOut = counts.filtered;
    const isZip = item.kind === 'zip';
    const tasks = await (isZip ? zipTasks : tarTasks)(item, this.#source, this.#asked, this.#signal);
    if (tasks.length > 0 || object.uri !== this.#source.uri || counts.filtered > leftOut) return tasks;
    return [failed(placeOf(object), emptyFault(object, isZip ? 'zip' : 'tar', counts))];
  }
}

/** Of an archive that was named outright and holds nothing that is read. */
function emptyFault({ uri }: SourceObject, kind: 'zip' | 'tar', { entries, notRead }: DiscoverCounts): Fault {
  const kinds = Object.entries(notRead).map(([name, files]) => `${files} ${name}`);
  return {
    kind: 'not-a-bar-file',
    message: `the ${kind} holds no file that is read`,
    where: { uri },
    expected: `CSV, Parquet or Arrow files in the ${kind}`,
    found: entries === 0 || kinds.length === 0 ? 'no file' : kinds.join(', '),
  };
}

/** Of a file that was named outright and is none that is read. */
function unreadFault({ uri, name }: SourceObject): Fault {
  const hint = unreadHint(name);
  return {
    kind: hint === null ? 'not-a-bar-file' : 'unsupported',
    message: hint === null ? 'by its name the file holds no bars' : `${unreadKind(name)} files are not read`,
    where: { uri },
    expected:
      'a CSV, Parquet or Arrow file, one packed by gzip, Zstandard, xz or bzip2, or a zip or tar of them',
    found: name.slice(name.lastIndexOf('/') + 1),
    hint:
      hint === null
        ? 'If it is a table of bars, npx backhaul inspect FILE --write my.yaml drafts a layout for it.'
        : `${hint}.`,
  };
}
