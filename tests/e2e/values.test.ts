import { beforeEach, describe, expect, it } from 'vitest';
import { ALL_SERIES } from '../../src/series/series.ts';
import { validate } from '../../src/validate/validate.ts';
import { testDatabase } from '../database.ts';
import { candles, load, scratchFolder, wipe } from './loading.ts';
import { random, write } from './market.ts';

/** What layouts say of values: files without volumes, prices below zero, records without prices, single rules. */

const database = await testDatabase();
const db = database.pool;
const folder = scratchFolder();
const START = Date.UTC(2024, 0, 1) / 1000;
const HOUR = 3600;

beforeEach(() => wipe(db));

let layouts = 0;
function layout(columns: string, more: string): string {
  return write(
    folder,
    `layout${layouts++}.yaml`,
    `paths: '(?<symbol>[A-Z]+)_(?<interval>1h)\\.csv$'
columns: ${columns}
header: required
time: { unit: s }
venue: desk
symbol: { group: symbol }
interval: { group: interval }
order: time
${more}`,
  );
}
const PRICES = 'time: time, open: open, high: high, low: low, close: close';

/** Records of `time,open,high,low,close` around a level, and a text behind each. */
function records(count: number, level: number, tail: (i: number) => string = () => ''): string[] {
  const next = random(7);
  let close = level;
  return Array.from({ length: count }, (_, i) => {
    const open = close;
    close = open + Math.round((next() - 0.5) * 100) / 10;
    const [high, low] = [Math.max(open, close) + 1, Math.min(open, close) - 1];
    return `${START + i * HOUR},${[open, high, low, close].map((x) => x.toFixed(1)).join(',')}${tail(i)}\n`;
  });
}

describe('files without volumes', () => {
  const bare = layout(`{ ${PRICES} }`, 'volume: none');
  const rows = records(90, 3000);
  const head = 'time,open,high,low,close\n';
  const whole = write(folder, 'whole/SPX_1h.csv', head + rows.join(''));
  const first = write(folder, 'first/SPX_1h.csv', head + rows.slice(0, 40).join(''));
  const second = write(folder, 'second/SPX_1h.csv', head + rows.slice(35).join(''));

  it('have NULL for them, no VWAP, and every other indicator', async () => {
    await load(database.url, [whole], { layout: bare });
    const { rows: found } = await db.query(
      `SELECT count(*)::int AS n, count(volume)::int AS volumes, count(trades)::int AS trades, count(vwap)::int AS vwaps,
         count(ema_20)::int AS emas, count(atr_14)::int AS atrs FROM backhaul.candles`,
    );
    expect(found).toEqual([{ n: 90, volumes: 0, trades: 0, vwaps: 0, emas: 71, atrs: 76 }]);
  });

  it('make the same table in one file or two, whichever of them comes first', async () => {
    await load(database.url, [whole], { layout: bare });
    const expected = await candles(db);
    for (const order of [
      [first, second],
      [second, first],
    ]) {
      await wipe(db);
      let duplicates = 0;
      for (const file of order)
        duplicates += (await load(database.url, [file], { layout: bare })).rows.duplicate;
      expect(duplicates).toBe(5);
      expect(await candles(db)).toBe(expected);
    }
  });

  it('may have one here and there: an empty field is NULL where the layout says so, and a reject where it does not', async () => {
    const some = write(
      folder,
      'some/NDX_1h.csv',
      'time,open,high,low,close,volume\n' +
        records(30, 17_000, (i) => [',', ',5', ', NULL', ',nan'][i % 4]!).join(''),
    );
    const columns = `{ ${PRICES}, volume: volume }`;
    const optional = await load(database.url, [some], { layout: layout(columns, 'volume: optional') });
    expect(optional.rows).toMatchObject({ read: 30, loaded: 30, rejected: 0 });
    const { rows: found } = await db.query(
      `SELECT count(volume)::int AS volumes, bool_and(volume = 5) AS five,
         count(*) FILTER (WHERE vwap IS NULL)::int AS none FROM backhaul.candles`,
    );
    expect(found).toEqual([{ volumes: 8, five: true, none: 2 }]);
    await wipe(db);
    const required = await load(database.url, [some], {
      layout: layout(columns, ''),
      maxRejects: 30,
      maxRejectShare: null,
    });
    expect(required.rows).toMatchObject({ loaded: 8, rejected: 22 });
  });

  it('complete an unfinished bar by a wider range, and leave one whose close alone differs', async () => {
    const at = (n: number, ohlc: string): string => `${START + n * HOUR},${ohlc}\n`;
    const files = (name: string, last: string, more = ''): string =>
      write(folder, `${name}/DAX_1h.csv`, head + at(0, '10,12,9,11') + at(1, last) + more);
    const cut = files('cut', '11,12,10.5,11.5');
    const wider = files('wider', '11,13,10.5,12.5', at(2, '12.5,13,12,12'));
    const closed = files('closed', '11,12,10.5,11.9', at(2, '11.9,13,11,12'));
    const second = async (): Promise<unknown> =>
      (await db.query(`SELECT close FROM backhaul.candles WHERE ts = to_timestamp(${START + HOUR})`)).rows[0];
    for (const order of [
      [cut, wider],
      [wider, cut],
    ]) {
      await wipe(db);
      for (const file of order) await load(database.url, [file], { layout: bare });
      expect(await second()).toEqual({ close: 12.5 });
    }
    await wipe(db);
    await load(database.url, [cut], { layout: bare });
    expect((await load(database.url, [closed], { layout: bare })).rows.conflict).toBe(1);
    expect(await second()).toEqual({ close: 11.5 });
  });
});

