import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import type { Pool } from 'pg';
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { SeriesRegistry } from '../../src/load/series_registry.ts';
import type { SeriesName } from '../../src/state/series/series_name.ts';
import { testDatabase } from '../database.ts';

const database = await testDatabase();
const { pool } = database;

beforeEach(async () => {
  await pool.query('TRUNCATE backhaul.series CASCADE');
});

/** The table, as a registry must know it. */
async function stored(): Promise<Map<string, number>> {
  const { rows } = await pool.query<{ venue: string; symbol: string; interval_s: number; series_id: number }>(
    'SELECT venue, symbol, interval_s, series_id FROM backhaul.series',
  );
  return new Map(rows.map((row) => [`${row.venue}/${row.symbol}/${row.interval_s}`, row.series_id]));
}

const keyOf = ({ venue, symbol, intervalS }: SeriesName): string => `${venue}/${symbol}/${intervalS}`;

/** Symbols of which some differ by case or by a blank only: PostgreSQL has to tell them apart as a Map does. */
const symbol = fc.constantFrom('XBTUSD', 'xbtusd', 'XBTUSD ', 'A', 'B', 'BRK.B', 'ÄÖ', "O'K", '1');
const ask = fc.record({
  loader: fc.nat(2),
  venue: fc.constantFrom('kraken', 'binance'),
  intervalS: fc.constantFrom(60, 3600),
  symbols: fc.array(symbol, { maxLength: 6 }),
});

/** A pool that counts what is asked of it. */
function counting(): { readonly db: Pool; readonly asked: () => number } {
  let n = 0;
  const db = {
    query: (...args: Parameters<Pool['query']>) => {
      n++;
      return pool.query(...args);
    },
  };
  return { db: db as unknown as Pool, asked: () => n };
}

const names = (...symbols: string[]): SeriesName[] =>
  symbols.map((one) => ({ venue: 'kraken', intervalS: 60, symbol: one }));

describe('ids of series', () => {
  it('are those of the table, in the order of the symbols, however many loaders ask at once', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(ask, { minLength: 1, maxLength: 12 }), async (asks) => {
        await pool.query('TRUNCATE backhaul.series CASCADE');
        const loaders = [0, 1, 2].map(() => new SeriesRegistry(pool));
        const got = await Promise.all(
          asks.map((one) => loaders[one.loader]!.resolve(one.venue, one.intervalS, one.symbols)),
        );
        const table = await stored();
        const wanted = asks.map((one) => one.symbols.map((name) => keyOf({ ...one, symbol: name })));
        expect(got.map((ids) => [...ids])).toEqual(wanted.map((keys) => keys.map((key) => table.get(key))));
        expect([...table.keys()].sort()).toEqual([...new Set(wanted.flat())].sort());
        expect(new Set(table.values()).size).toBe(table.size);
      }),
      { numRuns: 60 },
    );
  });

  it('are new to one loader only, and told as such once', async () => {
    // A busy machine may take longer than a series is new.
    const clock = vi.spyOn(performance, 'now').mockReturnValue(0);
    onTestFinished(() => clock.mockRestore());
    const wanted = names('A', 'B', 'C', 'D');
    const loaders = [new SeriesRegistry(pool), new SeriesRegistry(pool)] as const;
    expect(loaders[0].known(wanted[0]!)).toBeNull();
    await Promise.all(loaders.map((loader) => loader.ensure(wanted)));
    for (const name of wanted) {
      const told = loaders.map((loader) => loader.known(name)!.isNew);
      expect(told.filter(Boolean)).toEqual([true]);
      expect(loaders.map((loader) => loader.known(name)!.isNew)).toEqual([false, false]);
    }
    const later = new SeriesRegistry(pool);
    await later.ensure(wanted);
    expect(wanted.map((name) => later.known(name)!.isNew)).toEqual([false, false, false, false]);
    await later.ensure(names('E', 'F'));
    clock.mockReturnValue(1_999);
    expect(later.known(names('E')[0]!)!.isNew).toBe(true);
    // Another loader may have loaded it meanwhile.
    clock.mockReturnValue(2_000);
    expect(later.known(names('F')[0]!)!.isNew).toBe(false);
  });

  it('are asked for together: all that is asked while a statement is under way goes into the next', async () => {
    const { db, asked } = counting();
    const registry = new SeriesRegistry(db);
    const blocker = await database.client();
    await blocker.query('BEGIN; LOCK TABLE backhaul.series IN ACCESS EXCLUSIVE MODE');
    const all = [registry.ensure(names('A'))];
    for (let n = 0; n < 50; n++) all.push(registry.ensure(names(`S${n}`, `S${n + 1}`, 'A')));
    await blocker.query('COMMIT');
    await Promise.all(all);
    expect(asked()).toBe(2);
    await registry.ensure(names('A', 'S7', 'S50'));
    expect(asked()).toBe(2);
    expect((await stored()).size).toBe(52);
  });

  it('are given again after a statement that failed', async () => {
    const registry = new SeriesRegistry(pool);
    const blocker = await database.client();
    await blocker.query('BEGIN; LOCK TABLE backhaul.series IN ACCESS EXCLUSIVE MODE');
    const waiting = [registry.resolve('kraken', 60, ['A']), registry.resolve('kraken', 60, ['B'])];
    const failed = Promise.allSettled(waiting);
    const broken = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = current_database() AND wait_event_type = 'Lock'`;
    while ((await pool.query(broken)).rowCount === 0) await sleep(5);
    expect((await failed).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    await blocker.query('COMMIT');
    const ids = await registry.resolve('kraken', 60, ['B', 'A']);
    const table = await stored();
    expect([...ids]).toEqual([table.get('kraken/B/60'), table.get('kraken/A/60')]);
  });

  it('are on the disk before they are told, even where the server commits asynchronously', async () => {
    const name = database.name;
    await pool.query(`ALTER DATABASE ${name} SET synchronous_commit = off`);
    try {
      const client = await database.client();
      expect((await client.query('SHOW synchronous_commit')).rows[0]).toEqual({ synchronous_commit: 'off' });
      const registry = new SeriesRegistry(client as unknown as Pool);
      for (let n = 0; n < 20; n++) {
        const before = await client.query<{ lsn: string }>('SELECT pg_current_wal_insert_lsn() AS lsn');
        await registry.ensure(names(`S${n}`));
        const after = await client.query<{ safe: boolean }>(
          'SELECT pg_current_wal_flush_lsn() > $1::pg_lsn AS safe',
          [before.rows[0]!.lsn],
        );
        expect(after.rows[0]).toEqual({ safe: true });
      }
    } finally {
      await pool.query(`ALTER DATABASE ${name} RESET synchronous_commit`);
    }
  });
});
