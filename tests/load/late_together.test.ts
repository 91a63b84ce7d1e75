import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import type { Pool } from 'pg';
import { describe, expect, it } from 'vitest';
import { connect, inTransaction } from '../../src/database/connect.ts';
import { runLoad } from '../../src/load/load.ts';
import type { LoadOptions } from '../../src/load/load_events.ts';
import { noteRollups } from '../../src/state/series/rollups.ts';
import { expire } from '../../src/state/tasks/lease.ts';
import { answerOf } from '../commands/in_process.ts';
import { LOAD_DEFAULTS, load, scratchFolder } from '../e2e/loading.ts';
import { krakenCsv, massiveDays, walk, write } from '../e2e/market.ts';
import { differences, type Original, originals, snapshot } from '../survive/copies.ts';
import { onCopy } from '../survive/worlds.ts';

/**
 * Late files of a lane are merged in one transaction where they wait for each other anyway. Whatever a load of one after
 * the other leaves, they leave too: bars, counts of each file, coverage, conflicts, rejects, longer bars.
 */

const databases = await originals();
const folder = scratchFolder();

const DAY = 86_400;
const FROM = Date.UTC(2024, 3, 1) / 1000;

/** How many transactions have moved these tasks to loaded. */
async function transactions(db: Pool, files: readonly string[]): Promise<number> {
  const { rows } = await db.query<{ n: number }>(
    `SELECT count(DISTINCT e.xmin::text)::int AS n FROM backhaul.task_event e JOIN backhaul.task t USING (task_id)
     WHERE e.event = 'finish' AND t.uri = ANY ($1)`,
    [files.map((file) => pathToFileURL(file).href)],
  );
  return rows[0]!.n;
}

/** Loads the files of a run together and, on another copy, each by a run of its own: both leave the same. */
async function expectAsOneByOne(
  original: Original,
  files: readonly string[],
  options: Partial<LoadOptions> = {},
): Promise<number> {
  const single = await onCopy(original, async (copy) => {
    for (const file of files) await load(copy.url, [file], options);
    return snapshot(copy.pool);
  });
  return onCopy(original, async (copy) => {
    await load(copy.url, files, options);
    expect(differences(await snapshot(copy.pool), single)).toEqual([]);
    return transactions(copy.pool, files);
  });
}

/** A day of five-minute bars and more of it, beginning and ending so many days behind the first. */
function part(name: string, from: number, to: number, change = 0): string {
  const bars = walk('XBTUSD', FROM, FROM + 9 * DAY, 300, 3)
    .filter(({ time }) => time >= FROM + from * DAY && time < FROM + to * DAY)
    .map((bar, i) => (change > 0 && i % change === 1 ? { ...bar, volume: bar.volume + 1 } : bar));
  return write(folder, `${name}/XBTUSD_5.csv`, krakenCsv(bars));
}

