import { beforeEach, describe, expect, it } from 'vitest';
import { ALL_SERIES } from '../../src/series/series.ts';
import { Partitions } from '../../src/state/leaves/partitions.ts';
import { validationEvents, validationLines } from '../../src/ui/validate_text.ts';
import { CHECKS, type Check, type Finding } from '../../src/validate/findings.ts';
import { type ValidateOptions, validate } from '../../src/validate/validate.ts';
import { testDatabase } from '../database.ts';
import { random } from '../e2e/market.ts';
import {
  addBars,
  addCoverage,
  addSeries,
  addTask,
  at,
  DAY,
  HOUR,
  range,
  wipe,
} from '../gaps/loaded_market.ts';

const database = await testDatabase();
const db = database.pool;
const nowUs = at('2024-06-10T12:00Z');
const MINUTE = HOUR / 60;

beforeEach(() => wipe(db));

async function check(
  checks: readonly Check[],
  over: Partial<ValidateOptions> = {},
): Promise<readonly Finding[]> {
  const done = await validate(db, {
    filter: ALL_SERIES,
    fromUs: null,
    toUs: null,
    nowUs,
    checks,
    staleHours: null,
    jumpDeviations: 20,
    volumeDeviations: 6,
    onCheck: () => {},
    ...over,
  });
  return done.findings;
}

/** A sound hourly series of 1,000 bars whose closes wander by about a thousandth a bar. */
async function wander(symbol: string): Promise<number> {
  const id = await addSeries(db, 'kraken', symbol, 3600);
  const task = await addTask(db, { symbol }, { rows: 1000 });
  await addCoverage(db, id, task, [range('2024-04-01Z', '2024-06-10T12:00Z')]);
  const next = random(8);
  let price = 100;
  const prices = Array.from({ length: 1000 }, () => {
    price *= 1 + (next() - 0.5) / 500;
    return price;
  });
  await addBars(
    db,
    id,
    prices.map((_, i) => at('2024-04-01Z') + i * HOUR),
    prices,
  );
  return id;
}

const instant = (us: number): string => new Date(us / 1000).toISOString().slice(0, 16);
const said = (findings: readonly Finding[]): unknown[] =>
  findings.map(({ check: name, symbol, count, examples }) => [
    name,
    symbol,
    count,
    examples.map((one) => instant(one.atUs)),
  ]);

