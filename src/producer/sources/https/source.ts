/** Files on the web, served with ranges (the quarterly zips are) or without. */

import type { IncomingMessage } from 'node:http';
import { BackhaulError } from '../../../faults/fault.ts';
import { secretParameter } from '../signed_address.ts';
import type { ListFilter, ObjectReader, Source, SourceObject, SourceOptions } from '../source.ts';
import { contentTag, ifMatch } from '../transfer/content_tag.ts';
import { requestGate } from '../transfer/request_gate.ts';
import { type RangeFetcher, type RangeResponse, ResumableReader } from '../transfer/resumable_reader.ts';
import { retrying, type TransferSettings } from '../transfer/retries.ts';
import { TransferError } from '../transfer/transfer_error.ts';
import { type TransferLimits, transferLimits } from '../transfer/transfer_limits.ts';
import { discard, get, type WebAccess } from './https_request.ts';

/** Parent folders that precede a file's name, for layouts to read the market or the dataset off. */
const PARENTS = 6;
/** A checksum file is a line a file; what is larger is not one. */
const MAX_CHECKSUM_BYTES = 16 << 20;

/**
 * The source at an `https://` address: one file, or an archive in parts (`….zip.part00`). Makes no request yet.
 * `set` overrides the limits, for tests.
 * @throws BackhaulError `usage`: another scheme, a user or a signature in the address
 */
export async function openHttpsSource(
  uri: string,
  options: SourceOptions,
  set: Partial<TransferLimits> = {},
): Promise<Source> {
  const url = parseWebAddress(uri, options.allowPrivateAddresses ?? false);
  const access = {
    allowPrivateAddresses: options.allowPrivateAddresses ?? false,
    limits: transferLimits(set),
  };
  return new HttpsSource(url, access);
}

function parseWebAddress(uri: string, allowPrivate: boolean): URL {
  const usage = (message: string, hint: string) => new BackhaulError({ kind: 'usage', message, hint });
  if (!URL.canParse(uri))
    throw usage('that is no address of a file on the web', 'write https://host/path/file.zip');
  const url = new URL(uri);
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && allowPrivate)) {
    throw usage(`${url.protocol}// sources are not read`, 'write https://, or download the file and load it');
  }
  if (url.username !== '' || url.password !== '') {
    throw usage(
      'a user or password in an address would be stored with the task',
      'download the file and load it',
    );
  }
  const name = secretParameter(url.search);
  if (name !== null) {
    throw usage(
      `the address is signed or holds a key (${name}), and it would be stored with the task`,
      'load from s3://, or download the file and load it',
    );
  }
  url.hash = '';
  return url;
}

class HttpsSource implements Source {
  readonly uri: string;
  readonly #url: URL;
  readonly #access: WebAccess;

  constructor(url: URL, access: WebAccess) {
    this.uri = url.href;
    this.#url = url;
    this.#access = access;
  }

  /**
   * The file or all parts, then the checksums beside it.
   * @throws BackhaulError `not-found`, `forbidden`, `network` …
   */
  async *list(_filter: ListFilter, signal?: AbortSignal): AsyncIterable<SourceObject> {
    const parts = /^(.+\.zip)\.part(\d{2,4})?$/i.exec(this.#url.pathname);
    const file = parts === null ? await this.#probe(this.#url, ABSENT, signal) : null;
    const whole = parts?.[1] ?? this.#url.pathname;
    let found = file === null ? 0 : 1;
    if (file !== null) yield file.object;
    else if (/\.zip$/i.test(whole)) {
      const digits = parts?.[2]?.length ?? 2;
      for await (const part of this.#parts(whole, digits, signal)) {
        found += 1;
        yield part;
      }
    }
    if (found === 0) throw this.#nothing();
    yield* this.#checksums(whole, signal);
  }

  async open(object: { uri: string; sizeBytes: number; etag: string }): Promise<ObjectReader> {
    parseWebAddress(object.uri, this.#access.allowPrivateAddresses);
    return new ResumableReader(new WebFetcher(object, this.#access), object, this.#settings(true));
  }

  async *#parts(whole: string, digits: number, signal: AbortSignal | undefined): AsyncIterable<SourceObject> {
    for (let i = 0; ; i++) {
      const url = this.#at(`${whole}.part${String(i).padStart(digits, '0')}`);
      const part = await this.#probe(url, i === 0 ? ABSENT : HIDDEN, signal);
      if (part === null) return;
      yield part.object;
    }
  }

  /** What is published beside the file, where anything is: many servers answer with a page of theirs instead. */
  async *#checksums(whole: string, signal: AbortSignal | undefined): AsyncIterable<SourceObject> {
    const folder = whole.slice(0, whole.lastIndexOf('/') + 1);
    for (const path of [`${whole}.CHECKSUM`, `${folder}SHA256SUMS`]) {
      const probed = await this.#probe(this.#at(path), UNUSABLE, signal);
      if (probed !== null && !probed.isPage && probed.object.sizeBytes <= MAX_CHECKSUM_BYTES)
        yield probed.object;
    }
  }

  /** Asks for the first byte, which tells size, version and whether there are ranges. Null for the faults `none`. */
  async #probe(url: URL, none: ReadonlySet<string>, signal: AbortSignal | undefined): Promise<Probed | null> {
    try {
      return await retrying(this.#settings(false), signal, async () => {
        const response = await get(url.href, { range: 'bytes=0-0' }, this.#access, signal);
        discard(response);
        return probed(url, response);
      });
    } catch (error) {
      if (error instanceof BackhaulError && none.has(error.fault.kind)) return null;
      throw error;
    }
  }

  #at(pathname: string): URL {
    const url = new URL(this.#url);
    url.pathname = pathname;
    return url;
  }

  #settings(addressKnown: boolean): TransferSettings {
    return { limits: this.#access.limits, gate: requestGate(), addressKnown };
  }

  #nothing(): BackhaulError {
    return new BackhaulError({
      kind: 'not-found',
      message: `it is not there at ${this.#url.host}`,
      where: { uri: this.uri },
      hint: 'check the address',
      code: '404',
    });
  }
}

