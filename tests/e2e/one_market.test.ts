import { beforeEach, describe, expect, it } from 'vitest';
import { mendMarket, splitMarkets } from '../../src/series/market_of_two_series.ts';
import { ALL_SERIES, findSeries } from '../../src/series/series.ts';
import { testDatabase } from '../database.ts';
import { zipBytes } from '../producer/archive/zip_bytes.ts';
import { candles, load, scratchFolder, wipe } from './loading.ts';
import { krakenCsv, walk, write } from './market.ts';

/** One market is one series, however its files are spelled and however it is asked for. */

const { pool: db, url } = await testDatabase();
const folder = scratchFolder();
const quarterS = (quarter: number): number => Date.UTC(2023, 3 * quarter - 3, 1) / 1000;
const bars = walk('XBTUSD', quarterS(1), quarterS(4), 14_400, 7, 0.8);
const of = (quarter: number) =>
  bars.filter((bar) => bar.time >= quarterS(quarter) && bar.time < quarterS(quarter + 1));
const zip = (quarter: number, ...names: readonly string[]): string => {
  const entries = names.map((name) => ({ name: `${name}_240.csv`, data: krakenCsv(of(quarter)) }));
  return write(folder, `${names.join('-')}/Kraken_OHLCVT_2023Q${quarter}.zip`, zipBytes(entries));
};
const [q1, q2, q3] = [zip(1, 'XBTUSD', 'XDGEUR'), zip(2, 'XBTUSD', 'XDGEUR'), zip(3, 'XBTUSD')];

async function series(): Promise<string[]> {
  const { rows } = await db.query<{ text: string }>(
    `SELECT venue || ' ' || symbol || ' ' || count(*) AS text FROM backhaul.candles
     GROUP BY venue, symbol, interval_s ORDER BY venue, symbol, interval_s`,
  );
  return rows.map(({ text }) => text);
}

/** As an earlier version left a file that was asked for by another spelling. */
async function renameSeries(from: string, to: string): Promise<void> {
  await db.query('UPDATE backhaul.series SET symbol = $2 WHERE symbol = $1', [from, to]);
  await db.query(
    `UPDATE backhaul.task SET lane = replace(lane, $1, $2), plan = jsonb_set(plan, '{symbol}', to_jsonb($2::text))
     WHERE plan->>'symbol' = $1`,
    [from, to],
  );
}

beforeEach(() => wipe(db));

