/**
 * Fields of plain records, read where they lie. Every reader is given the position of a field's first byte and returns
 * that of the byte behind its last, or -1 where the field is for the judge. A newline must lie somewhere ahead: it ends
 * every field, so no end is looked at. Numbers go straight into `column[row]`: a function has but one result.
 */

import { joinParts, POWERS_OF_TEN, parseNumber } from './numbers.ts';
import { unitOfMagnitude } from './numeric_stamp.ts';
import type { TimeUnit } from './shape.ts';

/** A constant of this module: one that is imported is looked up anew at every use. */
const POWERS = POWERS_OF_TEN;

const LF = 0x0a;
const QUOTE = 0x22;
// Bytes are looked at XOR 48, which makes digits 0 … 9 and everything else more.
const X_POINT = 0x2e ^ 48;
const X_LOWER_E = 0x65 ^ 48;
const X_UPPER_E = 0x45 ^ 48;
const X_PLUS = 0x2b ^ 48;
const X_MINUS = 0x2d ^ 48;

/** The units {@link readStamp} knows, by number. */
export const STAMP_UNITS: readonly TimeUnit[] = ['s', 'ms', 'us', 'ns', 'magnitude'];
const UNIT_NS = STAMP_UNITS.indexOf('ns');
const UNIT_MAGNITUDE = STAMP_UNITS.indexOf('magnitude');
/** µs in a unit, by its number. */
const US_OF_UNIT = Float64Array.of(1e6, 1e3, 1);
/** Number of digits → number of the unit they tell, up to one digit more than there may be. */
const MAGNITUDES = Uint8Array.from({ length: 21 }, (_, digits) =>
  STAMP_UNITS.indexOf(unitOfMagnitude(digits)),
);

/**
 * Reads the number at `bytes[p]`, digits first, into `column[row]`. Returns the position behind it; `p` when there is
 * none, -1 when it is one for the judge.
 */
export function readNumber(bytes: Uint8Array, p: number, column: Float64Array, row: number): number {
  // Up to nine digits before and nine behind the point fit an integer each, and together mostly a double.
  const from = p;
  let d = bytes[p]! ^ 48;
  let whole = 0;
  while (d < 10) {
    whole = (Math.imul(whole, 10) + d) | 0;
    d = bytes[++p]! ^ 48;
  }
  if (p - from > 9) return readLongNumber(bytes, from, column, row);
  if (d !== X_POINT) {
    if (d === X_LOWER_E || d === X_UPPER_E)
      return p > from ? readScaledNumber(bytes, p, whole, 0, column, row) : -1;
    column[row] = whole;
    return p;
  }
  const point = ++p;
  d = bytes[p]! ^ 48;
  let fraction = 0;
  while (d < 10) {
    fraction = (Math.imul(fraction, 10) + d) | 0;
    d = bytes[++p]! ^ 48;
  }
  const places = p - point;
  if (places > 9) return readLongNumber(bytes, from, column, row);
  if (p - from < 2) return -1;
  const mantissa = whole * POWERS[places]! + fraction;
  if (d === X_LOWER_E || d === X_UPPER_E) return readScaledNumber(bytes, p, mantissa, places, column, row);
  if (mantissa > Number.MAX_SAFE_INTEGER) {
    column[row] = joinParts(whole, fraction, places);
    return Number.isNaN(column[row]) ? -1 : p;
  }
  column[row] = mantissa / POWERS[places]!;
  return p;
}

/** Goes on with {@link readNumber} at the `e` at `bytes[p]`. */
function readScaledNumber(
  bytes: Uint8Array,
  p: number,
  mantissa: number,
  places: number,
  column: Float64Array,
  row: number,
): number {
  let d = bytes[++p]! ^ 48;
  const down = d === X_MINUS;
  if (down || d === X_PLUS) d = bytes[++p]! ^ 48;
  const firstDigit = p;
  let exponent = 0;
  while (d < 10) {
    exponent = (Math.imul(exponent, 10) + d) | 0;
    d = bytes[++p]! ^ 48;
  }
  if (p === firstDigit || p - firstDigit > 3 || mantissa > Number.MAX_SAFE_INTEGER) return -1;
  const power = (down ? -exponent : exponent) - places;
  if (power < -22 || power > 22) return -1;
  column[row] = power < 0 ? mantissa / POWERS[-power]! : mantissa * POWERS[power]!;
  return p;
}

/** {@link readNumber} of any length. */
function readLongNumber(bytes: Uint8Array, from: number, column: Float64Array, row: number): number {
  let p = from;
  for (
    let d = 0;
    d < 10 || d === X_POINT || d === X_LOWER_E || d === X_UPPER_E || d === X_PLUS || d === X_MINUS;
  ) {
    d = bytes[++p]! ^ 48;
  }
  const value = parseNumber(bytes, from, p);
  column[row] = value;
  return value >= 0 && value < Number.POSITIVE_INFINITY ? p : -1;
}

/**
 * Reads the stamp at `bytes[p]` into `column[row]`, in µs. Kept short, as {@link readNumber} is: the engine puts a
 * function of less than 460 bytes of its code into the loop that calls it, which is a tenth of the time of a record.
 */
export function readStamp(
  bytes: Uint8Array,
  p: number,
  unit: number,
  column: Float64Array,
  row: number,
): number {
  const from = p;
  let d = bytes[p]! ^ 48;
  // Leading zeros are no magnitude: the judge counts without them.
  if (d === 0) return -1;
  let upper = 0;
  let lower = 0;
  const middle = p + 9;
  const end = p + 18;
  while (d < 10 && p < middle) {
    upper = (Math.imul(upper, 10) + d) | 0;
    d = bytes[++p]! ^ 48;
  }
  while (d < 10 && p < end) {
    lower = (Math.imul(lower, 10) + d) | 0;
    d = bytes[++p]! ^ 48;
  }
  const lowerDigits = p > middle ? p - middle : 0;
  // A nineteenth digit, of nanoseconds, is far below a µs, and is not looked at.
  if (d < 10) d = bytes[++p]! ^ 48;
  const digits = p - from;
  const scale = unit === UNIT_MAGNITUDE ? MAGNITUDES[digits]! : unit;
  if (d < 10 || digits === 0) return -1;
  if (scale === UNIT_NS) {
    // Three digits go, of which the nineteenth may be one.
    const cut = digits === 19 ? 2 : 3;
    if (lowerDigits < cut) return -1;
    column[row] = upper * POWERS[lowerDigits - cut]! + ((lower / POWERS[cut]!) | 0);
  } else {
    if (digits === 19) return -1;
    column[row] = (upper * POWERS[lowerDigits]! + lower) * US_OF_UNIT[scale]!;
  }
  return d === X_POINT ? skipNoFraction(bytes, p) : p;
}

/** The position behind a point and zeros at `bytes[p]`. */
function skipNoFraction(bytes: Uint8Array, p: number): number {
  let end = p + 1;
  while (bytes[end] === 48) end++;
  return end;
}

/**
 * The position of the delimiter or newline that ends the last of `count` fields from `bytes[p]` on; -1 when there are
 * fewer, or one is for the judge.
 */
export function skipFields(bytes: Uint8Array, p: number, count: number, delimiter: number): number {
  for (let left = count; ; ) {
    let byte = bytes[p]!;
    // One comparison for all that is rare: controls, blanks, `!` and quotes.
    while (byte > QUOTE && byte !== delimiter) byte = bytes[++p]!;
    if (byte === delimiter) {
      if (--left === 0) return p;
    } else if (byte === LF) return left === 1 ? p : -1;
    else if (byte === QUOTE || byte === 0) return -1;
    p++;
  }
}
