import { partNumber } from '../archive/parts.ts';
import { isChecksumFile } from './checksums.ts';
import { isClutter } from './local/source.ts';

/** What a file is by its name alone. */
export type ObjectKind =
  | 'data' // a CSV, compressed or not
  | 'zip'
  | 'part' // of a zip in numbered parts
  | 'checksum'
  | 'other'; // whatever else lies about: skipped and counted

const DATA = /\.(?:csv|txt|gz)$/i;
const DOCUMENT = /^(?:readme|licen[cs]e|notice|change-?log|copying|disclaimer|terms|manifest|index)\b/i;
const NO_DATA =
  /\.(?:md|pdf|json|ya?ml|html?|xml|png|jpe?g|svg|log|py|js|ts|sh|sql|db|parquet|arrow|xlsx?|docx?|asc|sig|md5|sha1|sha512|crc)$/i;

/** `explicit`: the user named this very file, so an unknown extension is data all the same. */
export function kindOfName(name: string, explicit = false): ObjectKind {
  const base = name.slice(name.lastIndexOf('/') + 1);
  if (isChecksumFile(base)) return 'checksum';
  if (/\.zip$/i.test(base)) return 'zip';
  if (partNumber(base) >= 0) return 'part';
  if (DOCUMENT.test(base)) return 'other';
  if (DATA.test(base)) return 'data';
  return explicit && !NO_DATA.test(base) ? 'data' : 'other';
}

/** Whether some folder or the name of a path is what archivers and file managers leave behind. */
export function isClutterPath(path: string): boolean {
  return path.split('/').some((segment) => segment !== '.' && segment !== '..' && isClutter(segment));
}
