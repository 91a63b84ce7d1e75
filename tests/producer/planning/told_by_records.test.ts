import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { zipBytes } from '../archive/zip_bytes.ts';
import { folderWith, planned, us } from '../folder.ts';

/** What names say that are not the file's own is held against its records; where names say nothing, the records do. */

const HEADER = 'ticker,volume,open,close,high,low,window_start,transactions';

/** Records of Massive's at these stamps (ISO), a symbol each. */
function aggs(rows: readonly (readonly [symbol: string, at: string])[]): string {
  const lines = rows.map(([symbol, at]) => `${symbol},10,1,1,1,1,${us(at)}000,1`);
  return `${[HEADER, ...lines].join('\n')}\n`;
}

/** `count` records of a symbol, `minutes` apart, from 14:30Z of a day on. */
function apart(symbol: string, minutes: number, count: number, day = '2024-01-02'): [string, string][] {
  const first = us(`${day}T14:30:00Z`);
  return Array.from({ length: count }, (_, i) => [
    symbol,
    new Date((first + i * minutes * 60e6) / 1000).toISOString(),
  ]);
}

const minutes = gzipSync(aggs([...apart('AA', 1, 5), ...apart('BB', 1, 4)]));
/** Midnight of New York. */
const oneDay = gzipSync(
  aggs([
    ['AA', '2024-01-02T05:00:00Z'],
    ['BB', '2024-01-02T05:00:00Z'],
    ['CC', '2024-01-02T05:00:00Z'],
  ]),
);

async function lanes(
  files: Record<string, Uint8Array | string>,
  options: Parameters<typeof planned>[1] = {},
) {
  const { planned: tasks, failed, counts, notes } = await planned(folderWith(files), options);
  return {
    lanes: tasks.map(({ lane }) => lane),
    faults: failed.map(({ fault }) => fault),
    told: counts.byRecords,
    notes,
  };
}

