import { existsSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { describe, expect, it } from 'vitest';
import { testDatabase } from '../database.ts';
import { load } from './loading.ts';

/** Other people's data lies beside the project, not in it. */
const DATA = '../shared/data';
const present = existsSync(`${DATA}/EXPECTED.tsv`);

interface Expected {
  readonly file: string;
  readonly bars: number;
  readonly first: string;
  readonly last: string;
  readonly sumClose: number;
  readonly sumVolume: number;
}

function expectations(folder: string): Expected[] {
  return readFileSync(`${DATA}/EXPECTED.tsv`, 'utf8')
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => line.split('\t'))
    .filter(([file]) => file!.startsWith(`${folder}/`))
    .map(([file, bars, first, last, sumClose, sumVolume]) => ({
      file: file!,
      bars: Number(bars),
      first: first!,
      last: last!,
      sumClose: Number(sumClose),
      sumVolume: Number(sumVolume),
    }));
}

const SYMBOL_AND_INTERVAL = /^([A-Z]+)[-_](\w+?)(?:[-_.].*)?$/;
const SECONDS: Record<string, number> = { '1m': 60, '1h': 3600, '1d': 86_400, Daily: 86_400 };

describe.skipIf(!present)('real files of ../shared/data (skipped where it is absent)', () => {
  for (const folder of ['kraken-ohlcvt', 'binance-klines', 'kraken-headered']) {
    it(`${folder} loads to the published counts and sums`, async () => {
      // One each: folders hold one market under two spellings, which together are one series.
      const database = await testDatabase();
      const expected = expectations(folder);
      expect(expected.length).toBeGreaterThan(2);
      const summary = await load(database.url, [`${DATA}/${folder}`]);
      expect(summary.failures).toEqual([]);
      expect(summary.tasks.loaded).toBe(expected.length);
      expect(summary.rows.loaded).toBe(expected.reduce((sum, one) => sum + one.bars, 0));
      for (const one of expected) {
        const [, symbol, word] = SYMBOL_AND_INTERVAL.exec(basename(one.file))!;
        const { rows } = await database.pool.query(
          `SELECT count(*) AS bars, min(ts) AS first, max(ts) AS last, sum(close::numeric) AS close, sum(volume::numeric) AS volume
           FROM backhaul.candles WHERE symbol = $1 AND interval_s = $2 AND ts BETWEEN $3 AND $4`,
          [symbol, SECONDS[word!] ?? Number(word) * 60, one.first, one.last],
        );
        expect({ file: one.file, bars: rows[0].bars }).toEqual({ file: one.file, bars: one.bars });
        expect(rows[0].first.toISOString()).toBe(new Date(one.first).toISOString());
        expect(rows[0].last.toISOString()).toBe(new Date(one.last).toISOString());
        expect(Math.abs(Number(rows[0].close) / one.sumClose - 1)).toBeLessThan(1e-12);
        expect(Math.abs(Number(rows[0].volume) / one.sumVolume - 1)).toBeLessThan(1e-12);
      }
    });
  }
});
