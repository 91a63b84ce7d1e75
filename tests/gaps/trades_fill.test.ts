import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { INDICATOR_NAMES } from '../../src/bars/columns.ts';
import { ApiClient } from '../../src/gaps/api_client.ts';
import { type FillSummary, fillGaps } from '../../src/gaps/fill.ts';
import { type Gap, listGaps, recordScan } from '../../src/gaps/gap_store.ts';
import { KrakenTrades } from '../../src/gaps/kraken_trades.ts';
import { scanSeries } from '../../src/gaps/scan.ts';
import { fromKrakenTrades, type TradesWalk, type WalkProgress } from '../../src/gaps/trades_fill.ts';
import { ALL_SERIES } from '../../src/series/series.ts';
import { testDatabase } from '../database.ts';
import { candles, load, scratchFolder } from '../e2e/loading.ts';
import { write } from '../e2e/market.ts';
import { start } from '../survive/program.ts';
import { at, wipe } from './loaded_market.ts';

/** A stand-in for Kraken's Trades endpoint, and the table held against a load of the same trades as a file. */

const database = await testDatabase();
const db = database.pool;
const folder = scratchFolder();
const nowUs = at('2024-03-01T12:20Z');
const FROM = at('2024-01-01T00:00Z');
const HOURS = 60;

interface Made {
  readonly ns: bigint;
  readonly price: string;
  readonly volume: string;
}
/** Three days of trades: some share a nanosecond, some lie on the edge of a bar, one a tenth of a µs before it. */
const trades: Made[] = [];
let seed = 7;
const random = (): number => {
  seed = (seed * 1103515245 + 12345) % 2147483648;
  return seed / 2147483648;
};
for (let hour = 0; hour < HOURS; hour++) {
  const start = BigInt(FROM + hour * 3_600_000_000) * 1000n;
  const add = (ns: bigint): void => {
    trades.push({ ns, price: (100 + random() * 5).toFixed(5), volume: (random() * 2).toFixed(8) });
  };
  add(start);
  // Nobody trades for two hours.
  if (hour === 20 || hour === 21) {
    trades.pop();
    continue;
  }
  for (let i = 1; i < 60; i++) {
    const ns = start + BigInt(i) * 59_000_000_000n + BigInt(Math.floor(random() * 9)) * 100n;
    add(ns);
    if (i % 11 === 0) add(ns);
  }
  add(start + 3_599_999_999_900n);
}

let pageSize = 100;
/** Without a number, as in answers of older days. */
let withIds = true;
let first: { status?: number; body: string }[] = [];
const asked: string[] = [];
let server: Server;
let baseUrl = '';

const seconds = ({ ns }: Made): string =>
  `${ns / 1_000_000_000n}.${String(ns % 1_000_000_000n)
    .padStart(9, '0')
    .slice(0, 7)}`;

function answer(pair: string, since: bigint): string {
  if (pair !== 'XBTUSD') return '{"error":["EQuery:Unknown asset pair"]}';
  const page = trades
    .map((trade, i) => ({ ...trade, i }))
    .filter(({ ns }) => ns > since)
    .slice(0, pageSize);
  // A page never ends between trades of one nanosecond, as `last` could not say where.
  for (
    let next = page.at(-1)?.i ?? trades.length;
    trades[++next]?.ns === page.at(-1)?.ns && page.length > 0;
  )
    page.push({ ...trades[next]!, i: next });
  const rows = page.map(
    ({ price, volume, i }) =>
      `["${price}","${volume}",${seconds(trades[i]!)},"b","l",""${withIds ? `,${1000 + i}` : ''}]`,
  );
  return `{"error":[],"result":{"XXBTZUSD":[${rows.join(',')}],"last":"${page.at(-1)?.ns ?? since}"}}`;
}

