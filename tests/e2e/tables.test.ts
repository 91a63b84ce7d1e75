import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import * as arrow from 'apache-arrow';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Fault } from '../../src/faults/fault.ts';
import { lz4Frame } from '../../src/producer/archive/table/lz4.ts';
import { testDatabase } from '../database.ts';
import { zipBytes } from '../producer/archive/zip_bytes.ts';
import { candles, load, scratchFolder, wipe } from './loading.ts';
import { write } from './market.ts';

/** Parquet and Arrow files as sources: what others write comes in as the CSV of the same rows does. */

const database = await testDatabase();
const folder = scratchFolder();

afterEach(async () => {
  await wipe(database.pool);
});

/** Rows of two symbols, an hour apart: written by DuckDB, so that nothing of ours says what Parquet is. */
const ROWS = `SELECT s AS symbol, to_timestamp(1704067200 + 3600 * i) AS ts, 100.25 + (i * 7 % 13) AS open,
    110.5 + (i * 7 % 13) AS high, 80.125 + (i * 7 % 13) AS low, 101.75 + (i * 5 % 11) % 8 AS close,
    CASE WHEN i % 9 <> 4 THEN i * 1.5 END AS volume, i AS trades
  FROM (VALUES ('AAA'), ('BBB')) t(s), range(400) r(i) ORDER BY s, i`;

