import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { otherwiseSpelled, spellings } from '../../../src/base/spellings.ts';
import { checkLayout } from '../../../src/producer/layouts/checked_layout.ts';
import { detectByName } from '../../../src/producer/layouts/detect.ts';
import { intervalSeconds } from '../../../src/producer/layouts/interval_words.ts';
import { knownLayouts } from '../../../src/producer/layouts/known_layouts.ts';
import type { Layout } from '../../../src/producer/layouts/layout.ts';
import { loadLayout } from '../../../src/producer/layouts/named_layout.ts';
import { periodOf } from '../../../src/producer/layouts/period.ts';
import { type Resolution, resolve } from '../../../src/producer/layouts/resolve.ts';
import { SymbolFilter } from '../../../src/producer/layouts/symbol_filter.ts';
import { faultOf } from '../archive/memory_reader.ts';
import { folderWith, us } from '../folder.ts';

function named(path: string): Resolution {
  const resolution = detectByName(knownLayouts(), false, path);
  if (resolution === null) throw new Error(`no layout for ${path}`);
  return resolution;
}

/** Layout, venue, symbol, seconds, grid, and the period of a path, as one line. */
function line(path: string): string {
  const { layout, venue, symbol, intervalS, grid, fromUs, toUs } = named(path);
  const day = (time: number | null): string =>
    time === null ? '…' : new Date(time / 1000).toISOString().slice(0, 16);
  return `${layout.name} ${venue} ${symbol ?? '*'} ${intervalS} ${grid} ${day(fromUs)} ${day(toUs)}`;
}

