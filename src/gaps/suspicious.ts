import type { Db } from '../database/connect.ts';
import { stampOf, usOf } from '../database/stamps.ts';
import type { Series } from '../series/series.ts';
import { lookAt } from './look.ts';
import type { SeriesScan } from './scan.ts';

/**
 * Runs of missing bars inside coverage that are longer than the series' own habit. A file vouches that nobody traded
 * there, so they are no gaps; but an exchange that was down, or a file with a hole in it, looks just like that.
 *
 * The measure: `habit` is the 99th percentile (nearest rank, at least 1) of the number of bars missing between one bar
 * of the series and the next, over the bars of one year, or over all of them where the year has fewer than 200. A run is
 * suspicious when it is longer than four habits. If trades came independently of each other, a run of k habits would
 * have a chance of 0.01^k: four habits are one run in a hundred million.
 *
 * Where markets close, runs are measured within a session, so series of whole days are left out there.
 */
export interface SuspiciousRun {
  readonly series: Series;
  /** Opening of the first missing bar, and of the bar that ends the run. */
  readonly fromUs: number;
  readonly toUs: number;
  /** Missing bars that files vouch for. */
  readonly candles: number;
  readonly habit: number;
  /** `candles / habit`. */
  readonly ratio: number;
}

/** Habits a run must exceed. */
export const SUSPICIOUS_HABITS = 4;
/** A habit is 1 or more: no run of fewer bars is suspicious. */
export const LEAST_SUSPICIOUS = SUSPICIOUS_HABITS + 1;
const PERCENTILE = 0.99;
const LEAST_SPACINGS = 200;
/** Series looked at by one query: bounds the rows it sorts at once. */
const SERIES_AT_ONCE = 2_000;

const DAY_S = 86_400;

/**
 * SQL that is true of two bars (`ts`, `next`) with no close of their market between them, by calendar. Of others a close
 * may make the habit longer, never a run: what is told counts expected bars alone.
 */
const WITHIN_SESSION: Readonly<Record<string, string>> = {
  'all-week': 'true',
  // A session takes six hours and a half; the night between two days of extended hours takes eight.
  'us-equities': `next - ts < interval '390 minutes'
    AND (ts AT TIME ZONE 'America/New_York')::time >= '09:30' AND (next AT TIME ZONE 'America/New_York')::time < '16:00'`,
  // The weekend takes 48 hours.
  forex: `next - ts < interval '40 hours'`,
  'forex-from-monday': `next - ts < interval '40 hours'`,
};

/**
 * Every bar of the series in $1 from $2 up to $3 with the one after it, and how many are missing between. `date_part`
 * computes in doubles; `extract` takes twice the time.
 */
function spacings(within: string): string {
  return `
    SELECT series_id, ts, next, date_part('year', ts AT TIME ZONE 'UTC')::int AS year,
      round(date_part('epoch', next - ts) / interval_s)::int8 - 1 AS missing
    FROM (SELECT series_id, ts, lead(ts) OVER (PARTITION BY series_id ORDER BY ts) AS next
          FROM (SELECT series_id, ts FROM backhaul.bars WHERE series_id = ANY ($1) AND ts >= ${stampOf('$2')} AND ts < ${stampOf('$3')}
                UNION ALL
                SELECT series_id, ts FROM backhaul.bars_bare
                WHERE series_id = ANY ($1) AND ts >= ${stampOf('$2')} AND ts < ${stampOf('$3')}) b) n
    JOIN backhaul.series USING (series_id)
    WHERE next IS NOT NULL AND ${within}`;
}

/** A habit is 1 or more, so most spacings need no second look. */
const LONG = `next - ts > ${SUSPICIOUS_HABITS + 1} * interval_s * interval '1 second'`;

/** `[missing bars, spacings with so many]`, by missing bars. */
type Histogram = [number, number][];

/** The nearest-rank percentile of a histogram. Exported for its test. */
export function percentile(histogram: readonly (readonly [number, number])[], share: number): number {
  const sorted = [...histogram].sort((a, b) => a[0] - b[0]);
  const total = sorted.reduce((sum, [, count]) => sum + count, 0);
  let seen = 0;
  for (const [missing, count] of sorted) {
    seen += count;
    if (seen >= share * total) return missing;
  }
  return 0;
}

function habitOf(histogram: Histogram): number {
  return Math.max(1, percentile(histogram, PERCENTILE));
}

interface Habit {
  readonly seriesId: number;
  readonly year: number;
  readonly habit: number;
}

