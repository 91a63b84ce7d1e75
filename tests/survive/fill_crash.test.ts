import { renameSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  EVENT_POINTS,
  FILL_POINTS,
  JOIN_POINTS,
  type KillPoint,
  RECOMPUTE_POINTS,
  ROLLUP_POINTS,
} from '../../src/base/kill_points.ts';
import { answerOf } from '../commands/in_process.ts';
import { testDatabase } from '../database.ts';
import { candles, load, scratchFolder } from '../e2e/loading.ts';
import { krakenCsv, walk, write } from '../e2e/market.ts';
import { zipBytes } from '../producer/archive/zip_bytes.ts';
import { type Copy, differences, type Original, originals, snapshot } from './copies.ts';
import { start, startLoad, thawed, untilFrozen } from './program.ts';
import { onCopy } from './worlds.ts';

/** `kill -9` of the commands that change what stands: the same command again ends as if nothing had been. */

const HOUR = 3600;
const END = Math.floor(Date.now() / 1000 / HOUR) * HOUR;
const BARS = walk('XBTUSD', END - 1500 * HOUR, END, HOUR, 5, 0.9);
/** A hole within reach of the API, older than which and newer than which is on file. */
const isHole = (time: number): boolean => time >= END - 300 * HOUR && time < END - 200 * HOUR;

const databases = await originals();
const bare = await testDatabase({ content: 'empty' });
const folder = scratchFolder();
const files = {
  older: write(folder, 'older/XBTUSD_60.csv', krakenCsv(BARS.filter((bar) => bar.time < END - 300 * HOUR))),
  hole: write(folder, 'hole/XBTUSD_60.csv', krakenCsv(BARS.filter((bar) => isHole(bar.time)))),
  newer: write(folder, 'newer/XBTUSD_60.csv', krakenCsv(BARS.filter((bar) => bar.time >= END - 200 * HOUR))),
};

let api: Server;
let apiUrl: string;
let gapped: Original;
let spoiled: Original;

/** Runs a command that nobody disturbs. */
function run(copy: Copy, args: readonly string[]) {
  return answerOf(args, { env: { DATABASE_URL: copy.url } });
}

/** Runs a command as a program of its own, which must be killed where it is to be. */
async function killed(copy: Copy, args: readonly string[], point: KillPoint): Promise<void> {
  const env = { DATABASE_URL: copy.url, BACKHAUL_KILL_AT: point };
  expect([point, (await start(args, { env }).ended).signal]).toEqual([point, 'SIGKILL']);
}

beforeAll(async () => {
  api = createServer((_request, response) => {
    const rows = BARS.slice(-720).map((bar) => [
      bar.time,
      ...[bar.open, bar.high, bar.low, bar.close, bar.close, bar.volume].map(String),
      bar.trades,
    ]);
    response.end(JSON.stringify({ error: [], result: { XXBTZUSD: rows, last: END - HOUR } }));
  });
  await new Promise<void>((resolve) => api.listen(0, '127.0.0.1', resolve));
  apiUrl = `http://127.0.0.1:${(api.address() as AddressInfo).port}`;
  gapped = await databases.original(async (url) => {
    await load(url, [files.older, files.newer], { workers: 1 });
    await answerOf(['gaps', 'scan'], { env: { DATABASE_URL: url } });
  });
  spoiled = await databases.original(async (url) => {
    await load(url, [files.older, files.hole, files.newer], { workers: 1 });
    const sql = 'UPDATE backhaul.bars SET rsi_14 = 0 WHERE extract(hour FROM ts) = 7';
    const { createPool } = await import('../../src/database/connect.ts');
    const pool = createPool(url, { max: 1 });
    await pool.query(sql);
    await pool.end();
  });
});
afterAll(() => new Promise((resolve) => api.close(resolve)));

/** Gaps as a user sees them; when they were found and changed does not count. */
async function gapsOf(copy: Copy): Promise<string> {
  const { rows } = await copy.pool.query<{ line: string }>(
    `SELECT concat_ws(' ', start_ts, end_ts, candles, state, error) AS line FROM backhaul.gap ORDER BY start_ts`,
  );
  return rows.map((row) => row.line).join('\n');
}

async function outcome(copy: Copy): Promise<Record<string, string>> {
  const { tasks: _uris, coverage: _names, states, ...rest } = await snapshot(copy.pool);
  return { ...rest, states: states!, gaps: await gapsOf(copy) };
}