describe('names', () => {
  const cases: [string, string][] = [
    ['XBTUSD_60.csv', 'kraken-ohlcvt kraken XBTUSD 3600 epoch … …'],
    ['Kraken_Trading_History_Q1_2026.zip/XBTUSD.csv', 'kraken-trades kraken XBTUSD 60 epoch … …'],
    ['Kraken_Trading_History/ETH2.SEUR.csv', 'kraken-trades kraken ETH2.SEUR 60 epoch … …'],
    [
      'data/spot/daily/trades/BTCUSDT/BTCUSDT-trades-2025-02-03.zip/BTCUSDT-trades-2025-02-03.csv',
      'binance-trades binance BTCUSDT 60 epoch 2025-02-03T00:00 2025-02-04T00:00',
    ],
    [
      'BTCUSDT-aggTrades-2025-02.csv',
      'binance-agg-trades binance BTCUSDT 60 epoch 2025-02-01T00:00 2025-03-01T00:00',
    ],
    [
      'data/futures/cm/daily/trades/BTCUSD_PERP/BTCUSD_PERP-trades-2021-02-03.csv',
      'binance-futures-trades binance-cm BTCUSD_PERP 60 epoch 2021-02-03T00:00 2021-02-04T00:00',
    ],
    [
      'data/futures/um/monthly/aggTrades/ETHUSDT/ETHUSDT-aggTrades-2024-02.csv',
      'binance-futures-agg-trades binance-um ETHUSDT 60 epoch 2024-02-01T00:00 2024-03-01T00:00',
    ],
    ['bitstampUSD.csv.gz', 'bitstamp-trades bitstamp BTCUSD 60 epoch … …'],
    [
      'Kraken_OHLCVT_2026Q2.zip/XBTUSD_1440.csv',
      'kraken-ohlcvt kraken XBTUSD 86400 epoch 2026-04-01T00:00 2026-07-01T00:00',
    ],
    [
      'Kraken_OHLCVT_Q1_2026.zip/Q1/ETH2.SEUR_5.csv',
      'kraken-ohlcvt kraken ETH2.SEUR 300 epoch 2026-01-01T00:00 2026-04-01T00:00',
    ],
    ['Kraken_OHLCVT_Full_2026Q2.zip/XBTUSD_1.csv', 'kraken-ohlcvt kraken XBTUSD 60 epoch … 2026-07-01T00:00'],
    ['Kraken_OHLCVT.zip/master_q4/XBTEUR_1.csv', 'kraken-ohlcvt kraken XBTEUR 60 epoch … …'],
    ['Kraken_OHLCVT_Q1_2026.zip/BTCUSD_Daily_OHLC.csv', 'kraken-ohlcvt kraken BTCUSD 86400 epoch … …'],
    [
      'data/spot/monthly/klines/BTCUSDT/1h/BTCUSDT-1h-2025-02.zip/BTCUSDT-1h-2025-02.csv',
      'binance-klines binance BTCUSDT 3600 epoch 2025-02-01T00:00 2025-03-01T00:00',
    ],
    [
      'data/futures/um/daily/klines/BTCUSDT_250328/1m/BTCUSDT_250328-1m-2025-02-28.csv',
      'binance-klines binance-um BTCUSDT_250328 60 epoch 2025-02-28T00:00 2025-03-01T00:00',
    ],
    [
      'data/futures/cm/monthly/klines/BTCUSD_PERP/1mo/BTCUSD_PERP-1mo-2025-02.csv',
      'binance-klines binance-cm BTCUSD_PERP 2592000 month 2025-01-02T00:00 2025-03-01T00:00',
    ],
    [
      'data/futures/um/monthly/markPriceKlines/BTCUSDT/1m/BTCUSDT-1m-2025-02.csv',
      'binance-mark binance-um-mark BTCUSDT 60 epoch 2025-02-01T00:00 2025-03-01T00:00',
    ],
    [
      'futures/cm/daily/indexPriceKlines/BTCUSD/1h/BTCUSD-1h-2025-02-03.zip/BTCUSD-1h-2025-02-03.csv',
      'binance-mark binance-cm-index BTCUSD 3600 epoch 2025-02-03T00:00 2025-02-04T00:00',
    ],
    [
      'futures/um/daily/premiumIndexKlines/ETHUSDT/1m/ETHUSDT-1m-2025-02-03.zip/ETHUSDT-1m-2025-02-03.csv',
      'binance-premium binance-um-premium ETHUSDT 60 epoch 2025-02-03T00:00 2025-02-04T00:00',
    ],
    [
      'BTCUSDT-1w-2025-02.csv',
      'binance-klines binance BTCUSDT 604800 week 2025-01-25T00:00 2025-03-01T00:00',
    ],
    [
      'BTCUSDT-3d-2025-02.csv',
      'binance-klines binance BTCUSDT 259200 none 2025-01-29T00:00 2025-03-01T00:00',
    ],
    [
      'um-1m/ALGOUSDT-1m-2023-02.csv',
      'binance-klines binance-um ALGOUSDT 60 epoch 2023-02-01T00:00 2023-03-01T00:00',
    ],
    [
      'futures/ALGOUSDT-1m-2023-02.csv',
      'binance-klines binance-um ALGOUSDT 60 epoch 2023-02-01T00:00 2023-03-01T00:00',
    ],
    [
      'us_stocks_sip/minute_aggs_v1/2025/03/2025-03-10.csv.gz',
      'massive-aggs us_stocks_sip * 60 epoch 2025-03-10T04:00 2025-03-11T04:00',
    ],
    [
      'us_stocks_sip/day_aggs_v1/2025/03/2025-03-09.csv.gz',
      'massive-aggs us_stocks_sip * 86400 zone-day 2025-03-09T05:00 2025-03-10T04:00',
    ],
    [
      'us_options_opra/day_aggs_v1/2025/01/2025-01-31.csv.gz',
      'massive-aggs us_options_opra * 86400 zone-day 2025-01-31T05:00 2025-02-01T05:00',
    ],
    [
      'global_crypto/day_aggs_v1/2025/03/2025-03-09.csv.gz',
      'massive-aggs global_crypto * 86400 epoch 2025-03-09T00:00 2025-03-10T00:00',
    ],
    [
      'us_indices_minute_aggs_v1_2025-03-10.csv.gz',
      'massive-indices us_indices * 60 epoch 2025-03-10T05:00 2025-03-11T05:00',
    ],
    [
      'flatfiles/us_indices/day_aggs_v1/2025/01/2025-01-07.csv.gz',
      'massive-indices us_indices * 86400 zone-day 2025-01-07T06:00 2025-01-08T06:00',
    ],
    // A futures session begins at five in the afternoon of Chicago, after a weekend on the Friday before.
    [
      'us_futures_cbot/minute_aggs_v1/2026/06/2026-06-10.csv.gz',
      'massive-futures us_futures_cbot * 60 epoch 2026-06-09T22:00 2026-06-10T22:00',
    ],
    [
      'us_futures_nymex/minute_aggs_v1/2026/01/2026-01-20.csv.gz',
      'massive-futures us_futures_nymex * 60 epoch 2026-01-16T23:00 2026-01-20T23:00',
    ],
    [
      'us_futures_comex/session_aggs_v1/2026/01/2026-01-20.csv.gz',
      'massive-sessions us_futures_comex * 86400 zone-day 2026-01-20T06:00 2026-01-21T06:00',
    ],
    ['Binance_BTCUSDT_1h.csv', 'cryptodatadownload binance BTCUSDT 3600 epoch … …'],
    ['gemini_BTCUSD_1d.csv', 'cryptodatadownload gemini BTCUSD 86400 none … …'],
    ['Bitstamp_ETHUSD_d.csv', 'cryptodatadownload bitstamp ETHUSD 86400 none … …'],
    [
      'Bitstamp_BTCUSD_2023_minute.csv',
      'cryptodatadownload bitstamp BTCUSD 60 epoch 2023-01-01T00:00 2024-01-01T00:00',
    ],
  ];
  it.each(cases)('%s', (path, expected) => {
    expect(line(path)).toBe(expected);
  });

  it.each([
    'README.csv',
    'Kraken_OHLCVT_Q1_2026.csv',
    'us_stocks_sip/trades_v1/2025/03/2025-03-10.csv.gz',
    'XBTUSD_7.csv',
    'minute_aggs_v1/2025/03/2025-03-10.csv.gz',
  ])('%s tells too little', (path) => {
    expect(detectByName(knownLayouts(), false, path)).toBeNull();
  });

  it('of impossible dates date nothing', () => {
    expect(named('BTCUSDT-1h-2025-13.csv')).toMatchObject({ fromUs: null, toUs: null });
    expect(named('BTCUSDT-1h-2025-02-30.csv')).toMatchObject({ fromUs: null, toUs: null });
  });

  it('tell the base currency, whose volume it is', () => {
    const names = named('Bitfinex_TRXBTC_d.csv').shape.columns.find(({ role }) => role === 'volume')!.names;
    expect(names).toContain('volume_trx');
    expect(names).not.toContain('volume_btc');
    expect(names.some((name) => name.includes('{'))).toBe(false);
  });
});

