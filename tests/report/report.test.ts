import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Cell, type Report, type ReportOptions, readReport } from '../../src/report/completeness.ts';
import { nextCommands } from '../../src/report/next_commands.ts';
import { SHADES, shadeOf } from '../../src/report/page_style.ts';
import { reportHtml } from '../../src/report/report_html.ts';
import { ALL_SERIES } from '../../src/series/series.ts';
import { tiersOf } from '../../src/series/tiers.ts';
import { reportCsv, reportEvents, reportLines } from '../../src/ui/report_text.ts';
import { testDatabase } from '../database.ts';
import { addBars, addCoverage, addSeries, addTask, at, DAY, HOUR, range } from '../gaps/loaded_market.ts';
import { browser, coloursOf, domOf, screenshotOf } from './browser.ts';

const database = await testDatabase();
const db = database.pool;
const nowUs = at('2026-11-22T12:20Z');
const NASTY = '<b>&"\u0007';

function bars(from: string, count: number, step = HOUR): number[] {
  return Array.from({ length: count }, (_, i) => at(from) + i * step);
}

beforeAll(async () => {
  // Complete up to now; half of the bars were traded.
  const whole = await addSeries(db, 'kraken', 'XBTUSD', 3600);
  const task = await addTask(db, {});
  await addCoverage(db, whole, task, [range('2026-09-01Z', '2026-11-22T12:00Z')]);
  await addBars(db, whole, bars('2026-09-01Z', 12, 2 * HOUR));
  // 20 of 82 days are missing, 10 of them still within 720 bars.
  const days = await addSeries(db, 'kraken', 'XBTUSD', 86_400);
  await addCoverage(db, days, task, [
    range('2026-09-01Z', '2026-09-21Z'),
    range('2026-10-01Z', '2026-11-12Z'),
  ]);
  await addBars(db, days, bars('2026-09-01Z', 20, DAY));
  // All of October is missing, and all since.
  const broken = await addSeries(db, 'kraken', NASTY, 3600);
  const other = await addTask(db, { symbol: NASTY });
  await addCoverage(db, broken, other, [range('2026-09-01Z', '2026-10-01Z')]);
  await addBars(db, broken, bars('2026-09-01Z', 24));
});

async function report(over: Partial<ReportOptions> = {}): Promise<Report> {
  const tiers = tiersOf({ TIER1: [NASTY], TIER2: ['BTCUSD', 'DOTUSD'] });
  return readReport(db, { filter: ALL_SERIES, tiers, fromUs: null, toUs: null, nowUs, ...over });
}

