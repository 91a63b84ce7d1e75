import { existsSync, readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromShorterBars } from '../../src/gaps/derive_fill.ts';
import { fillGaps } from '../../src/gaps/fill.ts';
import { recordScan } from '../../src/gaps/gap_store.ts';
import { scanSeries } from '../../src/gaps/scan.ts';
import { readReport } from '../../src/report/completeness.ts';
import { reportHtml } from '../../src/report/report_html.ts';
import { rollUp } from '../../src/series/rollup.ts';
import { unloadTasks } from '../../src/series/unload.ts';
import { loadedTasks } from '../../src/state/tasks/unload.ts';
import { reportCsv, reportEvents, reportLines } from '../../src/ui/report_text.ts';
import { answerOf } from '../commands/in_process.ts';
import { testDatabase } from '../database.ts';
import { candles, load, scratchFolder, wipe } from '../e2e/loading.ts';
import { type Bar, krakenCsv, walk, write } from '../e2e/market.ts';
import { plainRollup } from './reference.ts';

const MINUTE = 60;
const DAY = 86_400;
/** A Monday. */
const BEGIN = Date.UTC(2024, 0, 1) / 1000;
const folder = scratchFolder();
const { url, pool } = await testDatabase();

/** Five-minute bars of eight days and some hours; half of the time nobody traded. */
const BARS = walk('XBTUSD', BEGIN, BEGIN + 8.1 * DAY, 5 * MINUTE, 7, 0.5);

function file(name: string, bars: readonly Bar[], minutes = 5): string {
  return write(folder, `${name}/XBTUSD_${minutes}.csv`, krakenCsv(bars));
}

async function derived(intervalS: number): Promise<unknown[]> {
  const { rows } = await pool.query(
    `SELECT extract(epoch FROM ts)::int AS time, open, high, low, close, volume, trades::int AS trades
     FROM backhaul.candles WHERE interval_s = $1 ORDER BY ts`,
    [intervalS],
  );
  return rows;
}

const never = new AbortController().signal;
const rollup = (
  rollups: readonly number[],
  fromUs: number | null = null,
  toUs: number | null = null,
): ReturnType<typeof rollUp> =>
  rollUp(pool, {
    filter: { symbols: null, intervals: null, tierSymbols: null },
    rollups,
    fromUs,
    toUs,
    dryRun: false,
    signal: never,
    onPlan: () => {},
    onProgress: () => {},
    onSeries: () => {},
  });

const UPPER = [900, 3600, DAY, 604_800];

async function whole(bars: readonly Bar[] = BARS): Promise<string> {
  await wipe(pool);
  await load(url, [file('whole', bars)], { rollups: UPPER });
  return candles(pool);
}

