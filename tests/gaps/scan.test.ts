import { beforeEach, describe, expect, it } from 'vitest';
import { BackhaulError } from '../../src/faults/fault.ts';
import { ageGaps, cleanUp, GAP_STATES, type Gap, listGaps, recordScan } from '../../src/gaps/gap_store.ts';
import { type ScanOptions, type SeriesScan, scanSeries } from '../../src/gaps/scan.ts';
import { ALL_SERIES } from '../../src/series/series.ts';
import { testDatabase } from '../database.ts';
import { random } from '../e2e/market.ts';
import { addBars, addCoverage, addSeries, addTask, at, DAY, HOUR, range, wipe } from './loaded_market.ts';

const database = await testDatabase();
const db = database.pool;
const nowUs = at('2026-11-22T12:20Z');
const ANY = { ...ALL_SERIES, states: GAP_STATES, fromUs: null, toUs: null };

beforeEach(() => wipe(db));

async function scan(over: Partial<ScanOptions> = {}): Promise<SeriesScan[]> {
  return scanSeries(db, { filter: ALL_SERIES, fromUs: null, toUs: null, nowUs, ...over });
}

/** Scans and records, as `gaps scan` does; resolves to what is open. */
async function scanAndList(over: Partial<ScanOptions> = {}): Promise<Gap[]> {
  const scans = await scan(over);
  await recordScan(
    db,
    scans,
    (over.fromUs ?? null) === null && (over.toUs ?? null) === null,
    over.nowUs ?? nowUs,
  );
  return (await listGaps(db, ANY)).filter((gap) => gap.state !== 'filled');
}

const text = (us: number): string => new Date(us / 1000).toISOString().slice(0, 16);
const said = ({ fromUs, toUs, candles, candlesFromNow, overflow, state }: Gap): string =>
  `${text(fromUs)} … ${text(toUs)} × ${candles}, ${candlesFromNow} back, ${overflow}, ${state}`;

async function faultOf(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(BackhaulError);
  const { kind, message, hint } = (error as BackhaulError).fault;
  return `${kind}: ${message}; ${hint}`;
}

/** Kraken, hourly: loaded for three stretches of 2026, with two bars missing inside that nobody traded. */
async function threeStretches(): Promise<number> {
  const id = await addSeries(db, 'kraken', 'XBTUSD', 3600);
  const task = await addTask(db, {}, { firstUs: at('2026-09-01Z') });
  await addCoverage(db, id, task, [
    range('2026-09-01T00:00Z', '2026-09-02T00:00Z'),
    range('2026-09-03T06:00Z', '2026-09-04T00:00Z'),
    range('2026-09-03T20:00Z', '2026-11-20T00:00Z'),
  ]);
  const stamps = Array.from({ length: 24 }, (_, hour) => at('2026-09-01Z') + hour * HOUR).filter(
    (_, i) => i % 9 !== 4,
  );
  await addBars(db, id, stamps);
  return id;
}

