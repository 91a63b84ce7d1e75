/**
 * Before anything is timed: a small load is held against what a plain reading of the same files says. Bars must be
 * equal to the bit, record by record; indicators are computed again from their definitions.
 */

import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { gunzipSync } from 'node:zlib';
import { BarColumns, INDICATOR_NAMES } from '../bars/columns.ts';
import { BarDecoder } from '../copy/bar_decoder.ts';
import { connect } from '../database/connect.ts';
import { BackhaulError } from '../faults/fault.ts';
import type { DayFiles } from './day_files.ts';
import type { ReadyMade } from './floor.ts';
import { plainIndicators } from './plain_indicators.ts';

/** What was compared. */
export interface CheckResult {
  readonly records: number;
  readonly series: number;
  /** Indicator values, and the greatest relative distance among them. */
  readonly values: number;
  readonly worst: number;
  /** SHA-256 of all bars, by symbol and time. */
  readonly sha256: string;
}

/** Rolling sums and plain ones round differently: no further apart than this. */
const TOLERANCE = 1e-9;

/** A bar as text: symbol, µs, open, high, low, close, volume, trades; numbers in their shortest spelling. */
type BarText = string;

interface PlainBar {
  readonly tsUs: number;
  readonly numbers: readonly [
    open: number,
    high: number,
    low: number,
    close: number,
    volume: number,
    trades: number,
  ];
}

/** Reads the files the plain way: `ticker,volume,open,close,high,low,window_start,transactions`. */
async function readPlain(data: DayFiles): Promise<Map<string, PlainBar[]>> {
  const series = new Map<string, PlainBar[]>();
  for (const { path } of data.files) {
    const [, ...lines] = gunzipSync(await readFile(path))
      .toString()
      .trimEnd()
      .split('\n');
    for (const line of lines) {
      const [ticker, volume, open, close, high, low, start, trades] = line.split(',') as [
        string,
        ...string[],
      ];
      const bar: PlainBar = {
        tsUs: Number(start!.slice(0, -3)),
        numbers: [Number(open), Number(high), Number(low), Number(close), Number(volume), Number(trades)],
      };
      const bars = series.get(ticker);
      if (bars === undefined) series.set(ticker, [bar]);
      else bars.push(bar);
    }
  }
  return series;
}

function barText(symbol: string, tsUs: number, numbers: readonly number[]): BarText {
  return `${symbol} ${tsUs} ${numbers.join(' ')}\n`;
}

const NEW_YORK_DAY = new Intl.DateTimeFormat('en-CA', { timeZone: 'America/New_York' });

function indicatorsOf(bars: readonly PlainBar[]): Record<string, number[]> {
  const cols = new BarColumns(bars.length);
  bars.forEach(({ tsUs, numbers }, i) => {
    cols.ts[i] = tsUs;
    [cols.open[i], cols.high[i], cols.low[i], cols.close[i], cols.volume[i], cols.trades[i]] = numbers;
  });
  cols.length = bars.length;
  return plainIndicators(cols, (ts) => NEW_YORK_DAY.format(ts / 1000));
}

/** Rows of a series as stored, oldest first: µs, open, high, low, close, volume, trades, the indicators; null for NULL. */
type StoredRow = readonly (number | null)[];

/** What was made of the files, wherever it went. */
export interface Stored {
  readonly rows: number;
  rowsOf(symbol: string): Promise<readonly StoredRow[]>;
}

