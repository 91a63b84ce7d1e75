import type { Zone } from '../base/zone.ts';
import { POWERS_OF_TEN, parseNumber, trimEnd, trimStart } from './numbers.ts';
import type { TimeUnit } from './shape.ts';

/**
 * Stamps from bytes: µs since 1970-01-01 UTC in a double, NaN when it is no stamp. What is finer than a µs is cut
 * off (towards 1970). Nanoseconds are reduced digit by digit: 19 digits do not fit a double.
 */

const DAY_US = 86_400_000_000;

/** Decimal places by which a unit is coarser than a µs. */
const PLACES: Readonly<Record<'s' | 'ms' | 'us' | 'ns', number>> = { s: 6, ms: 3, us: 0, ns: -3 };

/** The unit a stamp's number of integer digits tells: seconds reach 12 digits in the year 5138, and so on. */
export function unitOfMagnitude(digits: number): 's' | 'ms' | 'us' | 'ns' {
  if (digits <= 11) return 's';
  if (digits <= 14) return 'ms';
  return digits <= 17 ? 'us' : 'ns';
}

/**
 * The stamp in `bytes[start,end)`, spaces and tabs around it allowed. Under `magnitude` a date is understood too:
 * a vendor's older files have only a date where the newer ones have a number.
 */
export function parseStamp(
  bytes: Uint8Array,
  start: number,
  end: number,
  unit: TimeUnit,
  zone: Zone,
): number {
  const first = trimStart(bytes, start, end);
  const last = trimEnd(bytes, first, end);
  if (unit === 'text') return parseTextStamp(bytes, first, last, zone);
  if (
    unit === 'magnitude' &&
    last - first >= 10 &&
    (bytes[first + 4] === 0x2d || bytes[first + 2] === 0x2f)
  ) {
    return parseTextStamp(bytes, first, last, zone);
  }
  if (unit === 'excel') return parseSerialDay(bytes, first, last, zone);
  return parseDigitStamp(bytes, first, last, unit);
}

/** Day 0 of spreadsheets; they take 1900 for a leap year, so that days count from here only from March of it on. */
const SERIAL_EPOCH_US = -25_569 * DAY_US;
const FIRST_SERIAL_DAY = 61;

/**
 * Days since 1899-12-30 in `zone`, the time of day as their fraction: `45292.4375`. To the nearest second, as five
 * places, which spreadsheets print at the least, are less than that.
 */
function parseSerialDay(bytes: Uint8Array, start: number, end: number, zone: Zone): number {
  const days = parseNumber(bytes, start, end);
  if (!(days >= FIRST_SERIAL_DAY)) return Number.NaN;
  return zone.instantUs(SERIAL_EPOCH_US + Math.round(days * 86_400) * 1e6);
}

/** `[+-]?\d+(\.\d*)?` in the unit. */
function parseDigitStamp(
  bytes: Uint8Array,
  start: number,
  end: number,
  unit: Exclude<TimeUnit, 'text' | 'excel'>,
): number {
  let p = start;
  let negative = false;
  if (p < end && (bytes[p] === 0x2b || bytes[p] === 0x2d)) negative = bytes[p++] === 0x2d;
  const first = p;
  while (p < end && (bytes[p]! ^ 48) < 10) p++;
  const point = p;
  if (point === first) return Number.NaN;
  if (p < end && bytes[p] === 0x2e) {
    p++;
    while (p < end && (bytes[p]! ^ 48) < 10) p++;
  }
  if (p !== end) return Number.NaN;
  let leading = first;
  while (leading < point - 1 && bytes[leading] === 48) leading++;
  const places = PLACES[unit === 'magnitude' ? unitOfMagnitude(point - leading) : unit];
  let us = 0;
  const whole = places < 0 ? point + places : point;
  for (p = leading; p < whole; p++) us = us * 10 + (bytes[p]! ^ 48);
  for (let place = 1; place <= places; place++) {
    us = us * 10 + (point + place < end ? bytes[point + place]! ^ 48 : 0);
  }
  return negative ? -us : us;
}

/** Days from 1970-01-01 to a date of the proleptic Gregorian calendar (Howard Hinnant, days_from_civil). */
export function daysFromCivil(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}

/** Day of the month, from 1, of a day since 1970-01-01 (Howard Hinnant, civil_from_days). */
export function dayOfMonth(days: number): number {
  const shifted = days + 719_468;
  const dayOfEra = shifted - Math.floor(shifted / 146_097) * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const month = Math.floor((5 * dayOfYear + 2) / 153);
  return dayOfYear - Math.floor((153 * month + 2) / 5) + 1;
}

const MONTH_DAYS = Uint8Array.of(0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31);

