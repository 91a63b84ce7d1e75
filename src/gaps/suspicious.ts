/** Bars missing inside what is covered, far beyond the series' habit. */

import { newYorkZone } from '../base/zone.ts';
import type { Db } from '../database/connect.ts';
import type { Series } from '../series/series.ts';
import { eachStamp, type StampQuery } from '../series/stamp_pass.ts';
import { lookAt } from './remembered_holes.ts';
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
const LEAST_SUSPICIOUS = SUSPICIOUS_HABITS + 1;
const PERCENTILE = 0.99;
const LEAST_SPACINGS = 200;

const DAY_S = 86_400;
const MINUTE_US = 60e6;
const DAY_US = 86_400e6;

/** The time of day in New York, µs. */
function newYorkTime(us: number): number {
  const local = us + newYorkZone().offsetUs(us);
  return local - Math.floor(local / DAY_US) * DAY_US;
}

/**
 * Whether there is no close of their market between a bar and the next, by calendar. Of others a close may make the habit
 * longer, never a run: what is told counts expected bars alone.
 */
const WITHIN_SESSION: Readonly<Record<string, (us: number, nextUs: number) => boolean>> = {
  // A session takes six hours and a half; the night between two days of extended hours takes eight.
  'us-equities': (us, nextUs) =>
    nextUs - us < 390 * MINUTE_US &&
    newYorkTime(us) >= 570 * MINUTE_US &&
    newYorkTime(nextUs) < 960 * MINUTE_US,
  // The weekend takes 48 hours.
  forex: (us, nextUs) => nextUs - us < 2_400 * MINUTE_US,
  'forex-from-monday': (us, nextUs) => nextUs - us < 2_400 * MINUTE_US,
};
const always = (): boolean => true;

/** Missing bars → spacings with so many. */
type Histogram = Map<number, number>;

