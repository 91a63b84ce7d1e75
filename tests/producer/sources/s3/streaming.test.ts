import { createHash, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openS3Source } from '../../../../src/producer/sources/s3/source.ts';
import { requestGate } from '../../../../src/producer/sources/transfer/request_gate.ts';
import { S3Server } from '../../../s3_server/s3_server.ts';
import { storedObject } from '../../../s3_server/stored_object.ts';
import {
  ALL,
  allOf,
  EAGER,
  faultOf,
  gathered,
  listed,
  opened,
  testOptions,
  useTestCredentials,
} from './s3_setup.ts';

useTestCredentials();
let server: S3Server;
beforeEach(async () => {
  server = await new S3Server().start();
});
afterEach(() => server.stop());

const BODY = randomBytes(300_000);
const URI = 's3://b/d/x.csv';

describe('bytes', () => {
  beforeEach(() => server.put('b', 'd/x.csv', BODY));

  it('are read by range, exactly', async () => {
    const reader = await opened(server, URI);
    expect(await reader.read(1000, 5000)).toEqual(BODY.subarray(1000, 6000));
    expect(server.requests.at(-1)).toMatchObject({ range: 'bytes=1000-5999', status: 206, bytes: 5000 });
    expect(await reader.read(0, BODY.length)).toEqual(BODY);
    expect(await reader.read(7, 0)).toEqual(Buffer.alloc(0));
  });

  it('are streamed, whole or in part, and nothing is asked for twice', async () => {
    const reader = await opened(server, URI);
    expect(await allOf(reader)).toEqual(BODY);
    expect(Buffer.concat(await gathered(reader.stream(100, 299_999)))).toEqual(BODY.subarray(100, 299_999));
    expect(server.count('get')).toBe(2);
  });

  it('beyond the end are a truncated object', async () => {
    const reader = await opened(server, URI);
    const fault = await faultOf(reader.read(BODY.length - 10, 20));
    expect(fault).toMatchObject({ kind: 'truncated', where: { uri: URI } });
    expect(server.count('get')).toBe(0);
  });

  it('of an empty object are none', async () => {
    server.put('b', 'd/empty.csv', '');
    expect(await allOf(await opened(server, 's3://b/d/empty.csv'))).toEqual(Buffer.alloc(0));
  });

  it('go over one connection as long as it lasts', async () => {
    const reader = await opened(server, URI);
    for (let i = 0; i < 10; i++) await reader.read(i * 1000, 1000);
    expect(server.connections).toBe(1);
  });

  it('name the version that was listed', async () => {
    await (await opened(server, URI)).read(0, 10);
    expect(server.requests.at(-1)?.ifMatch).toBe(`"${storedObject(BODY).etag}"`);
  });
});

describe('a connection that is cut', () => {
  beforeEach(() => server.put('b', 'd/x.csv', BODY, { checksums: ['sha256'] }));

  it('is gone on with from the last byte', async () => {
    server.fault({ kind: 'cut', afterBytes: 200_000 }, { on: 'get' });
    expect(await allOf(await opened(server, URI))).toEqual(BODY);
    const [first, second] = server.requests.filter((r) => r.operation === 'get');
    expect(first?.range).toBe(null);
    expect(second?.ifMatch).toBe(first?.ifMatch);
    const from = Number(/^bytes=(\d+)-299999$/.exec(second?.range ?? '')?.[1]);
    expect(from).toBeGreaterThan(0);
    expect(from).toBeLessThanOrEqual(200_000);
  });

  it.each(['cut', 'short-body', 'stall'] as const)(
    'at any byte (%s) changes nothing of the result',
    async (kind) => {
      const reader = await opened(server, URI);
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.integer({ min: -1, max: BODY.length - 1 }), { maxLength: 4 }),
          async (cuts) => {
            server.reset();
            for (const [skip, at] of (kind === 'stall' ? cuts.slice(0, 1) : cuts).entries()) {
              const action =
                kind === 'short-body' ? { kind, bytes: Math.max(0, at) } : { kind, afterBytes: at };
              server.fault(action, { on: 'get', skip, times: 1 });
            }
            expect((await allOf(reader)).equals(BODY)).toBe(true);
          },
        ),
        { numRuns: kind === 'stall' ? 5 : 40 },
      );
    },
  );

  it('again and again is gone on with as long as bytes come', async () => {
    server.fault({ kind: 'short-body', bytes: 10_000 }, { on: 'get', times: 20 });
    server.fault({ kind: 'short-length', missing: 1 }, { on: 'get', skip: 20, times: 1 });
    expect((await allOf(await opened(server, URI))).equals(BODY)).toBe(true);
    expect(server.count('get')).toBe(22);
  });

  it('before a byte comes is given up after the tries that are allowed', async () => {
    server.fault({ kind: 'cut', afterBytes: 0 }, { on: 'get', times: 100 });
    const fault = await faultOf(allOf(await opened(server, URI)));
    expect(fault).toMatchObject({ kind: 'network', where: { uri: URI } });
    expect(fault.message).toContain('given up after 8 tries');
    expect(server.count('get')).toBe(8);
  });
});

