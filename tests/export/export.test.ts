import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { DuckDBInstance } from '@duckdb/node-api';
import { tableFromIPC } from 'apache-arrow';
import { beforeAll, describe, expect, it } from 'vitest';
import { INDICATOR_NAMES } from '../../src/bars/columns.ts';
import { type ExportOptions, type ExportSummary, runExport } from '../../src/export/export.ts';
import type { Manifest } from '../../src/export/manifest.ts';
import { PARTITION_KEYS, planFiles } from '../../src/export/partition_plan.ts';
import { ALL_SERIES } from '../../src/series/series.ts';
import { answerOf } from '../commands/in_process.ts';
import { jsonLines } from '../commands/run_cli.ts';
import { testDatabase } from '../database.ts';
import { scratchFolder } from '../e2e/loading.ts';
import { addBars, addSeries, at } from '../gaps/loaded_market.ts';

const LAUNCHER = fileURLToPath(new URL('../../bin/backhaul.js', import.meta.url));
const database = await testDatabase();
const scratch = scratchFolder();

/** Names that a path, a CSV field and a folder called `..` would take for something else. */
const SYMBOLS = ['XBTUSD', 'X:BTC/USD', 'A,"B"', '..', 'ÄÖ'];
const MINUTE = 60_000_000;

beforeAll(async () => {
  let seed = 7;
  const random = (): number => {
    seed = (seed * 16_807) % 2_147_483_647;
    return seed / 2_147_483_647;
  };
  for (const symbol of SYMBOLS) {
    for (const intervalS of [60, 86_400]) {
      const id = await addSeries(database.pool, 'kraken', symbol, intervalS);
      const stamps = Array.from({ length: 300 }, (_, i) => at('2023-12-31T21:00:00Z') + i * intervalS * 1e6);
      await addBars(
        database.pool,
        id,
        stamps,
        stamps.map(() => random() * 10 ** Math.floor(random() * 20 - 10)),
      );
    }
  }
  const other = await addSeries(database.pool, 'us_indices', 'I:SPX', 60);
  await addBars(database.pool, other, [at('2024-02-29T14:30:00Z'), at('2024-02-29T14:30:00Z') + MINUTE]);
  await database.pool.query(
    `UPDATE backhaul.bars SET volume = NULL, trades = NULL WHERE series_id = $1;`.replace(
      '$1',
      String(other),
    ),
  );
  await database.pool.query(
    `UPDATE backhaul.bars SET trades = 9007199254740993, sma_20 = close / 3, rsi_14 = '-0' WHERE extract(minute FROM ts) = 7`,
  );
});

let folders = 0;
async function exported(over: Partial<ExportOptions>): Promise<{ folder: string; summary: ExportSummary }> {
  const folder = over.folder ?? join(scratch, `out${++folders}`);
  const summary = await runExport(
    database.pool,
    {
      url: database.url,
      folder,
      format: 'parquet',
      by: ['venue', 'interval', 'year'],
      filter: ALL_SERIES,
      fromUs: null,
      toUs: null,
      indicators: INDICATOR_NAMES,
      workers: 2,
      drain: new AbortController().signal,
      ...over,
    },
    { file: () => {}, progress: () => {} },
  );
  return { folder, summary };
}

/** The bars as text that loses nothing: the bits of each double. */
async function stored(): Promise<string[]> {
  const bits = (name: string): string => `coalesce(encode(float8send(${name}), 'hex'), '-')`;
  const { rows } = await database.pool.query<{ line: string }>(
    `SELECT concat_ws('|', venue, symbol, interval_s, (extract(epoch FROM ts) * 1000000)::int8, coalesce(trades::text, '-'),
       ${['open', 'close', 'volume', 'sma_20', 'rsi_14'].map(bits).join(', ')}) AS line FROM backhaul.candles`,
  );
  return rows.map(({ line }) => line).sort();
}

/** The same of what a reader gives: names, whole numbers, then doubles. */
function line(names: readonly unknown[], doubles: readonly (number | null)[]): string {
  const bits = (value: number | null): string => {
    if (value === null) return '-';
    const bytes = Buffer.alloc(8);
    bytes.writeDoubleBE(value);
    return bytes.toString('hex');
  };
  return [...names.map((name) => name ?? '-'), ...doubles.map(bits)].join('|');
}

