import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Fault } from '../../../../src/faults/fault.ts';
import { openS3Source } from '../../../../src/producer/sources/s3/source.ts';
import type { SourceOptions } from '../../../../src/producer/sources/source.ts';
import { S3Server, type ServerSettings, TEST_ACCOUNT } from '../../../s3_server/s3_server.ts';
import { storedObject } from '../../../s3_server/stored_object.ts';
import { ALL, allOf, EAGER, faultOf, gathered, testOptions, useTestCredentials } from './s3_setup.ts';

useTestCredentials();
let server: S3Server;
const start = async (settings: ServerSettings = {}) => {
  server = await new S3Server(settings).start();
  server.put('b', 'd/x.csv', 'abc');
};
beforeEach(() => start());
afterEach(async () => {
  vi.unstubAllEnvs();
  await server.stop();
});
const restart = async (settings: ServerSettings) => {
  await server.stop();
  await start(settings);
};

const list = async (uri: string, options: SourceOptions = {}) => {
  const source = await openS3Source(uri, { ...testOptions(server), ...options }, EAGER);
  return gathered(source.list(ALL));
};
const refusal = (uri: string, options: SourceOptions = {}): Promise<Fault> => faultOf(list(uri, options));

const SECRETS = [TEST_ACCOUNT.accessKeyId, TEST_ACCOUNT.secretAccessKey, 'session-token-of-the-test'];

describe('one line says what is wrong and what to do', () => {
  const cases: [string, ServerSettings, SourceOptions, string, Partial<Fault>, RegExp][] = [
    [
      'a bucket that is not there',
      {},
      {},
      's3://nowhere/x',
      { kind: 'not-found', code: '404 NoSuchBucket' },
      /no bucket nowhere/,
    ],
    [
      'no right to list',
      {},
      {},
      's3://closed/x',
      { kind: 'forbidden', code: '403 AccessDenied' },
      /s3:ListBucket/,
    ],
    [
      'a wrong region',
      { region: 'eu-central-1' },
      {},
      's3://b/',
      { kind: 'credentials' },
      /--region eu-central-1/,
    ],
    [
      'a bucket elsewhere',
      {},
      {},
      's3://far/',
      { kind: 'credentials', code: '301 PermanentRedirect' },
      /--region ap-south-1/,
    ],
    [
      'an expired token',
      { accounts: [{ ...TEST_ACCOUNT, expired: true }] },
      {},
      's3://b/',
      { kind: 'credentials' },
      /have expired.*aws sso login/,
    ],
    [
      'a clock ahead',
      { clockOffsetMs: -3_600_000 },
      {},
      's3://b/',
      { kind: 'credentials' },
      /60 min ahead.*set the clock/,
    ],
    ['a clock behind', { clockOffsetMs: 3_600_000 }, {}, 's3://b/', { kind: 'credentials' }, /60 min behind/],
    [
      'an unknown key',
      { accounts: [] },
      {},
      's3://b/',
      { kind: 'credentials' },
      /access key.*AWS_ACCESS_KEY_ID/,
    ],
    [
      'a wrong secret',
      { accounts: [{ ...TEST_ACCOUNT, secretAccessKey: 'other' }] },
      {},
      's3://b/',
      { kind: 'credentials' },
      /secret key/,
    ],
    [
      'a missing token',
      { accounts: [{ ...TEST_ACCOUNT, sessionToken: 't' }] },
      {},
      's3://b/',
      { kind: 'credentials' },
      /AWS_SESSION_TOKEN/,
    ],
    ['no signature', {}, { signRequest: false }, 's3://b/', { kind: 'forbidden' }, /--no-sign-request/],
    ['who pays', {}, {}, 's3://paid/', { kind: 'forbidden' }, /--request-payer/],
  ];
  it.each(cases)('%s', async (_, settings, options, uri, fault, line) => {
    await restart(settings);
    server.bucket('closed', { denyList: true });
    server.bucket('far', { region: 'ap-south-1' });
    server.bucket('paid', { requesterPays: true });
    const found = await refusal(uri, options);
    expect(found).toMatchObject(fault);
    expect(`${found.message}: ${found.hint}`).toMatch(line);
    expect(`${found.message}${found.hint}`).not.toMatch(/\n/);
    expect(server.count('list')).toBe(1);
    for (const secret of SECRETS) expect(JSON.stringify(found)).not.toContain(secret);
  });

  it('no credentials at all', async () => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', '');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', '');
    const found = await refusal('s3://b/', { profile: 'nobody-has-this' });
    expect(found).toMatchObject({ kind: 'credentials', code: 'CredentialsProviderError' });
    expect(`${found.message} ${found.hint}`).toMatch(
      /profile nobody-has-this.*aws sso login --profile nobody-has-this/,
    );
  });

  it('a port where nobody listens, soon', async () => {
    const found = await refusal('s3://b/', { endpointUrl: 'http://127.0.0.1:1' });
    expect(found).toMatchObject({ kind: 'network', code: 'ECONNREFUSED' });
    expect(`${found.message} ${found.hint}`).toMatch(
      /127\.0\.0\.1:1 cannot be reached.*3 tries.*--endpoint-url/,
    );
  });

  it('a host that does not exist', async () => {
    const found = await refusal('s3://b/', { endpointUrl: 'http://no-such-host.invalid' });
    expect(found.kind).toBe('network');
    expect(found.message).toMatch(/no-such-host\.invalid/);
  });

  it('a server that is not S3', async () => {
    server.fault({ kind: 'not-s3' }, { times: 100 });
    const found = await refusal('s3://b/');
    expect(`${found.message} ${found.hint}`).toMatch(/not one of S3.*--endpoint-url/);
  });

  it.each(['s3://', 's3:///x', 's3://a b/x', 's3://-x/'])('%s is no S3 address', async (uri) => {
    expect((await faultOf(openS3Source(uri, {}))).kind).toBe('usage');
  });

  it('an endpoint that is no address, and one with a password in it', async () => {
    expect(await refusal('s3://b/', { endpointUrl: 'minio:9000' })).toMatchObject({
      kind: 'usage',
      found: 'minio:9000',
    });
    const found = await refusal('s3://b/', { endpointUrl: 'https://me:geheim@host' });
    expect(found.kind).toBe('usage');
    expect(JSON.stringify(found)).not.toContain('geheim');
  });

  it('a bad setting', async () => {
    vi.stubEnv('BACKHAUL_IDLE_TIMEOUT_MS', '-1');
    expect(await faultOf(openS3Source('s3://b/', {}))).toMatchObject({ kind: 'usage', found: '-1' });
  });
});

