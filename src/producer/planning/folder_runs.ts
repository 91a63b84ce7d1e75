/** A listing cut into runs of objects that are planned together. */

import { isChecksumList } from '../sources/checksums.ts';
import { partsPrefix } from '../sources/part_names.ts';
import type { SourceObject } from '../sources/source.ts';

/** An object and what belongs to it are this close in a listing by name. */
const NEIGHBOURS = 4;

/** Objects of one folder that are planned together. */
export interface FolderRun {
  readonly objects: SourceObject[];
  /** Lists of checksums that stood earlier in the folder. */
  readonly lists: readonly SourceObject[];
}

/**
 * Runs of objects that lie in one folder: what stands beside a file says something of it. A folder of more than `cut`
 * objects comes in several runs, so that loading need not wait for the end of a long listing; an object stays with
 * the ones next to it (its checksum, the other parts of an archive), and the folder's lists go with every run.
 */
export async function* byFolder(objects: AsyncIterable<SourceObject>, cut: number): AsyncIterable<FolderRun> {
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
