/** Table `coverage`: the ranges of its series that a loaded file vouches for. µs since 1970, `[from, to)`. */

import type { ClientBase } from 'pg';
import { merge, type Range, subtract } from '../../base/ranges.ts';
import type { BarRange } from '../../copy/copy_reader.ts';
import { copyRows } from '../../copy/copy_writer.ts';
import { RowEncoder } from '../../copy/row_encoder.ts';
import type { Db } from '../../database/connect.ts';
import { stampOf, usOf } from '../../database/stamps.ts';

/** A range of a series. */
export interface Covered {
  readonly seriesId: number;
  readonly fromUs: number;
  readonly toUs: number;
}

/** What the rows of a task may take in a COPY, and what one takes as a rule. */
const MOST_BYTES = 1 << 28;
const ROW_BYTES = 64;

/** Rows of a task on their way into the table by COPY. */
export class CoverageRows {
  readonly #taskId: number;
  readonly #rows: RowEncoder;

  /** `expected`: how many they are likely to be. */
  constructor(taskId: number, expected: number) {
    this.#taskId = taskId;
    this.#rows = new RowEncoder(3, MOST_BYTES, ROW_BYTES * expected);
  }

  add({ seriesId, fromUs, toUs }: Covered): void {
    this.#rows.row();
    this.#rows.int4(seriesId);
    this.#rows.tstzrange(fromUs, toUs);
    this.#rows.int8(this.#taskId);
  }

  async write(client: ClientBase): Promise<void> {
    await copyRows(client, 'backhaul.coverage', ['series_id', 'covered', 'task_id'], this.#rows.bytes());
  }
}

/**
 * A statement that writes the coverage of the one task in CTE `moved`, to be a CTE itself. Parameters: arrays of series,
 * of starts and of ends.
 */
export function insertCoverage(seriesIds: string, fromUs: string, toUs: string): string {
  return `INSERT INTO backhaul.coverage (series_id, covered, task_id)
  SELECT u.series_id, tstzrange(${stampOf('u.from_us')}, ${stampOf('u.to_us')}), moved.task_id
  FROM unnest(${seriesIds}::int[], ${fromUs}::bigint[], ${toUs}::bigint[]) AS u (series_id, from_us, to_us), moved`;
}

/** The ranges of series, by id, as they were written. */
export async function readCovered(db: Db, seriesIds: readonly number[]): Promise<Covered[]> {
  if (seriesIds.length === 0) return [];
  const { rows } = await db.query<{
    readonly seriesId: number;
    readonly fromUs: number | null;
    readonly toUs: number | null;
  }>(
    `SELECT series_id AS "seriesId", ${usOf('lower(covered)')} AS "fromUs", ${usOf('upper(covered)')} AS "toUs"
     FROM backhaul.coverage WHERE series_id = ANY ($1) AND NOT isempty(covered)`,
    [seriesIds],
  );
  return rows.map(({ seriesId, fromUs, toUs }) => ({
    seriesId,
    fromUs: fromUs ?? Number.NEGATIVE_INFINITY,
    toUs: toUs ?? Number.POSITIVE_INFINITY,
  }));
}

/**
 * The condition of a bar `b` in a coverage `c` that a task vouches for and no other does. `taskId` is the parameter that
 * names it.
 */
export function vouchedByAlone(taskId: string): string {
  return `c.task_id = ${taskId} AND b.series_id = c.series_id AND b.ts <@ c.covered
         AND b.ts >= lower(c.covered) AND b.ts < upper(c.covered)
         AND NOT EXISTS (SELECT 1 FROM backhaul.coverage o
                         WHERE o.series_id = b.series_id AND o.task_id <> ${taskId} AND o.covered @> b.ts)`;
}

/**
 * The ranges of series that a task vouches for and no other does, as {@link vouchedByAlone} has them bar by bar: for bars
 * on the nodes of a cluster, where no statement that deletes can look at this table. They are reckoned here, for ranges in
 * pieces are a type that came with PostgreSQL 14.
 */
export async function rangesOfTaskAlone(db: Db, taskId: number): Promise<BarRange[]> {
  const { rows } = await db.query<{ id: number; from: number | null; to: number | null; isOwn: boolean }>(
    `WITH own AS (SELECT series_id, covered FROM backhaul.coverage WHERE task_id = $1 AND NOT isempty(covered))
     SELECT u.series_id AS id, ${usOf('lower(u.covered)')} AS from, ${usOf('upper(u.covered)')} AS to, "isOwn"
     FROM (SELECT series_id, covered, true AS "isOwn" FROM own
           UNION ALL
           SELECT o.series_id, o.covered, false FROM own JOIN backhaul.coverage o
             ON o.series_id = own.series_id AND o.covered && own.covered AND o.task_id <> $1) u
     ORDER BY u.series_id`,
    [taskId],
  );
  const alone: BarRange[] = [];
  for (const [seriesId, ranges] of Map.groupBy(rows, ({ id }) => id)) {
    const some = (isOwn: boolean): Range[] =>
      merge(
        ranges
          .filter((one) => one.isOwn === isOwn)
          .map(({ from, to }) => ({
            fromUs: from ?? Number.NEGATIVE_INFINITY,
            toUs: to ?? Number.POSITIVE_INFINITY,
          })),
      );
    // A range `[from, to)` of µs is what lies behind from - 1, up to and with to - 1.
    for (const { fromUs, toUs } of subtract(some(true), some(false)))
      alone.push({ seriesId, afterUs: fromUs - 1, toUs: toUs - 1 });
  }
  return alone;
}

/**
 * SQL that is true where a loaded file ended with the bar that closes at `end`, and nothing but its bars says that it
 * did: its plan knows no end, and it was not cut by what was asked for. A scalar query, so that it is never run but for
 * the bars in question.
 */
export function endsOpen(seriesId: string, end: string): string {
  return `coalesce((
    SELECT true FROM backhaul.coverage c JOIN backhaul.task t USING (task_id)
    WHERE c.series_id = ${seriesId} AND lower(c.covered) < ${end} AND upper(c.covered) = ${end}
      AND t.plan->>'fileToUs' IS NULL
      AND coalesce((t.plan->>'wantToUs')::float8 > round(extract(epoch FROM ${end}) * 1000000), true)
    LIMIT 1), false)`;
}
