import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { INDICATOR_NAMES } from '../../src/bars/columns.ts';
import { type ExportOptions, runExport } from '../../src/export/export.ts';
import { ALL_SERIES } from '../../src/series/series.ts';
import { testDatabase } from '../database.ts';
import { candles, load, scratchFolder, wipe } from '../e2e/loading.ts';
import { write } from '../e2e/market.ts';

/** What an export holds comes in again as it was: names, stamps, prices, NULLs, further columns, indicators. */

const source = await testDatabase();
const target = await testDatabase();
const scratch = scratchFolder();
const START = Date.UTC(2023, 11, 31, 18) / 1000;

/** Venue, interval and its seconds, symbols: some that CSV and paths take for something else. */
const LAYOUT = `name: desk
paths: '(?<venue>[a-z]+)_(?<interval>[0-9a-z]+)\\.csv$'
columns: { symbol: who, time: time, open: open, high: high, low: low, close: close, volume: volume, trades: trades }
header: required
time: { unit: s }
venue: { group: venue }
symbol: { column: who }
interval: { group: interval }
volume: optional
prices: any
order: symbol-time
session: America/New_York
calendar: forex
extra: { turnover: float8, oi: int8, settled: numeric, note: text }
`;

function records(interval: number, count: number): string {
  let text = 'who,time,open,high,low,close,volume,trades,turnover,oi,settled,note\n';
  let seed = 7;
  const random = (): number => {
    seed = (seed * 16_807) % 2_147_483_647;
    return seed / 2_147_483_647;
  };
  for (const symbol of ['"A,""B"""', 'X:BTC/USD', 'ÄÖ']) {
    let price = 10 ** (6 * random() - 3) - 0.5;
    for (let i = 0; i < count; i++) {
      if (i % 7 === 3) continue;
      const open = price;
      price += random() - 0.5;
      const [high, low] = [Math.max(open, price) + random(), Math.min(open, price) - random()];
      const volume = i % 5 === 2 ? '' : `${random() * 1e6}`;
      const more =
        i % 4 === 1
          ? ',,,'
          : `${random() / 3e9},${9_007_199_254_740_993n + BigInt(i)},1.10${i}00,"no ""${i}"", or"`;
      text += `${symbol},${START + i * interval},${open},${high},${low},${price},${volume},${i % 6 === 0 ? '' : i},${more}\n`;
    }
  }
  return text;
}

let whole = '';
beforeAll(async () => {
  const layout = write(scratch, 'desk.yaml', LAYOUT);
  const files = [
    write(scratch, 'in/desk_1h.csv', records(3600, 90)),
    write(scratch, 'in/other_5m.csv', records(300, 120)),
    write(scratch, 'in/desk_5m.csv', records(300, 60)),
  ];
  const summary = await load(source.url, files, { layout });
  expect(summary.tasks.failed).toBe(0);
  whole = await candles(source.pool);
});
afterEach(async () => {
  await wipe(target.pool);
});

let folders = 0;
async function exported(over: Partial<ExportOptions>): Promise<string> {
  const folder = join(scratch, `out${++folders}`);
  const options: ExportOptions = {
    url: source.url,
    folder,
    format: 'csv',
    by: ['venue', 'interval', 'year'],
    filter: ALL_SERIES,
    fromUs: null,
    toUs: null,
    indicators: INDICATOR_NAMES,
    workers: 2,
    drain: new AbortController().signal,
    ...over,
  };
  await runExport(source.pool, options, { file: () => {}, progress: () => {} });
  return folder;
}

describe('an export that is loaded again', () => {
  for (const [format, by, indicators] of [
    ['csv', ['venue', 'interval', 'year'], INDICATOR_NAMES],
    ['csv.zst', [], []],
    ['parquet', ['symbol', 'interval', 'venue'], INDICATOR_NAMES],
    ['arrow', ['year'], ['rsi_14']],
  ] as const) {
    it(`is the same table, bit for bit, by ${by.join(', ') || 'nothing'} as ${format}`, async () => {
      const folder = await exported({ format, by, indicators });
      const summary = await load(target.url, [folder]);
      expect(summary.tasks).toMatchObject({ failed: 0 });
      expect(summary.rows).toMatchObject({ rejected: 0, loaded: 693 });
      expect(await candles(target.pool)).toBe(whole);
      const { rows } = await target.pool.query('SELECT count(*)::int AS n FROM backhaul.series_rule');
      expect(rows).toEqual([{ n: 9 }]);
      expect((await load(target.url, [folder])).tasks).toMatchObject({ loaded: 0, failed: 0 });
    });
  }

  it('of a file alone, without its manifest, knows all but the types of further columns', async () => {
    const folder = await exported({ by: ['interval'], filter: { ...ALL_SERIES, intervals: [3600] } });
    const alone = write(
      scratch,
      'alone/moved.csv',
      readFileSync(join(folder, 'interval=1h/bars.csv'), 'utf8'),
    );
    const notes: string[] = [];
    await load(target.url, [alone], {}, (event) => {
      if (event.type === 'note') notes.push(event.message);
    });
    expect(notes.join()).toContain('turnover, oi, settled, note');
    const columns = 'venue, symbol, interval_s, ts, open, high, low, close, volume, trades, ema_20, rsi_14';
    const rows = (db: typeof source) =>
      db.pool.query(
        `SELECT ${columns} FROM backhaul.candles WHERE interval_s = 3600 ORDER BY venue, symbol, interval_s, ts`,
      );
    expect((await rows(target)).rows).toEqual((await rows(source)).rows);
  });

  it('fails for a file that is not as the manifest says', async () => {
    const folder = await exported({ by: ['interval'] });
    const path = join(folder, 'interval=1h/bars.csv');
    writeFileSync(path, readFileSync(path, 'utf8').split('\n').slice(0, -9).join('\n'));
    const faults: unknown[] = [];
    const summary = await load(target.url, [folder], {}, (event) => {
      if (event.type === 'task' && event.outcome === 'failed') faults.push(event.fault?.kind);
    });
    expect(summary.tasks.failed).toBe(1);
    expect(faults).toEqual(['checksum']);
  });
});
