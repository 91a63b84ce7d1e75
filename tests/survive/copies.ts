import { randomBytes } from 'node:crypto';
import type { Pool } from 'pg';
import { afterAll } from 'vitest';
import { createPool } from '../../src/database/connect.ts';
import { runServer, type TestDatabase, testDatabase } from '../database.ts';
import { databaseAt } from '../servers.ts';

/** Databases that are copied in a moment, so that every trial starts from the same one. */

/** One copy, for one trial. */
export interface Copy {
  readonly name: string;
  readonly url: string;
  readonly pool: Pool;
  drop(): Promise<void>;
}

export interface Original {
  /** A database as `prepare` left it. */
  copy(): Promise<Copy>;
}

/** Makes originals on the server of this run; they and their copies are dropped at the end of the test file. */
export async function originals(): Promise<{
  readonly empty: TestDatabase;
  original(prepare: (url: string) => Promise<void>): Promise<Original>;
}> {
  // Never connected to: a database in use cannot be copied.
  const empty = await testDatabase();
  const made = new Set<string>();
  const server = await runServer();
  const make = async (template: string): Promise<{ name: string; url: string }> => {
    const name = `backhaul_survive_${process.pid}_${randomBytes(4).toString('hex')}`;
    made.add(name);
    await server.create(name, template);
    return { name, url: databaseAt(server.url, name) };
  };
  const drop = async (name: string): Promise<void> => {
    if (made.delete(name)) await server.drop(name);
  };
  afterAll(async () => {
    for (const name of [...made]) await drop(name);
  });
  return {
    empty,
    original: async (prepare) => {
      const base = await make(empty.name);
      await prepare(base.url);
      return {
        copy: async () => {
          const { name, url } = await make(base.name);
          const pool = createPool(url, { applicationName: 'test pool', max: 3, statementTimeoutMs: 20_000 });
          return {
            name,
            url,
            pool,
            drop: async () => {
              await pool.end();
              await drop(name);
            },
          };
        },
      };
    },
  };
}

async function lines(db: Pool, sql: string): Promise<string> {
  const { rows } = await db.query<{ line: string }>(sql);
  return rows.map((row) => row.line).join('\n');
}

/**
 * All that a load leaves and somebody may rely on, told by names instead of numbers: two databases that went different
 * ways to the same content give equal texts.
 */
export async function snapshot(db: Pool): Promise<Record<string, string>> {
  const series = `s.venue || '/' || s.symbol || '/' || s.interval_s`;
  return {
    // Bit for bit, a digest for each month of a series: PostgreSQL writes doubles so that they can be read back.
    candles: await lines(
      db,
      `SELECT concat_ws(' ', venue, symbol, interval_s, month, count(*), md5(string_agg(row, ',' ORDER BY ts))) AS line
       FROM (SELECT c.*, to_char(ts AT TIME ZONE 'UTC', 'YYYY-MM') AS month, c::text AS row FROM backhaul.candles c) c
       GROUP BY venue, symbol, interval_s, month ORDER BY venue, symbol, interval_s, month`,
    ),
    tasks: await lines(
      db,
      `SELECT concat_ws(' ', uri, entry, etag, state, rows_read, rows_loaded, rows_rejected, rows_duplicate, rows_conflict,
         rows_outside, first_ts, last_ts, error, replaces, owner) AS line FROM backhaul.task ORDER BY uri, entry`,
    ),
    coverage: await lines(
      db,
      `SELECT concat_ws(' ', ${series}, c.covered, t.uri, t.entry) AS line
       FROM backhaul.coverage c JOIN backhaul.series s USING (series_id) JOIN backhaul.task t USING (task_id) ORDER BY 1`,
    ),
    derived: await lines(
      db,
      `SELECT concat_ws(' ', venue, symbol, interval_s, from_interval_s, covered) AS line FROM backhaul.derived ORDER BY 1`,
    ),
    open_bars: await lines(
      db,
      `SELECT concat_ws(' ', venue, symbol, interval_s, ts, open, high, low, close, volume, trades, last_ts) AS line
       FROM backhaul.open_bar ORDER BY 1`,
    ),
    rejects: await lines(
      db,
      `SELECT concat_ws(' ', t.uri, t.entry, r.line, r.byte_offset, r.reason, r.field, r.record) AS line
       FROM backhaul.reject r JOIN backhaul.task t USING (task_id) ORDER BY 1`,
    ),
    conflicts: await lines(
      db,
      `SELECT concat_ws(' ', t.uri, t.entry, ${series}, c.ts, c.standing, c.incoming) AS line
       FROM backhaul.conflict c JOIN backhaul.task t USING (task_id) JOIN backhaul.series s USING (series_id) ORDER BY 1`,
    ),
    states: await lines(
      db,
      `SELECT concat_ws(' ', ${series}, i.ts, encode(i.state, 'hex')) AS line FROM (
         SELECT DISTINCT ON (series_id) * FROM backhaul.indicator_state ORDER BY series_id, ts DESC) i
       JOIN backhaul.series s USING (series_id) ORDER BY 1`,
    ),
    partitions: await lines(
      db,
      // How wide a leaf is depends on which file came first; what it holds, and that it has its key, do not.
      `SELECT DISTINCT state AS line FROM backhaul.partition ORDER BY 1`,
    ),
  };
}

/** What of two snapshots differs, in few lines: nothing, if all is well. */
export function differences(now: Record<string, string>, expected: Record<string, string>): string[] {
  return Object.keys(expected).flatMap((part) => {
    const [have, want] = [now[part]!.split('\n'), expected[part]!.split('\n')];
    const extra = have.filter((line) => !want.includes(line));
    const missing = want.filter((line) => !have.includes(line));
    if (extra.length === 0 && missing.length === 0 && have.length === want.length) return [];
    const some = [
      ...missing.slice(0, 3).map((line) => `- ${line.slice(0, 300)}`),
      ...extra.slice(0, 3).map((line) => `+ ${line.slice(0, 300)}`),
    ];
    return [`${part}: ${missing.length} missing, ${extra.length} too many`, ...some];
  });
}
