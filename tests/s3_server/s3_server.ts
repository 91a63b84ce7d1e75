/**
 * An S3 server for tests, in this process, speaking the protocol as it goes over the wire: path and virtual-host
 * style, Signature Version 4, ListObjectsV2, GetObject with Range and If-Match, HeadObject, GetObjectAttributes.
 * It counts what it is asked for and can be told to do wrong (`faults.ts`).
 */

import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { Bucket, type BucketSettings } from './bucket.ts';
import { actionOf, type FaultAction, FaultPlan, type FaultRule, type Operation } from './faults.ts';
import { type Account, checkSignature, type Refusal } from './signature.ts';
import { type PutOptions, type StoredObject, storedObject } from './stored_object.ts';

export const TEST_ACCOUNT: Account = {
  accessKeyId: 'AKIATESTTESTTESTTEST',
  secretAccessKey: 'tests-own-secret/with+odd=characters',
};

export interface ServerSettings {
  readonly accounts?: readonly Account[];
  readonly region?: string;
  /** So far off is the server's clock. */
  readonly clockOffsetMs?: number;
  /** `bucket.<this>` is virtual-host style. */
  readonly hostName?: string;
}

/** One request as the server saw it. */
export interface SeenRequest {
  readonly operation: Operation;
  readonly bucket: string;
  readonly key: string;
  readonly query: Readonly<Record<string, string>>;
  readonly range: string | null;
  readonly ifMatch: string | null;
  readonly virtualHost: boolean;
  status: number;
  /** Bytes of the body handed to the socket. */
  bytes: number;
}

interface Call {
  readonly seen: SeenRequest;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly actions: readonly FaultAction[];
}

const SLICE_BYTES = 64 * 1024;

export class S3Server {
  readonly requests: SeenRequest[] = [];
  /** The most requests that were open at one time. */
  mostAtOnce = 0;
  /** Every listing goes on where it began, with the same token. */
  repeatToken = false;
  #open = 0;
  readonly #settings: ServerSettings;
  readonly #buckets = new Map<string, Bucket>();
  readonly #faults = new FaultPlan();
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;