async function duck(...statements: string[]): Promise<void> {
  const instance = await DuckDBInstance.create();
  const connection = await instance.connect();
  try {
    for (const sql of statements) await connection.run(sql);
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

const path = (name: string): string => join(folder, name);
let expected = '';

beforeAll(async () => {
  await duck(
    `SET TimeZone = 'UTC'`,
    `CREATE TABLE t AS ${ROWS}`,
    `COPY (SELECT symbol, epoch(ts)::int8 AS time, open, high, low, close, volume, trades FROM t) TO '${path('plain.csv')}'`,
    `COPY t TO '${path('ts.parquet')}' (ROW_GROUP_SIZE 122880)`,
    `COPY (SELECT symbol, epoch_ms(ts)::int8 AS time, open::decimal(18,3) AS open, high::decimal(9,3) AS high,
       low, close, volume, trades::smallint AS trades, [1, 2].len() AS other FROM t)
     TO '${path('ms.parquet')}' (ROW_GROUP_SIZE 2048, COMPRESSION zstd)`,
    `COPY (SELECT symbol, strftime(ts, '%Y-%m-%d %H:%M:%S') AS date, open, high, low, close, volume, trades FROM t)
     TO '${path('text.parquet')}' (COMPRESSION gzip)`,
    `COPY (SELECT *, [1, 2] AS list FROM t) TO '${path('nested.parquet')}'`,
    `COPY (SELECT * REPLACE (CASE WHEN trades = 7 THEN -close ELSE close END AS close) FROM t) TO '${path('bad.parquet')}'`,
  );
  const layout = write(
    folder,
    'plain.yaml',
    `columns: [symbol, time, open, high, low, close, volume, trades]
venue: desk
symbol: { column: symbol }
interval: 1h
volume: optional
order: symbol-time`,
  );
  await load(database.url, [path('plain.csv')], { layout });
  expected = await candles(database.pool);
  expect(expected.split('\n')).toHaveLength(800);
  await wipe(database.pool);
});

async function loaded(file: string): Promise<{ faults: Fault[]; rejected: number }> {
  const summary = await load(database.url, [file], { venue: 'desk' });
  const faults = summary.failures.map(({ fault }) => fault);
  return { faults, rejected: summary.rows.rejected };
}

/** A frame of LZ4 whose blocks are stored as they are. */
function lz4Stored(bytes: Uint8Array): Uint8Array {
  const head = Buffer.from('04224d18604082', 'hex');
  const size = Buffer.alloc(4);
  size.writeUInt32LE((bytes.length | 0x80000000) >>> 0);
  return Buffer.concat([head, ...(bytes.length > 0 ? [size, bytes] : []), Buffer.alloc(4)]);
}

describe('a Parquet file', () => {
  for (const name of ['ts', 'ms', 'text'])
    it(`of DuckDB (${name}) is the table its CSV is`, async () => {
      expect(await loaded(path(`${name}.parquet`))).toEqual({ faults: [], rejected: 0 });
      expect(await candles(database.pool)).toBe(expected);
    });

  it('in a zip is read too, and its rejects name the row', async () => {
    const zip = path('p.zip');
    const bytes = zipBytes([{ name: 'bad.parquet', data: readFileSync(path('bad.parquet')) }]);
    write(folder, 'p.zip', bytes);
    expect(await loaded(zip)).toEqual({ faults: [], rejected: 2 });
    const { rows } = await database.pool.query(
      'SELECT line::int, reason, field FROM backhaul.reject ORDER BY line',
    );
    expect(rows).toEqual([
      { line: 8, reason: 'price', field: 'close' },
      { line: 408, reason: 'price', field: 'close' },
    ]);
  });

  it('that is nested, cut or damaged is named, and nothing of it is kept', async () => {
    expect((await loaded(path('nested.parquet'))).faults).toMatchObject([
      { kind: 'unsupported', message: expect.stringContaining('list') },
    ]);
    const whole = readFileSync(path('ts.parquet'));
    const cut = write(folder, 'cut.parquet', whole.subarray(0, -100));
    expect((await loaded(cut)).faults).toMatchObject([{ kind: 'truncated' }]);
    const broken = Buffer.from(whole);
    broken.fill(0x55, 40, 400);
    expect((await loaded(write(folder, 'broken.parquet', broken))).faults).toMatchObject([
      { kind: 'corrupt' },
    ]);
    expect(await candles(database.pool)).toBe('');
    // The decoder is not the worse for it.
    expect(await loaded(path('ts.parquet'))).toEqual({ faults: [], rejected: 0 });
  });
});

describe('an Arrow file', () => {
  function arrowBytes(kind: 'file' | 'stream'): Uint8Array {
    const lines = readFileSync(path('plain.csv'), 'utf8').trim().split('\n').slice(1);
    const fields = lines.map((line) => line.split(','));
    const numbers = (at: number): arrow.Vector =>
      arrow.vectorFromArray(
        fields.map((field) => (field[at] === '' ? null : Number(field[at]))),
        new arrow.Float64(),
      );
    const table = new arrow.Table({
      ticker: arrow.vectorFromArray(
        fields.map(([symbol]) => symbol!),
        new arrow.Dictionary(new arrow.Utf8(), new arrow.Int16()),
      ),
      date: arrow.vectorFromArray(
        fields.map((field) => Number(field[1]) * 1000),
        new arrow.TimestampMillisecond(),
      ),
      Open: numbers(2),
      High: numbers(3),
      Low: numbers(4),
      Close: numbers(5),
      Volume: numbers(6),
      trades: numbers(7),
    });
    return arrow.tableToIPC(table, kind);
  }

  it('and a stream are the table their CSV is', async () => {
    expect(await loaded(write(folder, 'a.feather', arrowBytes('file')))).toEqual({ faults: [], rejected: 0 });
    expect(await candles(database.pool)).toBe(expected);
    await wipe(database.pool);
    expect(await loaded(write(folder, 'a.arrows', arrowBytes('stream')))).toEqual({
      faults: [],
      rejected: 0,
    });
    expect(await candles(database.pool)).toBe(expected);
  });

  it('of freqtrade is told by its path, spot and futures apart', async () => {
    // freqtrade/data/history/datahandlers/featherdatahandler.py of 2024.9: DEFAULT_DATAFRAME_COLUMNS, the date a stamp
    // with a zone, to_feather(compression='lz4'); held against the files of its tests/testdata when this was written.
    const candlesOf = (close: number): Uint8Array => {
      const doubles = (...values: number[]): arrow.Vector =>
        arrow.vectorFromArray(values, new arrow.Float64());
      const table = new arrow.Table({
        date: arrow.vectorFromArray(
          [1_570_752_000_000, 1_570_752_300_000],
          new arrow.Timestamp(arrow.TimeUnit.MILLISECOND, 'UTC'),
        ),
        open: doubles(0.00141342, 0.00141331),
        high: doubles(0.00141658, 0.00141469),
        low: doubles(0.00141192, 0.00141159),
        close: doubles(close, 0.00141161),
        volume: doubles(3478, 3178),
      });
      const writer = new arrow.RecordBatchFileWriter({ compressionType: arrow.CompressionType.LZ4_FRAME });
      return writer.writeAll(table).toUint8Array(true);
    };
    arrow.compressionRegistry.set(arrow.CompressionType.LZ4_FRAME, { encode: lz4Stored, decode: lz4Frame });
    for (const [name, close] of [
      ['binance/XRP_ETH-5m.feather', 0.00141192],
      ['binance/futures/XRP_ETH_ETH-5m-futures.feather', 0.00141193],
    ] as const)
      write(folder, `user_data/data/${name}`, candlesOf(close));
    const summary = await load(database.url, [path('user_data')], {});
    expect(summary.failures).toEqual([]);
    expect(
      (await candles(database.pool)).split('\n').map((line) =>
        line
          .split(/[|,\t]/)
          .slice(0, 8)
          .join(' '),
      ),
    ).toMatchInlineSnapshot(`
      [
        "(binance XRPETH 300 "2019-10-11 00:00:00+00" 0.00141342 0.00141658 0.00141192 0.00141192",
        "(binance XRPETH 300 "2019-10-11 00:05:00+00" 0.00141331 0.00141469 0.00141159 0.00141161",
        "(binance-futures XRPETH 300 "2019-10-11 00:00:00+00" 0.00141342 0.00141658 0.00141192 0.00141193",
        "(binance-futures XRPETH 300 "2019-10-11 00:05:00+00" 0.00141331 0.00141469 0.00141159 0.00141161",
      ]
    `);
  });

  it('that was cut is named, and nothing of it is kept', async () => {
    for (const kind of ['file', 'stream'] as const) {
      const bytes = arrowBytes(kind);
      const name = kind === 'file' ? 'cut.arrow' : 'cut.arrows';
      const { faults } = await loaded(write(folder, name, bytes.subarray(0, bytes.length - 64)));
      expect(faults).toMatchObject([{ kind: 'truncated' }]);
    }
    expect(await candles(database.pool)).toBe('');
  });
});
