import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import dns from 'node:dns';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import http, { type RequestListener } from 'node:http';
import https from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { isPublicAddress } from '../../../../src/producer/sources/https/address_policy.ts';
import { redirected } from '../../../../src/producer/sources/https/https_request.ts';
import { openHttpsSource } from '../../../../src/producer/sources/https/source.ts';
import type { ObjectReader, SourceObject } from '../../../../src/producer/sources/source.ts';
import { S3Server } from '../../../s3_server/s3_server.ts';
import { storedObject } from '../../../s3_server/stored_object.ts';
import { ALL, allOf, EAGER, faultOf, gathered } from '../s3/s3_setup.ts';

const PRIVATE = { allowPrivateAddresses: true };
const open = (uri: string, options = PRIVATE) => openHttpsSource(uri, options, EAGER);
const list = async (uri: string, options = PRIVATE) => gathered((await open(uri, options)).list(ALL));
const reader = async (uri: string): Promise<ObjectReader> => {
  const source = await open(uri);
  for await (const object of source.list(ALL)) return source.open(object);
  throw new Error('nothing is listed');
};

async function serve(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

describe('a file on the web', () => {
  let server: S3Server;
  const body = randomBytes(300_000);
  const uri = (path: string) => `${server.endpointUrl}/files/${path}`;
  beforeEach(async () => {
    server = await new S3Server().start();
    server.bucket('files', { anonymous: true }).put('a/b/Kraken Q1.zip', storedObject(body));
  });
  afterEach(() => server.stop());

  it('is listed by one request for its first byte, with the folders above it in its name', async () => {
    const object = storedObject(body);
    expect(await list(uri('a/b/Kraken%20Q1.zip'))).toEqual<SourceObject[]>([
      {
        uri: uri('a/b/Kraken%20Q1.zip'),
        name: 'files/a/b/Kraken Q1.zip',
        sizeBytes: 300_000,
        etag: object.etag,
        modifiedMs: object.lastModified.getTime(),
      },
    ]);
    expect(server.requests[0]).toMatchObject({ range: 'bytes=0-0', bytes: 1 });
    expect(server.requests.slice(1).map((r) => [r.key, r.status])).toEqual([
      ['a/b/Kraken Q1.zip.CHECKSUM', 404],
      ['a/b/SHA256SUMS', 404],
    ]);
  });

  it('comes with the checksums beside it, unless they are a page to look at', async () => {
    server.put('files', 'a/b/Kraken Q1.zip.CHECKSUM', 'abc');
    expect((await list(uri('a/b/Kraken%20Q1.zip'))).map((o) => o.name)).toEqual([
      'files/a/b/Kraken Q1.zip',
      'files/a/b/Kraken Q1.zip.CHECKSUM',
    ]);
    server.fault({ kind: 'not-s3' }, { on: 'get', key: /CHECKSUM$/ });
    expect(await list(uri('a/b/Kraken%20Q1.zip'))).toHaveLength(1);
  });

  it.each(['x.zip', 'x.zip.part', 'x.zip.part00', 'x.zip.part01'])(
    'in parts is all of its parts (%s)',
    async (name) => {
      for (const part of ['00', '01', '02']) server.put('files', `d/x.zip.part${part}`, part);
      expect((await list(uri(`d/${name}`))).map((o) => o.name)).toEqual([
        'files/d/x.zip.part00',
        'files/d/x.zip.part01',
        'files/d/x.zip.part02',
      ]);
    },
  );

  it('is read by range and streamed', async () => {
    const zip = await reader(uri('a/b/Kraken%20Q1.zip'));
    expect(await zip.read(1000, 100)).toEqual(body.subarray(1000, 1100));
    expect((await allOf(zip)).equals(body)).toBe(true);
    expect(server.requests.at(-1)?.ifMatch).toBe(`"${storedObject(body).etag}"`);
  });

  it('whose connection is cut is gone on with', async () => {
    server.fault({ kind: 'cut', afterBytes: 100_000 }, { on: 'get', skip: 3 });
    server.fault({ kind: 'stall', afterBytes: 50_000 }, { on: 'get', skip: 4 });
    const zip = await reader(uri('a/b/Kraken%20Q1.zip'));
    server.requests.length = 0;
    await list(uri('a/b/Kraken%20Q1.zip'));
    expect((await allOf(zip)).equals(body)).toBe(true);
  });

  it('without ranges is streamed from its start, broken connections included, and no more', async () => {
    server.fault({ kind: 'no-range' }, { times: 100 });
    const zip = await reader(uri('a/b/Kraken%20Q1.zip'));
    expect(zip.sizeBytes).toBe(300_000);
    server.fault({ kind: 'cut', afterBytes: 200_000 }, { on: 'get' });
    expect((await allOf(zip)).equals(body)).toBe(true);
    expect(await zip.read(0, 10)).toEqual(body.subarray(0, 10));
    const fault = await faultOf(zip.read(299_000, 10));
    expect(fault.kind).toBe('unsupported');
    expect(fault.hint).toContain('download');
  });

  it('that changes meanwhile is no file we know', async () => {
    const zip = await reader(uri('a/b/Kraken%20Q1.zip'));
    server.fault({ kind: 'swap', to: storedObject(randomBytes(300_000)) }, { on: 'get' });
    expect((await faultOf(allOf(zip))).kind).toBe('source-changed');
    server.fault({ kind: 'no-if-match' }, { on: 'get' });
    expect((await faultOf(allOf(zip))).kind).toBe('source-changed');
  });

  it('that is not there, or not ours, is told apart', async () => {
    expect(await faultOf(list(uri('nix.csv')))).toMatchObject({ kind: 'not-found', code: '404' });
    server.bucket('mine').put('x.csv', storedObject('x'));
    const fault = await faultOf(list(`${server.endpointUrl}/mine/x.csv`));
    expect(fault).toMatchObject({ kind: 'forbidden', code: '403' });
  });

  it('is asked for again when the server is busy', async () => {
    server.fault({ kind: 'status', status: 503, code: 'Busy' }, { times: 3 });
    expect(await list(uri('a/b/Kraken%20Q1.zip'))).toHaveLength(1);
  });

  it('that is empty is empty', async () => {
    server.put('files', 'empty.csv', '');
    const empty = await reader(uri('empty.csv'));
    expect(empty.sizeBytes).toBe(0);
    expect(await allOf(empty)).toHaveLength(0);
  });
});

describe('a server without ETags', () => {
  let server: Server | null = null;
  afterEach(() => server?.close());
  const start = async (listener: RequestListener) => {
    server = http.createServer(listener);
    return `http://127.0.0.1:${await serve(server)}`;
  };

  it('is believed by time and size', async () => {
    let modified = 'Thu, 01 Jan 2026 00:00:00 GMT';
    const url = await start((_, response) => {
      response.writeHead(200, { 'content-length': 3, 'last-modified': modified }).end('abc');
    });
    const source = await open(`${url}/x.csv`);
    const [object] = await gathered(source.list(ALL));
    expect(object?.etag).toBe('modified-1767225600-3');
    const file = await source.open(object!);
    expect((await allOf(file)).toString()).toBe('abc');
    modified = 'Fri, 02 Jan 2026 00:00:00 GMT';
    expect((await faultOf(allOf(file))).kind).toBe('source-changed');
  });

  it('that hides the size is not read', async () => {
    const url = await start((_, response) => response.writeHead(200).end('abc'));
    expect((await faultOf(list(`${url}/x.csv`))).kind).toBe('unsupported');
  });

  it('that packs the body anew is not read, except where it only labels a .gz', async () => {
    const url = await start((_, response) => {
      response.writeHead(200, { 'content-length': 3, 'content-encoding': 'gzip' }).end('abc');
    });
    expect((await faultOf(list(`${url}/x.csv`))).kind).toBe('unsupported');
    expect(await list(`${url}/x.csv.gz`)).toHaveLength(1);
  });

  it('that redirects is followed five times and no more', async () => {
    const url = await start((request, response) => {
      const hops = Number(/\d+$/.exec(request.url ?? '')?.[0] ?? 99);
      if (hops === 0) response.writeHead(200, { 'content-length': 3 }).end('abc');
      else if (hops === 99) response.writeHead(404).end();
      else response.writeHead(302, { location: `/hop${hops - 1}` }).end();
    });
    expect(await list(`${url}/hop5`)).toMatchObject([{ uri: `${url}/hop5`, sizeBytes: 3 }]);
    expect(await faultOf(list(`${url}/hop6`))).toMatchObject({
      kind: 'unsupported',
      message: 'more than 5 redirects',
    });
  });
});

describe('an address', () => {
  it.each([
    ['ftp://host/x.csv', /ftp:\/\/ sources are not read/],
    ['http://host/x.csv', /http:\/\/ sources are not read/],
    ['https://', /no address/],
    ['https://me:geheim@host/x.csv', /user or password/],
    ['https://host/x.csv?X-Amz-Signature=geheim', /signed/],
    ['https://host/x.csv?token=geheim', /token/],
  ])('%s is refused before anything is asked', async (uri, message) => {
    const fault = await faultOf(open(uri, { allowPrivateAddresses: false }));
    expect(fault).toMatchObject({ kind: 'usage', message: expect.stringMatching(message) });
    expect(JSON.stringify(fault)).not.toContain('geheim');
  });

  it.each([
    '127.0.0.1',
    '10.1.2.3',
    '172.31.0.1',
    '192.168.1.1',
    '169.254.169.254',
    '100.64.0.1',
    '0.0.0.0',
    '::1',
    '::',
    'fe80::1',
    'fd00::1',
    '::ffff:10.0.0.1',
    '::ffff:7f00:1',
    '64:ff9b::7f00:1',
    '2002:7f00:1::',
    '224.0.0.1',
    '198.51.100.7',
  ])('%s is not public', (address) => expect(isPublicAddress(address)).toBe(false));

  it.each([
    '1.1.1.1',
    '93.184.216.34',
    '172.32.0.1',
    '2606:4700::1111',
    '64:ff9b::101:101',
    '2002:101:101::',
  ])('%s is public', (address) => expect(isPublicAddress(address)).toBe(true));

  it.each([
    'https://127.0.0.1/x',
    'https://[::1]/x',
    'https://2130706433/x',
    'https://0x7f.1/x',
    'https://localhost/x',
  ])('%s leads nowhere unless asked for', async (uri) => {
    const fault = await faultOf(list(uri, { allowPrivateAddresses: false }));
    expect(fault).toMatchObject({ kind: 'forbidden', hint: 'add --allow-private when that is meant' });
  });

  it('is checked as it is connected to, so a name cannot lead inside', async () => {
    const lookup = vi.spyOn(dns, 'lookup');
    const answer = (...addresses: string[]) =>
      lookup.mockImplementation(((_: string, __: object, done: (...args: unknown[]) => void) =>
        done(
          null,
          addresses.map((address) => ({ address, family: 4 })),
        )) as never);
    answer('93.184.216.34', '10.0.0.1');
    expect((await faultOf(list('https://rebound.example/x', { allowPrivateAddresses: false }))).kind).toBe(
      'forbidden',
    );
    answer('93.184.216.34');
    expect((await faultOf(list('http://public.example/x'))).message).toMatch(/plain http/);
    lookup.mockRestore();
  });

  it('that is redirected to never leaves https', () => {
    const from = new URL('https://host/a/b.zip');
    const to = (location: string) => () => redirected(from, location, from.href);
    expect(to('c.zip')().href).toBe('https://host/a/c.zip');
    expect(to('https://other/c.zip')().href).toBe('https://other/c.zip');
    expect(to('http://host/c.zip')).toThrow(/from https to http/);
    expect(to('file:///etc/passwd')).toThrow(/file:/);
    expect(to('https://me:geheim@host/')).toThrow(/password/);
    expect(to('http://[')).toThrow(/no address/);
  });
});

describe('TLS', () => {
  const folder = mkdtempSync(join(tmpdir(), 'backhaul-tls-'));
  const authorities = tls.getCACertificates('default');
  let made = false;
  let server: Server;
  let url = '';
  beforeAll(async () => {
    try {
      const request = [
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:P-256',
        '-nodes',
        '-days',
        '2',
      ];
      const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
      const files = ['-keyout', join(folder, 'key'), '-out', join(folder, 'cert')];
      execFileSync('openssl', [...request, ...subject, ...files], { stdio: 'ignore' });
      made = true;
    } catch {
      return; // No openssl here: the tests below skip.
    }
    const pair = { key: readFileSync(join(folder, 'key')), cert: readFileSync(join(folder, 'cert')) };
    server = https.createServer(pair, (request, response) => {
      if (request.url === '/away.csv') response.writeHead(302, { location: 'https://127.0.0.1:1/' }).end();
      else if (request.url === '/down.csv')
        response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end();
      else if (request.url === '/x.csv') response.writeHead(200, { 'content-length': 3 }).end('abc');
      else response.writeHead(404).end();
    });
    url = `https://localhost:${await serve(server)}`;
  });
  afterAll(() => {
    tls.setDefaultCACertificates(authorities);
    if (made) server.close();
    rmSync(folder, { recursive: true });
  });

  it('of an authority nobody knows is not trusted, and what to do is said', async ({ skip }) => {
    if (!made) skip('no openssl to make a certificate with');
    const fault = await faultOf(list(`${url}/x.csv`));
    expect(fault).toMatchObject({ kind: 'network', code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
    expect(fault.hint).toContain('NODE_EXTRA_CA_CERTS');
  });

  it('of a known one is read; a redirect out of it is not followed', async ({ skip }) => {
    if (!made) skip('no openssl to make a certificate with');
    tls.setDefaultCACertificates([...authorities, readFileSync(join(folder, 'cert'), 'utf8')]);
    expect((await allOf(await reader(`${url}/x.csv`))).toString()).toBe('abc');
    expect((await faultOf(list(`${url}/down.csv`))).message).toMatch(/from https to http/);
  });
});
