/**
 * What of a series is known, so that a longer bar can be called whole. A bar is whole where all of its time is known;
 * where no shorter bar is inside what is known, nobody traded.
 *
 * A file whose range nobody tells begins with the day of its first bar, for vendors cut at midnight and the first trade
 * of a day may come late; it ends with its last bar. Files between which the market has not had a day of trade are joined:
 * what lies between was closed. Any other hole is one, and what reaches into it is not made until a file fills it.
 */

import type { Range } from '../base/ranges.ts';
import type { BucketGrid } from './bucket_grid.ts';

/** Files that lie further apart than this are never joined, µs: what reaches no further is looked at. */
export const NEVER_JOINED_US = 10 * 86_400_000_000;

/** Whether what is known up to `toUs` goes on at `fromUs`. */
export type Joins = (toUs: number, fromUs: number) => boolean;

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

/** Ranges in any order, those joined that go on in each other. */
export function joined(ranges: Iterable<Range>, joins: Joins): Range[] {
  const sorted = [...ranges].sort((a, b) => a.fromUs - b.fromUs);
  const found: { fromUs: number; toUs: number }[] = [];
  for (const { fromUs, toUs } of sorted) {
    const last = found.at(-1);
    if (last === undefined || !joins(last.toUs, fromUs)) found.push({ fromUs, toUs });
    else if (toUs > last.toUs) last.toUs = toUs;
  }
  return found;
}