describe('the venue of a Massive file without a path', () => {
  const massive = knownLayouts().find(({ name }) => name === 'massive-aggs')!;
  const header = 'ticker,volume,open,close,high,low,window_start,transactions';
  it.each([
    ['X:BTCUSD', 'global_crypto', 'UTC'],
    ['C:EURUSD', 'global_forex', 'UTC'],
    ['O:SPY241220P00720000', 'us_options_opra', 'America/New_York'],
    ['I:SPX', 'us_indices', 'America/Chicago'],
    ['BRK.B', 'us_stocks_sip', 'America/New_York'],
  ])('follows from %s: %s', (symbol, venue, sessionZone) => {
    const bytes = Buffer.from(`${header}\n${symbol},1,1,1,1,1,1741593600000000000,1\n`);
    const resolution = resolve(massive, 'minute/2025-03-10.csv', { bytes, complete: true });
    expect(resolution).toMatchObject({ venue, sessionZone, intervalS: 60 });
  });
});

describe('intervals', () => {
  it.each([
    ['30s', 30],
    ['1m', 60],
    ['15min', 900],
    ['1hr', 3600],
    ['4H', 14_400],
    ['1d', 86_400],
    ['1w', 604_800],
    ['1mo', 2_592_000],
    ['1M', 2_592_000],
    ['0m', null],
    ['60', null],
    ['soon', null],
  ])('%s', (word, seconds) => {
    expect(intervalSeconds(word)).toBe(seconds);
  });
});

