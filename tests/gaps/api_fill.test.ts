import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { INDICATOR_NAMES } from '../../src/bars/columns.ts';
import { fromKrakenApi } from '../../src/gaps/api_fill.ts';
import { type FillSummary, fillGaps } from '../../src/gaps/fill.ts';
import { GAP_STATES, type Gap, listGaps, recordScan } from '../../src/gaps/gap_store.ts';
import { KrakenApi } from '../../src/gaps/kraken_api.ts';
import { scanSeries } from '../../src/gaps/scan.ts';
import { ALL_SERIES } from '../../src/series/series.ts';
import { testDatabase } from '../database.ts';
import { candles, load, scratchFolder } from '../e2e/loading.ts';
import { type Bar, krakenCsv, walk, write } from '../e2e/market.ts';
import { addBars, addSeries, addTask, at, DAY, HOUR, wipe } from './loaded_market.ts';

/** A stand-in for the endpoint, with its documented shape and its limit of 720 candles. */

const database = await testDatabase();
const db = database.pool;
const folder = scratchFolder();
const nowUs = at('2024-03-01T12:20Z');
const NOW_S = nowUs / 1e6;
const STEP = 3600;

type Reply = { status?: number; body: string };
const market = new Map<string, Bar[]>();
const asked: { pair: string; interval: number; since: number; at: number }[] = [];
/** Answers to be given before the right ones. */
let first: Reply[] = [];
let server: Server;
let baseUrl = '';

/** As Kraken answers: every interval has a candle, those without a trade with the price before. */
function answer(pair: string, interval: number, since: number): string {
  const bars = market.get(pair);
  if (bars === undefined) return JSON.stringify({ error: ['EQuery:Unknown asset pair'] });
  const step = interval * 60;
  const current = Math.floor(NOW_S / step) * step;
  const rows: unknown[] = [];
  for (let time = current - 719 * step; time <= current; time += step) {
    if (time <= since) continue;
    const bar = bars.find((one) => one.time === time);
    const { open, high, low, close, volume, trades } = bar ?? {
      ...{ open: 50, high: 50, low: 50, close: 50, volume: 0, trades: 0 },
    };
    const price = (x: number): string => x.toFixed(4);
    rows.push([
      time,
      price(open),
      price(high),
      price(low),
      price(close),
      price(close),
      volume.toFixed(8),
      trades,
    ]);
  }
  return JSON.stringify({ error: [], result: { [`X${pair}`]: rows, last: current - step } });
}

