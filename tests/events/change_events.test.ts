import { beforeEach, describe, expect, it } from 'vitest';
import { INDICATOR_NAMES } from '../../src/bars/columns.ts';
import { changeEvents, type EventSummary } from '../../src/events/change_events.ts';
import { dayOf, type MarketEvent } from '../../src/events/market_event.ts';
import { takeStandingNames } from '../../src/events/take_names.ts';
import { isLeftToMake } from '../../src/series/left_to_make.ts';
import { recompute } from '../../src/series/recompute.ts';
import { ALL_SERIES } from '../../src/series/series.ts';
import { unloadTasks } from '../../src/series/unload.ts';
import { loadedTasks } from '../../src/state/tasks/unload.ts';
import { eventSummaryLines } from '../../src/ui/event_text.ts';
import { testDatabase } from '../database.ts';
import { candles, load, scratchFolder, wipe } from '../e2e/loading.ts';
import { type Bar, krakenCsv, massiveDays, walk, write } from '../e2e/market.ts';

/** Events that come before, between and behind the bars they are of: the same table, to the bit. */

const database = await testDatabase();
const db = database.pool;
const folder = scratchFolder();
const signal = new AbortController().signal;

const split = (symbol: string, day: string, ratio: number, venue = 'kraken'): MarketEvent => ({
  kind: 'split',
  venue,
  symbol,
  day: dayOf(day)!,
  ratio,
});
const EVENTS = [
  split('AAAUSD', '2024-03-10', 4),
  split('AAAUSD', '2024-05-01', 3),
  split('AAAUSD', '2024-08-15', 0.1),
  split('AAAUSD', '2031-01-01', 2),
  split('ZZZUSD', '2024-05-01', 2),
];

async function told(events: readonly MarketEvent[], source = 'file:///e.csv'): Promise<EventSummary> {
  return changeEvents(db, { source, events }, { dryRun: false, signal, onProgress: () => {} });
}

const startS = Date.UTC(2024, 0, 1) / 1000;
const QUARTER_S = 91 * 86_400;
/** Three quarters of four-hour bars, at another scale behind each split; and of another symbol that has none. */
function traded(symbol: string, seed: number): Bar[] {
  return walk(symbol, startS, startS + 3 * QUARTER_S, 14_400, seed, 0.8).map((bar) => {
    const day = new Date(bar.time * 1000).toISOString().slice(0, 10);
    const scale = EVENTS.reduce(
      (all, event) =>
        event.kind === 'split' && event.symbol === symbol && dayOf(day)! >= event.day
          ? all * event.ratio
          : all,
      1,
    );
    const [open, high, low, close] = [bar.open, bar.high, bar.low, bar.close].map((price) => price / scale);
    return { ...bar, open: open!, high: high!, low: low!, close: close!, volume: bar.volume * scale };
  });
}
const files = [0, 1, 2].map((quarter) =>
  ['AAAUSD', 'BBBUSD'].map((symbol, seed) =>
    write(
      folder,
      `q${quarter}/${symbol}_240.csv`,
      krakenCsv(
        traded(symbol, seed).filter((bar) => Math.floor((bar.time - startS) / QUARTER_S) === quarter),
      ),
    ),
  ),
);
const quarters = (...which: readonly number[]): string[] => which.flatMap((quarter) => files[quarter]!);

/** With days, weeks and months made of them: splits fall into the middle of some. */
const LONGER = [86_400, 604_800, 2_592_000];

async function loadFiles(...which: readonly number[]): Promise<void> {
  await load(database.url, quarters(...which), { workers: 2, rollups: LONGER });
}

async function empty(): Promise<void> {
  await wipe(db);
  await db.query('TRUNCATE backhaul.event, backhaul.event_change');
}
beforeEach(empty);

/** As a load makes it that knows the events before it begins. */
async function right(events: readonly MarketEvent[] = EVENTS): Promise<string> {
  await empty();
  await told(events);
  await loadFiles(0, 1, 2);
  const whole = await candles(db);
  await empty();
  return whole;
}

/** Nothing changes where all is computed once more. */
async function expectSound(): Promise<void> {
  const done = await recompute(db, {
    filter: ALL_SERIES,
    fromUs: null,
    indicators: INDICATOR_NAMES,
    signal,
    onSeries: () => {},
  });
  expect(done.changed).toBe(0);
}

