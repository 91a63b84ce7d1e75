/** Folders and single files on this machine. */

import type { Dirent } from 'node:fs';
import { type FileHandle, open, opendir, realpath, stat } from 'node:fs/promises';
import { basename, join, relative, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { BackhaulError } from '../../../faults/fault.ts';
import { abortError, fileError } from '../../../faults/file_fault.ts';
import { isChecksumList, SIDECAR_SUFFIXES } from '../checksums.ts';
import { hiddenKind, isHidden } from '../object_kind.ts';
import { partsPrefix } from '../part_names.ts';
import type { ListFilter, ObjectReader, Source, SourceObject } from '../source.ts';

/** Bytes a stream reads at once: below 256 KiB the calls dominate, above 1 MiB nothing is gained. */
const PIECE_BYTES = 1 << 19;
/** One in use, one fetched ahead, one to spare. */
const PIECES_AT_ONCE = 3;

/** Parent folders that precede a single file's name, for layouts to read the market or the dataset off. */
const PARENTS = 6;

const NO_FILE = 'a source must be a folder or a file, not a pipe or a device';

/** Identity of a file's content, as far as the file system tells. */
function etagOf(info: { readonly mtimeNs: bigint; readonly size: bigint }): string {
  return `${info.mtimeNs}-${info.size}`;
}

/**
 * A folder with all below it, or one file. A folder lists its own files first, lists of checksums before all others,
 * then its subfolders, each by name: by UTF-16 code units, the same on every machine. Of a folder its names alone are
 * held. A link that leads back inside the folder is left out: what it points at is listed under its own name.
 */
export class LocalSource implements Source {
  readonly uri: string;
  readonly #root: string;
  readonly #isFolder: boolean;

  private constructor(root: string, isFolder: boolean) {
    this.uri = pathToFileURL(root).href;
    this.#root = root;
    this.#isFolder = isFolder;
  }

  /**
   * Of an existing path, made canonical.
   * @throws BackhaulError `not-found`, `forbidden`, or `usage` for a pipe or device
   */
  static async at(path: string): Promise<LocalSource> {
    const uri = pathToFileURL(path).href;
    try {
      const root = await realpath(path);
      const kind = kindOf(await stat(root));
      if (kind === 'device') throw new BackhaulError({ kind: 'usage', message: NO_FILE, where: { uri } });
      return new LocalSource(root, kind === 'folder');
    } catch (error) {
      throw fileError(error, uri);
    }
  }

  async *list(
    _filter: ListFilter,
    signal?: AbortSignal,
    onUnread: (kind: string) => void = () => {},
  ): AsyncIterable<SourceObject> {
    if (this.#isFolder) {
      yield* this.#folder(this.#root, { linked: new Set(), signal, onUnread });
      return;
    }
    const segments = this.#root.split(sep).filter((segment) => segment !== '');
    const parents = segments.slice(-PARENTS - 1, -1).map((segment) => `${segment}/`);
    for (const path of await this.#withKin()) yield await describe(path, parents.join('') + basename(path));
  }

  open(object: { readonly uri: string; readonly etag: string }): Promise<ObjectReader> {
    return openLocalObject(object.uri, object.etag);
  }

  async openNamed(uri: string): Promise<ObjectReader | null> {
    try {
      return await openLocalObject(uri, null);
    } catch (error) {
      if (error instanceof BackhaulError && error.fault.kind === 'not-found') return null;
      throw error;
    }
  }

  /** The file and what belongs to it: its checksum, and if it is a part of an archive, all parts. */
  async #withKin(): Promise<string[]> {
    const prefix = partsPrefix(this.#root);
    if (prefix === null) {
      const sidecars = SIDECAR_SUFFIXES.map((suffix) => this.#root + suffix);
      const exist = await Promise.all(
        sidecars.map((path) =>
          stat(path).then(
            () => true,
            () => false,
          ),
        ),
      );
      return [this.#root, ...sidecars.filter((_, i) => exist[i])];
    }
    const folder = join(this.#root, '..');
    const kin: string[] = [];
    await eachEntry(folder, (entry) => {
      const path = join(folder, entry.name);
      if (!entry.isDirectory() && (partsPrefix(path) === prefix || isChecksumList(path))) kin.push(path);
    });
    return kin.sort();
  }

  async *#folder(folder: string, walk: Walk): AsyncIterable<SourceObject> {
    if (walk.signal?.aborted) throw abortError(walk.signal);
    const lists: string[] = [];
    const files: string[] = [];
    const folders: string[] = [];
    const links: string[] = [];
    const place = (name: string, kind: Kind): void => {
      if (kind === 'folder') folders.push(name);
      else if (kind === 'file') (isChecksumList(name) ? lists : files).push(name);
      else if (kind === 'device') walk.onUnread('pipe or device');
    };
    await eachEntry(folder, (entry) => {
      if (walk.signal?.aborted) throw abortError(walk.signal);
      if (!isHidden(entry.name)) {
        if (entry.isSymbolicLink()) links.push(entry.name);
        else place(entry.name, kindOf(entry));
        return;
      }
      const kind = hiddenKind(entry.name);
      if (kind !== null) walk.onUnread(kind);
    });
    // Of two links to one folder the first by name is followed.
    for (const name of links.sort()) place(name, await this.#linkKind(join(folder, name), walk.linked));
    const below = relative(this.#root, folder).split(sep).join('/');
    const prefix = below === '' ? '' : `${below}/`;
    for (const names of [lists, files])
      for (const name of inOrder(names)) yield await describe(join(folder, name), prefix + name);
    for (const name of folders.sort()) yield* this.#folder(join(folder, name), walk);
  }

  /** What a link leads to; `seen` for what the listing meets anyway. A dangling link is a file that is not there. */
  async #linkKind(path: string, linked: Set<string>): Promise<Kind> {
    let target: string;
    try {
      target = await realpath(path);
    } catch {
      return 'file';
    }
    if (target === this.#root || target.startsWith(this.#root + sep)) return 'seen';
    const kind = kindOf(await stat(target));
    if (kind !== 'folder') return kind;
    if (linked.has(target) || this.#root.startsWith(target + sep)) return 'seen';
    linked.add(target);
    return kind;
  }
}

/** A listing of a folder with all below it. */
interface Walk {
  /** Folders that links have led to. */
  readonly linked: Set<string>;
  readonly signal: AbortSignal | undefined;
  readonly onUnread: (kind: string) => void;
}

type Kind = 'file' | 'folder' | 'device' | 'seen';

function kindOf(entry: { isDirectory(): boolean; isFile(): boolean }): Exclude<Kind, 'seen'> {
  if (entry.isDirectory()) return 'folder';
  return entry.isFile() ? 'file' : 'device';
}

/** Entries read from a folder in one call: a folder may hold millions. */
const ENTRIES_AT_ONCE = 1_000;

async function eachEntry(folder: string, use: (entry: Dirent) => void): Promise<void> {
  try {
    for await (const entry of await opendir(folder, { bufferSize: ENTRIES_AT_ONCE })) use(entry);
  } catch (error) {
    throw fileError(error, pathToFileURL(folder).href);
  }
}

/** Names that are packed together. */
const NAMES_A_PACK = 4_096;

/**
 * The names by UTF-16 code units; takes them out of the array. A million of them wait packed as bytes, half of what they
 * take as strings, and those that are done with are let go.
 */
function* inOrder(names: string[]): Generator<string, void, void> {
  names.sort().reverse();
  const packs: Buffer[] = [];
  while (names.length > 0) packs.push(Buffer.from(names.splice(-NAMES_A_PACK).reverse().join('/')));
  packs.reverse();
  for (let pack = packs.pop(); pack !== undefined; pack = packs.pop()) yield* pack.toString().split('/');
}

/** A file that has gone is listed all the same: its task fails by name, instead of it missing without a word. */
async function describe(path: string, name: string): Promise<SourceObject> {
  const uri = pathToFileURL(path).href;
  try {
    const info = await stat(path, { bigint: true });
    const modifiedMs = Number(info.mtimeNs / 1_000_000n);
    return { uri, name, sizeBytes: Number(info.size), etag: etagOf(info), modifiedMs };
  } catch {
    return { uri, name, sizeBytes: 0, etag: 'gone', modifiedMs: null };
  }
}

/**
 * Opens a `file://` object.
 * @throws BackhaulError `not-found`, `forbidden`; with an `etag`, `source-changed` when size or time of change differ
 * from it
 */
export async function openLocalObject(uri: string, etag: string | null): Promise<ObjectReader> {
  let handle: FileHandle | null = null;
  try {
    handle = await open(fileURLToPath(uri));
    const info = await handle.stat({ bigint: true });
    if (info.isDirectory()) {
      throw new BackhaulError({ kind: 'not-found', message: 'a folder, not a file', where: { uri } });
    }
    const reader = new LocalReader(uri, handle, Number(info.size), etagOf(info));
    if (etag !== null && etag !== reader.etag) throw changed(uri, etag, reader.etag);
    return reader;
  } catch (error) {
    await handle?.close();
    throw fileError(error, uri);
  }
}

function changed(uri: string, expected: string, found: string): BackhaulError {
  return new BackhaulError({
    kind: 'source-changed',
    message: 'the file has changed since it was listed',
    where: { uri },
    expected: `time of change and size ${expected}`,
    found,
    hint: 'Load the source again.',
  });
}

export class LocalReader implements ObjectReader {
  readonly uri: string;
  readonly sizeBytes: number;
  readonly etag: string;
  readonly #handle: FileHandle;

  constructor(uri: string, handle: FileHandle, sizeBytes: number, etag: string) {
    this.uri = uri;
    this.sizeBytes = sizeBytes;
    this.etag = etag;
    this.#handle = handle;
  }

  async read(start: number, length: number, signal?: AbortSignal): Promise<Buffer> {
    const bytes = Buffer.allocUnsafe(length);
    await this.#readInto(bytes, start, signal);
    return bytes;
  }

  async #readInto(bytes: Buffer, start: number, signal: AbortSignal | undefined): Promise<void> {
    let filled = 0;
    while (filled < bytes.length) {
      if (signal?.aborted) throw abortError(signal);
      const count = await this.#fill(bytes, filled, start + filled);
      if (count === 0) throw this.#ended(start + bytes.length, start + filled);
      filled += count;
    }
  }

  async *stream(start: number, end: number, signal?: AbortSignal): AsyncIterable<Uint8Array> {
    // Buffers take turns: what is thrown away by the megabyte waits for the collector by the hundred megabytes.
    const buffers: Buffer[] = [];
    let turn = 0;
    for (let at = start; at < end; ) {
      const buffer = buffers[turn] ?? Buffer.allocUnsafeSlow(Math.min(PIECE_BYTES, end - start));
      buffers[turn] = buffer;
      turn = (turn + 1) % PIECES_AT_ONCE;
      const piece = buffer.subarray(0, Math.min(buffer.length, end - at));
      await this.#readInto(piece, at, signal);
      at += piece.length;
      yield piece;
    }
    const etag = etagOf(await this.#handle.stat({ bigint: true }));
    if (etag !== this.etag) throw changed(this.uri, this.etag, etag);
  }

  /** Whether the file of that name is still this one. */
  async isCurrent(): Promise<boolean> {
    return stat(fileURLToPath(this.uri), { bigint: true }).then(
      (info) => etagOf(info) === this.etag,
      () => false,
    );
  }

  close(): Promise<void> {
    return this.#handle.close();
  }

  async #fill(bytes: Buffer, offset: number, position: number): Promise<number> {
    try {
      return (await this.#handle.read(bytes, offset, bytes.length - offset, position)).bytesRead;
    } catch (error) {
      throw fileError(error, this.uri);
    }
  }

  #ended(expected: number, found: number): BackhaulError {
    return new BackhaulError({
      kind: 'truncated',
      message: 'the file ends before what it promises',
      where: { uri: this.uri },
      expected: `at least ${expected} bytes`,
      found: `${found} bytes`,
    });
  }
}