describe('validation', () => {
  it('finds nothing in a sound series', async () => {
    await wander('XBTUSD');
    expect(await check(CHECKS)).toEqual([]);
  });

  it('finds bars that cannot be: NaN, infinite and zero prices, a high below the close, a negative volume', async () => {
    const id = await wander('XBTUSD');
    const spoil = async (hour: number, column: string, value: string): Promise<void> => {
      await db.query(`UPDATE backhaul.bars SET ${column} = ${value} WHERE series_id = $1 AND ts = $2`, [
        id,
        new Date((at('2024-04-01Z') + hour * HOUR) / 1000),
      ]);
    };
    await spoil(10, 'close', `'NaN'`);
    await spoil(11, 'high', `'Infinity'`);
    await spoil(12, 'low', '0');
    await spoil(13, 'high', 'close - 0.1');
    await spoil(14, 'volume', '-1');
    await spoil(15, 'open', 'NULL');
    const [finding] = await check(['ohlc']);
    expect(finding).toMatchObject({ check: 'ohlc', symbol: 'XBTUSD', count: 6 });
    expect(finding!.examples[0]!.text).toMatch(/^O .* C NaN V 10$/);
    expect(await check(['ohlc'], { fromUs: at('2024-04-02Z') })).toEqual([]);
  });

  it('finds closes that jump, by the usual moves of the series, and volumes that stand out', async () => {
    const id = await wander('XBTUSD');
    const calm = await wander('ETHUSD');
    const when = new Date(at('2024-04-20T03:00Z') / 1000);
    await db.query(
      'UPDATE backhaul.bars SET close = close * 10, high = high * 11 WHERE series_id = $1 AND ts = $2',
      [id, when],
    );
    await db.query('UPDATE backhaul.bars SET volume = 1 + random() WHERE series_id = ANY ($1)', [[id, calm]]);
    await db.query('UPDATE backhaul.bars SET volume = 1e9 WHERE series_id = $1 AND ts = $2', [calm, when]);
    // There and back again is one; how far it is does not make it more usual.
    const jumps = await check(['jumps']);
    expect(said(jumps)).toEqual([['jumps', 'XBTUSD', 1, ['2024-04-20T03:00']]]);
    expect(jumps[0]).toMatchObject({
      kind: 'decimal',
      examples: [{ text: expect.stringMatching(/, ×10 for one bar$/) }],
    });
    expect(await check(['jumps'], { fromUs: at('2024-04-20T04:00Z') })).toEqual([]);
    expect(said(await check(['volume']))).toEqual([['volume', 'ETHUSD', 1, ['2024-04-20T03:00']]]);
  });

  it('finds bars that were kept though they open off the grid, but not where files promise none', async () => {
    const id = await wander('XBTUSD');
    await db.query(
      `UPDATE backhaul.bars SET ts = ts + interval '7 minutes' WHERE series_id = $1 AND ts IN ('2024-04-03T05:00Z', '2024-04-09T00:00Z')`,
      [id],
    );
    expect(said(await check(['grid']))).toEqual([
      ['grid', 'XBTUSD', 2, ['2024-04-03T05:07', '2024-04-09T00:07']],
    ]);
    await db.query(`UPDATE backhaul.task SET plan = jsonb_set(plan, '{grid}', '"none"')`);
    expect(await check(['grid'])).toEqual([]);
  });

  it('takes a bar without volume for a bar', async () => {
    const id = await wander('XBTUSD');
    await db.query('UPDATE backhaul.bars SET volume = NULL WHERE series_id = $1', [id]);
    expect(await check(CHECKS)).toEqual([]);
    await db.query(
      `UPDATE backhaul.bars SET close = NULL WHERE series_id = $1 AND ts = '2024-04-03T05:00Z'`,
      [id],
    );
    const [finding] = await check(['ohlc']);
    expect(finding!.examples[0]!.text).toMatch(/ C NULL V NULL$/);
  });

  it('names splits by their days, in order, a line each', async () => {
    const id = await wander('XBTUSD');
    const days = ['2024-04-11T00:00Z', '2024-04-25T00:00Z', '2024-05-02T00:00Z'];
    for (const [i, factor] of [2, 1 / 10, 4].entries())
      await db.query(
        `UPDATE backhaul.bars SET open = open / $2, high = high / $2, low = low / $2, close = close / $2
         WHERE series_id = $1 AND ts >= $3`,
        [id, factor, days[i]],
      );
    // wander's opens are its closes, so that every bar of it begins where the split puts it.
    const done = await check(['jumps']);
    expect(done).toHaveLength(1);
    expect(done[0]).toMatchObject({ kind: 'split', count: 3 });
    expect(done[0]!.examples.map((one) => [instant(one.atUs), /, (.*)$/.exec(one.text)![1]])).toEqual([
      ['2024-04-11T00:00', '2:1 split'],
      ['2024-04-25T00:00', '1:10 split, or a decimal place'],
      ['2024-05-02T00:00', '4:1 split'],
    ]);
    const lines = validationLines({ series: 1, made: ['jumps'], findings: done }, 10, 200);
    expect(lines.slice(1, 4).map((line) => /[\d:]+ split/.exec(line)![0])).toEqual([
      '2:1 split',
      '1:10 split',
      '4:1 split',
    ]);
  });

  it('finds stamps that stand twice where a partition has no key yet', async () => {
    const id = await addSeries(db, 'kraken', 'XBTUSD', 3600);
    await addTask(db, {}, { rows: 3 });
    await new Partitions(db, false).ensure([at('2024-05-01Z')]);
    await db.query(
      `INSERT INTO backhaul.bars_2024_05 (series_id, ts, open, high, low, close, volume)
       SELECT $1, ts, 1, 1, 1, 1, 1 FROM unnest('{2024-05-01T00:00Z,2024-05-01T01:00Z,2024-05-01T01:00Z}'::timestamptz[]) AS u (ts)`,
      [id],
    );
    expect(said(await check(['stamps']))).toEqual([['stamps', 'XBTUSD', 1, ['2024-05-01T01:00']]]);
    expect(await check(['rows'])).toEqual([]);
  });

  it('finds series that have gone stale, but not over a weekend or a holiday', async () => {
    await wander('XBTUSD');
    const stock = await addSeries(db, 'us_stocks_sip', 'AAPL', 60);
    await addBars(db, stock, [at('2024-06-07T19:59Z')]);
    const sunday = at('2024-06-09T20:00Z');
    expect(
      await check(['fresh'], { staleHours: 24, nowUs: sunday, filter: { ...ALL_SERIES, symbols: ['AAPL'] } }),
    ).toEqual([]);
    const monday = at('2024-06-10T14:30Z');
    // A quarter of an hour into the session of Monday, an hour ago.
    const [late] = await check(['fresh'], {
      staleHours: 0.75,
      nowUs: monday,
      filter: { ...ALL_SERIES, symbols: ['AAPL'] },
    });
    expect(late).toMatchObject({ symbol: 'AAPL', count: 15 });
    // The last bar of the other opened on 12 May at 15:00.
    const [old] = await check(['fresh'], { staleHours: 48, filter: { ...ALL_SERIES, symbols: ['XBTUSD'] } });
    expect(old!.text).toBe('the last bar is 2024-05-12 15:00 UTC, 693.0 h ago');
    expect(old!.count).toBe(693 - 48 - 1);
    expect(await check(['fresh'], { staleHours: null })).toEqual([]);
  });

  it('holds the bars of a day against its hours and its minutes', async () => {
    const [minute, hour, day] = await threeIntervals();
    expect(await check(['intervals'])).toEqual([]);
    const nine = `ts = '2024-05-02T09:00Z'`;
    await db.query(
      `UPDATE backhaul.bars SET high = high + 1, trades = trades + 1 WHERE series_id = $1 AND ${nine}`,
      [hour],
    );
    await db.query(
      `UPDATE backhaul.bars SET volume = volume + 1 WHERE series_id = $1 AND ts = '2024-05-03Z'`,
      [day],
    );
    await db.query(`DELETE FROM backhaul.bars WHERE series_id = $1 AND ts = '2024-05-03T05:00Z'`, [hour]);
    const findings = await check(['intervals']);
    expect(findings.map(({ intervalS, count, text }) => [intervalS, count, text])).toEqual([
      [3600, 2, 'bars that disagree with the 1m bars in them'],
      [86_400, 1, 'bars that disagree with the 1m bars in them'],
    ]);
    expect(
      findings[0]!.examples.map((one) => [instant(one.atUs), one.text.replace(/\d+(\.\d+)?/g, 'n')]),
    ).toEqual([
      ['2024-05-02T09:00', 'high n against n, trades n against n'],
      ['2024-05-03T05:00', 'shorter bars, and no longer one'],
    ]);
    expect(findings[1]!.examples[0]!.text).toMatch(/^volume /);
    // Where there are no minutes, the hours are what a day is held against.
    await db.query('DELETE FROM backhaul.coverage WHERE series_id = $1', [minute]);
    expect((await check(['intervals'])).map(({ intervalS, text }) => [intervalS, text])).toEqual([
      [86_400, 'bars that disagree with the 1h bars in them'],
    ]);
  });

  it('counts the bars of each lane against what its files say they brought', async () => {
    const id = await wander('XBTUSD');
    await wander('ETHUSD');
    const stock = await addSeries(db, 'us_stocks_sip', 'AAPL', 60);
    await addBars(db, stock, [at('2024-06-07T19:59Z')]);
    await addTask(db, { venue: 'us_stocks_sip', symbol: null, intervalS: 60 }, { rows: 2 });
    await db.query('DELETE FROM backhaul.bars WHERE series_id = $1 AND ts < $2', [id, '2024-04-02']);
    const findings = await check(['rows']);
    expect(findings.map(({ venue, symbol, count, text }) => [venue, symbol, count, text])).toEqual([
      ['kraken', 'XBTUSD', 24, '976 bars stand, loaded files say 1000'],
      ['us_stocks_sip', null, 1, '1 bars stand, loaded files say 2'],
    ]);
    expect(await check(['rows'], { filter: { ...ALL_SERIES, symbols: ['ETHUSD'] } })).toEqual([]);
    expect(await check(['rows'], { fromUs: at('2024-05-01Z') })).toEqual([]);
  });

  it('is a table with what was sound, and events with all examples', async () => {
    const id = await wander('XBTUSD');
    await db.query(`UPDATE backhaul.bars SET low = 0 WHERE series_id = $1 AND ts = '2024-04-01T05:00Z'`, [
      id,
    ]);
    const options = { filter: ALL_SERIES, fromUs: null, toUs: null, nowUs, checks: CHECKS, staleHours: null };
    const done = await validate(db, {
      ...options,
      jumpDeviations: 20,
      volumeDeviations: 6,
      onCheck: () => {},
    });
    const lines = validationLines(done, 10, 200);
    expect(lines[1]).toMatch(/^ohlc +kraken XBTUSD 1h +1 +bars whose .* 2024-04-01 05:00 +O .* L 0 /);
    expect(lines.filter((line) => line.startsWith('✓')).map((line) => line.split(/ +/)[1])).toEqual([
      'grid',
      'jumps',
      'volume',
      'stamps',
      'intervals',
      'rows',
    ]);
    const events = [...validationEvents(done)];
    expect(events.map((event) => event.type)).toEqual(['finding', 'validation']);
    expect(events[1]).toMatchObject({
      series: 1,
      findings: 1,
      checks: CHECKS.filter((one) => one !== 'fresh'),
    });
  });
});