describe('the ways in', () => {
  it('without a signature to a public bucket', async () => {
    server.bucket('open', { anonymous: true }).put('x.csv', storedObject('abc'));
    vi.stubEnv('AWS_ACCESS_KEY_ID', '');
    expect(await list('s3://open', { signRequest: false })).toHaveLength(1);
  });

  it('as the payer of a requester-pays bucket, for listing and reading', async () => {
    server.bucket('paid', { requesterPays: true }).put('x.csv', storedObject('abc'));
    const source = await openS3Source('s3://paid', { ...testOptions(server), requestPayer: true }, EAGER);
    const [object] = await gathered(source.list(ALL));
    expect((await allOf(await source.open(object!))).toString()).toBe('abc');
  });

  it('with a session token', async () => {
    await restart({ accounts: [{ ...TEST_ACCOUNT, sessionToken: 'session-token-of-the-test' }] });
    vi.stubEnv('AWS_SESSION_TOKEN', 'session-token-of-the-test');
    expect(await list('s3://b', { region: 'us-east-1' })).toHaveLength(1);
  });

  it('to one object for somebody who may not list', async () => {
    server.bucket('b', { denyList: true }).put('d/x.csv', storedObject('abc'));
    expect(await list('s3://b/d/x.csv')).toMatchObject([{ name: 'd/x.csv', sizeBytes: 3 }]);
    expect((await refusal('s3://b/d/y.csv')).kind).toBe('forbidden');
  });

  it('through the endpoint of the environment, in path style', async () => {
    vi.stubEnv('AWS_ENDPOINT_URL_S3', server.endpointUrl);
    const source = await openS3Source('s3://b', { region: 'us-east-1' }, { ...EAGER, maxAttempts: 2 });
    expect(await gathered(source.list(ALL))).toHaveLength(1);
    expect(server.requests[0]?.virtualHost).toBe(false);
  });

  it('by the name of the bucket in the host, where asked for', async () => {
    const dns = await import('node:dns');
    const lookup = vi.spyOn(dns.default, 'lookup');
    const loopback = (_host: string, options: { all?: boolean }, done: (...args: unknown[]) => void) =>
      options.all ? done(null, [{ address: '127.0.0.1', family: 4 }]) : done(null, '127.0.0.1', 4);
    lookup.mockImplementation(loopback as never);
    server.put('bucket', 'd/x.csv', 'abc');
    const endpointUrl = `http://localhost:${server.port}`;
    const found = await list('s3://bucket', { endpointUrl, pathStyle: false });
    lookup.mockRestore();
    expect(found).toHaveLength(1);
    expect(server.requests[0]).toMatchObject({ virtualHost: true, bucket: 'bucket' });
  });

  it('to the region a bucket is in, where nobody named one', async () => {
    await restart({ region: 'eu-west-3' });
    vi.stubEnv('AWS_REGION', '');
    expect(await list('s3://b')).toHaveLength(1);
    expect(server.requests.map((r) => r.status)).toEqual([400, 200]);
  });
});
