import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { rankOf, type WordRole } from '../../src/inspect/column_words.ts';
import { type Draft, draftLayout } from '../../src/inspect/draft.ts';
import { locateFile } from '../../src/inspect/located_file.ts';
import { faultOf } from '../producer/archive/memory_reader.ts';
import { folderWith } from '../producer/folder.ts';
import { inspected, read } from './inspecting.ts';

const never = new AbortController().signal;
const NOTHING = { zone: null, venue: null, interval: null };

async function draft(
  name: string,
  text: string | Uint8Array,
  given: Partial<typeof NOTHING> | object = {},
): Promise<Draft & { path: string }> {
  const path = join(folderWith({ [name]: text }), name);
  return { ...draftLayout(await locateFile(path, {}, never), { ...NOTHING, ...given }), path };
}

/** What a load by the draft would store: `symbol interval: ts close volume`. */
async function bars(name: string, text: string | Uint8Array, given: object = {}): Promise<string[]> {
  const { layout, path } = await draft(name, text, given);
  const { reading, interval } = await read(path, layout, { rows: 10 });
  expect(reading.fault).toBeNull();
  expect(reading.rejected).toBe(0);
  return reading.first.map(
    ({ symbol, barTs, close, volume }) =>
      `${symbol} ${interval.value} ${new Date(barTs / 1000).toISOString().slice(0, 19)} ${close} ${volume}`,
  );
}

