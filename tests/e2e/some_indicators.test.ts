import type { Pool } from 'pg';
import { beforeEach, describe, expect, it } from 'vitest';
import { INDICATOR_NAMES, type IndicatorName } from '../../src/bars/columns.ts';
import { recompute } from '../../src/series/recompute.ts';
import { ALL_SERIES } from '../../src/series/series.ts';
import { testDatabase } from '../database.ts';
import { candles, load, scratchFolder, wipe } from './loading.ts';
import { krakenCsv, walk, write } from './market.ts';

/** Loads that ask for some indicators alone: what was not asked for does not appear because a file arrives late. */

const database = await testDatabase();
const db = database.pool;
const folder = scratchFolder();
const START = Date.UTC(2024, 0, 1) / 1000;
/** Each part is longer than the longest warm-up, so a row of the third has all indicators. */
const PART = 300;
const bars = walk('XBTUSD', START, START + 3 * PART * 3600, 3600, 11, 1);
const [first, second, third] = [0, 1, 2].map((part) =>
  write(folder, `${part}/XBTUSD_60.csv`, krakenCsv(bars.slice(part * PART, (part + 1) * PART))),
) as [string, string, string];

beforeEach(() => wipe(db));

async function loadAll(indicators: readonly IndicatorName[], ...files: readonly string[]): Promise<void> {
  for (const file of files) await load(database.url, [file], { workers: 1, indicators });
}

/** Rows of a part with their indicators, by stamp. */
async function rowsOf(pool: Pool, part: number): Promise<Record<string, number | null>[]> {
  const { rows } = await pool.query<Record<string, number | null>>(
    `SELECT ${INDICATOR_NAMES.join(', ')} FROM backhaul.candles
     WHERE ts >= to_timestamp($1) AND ts < to_timestamp($2) ORDER BY ts`,
    [START + part * PART * 3600, START + (part + 1) * PART * 3600],
  );
  return rows;
}

const valuesIn = (rows: readonly Record<string, number | null>[]): Set<string> =>
  new Set(rows.flatMap((row) => INDICATOR_NAMES.filter((name) => row[name] !== null)));

describe('indicators that were not asked for', () => {
  it.each([
    ['none', []],
    ['two', ['rsi_14', 'bb_lower']],
  ] as const)('stay NULL whatever order files come in: %s', async (_name, asked) => {
    await loadAll(asked, first, second, third);
    const inOrder = await candles(db);
    expect(valuesIn(await rowsOf(db, 2))).toEqual(new Set(asked));
    await wipe(db);
    await loadAll(asked, third, first, second);
    expect(await candles(db)).toBe(inOrder);
  });

  it('are kept true in rows that have them, when a late file is loaded without', async () => {
    await loadAll(INDICATOR_NAMES, first, second, third);
    const whole = await rowsOf(db, 2);
    await wipe(db);
    await loadAll(INDICATOR_NAMES, first, third);
    expect(await rowsOf(db, 2)).not.toEqual(whole);
    await loadAll([], second);
    expect(await rowsOf(db, 2)).toEqual(whole);
    expect(valuesIn(await rowsOf(db, 1))).toEqual(new Set());
  });

  it('appear in rows that have none where a late file asks for them, and by recompute', async () => {
    await loadAll(INDICATOR_NAMES, first, second, third);
    const whole = await candles(db);
    const [, ofSecond, ofThird] = [await rowsOf(db, 0), await rowsOf(db, 1), await rowsOf(db, 2)];
    await wipe(db);
    await loadAll([], first, third);
    await loadAll(['ema_20'], second);
    const only = (rows: typeof ofSecond): unknown => rows.map((row) => row['ema_20']);
    expect(only(await rowsOf(db, 1))).toEqual(only(ofSecond));
    expect(only(await rowsOf(db, 2))).toEqual(only(ofThird));
    expect(valuesIn([...(await rowsOf(db, 1)), ...(await rowsOf(db, 2))])).toEqual(new Set(['ema_20']));
    expect(valuesIn(await rowsOf(db, 0))).toEqual(new Set());
    const again = (indicators: readonly IndicatorName[]): ReturnType<typeof recompute> =>
      recompute(db, {
        filter: ALL_SERIES,
        fromUs: null,
        indicators,
        signal: new AbortController().signal,
        onSeries: () => {},
      });
    // Nothing is asked for, and what stands is true.
    expect((await again([])).changed).toBe(0);
    expect((await again(INDICATOR_NAMES)).changed).toBe(3 * PART);
    expect(await candles(db)).toBe(whole);
  });
});