describe('the report', () => {
  it('counts expected bars, covered ones, those that are there, and gaps by what can fill them', async () => {
    const { rows, intervals, expected, vouched, bars: there } = await report();
    expect(intervals).toEqual([3600, 86_400]);
    const cells = rows
      .flatMap((row) => [...row.cells.values()])
      .map((cell) => {
        const { symbol, intervalS } = cell.series;
        return [
          symbol,
          intervalS,
          cell.expected,
          cell.vouched,
          cell.bars,
          cell.fillable.length,
          cell.unfillable.length,
        ];
      });
    // 82 days and 12 hours have gone by; the day of today is not over.
    expect(cells).toEqual([
      [NASTY, 3600, 1980, 720, 24, 0, 1],
      ['XBTUSD', 3600, 1980, 1980, 12, 0, 0],
      ['XBTUSD', 86_400, 82, 62, 20, 2, 0],
    ]);
    expect([expected, vouched, there]).toEqual([4042, 2762, 56]);
  });

  it('puts tiers first, in them the worst first, and says of which symbols there is nothing', async () => {
    const { rows, absent } = await report();
    expect(rows.map((row) => [row.tier, row.symbol])).toEqual([
      ['TIER1', NASTY],
      // BTCUSD and XBTUSD are the same pair.
      ['TIER2', 'XBTUSD'],
    ]);
    expect(absent).toEqual([{ symbol: 'DOTUSD', tier: 'TIER2' }]);
    const untiered = await report({ tiers: [] });
    expect(untiered.rows.map((row) => row.share)).toEqual([720 / 1980, 62 / 82]);
    const second = await report({ filter: { ...ALL_SERIES, tierSymbols: ['BTCUSD', 'DOTUSD'] } });
    expect(second.rows.map((row) => row.symbol)).toEqual(['XBTUSD']);
  });

  it('shares out by month, and months add up to the whole', async () => {
    const { rows } = await report({ fromUs: at('2026-08-15Z') });
    const hourly = rows.find((row) => row.symbol === NASTY)!.cells.get(3600)!;
    expect(hourly.months.map((month) => [month.expected, month.vouched, month.bars])).toEqual([
      [17 * 24, 0, 0],
      [720, 720, 24],
      [744, 0, 0],
      [21 * 24 + 12, 0, 0],
    ]);
    for (const cell of rows.flatMap((row) => [...row.cells.values()])) {
      expect(cell.months.reduce((sum, month) => sum + month.expected, 0)).toBe(cell.expected);
      expect(cell.months.reduce((sum, month) => sum + month.vouched, 0)).toBe(cell.vouched);
      expect(cell.months.reduce((sum, month) => sum + month.bars, 0)).toBe(cell.bars);
    }
  });

  it('is a page of text with what to do next', async () => {
    const lines = reportLines(await report(), 10, 120);
    expect(lines[0]).toMatch(/tier +symbol +1h +1d +range/);
    expect(lines[1]).toMatch(/TIER1 +kraken <b>&"\\x07 +36\.36% 1f/);
    expect(lines[2]).toMatch(/TIER2 +kraken XBTUSD +100% 1s +75\.6% 2a 1s/);
    expect(lines).toContain('TIER2 DOTUSD: nothing is loaded');
    expect(lines).toContain('4,042 bars expected, 68.33% covered, 56 there; 3 gaps, 1,280 bars missing');
    const next = nextCommands(await report()).map(({ command }) => command);
    expect(next).toContain('npx backhaul gaps fill --api kraken');
    // The third quarter's zip is out; that of this quarter is not.
    expect(next).toContain('npx backhaul gaps fill Kraken_OHLCVT_2026Q3.zip');
    expect(next.join()).not.toContain('2026Q4');
    expect(next).toContain('npx backhaul load <source> --symbols DOTUSD');
  });

  it('is CSV with a line a series, and JSON with the months of each', async () => {
    const csv = [...reportCsv(await report())];
    expect(csv).toHaveLength(4);
    expect(csv[1]).toBe(
      `kraken,"<b>&""\u0007",TIER1,3600,2026-09-01T00:00:00.000000Z,2026-11-22T12:00:00.000000Z,1980,720,24,${720 / 1980},1260,0,1,1,${720 - 24},0,`,
    );
    const events = [...reportEvents(await report())];
    expect(events.map((event) => event.type)).toEqual([
      'completeness',
      'completeness',
      'completeness',
      'report',
    ]);
    expect(events[2]).toMatchObject({
      symbol: 'XBTUSD',
      intervalS: 86_400,
      expected: 82,
      covered: 62,
      gapsApi: 2,
    });
    expect(events[2]!['months']).toEqual([
      { month: '2026-09', expected: 30, covered: 20, bars: 20 },
      { month: '2026-10', expected: 31, covered: 31, bars: 0 },
      { month: '2026-11', expected: 21, covered: 11, bars: 0 },
    ]);
  });

  it('tells stretches without a bar that files vouch for: a covered day whose second half is missing is not all there', async () => {
    const id = await addSeries(db, 'binance', 'SOLUSDT', 60);
    const minutes = bars('2026-11-02Z', 700, 60_000_000);
    await addBars(db, id, minutes);
    await addCoverage(db, id, await addTask(db, { venue: 'binance', symbol: 'SOLUSDT', intervalS: 60 }), [
      range('2026-11-02Z', '2026-11-03Z'),
    ]);
    const one = await report({ filter: { ...ALL_SERIES, symbols: ['SOLUSDT'] }, tiers: [], upTo: 'files' });
    expect([one.expected, one.vouched, one.bars, one.gaps.length]).toEqual([1440, 1440, 700, 0]);
    expect(one.suspicious.map(({ fromUs, toUs, candles }) => [fromUs, toUs, candles])).toEqual([
      [at('2026-11-02T11:40Z'), at('2026-11-03Z'), 740],
    ]);
    const lines = reportLines(one, 10, 120);
    expect(lines[1]).toMatch(/binance SOLUSDT +100% 1s/);
    expect(lines).toContain(
      '1 suspicious stretch without a bar, 740 bars in all, inside what files vouch for:',
    );
    expect(
      nextCommands(one)
        .map(({ why }) => why)
        .join(),
    ).not.toContain('all is there');
    expect(reportHtml(one)).toContain('Suspicious stretches');
    expect([...reportCsv(one)][1]).toMatch(/,0,0,1,740,0,$/);
    expect([...reportEvents(one)].at(-1)).toMatchObject({
      suspicious: 1,
      suspiciousBars: 740,
      upTo: 'files',
    });
    await db.query('DELETE FROM backhaul.bars WHERE series_id = $1', [id]);
    await db.query('DELETE FROM backhaul.series WHERE series_id = $1', [id]);
  });

  it('looks at each series as far as its files reach, and says so, or up to now', async () => {
    const files = await report({ upTo: 'files' });
    expect(
      files.rows.map((row) => [row.symbol, ...[...row.cells.values()].map((cell) => cell.expected)]),
    ).toEqual([
      [NASTY, 720],
      // The file of days ends on 12 November, ten days before those of hours.
      ['XBTUSD', 1980, 72],
    ]);
    expect(reportLines(files, 10, 120)).toContain(
      'each series as far as its files reach; 1 of them ends before others of its venue and interval: --to now asks for what has come since',
    );
    expect(reportLines(await report(), 10, 120)).toContain('up to now, 2026-11-22 12:20 UTC');
  });

  it('of nothing says so', async () => {
    const none = await report({ filter: { ...ALL_SERIES, tierSymbols: [] }, tiers: [] });
    expect(reportLines(none, 10, 100)[0]).toBe('Nothing is loaded yet.');
    expect(reportHtml(none)).toContain('Nothing is loaded yet.');
  });
});

/** The page of a series told ten thousand times. */
async function manySeries(): Promise<{ readonly html: string }> {
  const one = await report();
  const [first] = one.rows
    .flatMap((row) => [...row.cells.values()])
    .filter(({ series }) => series.intervalS === 86_400);
  const derived = [{ ...range('2026-09-01Z', '2026-09-11Z'), fromIntervalS: 3600 }];
  const rows = Array.from({ length: 10_000 }, (_, k) => {
    const symbol = `P${k + 1}USD</script>`;
    const cell = Object.create(first!, {
      series: { value: { ...first!.series, symbol }, enumerable: true },
      derived: { value: derived },
    }) as Cell;
    return {
      venue: 'kraken',
      symbol,
      tier: k < 5_000 ? 'TIER1' : null,
      cells: new Map([[86_400, cell]]),
      share: 62 / 82,
    };
  });
  return { html: reportHtml({ ...one, rows, intervals: [86_400] }) };
}

describe('the page', () => {
  it('needs nothing from elsewhere, and shows names from data as text', async () => {
    const html = reportHtml(await report());
    expect(html).not.toMatch(
      /<(img|link|iframe)|<script[^>]+src|@import|url\(|https?:\/\/(?!www\.w3\.org\/2000\/svg)/,
    );
    // Two scripts: data, which nothing runs, and the one whose hash the policy names.
    const scripts = [...html.matchAll(/<script([^>]*)>([\s\S]*?)<\/script>/g)];
    expect(scripts.map(([, kind]) => kind)).toEqual([' type="application/json" id="series-data"', '']);
    const hash = createHash('sha256').update(scripts[1]![2]!).digest('base64');
    expect(html).toContain(`script-src 'sha256-${hash}'`);
    expect(html).not.toContain('<b>&"');
    expect(html).toContain('&lt;b&gt;&amp;&quot;\ufffd');
    expect(html).toContain("default-src 'none'");
  });

  it('has a box a month of each series, in the colour of its share', async () => {
    const html = reportHtml(await report());
    const boxes = [...html.matchAll(/<rect class="(\w+)"[^>]*><title>([^<]*)</g)].map(([, shade, title]) => [
      shade,
      title,
    ]);
    expect(boxes).toHaveLength(9);
    expect(boxes).toContainEqual([
      's0',
      '&lt;b&gt;&amp;&quot;\ufffd 1h, Oct 2026: 0% of 744 expected bars covered, 0 there',
    ]);
    expect(boxes).toContainEqual(['s5', 'XBTUSD 1h, Oct 2026: 100% of 744 expected bars covered, 0 there']);
    expect(boxes).toContainEqual(['s2', 'XBTUSD 1d, Sep 2026: 66.66% of 30 expected bars covered, 20 there']);
  });

  it('has steps that leave out no share', () => {
    expect([1, 0.9999, 0.99, 0.95, 0.9, 0.6, 0.5, 0.2, 1e-9, 0].map(shadeOf)).toEqual([
      5, 4, 4, 3, 3, 2, 2, 1, 1, 0,
    ]);
  });

  const found = browser();
  const folder = mkdtempSync(join(tmpdir(), 'backhaul-page-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  it.skipIf(found === null)('shows in a browser, in the colours of good and bad', async () => {
    const page = join(folder, 'report.html');
    writeFileSync(page, reportHtml(await report()));
    const picture = screenshotOf(found!, page, join(folder, 'page.png'));
    const colours = coloursOf(readFileSync(picture));
    const [all, nothing] = [SHADES[0].light, SHADES[5].light];
    expect(colours.get(all)).toBeGreaterThan(1_000);
    expect(colours.get(nothing)).toBeGreaterThan(1_000);
  });

  it('has all of ten thousand series, in a page that is small; those are told that are cut, strange or derived', async () => {
    const { html } = await manySeries();
    expect(html.length).toBeLessThan(2_500_000);
    const { names, series } = JSON.parse(/id="series-data">(.*?)<\/script>/.exec(html)![1]!) as {
      readonly names: readonly string[];
      readonly series: readonly (readonly unknown[])[];
    };
    expect(series).toHaveLength(10_000);
    const one = Object.fromEntries(names.map((name, k) => [name, series[2]![k]]));
    expect(one).toMatchObject({
      symbol: 'P3USD</script>',
      expected: 82,
      covered: 62,
      gapsApi: 2,
      gapsFile: 0,
    });
    // September to November: 20 of 30 days, all of October, 11 of 21.
    expect(one['months']).toEqual([0, 666, 1, 1000, 1, 523, 1]);
    expect(one['derived']).toEqual([['2026-09-01 00:00', '2026-09-11 00:00', '1h']]);
  });

  it.skipIf(found === null)(
    'folds them in a browser: a filter, an order, groups, and rows for what is in view',
    async () => {
      const page = join(folder, 'many.html');
      writeFileSync(page, (await manySeries()).html);
      const grouped = domOf(found!, page);
      const groups = [...grouped.matchAll(/aria-expanded="false"[^>]*>▸ ([^<]+)<small> ([\d,]+) series/g)];
      expect(groups.map(([, name, size]) => `${name} ${size}`)).toEqual(['TIER1 5,000', 'no tier 5,000']);
      const found7 = domOf(found!, `${page}#filter=p77+1d&group=&sort=-series`);
      const rows = [...found7.matchAll(/aria-rowindex="\d+"><th scope="row" title="([^,]+), kraken/g)];
      expect(rows.length).toBeLessThan(100);
      expect(rows.slice(0, 2).map(([, symbol]) => symbol)).toEqual([
        'P77USD&lt;/script&gt;',
        'P779USD&lt;/script&gt;',
      ]);
      expect(found7).toContain('111 of 10,000 series');
      expect(found7).toContain('aria-sort="descending"');
    },
  );
  if (found === null) process.stderr.write('No Chromium here: the page was not looked at in a browser.\n');
});