const filesBelow = (folder: string): string[] =>
  (readdirSync(folder, { recursive: true }) as string[])
    .filter((name) => statSync(join(folder, name)).isFile())
    .sort();

async function duck(sql: string): Promise<(string | number | bigint | null)[][]> {
  const instance = await DuckDBInstance.create();
  const connection = await instance.connect();
  try {
    return (await connection.runAndReadAll(sql)).getRows() as (string | number | bigint | null)[][];
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

describe('an export', () => {
  it('as Parquet is what DuckDB reads, to the last digit, with names that lead nowhere', async () => {
    const { folder, summary } = await exported({});
    expect(summary).toMatchObject({ rows: 3002, series: 11, interrupted: false });
    expect(filesBelow(folder)).toEqual([
      'manifest.json',
      'venue=kraken/interval=1d/year=2023/bars.parquet',
      'venue=kraken/interval=1d/year=2024/bars.parquet',
      'venue=kraken/interval=1m/year=2023/bars.parquet',
      'venue=kraken/interval=1m/year=2024/bars.parquet',
      'venue=us_indices/interval=1m/year=2024/bars.parquet',
    ]);
    const rows = await duck(
      `SELECT venue, symbol, interval_s, epoch_us(ts), trades, open, close, volume, sma_20, rsi_14
       FROM read_parquet('${folder}/**/*.parquet', hive_partitioning = true)`,
    );
    const lines = rows.map((row) => line(row.slice(0, 5), row.slice(5) as (number | null)[]));
    expect(lines.sort()).toEqual(await stored());
    const plan = await duck(
      `EXPLAIN SELECT close FROM read_parquet('${folder}/**/*.parquet', hive_partitioning = true)
       WHERE venue = 'kraken' AND "interval" = '1d' AND year = 2024`,
    );
    expect(plan.flat().join('\n')).toMatch(/Scanning Files: 1\/5/);
  });

  it('has a file of its own for each part, whatever it is cut by and however many years there are', () => {
    const year = 31_556_952_000_000;
    const series = ['A', 'B'].flatMap((symbol, i) =>
      [60, 86_400].map((intervalS) => {
        const fromUs = at('2021-03-04T00:00:00Z') + i * year;
        return {
          seriesId: intervalS + i,
          venue: `v${i}`,
          symbol,
          intervalS,
          firstUs: fromUs,
          lastUs: fromUs + 2 * year,
        };
      }),
    );
    const everything = { fromUs: Number.NEGATIVE_INFINITY, toUs: Number.POSITIVE_INFINITY };
    for (let mask = 0; mask < 1 << PARTITION_KEYS.length; mask++) {
      const by = PARTITION_KEYS.filter((_, i) => (mask & (1 << i)) !== 0);
      const files = planFiles(series, by, 'csv', everything);
      expect([by, new Set(files.map(({ path }) => path)).size]).toEqual([by, files.length]);
      // Together they hold all of the time of every series, once.
      for (const one of series) {
        const held = files.filter((file) => file.series.includes(one));
        const us = held.reduce(
          (sum, file) => sum + Math.min(file.toUs, one.lastUs + 1) - Math.max(file.fromUs, one.firstUs),
          0,
        );
        expect([by, us]).toEqual([by, one.lastUs + 1 - one.firstUs]);
      }
    }
  });

  it('is sorted by symbol and time, with statistics a reader can skip row groups by', async () => {
    const { folder } = await exported({ by: ['interval'] });
    const file = join(folder, 'interval=1m', 'bars.parquet');
    const rows = await duck(
      `SELECT symbol, epoch_us(ts) FROM read_parquet('${file}', hive_partitioning = false)`,
    );
    const names = rows.map(([symbol, us]) => `${symbol} ${us}`);
    expect(names).toEqual([...names].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0)));
    const [statistics] = await duck(
      `SELECT stats_min_value, stats_max_value FROM parquet_metadata('${file}') WHERE path_in_schema = 'symbol'`,
    );
    expect(statistics).toEqual(['..', 'ÄÖ']);
  });

  it('tells the rows and the SHA-256 of each file in its manifest', async () => {
    const { folder } = await exported({ format: 'csv' });
    const manifest = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')) as {
      rows: number;
      files: ReturnType<Manifest['files']['get']>[];
    };
    expect(manifest.rows).toBe(3002);
    for (const file of manifest.files) {
      const bytes = readFileSync(join(folder, file!.path));
      expect(createHash('sha256').update(bytes).digest('hex')).toBe(file!.sha256);
      expect(bytes.toString().split('\n').length - 2).toBe(file!.rows);
    }
  });

  it('as CSV, packed or not, and as Arrow says the same', async () => {
    const plain = await exported({ format: 'csv', by: ['month'] });
    const path = 'month=2023-12/bars';
    const text = readFileSync(join(plain.folder, `${path}.csv`), 'utf8');
    expect(text.split('\n', 2)[0]).toMatch(
      /^venue,symbol,interval_s,ts,open,high,low,close,volume,trades,sma_20,/,
    );
    expect(text).toContain('kraken,"A,""B""",60,2023-12-31T21:00:00Z,');
    const gz = await exported({ format: 'csv.gz', by: ['month'] });
    expect(gunzipSync(readFileSync(join(gz.folder, `${path}.csv.gz`))).toString()).toBe(text);
    const zst = await exported({ format: 'csv.zst', by: ['month'] });
    expect(zstdDecompressSync(readFileSync(join(zst.folder, `${path}.csv.zst`))).toString()).toBe(text);
    // DuckDB finds the month in the path, and opens no other file.
    const [months] = await duck(`SELECT count(*), sum(interval_s)::int FROM '${plain.folder}/*/*.csv'`);
    const read = async (folder: string, end: string): Promise<unknown> => {
      const from = `read_csv('${folder}/*/*.${end}', hive_partitioning = true)`;
      const plan = await duck(`EXPLAIN SELECT * FROM ${from} WHERE month = '2024-03'`);
      expect(plan.flat().join('\n')).toMatch(/Scanning Files: 1\/11/);
      return (await duck(`SELECT count(*), sum(interval_s)::int FROM ${from}`))[0];
    };
    expect(months![0]).toBe(3002n);
    expect(await read(gz.folder, 'csv.gz')).toEqual(months);
    expect(await read(zst.folder, 'csv.zst')).toEqual(months);
    const ipc = await exported({ format: 'arrow', by: [] });
    const table = tableFromIPC(readFileSync(join(ipc.folder, 'bars.arrow')));
    const lines = table.toArray().map((row) => {
      const { venue, symbol, interval_s, ts, open, close, volume, trades, sma_20, rsi_14 } = row.toJSON();
      const us = BigInt(Math.round(Number(ts) * 1000));
      return line([venue, symbol, interval_s, us, trades], [open, close, volume, sma_20, rsi_14]);
    });
    expect(lines.sort()).toEqual(await stored());
  });

  it('holds only what was asked for', async () => {
    const { folder, summary } = await exported({
      filter: { symbols: ['XBTUSD'], tierSymbols: null, intervals: [60] },
      fromUs: at('2023-12-31T22:00:00Z'),
      toUs: at('2024-01-01T00:30:00Z'),
      by: ['symbol'],
      format: 'csv',
    });
    expect(summary).toMatchObject({ rows: 150, files: 1 });
    const lines = readFileSync(join(folder, 'symbol=XBTUSD/bars.csv'), 'utf8').trim().split('\n');
    expect(lines[1]).toMatch(/^kraken,60,2023-12-31T22:00:00Z,/);
    expect(lines.at(-1)).toMatch(/^kraken,60,2024-01-01T00:29:00Z,/);
  });

  it('has a column of the indicators that are asked for alone', async () => {
    const { folder } = await exported({ format: 'csv', by: ['venue'], indicators: ['rsi_14'] });
    const header = readFileSync(join(folder, 'venue=kraken/bars.csv'), 'utf8').split('\n', 1)[0]!;
    expect(header).toBe('symbol,interval_s,ts,open,high,low,close,volume,trades,rsi_14');
    expect(JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8'))).toMatchObject({
      indicators: ['rsi_14'],
    });
    const answer = await answerOf(
      ['export', join(scratch, 'bare'), '--indicators', 'none', '--format', 'arrow'],
      {
        env: { DATABASE_URL: database.url },
      },
    );
    expect(answer).toMatchObject({ code: 0 });
    const path = join(scratch, 'bare/venue=kraken/interval=1m/year=2024/bars.arrow');
    expect(tableFromIPC(readFileSync(path)).schema.fields.map(({ name }) => name)).toEqual([
      ...['symbol', 'interval_s', 'ts', 'open', 'high', 'low', 'close', 'volume', 'trades'],
    ]);
  });

  it('goes on where it was interrupted, keeps whole files and takes away half ones', async () => {
    const folder = join(scratch, 'resumed');
    const stop = new AbortController();
    stop.abort();
    const first = await exported({ folder, format: 'csv', drain: stop.signal });
    expect(first.summary).toMatchObject({ interrupted: true, files: 0 });
    writeFileSync(join(folder, 'x.csv.unfinished'), 'half');
    const drain = new AbortController();
    const some = await runExport(
      database.pool,
      {
        url: database.url,
        folder,
        format: 'csv',
        by: ['venue', 'interval', 'year'],
        filter: ALL_SERIES,
        fromUs: null,
        toUs: null,
        indicators: INDICATOR_NAMES,
        workers: 1,
        drain: drain.signal,
      },
      { file: () => drain.abort(), progress: () => {} },
    );
    expect(some).toMatchObject({ interrupted: true, files: 1 });
    const { summary } = await exported({ folder, format: 'csv' });
    expect(summary).toMatchObject({ interrupted: false, files: 5, filesKept: 1, rows: 3002 });
    expect(filesBelow(folder).filter((name) => !name.endsWith('bars.csv'))).toEqual(['manifest.json']);
  });

  it('on a disk that fills stops with one line, leaves nothing half written, and goes on', async () => {
    const folder = join(scratch, 'full');
    const words = ['export', folder, '--by', 'venue,interval'];
    // No file may have more than 20 KB: the manifest has fewer, of the Parquet files one.
    const stopped = spawnSync(
      'sh',
      ['-c', 'ulimit -f 40 && exec "$0" "$@"', process.execPath, LAUNCHER, ...words],
      {
        encoding: 'utf8',
        env: { ...process.env, DATABASE_URL: database.url, NO_COLOR: '1' },
      },
    );
    expect(stopped).toMatchObject({ status: 1, stdout: '' });
    expect(stopped.stderr).toMatch(
      /^backhaul: the file would be larger than files may be here\n +at .*bars\.parquet\n.*make room and give the same command again/,
    );
    const left = filesBelow(folder);
    expect(left).toContain('manifest.jsonl');
    expect(left.filter((name) => name.endsWith('.unfinished'))).toEqual([]);
    expect((await answerOf(words, { env: { DATABASE_URL: database.url } })).code).toBe(0);
    expect(filesBelow(folder)).toEqual([
      'manifest.json',
      'venue=kraken/interval=1d/bars.parquet',
      'venue=kraken/interval=1m/bars.parquet',
      'venue=us_indices/interval=1m/bars.parquet',
    ]);
  });

  it('does not write into a folder that holds something', async () => {
    const folder = join(scratch, 'mine');
    await exported({ folder });
    await expect(exported({ folder })).rejects.toMatchObject({
      fault: { kind: 'usage', message: expect.stringContaining('whole already') },
    });
    writeFileSync(join(scratch, 'a file'), '');
    await expect(exported({ folder: join(scratch, 'a file') })).rejects.toMatchObject({
      fault: { kind: 'usage' },
    });
  });

  it('on the command line answers in one line', async () => {
    const env = { DATABASE_URL: database.url };
    const folder = join(scratch, 'by hand');
    const done = await answerOf(['export', folder, '--format', 'csv.zst', '--json'], { env });
    expect(done.code).toBe(0);
    expect(jsonLines(done.stdout).at(-1)).toMatchObject({ type: 'export', rows: 3002, files: 5 });
    const again = await answerOf(['export', folder], { env });
    expect(again).toMatchObject({ code: 2, stdout: '' });
    expect(again.stderr.trim().split('\n')).toHaveLength(1);
    const wrong = await answerOf(['export', join(scratch, 'none'), '--format', 'xlsx'], { env });
    expect(wrong).toMatchObject({ code: 2, stdout: '' });
    expect(wrong.stderr).toContain('expected parquet or arrow or csv');
    expect(existsSync(join(scratch, 'none'))).toBe(false);
  });
});
