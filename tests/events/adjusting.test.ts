import { existsSync, readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { changeEvents } from '../../src/events/change_events.ts';
import { dayOf, type MarketEvent } from '../../src/events/market_event.ts';
import { renamedMarkets } from '../../src/series/renamed_market.ts';
import { ALL_SERIES, readSeries } from '../../src/series/series.ts';
import { validate } from '../../src/validate/validate.ts';
import { testDatabase } from '../database.ts';
import { load, scratchFolder } from '../e2e/loading.ts';
import { write } from '../e2e/market.ts';

/** What `candles_of` gives of a series with splits and dividends. */

const database = await testDatabase();
const db = database.pool;
const folder = scratchFolder();
const layout = write(
  folder,
  'yahoo.yaml',
  `name: yahoo
paths: '(?<symbol>[A-Z]+)_(?<interval>1d)\\.txt$'
columns: { time: Date, open: Open, high: High, low: Low, close: Close, volume: Volume }
header: required
time: { unit: text, zone: America/New_York }
venue: yahoo
symbol: { group: symbol }
interval: { group: interval }
order: time
`,
);
const HEADER = 'Date,Open,High,Low,Close,Adj Close,Volume';

async function loadDays(symbol: string, lines: readonly string[]): Promise<void> {
  const path = write(folder, `${symbol}_1d.txt`, `${HEADER}\n${lines.join('\n')}\n`);
  const done = await load(database.url, [path], { layout, workers: 1 });
  expect(done.rows.loaded).toBe(lines.length);
}

async function tell(events: readonly MarketEvent[]): Promise<void> {
  const options = { dryRun: false, signal: new AbortController().signal, onProgress: () => {} };
  await changeEvents(db, { source: `file:///${events[0]!.symbol}`, events }, options);
}

const of = (symbol: string, day: string): { venue: string; symbol: string; day: number } => ({
  venue: 'yahoo',
  symbol,
  day: dayOf(day)!,
});

async function column(symbol: string, name: string, adjust: string): Promise<number[]> {
  const { rows } = await db.query(
    `SELECT ${name} AS value FROM backhaul.candles_of('yahoo', $1, '1d', adjust => $2) ORDER BY ts`,
    [symbol, adjust],
  );
  return rows.map((row) => row.value);
}

const findings = async (symbol: string): Promise<string[]> => {
  const options = { fromUs: null, toUs: null, nowUs: Date.UTC(2026, 0) * 1000, staleHours: null };
  const done = await validate(db, {
    ...options,
    filter: { ...ALL_SERIES, symbols: [symbol] },
    checks: ['jumps'],
    jumpDeviations: 10,
    volumeDeviations: 10,
    onCheck: () => {},
  });
  return done.findings.map(({ kind, count, examples }) => `${kind} ${count}: ${examples[0]?.text}`);
};

describe('a series of six days with a dividend, a split, and both on one day', () => {
  const closes = [100, 102, 101, 50, 52, 10.4];
  beforeAll(async () => {
    await loadDays(
      'SIX',
      closes.map((close, i) => `2024-03-0${4 + i},${close},${close},${close},${close},0,${1000 * (i + 1)}`),
    );
    await tell([
      { kind: 'dividend', ...of('SIX', '2024-03-06'), amount: 2.04, currency: 'USD', isAdjusted: false },
      { kind: 'split', ...of('SIX', '2024-03-07'), ratio: 2 },
      { kind: 'split', ...of('SIX', '2024-03-09'), ratio: 5 },
      { kind: 'dividend', ...of('SIX', '2024-03-09'), amount: 0.104, currency: 'USD', isAdjusted: false },
      // Behind the last bar: they are not yet.
      { kind: 'split', ...of('SIX', '2024-03-10'), ratio: 7 },
      { kind: 'dividend', ...of('SIX', '2024-03-11'), amount: 1, currency: 'USD', isAdjusted: false },
    ]);
  });

  it('none is what was traded', async () => {
    expect(await column('SIX', 'close', 'none')).toEqual(closes);
  });

  it('splits puts all into the scale of the newest bar, volumes the other way', async () => {
    expect(await column('SIX', 'close', 'splits')).toEqual([10, 10.2, 10.1, 10, 10.4, 10.4]);
    expect(await column('SIX', 'volume', 'splits')).toEqual([10_000, 20_000, 30_000, 20_000, 25_000, 6000]);
  });

  it('all takes dividends off too, each as a share of the close before; volumes know splits alone', async () => {
    // 2.04 of 102; and 0.104 of a fifth of 52.
    const [first, second] = [1 - 2.04 / 102, 1 - 0.104 / 10.4];
    const right = [
      10 * first * second,
      10.2 * first * second,
      10.1 * second,
      10 * second,
      10.4 * second,
      10.4,
    ];
    (await column('SIX', 'close', 'all')).forEach((value, i) => {
      expect(value).toBeCloseTo(right[i]!, 12);
    });
    expect(await column('SIX', 'volume', 'all')).toEqual(await column('SIX', 'volume', 'splits'));
  });

  it('an amount that was told adjusted is the same dividend', async () => {
    const before = await column('SIX', 'close', 'all');
    await tell([
      { kind: 'dividend', ...of('SIX', '2024-03-06'), amount: 0.204, currency: null, isAdjusted: true },
      { kind: 'split', ...of('SIX', '2024-03-07'), ratio: 2 },
      { kind: 'split', ...of('SIX', '2024-03-09'), ratio: 5 },
      { kind: 'dividend', ...of('SIX', '2024-03-09'), amount: 0.104, currency: null, isAdjusted: true },
    ]);
    (await column('SIX', 'close', 'all')).forEach((value, i) => {
      expect(value).toBeCloseTo(before[i]!, 12);
    });
  });
});

it('a split on a weekend holds from Monday on; days begin when those of the series do', async () => {
  const days = ['2020-08-27', '2020-08-28', '2020-08-31'];
  await loadDays(
    'AAP',
    days.map((day, i) => `${day},${i === 2 ? 129 : 500},600,100,${i === 2 ? 129.04 : 499.23},0,100`),
  );
  await tell([{ kind: 'split', ...of('AAP', '2020-08-29'), ratio: 4 }]);
  expect(await column('AAP', 'close', 'splits')).toEqual([499.23 / 4, 499.23 / 4, 129.04]);
});

it('a week into which a split falls is told in the scale behind it, whichever comes first', async () => {
  // A Monday, a week with a 4:1 split on its Wednesday, and the next week.
  const lines = [
    '2020-08-17,470,480,460,472,0,50',
    '2020-08-24,480,520,476,500,0,100',
    '2020-08-25,500,504,400,440,0,200',
    '2020-08-26,112,120,108,116,0,1000',
    '2020-08-27,116,124,112,122,0,2000',
    '2020-08-28,122,126,110,124,0,3000',
    '2020-08-31,124,132,120,128,0,4000',
    '2020-09-04,128,130,126,129,0,500',
    '2020-09-08,129,130,126,129,0,600',
  ];
  const week = async (symbol: string, adjust: string): Promise<unknown[]> => {
    const { rows } = await db.query({
      rowMode: 'array',
      text: `SELECT open, high, low, close, volume, round(log_return::numeric, 9)::float8
        FROM backhaul.candles_of('yahoo', $1, '1w', adjust => $2) ORDER BY ts`,
      values: [symbol, adjust],
    });
    return rows;
  };
  const event = (symbol: string): MarketEvent => ({ kind: 'split', ...of(symbol, '2020-08-26'), ratio: 4 });
  // Wednesday's high of 126 is below a quarter of Monday's 520; 400 / 4 is the low; 4 × 300 of volume, and 6000.
  const told = [120, 130, 100, 124, 7200, Number(Math.log(124 / (472 / 4)).toFixed(9))];
  const next = [124, 132, 120, 129, 4500, Number(Math.log(129 / 124).toFixed(9))];
  const before = [470, 480, 460, 472, 50, null];
  const right = [before, told, next];
  const path = (symbol: string): string =>
    write(folder, `${symbol}_1d.txt`, `${HEADER}\n${lines.join('\n')}\n`);
  const options = { layout, workers: 1, rollups: [604_800] };
  await tell([event('KNOWN')]);
  await load(database.url, [path('KNOWN')], options);
  expect(await week('KNOWN', 'none')).toEqual(right);
  expect(await week('KNOWN', 'splits')).toEqual([[117.5, 120, 115, 118, 200, null], told, next]);
  // Told late, at first with another ratio and day, and then not at all.
  await load(database.url, [path('LATE')], options);
  const raw = await week('LATE', 'none');
  expect(raw[1]).toEqual([480, 520, 108, 124, 6300, Number(Math.log(124 / 472).toFixed(9))]);
  await tell([{ ...event('LATE'), day: dayOf('2020-08-25')!, ratio: 2 } as MarketEvent]);
  await tell([event('LATE')]);
  expect(await week('LATE', 'none')).toEqual(right);
  // No jump, and no split that prices do not show.
  expect(await findings('KNOWN')).toEqual([]);
});

it('files of both names of a company are made one series, and bars of other companies stay where they are', async () => {
  const walk = (from: string, count: number, seed: number): string[] =>
    Array.from({ length: count }, (_, i) => {
      const day = new Date(Date.parse(from) + i * 86_400_000).toISOString().slice(0, 10);
      const close = 100 + 10 * Math.sin(i / 3 + seed);
      return `${day},${close - 1},${close + 2},${close - 3},${close},0,${1000 + i}`;
    });
  const [before, behind] = [walk('2022-04-18', 45, 1), walk('2022-06-02', 40, 2)];
  const options = { layout, workers: 1, rollups: [604_800] };
  const path = (symbol: string, lines: readonly string[]): string =>
    write(folder, `${symbol}_1d.txt`, `${HEADER}\n${lines.join('\n')}\n`);
  const rename = (old: string, to: string): MarketEvent => ({
    kind: 'rename',
    ...of(old, '2022-06-02'),
    newSymbol: to,
  });
  const all = async (symbol: string): Promise<string> => {
    const { rows } = await db.query<{ line: string }>(
      `SELECT concat_ws(',', interval_s, (c::text)) AS line FROM backhaul.candles c WHERE venue = 'yahoo' AND symbol = $1
       ORDER BY interval_s, ts`,
      [symbol],
    );
    return rows.map(({ line }) => line.replaceAll(symbol, 'X')).join('\n');
  };
  await load(database.url, [path('WHOLE', [...before, ...behind])], options);
  const whole = await all('WHOLE');
  const both = [path('OLDA', before), path('NEWA', behind)];
  await load(database.url, both, options);
  // Half a year later another company gets the old name.
  const reused = walk('2022-12-01', 5, 3);
  await load(database.url, [path('OLDB', [...before, ...reused]), path('NEWB', behind)], options);
  // And this new name was another company's before.
  await load(
    database.url,
    [path('OLDC', before), path('NEWC', [...walk('2022-04-20', 3, 9), ...behind])],
    options,
  );
  expect(await renamedMarkets(db)).toEqual([]);
  await tell([rename('OLDA', 'NEWA'), rename('OLDB', 'NEWB'), rename('OLDC', 'NEWC')]);
  expect(await renamedMarkets(db)).toEqual([]);
  expect(await all('NEWA')).toBe(whole);
  expect(await all('NEWB')).toBe(whole);
  expect(await all('OLDA')).toBe('');
  expect(await column('OLDA', 'close', 'none')).toEqual(await column('NEWA', 'close', 'none'));
  expect(await column('OLDB', 'sma_20', 'none')).toEqual([null, null, null, null, null]);
  expect(await column('OLDB', 'close', 'none')).toHaveLength(5);
  expect(await column('OLDC', 'close', 'none')).toHaveLength(45);
  const { rows } = await db.query(
    `SELECT symbol, from_interval_s, lower(covered)::date::text AS day FROM backhaul.derived
     WHERE symbol ~ '^(OLDA|NEW[AB])$' ORDER BY 1, 3`,
  );
  expect(rows.map(({ symbol, day }) => `${symbol} ${day}`)).toEqual(['NEWA 2022-04-18', 'NEWB 2022-04-18']);
  // The same files again bring nothing.
  const again = await load(database.url, both, options);
  expect(await all('NEWA')).toBe(whole);
  expect(again.rows.loaded).toBe(0);
});

it('a symbol that was renamed is found under each of its names, by candles_of and by --symbols', async () => {
  await loadDays('NEW', ['2023-05-01,10,10,10,10,0,100']);
  await loadDays('OTHER', ['2023-05-01,20,20,20,20,0,100']);
  await expect(readSeries(db, { ...ALL_SERIES, symbols: ['OLD'] })).rejects.toMatchObject({
    fault: { kind: 'usage' },
  });
  await tell([
    { kind: 'rename', ...of('OLDEST', '2020-01-01'), newSymbol: 'OLD' },
    { kind: 'rename', ...of('OLD', '2022-01-01'), newSymbol: 'NEW' },
    { kind: 'rename', ...of('GONE', '2022-01-01'), newSymbol: 'OTHER' },
  ]);
  for (const name of ['OLD', 'OLDEST', 'new', 'oldest']) {
    expect(await column(name, 'close', 'none')).toEqual([10]);
    const found = await readSeries(db, { ...ALL_SERIES, symbols: [name] });
    expect(found.map(({ symbol }) => symbol)).toEqual(['NEW']);
  }
  expect(await column('NOBODY', 'close', 'none')).toEqual([]);
  // One that has bars of its own is itself.
  await loadDays('OLD', ['2019-05-01,5,5,5,5,0,100']);
  expect(await column('OLD', 'close', 'none')).toEqual([5]);
});

describe('validate knows the splits on record', () => {
  /** Eighty days around 90, and around 30 from the fortieth on where it is split. */
  const days = (isSplit: boolean): string[] =>
    Array.from({ length: 80 }, (_, i) => {
      const day = new Date(Date.UTC(2023, 0, 2 + i)).toISOString().slice(0, 10);
      const price = (90 + Math.sin(i)) / (isSplit && i >= 40 ? 3 : 1);
      return `${day},${price},${price * 1.01},${price * 0.99},${price * (1 + Math.cos(i) / 300)},0,100`;
    });
  const split: MarketEvent[] = [{ kind: 'split', ...of('THREE', '2023-02-11'), ratio: 3 }];

  it('what one explains is no finding, and one that prices do not show is', async () => {
    await loadDays('THREE', days(true));
    expect(await findings('THREE')).toEqual([expect.stringMatching(/^split 1: 9\d.* → 30.*, 3:1 split$/)]);
    await tell(split);
    expect(await findings('THREE')).toEqual([]);
    await loadDays('LEVEL', days(false));
    await tell([{ ...split[0]!, symbol: 'LEVEL' } as MarketEvent]);
    expect(await findings('LEVEL')).toEqual([expect.stringContaining('unseen-split 1: 9')]);
  });
});

/** Published: https://finance.yahoo.com/quote/YHOO/history, as its last day had it. */
const SAMPLE = '../shared/cases/splits/YHOO_1d.txt';
const SPLITS = [
  ['1997-09-02', 1.5],
  ['1998-08-03', 2],
  ['1999-02-08', 2],
  ['2000-02-14', 2],
  ['2004-05-12', 2],
] as const;

// The sample is not part of the project.
describe.skipIf(!existsSync(SAMPLE))('YHOO, 1996 to 2014, as it was traded', () => {
  const lines = existsSync(SAMPLE) ? readFileSync(SAMPLE, 'utf8').trimEnd().split('\n').slice(1) : [];
  const fields = lines.map((line) => line.split(','));
  // Its prices are adjusted for all splits that have been: what was traded is this, to six places.
  const scaleOf = (day: string): number => SPLITS.reduce((all, [at, one]) => (day < at ? all * one : all), 1);

  beforeAll(async () => {
    await loadDays(
      'YHOO',
      fields.map(([day, open, high, low, close, adjusted, volume]) => {
        const prices = [open, high, low, close].map((price) => (Number(price) * scaleOf(day!)).toFixed(6));
        return [day, ...prices, adjusted, volume].join(',');
      }),
    );
  });

  it('adjusted closes are those of Adj Close, to the printed digits, and indicators those of the adjusted series', async () => {
    await tell(SPLITS.map(([day, ratio]) => ({ kind: 'split', ...of('YHOO', day), ratio })));
    const found = await column('YHOO', 'close', 'splits');
    const wrong = fields.findIndex((field, i) => found[i]!.toFixed(6) !== field[5]);
    expect(`row ${wrong}: ${found[wrong]}, ${fields[wrong]?.[5]}`).toBe('row -1: undefined, undefined');
    // The same days as they are published, under another name: no split, the same indicators.
    await loadDays('YHOOADJ', lines);
    for (const name of [
      'rsi_14',
      'ema_200',
      'macd_hist',
      'bb_upper',
      'atr_14',
      'log_return',
      'volatility_20',
    ]) {
      const published = await column('YHOOADJ', name, 'none');
      const ours = await column('YHOO', name, 'splits');
      const scale = name === 'rsi_14' ? 100 : 1;
      const off = published.findIndex(
        (value, i) => !(Math.abs((ours[i] ?? 0) - (value ?? 0)) <= 1e-4 * scale),
      );
      expect(`${name} ${off}: ${ours[off]}, ${published[off]}`).toBe(`${name} -1: undefined, undefined`);
    }
  });
});