const ABSENT: ReadonlySet<string> = new Set(['not-found']);
/** Stores that do not tell who may not list what is there answer 403 for what is not. */
const HIDDEN: ReadonlySet<string> = new Set(['not-found', 'forbidden']);

const UNUSABLE: ReadonlySet<string> = new Set([...HIDDEN, 'unsupported']);

interface Probed {
  readonly object: SourceObject;
  /** HTML: a page to look at, not a file. */
  readonly isPage: boolean;
}

function probed(url: URL, response: IncomingMessage): Probed {
  const { headers } = response;
  const sizeBytes = totalOf(response);
  if (sizeBytes === null || isRecoded(url, headers['content-encoding'])) {
    const message = `${url.host} does not tell the size of the file`;
    const hint = 'download it first, and load the file';
    throw new TransferError({ kind: 'unsupported', message, where: { uri: url.href }, hint }, 'no');
  }
  const modifiedMs = modifiedOf(response);
  const object: SourceObject = {
    uri: url.href,
    name: nameOf(url),
    sizeBytes,
    etag: contentTag(headers.etag, modifiedMs, sizeBytes),
    modifiedMs,
  };
  return { object, isPage: /^text\/html\b/i.test(headers['content-type'] ?? '') };
}

/** Whether the bytes are not the file's own; servers label a `.gz` as gzip-encoded and send it as it is. */
function isRecoded(url: URL, encoding: string | undefined): boolean {
  if (encoding === undefined || encoding === 'identity') return false;
  return !(/gzip$/i.test(encoding) && /\.gz$/i.test(url.pathname));
}

function modifiedOf({ headers }: IncomingMessage): number | null {
  const ms = Date.parse(headers['last-modified'] ?? '');
  return Number.isNaN(ms) ? null : ms;
}

function contentRange({ headers }: IncomingMessage): { start: number; total: number } | null {
  const match = /^bytes (?:(\d+)-\d+|\*)\/(\d+)$/.exec(headers['content-range'] ?? '');
  return match === null ? null : { start: Number(match[1] ?? 0), total: Number(match[2]) };
}

/** The whole file's size by this answer; null where it does not tell. */
function totalOf(response: IncomingMessage): number | null {
  const range = contentRange(response);
  if (range !== null) return range.total;
  if (response.statusCode === 416) return 0; // It was the first byte that could not be had.
  const length = response.headers['content-length'];
  return response.statusCode === 200 && length !== undefined ? Number(length) : null;
}

/** The file's name behind those of up to six folders above it. */
function nameOf(url: URL): string {
  const segments = url.pathname.split('/').filter((segment) => segment !== '');
  return segments
    .slice(-PARENTS - 1)
    .map(decoded)
    .join('/');
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment).replaceAll('/', '%2F');
  } catch {
    return segment;
  }
}

function tagOf(response: IncomingMessage, totalBytes: number | null): string | null {
  const { etag } = response.headers;
  if (totalBytes === null && etag === undefined) return null;
  return contentTag(etag, modifiedOf(response), totalBytes ?? 0);
}

class WebFetcher implements RangeFetcher {
  readonly uri: string;
  readonly server: string;
  readonly #etag: string;
  readonly #access: WebAccess;

  constructor(object: { uri: string; etag: string }, access: WebAccess) {
    this.uri = object.uri;
    this.server = new URL(object.uri).host;
    this.#etag = object.etag;
    this.#access = access;
  }

  async fetch(
    start: number,
    end: number,
    whole: boolean,
    signal: AbortSignal | undefined,
  ): Promise<RangeResponse> {
    const match = ifMatch(this.#etag);
    const headers = {
      ...(match === null ? {} : { 'if-match': match }),
      ...(whole ? {} : { range: `bytes=${start}-${end - 1}` }),
    };
    const response = await get(this.uri, headers, this.#access, signal);
    if (response.statusCode === 416) {
      discard(response);
      const message = 'the file is shorter than it was listed';
      throw new TransferError({ kind: 'truncated', message, where: { uri: this.uri }, code: '416' }, 'no');
    }
    const totalBytes = totalOf(response);
    return {
      start: contentRange(response)?.start ?? 0,
      totalBytes,
      etag: tagOf(response, totalBytes),
      checksum: null,
      body: response,
    };
  }
}