/** Compares what was stored with the files. Fault `internal` with the first difference. */
async function checkAgainst(data: DayFiles, stored: Stored): Promise<CheckResult> {
  const expected = await readPlain(data);
  const wanted = createHash('sha256');
  const found = createHash('sha256');
  let records = 0;
  let values = 0;
  let worst = 0;
  for (const symbol of [...expected.keys()].sort()) {
    const bars = expected.get(symbol)!;
    const rows = await stored.rowsOf(symbol);
    if (rows.length !== bars.length) throw differs(symbol, `${bars.length} bars`, `${rows.length}`);
    for (const { tsUs, numbers } of bars) wanted.update(barText(symbol, tsUs, numbers));
    for (const row of rows) found.update(barText(symbol, row[0]!, row.slice(1, 7) as number[]));
    records += rows.length;
    const indicators = indicatorsOf(bars);
    INDICATOR_NAMES.forEach((name, k) => {
      rows.forEach((row, i) => {
        const distance = apart(indicators[name]![i]!, row[7 + k]!, bars[i]!.numbers[3]);
        if (distance > TOLERANCE)
          throw differs(`${name} of ${symbol}, bar ${i}`, `${indicators[name]![i]}`, `${row[7 + k]}`);
        worst = Math.max(worst, distance);
        values++;
      });
    });
  }
  if (stored.rows !== records) throw differs('all rows', `${records}`, `${stored.rows}`);
  const sha256 = found.digest('hex');
  const wantedSum = wanted.digest('hex');
  if (sha256 !== wantedSum) throw differs('the bars', wantedSum, sha256);
  return { records, series: expected.size, values, worst, sha256 };
}

/** Holds `candles` against the files. */
export async function checkTable(url: string, data: DayFiles): Promise<CheckResult> {
  const client = await connect(url, { applicationName: 'backhaul bench' });
  try {
    const count = await client.query<{ n: number }>('SELECT count(*) AS n FROM backhaul.candles');
    return await checkAgainst(data, {
      rows: count.rows[0]!.n,
      rowsOf: async (symbol) => {
        const { rows } = await client.query<(number | null)[]>({
          rowMode: 'array',
          text: `SELECT (extract(epoch FROM ts) * 1000000)::int8, open, high, low, close, volume, trades,
                   ${INDICATOR_NAMES.join(', ')}
                 FROM backhaul.candles WHERE symbol = $1 AND interval_s = 60 ORDER BY ts`,
          values: [symbol],
        });
        return rows;
      },
    });
  } finally {
    await client.end();
  }
}

/** Holds COPY files against the files they were made of. `seriesIds`: by symbol. */
export async function checkReadyMade(
  files: readonly ReadyMade[],
  seriesIds: ReadonlyMap<string, number>,
  data: DayFiles,
): Promise<CheckResult> {
  const cols = new BarColumns(data.records + 1);
  for (const { path } of files.flatMap(({ parts }) => parts)) new BarDecoder(cols).push(await readFile(path));
  const bySeries = new Map<number, number[]>();
  for (let row = 0; row < cols.length; row++) {
    const rows = bySeries.get(cols.symbol[row]!);
    if (rows === undefined) bySeries.set(cols.symbol[row]!, [row]);
    else rows.push(row);
  }
  const { ts, open, high, low, close, volume, trades, indicators } = cols;
  const columns = [ts, open, high, low, close, volume, trades, ...indicators];
  return checkAgainst(data, {
    rows: cols.length,
    rowsOf: async (symbol) =>
      (bySeries.get(seriesIds.get(symbol)!) ?? [])
        .sort((a, b) => ts[a]! - ts[b]!)
        .map((row) => columns.map((column) => (Number.isNaN(column[row]!) ? null : column[row]!))),
  });
}

/**
 * How far two values lie apart, relative to the greater of themselves and what they were computed from: a difference of
 * prices (MACD) is no more exact than the prices, and a deviation or a change of ratio no more than 1.
 */
function apart(expected: number, found: number | null, price: number): number {
  if (found === null) return Number.isNaN(expected) ? 0 : Number.POSITIVE_INFINITY;
  if (Number.isNaN(expected)) return Number.POSITIVE_INFINITY;
  return Math.abs(expected - found) / Math.max(Math.abs(expected), Math.abs(found), Math.min(price, 1));
}

function differs(what: string, expected: string, found: string): BackhaulError {
  return new BackhaulError({
    kind: 'internal',
    message: `what was loaded differs from a plain reading of the files (${what}); nothing was timed`,
    expected,
    found,
  });
}
