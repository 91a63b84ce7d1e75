/** Which files a user's word means, among those that the tables know. */

import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

/** A file or an entry, as a task names it. */
export interface NamedFile {
  readonly taskId: number;
  readonly uri: string;
  readonly entry: string | null;
}

/**
 * Whether a word names the file exactly: its number, its path or address, a folder, zip or prefix that it lies in, its
 * entry, the entry behind its zip (`a.zip/b.csv`, or `a.zip › b.csv` as we print it: each quarter's zip has entries of
 * the same names), or a pattern with `*` that its whole address or entry fits. A part of a name is not enough.
 */
export function isMeant(word: string, { taskId, uri, entry }: NamedFile): boolean {
  if (/^\d+$/.test(word) && taskId === Number(word)) return true;
  if (entry !== null && (entry === word || entry.endsWith(`/${word}`))) return true;
  if (word.includes('*')) {
    const expression = word.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
    const whole = new RegExp(`^(?:.*/)?${expression.join('.*')}$`, 'is');
    return whole.test(decoded(uri)) || (entry !== null && whole.test(entry));
  }
  const base = addressOf(word.replace(' › ', '/')).replace(/\/+$/, '');
  if (uri === base || uri.startsWith(`${base}/`)) return true;
  return entry !== null && `${decoded(uri)}/${entry}` === decoded(base);
}

/** A path becomes the address that a load gave it, whether it stands still or not. */
function addressOf(word: string): string {
  if (/^[a-z][a-z0-9+.-]+:\/\//i.test(word) && !existsSync(word)) return word;
  return pathToFileURL(resolve(word)).href;
}

function decoded(uri: string): string {
  try {
    return decodeURIComponent(uri);
  } catch {
    return uri;
  }
}
