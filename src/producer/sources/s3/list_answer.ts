/**
 * The XML of a ListObjectsV2 answer, read by its tags out of the bytes.
 *
 * The SDK's own reading builds every field of every key: 100,000 keys take 2.6 s and 140 MB with it, 1.6 s and 65 MB
 * without, the server's share included (`bench/s3_listing.ts`). Strings are made from bytes one by one, because slices
 * of a page's text would keep the whole page alive.
 * Source of the format: Amazon S3 API Reference, ListObjectsV2.
 */

import { contentTag } from '../transfer/content_tag.ts';

export interface ListedKey {
  readonly key: string;
  readonly sizeBytes: number;
  readonly etag: string;
  readonly modifiedMs: number | null;
}

export interface KeyPage {
  readonly keys: readonly ListedKey[];
  /** With a delimiter: the folders directly below the prefix, each with its `/`. */
  readonly folders: readonly string[];
  /** What the next page is asked for with; null on the last. */
  readonly next: string | null;
}

/** `foreign`: some other document; `cut`: its end is missing. */
export type ListAnswer = KeyPage | 'foreign' | 'cut';

/** Reads one answer. */
export function parseListAnswer(xml: Buffer): ListAnswer {
  if (xml.subarray(0, 500).indexOf('<ListBucketResult') < 0) return 'foreign';
  if (xml.lastIndexOf('</ListBucketResult>') < 0) return xml.includes('<ListBucketResult/>') ? EMPTY : 'cut';
  const keys: ListedKey[] = [];
  for (const [start, end] of elements(xml, 'Contents')) {
    const key = text(xml, 'Key', start, end);
    if (key === null) continue;
    const sizeBytes = Number(text(xml, 'Size', start, end) ?? 0);
    const modifiedMs = Date.parse(text(xml, 'LastModified', start, end) ?? '');
    const etag = contentTag(text(xml, 'ETag', start, end) ?? undefined, modifiedMs, sizeBytes);
    keys.push({ key, sizeBytes, etag, modifiedMs: Number.isNaN(modifiedMs) ? null : modifiedMs });
  }
  const folders: string[] = [];
  for (const [start, end] of elements(xml, 'CommonPrefixes')) {
    const folder = text(xml, 'Prefix', start, end);
    if (folder !== null) folders.push(folder);
  }
  const truncated = text(xml, 'IsTruncated', 0, xml.length) === 'true';
  return { keys, folders, next: truncated ? text(xml, 'NextContinuationToken', 0, xml.length) : null };
}

const EMPTY: KeyPage = { keys: [], folders: [], next: null };

/** Where the contents of each element of this name start and end. */
function* elements(xml: Buffer, name: string): Generator<readonly [number, number]> {
  const open = Buffer.from(`<${name}>`);
  const close = Buffer.from(`</${name}>`);
  for (let at = xml.indexOf(open); at >= 0; ) {
    const end = xml.indexOf(close, at);
    if (end < 0) return;
    yield [at + open.length, end];
    at = xml.indexOf(open, end);
  }
}

/** The text of the first element of this name in `[start, end)`, null when there is none. */
function text(xml: Buffer, name: string, start: number, end: number): string | null {
  const open = `<${name}>`;
  const from = xml.indexOf(open, start, 'latin1');
  if (from < 0 || from >= end) return null;
  const to = xml.indexOf('<', from + open.length, 'latin1');
  const raw = xml.toString('utf8', from + open.length, to);
  return raw.includes('&') ? raw.replace(/&(#x[\da-f]+|#\d+|\w+);/gi, entity) : raw;
}

const NAMED: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };

function entity(whole: string, name: string): string {
  if (!name.startsWith('#')) return NAMED[name] ?? whole;
  const code = /^#x/i.test(name) ? Number.parseInt(name.slice(2), 16) : Number(name.slice(1));
  return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
}
