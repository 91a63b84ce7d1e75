/** Columns that layouts keep beside the bars, on the way of a merge: they stand in `bars`, and no engine knows them. */

import type { ClientBase } from 'pg';
import type { BarColumns } from '../bars/columns.ts';
import { type BarRange, rangeRows, touchedOnly } from '../copy/copy_reader.ts';
import { copyRows } from '../copy/copy_writer.ts';
import { RowEncoder } from '../copy/row_encoder.ts';
import { stampOf, usOf } from '../database/stamps.ts';
import type { ExtraColumn } from '../scan/shape.ts';
import { quoted, readExtraColumns } from '../state/schema/extra_columns.ts';
import type { SeriesRun } from './comparison.ts';

function cast(alias: string, { name, type }: ExtraColumn): string {
  return `${alias}.${quoted(name)}::${type}`;
}

/** SQL that is true where two rows, staged as text or standing, have the same in all of the columns. */
export function sameExtras(a: string, b: string, extras: readonly ExtraColumn[]): string {
  return extras.map((extra) => ` AND ${cast(a, extra)} IS NOT DISTINCT FROM ${cast(b, extra)}`).join('');
}

function asJson(alias: string, extras: readonly ExtraColumn[]): string {
  const prices = ['open', 'high', 'low', 'close', 'volume', 'trades'].map(
    (name) => `'${name}', ${alias}.${name}`,
  );
  const more = extras.map((extra) => `'${extra.name}', ${cast(alias, extra)}`);
  return `jsonb_build_object(${[...prices, ...more].join(', ')})`;
}

/** Keeps what stands in such columns while rows are taken out and copied in again. */
export class StandingExtras {
  readonly #client: ClientBase;
  readonly #hypertable: boolean;
  #columns: readonly ExtraColumn[] | null = null;
  /** Where rows have been taken out and not got back what they had. */
  #taken: BarRange[] = [];

  constructor(client: ClientBase, hypertable: boolean) {
    this.#client = client;
    this.#hypertable = hypertable;
  }

  /** Deletes the rows of `bars` in these ranges, at least one, and remembers what they have. */
  async take(ranges: readonly BarRange[]): Promise<void> {
    this.#columns ??= await this.#begin();
    const columns = this.#columns;
    const from = `backhaul.bars b USING ${rangeRows(ranges)}
       WHERE b.series_id = r.series_id AND b.ts > r.after_ts AND b.ts <= r.to_ts
         AND ${touchedOnly(ranges, this.#hypertable)}`;
    if (columns.length === 0) {
      await this.#client.query(`DELETE FROM ${from}`);
      return;
    }
    const names = columns.map(({ name }) => quoted(name));
    await this.#client.query(
      `WITH gone AS (
         DELETE FROM ${from} RETURNING b.series_id, b.ts, ${names.map((name) => `b.${name}`).join(', ')})
       INSERT INTO pg_temp.kept_extra SELECT * FROM gone WHERE num_nonnulls(${names.join(', ')}) > 0`,
    );
    this.#taken.push(...ranges);
  }

  /** Gives it to the rows that stand there again. */
  async give(): Promise<void> {
    const columns = this.#columns ?? [];
    const taken = this.#taken;
    if (columns.length === 0 || taken.length === 0) return;
    this.#taken = [];
    const set = columns.map(({ name }) => `${quoted(name)} = k.${quoted(name)}`).join(', ');
    await this.#client.query(
      `UPDATE backhaul.bars b SET ${set} FROM pg_temp.kept_extra k
       WHERE b.series_id = k.series_id AND b.ts = k.ts AND ${touchedOnly(taken, this.#hypertable)};
       DELETE FROM pg_temp.kept_extra`,
    );
  }

  async #begin(): Promise<readonly ExtraColumn[]> {
    const columns = await readExtraColumns(this.#client);
    if (columns.length === 0) return columns;
    const typed = columns.map(({ name, type }) => `, ${quoted(name)} ${type}`).join('');
    await this.#client.query(
      `CREATE TEMP TABLE IF NOT EXISTS kept_extra (series_id int, ts timestamptz${typed}) ON COMMIT DROP`,
    );
    return columns;
  }
}

/** What a file brings in such columns; its rows are in the stage. */
export class IncomingExtras {
  readonly #client: ClientBase;
  readonly #taskId: number;
  /** Those the file's layout keeps. */
  readonly #own: readonly ExtraColumn[];
  readonly #hypertable: boolean;
  #all: readonly ExtraColumn[] | null = null;
  /** Where the rows are that {@link give} is for, by series. */
  readonly #fresh = new Map<number, BarRange>();

  constructor(client: ClientBase, taskId: number, own: readonly ExtraColumn[], hypertable: boolean) {
    this.#client = client;
    this.#taskId = taskId;
    this.#own = own;
    this.#hypertable = hypertable;
  }

