import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UNLOAD_POINTS } from '../../src/base/kill_points.ts';
import { answerOf } from '../commands/in_process.ts';
import { jsonLines } from '../commands/run_cli.ts';
import { testDatabase } from '../database.ts';
import { candles, load, scratchFolder, wipe } from '../e2e/loading.ts';
import { krakenCsv, massiveCsv, walk, write } from '../e2e/market.ts';
import { zipBytes } from '../producer/archive/zip_bytes.ts';
import { differences, originals, snapshot } from '../survive/copies.ts';
import { start } from '../survive/program.ts';
import { onCopy } from '../survive/worlds.ts';

const HOUR = 3600;
const BEGIN = Date.UTC(2024, 0, 1) / 1000;
const BARS = walk('XBTUSD', BEGIN, BEGIN + 900 * HOUR, HOUR, 5, 0.95);
const databases = await originals();
const folder = scratchFolder();

/** Files of one series, each a stretch of the same bars; stretches may overlap. */
const part = (name: string, from: number, to: number): string =>
  write(
    folder,
    `${name}/XBTUSD_60.csv`,
    krakenCsv(BARS.filter((bar) => bar.time >= BEGIN + from * HOUR && bar.time < BEGIN + to * HOUR)),
  );
const files = {
  first: part('first', 0, 350),
  middle: part('middle', 300, 600),
  last: part('last', 600, 900),
};

const run = (url: string, args: readonly string[]) => answerOf(args, { env: { DATABASE_URL: url } });

/** All but tasks, whose history differs, and the gaps between partitions' names. */
async function standing(pool: Parameters<typeof snapshot>[0]): Promise<Record<string, string>> {
  const { candles: bars, coverage, states } = await snapshot(pool);
  return { candles: bars!, coverage: coverage!, states: states! };
}