describe('an interval', () => {
  it.each([
    ['minutes in a folder called days', 'days/2024-01-02.csv.gz', minutes, 60, 'days'],
    ['days in a folder called minute', 'minute/2024-01-02.csv.gz', oneDay, 86_400, 'minute'],
    ['minutes without a word of them', '2024-01-02.csv.gz', minutes, 60, null],
    ['days without a word of them', '2024-01-02.csv.gz', oneDay, 86_400, null],
    ['five minutes without a word', '2024-01-02.csv.gz', gzipSync(aggs(apart('AA', 5, 4))), 300, null],
  ])('is that of the records: %s', async (_, path, content, seconds, said) => {
    const { lanes: found, faults, told } = await lanes({ [path]: content });
    expect(faults).toEqual([]);
    expect(found).toEqual([`us_stocks_sip/*/${seconds}`]);
    expect(told).toEqual([
      { what: 'interval', is: { 60: '1m', 300: '5m', 86400: '1d' }[seconds], said, files: 1 },
    ]);
  });

  it('is that of many records further apart than a folder says', async () => {
    const { lanes: found } = await lanes({ '1m/2024-01-02.csv.gz': gzipSync(aggs(apart('AA', 60, 20))) });
    expect(found).toEqual(['us_stocks_sip/*/3600']);
    // A thin market has few bars, far apart.
    const thin = await lanes({ '1m/2024-01-02.csv.gz': gzipSync(aggs(apart('AA', 60, 5))) });
    expect(thin.lanes).toEqual(['us_stocks_sip/*/60']);
  });

  it('is nobody knows whose where folder and records disagree and the records leave a doubt', async () => {
    const odd = aggs([
      ['AA', '2024-01-02T14:31:00Z'],
      ['AA', '2024-01-02T14:38:00Z'],
      ['BB', '2024-01-02T15:00:00Z'],
    ]);
    const { faults } = await lanes({ 'daily/2024-01-02.csv.gz': gzipSync(odd) });
    expect(faults[0]).toMatchObject({
      kind: 'not-a-bar-file',
      expected: 'the folder name daily says 1d',
      found: expect.stringContaining('records'),
      hint: 'Say which it is: --interval.',
    });
    const said = await lanes({ 'daily/2024-01-02.csv.gz': gzipSync(odd) }, { interval: 60 });
    expect(said.lanes).toEqual(['us_stocks_sip/*/60']);
  });

  it('is what the user says of files that do not tell, unless their records cannot be so', async () => {
    const one = gzipSync(aggs([['AA', '2024-01-02T14:30:00Z']]));
    expect((await lanes({ '2024-01-02.csv.gz': one })).faults[0]!.hint).toContain('--interval 1m');
    expect((await lanes({ '2024-01-02.csv.gz': one }, { interval: 300 })).lanes).toEqual([
      'us_stocks_sip/*/300',
    ]);
    const { faults } = await lanes({ '2024-01-02.csv.gz': minutes }, { interval: 86_400 });
    expect(faults[0]).toMatchObject({ expected: '--interval says 1d', found: 'records 1m apart' });
  });

  it("of a file's own name stands, and a flag that says otherwise is named", async () => {
    const bar = '1775001600,1,2,0.5,1.5,10,3\n';
    const { lanes: found, notes } = await lanes(
      { 'XBTUSD_60.csv': bar, 'ETHUSD_60.csv': bar },
      { interval: 60 },
    );
    expect(found).toEqual(['kraken/ETHUSD/3600', 'kraken/XBTUSD/3600']);
    expect(notes).toEqual([expect.stringMatching(/interval is 1h: --interval 1m .* --intervals$/)]);
  });

  it('of days is told by the days of the zone, whatever its clocks do', async () => {
    const yaml =
      'columns: [time, open, high, low, close, volume]\ntime: { zone: Europe/Berlin, unit: text }\n' +
      "venue: xetra\nsymbol: { group: symbol }\ninterval: { group: interval }\npaths: '(?<symbol>[A-Z]+)\\.csv$'\n";
    const layout = join(folderWith({ 'xetra.yaml': yaml }), 'xetra.yaml');
    const days = ['2024-03-27', '2024-03-28', '2024-03-29', '2024-04-01', '2024-04-02'];
    const text = days.map((day) => `${day} 00:00:00,1,1,1,1,5\n`).join('');
    const { lanes: found, faults } = await lanes({ 'SAP.csv': text }, { layout });
    expect(faults).toEqual([]);
    expect(found).toEqual(['xetra/SAP/86400']);
  });
});

describe('a venue', () => {
  const crypto = gzipSync(aggs(apart('X:BTCUSD', 1, 4)));

  it('is that of the symbols where a folder further up says another', async () => {
    const { lanes: found, told } = await lanes({
      'us_stocks_sip/more/minute_aggs_v1/2024-01-02.csv.gz': crypto,
    });
    expect(found).toEqual(['global_crypto/*/60']);
    expect(told).toEqual([{ what: 'venue', is: 'global_crypto', said: 'us_stocks_sip', files: 1 }]);
  });

  it('is what the user says', async () => {
    const { lanes: found } = await lanes({ 'minute/2024-01-02.csv.gz': crypto }, { venue: 'desk' });
    expect(found).toEqual(['desk/*/60']);
  });
});