async function readHabits(db: Db, within: string, bounds: readonly unknown[]): Promise<Habit[]> {
  const { rows } = await db.query<{ id: number; year: number; missing: number; count: number }>(
    `SELECT series_id AS id, year, missing, count(*) AS count FROM (${spacings(within)}) s GROUP BY 1, 2, 3`,
    [...bounds],
  );
  const habits: Habit[] = [];
  for (const [seriesId, own] of Map.groupBy(rows, (row) => row.id)) {
    const histogram = (some: typeof rows): Histogram => some.map(({ missing, count }) => [missing, count]);
    const always = habitOf(histogram(own));
    for (const [year, part] of Map.groupBy(own, (row) => row.year)) {
      const count = part.reduce((sum, row) => sum + row.count, 0);
      habits.push({ seriesId, year, habit: count < LEAST_SPACINGS ? always : habitOf(histogram(part)) });
    }
  }
  return habits;
}

interface Run {
  readonly id: number;
  readonly lastUs: number;
  readonly nextUs: number;
  readonly habit: number;
}

async function readRuns(
  db: Db,
  within: string,
  bounds: readonly unknown[],
  habits: readonly Habit[],
): Promise<Run[]> {
  const { rows } = await db.query<Run>(
    `SELECT s.series_id AS id, ${usOf('ts')} AS "lastUs", ${usOf('next')} AS "nextUs", h.habit
     FROM (${spacings(`${within} AND ${LONG}`)}) s
     JOIN unnest($4::int[], $5::int[], $6::int8[]) AS h (series_id, year, habit)
       ON h.series_id = s.series_id AND h.year = s.year
     WHERE missing > ${SUSPICIOUS_HABITS} * h.habit`,
    [
      ...bounds,
      habits.map((one) => one.seriesId),
      habits.map((one) => one.year),
      habits.map((one) => one.habit),
    ],
  );
  return rows;
}

/** The run between the last bar and the end of what files vouch for: a file that was cut off ends in one. */
function lastRun(scan: SeriesScan, habits: ReadonlyMap<string, number>): Run | null {
  const { series, window, covered } = scan;
  const lastUs = series.lastUs!;
  const endUs = Math.min(window!.toUs, covered.at(-1)?.toUs ?? lastUs);
  if (lastUs < window!.fromUs || endUs <= lastUs) return null;
  const habit = habits.get(`${series.seriesId} ${new Date(lastUs / 1000).getUTCFullYear()}`);
  return habit === undefined ? null : { id: series.seriesId, lastUs, nextUs: endUs, habit };
}

/** The missing bars of a run that files vouch for, or null when they are not many enough. */
function judged(scan: SeriesScan, run: Run): SuspiciousRun | null {
  const range = { fromUs: scan.expectedBars.endOf(run.lastUs), toUs: run.nextUs };
  const { vouched: candles } = lookAt(scan.expectedBars, scan.covered, range);
  if (candles <= SUSPICIOUS_HABITS * run.habit) return null;
  return { series: scan.series, ...range, candles, habit: run.habit, ratio: candles / run.habit };
}

/** Suspicious runs of the series scanned, the strangest first. Reads every bar of them twice. */
export async function findSuspicious(db: Db, scans: readonly SeriesScan[]): Promise<SuspiciousRun[]> {
  const found: SuspiciousRun[] = [];
  const withBars = scans.filter(
    ({ series, window, expectedBars }) =>
      window !== null &&
      series.firstUs !== null &&
      (expectedBars.calendar.sessions === null || series.intervalS < DAY_S),
  );
  for (const [calendar, group] of Map.groupBy(withBars, (scan) => scan.expectedBars.calendar.name)) {
    for (let at = 0; at < group.length; at += SERIES_AT_ONCE) {
      found.push(
        ...(await findInGroup(db, group.slice(at, at + SERIES_AT_ONCE), WITHIN_SESSION[calendar] ?? 'true')),
      );
    }
  }
  return found.sort((a, b) => b.ratio - a.ratio || a.fromUs - b.fromUs);
}

/** Of series of one calendar. */
async function findInGroup(db: Db, scans: readonly SeriesScan[], within: string): Promise<SuspiciousRun[]> {
  const byId = new Map(scans.map((scan) => [scan.series.seriesId, scan]));
  const bounds = [
    [...byId.keys()],
    scans.reduce((least, scan) => Math.min(least, scan.window!.fromUs), Number.POSITIVE_INFINITY),
    scans.reduce((most, scan) => Math.max(most, scan.window!.toUs), Number.NEGATIVE_INFINITY),
  ];
  const habits = await readHabits(db, within, bounds);
  const byYear = new Map(habits.map(({ seriesId, year, habit }) => [`${seriesId} ${year}`, habit]));
  const runs = [
    ...(await readRuns(db, within, bounds, habits)),
    ...scans.map((scan) => lastRun(scan, byYear)).filter((run) => run !== null),
  ];
  return runs.map((run) => judged(byId.get(run.id)!, run)).filter((run) => run !== null);
}