beforeAll(async () => {
  server = createServer((request, response) => {
    const url = new URL(request.url!, 'http://x');
    asked.push(url.searchParams.get('since')!);
    const pair = url.searchParams.get('pair')!;
    const reply = first.shift() ?? { body: answer(pair, BigInt(url.searchParams.get('since')!)) };
    response.writeHead(url.pathname === '/0/public/Trades' ? (reply.status ?? 200) : 404);
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
  pageSize = 100;
  withIds = true;
});

const csvOf = (name: string, some: readonly Made[]): string =>
  write(
    folder,
    `${name}/Kraken_Trading_History/XBTUSD.csv`,
    some.map((trade) => `${seconds(trade)},${trade.price},${trade.volume}\n`).join(''),
  );

const until = (hour: number): Made[] =>
  trades.filter(({ ns }) => ns < BigInt(FROM + hour * 3_600_000_000) * 1000n);
const since = (hour: number): Made[] =>
  trades.filter(({ ns }) => ns >= BigInt(FROM + hour * 3_600_000_000) * 1000n);

const INTERVALS = [60, 3600];
const EVERYWHERE = { ...ALL_SERIES, fromUs: null, toUs: FROM + HOURS * 3_600_000_000 };

/** Loads the first and the last hours, and puts what lies between on record as gaps. */
async function withHole(from: number, to: number): Promise<Gap[]> {
  const files = [csvOf('older', until(from)), csvOf('newer', since(to))];
  for (const file of files) await load(database.url, [file], { workers: 1, intervals: INTERVALS });
  const { toUs } = EVERYWHERE;
  await recordScan(db, await scanSeries(db, { filter: ALL_SERIES, fromUs: FROM, toUs, nowUs }), true, nowUs);
  return listGaps(db, { ...EVERYWHERE, states: ['detected', 'unfillable'] });
}

async function wholeTable(): Promise<string> {
  await load(database.url, [csvOf('whole', trades)], { workers: 1, intervals: INTERVALS });
  const whole = await candles(db);
  await wipe(db);
  return whole;
}

interface Told {
  plan: readonly TradesWalk[];
  ends: WalkProgress[];
}

async function fill(
  signal = new AbortController().signal,
  onPage: () => void = () => {},
): Promise<FillSummary & Told> {
  const told: Told = { plan: [], ends: [] };
  const summary = await fillGaps(
    database.url,
    EVERYWHERE,
    nowUs,
    fromKrakenTrades({
      api: new KrakenTrades({ baseUrl, signal, paceMs: 0 }),
      indicators: INDICATOR_NAMES,
      onPlan: (plan) => {
        told.plan = plan;
      },
      onProgress: onPage,
      onEnd: (progress) => told.ends.push(progress),
    }),
  );
  return { ...summary, ...told };
}

describe('a fill from trades', () => {
  it.each([true, false])(
    'makes the table that a file of all trades makes (numbered: %s)',
    async (numbered) => {
      withIds = numbered;
      const whole = await wholeTable();
      const gaps = await withHole(10, 40);
      expect(gaps.map(({ intervalS, state, candles: missing }) => [intervalS, state, missing])).toEqual([
        [60, 'unfillable', 1800],
        [3600, 'unfillable', 30],
      ]);
      const summary = await fill();
      expect(summary).toMatchObject({ gaps: 2, filled: 2, failed: 0, remaining: [], candlesFilled: 1830 });
      expect(await candles(db)).toBe(whole);
      // Both intervals are made in one walk, whose length was told before.
      // Some 65 trades an hour for 30 hours are two pages of 1,000, and one that reaches beyond.
      expect(summary.plan).toMatchObject([{ pair: 'XBTUSD', pages: 3 }]);
      const pages = summary.ends[0]!.pages;
      expect(asked).toHaveLength(pages);
      expect(pages).toBeGreaterThan(15);
      expect(asked[0]).toBe(String(BigInt(FROM + 10 * 3_600_000_000) * 1000n - 1n));
      const { rows } = await db.query(
        `SELECT rows_read, trades_used, rows_rejected, bars_made = rows_loaded + rows_duplicate AS sound
       FROM backhaul.task WHERE layout = 'kraken-trades-api' ORDER BY trades_used`,
      );
      const missing = until(40).length - until(10).length;
      expect(rows).toMatchObject([
        { rows_read: missing, trades_used: missing, rows_rejected: 0, sound: true },
        { rows_read: missing, trades_used: missing, sound: true },
      ]);
      expect(await fill()).toMatchObject({ gaps: 0 });
    },
  );

  it('keeps what is whole when it is interrupted, and goes on there', async () => {
    const whole = await wholeTable();
    await withHole(10, 40);
    const control = new AbortController();
    let pages = 0;
    const stopping = fill(control.signal, () => {
      if (++pages === 8) control.abort();
    });
    await expect(stopping).rejects.toThrow();
    const left = await listGaps(db, {
      ...EVERYWHERE,
      states: ['detected', 'unfillable', 'filling', 'failed'],
    });
    expect(left.map(({ state }) => state)).toEqual(['unfillable', 'unfillable']);
    expect(left[0]!.candles).toBeLessThan(1500);
    asked.length = 0;
    expect(await fill()).toMatchObject({ filled: 2, remaining: [] });
    // What stands is not walked again: at most the hour that was not whole.
    expect(BigInt(asked[0]!)).toBeGreaterThan(BigInt(FROM + 14 * 3_600_000_000) * 1000n);
    expect(await candles(db)).toBe(whole);
  });

  it('killed between the commits of two intervals ends as if nothing had been, run again', async () => {
    const whole = await wholeTable();
    await withHole(10, 40);
    // Two commits of each interval: the first minutes are kept, the first hours are not.
    pageSize = 20;
    const stamp = (us: number): string => new Date(us / 1000).toISOString();
    const args = ['--api-url', baseUrl, '--api-rate', '1000', '--to', stamp(EVERYWHERE.toUs)];
    const env = { DATABASE_URL: database.url, BACKHAUL_KILL_AT: 'api.merged:2' };
    const ended = await start(['gaps', 'fill', '--api', 'kraken-trades', ...args], { env }).ended;
    expect(ended).toMatchObject({ signal: 'SIGKILL' });
    const { rows } = await db.query(
      `SELECT DISTINCT s.interval_s FROM backhaul.coverage c JOIN backhaul.series s USING (series_id)
       JOIN backhaul.task t USING (task_id) WHERE t.layout = 'kraken-trades-api'`,
    );
    expect(rows).toEqual([{ interval_s: 60 }]);
    expect(await fill()).toMatchObject({ filled: 2, remaining: [] });
    expect(await candles(db)).toBe(whole);
  });

  it('vouches for hours in which nobody traded', async () => {
    const gaps = await withHole(20, 22);
    expect(gaps).toHaveLength(2);
    expect(await fill()).toMatchObject({ filled: 2, candlesFilled: 122, remaining: [] });
  });

  it('tries again when it is asked to slow down, and keeps the reason of what the exchange refuses', async () => {
    await withHole(10, 12);
    first = [{ body: '{"error":["EAPI:Rate limit exceeded"]}' }, { status: 503, body: 'no' }];
    expect(await fill()).toMatchObject({ filled: 2 });
    await wipe(db);
    await withHole(10, 12);
    first = [{ body: '{"error":["EQuery:Unknown asset pair"]}' }];
    const { remaining } = await fill();
    expect(remaining.map(({ state, error }) => [state, error?.message])).toEqual([
      ['failed', 'the API refuses: EQuery:Unknown asset pair'],
      ['failed', 'the API refuses: EQuery:Unknown asset pair'],
    ]);
  });
});

describe('a page', () => {
  const page = async (body: string) => {
    first = [{ body }];
    const api = new KrakenTrades({ baseUrl, signal: new AbortController().signal, paceMs: 0 });
    const walk = api.pages('XBTUSD', 1_000_000_000_000_000, 1_000_000_060_000_000);
    const { value } = await walk.next();
    return value!;
  };
  const body = (rows: string, last = '"1000000000000000001"') =>
    `{"error":[],"result":{"X":[${rows}],"last":${last}}}`;

  it('keeps the digits of a stamp that as a double would be the next bar’s', async () => {
    const { trades: some } = await page(body('["1","2",1000000059.99999994,"b","m","",1]'));
    expect(some.ts[0]).toBe(1_000_000_059_999_999);
  });

  it.each([
    ['no JSON', '<html>'],
    ['another shape', '{"error":[],"result":{"X":[[1,2]],"last":"1"}}'],
    ['a price of none', body('["0","1",1000000001,"b","m","",1]')],
    ['trades out of order', body('["1","1",1000000002,"b","m","",1],["1","1",1000000001,"b","m","",2]')],
    ['trades from before', body('["1","1",999999999,"b","m","",1]')],
    ['no "last"', body('["1","1",1000000001,"b","m","",1]', 'null')],
  ])('is refused with %s', async (_, text) => {
    await expect(page(text)).rejects.toMatchObject({ fault: { kind: 'corrupt' } });
  });

  it('that does not lead on is refused, not asked for for ever', async () => {
    first = [{ body: body('["1","1",1000000001,"b","m","",1]', '"5"') }];
    const api = new KrakenTrades({ baseUrl, signal: new AbortController().signal, paceMs: 0 });
    const walk = api.pages('XBTUSD', 1_000_000_000_000_000, 1_000_000_060_000_000);
    await walk.next();
    await expect(walk.next()).rejects.toMatchObject({ fault: { kind: 'corrupt' } });
  });
});

it('the pace is the exchange’s published one, for whatever of its API is asked, unless another is said', () => {
  const signal = new AbortController().signal;
  expect(new ApiClient({ venue: 'kraken', baseUrl, signal }).paceMs).toBe(1000);
  expect(new KrakenTrades({ baseUrl, signal }).paceMs).toBe(1000);
  expect(new KrakenTrades({ baseUrl, signal, paceMs: 250 }).paceMs).toBe(250);
});