describe('a draft', () => {
  it('reads a spreadsheet of another country', async () => {
    const text =
      'Datum;Eröffnung;Hoch;Tief;Schluss;Umsatz\r\n13.02.2024;1.234,50;1.240,00;1.230,25;1.238,75;1.000\r\n14.02.2024;1.238,75;1.242,00;1.235,00;1.240,00;1.100\r\n';
    expect(await bars('SDAX_1d.csv', Buffer.from(text, 'latin1'), { zone: 'Europe/Berlin' })).toEqual([
      'SDAX 1d 2024-02-12T23:00:00 1238.75 1000',
      'SDAX 1d 2024-02-13T23:00:00 1240 1100',
    ]);
    const { yaml, layout } = await draft('SDAX_1d.csv', Buffer.from(text, 'latin1'));
    expect(layout.encoding).toBe('windows-1252');
    expect(yaml).toMatch(/its bytes are no UTF-8/);
  });

  it.each([
    // Bytes as iconv writes them: the headers 日期,开盘,最高,最低,收盘,成交量, 日付,始値,高値,安値,終値,出来高 and Дата;Откр;Макс;Мин;Закр;Объём.
    ['gb18030', 'c8d5c6da2cbfaac5cc2cd7eeb8df2cd7eeb5cd2ccad5c5cc2cb3c9bdbbc1bf', ','],
    ['shift_jis', '93fa95742c8e6e926c2c8d82926c2c88c0926c2c8f49926c2c8f6f97888d82', ','],
    ['windows-1251', 'c4e0f2e03bcef2eaf03bcce0eaf13bcce8ed3bc7e0eaf03bcee1fab8ec', ';'],
  ])('tells %s by the words of a header', async (encoding, header, delimiter) => {
    const records = '2024-02-13,4,8,2,6,9\n2024-02-14,6,9,5,7,11\n'.replaceAll(',', delimiter);
    const bytes = Buffer.concat([Buffer.from(`${header}0a`, 'hex'), Buffer.from(records)]);
    const { layout } = await draft('ABC_1d.csv', bytes, { zone: 'UTC' });
    expect(layout.encoding).toBe(encoding);
    expect(await bars('ABC_1d.csv', bytes, { zone: 'UTC' })).toEqual([
      'ABC 1d 2024-02-13T00:00:00 6 9',
      'ABC 1d 2024-02-14T00:00:00 7 11',
    ]);
  });

  it('asks for the encoding where nothing tells it', async () => {
    const text = 'Stempel;Eins;Zwei;Drei;Vier;St\u00fcckz.\n2024-02-13;4;8;2;6;9\n2024-02-14;6;9;5;7;11\n';
    const { yaml, layout } = await draft('ABC_1d.csv', Buffer.from(text, 'latin1'));
    expect(layout.encoding).toBe('windows-1252');
    expect(yaml.replace(/\n# /g, ' ')).toMatch(
      /CHECK: its bytes are no UTF-8; nothing tells whether they are this or /,
    );
  });

  it('reads JSON of arrays and of objects', async () => {
    const rows = [0, 1, 2].map((i) => [
      1_709_251_200_000 + 3_600_000 * i,
      9.5 + i,
      12 + i,
      9 + i,
      11 + i,
      70 + i,
    ]);
    const wanted = ['2024-03-01T00', '2024-03-01T01', '2024-03-01T02'].map(
      (hour, i) => `SOL_USDT 1h ${hour}:00:00 ${11 + i} ${70 + i}`,
    );
    const objects = rows.map(([time, open, high, low, close, volume]) => ({
      time: new Date(time!).toISOString(),
      close,
      open,
      low,
      high,
      volume,
    }));
    expect(await bars('SOL_USDT-1h.json', JSON.stringify(rows))).toEqual(wanted);
    expect(await bars('SOL_USDT-1h.json', JSON.stringify(objects, null, 2))).toEqual(wanted);
  });

  it('finds prices without a header by what the numbers say of each other', async () => {
    // time, close, open, high, low in the order of nobody.
    const rows = [
      [10, 12, 9, 11],
      [11, 13, 10, 12],
      [12, 14, 11, 11],
      [11, 11.5, 8, 9],
    ];
    const text = rows
      .map(([o, h, l, c], i) => `${1_709_251_200 + i * 300}|${o}|${h}|${l}|${c}|${i + 0.5}|${i + 1}`)
      .join('\n');
    expect(await bars('mystery_ABC.txt', text)).toEqual([
      'ABC 5m 2024-03-01T00:00:00 11 0.5',
      'ABC 5m 2024-03-01T00:05:00 12 1.5',
      'ABC 5m 2024-03-01T00:10:00 11 2.5',
      'ABC 5m 2024-03-01T00:15:00 9 3.5',
    ]);
    const { layout } = await draft('mystery_ABC.txt', text);
    expect(layout.shape.columns.map(({ role }) => role)).toEqual([
      'time',
      'open',
      'high',
      'low',
      'close',
      'volume',
      'trades',
    ]);
  });

  it('reads days and times of two columns, thousands, volumes with suffixes, and newest first', async () => {
    const text =
      'Day,Time,Open,High,Low,Last,Vol.\n03/14/2024,09:31,"1,002.5","1,003.0","1,001.0","1,002.0",1.5K\n03/14/2024,09:30,"1,000.5","1,003.0","1,000.0","1,002.5",-\n';
    expect(await bars('ES.csv', text, { zone: 'America/New_York', interval: 60 })).toEqual([
      'ES 1m 2024-03-14T13:30:00 1002.5 null',
      'ES 1m 2024-03-14T13:31:00 1002 1500',
    ]);
  });

  it('tells files of many symbols, and prices that may be below zero', async () => {
    const text =
      'symbol,ts,open,high,low,close,volume\nCL,2020-04-20T18:00:00Z,-1,2,-40,-37.63,5\nCL,2020-04-20T18:01:00Z,-37,-30,-38,-31,5\nHO,2020-04-20T18:00:00Z,1,2,1,2,1\n';
    expect((await bars('nymex.csv', text)).sort()).toEqual([
      'CL 1m 2020-04-20T18:00:00 -37.63 5',
      'CL 1m 2020-04-20T18:01:00 -31 5',
      'HO 1m 2020-04-20T18:00:00 2 1',
    ]);
    expect((await draft('nymex.csv', text)).layout).toMatchObject({ order: 'symbol-time', prices: 'any' });
  });

  it('says of each key what it was seen by, and marks what cannot be seen', async () => {
    const { yaml, zoneUnknown } = await draft(
      'ACME_1d.csv',
      'Date,Open,High,Low,Close\n2024-01-02,1,2,1,2\n2024-01-03,2,3,2,3\n',
    );
    expect(zoneUnknown).toBe(true);
    expect(yaml).toContain('CHECK zone');
    expect(yaml).toContain('CHECK: nothing tells where it was traded');
    const keys = Object.keys(parse(yaml, { stringKeys: true }));
    const lines = yaml.split('\n');
    for (const key of keys)
      expect([
        key,
        lines[lines.findIndex((line) => line.startsWith(`${key}:`)) - 1]!.startsWith('# '),
      ]).toEqual([key, true]);
    expect(
      (await draft('ACME_1d.csv', 'Date,Open,High,Low,Close\n2024-01-02,1,2,1,2\n', { zone: 'Asia/Tokyo' }))
        .zoneUnknown,
    ).toBe(false);
    expect(
      (await draft('ACME_1h.csv', 'Time (UTC),Open,High,Low,Close\n2024-01-02 10:00,1,2,1,2\n')).zoneUnknown,
    ).toBe(false);
  });

  it('takes the symbol of a name for that, not the words around it', async () => {
    const text = 'time,open,high,low,close\n1704067200,1,2,1,2\n1704070800,2,3,2,3\n';
    for (const [name, symbol] of [
      ['kraken_rest_XBTUSD_60.csv', 'XBTUSD'],
      ['wsj_INDEX_SPX.csv', 'SPX'],
      ['btcusd-bitfinex.csv', 'btcusd'],
      ['Apple 1h.csv', 'Apple'],
    ] as const)
      expect((await bars(name, text))[0]).toMatch(new RegExp(`^${symbol} 1h 2024-01-01T00:00:00 2 `));
  });

  it('of a volume by an unknown name says which column it may be', async () => {
    const text = (name: string): string =>
      `Data,Otwarcie,Najwyzszy,Najnizszy,Zamkniecie,${name}\n2024-01-02,1,2,1,2,500\n2024-01-03,2,3,2,3,700\n`;
    expect((await bars('pkn_d.csv', text('Wolumen')))[0]).toContain(' 2 500');
    expect((await draft('pkn_d.csv', text('Ilosc'))).yaml).toContain(
      'CHECK: no column is called so; if Ilosc is it',
    );
  });

  it('of months that are told by their names is of months', async () => {
    expect(await bars('SP500.csv', 'Month,Open,High,Low,Close\n2022-01,1,2,1,2\n2022-02,2,3,2,3\n')).toEqual([
      'SP500 1mo 2022-01-01T00:00:00 2 null',
      'SP500 1mo 2022-02-01T00:00:00 3 null',
    ]);
    expect(await bars('SP500.csv', 'Month,Open,High,Low,Close\nJan 2022,1,2,1,2\n')).toEqual([
      'SP500 1mo 2022-01-01T00:00:00 2 null',
    ]);
  });

  it('leaves an order of day and month that nothing tells to the file, and the file to be refused', async () => {
    const { layout, path } = await draft(
      'ACME_1d.csv',
      'Date,Open,High,Low,Close\n01/02/2024,1,2,1,2\n02/03/2024,2,3,2,3\n',
    );
    expect(layout.time.format).toEqual(['d/M/yyyy', 'M/d/yyyy']);
    expect((await read(path, layout)).reading.fault).toMatchObject({ kind: 'timestamp' });
  });
});

describe('what is no table of bars', () => {
  it.each([
    ['nothing', '', 'empty'],
    ['blank lines', '\n\n \n', 'blank lines'],
    ['bytes', Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0, 0, 0, 0, 0]), 'no text'],
    ['words', 'a,b,c,d,e,f\ng,h,i,j,k,l\n', 'fields of bars'],
    ['numbers', '1,2,3,4,5,6\n2,3,4,5,6,7\n', 'no stamp'],
    [
      'an array for each column of JSON',
      '{"t":[1704067200],"o":[1],"h":[2],"l":[1],"c":[2]}',
      'no array of records',
    ],
    ['two arrays of JSON', '{"A":[[1704067200,1,2,1,2]],"B":[[1704067200,1,2,1,2]]}', 'no array of records'],
  ])('%s', async (_, text, message) => {
    const fault = await faultOf(draft('file.csv', text));
    expect(fault).toMatchObject({ kind: 'not-a-bar-file' });
    expect(fault.message).toContain(message);
  });

  it('is told what would help', async () => {
    const columns = await faultOf(draft('a.json', '{"t":[1704067200],"o":[1],"h":[2],"l":[1],"c":[2]}'));
    expect(columns.hint).toContain('transpose');
    const trades = await faultOf(
      draft(
        'binance_trades_2024-01-02_BTCUSDT.csv',
        'exchange,symbol,timestamp,local_timestamp,id,side,price,amount\nbinance,BTCUSDT,1704153600000000,1704153600001500,1000,buy,42000.0,0.01\n',
      ),
    );
    expect(trades.hint).toContain('kind: trades');
  });
});

