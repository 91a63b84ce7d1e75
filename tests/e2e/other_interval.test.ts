import { gzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { testDatabase } from '../database.ts';
import { zipBytes } from '../producer/archive/zip_bytes.ts';
import { load, scratchFolder } from './loading.ts';
import { krakenCsv, massiveCsv, walk, write } from './market.ts';

/** A file whose records lie otherwise than the bars that its name or its layout says: what both say is told. */

const { pool, url } = await testDatabase();
const folder = scratchFolder();
const FROM = Date.UTC(2024, 4, 6, 13, 30) / 1000;
const every = (symbol: string, minutes: number, bars: number) =>
  walk(symbol, FROM, FROM + bars * minutes * 60, minutes * 60, 11, 1);
const text = (minutes: number, bars: number): string =>
  every('SPY', minutes, bars)
    .map(({ time, open, high, low, close, volume }) => {
      const stamp = new Date(time * 1000).toISOString().slice(0, 19).replace('T', ' ');
      return `${stamp},${open},${high},${low},${close},${volume}\n`;
    })
    .join('');

/** By the end of its path: what each file that failed was said to be, and what was found in it. */
async function failures(options: Parameters<typeof load>[2] = {}, source = folder) {
  const { failures: found, tasks } = await load(url, [source], options);
  expect(tasks.loaded).toBe(0);
  return Object.fromEntries(
    found.map(({ uri, entry, fault }) => [
      (entry ?? uri).split('/').at(-1),
      [/(\d+\w+) bars/.exec(fault.expected ?? '')?.[1], /records (\S+) apart/.exec(fault.found ?? '')?.[1]],
    ]),
  );
}

it('names both intervals, whoever has said the one and however the stamps are written', async () => {
  // Unix stamps, alone and in a zip; the first record is off for another reason, and a bar is missing here and there.
  const sparse = every('ADAUSD', 5, 200).filter((_, i) => i % 9 !== 4);
  const [first, ...rest] = sparse;
  write(folder, 'a/ADAUSD_1440.csv', krakenCsv([{ ...first!, high: first!.open / 2 }, ...rest]));
  const entries = [{ name: 'SOLUSD_60.csv', data: krakenCsv(every('SOLUSD', 15, 90).reverse()) }];
  write(folder, 'a/Kraken_OHLCVT_2024Q2.zip', zipBytes(entries));
  // Many symbols, in the order of each.
  const many = [...every('AA', 1, 40), ...every('BB', 1, 40), ...every('CC', 1, 40)];
  write(folder, 'us_stocks_sip/day_aggs_v1/2024/05/2024-05-06.csv.gz', massiveCsv(many));
  // Texts of a market whose hours open whenever it does: no grid tells.
  write(folder, 'b/SPY_full_1hour_adjsplit.txt', text(1, 30));
  write(folder, 'b/QQQ_full_1day_unadj.txt.gz', gzipSync(text(30, 30)));
  expect(await failures()).toEqual({
    'ADAUSD_1440.csv': ['1d', '5m'],
    'SOLUSD_60.csv': ['1h', '15m'],
    '2024-05-06.csv.gz': ['1d', '1m'],
    'SPY_full_1hour_adjsplit.txt': ['1h', '1m'],
    'QQQ_full_1day_unadj.txt.gz': ['1d', '30m'],
  });
  const layout = write(
    folder,
    'own.yaml',
    `name: own
paths: '(?<symbol>[A-Z]+)_full.*'
columns: [time, open, high, low, close, volume]
header: none
time: { unit: text }
venue: mine
symbol: { group: symbol }
interval: 4h
`,
  );
  expect(await failures({ layout }, `${folder}/b`)).toEqual({
    'SPY_full_1hour_adjsplit.txt': ['4h', '1m'],
    'QQQ_full_1day_unadj.txt.gz': ['4h', '30m'],
  });
  expect((await pool.query('SELECT FROM backhaul.candles')).rowCount).toBe(0);
});

it('takes bars that lie nearer now and then, as where a market opens, and all of them where that was asked for', async () => {
  const opens = every('DIA', 60, 24).flatMap((bar, i) =>
    i % 6 === 0 ? [{ ...bar, time: bar.time - 1800 }, bar] : [bar],
  );
  const lines = opens.map(({ time, open, high, low, close, volume }) => {
    const stamp = new Date(time * 1000).toISOString().slice(0, 19).replace('T', ' ');
    return `${stamp},${open},${high},${low},${close},${volume}\n`;
  });
  const path = write(folder, 'c/DIA_full_1hour_adjsplit.txt', lines.join(''));
  expect((await load(url, [path])).rows).toMatchObject({ loaded: opens.length, rejected: 0 });
  const near = `${folder}/b/SPY_full_1hour_adjsplit.txt`;
  expect((await load(url, [near], { onInvalid: ['off-grid'] })).rows).toMatchObject({ loaded: 30 });
});
