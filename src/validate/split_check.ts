/** Splits on record, held against what prices do. µs since 1970. */

import type { Db } from '../database/connect.ts';
import { stampOf, usOf } from '../database/stamps.ts';
import type { Series } from '../series/series.ts';
import { type Finding, findingOf, SPLITS_KEPT } from './findings.ts';
import type { Jump } from './jumps.ts';

const DAY_US = 86_400_000_000;
/** Sessions begin a day off UTC's at the most; behind a weekend and a holiday the first bar comes later. */
const BEFORE_US = DAY_US;
const BEHIND_US = 5 * DAY_US;
/** What the market itself may move beside a split. */
const BESIDE = 0.25;
/** Smaller ones hide in what the market does overnight. */
const LEAST_LOG = 0.2;

/** A split as validation needs it. */
export interface KnownSplit {
  readonly atUs: number;
  readonly ratio: number;
}

/** Splits on record by `venue\nsymbol`. */
export type KnownSplits = ReadonlyMap<string, readonly KnownSplit[]>;

export function symbolKey({ venue, symbol }: { readonly venue: string; readonly symbol: string }): string {
  return `${venue}\n${symbol}`;
}

export async function readSplits(db: Db): Promise<KnownSplits> {
  const { rows } = await db.query<{ venue: string; symbol: string; day: number; ratio: number }>(
    `SELECT venue, symbol, day - date '1970-01-01' AS day, ratio FROM backhaul.event WHERE kind = 'split'
     UNION
     SELECT r.venue, r.symbol, e.day - date '1970-01-01', e.ratio
     FROM (SELECT DISTINCT venue, new_symbol AS symbol FROM backhaul.event
           WHERE kind = 'rename' AND joined_at IS NOT NULL) r
     CROSS JOIN LATERAL backhaul.names_of(r.venue, r.symbol) n
     JOIN backhaul.event e ON e.venue = r.venue AND e.symbol = n.name AND e.day < n.until AND e.kind = 'split'`,
  );
  const splits = rows.map(({ day, ...row }) => ({ ...row, atUs: day * DAY_US }));
  return Map.groupBy(splits, symbolKey);
}

/** Whether a split on record is what moved the price of bars of a length. */
export function isExplained(
  { atUs, log, bars }: Jump,
  splits: readonly KnownSplit[],
  intervalUs: number,
): boolean {
  if (bars !== null) return false;
  return splits.some(
    (split) =>
      atUs >= split.atUs - Math.max(BEFORE_US, intervalUs) &&
      atUs <= split.atUs + BEHIND_US &&
      Math.abs(log + Math.log(split.ratio)) < BESIDE,
  );
}

interface SplitOfSeries {
  readonly id: number;
  /** From where on bars are in its scale, µs since 1970. */
  readonly startUs: number;
  /** The bar there may have begun before it: its close is in the scale, its open need not be. */
  readonly isInside: boolean;
  readonly ratio: number;
}

/** The first bar behind a split and the last one before it. */
interface BarsAround {
  readonly at: number;
  readonly before: number;
  readonly behind: number;
}

/** Of one series and one instant at a time: two look-ups in the key, on whichever node of a cluster the series lies. */
async function barsAround(db: Db, { id, startUs, isInside }: SplitOfSeries): Promise<BarsAround | null> {
  const { rows } = await db.query<BarsAround>({
    name: 'backhaul bars around a split',
    text: `SELECT ${usOf('a.ts')} AS at, CASE WHEN $3 THEN a.close ELSE a.open END AS behind, b.close AS before
      FROM (SELECT ts, open, close FROM backhaul.bars WHERE series_id = $1 AND ts >= ${stampOf('$2')}
              AND ts < ${stampOf('$2')} + interval '5 days' ORDER BY ts LIMIT 1) a
      CROSS JOIN (SELECT close FROM backhaul.bars WHERE series_id = $1 AND ts < ${stampOf('$2')}
              ORDER BY ts DESC LIMIT 1) b
      WHERE a.open > 0 AND b.close > 0`,
    values: [id, startUs, isInside],
  });
  return rows[0] ?? null;
}

/**
 * Splits at which prices stay as they were: of files whose prices are adjusted already, or of another company. By them
 * the indicators behind would be wrong.
 */
export async function checkSplits(
  db: Db,
  series: readonly Series[],
  fromUs: number | null,
  toUs: number | null,
): Promise<Finding[]> {
  const { rows: splits } = await db.query<SplitOfSeries>(
    `SELECT s.series_id AS id, e.ratio, s.interval_s > 86400 AS "isInside",
       ${usOf('backhaul.scale_start(e.day, backhaul.session_zone(s.series_id), s.interval_s)')} AS "startUs"
     FROM backhaul.series s CROSS JOIN LATERAL backhaul.events_of(s.series_id) e
     WHERE s.series_id = ANY ($1) AND e.kind = 'split' AND abs(ln(e.ratio)) >= $2 ORDER BY s.series_id, e.day`,
    [series.map(({ seriesId }) => seriesId), LEAST_LOG],
  );
  const unseen: (SplitOfSeries & BarsAround)[] = [];
  for (const split of splits) {
    const bars = await barsAround(db, split);
    if (
      bars === null ||
      bars.at < (fromUs ?? Number.NEGATIVE_INFINITY) ||
      bars.at >= (toUs ?? Number.POSITIVE_INFINITY)
    )
      continue;
    const moved = Math.log(bars.behind / bars.before);
    if (Math.abs(moved) < Math.abs(moved + Math.log(split.ratio))) unseen.push({ ...split, ...bars });
  }
  const byId = Map.groupBy(unseen, ({ id }) => id);
  return series.flatMap((one) => {
    const some = byId.get(one.seriesId);
    if (some === undefined) return [];
    const examples = some.slice(0, SPLITS_KEPT).map(({ at, ratio, before, behind }) => ({
      atUs: Math.round(at),
      text: `${before} → ${behind}, and a split of ${Number(ratio.toPrecision(6))} for 1 on record`,
    }));
    const text = 'splits on record that prices do not show: adjusted already?';
    return [findingOf('jumps', one, some.length, text, examples, 'unseen-split')];
  });
}