describe('events and bars, in whichever order they come, make one table', () => {
  it('behind all bars, between files, and among files that come late', async () => {
    const whole = await right();
    await loadFiles(0, 1, 2);
    expect(await candles(db)).not.toBe(whole);
    const done = await told(EVENTS);
    expect(done).toMatchObject({
      added: 5,
      series: 4,
      unknownSymbols: ['kraken ZZZUSD'],
      venuesThatHaveThem: [],
    });
    expect(done.recomputed).toBeGreaterThan(100);
    expect(await candles(db)).toBe(whole);
    await expectSound();

    await empty();
    await loadFiles(0);
    await told(EVENTS);
    await loadFiles(1, 2);
    expect(await candles(db)).toBe(whole);

    await empty();
    await told(EVENTS.slice(2));
    await loadFiles(0, 2);
    await told(EVENTS);
    await loadFiles(1);
    expect(await candles(db)).toBe(whole);
    await expectSound();
  });

  it('RSI runs on through a split, and so do returns', async () => {
    await told(EVENTS);
    await loadFiles(0, 1, 2);
    const { rows } = await db.query<{ rsi: number; move: number }>(
      `SELECT min(rsi_14) AS rsi, max(abs(log_return)) AS move FROM backhaul.candles WHERE symbol = 'AAAUSD' AND interval_s = 14400`,
    );
    expect(rows[0]!.rsi).toBeGreaterThan(10);
    expect(rows[0]!.move).toBeLessThan(0.02);
  });

  it('corrected and taken out, and told by a file that is unloaded and loaded again', async () => {
    const whole = await right();
    const wrong = [split('AAAUSD', '2024-03-11', 4), split('AAAUSD', '2024-05-01', 2), ...EVENTS.slice(2)];
    await told([...wrong, split('BBBUSD', '2024-06-01', 7)]);
    await loadFiles(0, 1, 2);
    expect(await candles(db)).not.toBe(whole);
    expect(await told(EVENTS)).toMatchObject({ added: 1, changed: 1, removed: 2, equal: 3, series: 8 });
    expect(await candles(db)).toBe(whole);
    await expectSound();
    const late = await loadedTasks(db);
    await unloadTasks(
      db,
      late.filter(({ uri }) => uri.includes('/q1/')),
      { signal, onTask: () => {} },
    );
    await expectSound();
    await load(database.url, quarters(1), { workers: 2, reload: true });
    expect(await candles(db)).toBe(whole);
  });

  it('by whatever spelling of its currency, or in whatever case, a market is told of', async () => {
    const bars = walk('XBTUSD', startS, startS + 40 * 86_400, 14_400, 9, 0.8);
    await load(database.url, [write(folder, 'alias/XBTUSD_240.csv', krakenCsv(bars))]);
    const of = (symbol: string, ratio: number) => split(symbol, '2024-01-20', ratio);
    expect(await told([of('BTCUSD', 5), of('XBTUSD', 5)])).toMatchObject({
      added: 1,
      series: 1,
      unknownSymbols: [],
    });
    expect(await told([of('xbtusd', 5)])).toMatchObject({ equal: 1, removed: 0 });
    await expectSound();
    const { rows } = await db.query('SELECT symbol FROM backhaul.event');
    expect(rows).toEqual([{ symbol: 'XBTUSD' }]);
    expect(await told([of('BTCEUR', 5)])).toMatchObject({ removed: 1, unknownSymbols: ['kraken BTCEUR'] });

    const elsewhere = await told([split('XBTUSD', '2024-01-20', 5, 'us_stocks_sip')], 'file:///other.csv');
    expect(elsewhere).toMatchObject({
      unknownSymbols: ['us_stocks_sip XBTUSD'],
      venuesThatHaveThem: ['kraken'],
    });
    expect(eventSummaryLines(elsewhere, false).at(-1)).toBe(
      'Bars of such symbols stand at kraken: --venue says whose events these are.',
    );
  });

  it('told under another spelling before any bar was there, as if they were told again', async () => {
    const bars = walk('XBTUSD', startS, startS + 40 * 86_400, 14_400, 9, 0.8);
    const file = write(folder, 'early/XBTUSD_240.csv', krakenCsv(bars));
    const events = [split('XBTUSD', '2024-01-20', 5), split('ETHUSD', '2024-01-20', 2)];
    await told(events);
    await load(database.url, [file]);
    const whole = await candles(db);
    await empty();
    await told([split('btcusd', '2024-01-20', 5), events[1]!]);
    await load(database.url, [file]);
    expect(await candles(db)).not.toBe(whole);
    expect(await isLeftToMake(db)).toBe(true);
    expect(await takeStandingNames(db, signal)).toBe(1);
    expect(await candles(db)).toBe(whole);
    const { rows } = await db.query('SELECT symbol FROM backhaul.event ORDER BY symbol');
    expect(rows).toEqual([{ symbol: 'ETHUSD' }, { symbol: 'XBTUSD' }]);
    expect(await takeStandingNames(db, signal)).toBe(0);
  });

  it('of day files of many symbols, whose days are those of New York', async () => {
    const days = massiveDays(folder, 4, ['AAPL', 'MSFT', 'NA'], 3);
    const events = [
      split('MSFT', '2024-04-03', 2, 'us_stocks_sip'),
      split('NA', '2024-04-02', 0.2, 'us_stocks_sip'),
    ];
    await told(events);
    await load(database.url, days, { workers: 2 });
    const whole = await candles(db);
    await expectSound();
    await empty();
    await load(database.url, days.slice(0, 3), { workers: 1 });
    await told(events);
    await load(database.url, days, { workers: 1 });
    expect(await candles(db)).toBe(whole);
  });
});