/** Minutes, hours and days of three days of May that agree with each other, a third of the minutes without a trade. */
async function threeIntervals(): Promise<[number, number, number]> {
  const next = random(4);
  const stamps: number[] = [];
  for (let us = at('2024-05-02Z'); us < at('2024-05-05Z'); us += MINUTE) if (next() > 0.3) stamps.push(us);
  const ids: number[] = [];
  for (const intervalS of [60, 3600, 86_400]) {
    const id = await addSeries(db, 'kraken', 'XBTUSD', intervalS);
    const task = await addTask(db, { intervalS });
    // The first and the last of the days are covered in part alone.
    const to = intervalS === 86_400 ? at('2024-05-04Z') + DAY : at('2024-05-04T18:30Z');
    await addCoverage(db, id, task, [{ fromUs: at('2024-05-02Z'), toUs: to }]);
    ids.push(id);
  }
  const [minute, hour, day] = ids as [number, number, number];
  await addBars(
    db,
    minute,
    stamps,
    stamps.map(() => 100 + 20 * next()),
  );
  for (const [id, unit] of [
    [hour, 'hour'],
    [day, 'day'],
  ] as const) {
    await db.query(
      `INSERT INTO backhaul.bars (series_id, ts, open, high, low, close, volume, trades)
       SELECT $1, date_trunc($3, ts AT TIME ZONE 'UTC') AT TIME ZONE 'UTC', (array_agg(open ORDER BY ts))[1], max(high),
         min(low), (array_agg(close ORDER BY ts DESC))[1], sum(volume), sum(trades)
       FROM backhaul.bars WHERE series_id = $2 GROUP BY 2`,
      [id, minute, unit],
    );
  }
  return [minute, hour, day];
}
