/**
 * What PostgreSQL's binary COPY format fixes: its header, its trailer, the columns of `bars` in their order, and how a
 * 64-bit integer and an instant lie in it. The format is that of "COPY, Binary Format" in PostgreSQL's manual and of the
 * types' send functions.
 *
 * A stream is a header, rows and a trailer. A row is the number of its fields (int16), then per field its length in
 * bytes (int32, -1 for NULL) and its bytes. Everything is big-endian.
 */

import { INDICATOR_NAMES } from '../bars/columns.ts';

/** Signature, flags 0, no header extension. */
export const COPY_HEADER: Uint8Array = Uint8Array.of(
  ...[0x50, 0x47, 0x43, 0x4f, 0x50, 0x59, 0x0a, 0xff, 0x0d, 0x0a, 0x00],
  ...[0, 0, 0, 0],
  ...[0, 0, 0, 0],
);

/** -1 where a row's number of fields would be. */
export const COPY_TRAILER: Uint8Array = Uint8Array.of(0xff, 0xff);

/** The columns of `bars`, in the order COPY takes and sends them. */
export const BARS_COLUMNS: readonly string[] = [
  'series_id',
  'ts',
  'open',
  'high',
  'low',
  'close',
  'volume',
  'trades',
  ...INDICATOR_NAMES,
];

/** PostgreSQL counts microseconds from 2000-01-01 00:00 UTC; this is that instant in µs since 1970. */
export const EPOCH_2000_US = 946_684_800_000_000;
const TWO_32 = 4_294_967_296;

/** int16, then series_id (4 + 4), then 23 fields of 4 + 8 bytes. */
export const MAX_ROW_BYTES: number = 2 + 8 + 12 * (BARS_COLUMNS.length - 1);

/** Columns before the indicators. */
export const BAR_FIELDS: number = BARS_COLUMNS.length - INDICATOR_NAMES.length;

/** A double's integer value as int8; exact within ±2^53. */
export function setInt64(view: DataView, pos: number, value: number): void {
  const high = Math.floor(value / TWO_32);
  view.setInt32(pos, high);
  view.setUint32(pos + 4, value - high * TWO_32);
}

/** An int8 as a double; exact within ±2^53. */
export function getInt64(view: DataView, pos: number): number {
  return view.getInt32(pos) * TWO_32 + view.getUint32(pos + 4);
}