  /**
   * The rows of a batch that stand with other values in these columns, of those whose stamps stand. `note`: how many of
   * them become evidence, of those that `isEqual` says are equal but for these columns.
   */
  async differing(
    cols: BarColumns,
    runs: readonly SeriesRun[],
    isEqual: (row: number) => boolean,
    note: number,
  ): Promise<number[]> {
    if (this.#own.length === 0) return [];
    const [first, last] = [runs[0]!, runs.at(-1)!];
    const leastUs = runs.reduce(
      (least, { from }) => Math.min(least, cols.ts[from]!),
      Number.POSITIVE_INFINITY,
    );
    const mostUs = runs.reduce((most, { to }) => Math.max(most, cols.ts[to - 1]!), Number.NEGATIVE_INFINITY);
    const { rows } = await this.#client.query<{
      id: number;
      us: number;
      standing: unknown;
      incoming: unknown;
    }>(
      `SELECT i.series_id AS id, ${usOf('i.ts')} AS us, ${asJson('b', this.#own)} AS standing,
         ${asJson('i', this.#own)} AS incoming
       FROM pg_temp.incoming i JOIN backhaul.bars b ON b.series_id = i.series_id AND b.ts = i.ts
       WHERE (i.series_id, i.ts) >= ($1::int, ${stampOf('$2')}) AND (i.series_id, i.ts) <= ($3::int, ${stampOf('$4')})
         AND b.ts >= ${stampOf('$5')} AND b.ts <= ${stampOf('$6')} AND NOT (true${sameExtras('i', 'b', this.#own)})
       ORDER BY i.series_id, i.ts`,
      [first.seriesId, cols.ts[first.from]!, last.seriesId, cols.ts[last.to - 1]!, leastUs, mostUs],
    );
    const found: number[] = [];
    const evidence = new RowEncoder(5);
    let at = 0;
    let row = first.from;
    let noted = 0;
    for (const { id, us, standing, incoming } of rows) {
      while (runs[at]!.seriesId !== id) row = runs[++at]!.from;
      while (cols.ts[row]! < us) row++;
      if (!isEqual(row)) continue;
      found.push(row);
      if (noted++ >= note) continue;
      evidence.row();
      evidence.int8(this.#taskId);
      evidence.int4(id);
      evidence.timestamptz(us);
      evidence.jsonb(standing);
      evidence.jsonb(incoming);
    }
    if (found.length > 0 && note > 0) {
      const columns = ['task_id', 'series_id', 'ts', 'standing', 'incoming'];
      await copyRows(this.#client, 'backhaul.conflict', columns, evidence.bytes());
    }
    return found;
  }

  /** These rows of a batch, at least one and in the order of time, are the file's from now on. */
  async fresh(cols: BarColumns, seriesId: number, rows: Int32Array): Promise<void> {
    this.#all ??= await this.#begin();
    if (this.#all.length === 0) return;
    const keys = new RowEncoder(2);
    for (const row of rows) {
      keys.row();
      keys.int4(seriesId);
      keys.timestamptz(cols.ts[row]!);
    }
    await copyRows(this.#client, 'pg_temp.fresh_extra', ['series_id', 'ts'], keys.bytes());
    const before = this.#fresh.get(seriesId);
    this.#fresh.set(seriesId, {
      seriesId,
      afterUs: Math.min(cols.ts[rows[0]!]! - 1, before?.afterUs ?? Number.POSITIVE_INFINITY),
      toUs: Math.max(cols.ts[rows.at(-1)!]!, before?.toUs ?? Number.NEGATIVE_INFINITY),
    });
  }

  /** Gives the rows, which all stand now, what the file has for them; what it does not keep is NULL. */
  async give(): Promise<void> {
    if (this.#fresh.size === 0) return;
    const own = new Set(this.#own.map(({ name }) => name));
    const value = (column: ExtraColumn): string => (own.has(column.name) ? cast('i', column) : 'NULL');
    const set = this.#all!.map((column) => `${quoted(column.name)} = ${value(column)}`).join(', ');
    const staged =
      own.size === 0 ? '' : 'JOIN pg_temp.incoming i ON i.series_id = f.series_id AND i.ts = f.ts';
    await this.#client.query(
      `UPDATE backhaul.bars b SET ${set} FROM pg_temp.fresh_extra f ${staged}
       WHERE b.series_id = f.series_id AND b.ts = f.ts AND ${touchedOnly([...this.#fresh.values()], this.#hypertable)};
       DELETE FROM pg_temp.fresh_extra`,
    );
  }

  async #begin(): Promise<readonly ExtraColumn[]> {
    const columns = await readExtraColumns(this.#client);
    if (columns.length > 0)
      await this.#client.query(
        'CREATE TEMP TABLE IF NOT EXISTS fresh_extra (series_id int, ts timestamptz) ON COMMIT DROP',
      );
    return columns;
  }
}
