import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { KeyPage } from '../../../../src/producer/sources/s3/list_answer.ts';
import { narrowedKeys } from '../../../../src/producer/sources/s3/narrowed_keys.ts';
import {
  firstDayPast,
  keyOfDay,
  looksDated,
  templateOf,
  wantedDays,
} from '../../../../src/producer/sources/s3/path_dates.ts';
import type { ListPages } from '../../../../src/producer/sources/s3/s3_pages.ts';
import { Bucket } from '../../../s3_server/bucket.ts';
import { storedObject } from '../../../s3_server/stored_object.ts';
import { gathered } from './s3_setup.ts';

const DAY_MS = 86_400_000;
const dayOf = (date: string) => Date.parse(date) / DAY_MS;

describe('a template', () => {
  it.each([
    [['2024/01/2024-01-02.csv.gz', '2024/01/2024-01-03.csv.gz'], '{Y}/{M}/{Y}-{M}-{D}'],
    [['2024/2024-01-02.csv', '2024/2024-02-02.csv'], '{Y}/{Y}-{M}-{D}'],
    [['2024/01/trades-2024-01-02.csv'], '{Y}/{M}/trades-{Y}-{M}-{D}'],
    [['2024/01/AAPL-2024-01-02.csv', '2024/01/MSFT-2024-01-02.csv'], '{Y}/{M}/'],
    [['2024/01/02/AAPL-2024-01-02.csv'], '{Y}/{M}/{D}/AAPL-{Y}-{M}-{D}'],
    [['2024-01-02/2024-01-02.csv'], '{Y}-{M}-{D}/{Y}-{M}-{D}'],
    [['year=2024/month=01/part-0.csv'], 'year={Y}/month={M}/'],
    [['date=2024-01-02/part-0.csv', 'date=2024-01-02/part-1.csv'], 'date={Y}-{M}-{D}/'],
  ])('is read off %j', (keys, text) => {
    expect(templateOf(keys)?.text).toBe(text);
  });

  it.each([
    ['a folder alone', ['2024/01/XBTUSD_60.csv']],
    ['a name of another month', ['2024/01/2024-02-02.csv']],
    ['one file of several', ['2024/01/2024-01-02.csv', '2024/01/README.md']],
    ['no folder', ['2024-01-02.csv']],
    ['nothing', []],
  ])('is not read off %s', (_, keys) => {
    expect(templateOf(keys)).toBe(null);
  });

  it('looks dated only at the top of a tree', () => {
    expect(['2024/', '2024-01/', 'dt=2024-01-02/'].every(looksDated)).toBe(true);
    expect(['1824/', '2024x/', '20240/', '01/', 'v2024/'].some(looksDated)).toBe(false);
  });

  it('puts keys in the order of their days', () => {
    const template = { text: '{Y}/{M}/{Y}-{M}-{D}', unit: 'day' } as const;
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 40_000 }), fc.integer({ min: 0, max: 40_000 }), (a, b) => {
        expect(Math.sign(a - b)).toBe(
          keyOfDay('t/', template, a) < keyOfDay('t/', template, b) ? -1 : a === b ? 0 : 1,
        );
      }),
    );
  });

  it('ends with the month or year that a day is in', () => {
    const end = dayOf('2024-12-31') + 1;
    expect(firstDayPast({ text: '', unit: 'day' }, end)).toBe(dayOf('2025-01-01'));
    expect(firstDayPast({ text: '', unit: 'month' }, dayOf('2024-12-15'))).toBe(dayOf('2025-01-01'));
    expect(firstDayPast({ text: '', unit: 'year' }, dayOf('2024-03-01'))).toBe(dayOf('2025-01-01'));
  });
});