describe.each([
  { from: 'files', points: FILL_POINTS.filter((point) => point !== 'api.merged') },
  { from: 'an API', points: FILL_POINTS },
])('a fill from $from', ({ from, points }) => {
  const args = (): string[] =>
    from === 'files'
      ? ['gaps', 'fill', files.hole]
      : ['gaps', 'fill', '--api', 'kraken', '--api-url', apiUrl];

  it('killed at each of its steps ends as if nothing had been', async () => {
    // The file holds its quarter and not the hours around it that the others lack: some stays missing, exit code 3.
    const whole = from === 'files' ? 3 : 0;
    const undisturbed = await onCopy(gapped, async (copy) => {
      const { code, stderr } = await run(copy, args());
      expect({ code, stderr }).toMatchObject({ code: whole });
      return outcome(copy);
    });
    // What comes before the commit leaves all to do for the next; behind it, one point is met for each fill.
    const early = points.filter((point) => point === 'fill.begun' || point === 'api.merged');
    const lives = points
      .filter((point) => !early.includes(point))
      .map((point, i) => [...(i === 0 ? early : []), point]);
    for (const life of lives) {
      await onCopy(gapped, async (copy) => {
        const before = await candles(copy.pool);
        for (const point of life) {
          await killed(copy, args(), point);
          if (early.includes(point)) expect(await candles(copy.pool)).toBe(before);
        }
        const { code } = await run(copy, args());
        expect({ life, code }).toEqual({ life, code: whole });
        expect([life, ...differences(await outcome(copy), undisturbed)]).toEqual([life]);
      });
    }
  });
});

describe('a late file that changes while it is merged', () => {
  const old = krakenCsv(BARS.slice(100, 1300));
  const now = krakenCsv(walk('XBTUSD', END - 350 * HOUR, END - 150 * HOUR, HOUR, 9, 0.7));
  const zipped = (text: string): Buffer => zipBytes([{ name: 'XBTUSD_60.csv', data: text }]);
  const renamed = (path: string, content: Uint8Array): void => {
    writeFileSync(`${path}.new`, content);
    renameSync(`${path}.new`, path);
  };
  // What is renamed over is another file: the one that was begun is there to its end, and counts as what it was.
  it.each([
    { how: 'written over', name: 'late/XBTUSD_60.csv', as: Buffer.from, put: writeFileSync, isOld: false },
    { how: 'renamed over', name: 'renamed/XBTUSD_60.csv', as: Buffer.from, put: renamed, isOld: true },
    { how: 'in a zip renamed over', name: 'late.zip', as: zipped, put: renamed, isOld: true },
  ])('$how, brings nothing of both, and by the next load all that it is now', async (one) => {
    const { name, as, put, isOld } = one;
    const late = write(folder, name, as(old));
    const copy = await gapped.copy();
    const before = await candles(copy.pool);
    const env = { BACKHAUL_FREEZE_AT: 'merge.compared' };
    const program = startLoad(copy.url, [late], { workers: 1, env });
    await untilFrozen(program);
    put(late, as(now));
    const { code, stderr } = await thawed(program);
    expect({ code, stderr }).toMatchObject({ code: isOld ? 0 : 3 });
    if (!isOld) expect(stderr).toContain('the file has changed since it was listed');
    expect((await candles(copy.pool)) === before).toBe(!isOld);
    await load(copy.url, [late]);
    const after = await snapshot(copy.pool);
    await copy.drop();
    const ofNow = await onCopy(gapped, async ({ url, pool }) => {
      await load(url, [late]);
      return snapshot(pool);
    });
    expect(differences(after, ofNow)).toEqual([]);
  });
});

describe('a recomputation', () => {
  it('killed at each of its steps, one run after the other, ends as if nothing had been', async () => {
    const undisturbed = await onCopy(spoiled, async (copy) => {
      expect((await run(copy, ['recompute'])).code).toBe(0);
      return outcome(copy);
    });
    await onCopy(spoiled, async (copy) => {
      for (const point of RECOMPUTE_POINTS) await killed(copy, ['recompute'], point);
      expect((await run(copy, ['recompute'])).code).toBe(0);
      expect(differences(await outcome(copy), undisturbed)).toEqual([]);
    });
  });
});