/** Bars of a market that moves: each opens where the one before it has closed, or a cent beside it. */
const MINUTES = Array.from({ length: 40 }, (_, i) => {
  const close = (at: number): number => 42_000 + 40 * Math.sin(at) + at;
  const [open, end] = [close(i - 1) + 0.01, close(i)];
  return {
    s: 1_704_205_800 + 60 * i,
    open: open.toFixed(2),
    high: (Math.max(open, end) + 5).toFixed(2),
    low: (Math.min(open, end) - 4).toFixed(2),
    close: end.toFixed(2),
    volume: (1.5 + i / 8).toFixed(3),
  };
});
type Minute = (typeof MINUTES)[number];
const worth = ({ volume, close }: Minute): number => Math.round(Number(volume) * Number(close));

/** How vendors' files go that no layout of the catalogue reads, in the order of their documentation. */
describe('a file of a vendor', () => {
  const [first, second] = MINUTES as [Minute, Minute, ...Minute[]];
  const wanted = (symbol: string): string[] =>
    [first, second].map(
      ({ s, close, volume }) =>
        `${symbol} 1m ${new Date(1000 * s).toISOString().slice(0, 19)} ${Number(close)} ${Number(volume)}`,
    );
  const csv = (make: (bar: Minute) => readonly unknown[], head = ''): string =>
    `${head}${MINUTES.map((bar) => make(bar).join(',')).join('\n')}\n`;
  const newest = (make: (bar: Minute) => readonly unknown[]): unknown[] => [...MINUTES].reverse().map(make);

  it.each<[string, string, string, string]>([
    // download.gatedata.org: timestamp, volume in the quote currency, close, high, low, open, volume. No header.
    [
      'Gate.io',
      'BTC_USDT-202401.csv',
      csv((bar) => [bar.s, worth(bar), bar.close, bar.high, bar.low, bar.open, bar.volume]),
      'BTC_USDT',
    ],
    // HTX: id, open, close, low, high, vol (of the quote currency), amount.
    [
      'HTX',
      'BTCUSDT-1min-2024-01-02.csv',
      csv((bar) => [bar.s, bar.open, bar.close, bar.low, bar.high, worth(bar), bar.volume]),
      'BTCUSDT',
    ],
    // GET /products/BTC-USD/candles: [time, low, high, open, close, volume], newest first.
    [
      'Coinbase',
      'BTC-USD_1m.json',
      JSON.stringify(
        newest((bar) => [bar.s, bar.low, bar.high, bar.open, bar.close, bar.volume].map(Number)),
      ),
      'BTC-USD',
    ],
    // GET /v2/candles/trade:1m:tBTCUSD/hist: [mts, open, close, high, low, volume], newest first.
    [
      'Bitfinex',
      'tBTCUSD_1m.json',
      JSON.stringify(
        newest((bar) => [1000 * bar.s, bar.open, bar.close, bar.high, bar.low, bar.volume].map(Number)),
      ),
      'tBTCUSD',
    ],
    // GET /api/v1/market/candles: {"code": …, "data": [[time, open, close, high, low, volume, turnover]]} of strings.
    [
      'KuCoin',
      'BTC-USDT_1min.json',
      JSON.stringify({
        code: '200000',
        data: newest((bar) => [
          `${bar.s}`,
          bar.open,
          bar.close,
          bar.high,
          bar.low,
          bar.volume,
          `${worth(bar)}`,
        ]),
      }),
      'BTC-USDT',
    ],
    // GET /0/public/OHLC: the pair's own name holds the array, "last" follows it.
    [
      'Kraken OHLC',
      'kraken_ohlc_XBTUSD.json',
      JSON.stringify({
        error: [],
        result: {
          XXBTZUSD: MINUTES.map((bar) => [
            bar.s,
            bar.open,
            bar.high,
            bar.low,
            bar.close,
            bar.open,
            bar.volume,
            7,
          ]),
          last: 1_704_208_140,
        },
      }),
      'XBTUSD',
    ],
    // Aggregates of Massive (Polygon): objects in "results".
    [
      'Massive REST',
      'AAPL_1m.json',
      JSON.stringify({
        ticker: 'AAPL',
        results: MINUTES.map((bar) => ({
          v: Number(bar.volume),
          vw: 1,
          o: Number(bar.open),
          c: Number(bar.close),
          h: Number(bar.high),
          l: Number(bar.low),
          t: 1000 * bar.s,
          n: 3,
        })),
        status: 'OK',
        count: 40,
      }),
      'AAPL',
    ],
    // CoinAPI's flat files and symbols: EXCHANGE_SPOT_BASE_QUOTE.
    [
      'CoinAPI',
      'BITSTAMP_SPOT_BTC_USD.csv',
      csv(
        (bar) => [
          new Date(1000 * bar.s).toISOString(),
          new Date(1000 * bar.s + 60_000).toISOString(),
          bar.open,
          bar.high,
          bar.low,
          bar.close,
          bar.volume,
          3,
        ],
        'time_period_start,time_period_end,price_open,price_high,price_low,price_close,volume_traded,trades_count\n',
      ),
      'BTC_USD',
    ],
    // Interactive Brokers' API up to 2022: two blanks between day and time.
    [
      'Interactive Brokers',
      'AAPL.csv',
      csv(
        (bar) => [
          ofIb(bar.s, 0).replace(' ', '  '),
          bar.open,
          bar.high,
          bar.low,
          bar.close,
          bar.volume,
          1,
          3,
        ],
        'Date,Open,High,Low,Close,Volume,WAP,BarCount\n',
      ),
      'AAPL',
    ],
    // … and since then: the zone behind it.
    [
      'Interactive Brokers, with zones',
      'AAPL.csv',
      csv(
        (bar) => [`${ofIb(bar.s, -5)} US/Eastern`, bar.open, bar.high, bar.low, bar.close, bar.volume, 1, 3],
        'Date,Open,High,Low,Close,Volume,Average,BarCount\n',
      ),
      'AAPL',
    ],
  ])('%s', async (_, name, text, symbol) => {
    expect((await bars(name, text)).slice(0, 2)).toEqual(wanted(symbol));
  });

  /** Header lines as their vendors publish them, and the columns that are read of them: time, symbol, prices, volume, trades. */
  it.each([
    ['MetaStock', '<TICKER>,<DTYYYYMMDD>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>', '1+2 0 3456 7 -'],
    ['Bloomberg', 'Date,PX_OPEN,PX_HIGH,PX_LOW,PX_LAST,PX_VOLUME', '0 - 1234 5 -'],
    [
      'Refinitiv',
      '#RIC,Domain,Date-Time,GMT Offset,Type,Open,High,Low,Last,Volume,No. Trades',
      '2 0 5678 9 10',
    ],
    [
      'Sierra Chart',
      'Date, Time, Open, High, Low, Last, Volume, NumberOfTrades, BidVolume, AskVolume',
      '0+1 - 2345 6 7',
    ],
    [
      'Xetra',
      'ISIN,Mnemonic,SecurityDesc,SecurityType,Currency,SecurityID,Date,Time,StartPrice,MaxPrice,MinPrice,EndPrice,TradedVolume,NumberOfTrades',
      '6+7 1 891011 12 13',
    ],
    [
      'NSE, to 2024',
      'SYMBOL,SERIES,OPEN,HIGH,LOW,CLOSE,LAST,PREVCLOSE,TOTTRDQTY,TOTTRDVAL,TIMESTAMP,TOTALTRADES,ISIN',
      '10 0 2345 8 11',
    ],
    [
      'NSE, since',
      'TradDt,Sgmt,ISIN,TckrSymb,SctySrs,OpnPric,HghPric,LwPric,ClsPric,LastPric,PrvsClsgPric,TtlTradgVol,TtlTrfVal,TtlNbOfTxsExctd',
      '0 3 5678 11 13',
    ],
    [
      'Upbit',
      'market,candle_date_time_utc,candle_date_time_kst,opening_price,high_price,low_price,trade_price,timestamp,candle_acc_trade_price,candle_acc_trade_volume',
      '1 0 3456 9 -',
    ],
    [
      'dYdX',
      'startedAt,ticker,resolution,low,high,open,close,baseTokenVolume,usdVolume,trades',
      '0 1 5436 7 9',
    ],
    [
      'Euronext',
      'Date,Open,High,Low,Last,Close,Number of Shares,Number of Trades,Turnover,vwap',
      '0 - 1235 6 7',
    ],
    ['Tushare', 'ts_code,trade_date,open,high,low,close,pre_close,change,pct_chg,vol,amount', '1 0 2345 9 -'],
    ['Bybit', 'startTime,openPrice,highPrice,lowPrice,closePrice,volume,turnover', '0 - 1234 5 -'],
  ])('of %s is read by the words of its header', (_, line, wanted) => {
    const header = line.split(',').map((name) => name.trim());
    const places = (role: WordRole): number[] =>
      header
        .map((name, at) => ({ at, rank: rankOf(name, role) }))
        .filter(({ rank }) => rank >= 0)
        .sort((a, b) => a.rank - b.rank)
        .map(({ at }) => at);
    const [time, symbol, prices, volume, trades] = wanted.split(' ');
    const first = (role: WordRole): string => `${places(role)[0] ?? '-'}`;
    const [day, ofDay] = time!.split('+');
    expect(ofDay === undefined ? `${[...places('time'), ...places('date')][0]}` : first('date')).toBe(day);
    if (ofDay !== undefined) expect(header[Number(ofDay)]).toMatch(/^<?time>?$/i);
    expect(first('symbol')).toBe(symbol);
    expect((['open', 'high', 'low', 'close'] as const).map(first).join('')).toBe(prices);
    expect([first('volume'), first('trades')]).toEqual([volume, trades]);
  });

  it('has the symbol in a column of any name, if several records have one stamp', async () => {
    const rows = MINUTES.flatMap((bar) =>
      ['SANT', '1U1'].map((one) => [one, 'EUR', bar.s, bar.open, bar.high, bar.low, bar.close].join(',')),
    );
    const text = (name: string): string =>
      `${name},Currency,Time,StartPrice,MaxPrice,MinPrice,EndPrice\n${rows.join('\n')}\n`;
    for (const name of ['Mnemonic', 'Kuerzel'])
      expect((await draft('2022-01-03_BINS_XETR08.csv', text(name))).layout.symbol).toMatchObject({
        kind: 'column',
        column: name,
      });
    expect((await draft('2022-01-03_BINS_XETR08.csv', text('Kuerzel'))).yaml.replace(/\n# /g, ' ')).toContain(
      'CHECK: several records have one stamp',
    );
  });

  it('named as CryptoDataDownload names its own is not theirs without their column of symbols', async () => {
    const text = csv(
      (bar) => [1000 * bar.s, bar.open, bar.high, bar.low, bar.close, bar.volume],
      'open_time,open,high,low,close,volume\n',
    );
    const path = join(folderWith({ 'df_ETHUSDT_1m.csv': text }), 'df_ETHUSDT_1m.csv');
    expect(await inspected(path)).toMatchObject({ fault: { kind: 'not-a-bar-file' } });
    expect((await bars('df_ETHUSDT_1m.csv', text)).slice(0, 2)).toEqual(wanted('ETHUSDT'));
  });

  it('says what nothing tells', async () => {
    const text = 'Date,Open,High,Low,Close\n2024-01-02,1,2,1,2\n2024-01-03,2,3,2,3\n';
    expect(await draft('HistoricalData_1704212345678.csv', text)).toMatchObject({
      venueUnknown: true,
      symbolMadeUp: 'HISTORICALDATA-1704212345678',
    });
    expect(await draft('kraken_XBTUSD.csv', text)).toMatchObject({ venueUnknown: false, symbolMadeUp: null });
  });

  it('has an interval whichever of its numbers is the month', async () => {
    const { layout, path } = await draft(
      'IBM.txt',
      csv((bar) => [
        '01/02/2024',
        new Date(1000 * bar.s).toISOString().slice(11, 16),
        bar.open,
        bar.high,
        bar.low,
        bar.close,
      ]),
    );
    expect(layout.interval).toMatchObject({ value: '1m' });
    expect((await read(path, layout)).reading.fault).toMatchObject({ kind: 'timestamp' });
  });

  it('says where nothing tells open from close', async () => {
    const flat = '1704205800,5,9,1,5\n1704205860,5,9,1,5\n1704205920,5,9,1,5\n';
    expect((await draft('ABC.csv', flat)).yaml.replace(/\n# /g, ' ')).toContain(
      'CHECK: nothing tells open and close apart',
    );
  });
});

function ofIb(seconds: number, hours: number): string {
  const [day, time] = new Date(1000 * (seconds + 3600 * hours)).toISOString().slice(0, 19).split('T');
  return `${day!.replaceAll('-', '')} ${time}`;
}