/** The nearest-rank percentile of a histogram. Exported for its test. */
export function percentile(histogram: Iterable<readonly [number, number]>, share: number): number {
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

function add(histogram: Histogram, missing: number, count: number): void {
  histogram.set(missing, (histogram.get(missing) ?? 0) + count);
}

interface Run {
  readonly lastUs: number;
  readonly nextUs: number;
  readonly missing: number;
}

/** What is known of one series so far: the year it is in, and what came of those before. */
class SpacingsOfSeries {
  readonly #scan: SeriesScan;
  readonly #intervalUs: number;
  readonly #isWithin: (us: number, nextUs: number) => boolean;
  #lastUs = Number.NaN;
  #year = 0;
  #yearFromUs = Number.NaN;
  #yearToUs = Number.NaN;
  #ofYear: Histogram = new Map();
  /** Runs of the year that are suspicious if its habit is the least there is. */
  #runs: Run[] = [];
  readonly #ofAll: Histogram = new Map();
  readonly #habits = new Map<number, number>();
  /** Runs of the years that have too few bars for a habit of their own. */
  readonly #waiting = new Map<number, Run[]>();
  readonly #found: { readonly run: Run; readonly habit: number }[] = [];

  constructor(scan: SeriesScan) {
    this.#scan = scan;
    this.#intervalUs = scan.series.intervalS * 1e6;
    this.#isWithin = WITHIN_SESSION[scan.expectedBars.calendar.name] ?? always;
  }

  take(ts: Float64Array, rows: number): void {
    const { fromUs, toUs } = this.#scan.window!;
    const intervalUs = this.#intervalUs;
    let last = this.#lastUs;
    // Most follow each other at once: they are counted together.
    let close = 0;
    for (let row = 0; row < rows; row++) {
      const us = ts[row]!;
      if (us < fromUs || us >= toUs) continue;
      const before = last;
      last = us;
      if (Number.isNaN(before)) continue;
      if (!(before >= this.#yearFromUs && before < this.#yearToUs)) {
        if (close > 0) add(this.#ofYear, 0, close);
        close = 0;
        this.#endYear();
        this.#beginYear(before);
      }
      if (!this.#isWithin(before, us)) continue;
      if (us - before === intervalUs) close++;
      else this.#spacing(before, us);
    }
    if (close > 0) add(this.#ofYear, 0, close);
    this.#lastUs = last;
  }

  #spacing(lastUs: number, nextUs: number): void {
    const missing = Math.round((nextUs - lastUs) / this.#intervalUs) - 1;
    add(this.#ofYear, missing, 1);
    if (missing >= LEAST_SUSPICIOUS) this.#runs.push({ lastUs, nextUs, missing });
  }

  #beginYear(us: number): void {
    this.#year = new Date(us / 1000).getUTCFullYear();
    this.#yearFromUs = Date.UTC(this.#year, 0, 1) * 1000;
    this.#yearToUs = Date.UTC(this.#year + 1, 0, 1) * 1000;
  }

  #endYear(): void {
    let count = 0;
    for (const [missing, times] of this.#ofYear) {
      count += times;
      add(this.#ofAll, missing, times);
    }
    if (count >= LEAST_SPACINGS) this.#judge(this.#year, habitOf(this.#ofYear), this.#runs);
    else if (count > 0) this.#waiting.set(this.#year, this.#runs);
    this.#ofYear.clear();
    this.#runs = [];
  }

  #judge(year: number, habit: number, runs: readonly Run[]): void {
    this.#habits.set(year, habit);
    for (const run of runs) if (run.missing > SUSPICIOUS_HABITS * habit) this.#found.push({ run, habit });
  }

  end(): SuspiciousRun[] {
    this.#endYear();
    const habit = habitOf(this.#ofAll);
    for (const [year, runs] of this.#waiting) this.#judge(year, habit, runs);
    this.#endOfFiles();
    return this.#found.map(({ run, habit }) => this.#told(run, habit)).filter((one) => one !== null);
  }

  /** The run between the last bar and the end of what files vouch for: a file that was cut off ends in one. */
  #endOfFiles(): void {
    const { series, window, covered } = this.#scan;
    const lastUs = series.lastUs!;
    const nextUs = Math.min(window!.toUs, covered.at(-1)?.toUs ?? lastUs);
    if (lastUs < window!.fromUs || nextUs <= lastUs) return;
    const habit = this.#habits.get(new Date(lastUs / 1000).getUTCFullYear());
    if (habit !== undefined) this.#found.push({ run: { lastUs, nextUs, missing: 0 }, habit });
  }

  /** The missing bars of a run that files vouch for, or null when they are not many enough. */
  #told({ lastUs, nextUs }: Run, habit: number): SuspiciousRun | null {
    const { series, expectedBars, covered } = this.#scan;
    const range = { fromUs: expectedBars.endOf(lastUs), toUs: nextUs };
    const { vouched: candles } = lookAt(expectedBars, covered, range);
    if (candles <= SUSPICIOUS_HABITS * habit) return null;
    return { series, ...range, candles, habit, ratio: candles / habit };
  }
}

/** Looks for suspicious runs in the stamps of series as they pass by: in each series' own order of time. */
export class SuspiciousRuns {
  readonly #series: ReadonlyMap<number, SpacingsOfSeries>;
  readonly query: StampQuery;

  constructor(scans: readonly SeriesScan[]) {
    const withBars = scans.filter(
      ({ series, window, expectedBars }) =>
        window !== null &&
        series.firstUs !== null &&
        (expectedBars.calendar.sessions === null || series.intervalS < DAY_S),
    );
    this.#series = new Map(withBars.map((scan) => [scan.series.seriesId, new SpacingsOfSeries(scan)]));
    this.query = stampsOf(withBars);
  }

  readonly take = (seriesId: number, ts: Float64Array, rows: number): void => {
    this.#series.get(seriesId)?.take(ts, rows);
  };

  /** The strangest first. */
  end(): SuspiciousRun[] {
    const found = [...this.#series.values()].flatMap((series) => series.end());
    return found.sort((a, b) => b.ratio - a.ratio || a.fromUs - b.fromUs);
  }
}

/** The stamps in the windows of series, and some more. */
export function stampsOf(scans: readonly SeriesScan[]): StampQuery {
  const seen = scans.filter((scan) => scan.window !== null);
  return {
    seriesIds: seen.map((scan) => scan.series.seriesId),
    fromUs: seen.reduce((least, scan) => Math.min(least, scan.window!.fromUs), Number.POSITIVE_INFINITY),
    toUs: seen.reduce((most, scan) => Math.max(most, scan.window!.toUs), Number.NEGATIVE_INFINITY),
  };
}

/** Suspicious runs of the series scanned, the strangest first. Reads every stamp of them once. */
export async function findSuspicious(db: Db, scans: readonly SeriesScan[]): Promise<SuspiciousRun[]> {
  const runs = new SuspiciousRuns(scans);
  await eachStamp(db, runs.query, runs.take);
  return runs.end();
}