describe('a market', () => {
  it('is stored as its files spell it, by whatever name it was asked for, and found by all of them', async () => {
    await load(url, [q1, q2]);
    const whole = await candles(db);
    await wipe(db);
    await load(url, [q1], { symbols: ['btcusd'] });
    expect(await series()).toEqual([`kraken XBTUSD ${of(1).length}`]);
    await load(url, [q2], { symbols: ['DOGEEUR', 'XBTUSD'] });
    await load(url, [q1]);
    expect(await candles(db)).toBe(whole);
    expect((await load(url, [q1, q2], { symbols: ['XBTUSD'] })).nothingToDo).toBe(true);
    for (const word of ['XBTUSD', 'BTCUSD', 'xbtusd', 'btcusd']) {
      const found = await findSeries(db, { ...ALL_SERIES, symbols: [word] });
      expect(found.map(({ symbol }) => symbol)).toEqual(['XBTUSD']);
    }
  });

  it('is one where the files of a listing differ, in whatever order they come', async () => {
    const other = zip(2, 'BTCUSD');
    await load(url, [q1, other, q3], { symbols: ['XBTUSD'] });
    const whole = await candles(db);
    expect(await series()).toEqual([`kraken XBTUSD ${bars.length}`]);
    await wipe(db);
    await load(url, [other, q3, q1], { symbols: ['XBTUSD'] });
    expect(await candles(db)).toBe(whole);
  });

  it('keeps the name it stands under, and nothing of it is loaded again for that', async () => {
    await load(url, [q1]);
    await renameSeries('XBTUSD', 'BTCUSD');
    const before = await candles(db);
    expect((await load(url, [q1])).nothingToDo).toBe(true);
    expect(await candles(db)).toBe(before);
    await load(url, [q3]);
    expect(await series()).toEqual([
      `kraken BTCUSD ${of(1).length + of(3).length}`,
      `kraken XDGEUR ${of(1).length}`,
    ]);
  });

  it('is one where a column spells it in two ways, in one file and in several, whatever reads them', async () => {
    const layout = write(
      folder,
      'columns.yaml',
      `name: acme
paths: 'acme_(?<interval>1m)_(?<year>\\d{4})-(?<month>\\d{2})-(?<day>\\d{2})\\.csv$'
columns: [time, symbol, open, high, low, close, volume]
header: none
time: { unit: s }
venue: acme
symbol: { column: symbol }
interval: { group: interval }
order: symbol-time
aliases: [[XBT, BTC], [GER40, DAX]]
`,
    );
    const day = (date: string, ...rows: readonly (readonly [string, number, number])[]): string =>
      write(
        folder,
        `columns/acme_1m_${date}.csv`,
        rows
          .map(([symbol, minute, price]) => {
            const time = Date.parse(`${date}Z`) / 1000 + 60 * minute;
            return `${time},${symbol},${price},${price + 2},${price - 2},${price + 1},7\n`;
          })
          .join(''),
      );
    const first = day('2023-05-01', ['BTCUSD', 1, 40], ['BTCUSD', 3, 42], ['DAX', 1, 9], ['XBTUSD', 2, 41]);
    const second = day(
      '2023-05-02',
      ['ETHUSD', 1, 5],
      ['GER40', 1, 10],
      ['XBTUSD', 1, 43],
      ['XBTUSD', 2, 44],
    );
    await load(url, [first, second], { layout });
    expect(await series()).toEqual(['acme BTCUSD 5', 'acme DAX 2', 'acme ETHUSD 1']);
    const whole = await candles(db);
    expect((await load(url, [first, second], { layout, symbols: ['XBTUSD'] })).nothingToDo).toBe(true);
    for (const word of ['XBTUSD', 'GER40', 'ger40', 'DAX']) {
      const found = await findSeries(db, { ...ALL_SERIES, symbols: [word] });
      expect(found).toHaveLength(1);
    }
    await wipe(db);
    await load(url, [second], { layout, symbols: ['BTCUSD'], workers: 1 });
    expect(await series()).toEqual(['acme XBTUSD 2']);
    await load(url, [first, second], { layout });
    // The name it stands under stays; all else is as it was.
    const renamed = (text: string): string[] =>
      text.replaceAll('GER40', 'DAX').replaceAll('XBTUSD', 'BTCUSD').split('\n').sort();
    expect(renamed(await candles(db))).toEqual(renamed(whole));
  });

  it('that stands under two names is found, and made one without losing a bar', async () => {
    await load(url, [q1, q2, q3], { symbols: ['XBTUSD'] });
    const whole = await candles(db);
    expect(await splitMarkets(db)).toEqual([]);
    await wipe(db);
    await load(url, [q2], { symbols: ['XBTUSD'] });
    await renameSeries('XBTUSD', 'BTCUSD');
    // As the version before would have gone on: the next files under their own name.
    await db.query(
      `INSERT INTO backhaul.series (venue, symbol, interval_s) VALUES ('kraken', 'XBTUSD', 14400)`,
    );
    await load(url, [q1, q3], { symbols: ['XBTUSD'] });
    const parts = await candles(db);
    expect((await load(url, [q1, q2, q3], { symbols: ['BTCUSD'] })).nothingToDo).toBe(true);
    expect(await candles(db)).toBe(parts);
    const split = await splitMarkets(db);
    expect(split).toMatchObject([{ keep: { symbol: 'XBTUSD' }, others: [{ symbol: 'BTCUSD' }] }]);
    expect(await mendMarket(db, split[0]!)).toEqual({ moved: of(2).length, equal: 0, conflicts: 0 });
    expect(await candles(db)).toBe(whole);
    expect(await splitMarkets(db)).toEqual([]);
    expect((await load(url, [q1, q2, q3], { symbols: ['BTCUSD'] })).nothingToDo).toBe(true);
    expect(await candles(db)).toBe(whole);
  });

  it('that a layout has a pair of names for is found under both, and keeps what the layout says', async () => {
    const names = 'DAX GER40 DAX1 XBTUSD'.split(' ');
    const { rows } = await db.query<{ id: number }>(
      `INSERT INTO backhaul.series (venue, symbol, interval_s) SELECT 'desk', unnest($1::text[]), 60 RETURNING series_id AS id`,
      [names],
    );
    expect(await splitMarkets(db)).toEqual([]);
    await db.query(
      `INSERT INTO backhaul.series_rule (series_id, prices, aliases) VALUES ($1, 'positive', '[["DAX", "GER40"]]')`,
      [rows[1]!.id],
    );
    const [split, ...more] = await splitMarkets(db);
    expect(more).toEqual([]);
    expect(split).toMatchObject({ keep: { venue: 'desk', symbol: 'DAX' }, others: [{ symbol: 'GER40' }] });
    await mendMarket(db, split!);
    expect(await splitMarkets(db)).toEqual([]);
    const left = await db.query(
      `SELECT symbol, aliases FROM backhaul.series LEFT JOIN backhaul.series_rule USING (series_id)
       WHERE venue = 'desk' ORDER BY symbol`,
    );
    expect(left.rows).toEqual([
      { symbol: 'DAX', aliases: [['DAX', 'GER40']] },
      { symbol: 'DAX1', aliases: null },
      { symbol: 'XBTUSD', aliases: null },
    ]);
    await wipe(db);
  });

  it('that is told differently under its two names keeps the bars of the name kept, and says so', async () => {
    await load(url, [q1], { symbols: ['XBTUSD'] });
    await renameSeries('XBTUSD', 'BTCUSD');
    await db.query(
      `INSERT INTO backhaul.series (venue, symbol, interval_s) VALUES ('kraken', 'XBTUSD', 14400)`,
    );
    const told = of(1).map((bar, i) => (i % 100 === 5 ? { ...bar, volume: bar.volume + 1 } : bar));
    const copy = write(
      folder,
      'copy/Kraken_OHLCVT_2023Q1.zip',
      zipBytes([{ name: 'XBTUSD_240.csv', data: krakenCsv(told) }]),
    );
    await load(url, [copy]);
    const kept = (await candles(db)).split('\n').filter((line) => line.includes('XBTUSD'));
    const different = told.filter((_, i) => i % 100 === 5).length;
    expect(await mendMarket(db, (await splitMarkets(db))[0]!)).toEqual({
      moved: 0,
      equal: told.length - different,
      conflicts: different,
    });
    expect((await candles(db)).split('\n')).toEqual(kept);
    expect((await db.query('SELECT FROM backhaul.conflict')).rowCount).toBe(different);
  });
});
