import { beforeEach, expect, it } from 'vitest';
import { answerOf } from '../commands/in_process.ts';
import { testDatabase } from '../database.ts';
import { candles, load, scratchFolder, wipe } from '../e2e/loading.ts';
import { write } from '../e2e/market.ts';

/**
 * Longer bars of markets that have days of their own, over half days, both changes of the clocks, Sundays that belong to
 * Monday, minutes without a trade and bars without a volume, against a reference that asks `Intl` for every bar's day.
 */

const { url, pool } = await testDatabase();
const folder = scratchFolder();
const BASE_S = 600;
const LENGTHS = [3600, 14_400, 86_400, 604_800, 2_592_000];

interface Market {
  readonly calendar: string;
  readonly zone: string;
  /** The local hour in the evening before at which a day begins; 24: at midnight. */
  readonly dayHour: number;
  /** Whether the market is open, by its own clock: day of the week (0 is Sunday), minute of the day, and date. */
  readonly isOpen: (weekday: number, minute: number, date: string) => boolean;
}

/** Thanksgiving, Christmas, New Year, Martin Luther King, Presidents', Good Friday; the half days before and behind. */
const HOLIDAYS = ['2023-11-23', '2023-12-25', '2024-01-01', '2024-01-15', '2024-02-19', '2024-03-29'];
const MARKETS: readonly Market[] = [
  {
    calendar: 'us-equities',
    zone: 'America/New_York',
    dayHour: 24,
    isOpen: (weekday, minute, date) =>
      weekday >= 1 &&
      weekday <= 5 &&
      !HOLIDAYS.includes(date) &&
      minute >= 570 &&
      minute < (date === '2023-11-24' ? 780 : 960),
  },
  {
    calendar: 'forex',
    zone: 'America/New_York',
    dayHour: 17,
    isOpen: (weekday, minute) =>
      (weekday === 0 && minute >= 1020) || (weekday >= 1 && weekday <= 4) || (weekday === 5 && minute < 1020),
  },
];

interface Row {
  readonly time: number;
  readonly open: number;
  readonly high: number;
  readonly low: number;
  readonly close: number;
  readonly volume: number | null;
}

const formats = new Map<string, Intl.DateTimeFormat>();
function localMs(zone: string, time: number): number {
  let format = formats.get(zone);
  if (format === undefined) {
    format = new Intl.DateTimeFormat('sv-SE', { timeZone: zone, dateStyle: 'short', timeStyle: 'medium' });
    formats.set(zone, format);
  }
  return Date.parse(`${format.format(time * 1000).replace(' ', 'T')}Z`);
}

/** The date of a market's own day that an instant is in, as midnight of UTC, ms. */
function dayOf({ zone, dayHour }: Market, time: number): number {
  return Math.floor((localMs(zone, time) + (24 - dayHour) * 3_600_000) / 86_400_000) * 86_400_000;
}

/** The instant at which a day begins: the first whole hour that is in it. */
function beginOf(market: Market, day: number): number {
  let time = day / 1000 - 2 * 86_400;
  while (dayOf(market, time) < day) time += 3600;
  return time;
}

function bucketOf(market: Market, time: number, lengthS: number): { from: number; to: number } {
  if (lengthS < 86_400) {
    const from = Math.floor(time / lengthS) * lengthS;
    return { from, to: from + lengthS };
  }
  const date = new Date(dayOf(market, time));
  const [year, month, day] = [date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate()];
  const monday = day - ((date.getUTCDay() + 6) % 7);
  const ends =
    lengthS === 86_400
      ? [Date.UTC(year, month, day), Date.UTC(year, month, day + 1)]
      : lengthS === 604_800
        ? [Date.UTC(year, month, monday), Date.UTC(year, month, monday + 7)]
        : [Date.UTC(year, month, 1), Date.UTC(year, month + 1, 1)];
  return { from: beginOf(market, ends[0]!), to: beginOf(market, ends[1]!) };
}

