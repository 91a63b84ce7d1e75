/**
 * Stamps that are numbers: µs since 1970-01-01 UTC in a double, NaN when it is no stamp. What is finer than a µs is cut
 * off (towards 1970). Nanoseconds are reduced digit by digit: 19 digits do not fit a double.
 */

import { parseExponent, parseNumber, trimEnd, trimStart } from './numbers.ts';
import type { TimeUnit } from './shape.ts';

const DAY_US = 86_400_000_000;

/** Decimal places by which a unit is coarser than a µs. */
const PLACES: Readonly<Record<'s' | 'ms' | 'us' | 'ns', number>> = { s: 6, ms: 3, us: 0, ns: -3 };

/** The unit a stamp's number of integer digits tells: seconds reach 12 digits in the year 5138, and so on. */
export function unitOfMagnitude(digits: number): 's' | 'ms' | 'us' | 'ns' {
  if (digits <= 11) return 's';
  if (digits <= 14) return 'ms';
  return digits <= 17 ? 'us' : 'ns';
}

/** The stamp in `bytes[start,end)`, spaces and tabs around it allowed, in a unit that is a number. */
export function parseStamp(
  bytes: Uint8Array,
  start: number,
  end: number,
  unit: Exclude<TimeUnit, 'text' | 'excel'>,
): number {
  const first = trimStart(bytes, start, end);
  return parseDigitStamp(bytes, first, trimEnd(bytes, first, end), unit);
}

/** Day 0 of spreadsheets; they take 1900 for a leap year, so that days count from here only from March of it on. */
const SERIAL_EPOCH_US = -25_569 * DAY_US;
const FIRST_SERIAL_DAY = 61;

/**
 * The local time that days since 1899-12-30, the time of day as their fraction (`45292.4375`), stand for. To the nearest
 * second: spreadsheets print five places at the least, which is less.
 */
export function parseSerialDay(bytes: Uint8Array, start: number, end: number): number {
  const days = parseNumber(bytes, start, end);
  if (!(days >= FIRST_SERIAL_DAY)) return Number.NaN;
  return SERIAL_EPOCH_US + Math.round(days * 86_400) * 1e6;
}

/** A time of day as a spreadsheet holds it in a cell of its own, the fraction of a day; µs, NaN when it is none. */
export function parseDayFraction(bytes: Uint8Array, start: number, end: number): number {
  const days = parseNumber(bytes, start, end);
  return days >= 0 && days < 1 ? Math.round(days * 86_400) * 1e6 : Number.NaN;
}

/** `[+-]?\d+(\.\d*)?([eE][+-]?\d+)?` in the unit, digit by digit. */
function parseDigitStamp(
  bytes: Uint8Array,
  start: number,
  end: number,
  unit: Exclude<TimeUnit, 'text' | 'excel'>,
): number {
  let p = start;
  const isNegative = p < end && bytes[p] === 0x2d;
  if (p < end && (bytes[p] === 0x2b || isNegative)) p++;
  let first = p;
  while (p < end && (bytes[p]! ^ 48) < 10) p++;
  const point = p;
  if (point === first) return Number.NaN;
  if (p < end && bytes[p] === 0x2e) {
    p++;
    while (p < end && (bytes[p]! ^ 48) < 10) p++;
  }
  const last = p;
  const power = p === end ? 0 : parseExponent(bytes, p, end);
  // No stamp has so many digits, and the loop below has as many steps.
  if (!(Math.abs(power) <= 30)) return Number.NaN;
  while (first < last && (bytes[first] === 48 || bytes[first] === 0x2e)) first++;
  if (first === last) return 0;
  // Digits before the point once the exponent has moved it; 0 or less when it is left of them all.
  const whole = (first < point ? point - first : point + 1 - first) + power;
  const us = whole + PLACES[unit === 'magnitude' ? unitOfMagnitude(whole) : unit];
  let value = 0;
  p = first;
  for (let digit = 0; digit < us; digit++) {
    if (p === point) p++;
    value = value * 10 + (p < last ? bytes[p++]! ^ 48 : 0);
  }
  return isNegative ? -value : value;
}