describe('a scan', () => {
  it('finds the holes between and after what is covered, with their numbers and the file that would fill them', async () => {
    await threeStretches();
    const gaps = await scanAndList();
    expect(gaps.map(said)).toEqual([
      // 2 September and six hours: 1,980 hours before 22 November, 12:20.
      '2026-09-02T00:00 … 2026-09-03T06:00 × 30, 1956 back, 1236, unfillable',
      // The bar of 12:00 is not over yet.
      '2026-11-20T00:00 … 2026-11-22T12:00 × 60, 60 back, -660, detected',
    ]);
    expect(gaps.map((gap) => [gap.file, gap.files])).toEqual([
      ['Kraken_OHLCVT_2026Q3.zip › XBTUSD_60.csv', 1],
      ['Kraken_OHLCVT_2026Q4.zip › XBTUSD_60.csv', 1],
    ]);
  });

  it('finds the hole before what is covered where more is asked for', async () => {
    await threeStretches();
    const gaps = await scanAndList({ fromUs: at('2026-08-31T20:00Z'), toUs: at('2026-09-02T03:00Z') });
    expect(gaps.map((gap) => [text(gap.fromUs), text(gap.toUs), gap.candles])).toEqual([
      ['2026-08-31T20:00', '2026-09-01T00:00', 4],
      ['2026-09-02T00:00', '2026-09-02T03:00', 3],
    ]);
  });

  it('keeps one record for a gap it looks at in parts, and drops what a whole look no longer expects', async () => {
    await threeStretches();
    const before = await scanAndList();
    const part = await scanAndList({ fromUs: at('2026-09-02T12:00Z'), toUs: at('2026-09-02T18:00Z') });
    expect(part.map(said)).toEqual(before.map(said));
    expect(part.map((gap) => gap.gapId)).toEqual(before.map((gap) => gap.gapId));
    const wider = await scanAndList({ fromUs: at('2026-08-31T00:00Z'), toUs: null });
    expect(wider.map((gap) => gap.candles)).toEqual([24, 30, 60]);
    expect((await scanAndList()).map((gap) => gap.gapId)).toEqual(before.map((gap) => gap.gapId));
  });

  it('follows a gap that is filled from its ends or in the middle, and closes it when all is covered', async () => {
    const id = await threeStretches();
    const [first] = await scanAndList();
    const task = await addTask(db, {});
    await addCoverage(db, id, task, [range('2026-09-02T00:00Z', '2026-09-02T05:00Z')]);
    const [later] = await scanAndList();
    expect([later!.gapId, text(later!.fromUs), later!.candles]).toEqual([
      first!.gapId,
      '2026-09-02T05:00',
      25,
    ]);
    await addCoverage(db, id, task, [range('2026-09-02T12:00Z', '2026-09-02T13:00Z')]);
    const split = await scanAndList();
    expect(split.map((gap) => gap.candles)).toEqual([7, 17, 60]);
    expect(split[0]!.gapId).toBe(first!.gapId);
    await addCoverage(db, id, task, [range('2026-09-02T00:00Z', '2026-09-03T06:00Z')]);
    expect((await scanAndList()).map((gap) => gap.candles)).toEqual([60]);
    const filled = await listGaps(db, { ...ANY, states: ['filled'] });
    expect(filled.map((gap) => gap.gapId)).toContain(first!.gapId);
  });

  it('takes a file of all symbols to vouch for its day, also for symbols that did not trade', async () => {
    const [aapl, idle] = await Promise.all([
      addSeries(db, 'us_stocks_sip', 'AAPL', 60),
      addSeries(db, 'us_stocks_sip', 'IDLE', 60),
    ]);
    // Monday, Tuesday and Thursday of a week in 2026 are loaded; Wednesday's file is missing.
    for (const day of ['2026-06-01', '2026-06-02', '2026-06-04']) {
      const fromUs = at(`${day}T04:00Z`);
      await addTask(db, {
        venue: 'us_stocks_sip',
        symbol: null,
        intervalS: 60,
        sessionZone: 'America/New_York',
        fileFromUs: fromUs,
        fileToUs: fromUs + DAY,
      });
    }
    await addBars(db, aapl, [at('2026-06-01T13:30Z'), at('2026-06-04T19:59Z')]);
    await addBars(db, idle, [at('2026-06-01T15:00Z')]);
    const gaps = await scanAndList({ toUs: at('2026-06-05Z') });
    expect(
      gaps.map((gap) => [gap.symbol, text(gap.fromUs), gap.candles, gap.overflow, gap.state, gap.file]),
    ).toEqual(
      ['AAPL', 'IDLE'].map((symbol) => [
        symbol,
        '2026-06-03T13:30',
        390,
        null,
        'unfillable',
        'us_stocks_sip/minute_aggs_v1/2026/06/2026-06-03.csv.gz',
      ]),
    );
  });

  it('takes a file of many symbols that was asked for some to vouch for those alone', async () => {
    for (const symbol of ['AAPL', 'MSFT']) {
      const id = await addSeries(db, 'us_stocks_sip', symbol, 86_400);
      await addBars(db, id, [at('2026-06-01T04:00Z')]);
    }
    const day = {
      venue: 'us_stocks_sip',
      symbol: null,
      intervalS: 86_400,
      sessionZone: 'America/New_York',
    } as const;
    const grid = 'zone-day' as const;
    await addTask(db, {
      ...day,
      grid,
      fileFromUs: at('2026-06-01T04:00Z'),
      fileToUs: at('2026-06-02T04:00Z'),
    });
    await addTask(db, {
      ...day,
      grid,
      fileFromUs: at('2026-06-02T04:00Z'),
      fileToUs: at('2026-06-03T04:00Z'),
      wantSymbols: { AAPL: 'AAPL' },
    });
    const gaps = await scanAndList({ toUs: at('2026-06-03T04:00Z') });
    expect(gaps.map((gap) => [gap.symbol, text(gap.fromUs), gap.candles])).toEqual([
      ['MSFT', '2026-06-02T04:00', 1],
    ]);
  });

  it("takes Kraken's zips to vouch for their quarter, as far as they were asked for", async () => {
    const id = await addSeries(db, 'kraken', 'PEPEUSD', 3600);
    await addBars(db, id, [at('2026-01-05T03:00Z')]);
    const zip = (name: string): string => `file:///data/${name}`;
    await addTask(
      db,
      { symbol: 'PEPEUSD' },
      {
        uri: zip('Kraken_OHLCVT_2026Q1.zip'),
        entry: 'PEPEUSD_60.csv',
        sequence: at('2026-01-01Z'),
      },
    );
    await addTask(
      db,
      { symbol: 'PEPEUSD', wantFromUs: at('2026-07-01Z'), wantToUs: at('2026-08-01Z') },
      {
        uri: zip('Kraken_OHLCVT_Q3_2026.zip'),
        entry: 'PEPEUSD_60.csv',
        sequence: at('2026-07-01Z'),
      },
    );
    const gaps = await scanAndList({ toUs: at('2026-10-01Z') });
    expect(gaps.map((gap) => [text(gap.fromUs), text(gap.toUs)])).toEqual([
      ['2026-04-01T00:00', '2026-07-01T00:00'],
      ['2026-08-01T00:00', '2026-10-01T00:00'],
    ]);
  });

  it('does not take an empty file for one that says that nobody traded', async () => {
    const id = await addSeries(db, 'kraken', 'PEPEUSD', 3600);
    await addBars(db, id, [at('2026-03-31T23:00Z')]);
    const task = await addTask(db, { symbol: 'PEPEUSD' });
    await addCoverage(db, id, task, [range('2026-03-31T23:00Z', '2026-04-01T00:00Z')]);
    const quarter = { fileFromUs: at('2026-04-01Z'), fileToUs: at('2026-07-01Z') };
    await addTask(db, { symbol: 'PEPEUSD', ...quarter }, { rows: 0 });
    const [gap] = await scanAndList({ toUs: at('2026-07-01Z') });
    expect(gap!.candles).toBe(91 * 24);
  });

  it('agrees with a look at every bar of random series', async () => {
    const next = random(7);
    const intervals = [60, 300, 3600, 14_400, 86_400];
    const truth = new Map<
      number,
      { from: number; covered: { fromUs: number; toUs: number }[]; step: number }
    >();
    for (const [i, intervalS] of intervals.entries()) {
      const step = intervalS * 1e6;
      const id = await addSeries(db, 'kraken', `S${i}`, intervalS);
      const task = await addTask(db, { symbol: `S${i}`, intervalS });
      const from = at('2026-03-01Z') + Math.floor(next() * 50) * step;
      const covered = [{ fromUs: from, toUs: from + 3 * step }];
      for (let n = 0; n < 25; n++) {
        const fromUs = from + Math.floor(next() * 900 * step);
        covered.push({ fromUs, toUs: fromUs + Math.floor(next() * 40 * step) + 1 });
      }
      await addCoverage(
        db,
        id,
        task,
        covered.map((one) => ({ fromUs: ms(one.fromUs), toUs: ms(one.toUs) })),
      );
      await addBars(db, id, [from]);
      truth.set(id, {
        from,
        covered: covered.map((one) => ({ fromUs: ms(one.fromUs), toUs: ms(one.toUs) })),
        step,
      });
    }
    for (const one of await scan({ toUs: at('2026-05-01Z') })) {
      const { from, covered, step } = truth.get(one.series.seriesId)!;
      const missing: number[] = [];
      for (let us = from; us < Math.min(at('2026-05-01Z'), nowUs); us += step) {
        if (!covered.some(({ fromUs, toUs }) => us >= fromUs && us < toUs)) missing.push(us);
      }
      const found = one.holes.flatMap((hole) =>
        Array.from({ length: hole.candles }, (_, i) => hole.fromUs + i * step),
      );
      expect(found).toEqual(missing);
      expect(one.expected - one.vouched).toBe(missing.length);
    }
  });

  it('answers what cannot be meant in one line, and changes nothing', async () => {
    await threeStretches();
    const filter = (symbols: string[] | null, intervals: number[] | null = null): Partial<ScanOptions> => ({
      filter: { symbols, intervals, tierSymbols: null },
    });
    expect(await faultOf(scan(filter(['XBTUSDT'])))).toBe(
      'usage: no series has the symbol XBTUSDT; did you mean XBTUSD?',
    );
    expect(await faultOf(scan(filter(null, [60])))).toBe(
      'usage: no series has the interval 1m; there are 1h',
    );
    expect(await faultOf(scan({ fromUs: at('2026-02-01Z'), toUs: at('2026-02-01Z') }))).toMatch(
      /^usage: --to must be after/,
    );
    expect(await faultOf(scan({ fromUs: at('2027-02-01Z') }))).toMatch(/^usage: --from lies in the future/);
    expect(await listGaps(db, ANY)).toEqual([]);
    // Another spelling of the same currency is no slip.
    expect(await scan(filter(['btcusd']))).toHaveLength(1);
  });
});

