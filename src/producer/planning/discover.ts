/** From sources to tasks: what there is, of which layout, in which lane, and how a worker is to read it. */

import { DigestSet } from '../../base/digest_set.ts';
import { allLayouts } from '../layouts/known_layouts.ts';
import type { Layout } from '../layouts/layout.ts';
import { loadLayout } from '../layouts/named_layout.ts';
import type { ListFilter, Source } from '../sources/source.ts';
import { byFolder } from './folder_runs.ts';
import type { DiscoveredTask, DiscoverOptions } from './found_task.ts';
import { Planner } from './planner.ts';

/** Objects looked into at once: a request to S3 takes 30 ms and more, a local file next to nothing. */
const REMOTE_WIDTH = 16;
const LOCAL_WIDTH = 4;
/** Objects of a folder that are planned before the rest of it is listed: a page of S3. */
const RUN = 1_000;

/**
 * Lists the sources and plans a task for each file and each entry that holds data, in the order of the listing. What
 * is wrong with one of them is a task that has failed; a source that cannot be listed ends the iteration with its error.
 */
export async function* discover(
  sources: readonly Source[],
  options: DiscoverOptions,
  signal?: AbortSignal,
): AsyncGenerator<DiscoveredTask, void, undefined> {
  const forced = options.layout === 'auto' ? null : await loadLayout(options.layout, allLayouts());
  yield* discoverBy(forced, sources, options, signal);
}

/** The same by a layout at hand, or by those that are known. */
export async function* discoverBy(
  forced: Layout | null,
  sources: readonly Source[],
  options: DiscoverOptions,
  signal?: AbortSignal,
): AsyncGenerator<DiscoveredTask, void, undefined> {
  const filter: ListFilter = {
    fromUs: options.fromUs ?? Number.NEGATIVE_INFINITY,
    toUs: options.toUs ?? Number.POSITIVE_INFINITY,
    symbols: options.symbols,
  };
  // The same file may be reached by two sources: a folder and a file in it, or each part of one archive.
  const seen = new DigestSet();
  for (const source of sources) {
    const planner = new Planner(source, forced, options, signal);
    const width = planner.isLocal ? LOCAL_WIDTH : REMOTE_WIDTH;
    const listed = source.list(filter, signal, (kind) => planner.passedOver(kind));
    for await (const { objects, lists } of byFolder(listed, RUN)) {
      const fresh =
        sources.length === 1
          ? objects
          : objects.filter((one) => !seen.has(one.uri) || planner.isRefused(one));
      if (sources.length > 1) for (const { uri } of fresh) seen.add(uri);
      for await (const tasks of inOrder(planner.items(fresh, lists), width, (item) => planner.plan(item))) {
        yield* tasks;
      }
    }
  }
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
