import { expect, it } from 'vitest';
import { testDatabase } from '../database.ts';
import { candles, load, scratchFolder, wipe } from './loading.ts';
import { krakenCsv, walk, write } from './market.ts';

/** Leaves follow the data, and nothing of it follows them. */

const database = await testDatabase();
const folder = scratchFolder();
const s = (iso: string): number => Date.parse(iso) / 1000;

const days = write(
  folder,
  'd/ABC_1440.csv',
  krakenCsv(walk('ABC', s('2004-02-01Z'), s('2021-05-01Z'), 86_400, 1)),
);
const halves = write(
  folder,
  'h/ABC_30.csv',
  krakenCsv(walk('ABC', s('2014-03-05Z'), s('2014-07-09Z'), 1800, 2)),
);
const minutes = write(
  folder,
  'm/XYZ_1.csv',
  krakenCsv(walk('XYZ', s('2014-05-31T12:00Z'), s('2014-06-02Z'), 60, 3)),
);
const late = write(folder, 'l/XYZ_1.csv', krakenCsv(walk('XYZ', s('2014-05-30Z'), s('2014-05-31Z'), 60, 4)));

async function leaves(): Promise<string[]> {
  const { rows } = await database.pool.query<{ name: string }>(
    'SELECT name FROM backhaul.partition ORDER BY from_ts',
  );
  return rows.map(({ name }) => name);
}

it('makes decades for days, years for half hours and months for minutes, around those that stand', async () => {
  await load(database.url, [days]);
  expect(await leaves()).toEqual([
    'bars_2000_01_to_2009_12',
    'bars_2010_01_to_2019_12',
    'bars_2020_01_to_2029_12',
  ]);
  await wipe(database.pool);
  for (const file of [minutes, halves, days]) await load(database.url, [file]);
  expect(await leaves()).toEqual([
    'bars_2000_01_to_2009_12',
    'bars_2010_01_to_2013_12',
    'bars_2014_01_to_2014_04',
    'bars_2014_05',
    'bars_2014_06',
    'bars_2014_07_to_2014_12',
    'bars_2015_01_to_2019_12',
    'bars_2020_01_to_2029_12',
  ]);
});

it('makes the same table of files in any order, one a run or all at once', async () => {
  const expected = await (async () => {
    await wipe(database.pool);
    await load(database.url, [days, halves, late, minutes], { workers: 1 });
    return candles(database.pool);
  })();
  expect(expected.split('\n').length).toBeGreaterThan(7_000);
  await wipe(database.pool);
  for (const file of [days, minutes, halves, late])
    expect((await load(database.url, [file])).failures).toEqual([]);
  expect(await candles(database.pool)).toBe(expected);
  const { rows } = await database.pool.query(`SELECT FROM backhaul.partition WHERE state = 'bare'`);
  expect(rows).toEqual([]);
});
