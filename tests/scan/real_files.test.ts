import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { RecordShape, Role, ScanChecks } from '../../src/scan/shape.ts';
import type { Input } from './reference.ts';
import { checksOf, type Run, scan, shapeOf } from './scan_run.ts';

const DATA = new URL('../../../shared/data/', import.meta.url);
const isThere = existsSync(DATA);
if (!isThere) process.stderr.write('real_files.test.ts: skipped, ../shared/data is absent\n');

const fileOf = (name: string): Buffer => readFileSync(new URL(name, DATA));
const filesOf = (folder: string): string[] =>
  readdirSync(new URL(folder, DATA)).map((name) => `${folder}/${name}`);

interface Expected {
  readonly bars: number;
  readonly first: number;
  readonly last: number;
  readonly close: number;
  readonly volume: number;
}

/** The table of known counts, by file. */
function expectations(): Map<string, Expected> {
  const lines = fileOf('EXPECTED.tsv').toString().trim().split('\n').slice(1);
  return new Map(
    lines.map((line) => {
      const [file, bars, first, last, close, volume] = line.split('\t');
      const us = (iso: string | undefined): number => Date.parse(iso!) * 1000;
      return [
        file!,
        {
          bars: Number(bars),
          first: us(first),
          last: us(last),
          close: Number(close),
          volume: Number(volume),
        },
      ];
    }),
  );
}

function expectAs(run: Run, expected: Expected): void {
  expect(run.fault).toBe(null);
  expect(run.unordered).toBe(false);
  expect(run.rejects).toEqual([]);
  expect(run.rows).toHaveLength(expected.bars);
  expect([run.rows[0]!.ts, run.rows.at(-1)!.ts]).toEqual([expected.first, expected.last]);
  const sum = (of: 'close' | 'volume'): number => run.rows.reduce((total, row) => total + row[of], 0);
  expect(sum('close') / expected.close).toBeCloseTo(1, 10);
  expect(sum('volume') / expected.volume).toBeCloseTo(1, 10);
}

const cutsOf = (bytes: Buffer): number[] =>
  Array.from({ length: Math.floor(bytes.length / 65_521) }, (_, i) => (i + 1) * 65_521);

function run(bytes: Buffer, shape: RecordShape, checks: Partial<ScanChecks>, more: Partial<Input> = {}): Run {
  const input: Input = {
    bytes,
    shape,
    checks: checksOf(checks),
    fixed: 'X',
    wanted: null,
    order: 'time',
    ...more,
  };
  return scan(input, cutsOf(bytes), 4096);
}

const KRAKEN: readonly Role[] = ['time', 'open', 'high', 'low', 'close', 'volume', 'trades'];
const BINANCE: readonly Role[] = [
  'time',
  'open',
  'high',
  'low',
  'close',
  'volume',
  'ignore',
  'ignore',
  'trades',
  'ignore',
  'ignore',
  'ignore',
];
const MASSIVE: readonly Role[] = ['symbol', 'volume', 'open', 'close', 'high', 'low', 'time', 'trades'];

/** Other names a role goes by, beside its own. */
const ALIASES: Partial<Record<Role, readonly string[]>> = {
  time: ['open_time', 'unix', 'unix_timestamp', 'window_start', 'date'],
  symbol: ['ticker'],
  volume: ['volume_btc', 'volume_eth'],
  trades: ['count', 'tradecount', 'transactions'],
};

function headed(roles: readonly Role[], more: Partial<RecordShape>): RecordShape {
  const shape = shapeOf(roles, more);
  return {
    ...shape,
    columns: shape.columns.map((column) => ({
      ...column,
      names: [...column.names, ...(ALIASES[column.role] ?? [])],
    })),
  };
}