function rowsOf(market: Market): Row[] {
  let seed = 20_231_030;
  const random = (): number => {
    seed = (seed * 16_807) % 2_147_483_647;
    return seed / 2_147_483_647;
  };
  const rows: Row[] = [];
  let price = 100;
  // From a Monday to a Thursday before Good Friday: two changes of the clocks lie between.
  for (let time = Date.UTC(2023, 9, 30) / 1000; time < Date.UTC(2024, 2, 28, 22) / 1000; time += BASE_S) {
    const local = new Date(localMs(market.zone, time));
    const minute = 60 * local.getUTCHours() + local.getUTCMinutes();
    const isOpen = market.isOpen(local.getUTCDay(), minute, local.toISOString().slice(0, 10));
    if (!isOpen || random() < (market.calendar === 'forex' ? 0.9 : 0.7)) continue;
    price = Math.max(50, price + random() - 0.5);
    const [open, close] = [price, price + random() - 0.5];
    rows.push({
      time,
      ...{ open, close, high: Math.max(open, close) + random(), low: Math.min(open, close) - random() },
      volume: random() < 0.3 ? null : Math.floor(1000 * random()) / 8,
    });
  }
  return rows;
}

function plain(market: Market, rows: readonly Row[], lengthS: number): unknown[] {
  const knownFrom = beginOf(market, dayOf(market, rows[0]!.time));
  const knownTo = rows.at(-1)!.time + BASE_S;
  const buckets = new Map<number, { to: number; rows: Row[] }>();
  for (const row of rows) {
    const { from, to } = bucketOf(market, row.time, lengthS);
    const bucket = buckets.get(from) ?? { to, rows: [] };
    bucket.rows.push(row);
    buckets.set(from, bucket);
  }
  return [...buckets]
    .filter(([from, { to }]) => from >= knownFrom && to <= knownTo)
    .map(([from, { rows: some }]) => {
      const volumes = some.flatMap(({ volume }) => volume ?? []);
      return {
        time: from,
        open: some[0]!.open,
        high: Math.max(...some.map(({ high }) => high)),
        low: Math.min(...some.map(({ low }) => low)),
        close: some.at(-1)!.close,
        volume: volumes.length === 0 ? null : volumes.reduce((sum, one) => sum + one, 0),
      };
    });
}

beforeEach(() => wipe(pool));

it.each(MARKETS)('of $calendar are those of its own days, however the files are cut', async (market) => {
  const { calendar, zone, dayHour } = market;
  const layout = write(
    folder,
    `${calendar}.yaml`,
    `name: own
paths: '(?<symbol>[A-Z]+)_(?<interval>10m)\\.csv$'
columns: { time: time, open: open, high: high, low: low, close: close, volume: volume }
header: required
time: { unit: s }
venue: own-${calendar}
symbol: { group: symbol }
interval: { group: interval }
volume: optional
order: time
calendar: ${calendar}
session: ${dayHour === 24 ? zone : `${zone} ${dayHour}:00`}
`,
  );
  const rows = rowsOf(market);
  const file = (name: string, some: readonly Row[]): string =>
    write(
      folder,
      `${calendar}-${name}/X_10m.csv`,
      `time,open,high,low,close,volume\n${some
        .map((row) => [row.time, row.open, row.high, row.low, row.close, row.volume ?? ''].join(','))
        .join('\n')}\n`,
    );
  const options = { layout, rollups: LENGTHS };
  await load(url, [file('whole', rows)], options);
  for (const lengthS of LENGTHS) {
    const { rows: made } = await pool.query(
      `SELECT extract(epoch FROM ts)::int AS time, open, high, low, close, volume FROM backhaul.candles
       WHERE interval_s = $1 ORDER BY ts`,
      [lengthS],
    );
    const right = plain(market, rows, lengthS);
    // Four whole months lie between the ends.
    expect(right.length).toBeGreaterThan(3);
    expect(made).toEqual(right);
  }
  const table = await candles(pool);
  await wipe(pool);
  // In the middle of a day, at a weekend, in the half day's week; the last part first.
  const cuts = [0, 337, 500, 911, rows.length];
  const parts = cuts.slice(1).map((to, i) => file(`part${i}`, rows.slice(cuts[i], to)));
  await load(url, parts.slice(2), options);
  await load(url, parts.slice(0, 2), options);
  expect((await candles(pool)) === table).toBe(true);
});