describe('a load of events', () => {
  it('killed at each of its steps, one run after the other, ends as if nothing had been', async () => {
    const days = [20, 40].map((day) => new Date((END - day * 24 * HOUR) * 1000).toISOString().slice(0, 10));
    // One symbol has bars and one has none: two transactions.
    const lines = [`XBTUSD,${days[0]},split,4`, `XBTUSD,${days[1]},split,0.5`, `NONE,${days[0]},dividend,2`];
    const path = write(folder, 'events.csv', `symbol,date,event,value\n${lines.join('\n')}\n`);
    const args = ['events', 'load', path, '--venue', 'kraken'];
    const events = async (copy: Copy): Promise<unknown> =>
      (
        await copy.pool.query(
          'SELECT venue, symbol, kind, day, ratio, amount FROM backhaul.event ORDER BY symbol, day',
        )
      ).rows;
    const undisturbed = await onCopy(gapped, async (copy) => {
      expect((await run(copy, args)).code).toBe(0);
      return { ...(await outcome(copy)), events: JSON.stringify(await events(copy)) };
    });
    await onCopy(gapped, async (copy) => {
      const before = await candles(copy.pool);
      for (const point of EVENT_POINTS) {
        await killed(copy, args, point);
        expect([point, (await candles(copy.pool)) === before]).toEqual([point, point !== 'events.committed']);
      }
      expect((await run(copy, args)).code).toBe(0);
      const found = { ...(await outcome(copy)), events: JSON.stringify(await events(copy)) };
      expect(differences(found, undisturbed)).toEqual([]);
    });
  });
});

describe('a load that makes one series of two names', () => {
  it('killed while it does leaves both as they were, and the same load makes one of them', async () => {
    const day = new Date((END - 250 * HOUR) * 1000).toISOString().slice(0, 10);
    const path = write(folder, 'renames.csv', `symbol,date,event,value\nXBTUSD,${day},rename,NEWUSD\n`);
    const later = BARS.filter((bar) => bar.time >= END - 200 * HOUR);
    const args = ['load', write(folder, 'renamed/NEWUSD_60.csv', krakenCsv(later)), '--rollups', '1d'];
    const tell = async (copy: Copy): Promise<void> => {
      expect((await run(copy, ['events', 'load', path, '--venue', 'kraken'])).code).toBe(0);
    };
    const undisturbed = await onCopy(gapped, async (copy) => {
      await tell(copy);
      expect((await run(copy, args)).stderr).toContain('XBTUSD is kraken NEWUSD 1h now');
      return outcome(copy);
    });
    await onCopy(gapped, async (copy) => {
      await tell(copy);
      for (const point of JOIN_POINTS) {
        await killed(copy, args, point);
        const { rows } = await copy.pool.query(
          'SELECT count(*) AS n FROM backhaul.event WHERE joined_at IS NULL',
        );
        expect([point, Number(rows[0].n)]).toEqual([point, 1]);
      }
      expect((await run(copy, args)).code).toBe(0);
      expect(differences(await outcome(copy), undisturbed)).toEqual([]);
    });
  });
});

describe('a rollup', () => {
  it('killed at each of its steps, one run after the other, ends as if nothing had been', async () => {
    const args = ['rollup', '1d,1w'];
    const undisturbed = await onCopy(gapped, async (copy) => {
      expect((await run(copy, args)).code).toBe(0);
      return outcome(copy);
    });
    await onCopy(gapped, async (copy) => {
      for (const point of ROLLUP_POINTS) await killed(copy, args, point);
      expect((await run(copy, args)).code).toBe(0);
      expect(differences(await outcome(copy), undisturbed)).toEqual([]);
    });
  });
});

describe('a load into a database that has no tables yet', () => {
  it('killed when it has made them all, and has not committed, makes them again', async () => {
    const args = ['load', files.hole];
    const env = { DATABASE_URL: bare.url };
    const { signal } = await start(args, { env: { ...env, BACKHAUL_KILL_AT: 'schema.made' } }).ended;
    expect(signal).toBe('SIGKILL');
    const { rows } = await bare.pool.query(`SELECT to_regnamespace('backhaul') AS made`);
    expect(rows).toEqual([{ made: null }]);
    expect((await answerOf(args, { env })).code).toBe(0);
  });
});
