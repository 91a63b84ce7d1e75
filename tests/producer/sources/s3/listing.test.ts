import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { BackhaulError } from '../../../../src/faults/fault.ts';
import { openS3Source } from '../../../../src/producer/sources/s3/source.ts';
import type { ListFilter, SourceObject } from '../../../../src/producer/sources/source.ts';
import { S3Server } from '../../../s3_server/s3_server.ts';
import { storedObject } from '../../../s3_server/stored_object.ts';
import { ALL, day, EAGER, listed, testOptions, useTestCredentials } from './s3_setup.ts';

useTestCredentials();
let server: S3Server;
beforeEach(async () => {
  server = await new S3Server().start();
});
afterEach(() => server.stop());

const names = async (uri: string, filter: Partial<ListFilter> = {}): Promise<string[]> =>
  (await listed(server, uri, { ...ALL, ...filter })).map((object) => object.name);

/** Ten years of Massive's day files, weekdays only, in two datasets of two folders. */
function massiveBucket(folders: readonly string[]): void {
  const body = storedObject('x');
  for (let at = Date.UTC(2016, 0, 1); at < Date.UTC(2026, 0, 1); at += 86_400_000) {
    const weekday = new Date(at).getUTCDay();
    if (weekday === 0 || weekday === 6) continue;
    const date = new Date(at).toISOString().slice(0, 10);
    for (const folder of folders) {
      server.put('flatfiles', `${folder}/${date.slice(0, 4)}/${date.slice(5, 7)}/${date}.csv.gz`, body);
    }
  }
}

/** Years of Binance's files. */
function binanceBucket(
  period: 'daily' | 'monthly',
  symbols: readonly string[],
  intervals: readonly string[],
): void {
  const body = storedObject('x');
  for (let at = Date.UTC(2017, 0, 1); at < Date.UTC(2026, 0, 1); at += 86_400_000) {
    const date = new Date(at).toISOString().slice(0, period === 'daily' ? 10 : 7);
    for (const symbol of symbols) {
      for (const interval of intervals) {
        const key = `data/spot/${period}/klines/${symbol}/${interval}/${symbol}-${interval}-${date}.zip`;
        server.put('vision', key, body);
        server.put('vision', `${key}.CHECKSUM`, body);
      }
    }
  }
}

const datesOf = (found: readonly string[]) => found.map((name) => /\d{4}-\d\d(-\d\d)?(?=\.)/.exec(name)![0]);

describe('what is listed', () => {
  it('tells name, size, ETag without quotes and time of an object', async () => {
    const object = server.put('b', 'kraken/XBTUSD_60.csv', 'abc');
    expect(await listed(server, 's3://b')).toEqual<SourceObject[]>([
      {
        uri: 's3://b/kraken/XBTUSD_60.csv',
        name: 'kraken/XBTUSD_60.csv',
        sizeBytes: 3,
        etag: object.etag,
        modifiedMs: object.lastModified.getTime(),
      },
    ]);
  });

  it('keeps keys with spaces, percent signs, ampersands and letters of any script apart', async () => {
    const keys = ['a b/c+d.csv', 'a%20b/c.csv', 'a&b/<c>.csv', "q'uote/ü.csv", '日本/x.csv', '#?/x.csv'];
    for (const key of keys) server.put('b', key, key);
    expect((await names('s3://b')).sort()).toEqual([...keys].sort());
    for (const object of await listed(server, 's3://b')) {
      const reader = await (await openS3Source('s3://b', testOptions(server), EAGER)).open(object);
      expect((await reader.read(0, object.sizeBytes)).toString()).toBe(object.name);
    }
  });

  it("leaves out folders' markers and hidden files", async () => {
    for (const key of ['d/', 'd/x.csv', 'd/.hidden.csv', '.git/x.csv', '__MACOSX/d/x.csv'])
      server.put('b', key, 'x');
    expect(await names('s3://b')).toEqual(['d/x.csv']);
  });

  it('reads a prefix as a folder, and not its neighbours of the same beginning', async () => {
    for (const key of ['data/x.csv', 'data-old/x.csv', 'data.csv', 'database/x.csv'])
      server.put('b', key, 'x');
    expect(await names('s3://b/data')).toEqual(['data/x.csv']);
    expect(await names('s3://b/data/')).toEqual(['data/x.csv']);
  });

  it('reads the name of an object as that object, with the checksums beside it', async () => {
    const keys = ['d/a.zip', 'd/a.zip.CHECKSUM', 'd/a.zip.bak', 'd/a.zipper.csv', 'd/b.zip', 'd/SHA256SUMS'];
    for (const key of keys) server.put('b', key, 'x');
    expect(await names('s3://b/d/a.zip')).toEqual(['d/a.zip', 'd/a.zip.CHECKSUM', 'd/SHA256SUMS']);
  });

  it('finds the parts of an archive by the name of the whole', async () => {
    for (const part of ['00', '01', '02']) server.put('b', `d/full.zip.part${part}`, 'x');
    expect(await names('s3://b/d/full.zip')).toEqual([
      'd/full.zip.part00',
      'd/full.zip.part01',
      'd/full.zip.part02',
    ]);
  });

  it('reads what is neither object nor folder as the beginning of keys', async () => {
    for (const key of ['2024-01.csv', '2024-02.csv', '2025-01.csv']) server.put('b', key, 'x');
    expect(await names('s3://b/2024')).toEqual(['2024-01.csv', '2024-02.csv']);
  });

  it('says so when there is nothing', async () => {
    server.bucket('b');
    server.put('b', 'x/1.csv', 'x');
    const failure = await names('s3://b/y/').catch((error: unknown) => error);
    expect((failure as BackhaulError).fault).toMatchObject({
      kind: 'not-found',
      where: { uri: 's3://b/y/' },
    });
  });

  it('says nothing of a prefix whose files are all of other days', async () => {
    massiveBucket(['us_stocks_sip/minute_aggs_v1']);
    expect(
      await names('s3://flatfiles/us_stocks_sip/minute_aggs_v1/', day('2030-01-01', '2030-02-01')),
    ).toEqual([]);
  });

  it('does not go round in circles with a server that repeats its token', async () => {
    for (let i = 0; i < 2000; i++) server.put('b', `k${String(i).padStart(5, '0')}`, 'x');
    server.repeatToken = true;
    const failure = await names('s3://b').catch((error: unknown) => error);
    expect((failure as BackhaulError).fault.kind).toBe('corrupt');
  });
});