function isDate(year: number, month: number, day: number): boolean {
  if (month < 1 || month > 12 || day < 1) return false;
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return day <= MONTH_DAYS[month]! + (month === 2 && leap ? 1 : 0);
}

/** Two digits at `p`, or -1. */
function twoDigits(bytes: Uint8Array, p: number): number {
  const tens = bytes[p]! ^ 48;
  const ones = bytes[p + 1]! ^ 48;
  return tens < 10 && ones < 10 ? tens * 10 + ones : -1;
}

/** Four digits at `p`, or below 0. */
function fourDigits(bytes: Uint8Array, p: number): number {
  const high = twoDigits(bytes, p);
  const low = twoDigits(bytes, p + 2);
  return high < 0 || low < 0 ? -1 : high * 100 + low;
}

/**
 * A date and time as text, without blanks around it: `YYYY-MM-DD`, `YYYY-MM-DD[ T]HH:MM[:SS[.frac]][Z|±HH:MM]`,
 * `YYYY-MM-DD HH-AM` (12-hour clock), `MM/DD/YYYY`. Without a zone of its own it is read in `zone`; a local time
 * that never was (clocks put forward) is no stamp, of one that was twice the first is meant.
 */
export function parseTextStamp(bytes: Uint8Array, start: number, end: number, zone: Zone): number {
  if (end - start < 10) return Number.NaN;
  const american = bytes[start + 2] === 0x2f;
  const separator = american ? 0x2f : 0x2d;
  const year = fourDigits(bytes, american ? start + 6 : start);
  const month = twoDigits(bytes, american ? start : start + 5);
  const day = twoDigits(bytes, american ? start + 3 : start + 8);
  if (
    bytes[american ? start + 5 : start + 4] !== separator ||
    (!american && bytes[start + 7] !== separator)
  ) {
    return Number.NaN;
  }
  if (year < 0 || !isDate(year, month, day)) return Number.NaN;
  const dayUs = daysFromCivil(year, month, day) * DAY_US;
  if (end - start === 10) return zone.instantUs(dayUs);
  if (american || end - start < 16 || (bytes[start + 10] !== 0x20 && bytes[start + 10] !== 0x54))
    return Number.NaN;
  return parseClock(bytes, start + 11, end, dayUs, zone);
}

/** What follows the date, from the hour on. */
function parseClock(bytes: Uint8Array, start: number, end: number, dayUs: number, zone: Zone): number {
  const hour = twoDigits(bytes, start);
  if (bytes[start + 2] === 0x2d) {
    const half = bytes[start + 3];
    const valid =
      end === start + 5 &&
      hour >= 1 &&
      hour <= 12 &&
      (half === 0x41 || half === 0x50) &&
      bytes[start + 4] === 0x4d;
    if (!valid) return Number.NaN;
    return zone.instantUs(dayUs + ((hour % 12) + (half === 0x50 ? 12 : 0)) * 3_600_000_000);
  }
  const minute = twoDigits(bytes, start + 3);
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || bytes[start + 2] !== 0x3a) return Number.NaN;
  let us = dayUs + hour * 3_600_000_000 + minute * 60_000_000;
  let p = start + 5;
  if (p < end && bytes[p] === 0x3a) {
    const second = end - p >= 3 ? twoDigits(bytes, p + 1) : -1;
    if (second < 0 || second > 59) return Number.NaN;
    us += second * 1_000_000;
    p += 3;
    if (p < end && bytes[p] === 0x2e) {
      const point = p++;
      let fraction = 0;
      while (p < end && (bytes[p]! ^ 48) < 10) {
        if (p - point <= 6) fraction += (bytes[p]! ^ 48) * POWERS_OF_TEN[6 - (p - point)]!;
        p++;
      }
      if (p - point < 2) return Number.NaN;
      us += fraction;
    }
  }
  if (p === end) return zone.instantUs(us);
  if (bytes[p] === 0x5a) return p + 1 === end ? us : Number.NaN;
  return parseOffset(bytes, p, end, us);
}

/** `±HH:MM` at `p`, up to `end`. */
function parseOffset(bytes: Uint8Array, p: number, end: number, localUs: number): number {
  const sign = bytes[p];
  if (end - p !== 6 || (sign !== 0x2b && sign !== 0x2d) || bytes[p + 3] !== 0x3a) return Number.NaN;
  const hours = twoDigits(bytes, p + 1);
  const minutes = twoDigits(bytes, p + 4);
  if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) return Number.NaN;
  const offset = (hours * 60 + minutes) * 60_000_000;
  return sign === 0x2b ? localUs - offset : localUs + offset;
}
