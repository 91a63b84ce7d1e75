import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CreateBucketCommand, DeleteObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { testDatabase } from '../database.ts';
import { zipBytes } from '../producer/archive/zip_bytes.ts';
import { NO_SWIFT, swiftService, WITHOUT_SWIFT } from '../swift/swift_service.ts';
import { candles, load, scratchFolder, wipe } from './loading.ts';
import { krakenCsv, massiveDays, walk, write } from './market.ts';

/** Loads from an S3 service nobody here wrote give the table that the same files in a folder give. */

const service = await swiftService();
if (service === null) process.stderr.write(`skipped: ${WITHOUT_SWIFT}\n`);

describe.skipIf(service === null)('a load from OpenStack Swift', async () => {
  const swift = service ?? NO_SWIFT;
  const database = service === null ? null! : await testDatabase();
  const folder = scratchFolder();
  const bucket = `backhaul-${randomBytes(4).toString('hex')}`;
  const Q = (quarter: number): number => Date.UTC(2024, 3 * quarter, 1) / 1000;
  const hours = walk('XBTUSD', Q(0), Q(2), 3600, 3);
  const quarter = (q: number) => krakenCsv(hours.filter((bar) => bar.time >= Q(q) && bar.time < Q(q + 1)));
  const client = new S3Client({
    endpoint: swift.endpointUrl,
    region: swift.region,
    forcePathStyle: true,
    credentials: { accessKeyId: swift.accessKeyId, secretAccessKey: swift.secretAccessKey },
  });
  const put = (Key: string, Body: Buffer | string) =>
    client.send(new PutObjectCommand({ Bucket: bucket, Key, Body: Buffer.from(Body) }));
  const loadSwift = () =>
    load(database.url, [`s3://${bucket}`], {
      sourceOptions: { endpointUrl: swift.endpointUrl, region: swift.region },
    });
  const loadFolder = async () => {
    await wipe(database.pool);
    await load(database.url, [folder]);
    return candles(database.pool);
  };

  beforeAll(async () => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', swift.accessKeyId);
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', swift.secretAccessKey);
    massiveDays(folder, 3, ['A', 'AA', 'NA', 'aapl'], 7);
    for (const q of [0, 1]) write(folder, `kraken/q${q + 1}/XBTUSD_60.csv`, quarter(q));
    write(folder, 'zips/Kraken_OHLCVT_2024Q2.zip', zipBytes([{ name: 'ETHUSD_60.csv', data: quarter(1) }]));
    await client.send(new CreateBucketCommand({ Bucket: bucket }));
    for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      if (entry.isFile()) await put(path.slice(folder.length + 1), readFileSync(path));
    }
  });
  beforeEach(() => wipe(database.pool));
  afterAll(() => {
    vi.unstubAllEnvs();
    client.destroy();
  });

  it('gives the same table, and the second time does nothing', async () => {
    expect((await loadSwift()).tasks).toMatchObject({ loaded: 6, failed: 0 });
    const table = await candles(database.pool);
    expect(await loadSwift()).toMatchObject({ nothingToDo: true });
    expect(table).toBe(await loadFolder());
  });

  it('loads a replaced object again and keeps the rows of a vanished one', async () => {
    await loadSwift();
    const corrected = quarter(1).replace(/^.*\n/, '');
    await put('kraken/q2/XBTUSD_60.csv', corrected);
    await client.send(new DeleteObjectCommand({ Bucket: bucket, Key: 'kraken/q1/XBTUSD_60.csv' }));
    expect((await loadSwift()).tasks).toMatchObject({ loaded: 1, unchanged: 4, failed: 0 });
    const table = await candles(database.pool);
    write(folder, 'kraken/q2/XBTUSD_60.csv', corrected);
    expect(table).toBe(await loadFolder());
  });
});