describe.skipIf(!isThere)('real files', () => {
  const known = isThere ? expectations() : new Map<string, Expected>();

  it.each(isThere ? filesOf('kraken-ohlcvt') : [])('%s', (file) => {
    const minutes = Number(/_(\d+)\.csv$/.exec(file)![1]);
    const shape = headed(KRAKEN, { header: 'optional' });
    expectAs(run(fileOf(file), shape, { grid: 'epoch', intervalUs: minutes * 60e6 }), known.get(file)!);
  });

  it.each(isThere ? filesOf('kraken-headered') : [])('%s, which has a header', (file) => {
    const shape = headed(KRAKEN, { header: 'optional' });
    expectAs(run(fileOf(file), shape, { grid: 'epoch', intervalUs: 240 * 60e6 }), known.get(file)!);
  });

  it.each(isThere ? [...filesOf('binance-klines/spot-1h'), ...filesOf('binance-klines/um-1m')] : [])(
    '%s',
    (file) => {
      const shape = headed(BINANCE, { header: 'optional', time: 'magnitude' });
      const intervalUs = file.includes('-1m-') ? 60e6 : 3600e6;
      expectAs(run(fileOf(file), shape, { grid: 'epoch', intervalUs }), known.get(file)!);
    },
  );

  it.each([
    'Binance_BTCUSDT_1h.csv',
    'Binance_BTCUSDT_d.csv',
    'Bitstamp_ETHUSD_d.csv',
    'gemini_BTCUSD_1d.csv',
  ])('cryptodatadownload/%s', (name) => {
    const bytes = fileOf(`cryptodatadownload/${name}`);
    const shape = headed(['time', 'symbol', 'open', 'high', 'low', 'close', 'volume', 'trades'], {
      header: 'required',
      preamble: 1,
      time: 'magnitude',
    });
    const found = run(bytes, shape, { grid: 'none' }, { order: 'any' });
    expect(found.fault).toBe(null);
    // Every line but the header and the remark before it is a record, and each is a row or says why not.
    const lines = bytes.toString().trim().split('\n');
    const head = lines.findIndex((line) => /open/i.test(line)) + 1;
    expect(found.counters.recordsRead).toBe(lines.length - head);
    const noPrices = lines.slice(head).filter((line) => /,0\.0,0\.0,0\.0,0\.0,/.test(line)).length;
    expect(found.rejects.map(({ reason }) => reason)).toEqual(Array(noPrices).fill('price'));
  });

  it('massive-aggs with stamps of 17 digits fails whole', () => {
    const shape = headed(MASSIVE, { header: 'required', time: 'ns' });
    const bytes = fileOf('massive-aggs/stocks_minute_candlesticks_example.csv');
    const found = run(bytes, shape, { grid: 'epoch' }, { fixed: null, order: 'symbol-time' });
    expect(found.fault).toBe('timestamp 2 61');
    expect(found.message).toContain('16799904000000000, which would be 1970-07-14T10:38:24.000Z');
  });

  it('massive-aggs with stamps in seconds fails whole under nanoseconds, and loads under seconds', () => {
    const bytes = fileOf('massive-aggs/backt4j_testdata.csv');
    const more = { fixed: null, order: 'symbol-time' } as const;
    expect(run(bytes, headed(MASSIVE, { header: 'required', time: 'ns' }), {}, more).message).toContain(
      'As seconds it would be 2024-10-01T',
    );
    const found = run(
      bytes,
      headed(MASSIVE, { header: 'required', time: 's' }),
      {},
      { ...more, order: 'any' },
    );
    expect([found.fault, found.counters.recordsRead]).toEqual([
      null,
      bytes.toString().trim().split('\n').length - 1,
    ]);
  });

  it.each(isThere ? filesOf('massive-aggs').filter((name) => name.endsWith('.gz')) : [])(
    '%s holds no bars',
    (file) => {
      const shape = headed(MASSIVE, { header: 'required', time: 'ns' });
      const found = run(gunzipSync(fileOf(file)), shape, {}, { fixed: null, order: 'symbol-time' });
      expect(found.fault).toBe('not-a-bar-file 1 0');
    },
  );
});