describe('rollups', () => {
  it('are what the plain reference makes of the bars, and the open bucket is none of them', async () => {
    await whole();
    for (const intervalS of UPPER)
      expect(await derived(intervalS)).toEqual(plainRollup(BARS, intervalS, 300));
    const { rows } = await pool.query(`SELECT interval_s, ts, close FROM backhaul.open_bar ORDER BY 1`);
    expect(rows.map((row) => row.interval_s)).toContain(604_800);
    const filter = { symbols: null, intervals: null, tierSymbols: null };
    const nowUs = (BEGIN + 8 * DAY) * 1e6;
    const report = await readReport(pool, { filter, tiers: [], fromUs: null, toUs: nowUs, nowUs });
    const cells = [...reportEvents(report)].filter(({ type }) => type === 'completeness');
    const madeOf = cells.map(({ intervalS, derived: some }) => [intervalS, some]);
    expect(madeOf).toContainEqual([300, []]);
    expect(madeOf).toContainEqual([
      DAY,
      [{ startTs: '2024-01-01T00:00:00.000000Z', endTs: '2024-01-09T00:00:00.000000Z', fromIntervalS: 300 }],
    ]);
    // In its CSV, its page and the status, too.
    const csv = [...reportCsv(report)].find((line) => line.startsWith(`kraken,XBTUSD,,${DAY},`))!;
    expect(csv).toMatch(/,1,2024-01-01T00:00:00\.000000Z\/2024-01-09T00:00:00\.000000Z of 5m$/);
    expect(reportHtml(report)).toContain('[["2024-01-01 00:00","2024-01-09 00:00","5m"]]');
    const { stdout } = await answerOf(['status'], { env: { DATABASE_URL: url } });
    expect(stdout).toMatch(/\nderived .*\n(.*\n)* +1d of 5m: 1 series, 1 stretch\n/);
    expect(reportLines(report, 10, 200).join('\n')).toMatch(/ ✓ d .*\n(.*\n)*d: made of shorter bars/);
  });

  it('are the same bits however the stream is cut, in any order of loads, and by the command', async () => {
    const table = await whole();
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.integer({ min: 1, max: BARS.length - 1 }), { minLength: 1, maxLength: 4 }),
        fc.nat(),
        fc.boolean(),
        async (cuts, seed, byCommand) => {
          await wipe(pool);
          const ends = [0, ...cuts.sort((a, b) => a - b), BARS.length];
          const files = ends.slice(1).map((to, i) => file(`cut${i}`, BARS.slice(ends[i], to)));
          const turn = seed % files.length;
          const order = [...files.slice(turn), ...files.slice(0, turn)];
          if (seed % 3 === 0) await load(url, order, byCommand ? {} : { rollups: UPPER });
          else for (const one of order) await load(url, [one], byCommand ? {} : { rollups: UPPER });
          if (byCommand) await rollup(UPPER);
          expect(await candles(pool)).toBe(table);
          expect(await rollup(UPPER)).toMatchObject({ series: UPPER.length, upToDate: UPPER.length });
        },
      ),
      { numRuns: 2 },
    );
  });

  it('are the same bits where parts of some lengths had been made before all were made of one read', async () => {
    const table = await whole();
    const second = fc.integer({ min: BEGIN, max: BARS.at(-1)!.time });
    const part = fc.record({ rollupS: fc.constantFrom(...UPPER.slice(0, 3)), at: fc.tuple(second, second) });
    await fc.assert(
      fc.asyncProperty(fc.array(part, { minLength: 1, maxLength: 3 }), async (parts) => {
        await wipe(pool);
        await load(url, [file('whole', BARS)]);
        for (const { rollupS, at } of parts)
          await rollup([rollupS], Math.min(...at) * 1e6, Math.max(...at) * 1e6);
        await rollup(UPPER);
        expect(await candles(pool)).toBe(table);
      }),
      { numRuns: 2 },
    );
  });

  it('are made of ten thousands of bars each of which is alone in its own', async () => {
    await wipe(pool);
    const bars = walk('XBTUSD', BEGIN, BEGIN + 33_000 * 300, 300, 3, 1);
    await load(url, [file('alone', bars, 1)], {});
    await rollup([300, DAY]);
    for (const intervalS of [300, DAY])
      expect(await derived(intervalS)).toEqual(plainRollup(bars, intervalS, MINUTE));
  });
});

describe('a day that nobody vouches for', () => {
  it('leaves its week unfinished until a file brings it, whichever way the files go', async () => {
    const between = (from: number, to: number): Bar[] =>
      BARS.filter(({ time }) => time >= BEGIN + from * DAY && time < BEGIN + to * DAY);
    const wednesday = file('wednesday', between(2, 3));
    const rest = [file('before', between(0, 2)), file('behind', between(3, 8))];
    const tables: string[] = [];
    for (const loads of [
      [rest, [wednesday]],
      [...rest.map((one) => [one]), [wednesday]],
    ]) {
      await wipe(pool);
      for (const some of loads.slice(0, -1)) await load(url, some, { rollups: UPPER });
      // Where no bar is, there is nothing to be made, however often somebody asks.
      expect(await rollup(UPPER)).toMatchObject({ series: UPPER.length, upToDate: UPPER.length });
      expect(await derived(604_800)).toEqual([]);
      await load(url, [wednesday]);
      expect(await derived(604_800)).toHaveLength(1);
      tables.push(await candles(pool));
    }
    expect(tables[1]).toBe(tables[0]);
    expect(tables[0]).toBe(await whole(between(0, 8)));
  });
});

