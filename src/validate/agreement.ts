/**
 * Whether bars of longer intervals agree with the shorter ones in them: the 1-minute bars of a day against its hours
 * and the day. Compared where files vouch for both. Where markets close it is left out: vendors build days from other
 * trades than minutes (of extended hours volume counts, prices do not). µs since 1970.
 */

import { interval } from '../base/quantities.ts';
import { intersect, type Range, subtract } from '../base/ranges.ts';
import type { Db } from '../database/connect.ts';
import { stampOf, usOf } from '../database/stamps.ts';
import type { SeriesScan } from '../gaps/scan.ts';
import type { Series } from '../series/series.ts';
import { EXAMPLES_KEPT, type Example, type Finding, findingOf } from './findings.ts';

/** Shares by which sums of parsed decimals may differ. */
const PRICE_TOLERANCE = 1e-9;
const VOLUME_TOLERANCE = 1e-6;
const DAY_S = 86_400;

/** A longer series, a shorter one it is held against, and where. */
export interface Pair {
  readonly coarse: Series;
  readonly fine: Series;
  readonly ranges: readonly Range[];
}

/** Which series are held against which: each part of a longer one against the shortest that covers it. Pure. */
function pairsOf(scans: readonly SeriesScan[]): Pair[] {
  const comparable = scans.filter(
    ({ expectedBars, series, window }) =>
      expectedBars.calendar.sessions === null && window !== null && series.intervalS <= DAY_S,
  );
  const bySymbol = Map.groupBy(comparable, ({ series }) => JSON.stringify([series.venue, series.symbol]));
  return [...bySymbol.values()].flatMap((group) => {
    const sorted = [...group].sort((a, b) => a.series.intervalS - b.series.intervalS);
    return sorted.flatMap((coarse, i) => pairsOfOne(coarse, sorted.slice(0, i)));
  });
}

function pairsOfOne(coarse: SeriesScan, finer: readonly SeriesScan[]): Pair[] {
  const stepUs = coarse.series.intervalS * 1e6;
  let left: readonly Range[] = intersect(coarse.covered, [coarse.window!]);
  const pairs: Pair[] = [];
  for (const fine of finer) {
    if (coarse.series.intervalS % fine.series.intervalS !== 0) continue;
    const both = intersect(left, intersect(fine.covered, [fine.window!]));
    const ranges = both.flatMap((range) => wholeBars(range, stepUs));
    if (ranges.length === 0) continue;
    pairs.push({ coarse: coarse.series, fine: fine.series, ranges });
    left = subtract(left, ranges);
  }
  return pairs;
}

/** The bars of the epoch's grid that lie in a range whole. */
function wholeBars({ fromUs, toUs }: Range, stepUs: number): Range[] {
  const from = Math.ceil(fromUs / stepUs) * stepUs;
  const to = Math.floor(toUs / stepUs) * stepUs;
  return from < to ? [{ fromUs: from, toUs: to }] : [];
}

interface DifferenceRow {
  readonly atUs: number;
  readonly found: number;
  readonly what: string;
}

const FIELDS = ['open', 'high', 'low', 'close'] as const;

function differs(field: string, tolerance: number): string {
  return `abs(c.${field} - f.${field}) > ${tolerance} * greatest(abs(c.${field}), abs(f.${field}))`;
}

const far = (field: string): string =>
  `CASE WHEN ${differs(field, field === 'volume' ? VOLUME_TOLERANCE : PRICE_TOLERANCE)}
     THEN '${field} ' || c.${field} || ' against ' || f.${field} END`;

function barsIn(parameter: string, columns: string): string {
  const part = (table: string): string =>
    `SELECT ${columns} FROM r JOIN backhaul.${table} b ON b.ts >= r.from_ts AND b.ts < r.to_ts
     WHERE b.series_id = ${parameter}`;
  return `(${part('bars')} UNION ALL ${part('bars_bare')})`;
}

/** The sum of a column; NULL, which is held against nothing, unless all of the bars have it. */
const wholeSum = (name: string): string =>
  `CASE WHEN count(${name}) = count(*) THEN sum(${name}) END AS ${name}`;

const COMPARE = `
WITH r AS (SELECT ${stampOf('f')} AS from_ts, ${stampOf('t')} AS to_ts FROM unnest($3::float8[], $4::float8[]) AS u (f, t)),
f AS (
  SELECT to_timestamp(floor(date_part('epoch', ts) / $5) * $5) AS ts, (array_agg(open ORDER BY ts))[1] AS open,
    max(high) AS high, min(low) AS low, (array_agg(close ORDER BY ts DESC))[1] AS close, ${wholeSum('volume')},
    ${wholeSum('trades')}
  FROM ${barsIn('$2', 'b.ts, b.open, b.high, b.low, b.close, b.volume, b.trades')} x GROUP BY 1),
c AS (SELECT * FROM ${barsIn('$1', 'b.ts, b.open, b.high, b.low, b.close, b.volume, b.trades')} x),
met AS (
  SELECT coalesce(c.ts, f.ts) AS ts,
    CASE WHEN c.ts IS NULL THEN 'shorter bars, and no longer one' WHEN f.ts IS NULL THEN 'a longer bar, and no shorter ones'
    ELSE concat_ws(', ', ${[...FIELDS, 'volume'].map(far).join(', ')},
      CASE WHEN c.trades <> f.trades THEN 'trades ' || c.trades || ' against ' || f.trades END) END AS what
  FROM c FULL JOIN f ON f.ts = c.ts)
SELECT ${usOf('ts')} AS "atUs", what, count(*) OVER ()::int AS found FROM met WHERE what <> '' ORDER BY ts LIMIT ${EXAMPLES_KEPT}`;

export async function checkAgreement(db: Db, scans: readonly SeriesScan[]): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const { coarse, fine, ranges } of pairsOf(scans)) {
    const { rows } = await db.query<DifferenceRow>(COMPARE, [
      coarse.seriesId,
      fine.seriesId,
      ranges.map((range) => range.fromUs),
      ranges.map((range) => range.toUs),
      coarse.intervalS,
    ]);
    if (rows.length === 0) continue;
    const examples = rows.map(({ atUs, what }): Example => ({ atUs, text: what }));
    const text = `bars that disagree with the ${interval(fine.intervalS)} bars in them`;
    findings.push(findingOf('intervals', coarse, rows[0]!.found, text, examples));
  }
  return findings;
}
