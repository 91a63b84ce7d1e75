import type { Db } from '../database/connect.ts';
import { stampOf, usOf } from '../database/stamps.ts';
import type { Series } from '../series/series.ts';
import { EXAMPLES_KEPT, type Example, type Finding, findingOf } from './findings.ts';

/** Checks that look at the bars of one series at a time. Each reads them once, in SQL. µs since 1970. */

export interface Scope {
  readonly series: readonly Series[];
  readonly fromUs: number | null;
  readonly toUs: number | null;
}

/** Bars of the series $1 in the range $2, $3, wherever they stand. */
function barsOf(columns: string): string {
  const part = (table: string): string =>
    `SELECT ${columns} FROM backhaul.${table} WHERE series_id = ANY ($1)
       AND ($2::float8 IS NULL OR ts >= ${stampOf('$2')}) AND ($3::float8 IS NULL OR ts < ${stampOf('$3')})`;
  return `(${part('bars')} UNION ALL ${part('bars_bare')})`;
}

interface FoundRow {
  readonly id: number;
  readonly count: number;
  readonly examples: readonly (Example & Record<string, number>)[];
}

/**
 * Runs a query that picks bad bars as `(series_id, ts, weight, …)` and sums them up by series, the heaviest first.
 */
async function pick(
  db: Db,
  scope: Scope,
  bad: string,
  details: string,
  more: readonly unknown[] = [],
): Promise<FoundRow[]> {
  const { rows } = await db.query<FoundRow>(
    `WITH bad AS (${bad}),
     ranked AS (SELECT *, row_number() OVER (PARTITION BY series_id ORDER BY weight DESC, ts) AS n,
                  count(*) OVER (PARTITION BY series_id) AS found FROM bad)
     SELECT series_id AS id, max(found)::int AS count,
       jsonb_agg(jsonb_build_object('atUs', ${usOf('ts')}, ${details}) ORDER BY n) AS examples
     FROM ranked WHERE n <= ${EXAMPLES_KEPT} GROUP BY series_id ORDER BY series_id`,
    [scope.series.map((one) => one.seriesId), scope.fromUs, scope.toUs, ...more],
  );
  return rows;
}

function* withSeries(scope: Scope, rows: readonly FoundRow[]): Iterable<{ series: Series; row: FoundRow }> {
  const byId = new Map(scope.series.map((one) => [one.seriesId, one]));
  for (const row of rows) yield { series: byId.get(row.id)!, row };
}

const number = (value: number | undefined): string => (value === undefined ? '' : String(value));

/** What prices and volumes must be. NaN counts as larger than anything in SQL, so it fails the last comparisons. */
const SOUND = `open IS NOT NULL AND close IS NOT NULL AND low > 0 AND low <= least(open, close)
  AND high >= greatest(open, close) AND high < 'Infinity' AND coalesce(volume, 0) >= 0
  AND coalesce(volume, 0) < 'Infinity'`;

export async function checkOhlc(db: Db, scope: Scope): Promise<Finding[]> {
  const rows = await pick(
    db,
    scope,
    `SELECT series_id, ts, open, high, low, close, volume, 0 AS weight
     FROM ${barsOf('series_id, ts, open, high, low, close, volume')} b WHERE NOT coalesce(${SOUND}, false)`,
    `'text', concat_ws(' ', 'O', open, 'H', high, 'L', low, 'C', close, 'V', volume)`,
  );
  return [...withSeries(scope, rows)].map(({ series, row }) =>
    findingOf('ohlc', series, row.count, 'bars whose prices or volume cannot be', row.examples),
  );
}

/**
 * Log returns from close to close, each divided by the square root of the intervals it took, as a random walk would
 * have it; those beyond `deviations` of the series' standard deviation.
 */
export async function checkJumps(db: Db, scope: Scope, deviations: number): Promise<Finding[]> {
  const rows = await pick(
    db,
    scope,
    `WITH step AS (
       SELECT series_id, ts, close, lag(close) OVER w AS before,
         date_part('epoch', ts - lag(ts) OVER w) / interval_s AS steps
       FROM ${barsOf('series_id, ts, close')} b JOIN backhaul.series USING (series_id)
       WHERE close > 0 AND close < 'Infinity' WINDOW w AS (PARTITION BY series_id ORDER BY ts)),
     move AS (SELECT *, ln(close / before) / sqrt(greatest(steps, 1)) AS r FROM step WHERE before IS NOT NULL),
     spread AS (SELECT series_id, stddev_samp(r) AS s FROM move GROUP BY series_id HAVING count(*) >= 30)
     SELECT series_id, ts, before, close, abs(r) / s AS weight FROM move JOIN spread USING (series_id)
     WHERE s > 0 AND abs(r) > $4::float8 * s`,
    `'before', before, 'close', close, 'weight', weight`,
    [deviations],
  );
  return [...withSeries(scope, rows)].map(({ series, row }) =>
    findingOf(
      'jumps',
      series,
      row.count,
      `closes further than ${deviations} deviations from the one before`,
      row.examples.map(({ atUs, before, close, weight }) => ({
        atUs,
        text: `${number(before)} → ${number(close)}, ${weight!.toFixed(1)} deviations`,
      })),
    ),
  );
}

/** Volumes whose logarithm lies more than `deviations` standard deviations above the series' mean. */
export async function checkVolume(db: Db, scope: Scope, deviations: number): Promise<Finding[]> {
  const rows = await pick(
    db,
    scope,
    `WITH log AS (SELECT series_id, ts, volume, ln(volume) AS v FROM ${barsOf('series_id, ts, volume')} b
                  WHERE volume > 0 AND volume < 'Infinity'),
     usual AS (SELECT series_id, avg(v) AS mean, stddev_samp(v) AS s FROM log GROUP BY series_id HAVING count(*) >= 30)
     SELECT series_id, ts, volume, exp(mean) AS typical, (v - mean) / s AS weight FROM log JOIN usual USING (series_id)
     WHERE s > 0 AND v - mean > $4::float8 * s`,
    `'volume', volume, 'typical', typical, 'weight', weight`,
    [deviations],
  );
  return [...withSeries(scope, rows)].map(({ series, row }) =>
    findingOf(
      'volume',
      series,
      row.count,
      `volumes more than ${deviations} deviations above the usual`,
      row.examples.map(({ atUs, volume, typical, weight }) => ({
        atUs,
        text: `${number(volume)}, usually ${typical!.toPrecision(3)}, ${weight!.toFixed(1)} deviations`,
      })),
    ),
  );
}

/** Stamps that stand twice. Where leaves have their keys the server sees to it; leaves without one are looked into. */
export async function checkStamps(db: Db, scope: Scope): Promise<Finding[]> {
  const rows = await pick(
    db,
    scope,
    `SELECT series_id, ts, count(*) AS weight FROM ${barsOf('series_id, ts')} b
     WHERE EXISTS (SELECT FROM backhaul.partition p WHERE p.state = 'bare' AND b.ts >= p.from_ts AND b.ts < p.to_ts)
     GROUP BY series_id, ts HAVING count(*) > 1`,
    `'weight', weight`,
  );
  return [...withSeries(scope, rows)].map(({ series, row }) =>
    findingOf(
      'stamps',
      series,
      row.count,
      'stamps that stand more than once',
      row.examples.map(({ atUs, weight }) => ({ atUs, text: `${number(weight)} bars` })),
    ),
  );
}