describe("a vendor's own bars", () => {
  /** Hours of two days that differ from what five minutes make; in one of them there is none. */
  const OWN = walk('XBTUSD', BEGIN + 2 * DAY, BEGIN + 4 * DAY, 3600, 11, 0.9);
  const isOwn = new Set(OWN.map((bar) => bar.time));
  const expected = [
    ...(plainRollup(BARS, 3600, 300) as { time: number }[]).filter(({ time }) => !isOwn.has(time)),
    ...OWN.map(({ symbol: _, ...bar }) => bar),
  ].sort((a, b) => a.time - b.time);
  const five = file('five', BARS);
  const own = file('own', OWN, 60);

  it('stand, whichever comes first, and it is on record which ones are derived', async () => {
    const tables: string[] = [];
    for (const loads of [[[five], [own]], [[own], [five]], [[five, own]]]) {
      await wipe(pool);
      for (const sources of loads)
        await load(url, sources, sources.includes(five) ? { rollups: [3600] } : {});
      expect(await derived(3600)).toEqual(expected);
      tables.push(await candles(pool));
      const { rows } = await pool.query(
        `SELECT count(*)::int AS own FROM backhaul.candles c WHERE interval_s = 3600
         AND NOT EXISTS (SELECT FROM backhaul.derived d WHERE d.interval_s = 3600 AND d.covered @> c.ts)`,
      );
      expect(rows[0].own).toBe(OWN.length);
    }
    expect(new Set(tables).size).toBe(1);
  });

  it('give way to derived ones when they are unloaded, and those go with what they are made of', async () => {
    await wipe(pool);
    await load(url, [five], { rollups: [3600, DAY] });
    const before = await candles(pool);
    await load(url, [own]);
    const unload = async (intervalS: number): Promise<void> => {
      const tasks = (await loadedTasks(pool)).filter((task) => task.intervalS === intervalS);
      await unloadTasks(pool, tasks, { signal: never, onTask: () => {} });
    };
    await unload(3600);
    expect(await candles(pool)).toBe(before);
    await unload(300);
    expect(await candles(pool)).toBe('');
  });
});

describe('bars of several lengths', () => {
  it('make the weeks that shorter ones do not tell, whichever was loaded or asked first', async () => {
    /** Days of four weeks, and hours of the second and a part of the third. */
    const days = walk('XBTUSD', BEGIN, BEGIN + 28 * DAY, DAY, 3, 1);
    const hours = walk('XBTUSD', BEGIN + 7 * DAY, BEGIN + 17 * DAY, 3600, 4, 1);
    const [day, hour] = [file('days', days, 1440), file('hours', hours, 60)];
    const ofDays = plainRollup(days, 604_800, DAY) as { time: number }[];
    const ofHours = plainRollup(hours, 604_800, 3600) as { time: number }[];
    expect(ofHours).toHaveLength(1);
    const expected = ofDays.map((week) => (week.time === ofHours[0]!.time ? ofHours[0]! : week));
    const run = async (...args: string[]): Promise<void> => {
      const answer = await answerOf(args, { env: { DATABASE_URL: url } });
      expect([answer.code, answer.stderr]).toEqual([0, expect.any(String)]);
    };
    const tables: string[] = [];
    for (const commands of [
      [
        ['load', day, '--rollups', '1w'],
        ['load', hour],
      ],
      [
        ['load', hour, '--rollups', '1w'],
        ['load', day],
      ],
      [
        ['load', day],
        ['load', hour],
        ['rollup', '1w'],
      ],
      [['load', day, hour, '--rollups', '1w']],
    ]) {
      await wipe(pool);
      for (const command of commands) await run(...command);
      expect(await derived(604_800)).toEqual(expected);
      tables.push(await candles(pool));
      expect(await rollup([604_800])).toMatchObject({ series: 2, upToDate: 2, bars: 0 });
    }
    expect(new Set(tables).size).toBe(1);
    await run('unload', hour);
    expect(await derived(604_800)).toEqual(ofDays);
  });
});

