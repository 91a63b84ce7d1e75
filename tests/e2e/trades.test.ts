import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import type { KillPoint } from '../../src/base/kill_points.ts';
import type { LoadEvent, LoadOptions, LoadSummary } from '../../src/load/load_events.ts';
import { answerOf } from '../commands/in_process.ts';
import { testDatabase } from '../database.ts';
import { startLoad } from '../survive/program.ts';
import { candles, load, scratchFolder, wipe } from './loading.ts';
import { write } from './market.ts';

/** Files of trades become bars, the same ones however the trades are spread over files. */

const database = await testDatabase();
const db = database.pool;
const folder = scratchFolder();
const layout = join(folder, 'acme.yaml');
writeFileSync(
  layout,
  'kind: trades\ncolumns: [time, price, volume]\nheader: none\nvenue: acme\nsymbol: XBTUSD\n',
);

/** Trades of three and a half hours, several of them in many a second, as Kraken's older files have them. */
const START = Date.UTC(2024, 3, 1, 10, 0, 7) / 1000;
const trades = ((): string[] => {
  let seed = 7;
  const random = (): number => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fffffff;
    return seed / 0x7fffffff;
  };
  let time = START;
  let price = 60_000;
  return Array.from({ length: 400 }, () => {
    if (random() > 0.4) time += Math.floor(random() * 100);
    price += Math.round((random() - 0.5) * 100) / 10;
    return `${time},${price.toFixed(1)},${(random() * 3).toFixed(8)}\n`;
  });
})();

let files = 0;
const file = (some: readonly string[]): string =>
  write(folder, `${String(++files).padStart(4, '0')}/trades.csv`, some.join(''));
const whole = file(trades);
const options: Partial<LoadOptions> = { layout, intervals: [60, 3600] };
const run = (sources: readonly string[], more: Partial<LoadOptions> = {}): Promise<LoadSummary> =>
  load(database.url, sources, { ...options, ...more });

beforeEach(() => wipe(db));

const tasks = async (): Promise<unknown[]> =>
  (
    await db.query(
      `SELECT interval_s AS "intervalS", state, rows_read::int AS read, trades_used::int AS used, bars_made::int AS made,
         rows_loaded::int AS loaded, rows_duplicate::int AS duplicate, rows_rejected::int AS rejected
       FROM backhaul.task ORDER BY uri, interval_s`,
    )
  ).rows;

