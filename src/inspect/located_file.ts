/** The one file that is to be looked into: where it is, how it is packed, and how it begins. */

import { stat } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { nearest } from '../base/nearest.ts';
import { BackhaulError, type Fault } from '../faults/fault.ts';
import { listZip } from '../producer/archive/zip.ts';
import { type Head, readHead, sniffFile, storageOfName } from '../producer/layouts/head.ts';
import { openSource } from '../producer/open_source.ts';
import { entryPath, pathOf } from '../producer/planning/items.ts';
import { packingOfTar, tarEntries, tarStorage } from '../producer/planning/tar_storage.ts';
import { zipStorage } from '../producer/planning/zip_storage.ts';
import { isHiddenPath, kindOfName } from '../producer/sources/object_kind.ts';
import type {
  ListFilter,
  ObjectReader,
  Source,
  SourceObject,
  SourceOptions,
} from '../producer/sources/source.ts';
import type { Storage } from '../state/task_plan.ts';

export interface LocatedFile {
  readonly source: Source;
  readonly object: SourceObject;
  /** In a zip or a tar; null for a file of its own. */
  readonly entry: string | null;
  /** Other files of bars in the same archive. */
  readonly others: number;
  /** What layouts match their patterns on. */
  readonly path: string;
  readonly storage: Storage;
  /** Null where it cannot be inflated. */
  readonly head: Head | null;
}

const EVERYTHING: ListFilter = {
  fromUs: Number.NEGATIVE_INFINITY,
  toUs: Number.POSITIVE_INFINITY,
  symbols: null,
};

/**
 * The file that `spec` names: a path, an address, or either with the name of an entry behind that of a zip
 * or a tar (`a.zip/b.csv`). Of an archive without one, its first file of data.
 * @throws BackhaulError `usage` for a folder and for what is not there
 */
export async function locateFile(
  spec: string,
  options: SourceOptions,
  signal: AbortSignal,
): Promise<LocatedFile> {
  const { file, entry } = await splitSpec(spec);
  const source = await openSource(file, options);
  const object = await onlyObject(source, signal);
  const reader = await source.open(object);
  try {
    const kind = kindOfName(object.name);
    if (kind !== 'zip' && kind !== 'tar') {
      const { head, storage } = await sniffFile(reader, storageOfName(object.name), signal);
      return { source, object, entry: null, others: 0, path: pathOf(object.uri), storage, head };
    }
    const all = await (kind === 'zip' ? inZip : inTar)(object, reader, signal);
    const entries = all.filter(({ name }) => !isHiddenPath(name) && !name.endsWith('/'));
    const { one, others } = chosen(entries, entry, kind, object.uri);
    if (one.fault !== null) throw new BackhaulError(one.fault);
    const { name, storage } = one;
    const head = await readHead(reader, storage, signal);
    return { source, object, entry: name, others, path: entryPath(pathOf(object.uri), name), storage, head };
  } finally {
    await reader.close();
  }
}

/** A file in an archive. */
interface Entry {
  readonly name: string;
  readonly storage: Storage;
  /** Why it cannot be read; null: it can. */
  readonly fault: Fault | null;
}

async function inZip(object: SourceObject, reader: ObjectReader, signal: AbortSignal): Promise<Entry[]> {
  const entries = await listZip(reader, signal);
  return entries.map((entry) => ({
    name: entry.name,
    storage: zipStorage(object, entry),
    fault: entry.fault,
  }));
}

async function inTar(object: SourceObject, reader: ObjectReader, signal: AbortSignal): Promise<Entry[]> {
  const pack = packingOfTar(object.name);
  const entries = await tarEntries(reader, pack, null, signal);
  return entries.map((entry) => ({
    name: entry.name,
    storage: tarStorage(object, pack, entry),
    fault: null,
  }));
}

/** A zip or a tar and the name behind it, where that is not the name of a folder that is there. */
async function splitSpec(spec: string): Promise<{ readonly file: string; readonly entry: string | null }> {
  const isLocal = !/^[a-z][a-z0-9+.-]+:/i.test(spec);
  for (let end = spec.indexOf('/'); end >= 0; end = spec.indexOf('/', end + 1)) {
    const file = spec.slice(0, end);
    const kind = kindOfName(file);
    if ((kind !== 'zip' && kind !== 'tar') || end + 1 === spec.length) continue;
    if (!(isLocal && (await isFolder(file)))) return { file, entry: spec.slice(end + 1) };
  }
  return { file: spec, entry: null };
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

async function onlyObject(source: Source, signal: AbortSignal): Promise<SourceObject> {
  const usage = (message: string, hint: string): BackhaulError =>
    new BackhaulError({ kind: 'usage', message, where: { uri: source.uri }, hint });
  if (source.uri.startsWith('file:') && (await isFolder(fileURLToPath(source.uri))))
    throw usage(
      'inspect looks into one file, and this is a folder',
      'load --dry-run lists what a folder holds',
    );
  let found: SourceObject | null = null;
  for await (const object of source.list(EVERYTHING, signal)) {
    if (object.uri === source.uri) return object;
    const kind = kindOfName(object.name);
    if (kind === 'checksum') continue;
    if (found !== null)
      throw usage('inspect looks into one file, and this names several', 'load --dry-run lists them');
    found = object;
  }
  if (found === null)
    throw new BackhaulError({
      kind: 'not-found',
      message: 'there is no such file',
      where: { uri: source.uri },
    });
  return found;
}

function chosen(
  entries: readonly Entry[],
  wanted: string | null,
  kind: 'zip' | 'tar',
  uri: string,
): { readonly one: Entry; readonly others: number } {
  const data = entries.filter(({ name }) => kindOfName(name) === 'data');
  const names = entries.map(({ name }) => name);
  const one =
    wanted === null
      ? (data[0] ?? entries[0])
      : entries.find(({ name }) => name === wanted || name.endsWith(`/${wanted}`));
  if (one !== undefined) return { one, others: data.filter((other) => other !== one).length };
  if (wanted === null)
    throw new BackhaulError({ kind: 'not-a-bar-file', message: `the ${kind} holds no file`, where: { uri } });
  const baseOf = (name: string): string => name.slice(name.lastIndexOf('/') + 1);
  const base = nearest(baseOf(wanted), names.map(baseOf));
  const near = names.find((name) => baseOf(name) === base) ?? null;
  throw new BackhaulError({
    kind: 'usage',
    message: `the ${kind} holds no ${wanted}`,
    where: { uri },
    hint:
      near === null
        ? `it holds ${names.slice(0, 3).join(', ')}${names.length > 3 ? ', …' : ''}`
        : `did you mean ${near}?`,
  });
}
