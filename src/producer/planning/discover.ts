import type { Fault } from '../../faults/fault.ts';
import type { TaskPlan } from '../../state/task_plan.ts';
import { partsPrefix } from '../archive/parts.ts';
import { KNOWN_LAYOUTS } from '../layouts/known.ts';
import { loadLayout } from '../layouts/layout.ts';
import { isChecksumList } from '../sources/checksums.ts';
import type { ListFilter, Source, SourceObject } from '../sources/source.ts';
import { Planner } from './planner.ts';

export { assignSequences } from './sequence.ts';

/** From sources to tasks: what there is, of which layout, in which lane, and how a worker is to read it. */

/** Where something to load lies. */
export interface TaskPlace {
  readonly uri: string;
  /** Name inside a zip; null for an object that is a file of its own. */
  readonly entry: string | null;
  readonly etag: string;
  /** Bytes as they lie in the source. */
  readonly sizeBytes: number;
  readonly modifiedMs: number | null;
}

/** A task with all a worker needs. */
export interface PlannedTask extends TaskPlace {
  readonly layout: string;
  /** `venue/SYMBOL/interval`; for files of many symbols with a star in the place of the symbol. */
  readonly lane: string;
  /** µs of the planned first bar; null: unknown. */
  sequence: number | null;
  readonly plan: TaskPlan;
}

/** Something that ought to be loaded and cannot be. */
export interface FailedTask extends TaskPlace {
  readonly layout: string | null;
  readonly lane: null;
  readonly sequence: null;
  readonly plan: null;
  readonly fault: Fault;
}

export type DiscoveredTask = PlannedTask | FailedTask;

/** Bars to load of a task, `[fromUs, toUs)`; null is unbounded. */
export interface WantRange {
  readonly fromUs: number | null;
  readonly toUs: number | null;
}

/** Asked for each planned task; null leaves it out: it is neither stored nor loaded. */
export type SelectTask = (task: PlannedTask) => WantRange | null;

/** What discovery has seen so far; kept up to date while it runs. */
export interface DiscoverCounts {
  /** Files in the sources, and files in their zips. */
  objects: number;
  entries: number;
  /** Left out by `--symbols`, `--intervals`, `--from`, `--to`, for what their names say. */
  filtered: number;
  /** No data by their names. */
  notData: number;
}

export interface DiscoverOptions {
  /** `auto`, a layout's name, or the path of a YAML file. */
  readonly layout: string;
  readonly fromUs: number | null;
  readonly toUs: number | null;
  /** As the user wrote them; null for all. */
  readonly symbols: readonly string[] | null;
  /** Seconds; null for all. */
  readonly intervals: readonly number[] | null;
  readonly onInvalid: TaskPlan['onInvalid'];
  readonly onConflict: TaskPlan['onConflict'];
  readonly maxRejects: number | null;
  readonly maxRejectShare: number | null;
  readonly counts?: DiscoverCounts;
  /** Something worth saying that is no failure of a task. */
  readonly onNote?: (message: string) => void;
}

/** Objects looked into at once: a request to S3 takes 30 ms and more, a local file next to nothing. */
const REMOTE_WIDTH = 16;
const LOCAL_WIDTH = 4;
/** Objects of a remote folder that are planned before the rest of it is listed: a page of S3. */
const REMOTE_RUN = 1_000;
/** An object and what belongs to it are this close in a listing by name. */
const NEIGHBOURS = 4;

/**
 * Lists the sources and plans a task for each file and each entry that holds data, in the order of the listing. What
 * is wrong with one of them is a task that has failed; a source that cannot be listed ends the iteration with its error.
 */
export async function* discover(
  sources: readonly Source[],
  options: DiscoverOptions,
  signal?: AbortSignal,
): AsyncGenerator<DiscoveredTask, void, undefined> {
  const forced = options.layout === 'auto' ? null : await loadLayout(options.layout, KNOWN_LAYOUTS);
  const filter: ListFilter = {
    fromUs: options.fromUs ?? Number.NEGATIVE_INFINITY,
    toUs: options.toUs ?? Number.POSITIVE_INFINITY,
    symbols: options.symbols,
  };
  // The same file may be reached by two sources: a folder and a file in it, or each part of one archive.
  const seen = new Set<string>();
  for (const source of sources) {
    const planner = new Planner(source, forced, options, signal);
    const width = planner.isLocal ? LOCAL_WIDTH : REMOTE_WIDTH;
    const cut = planner.isLocal ? Number.POSITIVE_INFINITY : REMOTE_RUN;
    for await (const { objects, lists } of byFolder(source.list(filter, signal), cut)) {
      const fresh = sources.length === 1 ? objects : objects.filter(({ uri }) => !seen.has(uri));
      if (sources.length > 1) for (const { uri } of fresh) seen.add(uri);
      for await (const tasks of inOrder(planner.items(fresh, lists), width, (item) => planner.plan(item))) {
        yield* tasks;
      }
    }
  }
}

/** Objects of one folder that are planned together. */
interface FolderRun {
  readonly objects: SourceObject[];
  /** Lists of checksums that stood earlier in the folder. */
  readonly lists: readonly SourceObject[];
}

/**
 * Runs of objects that lie in one folder: what stands beside a file says something of it. A folder of more than `cut`
 * objects comes in several runs, so that loading need not wait for the end of a long listing; an object stays with
 * the ones next to it (its checksum, the other parts of an archive), and the folder's lists go with every run.
 */
async function* byFolder(objects: AsyncIterable<SourceObject>, cut: number): AsyncIterable<FolderRun> {
  let folder = '';
  let run: SourceObject[] = [];
  let lists: SourceObject[] = [];
  for await (const object of objects) {
    const own = object.uri.slice(0, object.uri.lastIndexOf('/'));
    if (own !== folder) {
      if (run.length > 0) yield { objects: run, lists };
      run = [];
      lists = [];
    }
    folder = own;
    run.push(object);
    if (run.length < cut) continue;
    const at = neighboursFrom(run);
    if (at === 0) continue;
    const whole = run.slice(0, at);
    run = run.slice(at);
    yield { objects: whole, lists };
    lists = [...lists, ...whole.filter(({ name }) => isChecksumList(name))];
  }
  if (run.length > 0) yield { objects: run, lists };
}

/** Where a run may be cut: before its last few objects, and not inside an archive in parts. */
function neighboursFrom(run: readonly SourceObject[]): number {
  let at = run.length - NEIGHBOURS;
  while (at > 0 && partsPrefix(run[at]!.uri) !== null) at--;
  return Math.max(0, at);
}

/** Does up to `width` pieces of work at once and yields their results in the order of the items. */
async function* inOrder<T, R>(
  items: readonly T[],
  width: number,
  work: (item: T) => Promise<R>,
): AsyncIterable<R> {
  const ahead: Promise<R>[] = [];
  let next = 0;
  while (next < items.length || ahead.length > 0) {
    while (next < items.length && ahead.length < width) {
      const result = work(items[next++]!);
      // It is awaited in its turn; failing before that must not count as unhandled.
      result.catch(() => undefined);
      ahead.push(result);
    }
    yield await ahead.shift()!;
  }
}