/** The pages of a bucket in memory. */
function pagesOf(bucket: Bucket, pageKeys: number): ListPages {
  return async function* (request) {
    let from: { after: string; afterPrefix: string | null } | null = {
      after: request.after ?? '',
      afterPrefix: null,
    };
    while (from !== null) {
      const { prefix, level, maxKeys = pageKeys } = request;
      const page = bucket.list({
        prefix,
        delimiter: level ? '/' : '',
        maxKeys: Math.min(maxKeys, pageKeys),
        ...from,
      });
      const keys = page.objects.map(({ key }) => ({ key, sizeBytes: 1, etag: 'x', modifiedMs: null }));
      from = page.next;
      yield { keys, folders: page.prefixes, next: from === null ? null : 'more' } satisfies KeyPage;
    }
  };
}

describe('narrowed keys', () => {
  const trees = [
    (date: string) => `x/us_stocks_sip/minute_aggs_v1/${date.slice(0, 4)}/${date.slice(5, 7)}/${date}.csv.gz`,
    (date: string) => `own/${date.slice(0, 4)}/${date.slice(5, 7)}/${date}.csv`,
    (date: string) => `own/${date.slice(0, 4)}/${date}.csv`,
    (date: string) => `own/${date.slice(0, 4)}/ADA-${date}.csv`,
    (date: string) => `sym/${date.slice(0, 4)}/ADA-${date}.csv`,
    (date: string) => `sym/${date.slice(0, 4)}/BTC-${date}.csv`,
    (date: string) => `hive/year=${date.slice(0, 4)}/month=${date.slice(5, 7)}/a.csv`,
    (date: string) => `d/spot/daily/klines/BTCUSDT/1m/BTCUSDT-1m-${date}.zip`,
    (date: string) => `d/spot/monthly/klines/BTCUSDT/1m/BTCUSDT-1m-${date.slice(0, 7)}.zip`,
    (date: string) => `flat/BTC-${date}.csv`,
  ];
  const date = (day: number) => new Date(day * DAY_MS).toISOString().slice(0, 10);

  const twoSymbols = [4, 5, 6].flatMap((tree) =>
    Array.from({ length: 60 }, (_, i) => [tree, 18_265 + i] as [number, number]),
  );

  it('hold every file of a wanted day, in any mix of trees, from any prefix, whatever the page', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(trees.length - 1), fc.integer({ min: 18_200, max: 19_400 })), {
          maxLength: 120,
        }),
        fc.integer({ min: 18_100, max: 19_400 }),
        fc.integer({ min: 1, max: 500 }),
        fc.integer({ min: 1, max: 40 }),
        fc.constantFrom('', 'own/', 'x/', 'd/spot/', 'hive/', 'sym/'),
        async (files, from, length, pageKeys, prefix) => {
          const bucket = new Bucket({});
          const object = storedObject('x');
          for (const [tree, day] of files) bucket.put(trees[tree]!(date(day)), object);
          bucket.put('own/README.md', object);
          bucket.put('own/latest/XBTUSD_60.csv', object);
          const days = wantedDays(from * DAY_MS * 1000, (from + length) * DAY_MS * 1000);
          const wanted = { days, symbols: null };
          const found = (await gathered(narrowedKeys(pagesOf(bucket, pageKeys), prefix, wanted))).map(
            (k) => k.key,
          );
          expect(new Set(found).size).toBe(found.length);
          const needed = files
            .filter(([, day]) => day >= from && day < from + length)
            .map(([tree, day]) => trees[tree]!(date(day)));
          needed.push('own/README.md', 'own/latest/XBTUSD_60.csv');
          expect(found).toEqual(expect.arrayContaining(needed.filter((key) => key.startsWith(prefix))));
        },
      ),
      {
        numRuns: 200,
        examples: [
          // A day's file beside the folders of months.
          [
            [
              [2, 18_262],
              [1, 18_264],
            ],
            18_100,
            163,
            1,
            '',
          ],
          // A second symbol behind the first one's year, and before it.
          [twoSymbols, 18_320, 20, 7, 'sym/'],
          [twoSymbols, 18_280, 9, 3, ''],
        ],
      },
    );
  });
});
