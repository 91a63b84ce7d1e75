import type { Fault } from '../errors.ts';
import type { TaskPlan } from '../state/plan.ts';
import { loadLayout } from './layout.ts';
import { KNOWN_LAYOUTS } from './layouts/known.ts';
import { Planner } from './planner.ts';
import type { ListFilter, Source, SourceObject } from './source.ts';

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
    for await (const folder of byFolder(source.list(filter, signal))) {
      const fresh = sources.length === 1 ? folder : folder.filter(({ uri }) => !seen.has(uri));
      if (sources.length > 1) for (const { uri } of fresh) seen.add(uri);
      for await (const tasks of inOrder(planner.items(fresh), width, (item) => planner.plan(item))) {
        yield* tasks;
      }
    }
  }
}

/** Runs of objects that lie in one folder: what stands beside a file says something of it. */
async function* byFolder(objects: AsyncIterable<SourceObject>): AsyncIterable<SourceObject[]> {
  let folder = '';
  let run: SourceObject[] = [];
  for await (const object of objects) {
    const own = object.uri.slice(0, object.uri.lastIndexOf('/'));
    if (own !== folder && run.length > 0) {
      yield run;
      run = [];
    }
    folder = own;
    run.push(object);
  }
  if (run.length > 0) yield run;
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