  constructor(settings: ServerSettings = {}) {
    this.#settings = settings;
    this.#server = createServer((request, response) => {
      this.#open += 1;
      this.mostAtOnce = Math.max(this.mostAtOnce, this.#open);
      response.once('close', () => {
        this.#open -= 1;
      });
      this.#answer(request, response).catch((error: unknown) => response.destroy(error as Error));
    });
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => {}); // Clients that hang up are what some tests are about.
      socket.once('close', () => this.#sockets.delete(socket));
    });
  }

  /** Listens on a free port of loopback. */
  async start(): Promise<this> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return this;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get endpointUrl(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Connections open now. */
  get connections(): number {
    return this.#sockets.size;
  }

  bucket(name: string, settings: BucketSettings = {}): Bucket {
    const bucket = new Bucket(settings);
    this.#buckets.set(name, bucket);
    return bucket;
  }

  put(
    bucket: string,
    key: string,
    body: Buffer | string | StoredObject,
    options: PutOptions = {},
  ): StoredObject {
    const object = typeof body === 'string' || Buffer.isBuffer(body) ? storedObject(body, options) : body;
    (this.#buckets.get(bucket) ?? this.bucket(bucket)).put(key, object);
    return object;
  }

  delete(bucket: string, key: string): void {
    this.#buckets.get(bucket)?.delete(key);
  }

  /** From now on: `action` for the requests that `where` names, by default once, for any operation and key. */
  fault(action: FaultAction, where: Partial<Omit<FaultRule, 'action'>> = {}): void {
    this.#faults.add({ on: null, key: null, skip: 0, times: 1, ...where, action });
  }

  /** Forgets faults and what was counted. */
  reset(): void {
    this.#faults.clear();
    this.requests.length = 0;
    this.mostAtOnce = 0;
  }

  count(operation: Operation): number {
    return this.requests.filter((r) => r.operation === operation).length;
  }

  /** Bytes of bodies sent for this operation. */
  bytes(operation: Operation): number {
    return this.requests.reduce((sum, r) => sum + (r.operation === operation ? r.bytes : 0), 0);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const call = this.#call(request, response);
    this.requests.push(call.seen);
    const delay = actionOf(call.actions, 'delay');
    if (delay !== undefined) await new Promise((resolve) => setTimeout(resolve, delay.ms));
    const status = actionOf(call.actions, 'status');
    if (status !== undefined) {
      const headers = status.retryAfterS === undefined ? {} : { 'retry-after': String(status.retryAfterS) };
      return refuse(call, { status: status.status, code: status.code, message: 'Injected.', headers });
    }
    if (actionOf(call.actions, 'not-s3') !== undefined) {
      return sendBody(
        call,
        200,
        { 'content-type': 'text/html' },
        Buffer.from('<html><body>It works!</body></html>'),
      );
    }
    const refusal = this.#admit(call);
    if (refusal !== null) return refuse(call, refusal);
    const bucket = this.#buckets.get(call.seen.bucket)!;
    if (call.seen.operation === 'list')
      return sendBody(
        call,
        200,
        { 'content-type': 'application/xml' },
        listing(call, bucket, this.repeatToken),
      );
    const swap = actionOf(call.actions, 'swap');
    if (swap !== undefined) {
      if (swap.to === null) bucket.delete(call.seen.key);
      else bucket.put(call.seen.key, swap.to);
    }
    const object = bucket.get(call.seen.key);
    if (object === undefined) {
      return refuse(call, {
        status: 404,
        code: 'NoSuchKey',
        message: 'The specified key does not exist.',
        extra: { Key: call.seen.key },
      });
    }
    if (call.seen.operation === 'attributes')
      return sendBody(call, 200, { 'content-type': 'application/xml' }, attributes(object));
    return sendObject(call, object);
  }

  #call(request: IncomingMessage, response: ServerResponse): Call {
    const url = new URL(request.url ?? '/', 'http://server');
    const query = Object.fromEntries(url.searchParams);
    const host = (request.headers.host ?? '').split(':')[0]!;
    const suffix = `.${this.#settings.hostName ?? 'localhost'}`;
    const virtualHost = host.endsWith(suffix);
    const path = decodeURIComponent((request.url ?? '/').split('?')[0]!.slice(1));
    const slash = path.indexOf('/');
    const bucket = virtualHost ? host.slice(0, -suffix.length) : slash < 0 ? path : path.slice(0, slash);
    const key = virtualHost ? path : slash < 0 ? '' : path.slice(slash + 1);
    const operation: Operation =
      key === '' ? 'list' : request.method === 'HEAD' ? 'head' : 'attributes' in query ? 'attributes' : 'get';
    const seen: SeenRequest = {
      operation,
      bucket,
      key,
      query,
      range: request.headers.range ?? null,
      ifMatch: request.headers['if-match'] ?? null,
      virtualHost,
      status: 0,
      bytes: 0,
    };
    return { seen, request, response, actions: this.#faults.take(operation, key) };
  }

  /** Whether who asks may have it. */
  #admit(call: Call): Refusal | null {
    const { request, seen } = call;
    const bucket = this.#buckets.get(seen.bucket);
    const region = this.#settings.region ?? 'us-east-1';
    const denied: Refusal = { status: 403, code: 'AccessDenied', message: 'Access Denied' };
    if (request.headers.authorization === undefined) {
      if (bucket !== undefined && !bucket.settings.anonymous) return denied;
    } else {
      const now = new Date(Date.now() + (this.#settings.clockOffsetMs ?? 0));
      const signed = { method: request.method ?? '', target: request.url ?? '', headers: request.headers };
      const refusal = checkSignature(signed, this.#settings.accounts ?? [TEST_ACCOUNT], region, now);
      if (refusal !== null) return refusal;
    }
    if (bucket === undefined) {
      return {
        status: 404,
        code: 'NoSuchBucket',
        message: 'The specified bucket does not exist',
        extra: { BucketName: seen.bucket },
      };
    }
    const settings = bucket.settings;
    if (settings.region !== undefined && settings.region !== region)
      return redirect(seen.bucket, settings.region);
    if (settings.requesterPays && request.headers['x-amz-request-payer'] !== 'requester') return denied;
    if (settings.denyList && seen.operation === 'list') return denied;
    if (settings.denyAttributes && seen.operation === 'attributes') return denied;
    if (seen.operation !== 'list' && settings.forbidden?.test(seen.key)) return denied;
    return null;
  }
}

function redirect(bucket: string, region: string): Refusal {
  return {
    status: 301,
    code: 'PermanentRedirect',
    message: 'The bucket you are attempting to access must be addressed using the specified endpoint.',
    extra: { Endpoint: `${bucket}.s3.${region}.amazonaws.com`, Bucket: bucket },
    headers: { 'x-amz-bucket-region': region },
  };
}

function xml(text: string): string {
  return text.replace(/[<>&"']/g, (c) => `&#${c.charCodeAt(0)};`);
}

function refuse(call: Call, refusal: Refusal): Promise<void> {
  const elements = {
    Code: refusal.code,
    Message: refusal.message,
    ...refusal.extra,
    RequestId: '0',
    HostId: '0',
  };
  const inner = Object.entries(elements).map(([name, value]) => `<${name}>${xml(value)}</${name}>`);
  const body = Buffer.from(`<?xml version="1.0" encoding="UTF-8"?>\n<Error>${inner.join('')}</Error>`);
  return sendBody(call, refusal.status, { 'content-type': 'application/xml', ...refusal.headers }, body);
}

function listing(call: Call, bucket: Bucket, repeatToken: boolean): Buffer {
  const { query } = call.seen;
  const prefix = query['prefix'] ?? '';
  const delimiter = query['delimiter'] ?? '';
  const token = query['continuation-token'];
  const from: { after: string; afterPrefix: string | null } =
    token === undefined || repeatToken
      ? { after: query['start-after'] ?? '', afterPrefix: null }
      : JSON.parse(Buffer.from(token, 'base64').toString());
  const maxKeys = Math.min(1000, Number(query['max-keys'] ?? 1000));
  const page = bucket.list({ prefix, delimiter, maxKeys, ...from });
  const encode = (text: string) => xml(query['encoding-type'] === 'url' ? encodeURIComponent(text) : text);
  const contents = page.objects.map(
    ({ key, object }) =>
      `<Contents><Key>${encode(key)}</Key><LastModified>${object.lastModified.toISOString()}</LastModified>` +
      `<ETag>&quot;${object.etag}&quot;</ETag><Size>${object.sizeBytes}</Size><StorageClass>STANDARD</StorageClass></Contents>`,
  );
  const prefixes = page.prefixes.map((p) => `<CommonPrefixes><Prefix>${encode(p)}</Prefix></CommonPrefixes>`);
  const next =
    page.next === null
      ? ''
      : `<NextContinuationToken>${Buffer.from(JSON.stringify(page.next)).toString('base64')}</NextContinuationToken>`;
  return Buffer.from(
    `<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">` +
      `<Name>${xml(call.seen.bucket)}</Name><Prefix>${encode(prefix)}</Prefix><MaxKeys>${maxKeys}</MaxKeys>` +
      `<KeyCount>${page.objects.length + page.prefixes.length}</KeyCount>` +
      `<IsTruncated>${page.next !== null}</IsTruncated>${next}${contents.join('')}${prefixes.join('')}</ListBucketResult>`,
  );
}

function attributes(object: StoredObject): Buffer {
  const parts = object.parts.map(
    (part, i) =>
      `<Part><PartNumber>${i + 1}</PartNumber><Size>${part.size}</Size><ChecksumSHA256>${part.sha256}</ChecksumSHA256></Part>`,
  );
  return Buffer.from(
    `<?xml version="1.0" encoding="UTF-8"?>\n<GetObjectAttributesResponse xmlns="http://s3.amazonaws.com/doc/2006-03-01/">` +
      `<ObjectParts><PartsCount>${parts.length}</PartsCount><IsTruncated>false</IsTruncated>${parts.join('')}</ObjectParts>` +
      `<ObjectSize>${object.sizeBytes}</ObjectSize></GetObjectAttributesResponse>`,
  );
}

/** `[start, end)` of a Range header, null for none, 'invalid' for one that cannot be met. */
function parseRange(header: string | null, size: number): readonly [number, number] | null | 'invalid' {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? '');
  if (match === null || (match[1] === '' && match[2] === '')) return null;
  if (match[1] === '') return size === 0 ? 'invalid' : [Math.max(0, size - Number(match[2])), size];
  const start = Number(match[1]);
  if (start >= size) return 'invalid';
  return [start, match[2] === '' ? size : Math.min(size, Number(match[2]) + 1)];
}

async function sendObject(call: Call, object: StoredObject): Promise<void> {
  const { seen, request, actions } = call;
  const wanted = seen.ifMatch?.replaceAll('"', '');
  if (wanted !== undefined && wanted !== object.etag && actionOf(actions, 'no-if-match') === undefined) {
    return refuse(call, {
      status: 412,
      code: 'PreconditionFailed',
      message: 'At least one of the preconditions did not hold',
      extra: { Condition: 'If-Match' },
    });
  }
  const range = actionOf(actions, 'no-range') === undefined ? parseRange(seen.range, object.sizeBytes) : null;
  if (range === 'invalid') {
    return refuse(call, {
      status: 416,
      code: 'InvalidRange',
      message: 'The requested range is not satisfiable',
      extra: { ActualObjectSize: String(object.sizeBytes) },
    });
  }
  const [start, end] = range ?? [0, object.sizeBytes];
  const headers: Record<string, string> = {
    etag: `"${object.etag}"`,
    'last-modified': object.lastModified.toUTCString(),
    'accept-ranges': 'bytes',
    'content-type': 'binary/octet-stream',
  };
  if (range !== null) headers['content-range'] = `bytes ${start}-${end - 1}/${object.sizeBytes}`;
  if (range === null && request.headers['x-amz-checksum-mode'] === 'ENABLED')
    Object.assign(headers, object.checksums);
  if (seen.operation === 'head') {
    seen.status = 200;
    call.response.writeHead(200, { ...headers, 'content-length': object.sizeBytes }).end();
    return;
  }
  await sendBody(call, range === null ? 200 : 206, headers, {
    length: end - start,
    slice: (a, b) => object.slice(start + a, start + b),
  });
}

interface Body {
  readonly length: number;
  slice(start: number, end: number): Buffer;
}

/** Sends a body as the faults of the call would have it. */
async function sendBody(
  call: Call,
  status: number,
  headers: Record<string, string>,
  body: Body,
): Promise<void> {
  const { response, seen, actions } = call;
  const cut = actionOf(actions, 'cut');
  const stall = actionOf(actions, 'stall');
  const shortBody = actionOf(actions, 'short-body');
  if (cut !== undefined && cut.afterBytes < 0) return void response.socket?.resetAndDestroy();
  if (stall !== undefined && stall.afterBytes < 0) return;
  const length = Math.max(0, body.length - (actionOf(actions, 'short-length')?.missing ?? 0));
  const stop = Math.min(
    length,
    cut?.afterBytes ?? length,
    stall?.afterBytes ?? length,
    shortBody?.bytes ?? length,
  );
  seen.status = status;
  response.writeHead(status, { ...headers, 'content-length': length });
  for (let at = 0; at < stop && !response.destroyed; ) {
    const piece = flipped(body.slice(at, Math.min(stop, at + SLICE_BYTES)), at, actions);
    at += piece.length;
    seen.bytes += piece.length;
    if (!response.write(piece)) await drained(response);
  }
  if (stop === length) response.end();
  else if (stall !== undefined) response.flushHeaders();
  else await hangUp(response, cut !== undefined);
}

/** Resolves when the client has taken what was written, or has gone. */
function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      response.off('drain', done).off('close', done);
      resolve();
    };
    response.on('drain', done).on('close', done);
  });
}

/** Closes once what was written is on its way, with a reset or in good order. */
async function hangUp(response: ServerResponse, reset: boolean): Promise<void> {
  response.flushHeaders();
  const { socket } = response;
  if (socket === null) return;
  while (socket.writableLength > 0 && !socket.destroyed)
    await new Promise((resolve) => setImmediate(resolve));
  if (reset) socket.resetAndDestroy();
  else socket.end();
}

function flipped(piece: Buffer, at: number, actions: readonly FaultAction[]): Buffer {
  const flip = actionOf(actions, 'flip');
  if (flip === undefined || flip.at < at || flip.at >= at + piece.length) return piece;
  const copy = Buffer.from(piece);
  copy[flip.at - at]! ^= 1;
  return copy;
}
