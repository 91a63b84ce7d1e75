/** A bucket of the tests' S3 server: its keys in S3's order (by their UTF-8 bytes) and ListObjectsV2 over them. */

import type { StoredObject } from './stored_object.ts';

export interface BucketSettings {
  readonly region?: string;
  /** Anyone may read without a signature. */
  readonly anonymous?: boolean;
  readonly requesterPays?: boolean;
  /** Keys that nobody may read, though they are listed. */
  readonly forbidden?: RegExp;
  readonly denyList?: boolean;
  readonly denyAttributes?: boolean;
}

export interface ListQuery {
  readonly prefix: string;
  readonly delimiter: string;
  /** Keys after this one only. */
  readonly after: string;
  /** The page before ended with this common prefix: leave it out. */
  readonly afterPrefix: string | null;
  readonly maxKeys: number;
}

export interface ListPage {
  readonly objects: readonly { readonly key: string; readonly object: StoredObject }[];
  readonly prefixes: readonly string[];
  /** Where the next page goes on; null at the end. */
  readonly next: { readonly after: string; readonly afterPrefix: string | null } | null;
}

export class Bucket {
  readonly settings: BucketSettings;
  readonly #objects = new Map<string, StoredObject>();
  #sorted: string[] | null = null;

  constructor(settings: BucketSettings) {
    this.settings = settings;
  }

  put(key: string, object: StoredObject): void {
    if (!this.#objects.has(key)) this.#sorted = null;
    this.#objects.set(key, object);
  }

  delete(key: string): void {
    if (this.#objects.delete(key)) this.#sorted = null;
  }

  get(key: string): StoredObject | undefined {
    return this.#objects.get(key);
  }

  list(query: ListQuery): ListPage {
    const keys = this.#keys();
    const objects: { key: string; object: StoredObject }[] = [];
    const prefixes: string[] = [];
    let at = Math.max(firstNotBelow(keys, query.after), firstNotBelow(keys, query.prefix));
    if (keys[at] === query.after) at += 1;
    if (query.afterPrefix !== null) at = Math.max(at, firstNotBelow(keys, pastPrefix(query.afterPrefix)));
    while (at < keys.length && keys[at]!.startsWith(query.prefix)) {
      if (objects.length + prefixes.length >= query.maxKeys) {
        const last = keys[at - 1] ?? '';
        return { objects, prefixes, next: { after: last, afterPrefix: commonPrefix(last, query) } };
      }
      const key = keys[at]!;
      const common = commonPrefix(key, query);
      if (common === null) {
        objects.push({ key, object: this.#objects.get(key)! });
        at += 1;
      } else {
        prefixes.push(common);
        at = firstNotBelow(keys, pastPrefix(common));
      }
    }
    return { objects, prefixes, next: null };
  }

  #keys(): string[] {
    this.#sorted ??= [...this.#objects.keys()].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    return this.#sorted;
  }
}

function commonPrefix(key: string, query: ListQuery): string | null {
  if (query.delimiter === '') return null;
  const end = key.indexOf(query.delimiter, query.prefix.length);
  return end < 0 ? null : key.slice(0, end + query.delimiter.length);
}

/** The first string behind every string with this prefix (the tests' keys stay below U+FFFF). */
function pastPrefix(prefix: string): string {
  return `${prefix}\uffff`;
}

function firstNotBelow(sorted: readonly string[], value: string): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle]! < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
