/** What a file is by its name alone: the one table of what is read and what is not. */

import { isChecksumFile } from './checksums.ts';
import { partNumber } from './part_names.ts';

export type ObjectKind =
  | 'data' // a CSV, compressed or not
  | 'zip'
  | 'tar' // packed or not
  | 'part' // of a zip in numbered parts
  | 'checksum'
  | 'other'; // whatever else lies about: not read, and counted by its kind

/** Ends of names that are read. */
const READ: Readonly<Record<string, 'data' | 'zip'>> = {
  csv: 'data',
  txt: 'data',
  gz: 'data',
  zst: 'data',
  xz: 'data',
  bz2: 'data',
  parquet: 'data',
  arrow: 'data',
  arrows: 'data',
  ipc: 'data',
  feather: 'data',
  zip: 'zip',
};

/** Text that is no table of bars, so that even one that was named outright is no data; a layout may say it is. */
const TEXT = new Set(
  'md rst json jsonl ndjson yaml yml toml ini cfg html htm xml svg log py js ts sh sql ipynb asc sig md5 sha1 sha512 crc'.split(
    ' ',
  ),
);

/** Ends of names whose bytes are no text, with how to make them something that is read. */
const UNPACK = 'Unpack it and load what it holds';
const EXPORT = 'Write it out as CSV and load that';
const BINARY: Readonly<Record<string, string>> = {
  lz4: UNPACK,
  lzma: UNPACK,
  br: UNPACK,
  z: UNPACK,
  '7z': 'Unpack it, as by 7z x FILE, and load the folder',
  rar: 'Unpack it, as by unrar x FILE, and load the folder',
  avro: EXPORT,
  orc: EXPORT,
  h5: EXPORT,
  hdf5: EXPORT,
  pkl: EXPORT,
  rds: EXPORT,
  dbn: EXPORT,
  db: EXPORT,
  sqlite: EXPORT,
  duckdb: EXPORT,
  xls: EXPORT,
  xlsx: EXPORT,
  ods: EXPORT,
  doc: EXPORT,
  docx: EXPORT,
  pdf: EXPORT,
  png: EXPORT,
  jpg: EXPORT,
  jpeg: EXPORT,
};

const TAR = /\.(?:tar(?:\.(?:gz|zst|xz|bz2))?|tgz|tzst|txz|tbz2?)$/i;

const DOCUMENT = /^(?:readme|licen[cs]e|notice|change-?log|copying|disclaimer|terms|manifest|index)\b/i;

/**
 * `explicit`: the user named this very file, so an unknown extension is data all the same; `told`: a layout was named
 * too, so that any text is.
 */
export function kindOfName(name: string, explicit = false, told = false): ObjectKind {
  const base = baseOf(name);
  if (isChecksumFile(base)) return 'checksum';
  const end = endOf(base);
  if (READ[end] === 'zip') return 'zip';
  if (TAR.test(base)) return 'tar';
  if (partNumber(base) >= 0) return 'part';
  if (explicit && told && BINARY[end] === undefined) return 'data';
  if (DOCUMENT.test(base)) return 'other';
  if (READ[end] === 'data') return 'data';
  return explicit && !TEXT.has(end) && BINARY[end] === undefined ? 'data' : 'other';
}

/** The kind under which a file that is not read is counted: `.zst`, `document`, `without extension`. */
export function unreadKind(name: string): string {
  const end = endOf(baseOf(name));
  if (READ[end] !== undefined) return 'document';
  return end === '' ? 'without extension' : `.${end}`;
}

/** How to make a file that is not read one that is; null where it holds no data. */
export function unreadHint(name: string): string | null {
  return BINARY[endOf(baseOf(name))] ?? null;
}

function baseOf(name: string): string {
  return name.slice(name.lastIndexOf('/') + 1);
}

/** Behind the last dot, in lower case; empty where there is none, or what follows is no extension. */
function endOf(base: string): string {
  return /.\.([a-z0-9_]{1,8})$/i.exec(base)?.[1]?.toLowerCase() ?? '';
}

/** What archivers, file managers and this program's own database leave behind: nobody means it as data. */
const CLUTTER =
  /^(?:\.DS_Store|\._.*|__MACOSX|Thumbs\.db|desktop\.ini|\.backhaul|\.Trashes|\.fseventsd|\.Spotlight-V100)$/i;

/** Names that listings leave out: clutter, and hidden files and folders. */
export function isHidden(name: string): boolean {
  return name.startsWith('.') || CLUTTER.test(name);
}

/** Whether some folder or the name of a path is left out by listings. */
export function isHiddenPath(path: string): boolean {
  return path.split('/').some((segment) => segment !== '.' && segment !== '..' && isHidden(segment));
}

/** The kind under which what a listing leaves out is counted; null for clutter. */
export function hiddenKind(path: string): string | null {
  return path.split('/').some((segment) => CLUTTER.test(segment)) ? null : 'hidden';
}
