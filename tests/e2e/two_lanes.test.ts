import { expect, it } from 'vitest';
import type { LoadSummary } from '../../src/load/load_events.ts';
import { testDatabase } from '../database.ts';
import { candles, load, scratchFolder, wipe } from './loading.ts';
import { type Bar, walk, write } from './market.ts';

/**
 * A series that files of one symbol and files of all symbols tell of: they are of two lanes, and bring the same bars or
 * go on from each other at the same time. Two loaders bring them, for a load reads by one layout of one's own; either
 * takes whichever task comes.
 */

const { pool: db, url } = await testDatabase();
const folder = scratchFolder();
const HOUR = 3600;
const FROM = Date.UTC(2024, 0, 1) / 1000;
const bars = walk('AAA', FROM, FROM + 900 * HOUR, HOUR, 5, 1);

const KEYS = `
columns: [symbol, time, open, high, low, close, volume, trades]
header: none
time: { unit: s }
venue: acme
interval: { group: interval }
order: time
`;
const OF_ONE = write(
  folder,
  'of-one.yaml',
  `name: of-one\npaths: '(?<symbol>[A-Z]+)_(?<interval>\\d+[mhd])\\.csv$'\nsymbol: { group: symbol }${KEYS.replace('[symbol', '[ignore')}`,
);
const OF_ALL = write(
  folder,
  'of-all.yaml',
  `name: of-all\npaths: 'all_(?<interval>\\d+[mhd])\\.csv$'\nsymbol: { column: symbol }${KEYS}`,
);

const csv = (some: readonly Bar[]): string =>
  some
    .map((b) => [b.symbol, b.time, b.open, b.high, b.low, b.close, b.volume, b.trades].join(','))
    .join('\n');

/** Another symbol beside it, so that the lane of all symbols has something to remember. */
const all = (some: readonly Bar[]): string =>
  csv([...some, ...some.map((bar) => ({ ...bar, symbol: 'BBB' }))].sort((a, b) => a.time - b.time));

async function together(ofOne: readonly string[], ofAll: readonly string[]): Promise<LoadSummary[]> {
  const summaries = await Promise.all([
    load(url, ofOne, { layout: OF_ONE, workers: 2 }),
    load(url, ofAll, { layout: OF_ALL, workers: 2 }),
  ]);
  expect(summaries.flatMap(({ failures }) => failures)).toEqual([]);
  return summaries;
}

async function ofAaa(): Promise<string[]> {
  return (await candles(db)).split('\n').filter((line) => line.includes(',AAA,'));
}

async function fromScratch(): Promise<string[]> {
  await wipe(db);
  await load(url, [write(folder, 'one/AAA_1h.csv', csv(bars))], { layout: OF_ONE });
  const found = await ofAaa();
  await wipe(db);
  return found;
}

it('has the bars that both bring once, though its leaves have no key yet', async () => {
  const summaries = await together(
    [write(folder, 'over/AAA_1h.csv', csv(bars.slice(300)))],
    [write(folder, 'over/all_1h.csv', all(bars.slice(0, 500)))],
  );
  const sum = (name: 'loaded' | 'duplicate'): number =>
    summaries.reduce((total, { rows }) => total + rows[name], 0);
  expect([sum('loaded'), sum('duplicate')]).toEqual([900 + 500, 200]);
  const found = await ofAaa();
  expect(found).toEqual(await fromScratch());
});

it('goes on from whichever lane was there last, whatever a loader remembers of the other', async () => {
  const pieces = Array.from({ length: 9 }, (_, n) => bars.slice(100 * n, 100 * n + 100));
  const ofOne = pieces.flatMap((some, n) =>
    n % 2 === 0 ? [] : [write(folder, `turns/${n}/AAA_1h.csv`, csv(some))],
  );
  const ofAll = pieces.flatMap((some, n) =>
    n % 2 === 0 ? [write(folder, `turns/${n}/all_1h.csv`, all(some))] : [],
  );
  await together(ofOne.slice(0, 2), ofAll.slice(0, 2));
  await together(ofOne.slice(2), ofAll.slice(2));
  const found = await ofAaa();
  expect(found).toHaveLength(900);
  expect(found).toEqual(await fromScratch());
});

it('takes files of all symbols, in the order of time, in among what files of one symbol have brought', async () => {
  const piece = (n: number): readonly Bar[] => bars.slice(300 * n, 300 * n + 300);
  const summaries = [
    await load(url, [write(folder, 'among/AAA_1h.csv', csv(piece(1)))], { layout: OF_ONE }),
    await load(
      url,
      [0, 2].map((n) => write(folder, `among/${n}/all_1h.csv`, all(piece(n)))),
      { layout: OF_ALL },
    ),
  ];
  expect(summaries.flatMap(({ failures }) => failures)).toEqual([]);
  const found = await ofAaa();
  expect(found).toHaveLength(900);
  expect(found).toEqual(await fromScratch());
});