describe('prices of zero and below', () => {
  const rows = records(120, 4);
  const file = write(folder, 'spread/WTI_1h.csv', `time,open,high,low,close\n${rows.join('')}`);
  const columns = `{ ${PRICES} }`;

  it('are bars where the layout says so, with finite indicators and no return between them; checks know it', async () => {
    const summary = await load(database.url, [file], {
      layout: layout(columns, 'volume: none\nprices: any'),
    });
    expect(summary.rows).toMatchObject({ read: 120, loaded: 120 });
    const { rows: found } = await db.query(
      `SELECT count(*) FILTER (WHERE close <= 0)::int > 10 AS below,
         count(*) FILTER (WHERE close > 0 AND before > 0 AND log_return IS NULL)::int AS lost,
         count(*) FILTER (WHERE (close <= 0 OR before <= 0) AND log_return IS NOT NULL)::int AS odd,
         count(*) FILTER (WHERE 'NaN' IN (ema_20, rsi_14, bb_upper, atr_14) OR 'Infinity' IN (ema_20, log_return, volatility_20, rsi_14))::int AS bad,
         count(ema_20)::int AS emas
       FROM (SELECT *, lag(close) OVER (ORDER BY ts) AS before FROM backhaul.candles) c`,
    );
    expect(found).toEqual([{ below: true, lost: 0, odd: 0, bad: 0, emas: 101 }]);
    const checked = await validate(db, {
      filter: ALL_SERIES,
      fromUs: null,
      toUs: null,
      nowUs: (START + 130 * HOUR) * 1e6,
      checks: ['ohlc', 'jumps', 'stamps', 'rows'],
      staleHours: null,
      jumpDeviations: 1000,
      volumeDeviations: 6,
      onCheck: () => {},
    });
    expect(checked.findings).toEqual([]);
  });

  it('are rejects where it does not', async () => {
    const summary = await load(database.url, [file], {
      layout: layout(columns, 'volume: none'),
      maxRejects: 120,
      maxRejectShare: null,
    });
    expect(summary.rejects.map(({ reason }) => reason)).toEqual(['price']);
    expect(summary.rows.loaded + summary.rows.rejected).toBe(120);
  });
});

describe('records without prices', () => {
  const rows = records(20, 50, (i) => `,${i}`);
  for (const [i, field] of ['null', 'NaN', ''].entries())
    rows[5 + i] =
      `${START + (5 + i) * HOUR},${[field, field, field, field, i === 1 ? '0' : field].join(',')}\n`;
  const file = write(folder, 'empty/ADA_1h.csv', `time,open,high,low,close,volume\n${rows.join('')}`);
  const columns = `{ ${PRICES}, volume: volume }`;

  it('are no bars: counted as such, in the sum of the task', async () => {
    const summary = await load(database.url, [file], { layout: layout(columns, '') });
    expect(summary.rows).toMatchObject({ read: 20, loaded: 17, rejected: 0, duplicate: 0, empty: 3 });
    const { rows: tasks } = await db.query(
      'SELECT rows_read, rows_loaded, rows_rejected, rows_duplicate, rows_empty FROM backhaul.task',
    );
    expect(tasks).toEqual([
      { rows_read: 20, rows_loaded: 17, rows_rejected: 0, rows_duplicate: 0, rows_empty: 3 },
    ]);
    await expect(db.query('UPDATE backhaul.task SET rows_empty = 2')).rejects.toThrow(
      'task_loaded_is_reconciled',
    );
  });

  it('are rejects where the layout says so', async () => {
    const summary = await load(database.url, [file], { layout: layout(columns, 'empty: reject') });
    expect(summary.rows).toMatchObject({ loaded: 17, rejected: 3, empty: 0 });
  });
});

describe('rules that are waived one by one', () => {
  it('keep the bars that break them, and no others', async () => {
    const at = (seconds: number, text: string): string => `${START + seconds},${text}\n`;
    const file = write(
      folder,
      'rules/EUR_1h.csv',
      `time,open,high,low,close,volume\n${at(0, '1,2,1,2,5')}${at(1800, '1,2,1,2,5')}${at(7200, '1,2,-1,2,5')}${at(9000, '1,2,1,2,-5')}`,
    );
    const summary = await load(database.url, [file], {
      layout: layout(`{ ${PRICES}, volume: volume }`, ''),
      onInvalid: ['off-grid', 'volume'],
    });
    expect(summary.rows).toMatchObject({ read: 4, loaded: 3, rejected: 1 });
    expect(summary.rejects.map(({ reason }) => reason)).toEqual(['price']);
  });
});
