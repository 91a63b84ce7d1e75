/** Table `derivation`: which stretches of a series were made of another's bars. µs since 1970. */

import type { ClientBase } from 'pg';
import { merge, type Range } from '../../base/ranges.ts';
import { copyRows } from '../../copy/copy_writer.ts';
import { RowEncoder } from '../../copy/row_encoder.ts';
import { arrayText } from '../../database/array_text.ts';
import type { Db } from '../../database/connect.ts';
import { stampOf, usOf } from '../../database/stamps.ts';

/** A stretch of a series whose bars were made of another's. */
export interface Derivation extends Range {
  readonly seriesId: number;
  readonly rollupS: number;
  readonly fromSeriesId: number;
  /** Of the other. */
  readonly fromIntervalS: number;
}

/** All such stretches of these series, or of what was made `from` them; of one length alone, or of all (null). */
export async function readDerivations(
  db: Db,
  seriesIds: readonly number[],
  which: 'of' | 'from' = 'of',
  rollupS: number | null = null,
): Promise<Derivation[]> {
  const { rows } = await db.query<
    Omit<Derivation, keyof Range> & { fromUs: number | null; toUs: number | null }
  >(
    `SELECT d.series_id AS "seriesId", d.from_series_id AS "fromSeriesId", s.interval_s AS "fromIntervalS",
       m.interval_s AS "rollupS",
       ${BOUNDS}
     FROM backhaul.derivation d JOIN backhaul.series s ON s.series_id = d.from_series_id
     JOIN backhaul.series m ON m.series_id = d.series_id
     WHERE (($2 AND d.series_id = ANY ($1)) OR (NOT $2 AND d.from_series_id = ANY ($1)))
       AND ($3::int IS NULL OR m.interval_s = $3)`,
    [arrayText(seriesIds), which === 'of', rollupS],
  );
  return rows.map(bounded);
}

/** SQL: the stretch of derivation `d`; NULL where it has no end. */
const BOUNDS = `CASE WHEN lower_inf(d.covered) THEN NULL ELSE ${usOf('lower(d.covered)')} END AS "fromUs",
       CASE WHEN upper_inf(d.covered) THEN NULL ELSE ${usOf('upper(d.covered)')} END AS "toUs"`;

function bounded<Row extends { readonly fromUs: number | null; readonly toUs: number | null }>(
  row: Row,
): Row & Range {
  const { fromUs, toUs } = row;
  return { ...row, fromUs: fromUs ?? Number.NEGATIVE_INFINITY, toUs: toUs ?? Number.POSITIVE_INFINITY };
}

/** Series of one interval that are, at least in part, made of bars of another. */
export interface DerivedSum {
  readonly intervalS: number;
  readonly fromIntervalS: number;
  readonly series: number;
  readonly stretches: number;
}

/** What is derived from what, over all series: a row a pair of intervals. */
export async function derivedSums(db: Db): Promise<DerivedSum[]> {
  const { rows } = await db.query<DerivedSum>(
    `SELECT m.interval_s AS "intervalS", s.interval_s AS "fromIntervalS",
       count(DISTINCT d.series_id)::int AS series, count(*)::int AS stretches
     FROM backhaul.derivation d JOIN backhaul.series s ON s.series_id = d.from_series_id
     JOIN backhaul.series m ON m.series_id = d.series_id
     GROUP BY m.interval_s, s.interval_s ORDER BY m.interval_s, s.interval_s`,
  );
  return rows;
}

/** Makes these the stretches of a series that were made of others. */
export async function replaceDerivations(
  client: ClientBase,
  seriesId: number,
  derivations: readonly Omit<Derivation, 'seriesId' | 'rollupS' | 'fromIntervalS'>[],
): Promise<void> {
  await client.query('DELETE FROM backhaul.derivation WHERE series_id = $1', [seriesId]);
  if (derivations.length === 0) return;
  const rows = new RowEncoder(3);
  for (const { fromSeriesId, fromUs, toUs } of derivations) {
    rows.row();
    rows.int4(seriesId);
    rows.int4(fromSeriesId);
    rows.tstzrange(fromUs, toUs);
  }
  await copyRows(client, 'backhaul.derivation', ['series_id', 'from_series_id', 'covered'], rows.bytes());
}