describe('a list of checksums', () => {
  it('comes among the first keys of a folder that fills pages, once', async () => {
    for (let i = 0; i < 2500; i++) server.put('b', `many/A${i}.csv`, 'x');
    server.put('b', 'many/SHA256SUMS', 'x');
    const found = await names('s3://b/many/');
    expect(found.indexOf('many/SHA256SUMS')).toBe(0);
    expect(found).toHaveLength(2501);
    expect(new Set(found).size).toBe(2501);
  });

  it('comes though the wanted days end before it', async () => {
    massiveBucket(['own/stocks']);
    for (const month of ['03', '04', '05'])
      server.put('flatfiles', `own/stocks/2020/${month}/SHA256SUMS`, 'x');
    const found = await names('s3://flatfiles/own/stocks/', day('2020-04-06', '2020-04-10'));
    expect(found.filter((name) => name.endsWith('SUMS'))).toEqual(['own/stocks/2020/04/SHA256SUMS']);
  });
});

describe('requests', () => {
  it('gives the first objects before the last page is asked for', async () => {
    const body = storedObject('x');
    for (let i = 0; i < 10_000; i++) server.put('b', `k${String(i).padStart(6, '0')}.csv`, body);
    const source = await openS3Source('s3://b', testOptions(server), EAGER);
    for await (const object of source.list(ALL)) {
      expect(object.name).toBe('k000000.csv');
      break;
    }
    expect(server.count('list')).toBeLessThanOrEqual(3);
  });

  it('lists 100,000 keys in 100 pages, under 10 s of CPU and in bounded memory', async () => {
    const body = storedObject('x');
    for (let i = 0; i < 100_000; i++) server.put('b', `data/spot/k${String(i).padStart(6, '0')}.csv`, body);
    const source = await openS3Source('s3://b', testOptions(server), EAGER);
    const before = process.memoryUsage().heapUsed;
    const start = process.cpuUsage();
    let count = 0;
    let bytes = 0;
    for await (const object of source.list(ALL)) {
      count += 1;
      bytes += object.sizeBytes;
    }
    expect({ count, bytes }).toEqual({ count: 100_000, bytes: 100_000 });
    expect(server.count('list')).toBe(101); // 100 pages, and whether there is a list of checksums.
    const { user, system } = process.cpuUsage(start); // The server's too; time would count other programs as well.
    expect(user + system).toBeLessThan(10_000_000);
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(200_000_000);
  }, 20_000);

  it("needs one request for a quarter of Massive's ten years", async () => {
    massiveBucket(['us_stocks_sip/minute_aggs_v1']);
    const found = await names('s3://flatfiles/us_stocks_sip/minute_aggs_v1', day('2020-04-01', '2020-07-01'));
    expect(server.count('list')).toBe(1);
    const dates = datesOf(found);
    expect(dates[0]).toBe('2020-03-31');
    expect(dates.at(-1)).toBe('2020-07-01');
    expect(dates).toHaveLength(67);
  });

  it('finds the file of the session that begins before a holiday', async () => {
    massiveBucket(['us_futures_cme/minute_aggs_v1', 'us_futures_cme/session_aggs_v1']);
    // The evening of Thursday, the second, is in the file of Monday, the sixth.
    for (const folder of ['minute_aggs_v1', 'session_aggs_v1']) {
      const found = await names(`s3://flatfiles/us_futures_cme/${folder}`, day('2020-07-01', '2020-07-03'));
      expect(datesOf(found)).toEqual(['2020-06-30', '2020-07-01', '2020-07-02', '2020-07-03', '2020-07-06']);
    }
  });

  it('needs a handful from the top of a bucket with four such trees, on either side of a new year', async () => {
    const folders = [
      'us_stocks_sip/minute_aggs_v1',
      'us_stocks_sip/day_aggs_v1',
      'global_crypto/minute_aggs_v1',
    ];
    massiveBucket([...folders, 'global_crypto/day_aggs_v1']);
    const found = await names('s3://flatfiles', day('2020-12-15', '2021-01-15'));
    expect(server.count('list')).toBeLessThanOrEqual(10);
    expect(new Set(found.map((name) => name.split('/').slice(0, 2).join('/'))).size).toBe(4);
    expect(datesOf(found.slice(0, found.length / 4))).toEqual(datesOf(found.slice(-found.length / 4)));
  });

  it.each(['2024/', '2024/03/', '2024'])('narrows below a deeper prefix too (%s)', async (deeper) => {
    massiveBucket(['us_stocks_sip/minute_aggs_v1']);
    const uri = `s3://flatfiles/us_stocks_sip/minute_aggs_v1/${deeper}`;
    const dates = datesOf(await names(uri, day('2024-03-05', '2024-03-06')));
    expect(dates).toEqual(['2024-03-04', '2024-03-05', '2024-03-06']);
    expect(server.count('list')).toBeLessThanOrEqual(2);
  });

  it("needs a handful for one symbol and quarter of Binance's daily tree", async () => {
    binanceBucket('daily', ['BTCUSDT', 'ETHUSDT', 'SOLUSDT'], ['1m', '1h', '1d']);
    const uri = 's3://vision/data/spot/daily/klines/';
    const found = await names(uri, { ...day('2024-04-01', '2024-07-01'), symbols: ['btc/usdt'] });
    // One level of intervals, one range each; and the one spelling that is not there.
    expect(server.count('list')).toBeLessThanOrEqual(6);
    const zips = found.filter((name) => name.endsWith('.zip'));
    expect(new Set(zips.map((name) => name.split('/')[4]))).toEqual(new Set(['BTCUSDT']));
    expect(zips).toHaveLength(3 * 93);
    expect(found).toHaveLength(2 * 3 * 93);
  });

  it('keeps the month that a range begins in, and the one it ends in', async () => {
    binanceBucket('monthly', ['BTCUSDT'], ['1m']);
    const uri = 's3://vision/data/spot/monthly/klines/BTCUSDT/1m/';
    const found = await names(uri, day('2024-04-15', '2024-06-15'));
    expect(new Set(datesOf(found))).toEqual(new Set(['2024-04', '2024-05', '2024-06']));
    expect(server.count('list')).toBe(1);
  });

  it('narrows a tree by date that nobody knows, when its files agree with their folders', async () => {
    massiveBucket(['own/stocks']);
    const dates = datesOf(await names('s3://flatfiles/own', day('2020-04-01', '2020-07-01')));
    expect([dates[0], dates.at(-1), dates.length]).toEqual(['2020-03-31', '2020-07-01', 67]);
    expect(server.count('list')).toBeLessThanOrEqual(8);
  });

  it('does not take the folder of an upload for the date of the bars', async () => {
    for (let i = 0; i < 1500; i++) server.put('b', `2025/11/PAIR${i}_60.csv`, 'x');
    server.put('b', '2026/01/XBTUSD_60.csv', 'x');
    expect(await names('s3://b', day('2019-01-01', '2020-01-01'))).toHaveLength(1501);
  });

  it("leaves other symbols' folders alone when their files bear the folder's name", async () => {
    const body = storedObject('x');
    for (let i = 0; i < 3000; i++) server.put('b', `ohlc/P${i}USD/P${i}USD_60.csv`, body);
    server.put('b', 'ohlc/XBTUSD/XBTUSD_60.csv', 'x');
    server.put('b', 'ohlc/extra/XBTUSD_5.csv', 'x');
    const found = await names('s3://b/ohlc/', { symbols: ['BTCUSD'] });
    expect(found.sort()).toEqual(['ohlc/XBTUSD/XBTUSD_60.csv', 'ohlc/extra/XBTUSD_5.csv']);
    expect(server.count('list')).toBeLessThanOrEqual(10);
  });
});
