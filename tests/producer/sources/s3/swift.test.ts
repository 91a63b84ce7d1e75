import { createHash, randomBytes } from 'node:crypto';
import { CreateBucketCommand, DeleteObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { openS3Source } from '../../../../src/producer/sources/s3/source.ts';
import type { ListFilter, SourceObject, SourceOptions } from '../../../../src/producer/sources/source.ts';
import { NO_SWIFT, swiftService, WITHOUT_SWIFT } from '../../../swift/swift_service.ts';
import { ALL, allOf, day, faultOf, gathered } from './s3_setup.ts';

/** The same source against a service nobody here wrote. */

const service = await swiftService();
if (service === null) process.stderr.write(`skipped: ${WITHOUT_SWIFT}\n`);

describe.skipIf(service === null)('OpenStack Swift', () => {
  const swift = service ?? NO_SWIFT;
  const bucket = `backhaul-${randomBytes(4).toString('hex')}`;
  const body = randomBytes(700_000);
  const files: Record<string, Buffer> = {
    'kraken/XBTUSD_60.csv': body,
    'kraken/empty.csv': Buffer.alloc(0),
    'odd/a b+c%20d&é.csv': Buffer.from('odd'),
    ...Object.fromEntries(
      ['2024-03-28', '2024-04-01', '2024-04-02', '2024-07-01', '2024-07-02'].map((date) => [
        `us_stocks_sip/minute_aggs_v1/${date.slice(0, 4)}/${date.slice(5, 7)}/${date}.csv.gz`,
        Buffer.from(date),
      ]),
    ),
  };
  const options = { endpointUrl: swift.endpointUrl, region: swift.region };
  const env = (account: { accessKeyId: string; secretAccessKey: string }) => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', account.accessKeyId);
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', account.secretAccessKey);
  };
  const client = new S3Client({
    endpoint: options.endpointUrl,
    region: options.region,
    forcePathStyle: true,
    credentials: { accessKeyId: swift.accessKeyId, secretAccessKey: swift.secretAccessKey },
  });
  const put = (Key: string, Body: Buffer) => client.send(new PutObjectCommand({ Bucket: bucket, Key, Body }));
  // The accounts differ by test and an access is kept by its options: each has limits of its own.
  let unique = 60_000;
  const open = (uri: string, more: SourceOptions = {}) =>
    openS3Source(
      uri,
      { ...options, ...more },
      { idleTimeoutMs: unique++, firstPauseMs: 1, longestPauseMs: 10 },
    );
  const list = async (uri: string, filter: ListFilter = ALL) => gathered((await open(uri)).list(filter));

  beforeAll(async () => {
    await client.send(new CreateBucketCommand({ Bucket: bucket }));
    for (const [key, bytes] of Object.entries(files)) await put(key, bytes);
  });
  afterEach(() => void vi.unstubAllEnvs());
  afterAll(() => client.destroy());

  it('lists what was put there, and gives its bytes', async () => {
    env(swift);
    const source = await open(`s3://${bucket}`);
    const objects = await gathered(source.list(ALL));
    expect(objects.map((o) => o.name).sort()).toEqual(Object.keys(files).sort());
    for (const object of objects) {
      const bytes = files[object.name]!;
      expect(object).toMatchObject<Partial<SourceObject>>({
        sizeBytes: bytes.length,
        etag: createHash('md5').update(bytes).digest('hex'),
      });
      expect((await allOf(await source.open(object))).equals(bytes)).toBe(true);
    }
  });

  it('gives ranges, and ends of objects', async () => {
    env(swift);
    const source = await open(`s3://${bucket}/kraken/XBTUSD_60.csv`);
    const [object] = await gathered(source.list(ALL));
    const reader = await source.open(object!);
    expect(await reader.read(12_345, 1000)).toEqual(body.subarray(12_345, 13_345));
    expect(await reader.read(body.length - 1, 1)).toEqual(body.subarray(-1));
  });

  it('narrows by date with start-after', async () => {
    env(swift);
    const found = await list(`s3://${bucket}/us_stocks_sip/minute_aggs_v1/`, {
      ...ALL,
      ...day('2024-04-01', '2024-07-01'),
    });
    expect(found.map((o) => o.name.slice(-17, -7))).toEqual(['2024-04-01', '2024-04-02', '2024-07-01']);
  });

  it('pages', async () => {
    env(swift);
    for (let i = 0; i < 60; i++) await put(`many/${i}.csv`, Buffer.from('x'));
    const { pagesOf } = await import('../../../../src/producer/sources/s3/s3_pages.ts');
    const { s3Access } = await import('../../../../src/producer/sources/s3/s3_access.ts');
    const { transferLimits } = await import('../../../../src/producer/sources/transfer/transfer_limits.ts');
    const { requestGate } = await import('../../../../src/producer/sources/transfer/request_gate.ts');
    const limits = transferLimits({ idleTimeoutMs: unique++ });
    const settings = { limits, gate: requestGate(), addressKnown: true };
    const pages = pagesOf(await s3Access(options, limits), bucket, settings, undefined);
    const got = await gathered(pages({ prefix: 'many/', maxKeys: 25 }));
    expect(got.map((page) => page.keys.length)).toEqual([25, 25, 10]);
    const folders = await gathered(pages({ prefix: '', level: true, maxKeys: 2 }));
    expect(folders.flatMap((page) => page.folders)).toEqual(['kraken/', 'many/', 'odd/', 'us_stocks_sip/']);
  });

  it('tells a replaced object, a vanished one, a missing bucket and rights apart', async () => {
    env(swift);
    await put('change/a.csv', Buffer.from('one'));
    await put('change/b.csv', Buffer.from('two'));
    const source = await open(`s3://${bucket}/change/`);
    const [a, b] = await gathered(source.list(ALL));
    await put('change/a.csv', Buffer.from('six'));
    await client.send(new DeleteObjectCommand({ Bucket: bucket, Key: 'change/b.csv' }));
    expect((await faultOf(allOf(await source.open(a!)))).kind).toBe('source-changed');
    expect((await faultOf(allOf(await source.open(b!)))).kind).toBe('not-found');
    expect(await faultOf(list('s3://backhaul-nobody-has-this'))).toMatchObject({
      kind: 'not-found',
      code: '404 NoSuchBucket',
    });
    env(swift.stranger);
    expect(await faultOf(list(`s3://${bucket}`))).toMatchObject({
      kind: 'forbidden',
      code: '403 AccessDenied',
    });
  });

  it('tells wrong credentials and a wrong region', async () => {
    env({ ...swift, secretAccessKey: 'wrong' });
    expect(await faultOf(list(`s3://${bucket}`))).toMatchObject({
      kind: 'credentials',
      code: '403 SignatureDoesNotMatch',
    });
    env({ ...swift, accessKeyId: 'nobody' });
    expect((await faultOf(list(`s3://${bucket}`))).kind).toBe('credentials');
    env(swift);
    const fault = await faultOf(gathered((await open(`s3://${bucket}`, { region: 'eu-west-1' })).list(ALL)));
    expect(fault).toMatchObject({ kind: 'credentials', hint: 'add --region us-east-1' });
  });
});