/** A stretch of each of some series, made of one other each: columns of the same length. µs since 1970. */
export interface Stretches {
  readonly seriesIds: Int32Array;
  readonly fromSeriesIds: Int32Array;
  readonly fromUs: Float64Array;
  readonly toUs: Float64Array;
}

/**
 * Stretches that were made of one series each, at most one a series, beside those on record. False, and nothing is done,
 * where others made some.
 */
export async function addDerivations(client: ClientBase, added: Stretches): Promise<boolean> {
  const { seriesIds, fromSeriesIds, fromUs, toUs } = added;
  const { rows } = await client.query<{ strange: boolean; left: number[] }>(LENGTHEN, [
    arrayText(seriesIds),
    arrayText(fromSeriesIds),
    arrayText(fromUs),
    arrayText(toUs),
  ]);
  const { strange, left } = rows[0]!;
  if (strange) return false;
  if (left.length === 0) return true;
  const isLeft = new Set(left);
  const some: (Range & { readonly seriesId: number; readonly fromSeriesId: number })[] = [];
  for (const [i, seriesId] of seriesIds.entries())
    if (isLeft.has(seriesId))
      some.push({ seriesId, fromSeriesId: fromSeriesIds[i]!, fromUs: fromUs[i]!, toUs: toUs[i]! });
  await putAmong(client, some);
  return true;
}

/**
 * As a rule a file goes on where the one before it has ended: the one stretch of a series becomes longer in its place,
 * which touches no index. `left` are the series of which that is not so.
 */
const LENGTHEN = `WITH w AS MATERIALIZED (
    SELECT id, from_id, tstzrange(${stampOf('from_us')}, ${stampOf('to_us')}) AS covered
    FROM unnest($1::int[], $2::int[], $3::bigint[], $4::bigint[]) AS u (id, from_id, from_us, to_us)),
  stands AS MATERIALIZED (
    SELECT w.id, count(*) AS stretches, bool_or(d.from_series_id <> w.from_id) AS strange
    FROM w JOIN backhaul.derivation d ON d.series_id = w.id GROUP BY w.id),
  made AS (
    UPDATE backhaul.derivation d SET covered = d.covered + w.covered
    FROM w JOIN stands s ON s.id = w.id AND s.stretches = 1
    WHERE d.series_id = w.id AND (d.covered && w.covered OR d.covered -|- w.covered)
      AND NOT EXISTS (SELECT FROM stands WHERE strange)
    RETURNING d.series_id)
  SELECT EXISTS (SELECT FROM stands WHERE strange) AS strange,
    ARRAY(SELECT w.id FROM w WHERE w.id NOT IN (SELECT series_id FROM made)) AS left`;

/** Stretches beside those on record, all of which are made of the same series. */
async function putAmong(
  client: ClientBase,
  added: readonly (Range & { readonly seriesId: number; readonly fromSeriesId: number })[],
): Promise<void> {
  const madeOf = new Map(added.map(({ seriesId, fromSeriesId }) => [seriesId, fromSeriesId]));
  const ids = [...madeOf.keys()];
  const { rows: stretches } = await client.query<
    Pick<Derivation, 'seriesId'> & { fromUs: number | null; toUs: number | null }
  >(`SELECT d.series_id AS "seriesId", ${BOUNDS} FROM backhaul.derivation d WHERE d.series_id = ANY ($1)`, [
    arrayText(ids),
  ]);
  const before = stretches.map(bounded);
  if (before.length > 0)
    await client.query('DELETE FROM backhaul.derivation WHERE series_id = ANY ($1)', [arrayText(ids)]);
  const rows = new RowEncoder(3, 1 << 28, 60 * (added.length + before.length));
  for (const [seriesId, ranges] of Map.groupBy([...before, ...added], (one) => one.seriesId))
    for (const { fromUs, toUs } of merge(ranges)) {
      rows.row();
      rows.int4(seriesId);
      rows.int4(madeOf.get(seriesId)!);
      rows.tstzrange(fromUs, toUs);
    }
  await copyRows(client, 'backhaul.derivation', ['series_id', 'from_series_id', 'covered'], rows.bytes());
}
