/** Looks at series: what is expected of each, what is covered, and the holes between. Reads only. µs since 1970. */

import { instant } from '../base/quantities.ts';
import { intersect, type Range } from '../base/ranges.ts';
import type { ExpectedBars } from '../calendar/expected_bars.ts';
import type { Db } from '../database/connect.ts';
import { BackhaulError } from '../faults/fault.ts';
import { readCoverage } from '../series/coverage.ts';
import type { FormerName } from '../series/former_names.ts';
import { expectedBarsOf, readSeries, type Series, type SeriesFilter } from '../series/series.ts';
import type { Hole } from './find_holes.ts';
import { lookAt } from './remembered_holes.ts';

export interface ScanOptions {
  readonly filter: SeriesFilter;
  /** Null: from each series' first bar. */
  readonly fromUs: number | null;
  /** Null: as far as `upTo` says. */
  readonly toUs: number | null;
  /** `files`: each series as far as its files reach, and no further; by default until now. */
  readonly upTo?: 'now' | 'files';
  readonly nowUs: number;
}

/** One series as it was found. */
export interface SeriesScan {
  readonly series: Series;
  readonly expectedBars: ExpectedBars;
  readonly covered: readonly Range[];
  /** What was looked at; null for a series without a bar of which nothing is expected. */
  readonly window: Range | null;
  /** Bars expected in the window, and those of them that files vouch for. */
  readonly expected: number;
  readonly vouched: number;
  readonly holes: readonly Hole[];
  /** Name of the file its latest bars came from. */
  readonly lastFile: string | null;
  /** What its files were called by before. */
  readonly former: readonly FormerName[];
}

/** @throws BackhaulError `usage` for a range that holds nothing */
export function checkRange(fromUs: number | null, toUs: number | null, nowUs: number): void {
  if (fromUs !== null && toUs !== null && fromUs >= toUs)
    throw new BackhaulError({
      kind: 'usage',
      message: '--to must be after --from: a range goes from --from up to, not including, --to',
      hint: 'all of 2024 is --from 2024 --to 2025',
    });
  if (fromUs !== null && fromUs >= nowUs)
    throw new BackhaulError({
      kind: 'usage',
      message: '--from lies in the future: no bar is expected there yet',
    });
}

/** What is looked at of a series: bars that are over by now, from its first one, or as asked for. */
function windowOf(
  series: Series,
  expectedBars: ExpectedBars,
  covered: readonly Range[],
  options: ScanOptions,
): Range | null {
  const fromUs = options.fromUs ?? series.firstUs;
  if (fromUs === null) return null;
  const over = expectedBars.completeUntil(options.nowUs);
  const reached = options.upTo === 'files' ? reachOfFiles(series, expectedBars, covered) : over;
  const toUs = Math.min(options.toUs ?? reached, over);
  return fromUs < toUs ? { fromUs, toUs } : null;
}

/** Where the files of a series end: the end of what they vouch for, and of the last bar that stands. */
function reachOfFiles({ lastUs }: Series, expectedBars: ExpectedBars, covered: readonly Range[]): number {
  const lastEnd = lastUs === null ? Number.NEGATIVE_INFINITY : expectedBars.endOf(lastUs);
  return Math.max(covered.at(-1)?.toUs ?? Number.NEGATIVE_INFINITY, lastEnd);
}

/**
 * Scans the series a filter means, or those `among` them.
 * @throws BackhaulError `usage` for an unknown symbol or interval, and for a range that is empty or in which nothing is
 * expected of any of them
 */
export async function scanSeries(
  db: Db,
  options: ScanOptions,
  among: ReadonlySet<number> | null = null,
): Promise<SeriesScan[]> {
  checkRange(options.fromUs, options.toUs, options.nowUs);
  const all = await readSeries(db, options.filter, among);
  const { ranges, facts } = await readCoverage(db, all);
  const scans = all.map((series) => {
    const known = facts.get(series.seriesId)!;
    const covered = ranges.get(series.seriesId)!;
    const expectedBars = expectedBarsOf(series, known, covered);
    const window = windowOf(series, expectedBars, covered, options);
    const { lastFile, former } = known;
    const found = { series, expectedBars, covered, window, lastFile, former };
    return { ...found, ...(window === null ? NOTHING : lookAt(expectedBars, covered, window)) };
  });
  if (options.fromUs !== null || options.toUs !== null) refuseEmpty(scans);
  return scans;
}

/** A range in which nothing can be missing: before the first bar, on a weekend of stocks, shorter than a bar. */
function refuseEmpty(scans: readonly SeriesScan[]): void {
  if (scans.some((scan) => scan.expected > 0)) return;
  const first = scans.reduce(
    (least, { series }) => Math.min(least, series.firstUs ?? Number.POSITIVE_INFINITY),
    Number.POSITIVE_INFINITY,
  );
  throw new BackhaulError({
    kind: 'usage',
    message: 'no bar is expected in this range',
    ...(Number.isFinite(first) && {
      hint: `the first bar is of ${instant(first)}; --from before it expects bars from there on, --to after the last file up to there`,
    }),
  });
}

const NOTHING = { expected: 0, vouched: 0, holes: [] };

/** Bars expected and vouched for of a scanned series in a part of its window. */
export function shareOf(
  scan: SeriesScan,
  part: Range,
): { readonly expected: number; readonly vouched: number } {
  const [within] = scan.window === null ? [] : intersect([scan.window], [part]);
  return within === undefined ? NOTHING : lookAt(scan.expectedBars, scan.covered, within);
}
