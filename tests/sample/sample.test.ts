import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decimalText } from '../../src/sample/decimals.ts';
import { KRAKEN_INTERVALS, krakenFile, PAIRS, walkMinutes } from '../../src/sample/kraken_sample.ts';
import { MASSIVE_HEADER, makeTickers, massiveFile, startWalks } from '../../src/sample/massive_sample.ts';
import { makeSample } from '../../src/sample/sample.ts';
import { scratchFolder } from '../commands/run_cli.ts';

const SMALL = { krakenDays: 2, tickers: 40, tradingDays: 2 };
const MONDAY_S = 1_711_929_600;
const TWO_DAYS = { fromS: MONDAY_S, toS: MONDAY_S + 2 * 86_400 };
const folder = scratchFolder();

/** What SMALL has always been: another machine, another Node, another day change nothing. */
const SMALL_SHA256 = 'cd39e8857e918b3cf4e11f70a3337c3fbbd1760ccdd07aa109172b4f5fc1520e';
const SMALL_RECORDS = 34399;

describe('the sample', () => {
  it('is the same bytes wherever and whenever it is made', async () => {
    const first = await makeSample(join(folder, 'a'), SMALL);
    expect(first).toMatchObject({
      made: true,
      files: 7 * 6 + 2,
      sha256: SMALL_SHA256,
      records: SMALL_RECORDS,
    });
    const second = await makeSample(join(folder, 'b'), SMALL);
    expect(second.sha256).toBe(first.sha256);
    const [zip] = first.sources;
    expect(readFileSync(zip!).equals(readFileSync(second.sources[0]!))).toBe(true);
  });

  it('is made once, and again where it is not whole', async () => {
    const made = await makeSample(join(folder, 'c'), SMALL);
    expect(await makeSample(join(folder, 'c'), SMALL)).toEqual({ ...made, made: false });
    rmSync(made.sources[0]!);
    expect((await makeSample(join(folder, 'c'), SMALL)).made).toBe(true);
  });
});

describe('the pairs', () => {
  const texts = new Map(
    PAIRS.map((pair) => {
      const minutes = walkMinutes(pair, TWO_DAYS);
      const files = KRAKEN_INTERVALS.map((interval) =>
        [...krakenFile(pair, minutes, interval, () => {})].join(''),
      );
      return [pair.name, files] as const;
    }),
  );
  const records = (name: string, i: number): number[][] =>
    texts
      .get(name)!
      [i]!.trim()
      .split('\n')
      .map((line) => line.split(',').map(Number));

  it.each(PAIRS.map((pair) => pair.name))(
    '%s has sane bars on the grid, oldest first, some minutes missing',
    (name) => {
      for (const [i, minutes] of KRAKEN_INTERVALS.entries()) {
        const bars = records(name, i);
        const broken = bars.filter(([ts, open, high, low, close, volume, trades], j) => {
          const onGrid = ts! % (minutes * 60) === 0 && (j === 0 || ts! > bars[j - 1]![0]!);
          const sane = high! >= Math.max(open!, close!) && low! <= Math.min(open!, close!) && low! > 0;
          return !(onGrid && sane && volume! > 0 && trades! > 0);
        });
        expect(broken).toEqual([]);
        expect(bars.length).toBeGreaterThan(0);
      }
      expect(records(name, 0).length).toBeLessThan(2 * 1440);
    },
  );

  it('agree over their intervals: an hour is its minutes', () => {
    const minutes = records('SOLUSD', 0);
    for (const [ts, open, high, low, close, volume, trades] of records('SOLUSD', 3)) {
      const own = minutes.filter((minute) => minute[0]! >= ts! && minute[0]! < ts! + 3600);
      expect(own[0]![1]).toBe(open);
      expect(own.at(-1)![4]).toBe(close);
      expect(Math.max(...own.map((minute) => minute[2]!))).toBe(high);
      expect(Math.min(...own.map((minute) => minute[3]!))).toBe(low);
      expect(own.reduce((sum, minute) => sum + minute[5]!, 0)).toBeCloseTo(volume!, 6);
      expect(own.reduce((sum, minute) => sum + minute[6]!, 0)).toBe(trades);
    }
  });

  it('spell their numbers as real files do', () => {
    expect(texts.get('PEPEUSD')![0]).toMatch(/,1\.\d+e-05,/);
    expect(texts.get('XBTUSD')![0]).toMatch(/,\d{5}\.0,/);
    expect(texts.get('XRPUSD')![0]).toMatch(/,0\.\d{4}0,/);
  });
});

describe('the day files', () => {
  it('hold many tickers by the order of their bytes, odd names among them, and go on where the day before ended', () => {
    const tickers = makeTickers(40);
    const names = tickers.map((ticker) => ticker.name);
    for (const odd of ['NA', 'TRUE', 'BRK.B', 'ABRpD']) expect(names).toContain(odd);
    const standing = startWalks(tickers);
    const days = [0, 1].map((day) =>
      [...massiveFile(tickers, standing, MONDAY_S + day * 86_400 + 4 * 3600, () => {})].join(''),
    );
    for (const day of days) {
      expect(day.startsWith(MASSIVE_HEADER)).toBe(true);
      const lines = day.trim().split('\n').slice(1);
      const order = lines.map((line) => line.split(',')[0]!);
      expect(order).toEqual([...order].sort());
      for (const line of lines)
        expect(line).toMatch(/^[A-Za-z.]+,\d+(\.\d{4})?,([\d.]+,){4}17\d{8}0{9},\d+$/);
    }
    expect(days[0]).not.toBe(days[1]);
    expect(days[0]).toMatch(/^[A-Z]+,\d+\.\d{4},/m);
  });

  it('are gzip that any tool reads', async () => {
    const { sources } = await makeSample(join(folder, 'd'), SMALL);
    const file = join(sources[1]!, 'minute_aggs_v1/2024/04/2024-04-02.csv.gz');
    expect(gunzipSync(readFileSync(file)).toString()).toContain('\nBRK.B,');
  });
});

describe('decimals', () => {
  it('of any spelling are the same number', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 2 ** 52 }),
        fc.integer({ min: 0, max: 10 }),
        (units, decimals) => {
          const [fixed, trimmed, repr] = (['fixed', 'trimmed', 'repr'] as const).map((spelling) =>
            decimalText(units, decimals, spelling),
          );
          expect(Number(trimmed)).toBe(Number(fixed));
          expect(Number(repr)).toBe(Number(fixed));
          expect(Math.abs(Number(fixed) * 10 ** decimals - units)).toBeLessThanOrEqual(units * 1e-15);
        },
      ),
    );
  });

  it('are spelled so', () => {
    expect(decimalText(118_800, 10, 'repr')).toBe('1.188e-05');
    expect(decimalText(100_000, 10, 'repr')).toBe('1e-05');
    expect(decimalText(600_000, 1, 'repr')).toBe('60000.0');
    expect(decimalText(600_000, 1, 'trimmed')).toBe('60000');
    expect(decimalText(61_500, 5, 'fixed')).toBe('0.61500');
  });
});