describe('periods', () => {
  const year = fc.integer({ min: 1971, max: 2200 });
  const zone = fc.constantFrom(
    'UTC',
    'America/New_York',
    'Asia/Kolkata',
    'Australia/Lord_Howe',
    'America/Sao_Paulo',
  );

  it('of a year follow each other without a gap, as months, quarters and days', () => {
    fc.assert(
      fc.property(year, zone, (y, z) => {
        const whole = periodOf({ year: `${y}` }, z)!;
        const quarters = [1, 2, 3, 4].map((quarter) => periodOf({ year: `${y}`, quarter: `${quarter}` }, z)!);
        const months = Array.from(
          { length: 12 },
          (_, i) => periodOf({ year: `${y}`, month: `${i + 1}` }, z)!,
        );
        for (const parts of [quarters, months]) {
          expect(parts[0]!.fromUs).toBe(whole.fromUs);
          expect(parts.at(-1)!.toUs).toBe(whole.toUs);
          for (let i = 1; i < parts.length; i++) expect(parts[i]!.fromUs).toBe(parts[i - 1]!.toUs);
        }
        expect(periodOf({ year: `${y}`, month: '12', day: '31' }, z)!.toUs).toBe(whole.toUs);
      }),
      { numRuns: 40 },
    );
  });

  it('start when a day does whose midnight never was', () => {
    // Clocks in São Paulo went from 23:59:59 to 01:00 on 2018-11-04.
    const day = periodOf({ year: '2018', month: '11', day: '04' }, 'America/Sao_Paulo')!;
    expect(day.fromUs).toBe(us('2018-11-04T03:00:00Z'));
    expect(day.toUs - day.fromUs).toBe(23 * 3600e6);
  });
});

describe('spellings', () => {
  const aliases = [
    ['XBT', 'BTC'],
    ['XDG', 'DOGE'],
  ] as const;
  it('are mutual', () => {
    const symbol = fc.array(fc.constantFrom('XBT', 'BTC', 'XDG', 'DOGE', 'USD', 'ETH'), {
      minLength: 2,
      maxLength: 2,
    });
    fc.assert(
      fc.property(symbol, (currencies) => {
        const name = currencies.join('');
        for (const other of spellings(name, aliases)) expect(spellings(other, aliases)).toContain(name);
      }),
    );
    expect(spellings('DOGEXBT', aliases).sort()).toEqual(['DOGEBTC', 'DOGEXBT', 'XDGBTC', 'XDGXBT']);
  });

  it('select under every name and rename nothing', () => {
    const filter = new SymbolFilter(['BTCUSD', 'XDGUSD', 'ethusd', 'xbteur'], aliases);
    for (const symbol of ['XBTUSD', 'BTCUSD', 'xbtusd', 'DOGEUSD', 'XDGUSD', 'ETHUSD', 'XBTEUR', 'BTCEUR'])
      expect(filter.wants(symbol)).toBe(true);
    expect(filter.wants('LTCUSD')).toBe(false);
    expect(new SymbolFilter(null, aliases).wants('LTCUSD')).toBe(true);
    expect(new SymbolFilter(['BTC/USD'], [['BTC', 'XBT']]).wanted()).toEqual({
      'BTC/USD': 'BTC/USD',
      'XBT/USD': 'XBT/USD',
      BTCUSD: 'BTCUSD',
      XBTUSD: 'XBTUSD',
    });
    for (const symbol of ['BTC-USD', 'xbtusd', 'BTC_USD'])
      expect(new SymbolFilter(['BTC/USD'], aliases).wants(symbol)).toBe(true);
    expect(new SymbolFilter(['AAPL'], []).wanted()).toEqual({ AAPL: 'AAPL' });
    expect(new SymbolFilter(null, []).wanted()).toBeNull();
  });

  it('begin with that of the archive', () => {
    expect(otherwiseSpelled('BTCUSD', aliases)).toEqual(['XBTUSD', 'BTCUSD']);
    expect(otherwiseSpelled('XBTUSD', aliases)).toEqual(['XBTUSD', 'BTCUSD']);
    expect(otherwiseSpelled('DOGEBTC', aliases)[0]).toBe('XDGXBT');
    expect(otherwiseSpelled('ETHUSD', aliases)).toEqual([]);
    expect(otherwiseSpelled('BTC', aliases)).toEqual([]);
  });
});

