/**
 * What of a series is known, so that a longer bar can be called whole. A bar is whole where all of its time is known;
 * where no shorter bar is inside what is known, nobody traded.
 *
 * A file whose range nobody tells begins with the day of its first bar, for vendors cut at midnight and the first trade
 * of a day may come late; it ends with its last bar. Files that lie no further apart than a long weekend are joined: what
 * lies between was closed, or quiet. A wider hole is one, and what reaches into it is not made until a file fills it.
 */

import type { Range } from '../base/ranges.ts';
import type { BucketGrid } from './bucket_grid.ts';

/** Four days: from Thursday's close to Monday's or Tuesday's open. */
export const JOINED_US = 4 * 86_400_000_000;

/** What a file tells of one of its series. */
export interface Vouched {
  /** First and last bar, and what the file's own name or plan says: null where nobody does. */
  readonly firstUs: number;
  readonly lastUs: number;
  readonly fileFromUs: number | null;
  readonly fileToUs: number | null;
  /** What was asked for of it. */
  readonly wantFromUs: number | null;
  readonly wantToUs: number | null;
  readonly intervalUs: number;
}

/** The beginning of what a file vouches for in its series. `days`: those of the venue. */
export function knownFrom(file: Omit<Vouched, 'lastUs' | 'fileToUs' | 'wantToUs'>, days: BucketGrid): number {
  const { firstUs, fileFromUs, wantFromUs } = file;
  const fromUs = Math.max(fileFromUs ?? days.floor(firstUs), wantFromUs ?? Number.NEGATIVE_INFINITY);
  return Math.min(fromUs, firstUs);
}

/** The end of it. */
export function knownTo(file: Omit<Vouched, 'firstUs' | 'fileFromUs' | 'wantFromUs'>): number {
  const { lastUs, fileToUs, wantToUs, intervalUs } = file;
  if (fileToUs === null) return lastUs + intervalUs;
  return Math.max(Math.min(fileToUs, wantToUs ?? Number.POSITIVE_INFINITY), lastUs + 1);
}

/** Ranges in any order, those joined that lie near each other. */
export function joined(ranges: Iterable<Range>): Range[] {
  const sorted = [...ranges].sort((a, b) => a.fromUs - b.fromUs);
  const found: { fromUs: number; toUs: number }[] = [];
  for (const { fromUs, toUs } of sorted) {
    const last = found.at(-1);
    if (last === undefined || fromUs > last.toUs + JOINED_US) found.push({ fromUs, toUs });
    else if (toUs > last.toUs) last.toUs = toUs;
  }
  return found;
}