describe('a file of trades', () => {
  it('becomes bars of each interval asked for, and every trade is accounted for', async () => {
    const summary = await run([whole]);
    expect(summary).toMatchObject({ series: 2, tasks: { loaded: 2, failed: 0 } });
    const { rows } = await db.query<{ s: number; n: number; t: number; v: number; o: number; c: number }>(
      `SELECT interval_s AS s, count(*)::int AS n, sum(trades)::int AS t, round(sum(volume)::numeric, 8)::float8 AS v,
         (array_agg(open ORDER BY ts))[1] AS o, (array_agg(close ORDER BY ts DESC))[1] AS c
       FROM backhaul.candles GROUP BY 1 ORDER BY 1`,
    );
    const column = (line: string, at: number): number => Number(line.split(',')[at]);
    const units = trades.reduce((sum, line) => sum + Math.round(column(line, 2) * 1e8), 0);
    const [o, c] = [column(trades[0]!, 1), column(trades.at(-1)!, 1)];
    const minutes = new Set(trades.map((line) => Math.floor(column(line, 0) / 60))).size;
    const hours = new Set(trades.map((line) => Math.floor(column(line, 0) / 3600))).size;
    expect(rows).toEqual([
      { s: 60, n: minutes, t: 400, v: units / 1e8, o, c },
      { s: 3600, n: hours, t: 400, v: units / 1e8, o, c },
    ]);
    const task = { state: 'loaded', read: 400, used: 400, duplicate: 0, rejected: 0 };
    expect(await tasks()).toEqual([
      { ...task, intervalS: 60, made: minutes, loaded: minutes },
      { ...task, intervalS: 3600, made: hours, loaded: hours },
    ]);
  });

  it('makes the same table in any pieces, in any order, at once or one by one', async () => {
    await run([whole]);
    const expected = await candles(db);
    const cut = fc.integer({ min: 1, max: trades.length - 1 });
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(cut, { minLength: 1, maxLength: 2 }),
        fc.boolean(),
        fc.infiniteStream(fc.nat()),
        async (cuts, atOnce, keys) => {
          await wipe(db);
          const ends = [...cuts.sort((a, b) => a - b), trades.length];
          const pieces = ends.map((end, i) => file(trades.slice(i === 0 ? 0 : ends[i - 1]!, end)));
          const order = pieces
            .map((piece) => ({ piece, key: keys.next().value as number }))
            .sort((a, b) => a.key - b.key)
            .map(({ piece }) => piece);
          if (atOnce) await run(order);
          else for (const piece of order) await run([piece]);
          expect(await candles(db)).toBe(expected);
        },
      ),
      { numRuns: 2 },
    );
  });

  it('that is loaded again after it was completed changes nothing, and so do overlapping ones', async () => {
    await run([whole]);
    const expected = await candles(db);
    await wipe(db);
    const [first, second] = [file(trades.slice(0, 233)), file(trades.slice(233))];
    await run([first, second]);
    await run([first, second, whole], { reload: true });
    expect(await candles(db)).toBe(expected);
  });

  it('that is replaced by a longer one has the bar it was cut in whole', async () => {
    await run([whole]);
    const expected = await candles(db);
    await wipe(db);
    const first = file(trades.slice(0, 200));
    await run([first]);
    writeFileSync(first, trades.slice(0, 320).join(''));
    await run([first, file(trades.slice(320))]);
    expect(await candles(db)).toBe(expected);
  });

  it('goes on where the last bar stands with --incremental, whichever way the newer trades come', async () => {
    await run([whole]);
    const expected = await candles(db);
    const goOn = async (source: string): Promise<void> => {
      const args = ['load', source, '--layout', layout, '--intervals', '1m,1h', '--incremental'];
      const done = await answerOf([...args, '--workers', '1', '--database', database.url], { cwd: folder });
      expect(done).toMatchObject({ code: 0 });
    };
    // The older file grown, a file of the newer trades alone, and one that overlaps.
    for (const from of [0, 233, 100]) {
      await wipe(db);
      const older = file(trades.slice(0, 233));
      await run([older]);
      const newer = from === 0 ? older : file(trades.slice(from));
      if (from === 0) writeFileSync(older, trades.join(''));
      await goOn(newer);
      expect([from, (await candles(db)) === expected]).toEqual([from, true]);
      if (from !== 100) continue;
      // What it has cut is not put behind what the other file tells whole.
      await run([older], { reload: true });
      expect(await candles(db)).toBe(expected);
    }
  });

  it('killed before and behind its commit, and loaded again, makes the table of a load nobody disturbed', async () => {
    await run([whole]);
    const expected = await candles(db);
    await wipe(db);
    const [first, second] = [file(trades.slice(0, 233)), file(trades.slice(233))];
    await run([first]);
    const flags = ['--layout', layout, '--intervals', '1m,1h'];
    for (const point of ['task.finished', 'commit.answered'] satisfies KillPoint[]) {
      const program = startLoad(database.url, [second], {
        flags,
        workers: 1,
        env: { BACKHAUL_KILL_AT: point },
      });
      expect([point, (await program.ended).signal]).toEqual([point, 'SIGKILL']);
    }
    await run([second], { leaseMs: 5_000 });
    expect(await candles(db)).toBe(expected);
  });

  it('makes the same longer bars of a bar that two files share, in any order, in one run or two', async () => {
    const rollups: Partial<LoadOptions> = { intervals: [60], rollups: [300, 3600] };
    await run([whole], rollups);
    const expected = await candles(db);
    expect(expected).toContain('(acme,XBTUSD,300,');
    const [first, second] = [file(trades.slice(0, 233)), file(trades.slice(233))];
    for (const [name, runs] of [
      ['one after the other', [[first], [second]]],
      ['the later first', [[second], [first]]],
      ['both at once', [[second, first]]],
    ] as const) {
      await wipe(db);
      for (const sources of runs) await run(sources, rollups);
      expect([name, (await candles(db)) === expected]).toEqual([name, true]);
    }
  });

  it('that is taken out leaves the bar it shared as the other file tells it', async () => {
    const [first, second] = [file(trades.slice(0, 233)), file(trades.slice(233))];
    for (const [gone, left] of [
      [first, second],
      [second, first],
    ] as const) {
      await wipe(db);
      await run([left]);
      const expected = await candles(db);
      await wipe(db);
      await run([first, second]);
      expect(await candles(db)).not.toBe(expected);
      const done = await answerOf(['unload', gone, '--database', database.url], { cwd: folder });
      expect(done).toMatchObject({ code: 0 });
      expect(await candles(db)).toBe(expected);
      // Nor does it come back by what the other file says of it again.
      await run([left], { reload: true });
      expect(await candles(db)).toBe(expected);
    }
  });

  it('in no order is sorted; what is no trade is set aside', async () => {
    await run([whole]);
    const expected = await candles(db);
    await wipe(db);
    // By whole seconds, so that those of one second stay as they are.
    const bySecond = [...Map.groupBy(trades, (line) => line.split(',')[0]!).values()];
    const apart = bySecond.filter((_, i) => i % 5 !== 0);
    const shuffled = [...apart, ...bySecond.filter((_, i) => i % 5 === 0)].flat();
    expect(shuffled.toSorted()).toEqual(trades.toSorted());
    const summary = await run([file([...shuffled, `${START},0,1\n`, `${START},x,1\n`])]);
    expect(summary.rows).toMatchObject({ read: 804, trades: 800, rejected: 4 });
    expect(summary.rejects.map(({ reason, count }) => [reason, count])).toEqual([
      ['price', 2],
      ['number', 2],
    ]);
    expect(await candles(db)).toBe(expected);
  });

  it('is made into further intervals later, and into bars of a minute where nobody says which', async () => {
    const events: LoadEvent[] = [];
    await load(database.url, [whole], { layout }, (event) => events.push(event));
    const said = events.flatMap((event) => (event.type === 'note' ? [event.message] : []));
    expect(said).toContain('trades are made into bars of 1m; --intervals 1m,1h,… says others');
    const again = await run([whole], { intervals: [60, 300] });
    expect(again.tasks).toMatchObject({ loaded: 1, unchanged: 1 });
    expect(await tasks()).toMatchObject([{ intervalS: 60 }, { intervalS: 300 }]);
  });

  it('that could not be read at first is one task, not two', async () => {
    await load(database.url, [whole]);
    expect(await tasks()).toMatchObject([{ intervalS: null, state: 'failed' }]);
    await run([whole], { intervals: [60] });
    expect(await tasks()).toMatchObject([{ intervalS: 60, state: 'loaded' }]);
  });

  it('gives whole bars of the range that is asked for', async () => {
    const from = (START - 7 + 1800) * 1e6;
    await run([whole], { intervals: [300], fromUs: from + 1, toUs: from + 900e6 });
    const { rows } = await db.query<{ ts: number }>(
      'SELECT extract(epoch FROM ts)::float8 * 1e6 - $1::float8 AS ts FROM backhaul.candles ORDER BY 1',
      [from],
    );
    expect(rows.map(({ ts }) => ts)).toEqual([300e6, 600e6]);
  });
});

it('trades of an exchange agree with the candles it makes of them, and count as equal to them', async () => {
  const history = `${folder}/kraken/Kraken_Trading_History`;
  write(history, 'XBTUSD.csv', trades.join(''));
  await load(database.url, [history], { intervals: [60] });
  const { rows } = await db.query<{ line: string }>(
    `SELECT concat_ws(',', extract(epoch FROM ts)::bigint, open, high, low, close, volume, trades) AS line
     FROM backhaul.candles ORDER BY ts`,
  );
  const bars = write(`${folder}/kraken/bars`, 'XBTUSD_1.csv', `${rows.map(({ line }) => line).join('\n')}\n`);
  const before = await candles(db);
  const summary = await load(database.url, [bars]);
  expect(summary.rows).toMatchObject({ loaded: 0, duplicate: rows.length, conflict: 0 });
  expect(await candles(db)).toBe(before);
});