describe('a load of events', () => {
  it('the same again changes nothing, and writes nothing', async () => {
    await loadFiles(0);
    await told(EVENTS);
    const revisions = async (): Promise<unknown> =>
      (await db.query('SELECT count(*)::int AS n, max(xmin::text) AS x FROM backhaul.event')).rows;
    const before = await revisions();
    expect(await told(EVENTS)).toMatchObject({ added: 0, changed: 0, removed: 0, equal: 5, recomputed: 0 });
    expect(await revisions()).toEqual(before);
  });

  it('writes no more rows than differ: those behind where states meet stay as they are', async () => {
    const bars = walk('LONGUSD', startS, startS + 20_000 * 60, 60, 4, 1);
    await load(database.url, [write(folder, 'LONGUSD_1.csv', krakenCsv(bars))], { workers: 1 });
    const done = await told([split('LONGUSD', '2024-01-04', 1.001)]);
    expect(done.recomputed).toBeGreaterThan(1_000);
    expect(done.recomputed).toBeLessThan(9_000);
    await expectSound();
  });

  it('takes out what its file no longer has, of the venue and symbol it speaks of alone', async () => {
    await told(EVENTS);
    const scope = { venue: 'kraken', symbol: 'ZZZUSD' };
    const options = { dryRun: false, signal, onProgress: () => {} };
    expect(await changeEvents(db, { source: 'file:///e.csv', events: [], scope }, options)).toMatchObject({
      removed: 1,
    });
    expect(await told([])).toMatchObject({ removed: 4 });
  });

  it('in a dry run says what it would do and does nothing', async () => {
    await loadFiles(0, 1);
    const before = await candles(db);
    const options = { dryRun: true, signal, onProgress: () => {} };
    expect(await changeEvents(db, { source: 'x', events: EVENTS }, options)).toMatchObject({
      added: 5,
      series: 4,
    });
    expect(await candles(db)).toBe(before);
    expect((await db.query('SELECT FROM backhaul.event')).rowCount).toBe(0);
  });

  it('waits for nobody: while a load is at work on the venue it says so', async () => {
    await loadFiles(0);
    await db.query(
      `INSERT INTO backhaul.run (owner, command) VALUES ('00000000-0000-4000-8000-000000000001', 'load')`,
    );
    await db.query(
      `INSERT INTO backhaul.task (uri, etag, size_bytes, lane, plan) SELECT 'x', 'x', 1, lane, plan FROM backhaul.task LIMIT 1`,
    );
    const client = await database.client();
    await client.query(
      `SELECT pg_advisory_lock_shared(${0x62_63_6b_72}, run_id::int) FROM backhaul.run WHERE state = 'running'`,
    );
    await db.query(
      `UPDATE backhaul.task SET state = 'running', attempt = 1, owner = '00000000-0000-4000-8000-000000000001',
         claimed_at = now(), lease_until = now() + interval '1 minute' WHERE uri = 'x'`,
    );
    await expect(told(EVENTS)).rejects.toMatchObject({ fault: { kind: 'database' } });
    expect((await db.query('SELECT FROM backhaul.event')).rowCount).toBe(0);
  });
});