beforeAll(async () => {
  market.set('XBTUSD', walk('XBTUSD', NOW_S - 2000 * STEP - (NOW_S % STEP), NOW_S, STEP, 11, 0.9));
  server = createServer((request, response) => {
    const url = new URL(request.url!, 'http://x');
    const [pair, interval, since] = ['pair', 'interval', 'since'].map((name) => url.searchParams.get(name)!);
    asked.push({ pair: pair!, interval: Number(interval), since: Number(since), at: performance.now() });
    const reply = first.shift() ?? { body: answer(pair!, Number(interval), Number(since)) };
    response.writeHead(url.pathname === '/0/public/OHLC' ? (reply.status ?? 200) : 404);
    response.end(reply.body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => new Promise((resolve) => server.close(resolve)));
beforeEach(() => wipe(db));
afterEach(() => {
  asked.length = 0;
  first = [];
});

const api = (paceMs = 1): KrakenApi =>
  new KrakenApi({ baseUrl, signal: new AbortController().signal, paceMs });

function fill(): Promise<FillSummary> {
  const filter = { ...ALL_SERIES, fromUs: null, toUs: null };
  return fillGaps(
    database.url,
    filter,
    nowUs,
    fromKrakenApi({ api: api(), indicators: INDICATOR_NAMES, onSeries: () => {} }),
  );
}

async function scan(): Promise<Gap[]> {
  await recordScan(
    db,
    await scanSeries(db, { filter: ALL_SERIES, fromUs: null, toUs: null, nowUs }),
    true,
    nowUs,
  );
  const gaps = await listGaps(db, { ...ALL_SERIES, states: GAP_STATES, fromUs: null, toUs: null });
  return gaps.filter((gap) => gap.state !== 'filled');
}

const csvOf = (bars: readonly Bar[], name: string): string =>
  write(folder, `${name}/XBTUSD_60.csv`, krakenCsv(bars));
const finished = (): Bar[] => market.get('XBTUSD')!.filter((bar) => bar.time + STEP <= NOW_S);

describe('a fill from the API', () => {
  it('brings what is missing of the last 720 candles, and the table is that of a load of all', async () => {
    const bars = finished();
    await load(database.url, [csvOf(bars, 'whole')], { workers: 1 });
    const whole = await candles(db);
    await wipe(db);
    // A hole of 100 bars and an open end of 50.
    const older = bars.slice(0, bars.length - 300);
    const newer = bars.slice(bars.length - 200, bars.length - 50);
    await load(database.url, [csvOf(older, 'older'), csvOf(newer, 'newer')], { workers: 1 });
    const gaps = await scan();
    expect(gaps.map((gap) => gap.state)).toEqual(['detected', 'detected']);
    const summary = await fill();
    expect(summary).toMatchObject({ gaps: 2, filled: 2, failed: 0, sources: 1, remaining: [] });
    expect(await candles(db)).toBe(whole);
    expect(asked).toHaveLength(1);
    expect(await scan()).toEqual([]);
    const { rows } = await db.query(
      `SELECT state, lane, layout, rows_loaded FROM backhaul.task WHERE layout = 'kraken-api'`,
    );
    expect(rows).toEqual([
      { state: 'loaded', lane: 'kraken/XBTUSD/3600', layout: 'kraken-api', rows_loaded: 150 },
    ]);
    // A second time there is nothing to ask for.
    expect(await fill()).toMatchObject({ gaps: 0 });
  });

  it('fills the end of a gap whose start is out of reach, and leaves the rest to files', async () => {
    const bars = finished();
    await load(database.url, [csvOf(bars.slice(0, 600), 'start')], { workers: 1 });
    expect((await scan()).map((gap) => gap.state)).toEqual(['unfillable']);
    const [gap] = (await fill()).remaining;
    // 719 finished candles and the unfinished one.
    const oldest = (Math.floor(NOW_S / STEP) - 719) * STEP * 1e6;
    expect([gap!.fromUs, gap!.toUs, gap!.state]).toEqual([
      bars[599]!.time * 1e6 + HOUR,
      oldest,
      'unfillable',
    ]);
    const { rows } = await db.query<{ last: Date }>('SELECT max(ts) AS last FROM backhaul.candles');
    // The candle of this hour is not over: it is not taken.
    expect(rows[0]!.last.getTime() / 1000).toBe(bars.at(-1)!.time);
  });

  it('keeps gaps it cannot fill, with the reason', async () => {
    for (const [symbol, intervalS] of [
      ['NOPEUSD', 3600],
      ['XBTUSD', 3600],
      ['XBTUSD', 43_200],
    ] as const) {
      const id = await addSeries(db, 'kraken', symbol, intervalS);
      const fileFromUs = at('2024-02-01Z');
      await addTask(db, { symbol, intervalS, fileFromUs, fileToUs: fileFromUs + 20 * DAY });
      await addBars(db, id, [fileFromUs]);
    }
    await scan();
    const summary = await fill();
    expect(
      summary.remaining.map((gap) => [gap.symbol, gap.intervalS, gap.state, gap.error?.message]),
    ).toEqual([
      ['NOPEUSD', 3600, 'failed', 'the API refuses: EQuery:Unknown asset pair'],
      // It does not serve bars of 720 minutes: only a file can fill them.
      ['XBTUSD', 43_200, 'unfillable', undefined],
    ]);
  });

  it.each([
    ['of its own files', 'XBTUSD'],
    ['of files of all symbols', null],
  ])('leaves a series alone that a load %s is at work on', async (_, symbol) => {
    const id = await addSeries(db, 'kraken', 'XBTUSD', 3600);
    const fileFromUs = at('2024-02-20Z');
    await addTask(db, { fileFromUs, fileToUs: fileFromUs + 5 * DAY });
    await addBars(db, id, [fileFromUs]);
    await scan();
    await addTask(db, { symbol }, { uri: 'file:///busy.csv' });
    await db.query(
      `UPDATE backhaul.task SET state = 'pending', finished_at = NULL WHERE uri = 'file:///busy.csv'`,
    );
    await db.query(
      `UPDATE backhaul.task SET state = 'running', attempt = 2, owner = gen_random_uuid(), lease_until = now() + interval '1 h',
         claimed_at = now() WHERE uri = 'file:///busy.csv'`,
    );
    const [gap] = (await fill()).remaining;
    expect(gap).toMatchObject({ state: 'failed', error: { kind: 'predecessor' } });
    expect((await db.query('SELECT FROM backhaul.bars')).rowCount).toBe(1);
    expect((await db.query(`SELECT FROM backhaul.task WHERE layout = 'kraken-api'`)).rowCount).toBe(0);
  });
});

describe('the client', () => {
  const from = (NOW_S - 10 * STEP - (NOW_S % STEP)) * 1e6;

  it('asks once a pace, from the candle wanted on, and drops the unfinished one and those without a trade', async () => {
    const client = api(400);
    const started = performance.now();
    const got = await client.candles('XBTUSD', 3600, from);
    await client.candles('XBTUSD', 3600, from);
    // From the start on: how long the first request was on its way is not the client's doing. A timer may be 1 ms early.
    expect(asked[1]!.at - started).toBeGreaterThanOrEqual(399);
    expect(asked[0]).toMatchObject({ pair: 'XBTUSD', interval: 60, since: from / 1e6 - 1 });
    const expected = finished().filter((bar) => bar.time * 1e6 >= from);
    expect(got.candles).toEqual(
      expected.map(({ time, open, high, low, close, volume, trades }) => {
        return { tsUs: time * 1e6, open, high, low, close, volume, trades };
      }),
    );
    expect(got.told).toEqual({ fromUs: from, toUs: Math.floor(NOW_S / STEP) * STEP * 1e6 });
  });

  it('tries again when it is asked to slow down or the server fails, and gives up after a while', async () => {
    first = [{ body: '{"error":["EAPI:Rate limit exceeded"]}' }, { status: 503, body: 'no' }];
    expect((await api().candles('XBTUSD', 3600, from)).told).not.toBeNull();
    expect(asked).toHaveLength(3);
    first = Array.from({ length: 9 }, () => ({ status: 503, body: 'no' }));
    await expect(api().candles('XBTUSD', 3600, from)).rejects.toMatchObject({
      fault: { kind: 'network', code: '503' },
    });
  });

  it.each([
    ['no JSON', '<html>', 'corrupt'],
    ['another shape', '{"error":[],"result":{"X":[[1,2,3]],"last":1}}', 'corrupt'],
    [
      'a number with text behind it',
      `{"error":[],"result":{"X":[[3600,"1x","1","1","1","1","1",1]],"last":1}}`,
      'corrupt',
    ],
    [
      'candles off their grid',
      `{"error":[],"result":{"X":[[3601,"1","1","1","1","1","1",1]],"last":1}}`,
      'corrupt',
    ],
    [
      'candles out of order',
      `{"error":[],"result":{"X":[[7200,"1","1","1","1","1","1",1],[3600,"1","1","1","1","1","1",1]],"last":1}}`,
      'corrupt',
    ],
    [
      'a high below the close',
      `{"error":[],"result":{"X":[[3600,"1","1","1","2","1","1",1]],"last":1}}`,
      'corrupt',
    ],
    ['an answer without end', `"${'x'.repeat(5 << 20)}"`, 'limit'],
  ])('refuses %s', async (_, body, kind) => {
    first = [{ body }];
    await expect(api().candles('XBTUSD', 3600, from)).rejects.toMatchObject({ fault: { kind } });
  });

  it('takes an answer without candles for one that tells nothing', async () => {
    first = [{ body: '{"error":[],"result":{"XXBTZUSD":[],"last":0}}' }];
    expect(await api().candles('XBTUSD', 3600, from)).toMatchObject({ candles: [], told: null });
  });

  it('refuses an address that is none, and an interval that is not served', async () => {
    const signal = new AbortController().signal;
    expect(() => new KrakenApi({ baseUrl: 'ftp://x', signal })).toThrow('--api-url');
    await expect(api().candles('XBTUSD', 43_200, from)).rejects.toMatchObject({
      fault: { kind: 'unsupported' },
    });
    expect(asked).toHaveLength(0);
  });
});