describe('gaps on record', () => {
  it('get out of the reach of an API with time', async () => {
    await threeStretches();
    await scanAndList({ nowUs: at('2026-11-21T00:30Z') });
    const [, recent] = await listGaps(db, ANY);
    expect(recent!.state).toBe('detected');
    await ageGaps(db, at('2026-12-20T00:30Z'));
    expect((await listGaps(db, ANY)).map((gap) => [gap.candlesFromNow, gap.overflow, gap.state])).toEqual([
      [2616, 1896, 'unfillable'],
      [720, 0, 'detected'],
    ]);
    await ageGaps(db, at('2026-12-20T01:30Z'));
    expect((await listGaps(db, ANY)).map((gap) => gap.state)).toEqual(['unfillable', 'unfillable']);
  });

  it('are forgotten long after they were filled or failed; unfillable ones stay', async () => {
    await threeStretches();
    await scanAndList();
    const id = (await db.query<{ id: number }>('SELECT series_id AS id FROM backhaul.series')).rows[0]!.id;
    await db.query(
      `INSERT INTO backhaul.gap (series_id, start_ts, end_ts, candles, state, candles_from_now, filled_at, error, changed_at)
       VALUES ($1, '2020-01-01', '2020-01-02', 24, 'filled', 9000, now(), NULL, now() - interval '91 days'),
              ($1, '2020-02-01', '2020-02-02', 24, 'filled', 9000, now(), NULL, now() - interval '89 days'),
              ($1, '2020-03-01', '2020-03-02', 24, 'failed', 9000, NULL, '{"kind":"network","message":"x"}', now() - interval '91 days')`,
      [id],
    );
    await db.query(
      `UPDATE backhaul.gap SET changed_at = now() - interval '1 year' WHERE state = 'unfillable'`,
    );
    expect(await cleanUp(db, 90)).toEqual({ filled: 1, failed: 1 });
    expect((await listGaps(db, ANY)).map((gap) => gap.state).sort()).toEqual([
      'detected',
      'filled',
      'unfillable',
    ]);
  });

  it('may stand once a series and start, and only in states that make sense', async () => {
    await threeStretches();
    await scanAndList();
    const twice = db.query(
      `INSERT INTO backhaul.gap (series_id, start_ts, end_ts, candles, state, candles_from_now, overflow)
       SELECT series_id, start_ts, end_ts, candles, state, candles_from_now, overflow FROM backhaul.gap`,
    );
    await expect(twice).rejects.toMatchObject({ code: '23505' });
    await expect(db.query(`UPDATE backhaul.gap SET state = 'filled'`)).rejects.toMatchObject({
      code: '23514',
    });
    await expect(db.query(`UPDATE backhaul.gap SET state = 'failed'`)).rejects.toMatchObject({
      code: '23514',
    });
  });
});

/** Dates have milliseconds. */
function ms(us: number): number {
  return Math.floor(us / 1000) * 1000;
}