describe('a gap of longer bars', () => {
  it('is filled from shorter ones that stand, and no bar of the vendor moves', async () => {
    await wipe(pool);
    const own = walk('XBTUSD', BEGIN, BEGIN + 8 * DAY, 3600, 5, 1);
    const [before, after] = [own.slice(0, 48), own.slice(120)];
    await load(url, [file('five', BARS), file('before', before, 60), file('after', after, 60)]);
    const filter = { symbols: null, intervals: null, tierSymbols: null, fromUs: null, toUs: null };
    const nowUs = (BEGIN + 8 * DAY) * 1e6;
    const scans = await scanSeries(pool, { filter, fromUs: null, toUs: nowUs, nowUs });
    await recordScan(pool, scans, true, nowUs);
    const filled = await fillGaps(url, filter, nowUs, fromShorterBars({ signal: never, onSeries: () => {} }));
    expect(filled).toMatchObject({ gaps: 1, candles: 72, filled: 1, remaining: [] });
    const plain = plainRollup(BARS, 3600, 300) as { time: number }[];
    const missing = plain.filter(({ time }) => time >= BEGIN + 2 * DAY && time < BEGIN + 5 * DAY);
    const bare = ({ symbol: _, ...bar }: Bar): object => bar;
    expect(await derived(3600)).toEqual([...before.map(bare), ...missing, ...after.map(bare)]);
  });
});

describe('real files', () => {
  const hours = '../shared/data/kraken-ohlcvt/XBTUSD_60.csv';
  it.skipIf(!existsSync(hours))('agree with what shorter ones of the same vendor make', async () => {
    await wipe(pool);
    await load(url, [hours], { rollups: [43_200, DAY], symbols: ['XBTUSD'] });
    for (const [intervalS, minutes] of [
      [43_200, 720],
      [DAY, 1440],
    ] as const) {
      const own = new Map(
        readFileSync(`../shared/data/kraken-ohlcvt/XBTUSD_${minutes}.csv`, 'utf8')
          .trim()
          .split('\n')
          .map((line) => line.split(',').map(Number))
          .map(([time, open, high, low, close, volume, trades]) => [
            time,
            { time, open, high, low, close, volume, trades },
          ]),
      );
      const made = (await derived(intervalS)) as { time: number; volume: number }[];
      expect(made.length).toBeGreaterThan(2500);
      const apart = made.filter((bar) => {
        const { volume, ...rest } = own.get(bar.time) as { volume: number };
        const { volume: sum, ...mine } = bar;
        return JSON.stringify(rest) !== JSON.stringify(mine) || Math.abs(sum / volume - 1) > 1e-9;
      });
      expect(apart).toEqual([]);
    }
  });
});

describe('a late, a replaced and a completed bar', () => {
  it('change the longer bars above, and only those', async () => {
    const table = await whole();
    await wipe(pool);
    const late = BARS.slice(500, 520);
    const rest = [...BARS.slice(0, 500), ...BARS.slice(520)];
    await load(url, [file('rest', rest)], { rollups: UPPER });
    await load(url, [file('late', late)]);
    expect(await candles(pool)).toBe(table);
    const other = late.map((bar) => ({ ...bar, high: bar.high + 1, volume: bar.volume + 1 }));
    await load(url, [file('late', other)], { onConflict: 'replace' });
    const changed = [...BARS.slice(0, 500), ...other, ...BARS.slice(520)];
    expect(await candles(pool)).toBe(await whole(changed));
  });
});