/** Three bars a day, Mondays to Fridays, of three weeks. */
function weeks(): Row[][] {
  const monday = Date.UTC(2024, 3, 8, 14) / 1000;
  return [0, 1, 2].map((week) =>
    Array.from({ length: 15 }, (_, i) => {
      const time = monday + (7 * week + Math.floor(i / 3)) * 86_400 + (i % 3) * BASE_S;
      const open = 100 + week + i / 8;
      return { time, open, high: open + 1, low: open - 1, close: open + 0.5, volume: i + 0.25 };
    }),
  );
}

function layoutOf(name: string, more: string): string {
  return write(
    folder,
    `${name}.yaml`,
    `name: ${name}
paths: '(?<symbol>[A-Z]+)_(?<interval>10m)\\.csv$'
columns: { time: time, open: open, high: high, low: low, close: close, volume: volume }
header: required
time: { unit: s }
venue: mixed
symbol: { group: symbol }
interval: { group: interval }
order: time
${more}
`,
  );
}

function weekFile(name: string, rows: readonly Row[]): string {
  const lines = rows.map((row) => [row.time, row.open, row.high, row.low, row.close, row.volume].join(','));
  return write(folder, `mixed-${name}/X_10m.csv`, ['time,open,high,low,close,volume', ...lines].join('\n'));
}

it('a calendar that a file of a series has said joins those behind it too; said later, what was left out is made anew', async () => {
  const told = layoutOf('told', 'calendar: us-equities\nsession: America/New_York');
  const silent = layoutOf('silent', 'session: America/New_York');
  const files = weeks().map((rows, i) => weekFile(`week${i}`, rows));
  const options = { rollups: [86_400, 604_800] };
  await load(url, files, { ...options, layout: told });
  const table = await candles(pool);
  const weeksThere = async (): Promise<number> => {
    const { rows } = await pool.query<{ weeks: number }>(
      `SELECT count(*)::int AS weeks FROM backhaul.candles WHERE interval_s = 604800`,
    );
    return rows[0]!.weeks;
  };
  // The third ends with its Friday's last bar: nothing tells yet that no more comes.
  expect(await weeksThere()).toBe(2);
  await wipe(pool);
  for (const [i, layout] of [told, silent, silent].entries())
    await load(url, [files[i]!], { ...options, layout });
  expect((await candles(pool)) === table).toBe(true);
  await wipe(pool);
  for (const [i, layout] of [silent, silent, told].entries())
    await load(url, [files[i]!], { ...options, layout });
  expect(await weeksThere()).toBe(1);
  const env = { DATABASE_URL: url };
  for (const words of [
    ['unload', '--symbols', 'X', '--intervals', '1d,1w'],
    ['rollup', '1d,1w'],
  ])
    expect(await answerOf(words, { env })).toMatchObject({ code: 0 });
  expect((await candles(pool)) === table).toBe(true);
});

it('days of two zones are not made in one series: the file that would is refused by name', async () => {
  const here = layoutOf('here', 'session: America/New_York');
  const there = layoutOf('there', 'session: Asia/Tokyo');
  const files = weeks().map((rows, i) => weekFile(`zone${i}`, rows));
  const options = { rollups: [86_400] };
  await load(url, [files[0]!], { ...options, layout: here });
  const table = await candles(pool);
  const { failures } = await load(url, [files[1]!], { ...options, layout: there });
  expect(failures.map(({ fault: { kind, expected, found } }) => ({ kind, expected, found }))).toEqual([
    {
      kind: 'unsupported',
      expected: `days of America/New_York, as in file://${files[0]}`,
      found: 'days of Asia/Tokyo',
    },
  ]);
  expect((await candles(pool)) === table).toBe(true);
});
