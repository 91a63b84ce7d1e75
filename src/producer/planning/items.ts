/** What of a folder is to be planned. */

import { fileURLToPath } from 'node:url';
import type { BackhaulError, Fault } from '../../faults/fault.ts';
import { wholeOf } from '../archive/zip_parts.ts';
import type { FolderChecksums } from '../sources/checksums.ts';
import type { ObjectKind } from '../sources/object_kind.ts';
import { partsPrefix } from '../sources/part_names.ts';
import type { SourceObject } from '../sources/source.ts';

/** An object to plan: a file of its own, a zip, or a zip in parts. */
export interface Item {
  readonly object: SourceObject;
  readonly kind: 'data' | 'zip' | 'tar' | 'broken';
  /** Path for layouts to match. */
  readonly path: string;
  readonly checksums: FolderChecksums;
  /** The parts of an archive in parts, with their own names. */
  readonly parts: readonly SourceObject[];
  readonly fault: Fault | null;
}

/**
 * The files, zips and archives in parts among the objects of a folder, `kindOf` their paths; `other` is asked about each
 * of the others.
 */
export function itemsOf(
  folder: readonly SourceObject[],
  checksums: FolderChecksums,
  kindOf: (path: string, uri: string) => ObjectKind,
  other: (object: SourceObject, kind: ObjectKind) => Item | null,
): Item[] {
  const archives = new Map<string, SourceObject[]>();
  const items: Item[] = [];
  for (const object of folder) {
    const path = pathOf(object.uri);
    const kind = kindOf(path, object.uri);
    if (kind === 'part') {
      const prefix = partsPrefix(object.uri)!;
      const parts = archives.get(prefix);
      if (parts === undefined) archives.set(prefix, [object]);
      else parts.push(object);
    } else if (kind === 'data' || kind === 'zip' || kind === 'tar') {
      items.push({ object, kind, path, checksums, parts: [], fault: null });
    } else {
      const item = other(object, kind);
      if (item !== null) items.push(item);
    }
  }
  for (const parts of archives.values()) items.push(archiveItem(parts, checksums));
  return items;
}

function archiveItem(parts: readonly SourceObject[], checksums: FolderChecksums): Item {
  try {
    const { whole, parts: ordered } = wholeOf(parts);
    // Layouts match on the name the parts have together.
    const path = partsPrefix(pathOf(whole.uri)) ?? pathOf(whole.uri);
    return { object: whole, kind: 'zip', path, checksums, parts: ordered, fault: null };
  } catch (error) {
    return brokenItem(parts[0]!, checksums, (error as BackhaulError).fault);
  }
}

/** One that fails with what is known of it already. */
export function brokenItem(object: SourceObject, checksums: FolderChecksums, fault: Fault): Item {
  return { object, kind: 'broken', path: pathOf(object.uri), checksums, parts: [], fault };
}

/** Folders of a local path that layouts may read; those further up are the user's own affair. */
const PATH_SEGMENTS = 12;

/**
 * What layouts match their patterns on: the path without scheme, and of a local one the last folders alone. Letters
 * with accents are one character each (NFC): macOS writes them as two, and a symbol must not become two by that.
 */
export function pathOf(uri: string): string {
  if (uri.startsWith('file:')) {
    return fileURLToPath(uri).split(/[/\\]/).slice(-PATH_SEGMENTS).join('/').normalize('NFC');
  }
  const path = uri.replace(/^[a-z0-9]+:\/\//i, '').replace(/[?#].*$/, '');
  try {
    return decodeURIComponent(path).normalize('NFC');
  } catch {
    return path;
  }
}

/** The same of an entry of a zip: its name behind the zip's. */
export function entryPath(zipPath: string, entry: string): string {
  return `${zipPath}/${entry.normalize('NFC')}`;
}
