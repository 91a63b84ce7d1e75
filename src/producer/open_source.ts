/** From what a user writes, or a task remembers, to the place that has the bytes. */

import { readdir } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nearest } from '../base/nearest.ts';
import { BackhaulError } from '../faults/fault.ts';
import { PartsReader, wholeOf } from './archive/zip_parts.ts';
import { LocalReader, LocalSource, openLocalObject } from './sources/local/source.ts';
import { partNumber, partsPrefix } from './sources/part_names.ts';
import type { ListFilter, ObjectReader, Source, SourceObject, SourceOptions } from './sources/source.ts';

const EVERYTHING: ListFilter = {
  fromUs: Number.NEGATIVE_INFINITY,
  toUs: Number.POSITIVE_INFINITY,
  symbols: null,
};

/** `scheme:` of two letters and more: one letter is a drive of Windows. */
const SCHEME = /^([a-z][a-z0-9+.-]+):/i;

/**
 * The source a user names: a path, `file://`, `s3://` or `https://`.
 * @throws BackhaulError `usage` when it is none of these or the path does not exist
 */
export async function openSource(spec: string, options: SourceOptions): Promise<Source> {
  const scheme = SCHEME.exec(spec)?.[1]?.toLowerCase();
  switch (scheme) {
    case undefined:
      return openPath(spec);
    case 'file':
      return openPath(pathOf(spec));
    case 's3':
      return (await import('./sources/s3/source.ts')).openS3Source(spec, options);
    case 'https':
    case 'http':
      return (await import('./sources/https/source.ts')).openHttpsSource(spec, options);
    default:
      throw new BackhaulError({
        kind: 'usage',
        message: `a source cannot be a ${scheme}: address`,
        expected: 'a folder, a file, a zip, s3://bucket/prefix or https://…',
        found: spec,
      });
  }
}

function pathOf(uri: string): string {
  try {
    return fileURLToPath(uri);
  } catch (cause) {
    throw new BackhaulError({ kind: 'usage', message: `not a file address: ${uri}` }, { cause });
  }
}

async function openPath(path: string): Promise<Source> {
  try {
    return await LocalSource.at(path);
  } catch (error) {
    if (!(error instanceof BackhaulError) || error.fault.kind !== 'not-found') throw error;
    throw new BackhaulError(
      {
        kind: 'usage',
        message: `no such file or folder: ${path}`,
        hint: await missingHint(path),
        code: 'ENOENT',
      },
      { cause: error },
    );
  }
}

/** What the user may have meant: a name nearby, or another working directory. */
async function missingHint(path: string): Promise<string> {
  if (/[*?[\]]/.test(path)) return 'Leave the pattern unquoted: the shell must expand it.';
  const folder = dirname(resolve(path));
  const names = await readdir(folder).catch(() => null);
  if (names === null) return `There is no folder ${folder} either; paths start from ${process.cwd()}.`;
  const near = nearest(basename(path), names);
  if (near !== null) return `Did you mean ${resolve(folder, near)}?`;
  return `Looked in ${folder}, which holds ${names.length} names, none like it.`;
}

/**
 * Opens the object of a task. `etag` null: whatever is there now. The first part of an archive in parts stands for the
 * whole: its size and etag are those of all parts joined.
 */
export async function openObject(
  uri: string,
  sizeBytes: number | null,
  etag: string | null,
  options: SourceOptions,
): Promise<ObjectReader> {
  if (partNumber(uri) >= 0) return openParts(uri, etag, options);
  if (uri.startsWith('file:')) return openLocalObject(uri, etag);
  const source = await openSource(uri, options);
  if (sizeBytes !== null && etag !== null) return source.open({ uri, sizeBytes, etag });
  for await (const object of source.list(EVERYTHING)) {
    if (object.uri === uri) return source.open(object);
  }
  throw new BackhaulError({ kind: 'not-found', message: 'the object is not there', where: { uri } });
}

/** The archive a thread has read from last, left open: its entries are tasks that follow each other. */
let kept: { readonly uri: string; readonly etag: string; readonly reader: ObjectReader } | null = null;

/**
 * {@link openObject}, but an archive on this machine stays open for its next entry, and `close` does nothing. One that
 * was replaced is opened anew, and then refused for its etag; one that was written to is told by the end of a stream.
 */
export async function openArchive(
  uri: string,
  sizeBytes: number | null,
  etag: string,
  options: SourceOptions,
): Promise<ObjectReader> {
  if (!uri.startsWith('file:')) return openObject(uri, sizeBytes, etag, options);
  if (kept?.uri === uri && kept.etag === etag) {
    const { reader } = kept;
    if (!(reader instanceof LocalReader) || (await reader.isCurrent())) return leftOpen(reader);
  }
  await closeArchive();
  const reader = await openObject(uri, sizeBytes, etag, options);
  kept = { uri, etag, reader };
  return leftOpen(reader);
}

/** Closes the archive this thread has left open. */
export async function closeArchive(): Promise<void> {
  const reader = kept?.reader;
  kept = null;
  await reader?.close();
}

function leftOpen(reader: ObjectReader): ObjectReader {
  return {
    uri: reader.uri,
    sizeBytes: reader.sizeBytes,
    read: (start, length, signal) => reader.read(start, length, signal),
    stream: (start, end, signal) => reader.stream(start, end, signal),
    close: async () => {},
  };
}

async function openParts(uri: string, etag: string | null, options: SourceOptions): Promise<ObjectReader> {
  const prefix = partsPrefix(uri);
  // A local part lists all its siblings; of a remote source everything that starts alike is listed.
  const source = await openSource(uri.startsWith('file:') ? uri : `${prefix}.part`, options);
  const found: SourceObject[] = [];
  for await (const object of source.list(EVERYTHING)) {
    if (partsPrefix(object.uri) === prefix) found.push(object);
  }
  if (found.length === 0) {
    throw new BackhaulError({ kind: 'not-found', message: 'the archive is not there', where: { uri } });
  }
  const { whole, parts } = wholeOf(found);
  if (etag !== null && etag !== whole.etag) {
    throw new BackhaulError({
      kind: 'source-changed',
      message: 'a part of the archive has changed since it was listed',
      where: { uri },
      expected: etag,
      found: whole.etag,
      hint: 'Load the source again.',
    });
  }
  return new PartsReader(parts, (part) => source.open(part));
}