describe('an answer', () => {
  beforeEach(() => server.put('b', 'd/x.csv', BODY));

  it('that ends short of the listed size is a truncated object when it never gets longer', async () => {
    const reader = await opened(server, URI);
    server.put('b', 'd/x.csv', storedObject(BODY.subarray(0, 1000), { etag: storedObject(BODY).etag }));
    expect((await faultOf(allOf(reader))).kind).toBe('truncated');
  });

  it('that never comes is a timeout, named so', async () => {
    server.fault({ kind: 'stall', afterBytes: 0 }, { on: 'get', times: 100 });
    const source = await openS3Source('s3://b', testOptions(server), { ...EAGER, maxAttempts: 2 });
    const [object] = await gathered(source.list(ALL));
    const fault = await faultOf(allOf(await source.open(object!)));
    expect(fault.kind).toBe('timeout');
    expect(fault.message).toContain('150 ms');
  });

  it('whose headers never come is a timeout too', async () => {
    server.fault({ kind: 'stall', afterBytes: -1 }, { on: 'get', times: 100 });
    const limits = { ...EAGER, connectTimeoutMs: 100, maxAttempts: 2 };
    const source = await openS3Source('s3://b', testOptions(server), limits);
    const [object] = await gathered(source.list(ALL));
    expect((await faultOf(allOf(await source.open(object!)))).kind).toBe('timeout');
  });

  it('is not late because its reader is', async () => {
    const big = randomBytes(3_000_000);
    server.put('b', 'd/big.csv', big);
    const pieces: Uint8Array[] = [];
    for await (const piece of (await opened(server, 's3://b/d/big.csv')).stream(0, big.length)) {
      if (pieces.length === 1) await new Promise((resolve) => setTimeout(resolve, 500));
      pieces.push(piece);
    }
    expect(Buffer.concat(pieces).equals(big)).toBe(true);
    expect(server.count('get')).toBe(1);
  });

  it('of everything, where a range was asked for, is read up to where the last one broke off', async () => {
    server.fault({ kind: 'cut', afterBytes: 200_000 }, { on: 'get' });
    server.fault({ kind: 'no-range' }, { on: 'get', times: 5 });
    expect((await allOf(await opened(server, URI))).equals(BODY)).toBe(true);
  });

  it('stops when its reader does, and its reader when it is told to', async () => {
    const big = randomBytes(8_000_000);
    server.put('b', 'd/big.csv', big);
    const reader = await opened(server, 's3://b/d/big.csv');
    for await (const piece of reader.stream(0, big.length)) {
      expect(piece.length).toBeGreaterThan(0);
      break;
    }
    server.fault({ kind: 'stall', afterBytes: 100 }, { on: 'get' });
    const abort = new AbortController();
    const waiting = faultOf(gathered(reader.stream(0, big.length, abort.signal)));
    setTimeout(() => abort.abort(), 20);
    expect((await waiting).kind).toBe('interrupted');
    expect(server.bytes('get')).toBeLessThan(big.length);
    expect(requestGate().open()).toBe(0);
  });
});

describe('an object replaced after it was listed', () => {
  const other = randomBytes(300_000);
  beforeEach(() => server.put('b', 'd/x.csv', BODY));

  it.each(['before the first byte', 'in the middle'])('%s is no object we know', async (when) => {
    if (when === 'in the middle') server.fault({ kind: 'cut', afterBytes: 100_000 }, { on: 'get' });
    const skip = when === 'in the middle' ? 1 : 0;
    server.fault({ kind: 'swap', to: storedObject(other) }, { on: 'get', skip });
    const fault = await faultOf(allOf(await opened(server, URI)));
    expect(fault).toMatchObject({ kind: 'source-changed', where: { uri: URI } });
    expect(fault.hint).toContain('again');
  });

  it('is found out though the server ignores If-Match', async () => {
    server.fault({ kind: 'swap', to: storedObject(other) }, { on: 'get' });
    server.fault({ kind: 'no-if-match' }, { on: 'get' });
    const fault = await faultOf(allOf(await opened(server, URI)));
    expect(fault).toMatchObject({ kind: 'source-changed', found: `ETag ${storedObject(other).etag}` });
  });

  it('by nothing is not there', async () => {
    server.fault({ kind: 'swap', to: null }, { on: 'get' });
    const fault = await faultOf(allOf(await opened(server, URI)));
    expect(fault).toMatchObject({ kind: 'not-found', code: '404 NoSuchKey', where: { uri: URI } });
  });

  it('is told from one that is forbidden', async () => {
    server.bucket('b', { forbidden: /^d\/x/ }).put('d/x.csv', storedObject(BODY));
    const fault = await faultOf(allOf(await opened(server, URI)));
    expect(fault).toMatchObject({ kind: 'forbidden', code: '403 AccessDenied' });
    expect(fault.hint).toContain('s3:GetObject');
  });
});

