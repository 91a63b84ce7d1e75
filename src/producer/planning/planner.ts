import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { BackhaulError, type Fault, type FaultPlace } from '../../faults/fault.ts';
import { abortError, faultAt, fileError } from '../../faults/file_fault.ts';
import type { Storage, TaskPlan } from '../../state/task_plan.ts';
import { checksumFault, openBytes } from '../archive/entry_stream.ts';
import { type Manifest, manifestKey, parseManifest } from '../archive/manifest.ts';
import { joinParts, PartsReader, partsPrefix } from '../archive/parts.ts';
import { listZip, type ZipEntryInfo } from '../archive/zip.ts';
import { detect, detectByName } from '../layouts/detect.ts';
import { type Head, readHead, sniffFile } from '../layouts/head.ts';
import { KNOWN_LAYOUTS } from '../layouts/known.ts';
import type { Layout } from '../layouts/layout.ts';
import { isNamedBy, type Resolution } from '../layouts/resolve.ts';
import { SymbolFilter } from '../layouts/symbols.ts';
import { FolderChecksums } from '../sources/checksums.ts';
import { isClutterPath, kindOfName, type ObjectKind } from '../sources/object_kind.ts';
import type { ObjectReader, Source, SourceObject } from '../sources/source.ts';
import type {
  DiscoverCounts,
  DiscoveredTask,
  DiscoverOptions,
  FailedTask,
  PlannedTask,
  TaskPlace,
} from './discover.ts';

/** A manifest beyond this is none. */
const MAX_MANIFEST_BYTES = 32 << 20;

/** An object to plan: a file of its own, a zip, or a zip in parts. */
export interface Item {
  readonly object: SourceObject;
  readonly kind: 'data' | 'zip' | 'broken';
  /** Path for layouts to match. */
  readonly path: string;
  readonly checksums: FolderChecksums;
  /** The parts of an archive in parts, with their own names. */
  readonly parts: readonly SourceObject[];
  readonly fault: Fault | null;
}

/** Plans what one source holds. */
export class Planner {
  readonly isLocal: boolean;
  readonly #source: Source;
  readonly #layouts: readonly Layout[];
  readonly #forced: Layout | null;
  readonly #options: DiscoverOptions;
  readonly #signal: AbortSignal | undefined;
  readonly #counts: DiscoverCounts;
  readonly #symbols = new Map<Layout, SymbolFilter>();

  constructor(
    source: Source,
    forced: Layout | null,
    options: DiscoverOptions,
    signal: AbortSignal | undefined,
  ) {
    this.isLocal = source.uri.startsWith('file:');
    this.#source = source;
    this.#forced = forced;
    this.#layouts = forced === null ? KNOWN_LAYOUTS : [forced];
    this.#options = options;
    this.#signal = signal;
    this.#counts = options.counts ?? { objects: 0, entries: 0, filtered: 0, notData: 0 };
  }

  /** What of a folder is to be planned; counts the rest. `lists`: checksums of the folder that were counted before. */
  items(folder: readonly SourceObject[], lists: readonly SourceObject[] = []): Item[] {
    const checksums = new FolderChecksums(this.#source, [...lists, ...folder]);
    const archives = new Map<string, SourceObject[]>();
    const items: Item[] = [];
    for (const object of folder) {
      this.#counts.objects++;
      const path = pathOf(object.uri);
      const kind = this.#kindOf(path, object.uri === this.#source.uri);
      if (kind === 'part') {
        const prefix = partsPrefix(object.uri)!;
        const parts = archives.get(prefix);
        if (parts === undefined) archives.set(prefix, [object]);
        else parts.push(object);
      } else if (kind === 'data' || kind === 'zip') {
        items.push({ object, kind, path, checksums, parts: [], fault: null });
      } else {
        this.#counts.notData++;
      }
    }
    for (const parts of archives.values()) items.push(archiveItem(parts, checksums));
    return items;
  }

  /** `explicit`: the user named this very file. */
  #kindOf(path: string, explicit: boolean): ObjectKind {
    const kind = kindOfName(path, explicit);
    return kind === 'other' && this.#forced !== null && isNamedBy(this.#forced, path) ? 'data' : kind;
  }