describe('an unload', () => {
  it('of any files leaves what a load of the others makes', async () => {
    const database = await testDatabase();
    const cuts = fc.uniqueArray(fc.integer({ min: 20, max: 880 }), { minLength: 2, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(cuts, fc.integer({ min: 0, max: 40 }), fc.nat(), async (points, overlap, which) => {
        const ends = [0, ...points.sort((a, b) => a - b), 900];
        const all = ends.slice(1).map((to, i) => part(`law${i}`, Math.max(0, ends[i]! - overlap), to));
        const out = all[which % all.length]!;
        await wipe(database.pool);
        await load(database.url, all, { workers: 1 });
        const done = await run(database.url, ['unload', out, '--json']);
        expect(done.code).toBe(0);
        const left = await standing(database.pool);
        await wipe(database.pool);
        await load(
          database.url,
          all.filter((file) => file !== out),
          { workers: 1 },
        );
        expect(differences(left, await standing(database.pool))).toEqual([]);
      }),
      { numRuns: 2 },
    );
  });

  it('is shown first, leaves the file set aside, and opens the gap it had filled', async () => {
    const { url, pool } = await testDatabase();
    await load(url, [files.first, files.last], { workers: 1 });
    await run(url, ['gaps', 'scan', '--to', '2024-02-07']);
    await run(url, ['gaps', 'fill', files.middle]);
    const gapStates = async (): Promise<string[]> =>
      (await pool.query<{ state: string }>('SELECT state FROM backhaul.gap')).rows.map(({ state }) => state);
    expect(await gapStates()).toContain('filled');
    const before = await candles(pool);
    const plan = await run(url, ['unload', files.middle, '--dry-run', '--json']);
    expect(jsonLines(plan.stdout)).toMatchObject([{ type: 'plan', uri: expect.stringContaining('middle') }]);
    expect(await candles(pool)).toBe(before);
    const done = await run(url, ['unload', files.middle]);
    expect(done).toMatchObject({ code: 0, stderr: '' });
    expect(done.stdout).toMatch(
      /^Taken out: 1 file, \d+ bars; indicators of \d+ bars behind computed again\./,
    );
    const { rows: tasks } = await pool.query(
      `SELECT state, rows_loaded FROM backhaul.task WHERE uri LIKE '%middle%'`,
    );
    expect(tasks).toEqual([{ state: 'skipped', rows_loaded: null }]);
    expect(new Set(await gapStates())).toEqual(new Set(['unfillable']));
    expect(await run(url, ['unload', files.middle])).toMatchObject({ code: 2, stdout: '' });
  });

  it('of a run, an entry of a series and of a name that is none', async () => {
    const { url, pool } = await testDatabase();
    await load(url, [files.first], { workers: 1 });
    await load(url, [files.last], { workers: 1 });
    const of = await run(url, ['unload', 'run', '2', '--json']);
    expect(jsonLines(of.stdout).at(-1)).toMatchObject({ type: 'unload', tasks: 1 });
    const { rows } = await pool.query('SELECT max(ts) < $1 AS gone FROM backhaul.candles', [
      new Date((BEGIN + 350 * HOUR) * 1000),
    ]);
    expect(rows).toEqual([{ gone: true }]);
    const series = await run(url, ['unload', '--symbols', 'XBTUSD', '--json']);
    expect(jsonLines(series.stdout).at(-1)).toMatchObject({ type: 'unload', series: 1 });
    expect(await candles(pool)).toBe('');
    for (const args of [
      ['unload', 'nothing.csv'],
      ['unload', 'run', '99'],
      ['unload'],
      ['unload', 'x', '--symbols', 'y'],
    ]) {
      const refused = await run(url, args);
      expect(refused).toMatchObject({ code: 2, stdout: '' });
      expect(refused.stderr.trim().split('\n')).toHaveLength(1);
    }
  });

  it('of an entry of one zip leaves its namesake in another, and longer bars as of a load of what remains', async () => {
    const { url, pool } = await testDatabase();
    const rollups = [4 * HOUR];
    const zip = (name: string, from: number, to: number): string =>
      write(
        folder,
        `${name}.zip`,
        zipBytes([
          { name: 'XBTUSD_60.csv', data: krakenCsv(BARS.slice(from, to)) },
          { name: 'ETHUSD_60.csv', data: krakenCsv(BARS.slice(from, to)) },
        ]),
      );
    const [one, two, three] = [zip('Q 1', 0, 120), zip('Q 2', 100, 220), zip('Q 3', 210, 300)];
    await load(url, [one, two, three], { rollups });
    for (const word of [`${two}/XBTUSD_60.csv`, `${two} › ETHUSD_60.csv`]) {
      const { stdout } = await run(url, ['unload', word, '--json']);
      expect(jsonLines(stdout)).toMatchObject([
        { type: 'unloaded', uri: expect.stringContaining('Q%202') },
        {},
      ]);
    }
    const left = await standing(pool);
    await wipe(pool);
    await load(url, [one, three], { rollups });
    expect(differences(left, await standing(pool))).toEqual([]);
  });

  it('of a symbol takes it out of a file of many, with its longer bars, and no other', async () => {
    const { url, pool } = await testDatabase();
    const rollups = [300];
    const day = Date.UTC(2024, 3, 1, 14) / 1000;
    const bars = ['AAA', 'BBB', 'CCC'].flatMap((symbol, i) => walk(symbol, day, day + 2 * HOUR, 60, i, 0.8));
    const file = (name: string, held: typeof bars): string =>
      write(folder, `${name}/us_stocks_sip/minute_aggs_v1/2024/04/2024-04-01.csv.gz`, massiveCsv(held));
    await load(url, [file('all', bars)], { rollups, workers: 1 });
    const { rows } = await pool.query<{ n: number }>(
      `SELECT count(*)::int AS n FROM backhaul.candles WHERE symbol = 'BBB'`,
    );
    const shown = await run(url, ['unload', '--symbols', 'BBB', '--dry-run']);
    expect(shown.stdout).toContain(`${rows[0]!.n} bars would go.`);
    const done = await run(url, ['unload', '--symbols', 'BBB', '--json']);
    expect(jsonLines(done.stdout).at(-1)).toMatchObject({ type: 'unload', series: 2, bars: rows[0]!.n });
    const left = await candles(pool);
    await wipe(pool);
    await load(
      url,
      [
        file(
          'some',
          bars.filter(({ symbol }) => symbol !== 'BBB'),
        ),
      ],
      { rollups, workers: 1 },
    );
    expect(left).toBe(await candles(pool));
  });

  it('leaves a bar that another file vouches for, whichever of them is taken out', async () => {
    const { url, pool } = await testDatabase();
    const twin = part('twin', 0, 350);
    for (const [out, stays] of [
      [files.first, twin],
      [twin, files.first],
    ] as const) {
      await wipe(pool);
      await load(url, [files.first, twin], { workers: 1 });
      const before = await candles(pool);
      const done = await run(url, ['unload', out, '--json']);
      expect(jsonLines(done.stdout).at(-1)).toMatchObject({ tasks: 1, bars: 0, recomputed: 0 });
      expect(await candles(pool)).toBe(before);
      await run(url, ['unload', stays]);
      expect(await candles(pool)).toBe('');
    }
  });

  it('killed at each of its steps, one run after the other, ends as if nothing had been', async () => {
    const loaded = await databases.original(async (url) => {
      await load(url, Object.values(files), { workers: 1 });
    });
    const args = ['unload', files.middle];
    const undisturbed = await onCopy(loaded, async (copy) => {
      expect((await run(copy.url, args)).code).toBe(0);
      return standing(copy.pool);
    });
    await onCopy(loaded, async (copy) => {
      const before = await candles(copy.pool);
      for (const point of UNLOAD_POINTS) {
        const env = { DATABASE_URL: copy.url, BACKHAUL_KILL_AT: point };
        expect([point, (await start(args, { env }).ended).signal]).toEqual([point, 'SIGKILL']);
        expect([point, (await candles(copy.pool)) === before]).toEqual([point, point !== 'unload.committed']);
      }
      await run(copy.url, args);
      expect(differences(await standing(copy.pool), undisturbed)).toEqual([]);
    });
  });
});