describe("the object's own checksum", () => {
  const digests = {
    sha256: createHash('sha256').update(BODY).digest('base64'),
    sha1: createHash('sha1').update(BODY).digest('base64'),
  };

  it.each([
    ['whole', 0],
    ['resumed', 1],
  ])('is verified over the object, %s', async (_, cuts) => {
    server.put('b', 'd/x.csv', BODY, { checksums: ['sha256'] });
    server.fault({ kind: 'cut', afterBytes: 150_000 }, { on: 'get', times: cuts });
    server.fault({ kind: 'flip', at: 149_000 }, { on: 'get', skip: cuts, times: 1 });
    const fault = await faultOf(allOf(await opened(server, URI)));
    expect(fault).toMatchObject({
      kind: 'checksum',
      where: { uri: URI },
      expected: `sha256 ${digests.sha256} (base64)`,
    });
    expect(fault.found).not.toBe(digests.sha256);
  });

  it.each(['crc32', 'sha1', 'crc32c', 'crc64nvme'])('%s is verified as well', async (name) => {
    const wrong = Buffer.alloc({ crc32: 4, sha1: 20, crc32c: 4, crc64nvme: 8 }[name] ?? 0).toString('base64');
    server.put('b', 'd/x.csv', BODY, { checksums: { [`x-amz-checksum-${name}`]: wrong } });
    expect(await faultOf(allOf(await opened(server, URI)))).toMatchObject({ kind: 'checksum' });
  });

  it('of parts is verified part by part, whatever the pieces they come in', async () => {
    server.put('b', 'd/x.csv', BODY, { partBytes: 70_001 });
    const reader = await opened(server, URI);
    expect((await allOf(reader)).equals(BODY)).toBe(true);
    expect(server.count('attributes')).toBe(1);
    server.fault({ kind: 'flip', at: 100_000 }, { on: 'get' });
    const fault = await faultOf(allOf(reader));
    expect(fault).toMatchObject({ kind: 'checksum', where: { byteOffset: 140_002 } });
    expect(fault.message).toContain('part 2');
  });

  it('of parts is left alone where their sizes may not be read', async () => {
    server.bucket('b', { denyAttributes: true }).put('d/x.csv', storedObject(BODY, { partBytes: 70_000 }));
    expect((await allOf(await opened(server, URI))).equals(BODY)).toBe(true);
  });
});

describe('a server that is too busy', () => {
  beforeEach(() => server.put('b', 'd/x.csv', BODY));

  it.each([
    [503, 'SlowDown'],
    [429, 'TooManyRequests'],
    [500, 'InternalError'],
    [502, 'BadGateway'],
    [504, 'GatewayTimeout'],
  ])('%s %s is tried again', async (status, code) => {
    server.fault({ kind: 'status', status, code }, { times: 3 });
    server.fault({ kind: 'status', status, code }, { on: 'get', times: 3 });
    expect((await allOf(await opened(server, URI))).equals(BODY)).toBe(true);
  });

  it('is waited for as long as it asks', async () => {
    server.fault({ kind: 'status', status: 503, code: 'SlowDown', retryAfterS: 1 }, { on: 'get' });
    const start = performance.now();
    await allOf(await opened(server, URI));
    expect(performance.now() - start).toBeGreaterThanOrEqual(990);
  });

  it('for ever is given up with what to do', async () => {
    server.fault({ kind: 'status', status: 503, code: 'SlowDown' }, { on: 'get', times: 100 });
    const fault = await faultOf(allOf(await opened(server, URI)));
    expect(fault).toMatchObject({ kind: 'network', code: '503 SlowDown' });
    expect(fault.hint).toContain('BACKHAUL_MAX_REQUESTS');
    expect(server.count('get')).toBe(8);
  });

  it('does not make a listing lose or double a key', async () => {
    for (let i = 0; i < 2500; i++) server.put('b', `many/k${i}.csv`, 'x');
    server.fault({ kind: 'status', status: 503, code: 'SlowDown' }, { on: 'list', skip: 1, times: 2 });
    server.fault({ kind: 'cut', afterBytes: 70_000 }, { on: 'list', skip: 4, times: 2 });
    server.fault({ kind: 'short-body', bytes: 90_000 }, { on: 'list', skip: 6, times: 1 });
    const names = (await listed(server, 's3://b/many/')).map((object) => object.name);
    expect(new Set(names).size).toBe(2500);
    expect(names).toHaveLength(2500);
  });
});
