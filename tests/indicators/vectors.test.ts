import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { BarColumns, INDICATOR_NAMES, type IndicatorName } from '../../src/bars/columns.ts';
import { SessionClock } from '../../src/indicators/engine.ts';
import { PlainColumnsEngine } from './plain_columns.ts';
import { oneSession } from './series.ts';

/** Published results of Stock.Indicators, kept outside the project. */
const VECTORS = join(import.meta.dirname, '../../../shared/vectors');
const present = existsSync(VECTORS);

function readBars(file: string): BarColumns {
  const records = readFileSync(join(VECTORS, file), 'utf8')
    .split(/\r?\n/)
    .slice(1)
    .filter((line) => line !== '');
  const cols = new BarColumns(records.length);
  for (const [i, record] of records.entries()) {
    const fields = record.split(',');
    cols.ts[i] = i * 86_400_000_000;
    cols.open[i] = Number.parseFloat(fields[1] ?? '');
    cols.high[i] = Number.parseFloat(fields[2] ?? '');
    cols.low[i] = Number.parseFloat(fields[3] ?? '');
    cols.close[i] = Number.parseFloat(fields[4] ?? '');
    cols.volume[i] = Number.parseFloat(fields[5] ?? '');
  }
  cols.length = records.length;
  return cols;
}

function published(indicator: string, key: string): (number | null)[] {
  const rows: Record<string, number | null>[] = JSON.parse(
    readFileSync(join(VECTORS, `${indicator}.standard.json`), 'utf8'),
  );
  return rows.map((row) => row[key] ?? null);
}

function column(cols: BarColumns, name: IndicatorName): Float64Array {
  return cols.indicators[INDICATOR_NAMES.indexOf(name)]!;
}

describe.skipIf(!present)(`published vectors${present ? '' : ' (skipped: no ../shared/vectors)'}`, () => {
  const cases: [IndicatorName, string, string][] = [
    ['sma_20', 'sma', 'sma'],
    ['sma_20', 'bb', 'sma'],
    ['ema_20', 'ema', 'ema'],
    ['rsi_14', 'rsi', 'rsi'],
    ['atr_14', 'atr', 'atr'],
    ['macd', 'macd', 'macd'],
    ['macd_signal', 'macd', 'signal'],
    ['macd_hist', 'macd', 'histogram'],
    ['bb_upper', 'bb', 'upperBand'],
    ['bb_lower', 'bb', 'lowerBand'],
    ['vwap', 'vwap', 'vwap'],
  ];
  test.each(cases)('%s agrees with the published %s.%s to 1e-9', (name, indicator, key) => {
    const cols = readBars('default.csv');
    new PlainColumnsEngine(oneSession()).run(cols, 0, cols.length);
    const expected = published(indicator, key);
    expect(expected).toHaveLength(cols.length);
    const found = Array.from(column(cols, name), (x) => (Number.isNaN(x) ? null : x));
    for (const [i, value] of expected.entries()) {
      if (value === null) expect(found[i], `row ${i}`).toBeNull();
      else expect(Math.abs(found[i]! - value) / Math.max(1, Math.abs(value)), `row ${i}`).toBeLessThan(1e-9);
    }
  });

  test.each(['zeros.csv', 'bad.csv', 'toobig.csv', 'longest.csv'])('%s gives no infinity', (file) => {
    const cols = readBars(file);
    expect(cols.length).toBeGreaterThan(100);
    new PlainColumnsEngine(SessionClock.utcDay()).run(cols, 0, cols.length);
    for (const out of cols.indicators) expect(out.findIndex((x) => Math.abs(x) === Infinity)).toBe(-1);
    // bad.csv has bars without numbers: only those have no average.
    const usable = (i: number) =>
      Number.isFinite(cols.high[i]! + cols.low[i]! + cols.close[i]! + cols.volume[i]!);
    const without = column(cols, 'ema_20').findIndex((x, i) => i >= 40 && Number.isNaN(x) === usable(i));
    expect(without).toBe(-1);
  });

  test('prices of zero give averages of zero and no returns', () => {
    const cols = readBars('zeros.csv');
    new PlainColumnsEngine(oneSession()).run(cols, 0, cols.length);
    expect(new Set(column(cols, 'sma_50').slice(49))).toEqual(new Set([0]));
    expect(new Set(column(cols, 'rsi_14').slice(14))).toEqual(new Set([100]));
    expect(column(cols, 'log_return').every(Number.isNaN)).toBe(true);
    expect(column(cols, 'vwap').every(Number.isNaN)).toBe(true);
  });
});