  /** The tasks of one object. Only an interrupt makes it fail. */
  async plan(item: Item): Promise<DiscoveredTask[]> {
    if (this.#signal?.aborted) throw abortError(this.#signal);
    const { object } = item;
    try {
      if (item.fault !== null) throw new BackhaulError(item.fault);
      return item.kind === 'zip' ? await this.#planZip(item) : await this.#planFile(item);
    } catch (error) {
      if (this.#signal?.aborted) throw abortError(this.#signal);
      return [failed(placeOf(object), faultAt(fileError(error, object.uri), { uri: object.uri }))];
    }
  }

  /** A file of its own. A local one is looked into, of a remote one the name must do where it can. */
  async #planFile({ object, path, checksums }: Item): Promise<DiscoveredTask[]> {
    const named = this.#byName(path);
    if (named !== null && this.#wants(named) === null) return this.#none();
    let storage: Storage = { kind: /\.gz$/i.test(object.name) ? 'gzip' : 'plain' };
    let resolution = named;
    if (named === null || this.isLocal) {
      const reader = await this.#source.open(object);
      try {
        const sniffed = await sniffFile(reader, storage, this.#signal);
        storage = sniffed.storage;
        resolution = this.#detect(sniffed.head, path, named, { uri: object.uri });
      } finally {
        await reader.close();
      }
    }
    const sha256 = await checksums.of(object.name);
    const task = this.#task(placeOf(object), resolution!, storage, { sha256, expectedRows: null }, null);
    return task === null ? this.#none() : [task];
  }

  /** By name and head; by the name alone where the head cannot be read, which the task will say in full. */
  #detect(head: Head | null, path: string, named: Resolution | null, where: FaultPlace): Resolution {
    if (head !== null) return detect(this.#layouts, this.#forced !== null, path, head, where);
    if (named !== null) return named;
    throw new BackhaulError({
      kind: 'corrupt',
      message: 'the file cannot be inflated, and its name is none of a known layout',
      where,
    });
  }

  async #planZip(item: Item): Promise<DiscoveredTask[]> {
    const { object, path } = item;
    // Where a zip is named like the one CSV in it, its name may tell that nobody asked for it.
    const alone = this.#byName(path.replace(/\.zip$/i, '.csv'));
    if (alone !== null && this.#wants(alone) === null) return this.#none();
    const reader = await this.#open(item);
    try {
      const entries = (await listZip(reader, this.#signal)).filter(({ name }) => !isClutterPath(name));
      this.#counts.entries += entries.length;
      const manifest = await this.#manifest(object, reader, entries);
      const kinds = entries.map(({ name }) => this.#kindOf(`${path}/${name}`, false));
      const single = kinds.filter((kind) => kind === 'data').length === 1;
      const sha256 = await this.#publishedSum(item, reader, single);
      const tasks: DiscoveredTask[] = [];
      const planned = new Set<string>();
      for (const [i, entry] of entries.entries()) {
        // Entries of one name are one task, which has failed.
        if (planned.has(entry.name)) continue;
        planned.add(entry.name);
        const named = single ? alone : null;
        const task = await this.#planEntry({
          item,
          reader,
          entry,
          kind: kinds[i]!,
          alone: named,
          manifest,
          sha256,
        });
        if (task !== null) tasks.push(task);
      }
      return [...tasks, ...this.#missingEntries(object, entries, manifest)];
    } finally {
      await reader.close();
    }
  }

  #open({ object, parts }: Item): Promise<ObjectReader> | PartsReader {
    if (parts.length === 0) return this.#source.open(object);
    return new PartsReader(parts, (part) => this.#source.open(part));
  }

  async #planEntry(given: {
    readonly item: Item;
    readonly reader: ObjectReader;
    readonly entry: ZipEntryInfo;
    readonly kind: ObjectKind;
    /** What the zip's name tells of the one file in it. */
    readonly alone: Resolution | null;
    readonly manifest: Manifest | null;
    readonly sha256: string | null;
  }): Promise<DiscoveredTask | null> {
    const { item, reader, entry, kind, manifest, sha256 } = given;
    const { object } = item;
    const place: TaskPlace = {
      uri: object.uri,
      entry: entry.name,
      etag: `crc32:${entry.crc32.toString(16).padStart(8, '0')}-${entry.uncompressedSize}`,
      sizeBytes: entry.compressedSize,
      modifiedMs: Number.isNaN(entry.modifiedMs) ? null : entry.modifiedMs,
    };
    const path = `${item.path}/${entry.name}`;
    if (kind !== 'data' && kind !== 'zip' && !leadsOut(entry.name)) {
      this.#counts.notData++;
      return null;
    }
    const named = this.#byName(path) ?? given.alone;
    if (named !== null && this.#wants(named) === null) return this.#leaveOut();
    if (entry.fault !== null) return failed(place, entry.fault, named?.layout.name);
    const storage = storageOf(object, entry);
    try {
      const where = { uri: object.uri, entry: entry.name };
      const resolution =
        named ?? this.#detect(await readHead(reader, storage, this.#signal), path, null, where);
      const listed = manifest?.rows.get(manifestKey(entry.name));
      const expectedRows = listed?.rows ?? null;
      const covered = listed === undefined ? null : manifest;
      const task = this.#task(place, resolution, storage, { sha256, expectedRows }, covered);
      return task ?? this.#leaveOut();
    } catch (error) {
      if (!(error instanceof BackhaulError) || error.fault.kind === 'interrupted') throw error;
      return failed(place, error.fault);
    }
  }

  async #manifest(
    object: SourceObject,
    reader: ObjectReader,
    entries: readonly ZipEntryInfo[],
  ): Promise<Manifest | null> {
    const entry = entries.find(({ name }) => manifestKey(name) === 'manifest.json');
    if (entry === undefined) return null;
    const manifest = await this.#manifestIn(storageOf(object, entry), reader, entry);
    if (manifest === null) {
      this.#options.onNote?.(`${reader.uri}: ${entry.name} is not understood and was left aside`);
    }
    return manifest;
  }

  /** Null for one that is damaged, too large or of an unknown shape: the files load without it. */
  async #manifestIn(storage: Storage, reader: ObjectReader, entry: ZipEntryInfo): Promise<Manifest | null> {
    if (entry.fault !== null || entry.uncompressedSize > MAX_MANIFEST_BYTES) return null;
    const pieces: Uint8Array[] = [];
    try {
      for await (const piece of openBytes(reader, storage, this.#signal, { entry: entry.name }))
        pieces.push(Buffer.from(piece));
    } catch (error) {
      if (this.#signal?.aborted || !(error instanceof BackhaulError)) throw error;
      return null;
    }
    return parseManifest(Buffer.concat(pieces).toString('utf8'));
  }

  /** Files a manifest promises and the zip does not hold. */
  #missingEntries(
    object: SourceObject,
    entries: readonly ZipEntryInfo[],
    manifest: Manifest | null,
  ): DiscoveredTask[] {
    if (manifest === null) return [];
    const held = new Set(entries.map(({ name }) => manifestKey(name)));
    const missing = [...manifest.rows].filter(([key]) => !held.has(key));
    // None of its names in the zip: it is the list that speaks another language, not the zip that is empty.
    if (missing.length === manifest.rows.size) return [];
    return missing.flatMap(([, { name, rows }]): DiscoveredTask[] => {
      const resolution = this.#byName(`${pathOf(object.uri)}/${name}`);
      if (resolution !== null && this.#wants(resolution) === null) return this.#none();
      const fault: Fault = {
        kind: 'not-found',
        message: 'MANIFEST.json lists the entry, but the zip does not hold it',
        where: { uri: object.uri, entry: name },
        expected: rows === null ? 'the entry' : `an entry of ${rows} rows`,
        hint: 'Download the zip again.',
      };
      const place = {
        uri: object.uri,
        entry: name,
        etag: object.etag,
        sizeBytes: 0,
        modifiedMs: object.modifiedMs,
      };
      return [failed(place, fault, resolution?.layout.name)];
    });
  }

  /**
   * The sum the worker is to check, for zips of one file: it reads the whole zip anyway. A local zip of many files is
   * checked here and now, or each of its tasks would read all of it. Fails with `checksum`.
   */
  async #publishedSum(item: Item, reader: ObjectReader, single: boolean): Promise<string | null> {
    const { object, checksums, parts } = item;
    const whole = await checksums.of(object.name);
    if (single && parts.length === 0) return whole;
    if (!this.isLocal) return null;
    if (whole !== null) await this.#verify(reader, whole);
    for (const part of whole === null ? parts : []) {
      const sum = await checksums.of(part.name);
      if (sum === null) continue;
      const own = await this.#source.open(part);
      try {
        await this.#verify(own, sum);
      } finally {
        await own.close();
      }
    }
    return null;
  }

  async #verify(reader: ObjectReader, expected: string): Promise<void> {
    const hash = createHash('sha256');
    for await (const piece of reader.stream(0, reader.sizeBytes, this.#signal)) hash.update(piece);
    const found = hash.digest('hex');
    if (found !== expected) {
      throw new BackhaulError({ ...checksumFault(expected, found), where: { uri: reader.uri } });
    }
  }

  #byName(path: string): Resolution | null {
    return detectByName(this.#layouts, this.#forced !== null, path);
  }

  /** Counts something nobody asked for. */
  #leaveOut(): null {
    this.#counts.filtered++;
    return null;
  }

  #none(): [] {
    this.#leaveOut();
    return [];
  }

  /** The symbol to store (`''` for a file of many), or null when the file is none of those asked for. */
  #wants({ layout, symbol, intervalS, fromUs, toUs }: Resolution): string | null {
    const { fromUs: wantFrom, toUs: wantTo, intervals } = this.#options;
    if (intervals !== null && !intervals.includes(intervalS)) return null;
    if (wantFrom !== null && toUs !== null && toUs <= wantFrom) return null;
    if (wantTo !== null && fromUs !== null && fromUs >= wantTo) return null;
    return symbol === null ? '' : this.#symbolFilter(layout).stored(symbol);
  }

  #symbolFilter(layout: Layout): SymbolFilter {
    let filter = this.#symbols.get(layout);
    if (filter === undefined) {
      filter = new SymbolFilter(this.#options.symbols, layout.aliases);
      this.#symbols.set(layout, filter);
    }
    return filter;
  }

  #task(
    place: TaskPlace,
    resolution: Resolution,
    storage: Storage,
    published: Pick<TaskPlan, 'sha256' | 'expectedRows'>,
    covered: Manifest | null,
  ): PlannedTask | null {
    const symbol = this.#wants(resolution);
    if (symbol === null) return null;
    const { layout, venue, intervalS, shape, grid, sessionZone } = resolution;
    const fromUs = settle(covered?.fromUs ?? null, resolution.fromUs);
    const toUs = closedUntil(settle(covered?.toUs ?? null, resolution.toUs), resolution);
    const isChecked = layout.range === 'checked' || covered !== null;
    const {
      fromUs: wantFromUs,
      toUs: wantToUs,
      onInvalid,
      onConflict,
      maxRejects,
      maxRejectShare,
    } = this.#options;
    const plan: TaskPlan = {
      venue,
      symbol: resolution.symbol === null ? null : symbol,
      intervalS,
      shape,
      storage,
      order: layout.order,
      grid,
      sessionZone,
      fileFromUs: isChecked ? fromUs : null,
      fileToUs: isChecked ? toUs : null,
      wantFromUs,
      wantToUs,
      wantSymbols: resolution.symbol === null ? this.#symbolFilter(layout).wanted() : null,
      onInvalid,
      onConflict,
      maxRejects,
      maxRejectShare,
      ...published,
    };
    const lane = `${venue}/${plan.symbol ?? '*'}/${intervalS}`;
    return { ...place, layout: layout.name, lane, sequence: fromUs, plan };
  }
}

function archiveItem(parts: readonly SourceObject[], checksums: FolderChecksums): Item {
  try {
    const { whole, parts: ordered } = joinParts(parts);
    // Layouts match on the name the parts have together.
    const path = partsPrefix(pathOf(whole.uri)) ?? pathOf(whole.uri);
    return { object: whole, kind: 'zip', path, checksums, parts: ordered, fault: null };
  } catch (error) {
    const object = parts[0]!;
    const { fault } = error as BackhaulError;
    return { object, kind: 'broken', path: pathOf(object.uri), checksums, parts, fault };
  }
}

const DAY_US = 86_400_000_000;

/**
 * One end of the time a file covers, of what a manifest and a name say. Whether a manifest's last day or instant is
 * part of what it covers is a guess; where a name agrees to within a day, the name is exact.
 */
function settle(manifest: number | null, name: number | null): number | null {
  if (manifest === null || name === null) return manifest ?? name;
  return Math.abs(manifest - name) <= DAY_US ? name : manifest;
}

/**
 * A file vouches for bars that close by the end of what it covers: one that closes later was still being traded. Ends
 * that are a period's lie on the grid of every interval that has one.
 */
function closedUntil(toUs: number | null, { grid, intervalS }: Resolution): number | null {
  if (toUs === null || grid !== 'epoch' || intervalS > DAY_US / 1e6) return toUs;
  return Math.floor(toUs / (intervalS * 1e6)) * intervalS * 1e6;
}

function storageOf(object: SourceObject, entry: ZipEntryInfo): Storage {
  return {
    kind: 'zip',
    objectBytes: object.sizeBytes,
    objectEtag: object.etag,
    headerOffset: entry.headerOffset,
    compressedSize: entry.compressedSize,
    uncompressedSize: entry.uncompressedSize,
    crc32: entry.crc32,
    method: entry.method,
  };
}

function placeOf({ uri, etag, sizeBytes, modifiedMs }: SourceObject): TaskPlace {
  return { uri, entry: null, etag, sizeBytes, modifiedMs };
}

function failed(place: TaskPlace, fault: Fault, layout?: string): FailedTask {
  return { ...place, layout: layout ?? null, lane: null, sequence: null, plan: null, fault };
}

/** Names that would be written outside the folder a zip is unpacked to. */
function leadsOut(name: string): boolean {
  return name.startsWith('/') || /^[a-z]:/i.test(name) || name.split('/').includes('..');
}

/** Folders of a local path that layouts may read; those further up are the user's own affair. */
const PATH_SEGMENTS = 12;

/** What layouts match their patterns on: the path without scheme, and of a local one the last folders alone. */
function pathOf(uri: string): string {
  if (uri.startsWith('file:')) {
    return fileURLToPath(uri).split(/[/\\]/).slice(-PATH_SEGMENTS).join('/');
  }
  const path = uri.replace(/^[a-z0-9]+:\/\//i, '').replace(/[?#].*$/, '');
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
