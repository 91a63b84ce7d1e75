/** What the tests' S3 server keeps: objects in memory, or described by segments, so that 540 MB cost nothing. */

import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';

/** One part of a multipart upload, as GetObjectAttributes tells it. */
export interface StoredPart {
  readonly size: number;
  /** Base64. */
  readonly sha256: string;
}

export interface StoredObject {
  readonly sizeBytes: number;
  /** Without quotes. */
  readonly etag: string;
  readonly lastModified: Date;
  /** `x-amz-checksum-…` headers of the whole object, sent when asked for with `x-amz-checksum-mode: ENABLED`. */
  readonly checksums: Readonly<Record<string, string>>;
  readonly parts: readonly StoredPart[];
  /** The bytes `[start, end)`. */
  slice(start: number, end: number): Buffer;
}

export interface PutOptions {
  readonly etag?: string;
  readonly lastModified?: Date;
  /** `sha256` and `crc32` are computed; `x-amz-checksum-…: value` is taken as it is (a wrong one, say). */
  readonly checksums?: readonly ('sha256' | 'crc32')[] | Readonly<Record<string, string>>;
  /** Uploaded in parts of this size: an ETag `…-N` and a checksum of checksums. */
  readonly partBytes?: number;
}

const EPOCH = new Date('2026-01-02T03:04:05Z');

/** An object of the given bytes, its ETag the MD5 as S3 has it. */
export function storedObject(body: Buffer | string, options: PutOptions = {}): StoredObject {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  const parts = options.partBytes === undefined ? [] : partsOf(bytes, options.partBytes);
  return {
    sizeBytes: bytes.length,
    etag: options.etag ?? etagOf(bytes, parts.length),
    lastModified: options.lastModified ?? EPOCH,
    checksums: parts.length > 0 ? compositeOf(parts) : checksumsOf(bytes, options.checksums ?? []),
    parts,
    slice: (start, end) => bytes.subarray(start, end),
  };
}

/** A piece of a virtual object: real bytes, or so many zeros. */
export type Segment = Buffer | { readonly zeros: number };

/** An object put together from segments; a read costs what it reads. */
export function virtualObject(segments: readonly Segment[], etag: string): StoredObject {
  const sizes = segments.map((segment) => (Buffer.isBuffer(segment) ? segment.length : segment.zeros));
  const starts: number[] = [];
  let sizeBytes = 0;
  for (const size of sizes) {
    starts.push(sizeBytes);
    sizeBytes += size;
  }
  const slice = (start: number, end: number): Buffer => {
    const out = Buffer.alloc(end - start);
    for (let i = lastAtOrBefore(starts, start); i < segments.length && starts[i]! < end; i++) {
      const segment = segments[i]!;
      if (!Buffer.isBuffer(segment)) continue;
      const from = Math.max(start, starts[i]!);
      const to = Math.min(end, starts[i]! + segment.length);
      if (from < to) segment.copy(out, from - start, from - starts[i]!, to - starts[i]!);
    }
    return out;
  };
  return { sizeBytes, etag, lastModified: EPOCH, checksums: {}, parts: [], slice };
}

function lastAtOrBefore(sorted: readonly number[], value: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle]! <= value) low = middle + 1;
    else high = middle;
  }
  return Math.max(0, low - 1);
}

function etagOf(bytes: Buffer, partCount: number): string {
  const md5 = createHash('md5').update(bytes).digest('hex');
  return partCount === 0 ? md5 : `${md5}-${partCount}`;
}

function partsOf(bytes: Buffer, partBytes: number): StoredPart[] {
  const parts: StoredPart[] = [];
  for (let at = 0; at < bytes.length; at += partBytes) {
    const part = bytes.subarray(at, at + partBytes);
    parts.push({ size: part.length, sha256: createHash('sha256').update(part).digest('base64') });
  }
  return parts;
}

/** S3's checksum of checksums: the SHA-256 of the parts' digests, `-` and how many they are. */
function compositeOf(parts: readonly StoredPart[]): Record<string, string> {
  const whole = createHash('sha256');
  for (const part of parts) whole.update(Buffer.from(part.sha256, 'base64'));
  return {
    'x-amz-checksum-sha256': `${whole.digest('base64')}-${parts.length}`,
    'x-amz-checksum-type': 'COMPOSITE',
  };
}

function checksumsOf(bytes: Buffer, wanted: NonNullable<PutOptions['checksums']>): Record<string, string> {
  if (!Array.isArray(wanted)) return { ...(wanted as Readonly<Record<string, string>>) };
  const headers: Record<string, string> = {};
  for (const name of wanted as readonly string[]) {
    if (name === 'sha256') {
      headers['x-amz-checksum-sha256'] = createHash('sha256').update(bytes).digest('base64');
    } else {
      const digest = Buffer.alloc(4);
      digest.writeUInt32BE(crc32(bytes));
      headers['x-amz-checksum-crc32'] = digest.toString('base64');
    }
  }
  if (Object.keys(headers).length > 0) headers['x-amz-checksum-type'] = 'FULL_OBJECT';
  return headers;
}
