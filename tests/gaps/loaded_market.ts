import type { Pool } from 'pg';
import type { Range } from '../../src/base/ranges.ts';
import { Partitions } from '../../src/state/leaves/partitions.ts';
import type { TaskPlan } from '../../src/state/task_plan.ts';
import { samplePlan } from '../state/sample_tasks.ts';

/** What a load leaves behind, written straight into the tables. Times are µs since 1970. */

export const at = (text: string): number => Date.parse(text) * 1000;
export const range = (from: string, to: string): Range => ({ fromUs: at(from), toUs: at(to) });
export const HOUR = 3_600_000_000;
export const DAY = 24 * HOUR;

const stamp = (us: number): string => new Date(us / 1000).toISOString();

export async function addSeries(db: Pool, venue: string, symbol: string, intervalS: number): Promise<number> {
  const { rows } = await db.query<{ id: number }>(
    'INSERT INTO backhaul.series (venue, symbol, interval_s) VALUES ($1, $2, $3) RETURNING series_id AS id',
    [venue, symbol, intervalS],
  );
  return rows[0]!.id;
}

/** Bars that open at these instants; prices rise by one from bar to bar unless given. */
export async function addBars(
  db: Pool,
  seriesId: number,
  stamps: readonly number[],
  prices: readonly number[] = stamps.map((_, i) => 100 + i),
): Promise<void> {
  const partitions = new Partitions(db, false);
  partitions.standingFromBirth = true;
  await partitions.ensure(stamps);
  await db.query(
    `INSERT INTO backhaul.bars (series_id, ts, open, high, low, close, volume, trades)
     SELECT $1, ts, p, p + 1, p - 0.5, p, 10, 3 FROM unnest($2::timestamptz[], $3::float8[]) AS u (ts, p)`,
    [seriesId, stamps.map(stamp), prices],
  );
}

let files = 0;

/** A task as it stands after it was loaded. */
export async function addTask(
  db: Pool,
  over: Partial<TaskPlan>,
  more: {
    readonly uri?: string;
    readonly entry?: string;
    readonly layout?: string;
    readonly sequence?: number;
    readonly firstUs?: number;
    readonly rows?: number;
  } = {},
): Promise<number> {
  const plan = samplePlan(over);
  const {
    uri = `file:///data/${++files}.csv`,
    entry = null,
    layout = 'kraken-ohlcvt',
    rows: loaded = 1,
  } = more;
  const { rows } = await db.query<{ id: number }>(
    `INSERT INTO backhaul.task (uri, entry, etag, size_bytes, layout, lane, sequence, plan)
     VALUES ($1, $2, '1', 1, $3, $4, $5, $6) RETURNING task_id AS id`,
    [
      uri,
      entry,
      layout,
      `${plan.venue}/${plan.symbol ?? '*'}/${plan.intervalS}`,
      more.sequence ?? null,
      JSON.stringify(plan),
    ],
  );
  const { id } = rows[0]!;
  await db.query(
    `UPDATE backhaul.task SET state = 'running', attempt = 1, owner = gen_random_uuid(), lease_until = now(),
       claimed_at = now() WHERE task_id = $1`,
    [id],
  );
  await db.query(
    `UPDATE backhaul.task SET state = 'loaded', owner = NULL, lease_until = NULL, finished_at = now(), rows_read = $2,
       rows_loaded = $2, lane_turn = 1, rows_rejected = 0, rows_duplicate = 0, first_ts = $3, last_ts = $3 WHERE task_id = $1`,
    [id, loaded, more.firstUs === undefined ? null : stamp(more.firstUs)],
  );
  return id;
}

export async function addCoverage(
  db: Pool,
  seriesId: number,
  taskId: number,
  ranges: readonly Range[],
): Promise<void> {
  await db.query(
    `INSERT INTO backhaul.coverage (series_id, covered, task_id)
     SELECT $1, tstzrange(f, t), $2 FROM unnest($3::timestamptz[], $4::timestamptz[]) AS u (f, t)`,
    [seriesId, taskId, ranges.map((one) => stamp(one.fromUs)), ranges.map((one) => stamp(one.toUs))],
  );
}

/** Empties what the tests of one file share. */
export async function wipe(db: Pool): Promise<void> {
  const { rows } = await db.query<{ name: string }>('SELECT name FROM backhaul.partition');
  for (const { name } of rows) await db.query(`DROP TABLE backhaul.${name}`);
  await db.query(
    `TRUNCATE backhaul.partition, backhaul.series, backhaul.task, backhaul.task_event, backhaul.reject, backhaul.conflict,
       backhaul.coverage, backhaul.gap, backhaul.tier, backhaul.indicator_state, backhaul.run`,
  );
}