describe('late files of a lane', () => {
  const days = massiveDays(join(folder, 'days'), 7, ['A', 'BRK.B', 'NA', 'aapl'], 5);

  it('are merged in one transaction, and the table is that of a load from scratch', async () => {
    const late = days.slice(0, 5);
    const scratch = await databases.original((url) => load(url, days).then(() => {}));
    const candles = await onCopy(scratch, async ({ pool }) => (await snapshot(pool))['candles']);
    const behind = await databases.original(async (url) => {
      await load(url, days.slice(5));
    });
    await onCopy(behind, async (copy) => {
      const { tasks, rows } = await load(copy.url, late, { workers: 2 });
      const { loaded, failed } = tasks;
      expect({ loaded, failed, rejected: rows.rejected }).toEqual({ loaded: 5, failed: 0, rejected: 0 });
      expect((await snapshot(copy.pool))['candles']).toBe(candles);
      // The first may have begun before the last were claimed.
      expect(await transactions(copy.pool, late)).toBeLessThan(4);
    });
  });

  it('leave what they leave one by one, with overlaps, conflicts, rejects and longer bars', async () => {
    const stands = part('z', 7, 9);
    const bad = part('c', 3, 5);
    write(
      folder,
      'c/XBTUSD_5.csv',
      `${krakenCsv(walk('XBTUSD', FROM + 3 * DAY, FROM + 5 * DAY, 300, 4))}what,is,this,1,1,1,1\n`,
    );
    const files = [part('a', 0, 2), part('b', 1.5, 3.5, 20), bad, part('d', 5, 7.5), part('e', 5.5, 6)];
    const made = await databases.original(async (url) => {
      await load(url, [stands]);
      const client = await connect(url, { applicationName: 'test' });
      await noteRollups(client, [{ venue: 'kraken', symbol: 'XBTUSD', intervalS: 300, rollupS: 3600 }]);
      await client.end();
    });
    expect(await expectAsOneByOne(made, files, { maxRejectShare: null })).toBeLessThan(5);
  });

  it('leave what they leave one by one, with columns beside the bars and exact prices', async () => {
    const original = await databases.original(async (url) => {
      await load(url, [part('z', 7, 9)], { prices: 'numeric' });
    });
    const files = [part('a', 0, 1), part('b', 0.5, 3, 20), part('d', 3, 7.5)];
    expect(await expectAsOneByOne(original, files, { prices: 'numeric' })).toBeLessThan(3);
  });

  it('leave what they leave one by one, where they cut bars of trades', async () => {
    const layout = write(
      folder,
      'acme.yaml',
      'kind: trades\ncolumns: [time, price, volume]\nheader: none\nvenue: acme\nsymbol: XBTUSD\n',
    );
    const trades = walk('XBTUSD', FROM, FROM + DAY, 40, 3).map((b) => `${b.time},${b.close},${b.volume}\n`);
    const some = (name: string, from: number, to: number): string =>
      write(folder, `${name}/trades.csv`, trades.slice(from, to).join(''));
    const options: Partial<LoadOptions> = { layout, intervals: [60] };
    const original = await databases.original(async (url) => {
      await load(url, [some('z', 900, 1000)], options);
    });
    const files = [some('a', 0, 200), some('b', 200, 501), some('c', 501, 900)];
    expect(await expectAsOneByOne(original, files, options)).toBeLessThan(3);
  });

  it('fail alone: one that cannot be read takes none of the others with it', async () => {
    const original = await databases.original(async (url) => {
      await load(url, [part('z', 7, 9)]);
    });
    const files = [part('a', 0, 2), part('b', 2, 3), part('c', 3, 5)];
    write(
      folder,
      'b/XBTUSD_5.csv',
      `${krakenCsv(walk('XBTUSD', FROM + 2 * DAY, FROM + 3 * DAY, 300, 4))}${'what,is\n'.repeat(90)}`,
    );
    await expectAsOneByOne(original, files);
    await onCopy(original, async (copy) => {
      const { tasks } = await load(copy.url, files);
      expect({ loaded: tasks.loaded, failed: tasks.failed }).toEqual({ loaded: 2, failed: 1 });
    });
  });

  describe('are in the middle of it', () => {
    const files = [part('mid/a', 0, 2), part('mid/b', 1.5, 3), part('mid/c', 3, 5)];

    /** Does `interrupt` when the first of them is written and the others have joined it, and then lets all go on. */
    async function inTheMiddle(
      url: string,
      pool: Pool,
      signals: Parameters<typeof runLoad>[2],
      interrupt: (loading: Promise<unknown>) => Promise<unknown>,
    ): Promise<PromiseSettledResult<unknown>> {
      const lock = await connect(url, { applicationName: 'test lock' });
      await lock.query('BEGIN; LOCK TABLE backhaul.coverage IN SHARE MODE');
      const loading = Promise.allSettled([
        runLoad({ ...LOAD_DEFAULTS, sources: files, databaseUrl: url, workers: 2 }, () => {}, signals),
      ]);
      const sql = `SELECT FROM pg_stat_activity WHERE datname = current_database()
        AND application_name LIKE 'backhaul%' AND wait_event_type = 'Lock'`;
      while ((await pool.query(sql)).rowCount === 0) await sleep(40);
      await interrupt(loading);
      await lock.end();
      return (await loading)[0]!;
    }
    const never = new AbortController().signal;
    const begin = (): Promise<Original> =>
      databases.original(async (url) => {
        await load(url, [part('z', 7, 9)]);
      });

    it('when a second Ctrl-C comes, and all is as it was', async () => {
      await onCopy(await begin(), async ({ url, pool }) => {
        const before = (await snapshot(pool))['candles'];
        const abort = new AbortController();
        await inTheMiddle(url, pool, { drain: never, abort: abort.signal }, async (loading) => {
          abort.abort();
          await loading;
        });
        expect((await snapshot(pool))['candles']).toBe(before);
        const { rows } = await pool.query('SELECT state, owner FROM backhaul.task ORDER BY sequence');
        expect(rows).toEqual([
          ...files.map(() => ({ state: 'pending', owner: null })),
          { state: 'loaded', owner: null },
        ]);
        await load(url, files);
      });
    });

    it('when their lane is to be unloaded, computed again or rolled up: that is refused, and done behind them', async () => {
      await onCopy(await begin(), async ({ url, pool }) => {
        const run = (...args: string[]) => answerOf(args, { env: { DATABASE_URL: url } });
        const commands = [
          ['recompute', '--symbols', 'XBTUSD'],
          ['rollup', '1h', '--symbols', 'XBTUSD'],
          ['unload', join(folder, 'z/XBTUSD_5.csv')],
        ];
        const ended = await inTheMiddle(url, pool, { drain: never, abort: never }, async () => {
          for (const command of commands) {
            const { code, stderr } = await run(...command);
            expect({ command, code, stderr }).toMatchObject({
              code: 1,
              stderr: expect.stringContaining('A load is at work'),
            });
          }
        });
        expect(ended.status).toBe('fulfilled');
        for (const command of commands)
          expect({ command, code: (await run(...command)).code }).toEqual({ command, code: 0 });
        const left = (await snapshot(pool))['candles'];
        const scratch = await databases.original(async (of) => {
          await load(of, files, { rollups: [3600] });
        });
        expect(left).toBe(await onCopy(scratch, async (copy) => (await snapshot(copy.pool))['candles']));
      });
    });

    it('when one of them is taken away, and none is loaded twice', async () => {
      const original = await begin();
      const single = await onCopy(original, async ({ url, pool }) => {
        for (const file of files) await load(url, [file]);
        return snapshot(pool);
      });
      await onCopy(original, async ({ url, pool }) => {
        const ended = await inTheMiddle(url, pool, { drain: never, abort: never }, async () => {
          // At one go: the loader renews its leases every other moment.
          const expired = await inTransaction(pool, async (client) => {
            await client.query(
              `UPDATE backhaul.task SET lease_until = now() - interval '1 s' WHERE uri LIKE '%/b/XBTUSD_5.csv'`,
            );
            return expire(client);
          });
          expect(expired.map(({ reason }) => reason)).toEqual(['lease']);
        });
        expect(ended.status).toBe('fulfilled');
        expect(differences(await snapshot(pool), single)).toEqual([]);
        const { rows } = await pool.query(
          `SELECT count(*)::int AS n FROM backhaul.task_event WHERE event = 'finish' GROUP BY task_id`,
        );
        expect(rows).toEqual([1, 1, 1, 1].map((n) => ({ n })));
      });
    });
  });
});
