/**
 * What the longer bars of a series are continued from, as one record of doubles that goes from file to file like an
 * indicator state: how far the shorter bars are known, and a bucket for each interval, open or not. Pure.
 */

import { BUCKET_LENGTH } from './aggregator.ts';

// Slots of a record, in doubles.
/** The last of the shorter bars, µs since 1970; NaN: nothing is on record. */
export const AT = 0;
/** Without a hole, the shorter bars are known between these. */
export const KNOWN_FROM = 1;
export const KNOWN_TO = 2;
const ENTRIES = 3;
/** An interval in seconds and its bucket; 0: no more follow. */
const ENTRY_LENGTH = 1 + BUCKET_LENGTH;

/** Intervals that a record of `length` doubles has room for. */
export function mostCarried(length: number): number {
  return Math.floor((length - ENTRIES) / ENTRY_LENGTH);
}

/** Where the bucket of an interval lies in the record at `record[at … at + length - 1]`; -1: it is not on record. */
export function bucketIn(record: Float64Array, at: number, length: number, rollupS: number): number {
  for (let i = 0; i < mostCarried(length); i++) {
    const entry = at + ENTRIES + i * ENTRY_LENGTH;
    if (record[entry] === rollupS) return entry + 1;
    if (!(record[entry]! > 0)) break;
  }
  return -1;
}

/** Writes a record with a bucket, of `buckets[from …]`, for each interval. There must be room for all. */
export function putRecord(
  record: Float64Array,
  at: number,
  length: number,
  ends: { readonly atUs: number; readonly knownFromUs: number; readonly knownToUs: number },
  intervals: readonly number[],
  buckets: Float64Array,
  from: number,
): void {
  record.fill(0, at, at + length);
  record[at + AT] = ends.atUs;
  record[at + KNOWN_FROM] = ends.knownFromUs;
  record[at + KNOWN_TO] = ends.knownToUs;
  for (let i = 0; i < intervals.length; i++) {
    const entry = at + ENTRIES + i * ENTRY_LENGTH;
    record[entry] = intervals[i]!;
    for (let k = 0; k < BUCKET_LENGTH; k++) record[entry + 1 + k] = buckets[from + i * BUCKET_LENGTH + k]!;
  }
}