describe('a YAML file', () => {
  const yaml = `
paths: '(?<symbol>[A-Z]+)-(?<year>\\d{4})\\.dat$'
header: none
delimiter: ";"
columns: [time, open, high, low, close, { role: ignore, names: adjusted }, volume]
time: { unit: text, zone: America/New_York }
venue: nyse
symbol: { group: symbol }
interval: 1d
order: time
`;
  async function layoutOf(text: string): Promise<Layout> {
    const folder = folderWith({ 'mine.yaml': text });
    return loadLayout(join(folder, 'mine.yaml'), knownLayouts());
  }

  it('describes a layout of its own', async () => {
    const layout = await layoutOf(yaml);
    expect(layout.name).toBe('mine');
    expect(resolve(layout, 'x/IBM-2024.dat', null)).toMatchObject({
      venue: 'nyse',
      symbol: 'IBM',
      intervalS: 86_400,
      grid: 'zone-day',
      sessionZone: 'America/New_York',
      fromUs: us('2024-01-01T05:00:00Z'),
      shape: { delimiter: ';', header: 'none', time: 'text', timeZone: 'America/New_York' },
    });
    expect(layout.shape.columns.map(({ role }) => role).join()).toBe(
      'time,open,high,low,close,ignore,volume',
    );
  });

  it('may name columns by role, and leave symbol and interval to columns', async () => {
    const layout = await layoutOf(`
name: bars
columns: { time: ts, symbol: [sym, ticker], open: o, high: h, low: l, close: c, volume: v }
time: { unit: ms }
venue: mine
interval: { column: tf }
`);
    const bytes = Buffer.from('ts,sym,tf,o,h,l,c,v\n1704067200000,AAPL,5m,1,1,1,1,1\n');
    expect(resolve(layout, 'any.csv', { bytes, complete: true })).toMatchObject({
      symbol: null,
      intervalS: 300,
      // A record of another interval further down is none of the task's.
      shape: { columns: expect.arrayContaining([{ role: 'key', names: ['tf'], value: '5m' }]) },
    });
    const mixed = Buffer.concat([bytes, Buffer.from('1704067200000,AAPL,1h,1,1,1,1,1\n')]);
    expect(resolve(layout, 'any.csv', { bytes: mixed, complete: true })).toMatchObject({
      missing: 'interval',
    });
    expect(resolve(layout, 'any.csv', null)).toMatchObject({ missing: 'interval', inHead: true });
  });

  it.each([
    ['a misspelt key', yaml.replace('delimiter', 'delimeter'), 'delimeter'],
    ['a misspelt key', yaml.replace('delimiter', 'delimeter'), 'did you mean delimiter?'],
    ['a key of another place', yaml.replace('order: time', 'decimal: ","'), 'decimal belongs into numbers'],
    ['a missing column', yaml.replace('close, ', ''), 'columns: no column for close'],
    ['no volume where there must be', `${yaml.replace(', volume]', ']')}volume: required`, 'for volume'],
    ['a role that is none', yaml.replace('open', 'opne'), 'columns[1]: opne is no role; did you mean open?'],
    ['a day without its time', yaml.replace('[time', '[date'), 'the whole stamp is time'],
    ['a key among the columns', yaml.replace('volume]', 'volume, decimal: comma]'), 'belongs into numbers'],
    ['a misspelt unit', yaml.replace('unit: text', 'unit: txt'), 'time.unit: txt is none of s, ms'],
    ['a bad pattern', yaml.replace('(?<symbol>', '(?<symbol'), 'paths'],
    ["Python's way of groups", yaml.replace('(?<symbol>', '(?P<symbol>'), 'paths: a named group is (?<name>'],
    ['a zone that is none', yaml.replace('America/New_York', 'America/New_Yrok'), 'mean America/New_York?'],
    ['a scale that is no power of ten', `${yaml}numbers: { scale: 0.02 }`, 'numbers.scale: 0.02 is no power'],
    ['one sign for two things', `${yaml}numbers: { thousands: '.' }`, 'numbers.thousands: cannot be .'],
    [
      'an encoding that is none',
      `${yaml}encoding: utf-9`,
      'encoding: utf-9 is no encoding; did you mean utf-8?',
    ],
    ['a delimiter of two characters', yaml.replace('";"', '";;"'), 'delimiter'],
    ['a missing interval', yaml.replace('interval: 1d\n', ''), 'interval'],
    ["another program's word for a unit", yaml.replace('unit: text', 'unit: sec'), 'did you mean s?'],
    ['a pattern that is none', yaml.replace('unit: text', 'format: YYYYMMdd'), 'a year is yyyy'],
    [
      'months for days',
      yaml.replace('unit: text', 'format: yyyy-MM'),
      'yyyy-MM has no day; only bars of months',
    ],
    [
      'months stamped at their end',
      yaml.replace('unit: text', 'format: yyyy-MM, stamps: close').replace('interval: 1d', 'interval: 1mo'),
      'yyyy-MM names the month of a bar',
    ],
    ['a pattern for numbers', yaml.replace('unit: text', 'unit: ms, format: yyyyMMdd'), 'unit is ms'],
    [
      'a group that is none',
      yaml.replace('group: symbol', 'group: symbl'),
      'symbol: no pattern of paths or context has a group symbl; did you mean symbol?',
    ],
    [
      'a group that is none in a text',
      yaml.replace('venue: nyse', 'venue: { from: "{vnue}" }'),
      'venue: no pattern of paths',
    ],
    ['an interval that is none', yaml.replace('1d', 'dayly'), 'interval: dayly is no interval'],
    [
      'a column that is none',
      yaml.replace('interval: 1d', 'interval: { column: tf }'),
      'there is no column tf',
    ],
    [
      'a way to tell that is misspelt',
      yaml.replace(/^symbol:.*$/m, 'symbol: { grop: symbol }'),
      'there is no key grop; did you mean group?',
    ],
    ['no YAML', 'a: [1', 'no YAML'],
    ['no object', '- 1', 'not valid'],
    ['nothing', '', 'not valid'],
  ])('with %s is refused in one line that says so', async (_, text, said) => {
    const fault = await faultOf(layoutOf(text));
    expect(fault.kind).toBe('usage');
    expect(fault.message).toContain(said);
  });

  it('that is not there, and a name nobody knows, are refused with what would do', async () => {
    expect(await faultOf(loadLayout('./none.yaml', knownLayouts()))).toMatchObject({ kind: 'usage' });
    expect(await faultOf(loadLayout('kraken', knownLayouts()))).toMatchObject({
      kind: 'usage',
      expected: expect.stringContaining(
        'massive-sessions, binance-mark, binance-premium, binance-klines, kraken-ohlcvt',
      ),
    });
    expect((await faultOf(loadLayout('kraken-ohlcv', knownLayouts()))).hint).toBe(
      'Did you mean kraken-ohlcvt?',
    );
  });

  it('is held against the same schema as the known ones', () => {
    expect(knownLayouts().length).toBeGreaterThan(30);
    expect(() => checkLayout({ name: 'x' }, 'x.yaml', 'x')).toThrow('not valid');
  });
});