describe('a dataset of Massive', () => {
  it('that is none of those known is an error that names it and them', async () => {
    for (const path of [
      'us_futures_ice/minute_aggs_v1/2024/01/2024-01-02.csv.gz',
      'us_bonds_otc/day_aggs_v1/2024/01/2024-01-02.csv.gz',
      'global_futures/session_aggs_v1/2024/01/2024-01-02.csv.gz',
    ]) {
      const { faults, lanes: found } = await lanes({ [path]: minutes });
      expect(found).toEqual([]);
      const dataset = path.slice(0, path.indexOf('/'));
      expect(faults[0]!.message + faults[0]!.found).toContain(dataset);
    }
    const { faults } = await lanes({ 'us_futures_ice/minute_aggs_v1/2024/01/2024-01-02.csv.gz': minutes });
    expect(faults[0]!.expected).toBe(
      'one of us_stocks_sip, us_options_opra, us_indices, global_forex, global_crypto, us_futures_cme, ' +
        'us_futures_cbot, us_futures_comex, us_futures_nymex',
    );
  });

  it('of futures is not taken for stocks where nothing names it', async () => {
    const header =
      'ticker,exchange,volume,open,close,high,low,window_start,transactions,dollar_volume,session_end_date';
    const text = `${header}\nESU6,1,1,5,5,5,5,${us('2026-07-13T22:00:00Z')}000,1,5,2026-07-14\n`;
    const files = { 'minute/2026-07-14.csv.gz': gzipSync(text) };
    expect((await lanes(files)).faults[0]!.message).toBe(
      'looks like massive-futures, but its name does not tell the venue',
    );
    expect((await lanes(files, { venue: 'us_futures_cme' })).lanes).toEqual(['us_futures_cme/*/60']);
  });

  it('without bars is named for what it is and refused', async () => {
    const { faults, lanes: found } = await lanes({
      'us_stocks_sip/trades_v1/2024/01/2024-01-02.csv.gz': minutes,
      'us_options_opra/quotes_v1/2024/01/2024-01-02.csv.gz': minutes,
      'us_indices/values_v1/2024/01/2024-01-02.csv.gz': minutes,
      'futures/um/daily/bookTicker/BTCUSDT/BTCUSDT-bookTicker-2024-01-02.zip': zipBytes([
        { name: 'BTCUSDT-bookTicker-2024-01-02.csv', data: '1,2,3\n' },
      ]),
    });
    expect(found).toEqual([]);
    expect(faults.map(({ message }) => message)).toEqual([
      "Binance's bookTicker are best bids and offers, no bars",
      'us_indices/values holds single values of indices, no bars',
      'us_options_opra/quotes holds quotes, no bars',
      'us_stocks_sip/trades holds single trades, no bars',
    ]);
    expect(faults.at(-1)!.hint).toMatch(/sale conditions/);
  });

  it('with several tickers side by side is refused by name, whichever line has them', async () => {
    const rows = '2024-01-02,1,7,2,8,0.5,6,1,7,9,8\n2024-01-03,1,7,2,8,0.5,6,1,7,9,8\n';
    const prices = 'Close,Close,High,High,Low,Low,Open,Open,Volume,Volume';
    const tickers = 'KO,PEP,KO,PEP,KO,PEP,KO,PEP,KO,PEP';
    const { faults, lanes: found } = await lanes({
      'KO.csv': `Price,${prices}\nTicker,${tickers}\nDate,,,,,,,,,,\n${rows}`,
      'old.csv': `,${prices}\n,${tickers}\nDate,,,,,,,,,,\n${rows}`,
      'grouped.csv': `Ticker,${tickers}\nPrice,${prices}\nDate,,,,,,,,,,\n${rows}`,
    });
    expect(found).toEqual([]);
    expect(faults.map(({ message, found: named }) => `${message}: ${named}`)).toEqual(
      Array(3).fill('the file has the columns of several tickers side by side: KO, PEP'),
    );
  });
});

describe('a date', () => {
  it('of a folder further up leaves out no file whose records are of another time', async () => {
    const bar = `${us('2023-05-01T00:00:00Z') / 1e6},1,2,0.5,1.5,10,3\n`;
    const files = { 'Kraken_OHLCVT_2024Q1/XBTUSD_60.csv': bar };
    const { lanes: found, told } = await lanes(files, { fromUs: us('2023-04-01'), toUs: us('2023-07-01') });
    expect(found).toEqual(['kraken/XBTUSD/3600']);
    expect(told).toEqual([{ what: 'date', is: '', said: '2024', files: 1 }]);
  });
});
