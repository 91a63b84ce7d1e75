/**
 * Stamps by a pattern of Unicode's letters (UTS #35, Date Format Patterns): `yyyyMMdd HHmmss`, `d.M.yyyy`,
 * `MM/dd/yyyy hh:mm a`, `dd-MMM-yy`, `yyyy-MM-dd'T'HH:mm:ssX`, and `yyyy-MM` for bars of months. Letters that are doubled stand for exactly so many
 * digits, single ones for one or two. Names are English ones. `X`, `x`, `Z` and `z` take every offset of
 * {@link readOffset}. Text stands in quotes; the `T` between a date and a time needs none.
 */

import { daysFromCivil, isDate } from './civil.ts';
import { POWERS_OF_TEN } from './numbers.ts';
import { readOffset, type StampForm } from './stamp_form.ts';

const LITERAL = 0;
const YEAR = 1;
const MONTH = 2;
const DAY = 3;
const DAY_OF_YEAR = 4;
const HOUR = 5;
/** The clock that has no hour 0: 24 for it. */
const HOUR_TO_24 = 6;
const HALF_HOUR = 7;
const MINUTE = 8;
const SECOND = 9;
const FRACTION = 10;
const MS_OF_DAY = 11;
const HALF = 12;
const MONTH_NAME = 13;
const WEEKDAY_NAME = 14;
const OFFSET = 15;
/** Fields up to here are digits. */
const LAST_NUMERIC = MS_OF_DAY;

/** Letter → field, and how often it may stand. */
const LETTERS: Readonly<Record<string, { readonly field: number; readonly counts: readonly number[] }>> = {
  y: { field: YEAR, counts: [1, 2, 4] },
  u: { field: YEAR, counts: [1, 4] },
  M: { field: MONTH, counts: [1, 2, 3, 4] },
  L: { field: MONTH, counts: [1, 2, 3, 4] },
  d: { field: DAY, counts: [1, 2] },
  D: { field: DAY_OF_YEAR, counts: [1, 3] },
  H: { field: HOUR, counts: [1, 2] },
  k: { field: HOUR_TO_24, counts: [1, 2] },
  h: { field: HALF_HOUR, counts: [1, 2] },
  K: { field: HALF_HOUR, counts: [1, 2] },
  m: { field: MINUTE, counts: [1, 2] },
  s: { field: SECOND, counts: [1, 2] },
  S: { field: FRACTION, counts: [1, 2, 3, 4, 5, 6, 7, 8, 9] },
  A: { field: MS_OF_DAY, counts: [1, 2, 3, 4, 5, 6, 7, 8] },
  a: { field: HALF, counts: [1, 2, 3] },
  E: { field: WEEKDAY_NAME, counts: [1, 2, 3, 4] },
  X: { field: OFFSET, counts: [1, 2, 3, 4, 5] },
  x: { field: OFFSET, counts: [1, 2, 3, 4, 5] },
  Z: { field: OFFSET, counts: [1, 2, 3, 4, 5] },
  z: { field: OFFSET, counts: [1] },
};

/** What other languages call what Unicode calls otherwise. */
const STRFTIME: Readonly<Record<string, string>> = {
  Y: 'yyyy',
  y: 'yy',
  m: 'MM',
  d: 'dd',
  H: 'HH',
  I: 'hh',
  M: 'mm',
  S: 'ss',
  f: 'SSSSSS',
  p: 'a',
  b: 'MMM',
  B: 'MMMM',
  j: 'DDD',
  z: 'X',
  T: 'HH:mm:ss',
  F: 'yyyy-MM-dd',
};

const MONTHS = [
  'january',
  'february',
  'march',
  'april',
  'may',
  'june',
  'july',
  'august',
  'september',
  'october',
  'november',
  'december',
];
const WEEKDAYS = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'];

/** Years of two digits are those from 1970 to 2069. */
const FIRST_SHORT_YEAR = 70;

interface Field {
  readonly field: number;
  /** How often the letter stands; the byte of a literal. */
  readonly count: number;
}

/** What a pattern tells. */
export interface PatternParts {
  readonly hasDate: boolean;
  readonly hasTime: boolean;
  /** What stands between a date and a time of day; null where there are not both, or one within the other. */
  readonly between: string | null;
  /** The time of day stands before the date. */
  readonly timeFirst: boolean;
}

const utf8 = new TextEncoder();

/** A pattern, ready to read by. */
export class StampPattern implements StampForm {
  readonly text: string;
  readonly isOfMonth: boolean;
  localUs = Number.NaN;
  offsetUs = Number.NaN;
  readonly parts: PatternParts;
  readonly #fields: Uint8Array;
  readonly #counts: Uint8Array;
  /** Per field: digits of the fields of digits that follow without anything between. */
  readonly #reserved: Uint8Array;
  /** Where the last field has ended. */
  #at = 0;

  /** @throws SyntaxError that says what is wrong with the pattern, and what was likely meant */
  constructor(text: string) {
    const fields = fieldsOf(text);
    checkFields(fields, text);
    this.text = text;
    this.parts = partsOf(fields);
    this.isOfMonth =
      this.parts.hasDate && !fields.some(({ field }) => field === DAY || field === DAY_OF_YEAR);
    this.#fields = Uint8Array.from(fields, ({ field }) => field);
    this.#counts = Uint8Array.from(fields, ({ count }) => count);
    this.#reserved = new Uint8Array(fields.length);
    for (let i = fields.length - 2; i >= 0; i--) {
      const { field, count } = fields[i + 1]!;
      if (isNumeric(field)) this.#reserved[i] = this.#reserved[i + 1]! + count;
    }
  }

  read(bytes: Uint8Array, start: number, end: number): boolean {
    const fields = this.#fields;
    const counts = this.#counts;
    let year = 1970;
    let month = 1;
    let day = 1;
    let us = 0;
    let hour = 0;
    let half = -1;
    this.offsetUs = Number.NaN;
    this.#at = start;
    for (let i = 0; i < fields.length; i++) {
      const count = counts[i]!;
      switch (fields[i]) {
        case LITERAL:
          if (this.#at >= end || bytes[this.#at++] !== count) return false;
          break;
        case YEAR:
          year = this.#digits(bytes, end, count === 1 ? 4 : count, count === 1 ? 4 : count, i);
          if (year < 0) return false;
          if (count === 2) year += year < FIRST_SHORT_YEAR ? 2000 : 1900;
          break;
        case MONTH:
          month = this.#digits(bytes, end, count, 2, i);
          break;
        case MONTH_NAME:
          month = this.#name(bytes, end, MONTHS) + 1;
          break;
        case DAY:
          day = this.#digits(bytes, end, count, 2, i);
          break;
        case DAY_OF_YEAR: {
          const days = this.#digits(bytes, end, count, 3, i);
          if (days < 1 || days > (isDate(year, 2, 29) ? 366 : 365)) return false;
          us += (days - 1) * 86_400_000_000;
          break;
        }
        case HOUR:
          hour = this.#digits(bytes, end, count, 2, i);
          if (hour < 0 || hour > 23) return false;
          break;
        case HOUR_TO_24:
          hour = this.#digits(bytes, end, count, 2, i);
          if (hour < 1 || hour > 24) return false;
          hour %= 24;
          break;
        case HALF_HOUR:
          hour = this.#digits(bytes, end, count, 2, i);
          if (hour < 0 || hour > 12) return false;
          hour %= 12;
          break;
        case MINUTE: {
          const minute = this.#digits(bytes, end, count, 2, i);
          if (minute < 0 || minute > 59) return false;
          us += minute * 60_000_000;
          break;
        }
        case SECOND: {
          const second = this.#digits(bytes, end, count, 2, i);
          if (second < 0 || second > 59) return false;
          us += second * 1_000_000;
          break;
        }
        case FRACTION: {
          const fraction = this.#fraction(bytes, end, count, i);
          if (fraction < 0) return false;
          us += fraction;
          break;
        }
        case MS_OF_DAY: {
          const ms = this.#digits(bytes, end, 1, 8, i);
          if (ms < 0 || ms >= 86_400_000) return false;
          us += ms * 1000;
          break;
        }
        case HALF:
          half = this.#halfOfDay(bytes, end);
          if (half < 0) return false;
          break;
        case WEEKDAY_NAME:
          if (this.#name(bytes, end, WEEKDAYS) < 0) return false;
          break;
        default:
          this.offsetUs = readOffset(bytes, this.#at, end);
          if (Number.isNaN(this.offsetUs)) return false;
          this.#at = end;
      }
    }
    if (this.#at !== end || !isDate(year, month, day)) return false;
    if (half === 1) hour += 12;
    this.localUs = daysFromCivil(year, month, day) * 86_400_000_000 + hour * 3_600_000_000 + us;
    return true;
  }

  /** `least` to `most` digits; -1 where they are not there. Digits of fields that follow at once are left to them. */
  #digits(bytes: Uint8Array, end: number, least: number, most: number, field: number): number {
    const reserved = this.#reserved[field]!;
    let p = this.#at;
    let last = Math.min(end, p + (least > 1 ? least : most));
    if (least === 1 && reserved > 0) {
      let run = p;
      while (run < end && (bytes[run]! ^ 48) < 10) run++;
      last = Math.min(last, run - reserved);
    }
    let value = 0;
    while (p < last && (bytes[p]! ^ 48) < 10) value = value * 10 + (bytes[p++]! ^ 48);
    if (p - this.#at < least) return -1;
    this.#at = p;
    return value;
  }

  /** A fraction of a second, in whole µs: as many digits as there are, or as the letters say where digits follow. */
  #fraction(bytes: Uint8Array, end: number, count: number, field: number): number {
    const from = this.#at;
    const isBehindDigits = field > 0 && isNumeric(this.#fields[field - 1]!);
    const last = isBehindDigits || this.#reserved[field]! > 0 ? Math.min(end, from + count) : end;
    let p = from;
    let us = 0;
    for (; p < last && (bytes[p]! ^ 48) < 10; p++) {
      if (p - from < 6) us += (bytes[p]! ^ 48) * POWERS_OF_TEN[5 - (p - from)]!;
    }
    if (p === from || (isBehindDigits && p - from < count)) return -1;
    this.#at = p;
    return us;
  }

  /** `AM`, `pm`, `a.m.`: 0 or 1; -1 for none. */
  #halfOfDay(bytes: Uint8Array, end: number): number {
    let p = this.#at;
    const letter = p < end ? bytes[p]! | 0x20 : 0;
    if (letter !== 0x61 && letter !== 0x70) return -1;
    p++;
    if (bytes[p] === 0x2e) p++;
    if (p >= end || (bytes[p]! | 0x20) !== 0x6d) return -1;
    p++;
    if (p < end && bytes[p] === 0x2e) p++;
    this.#at = p;
    return letter === 0x70 ? 1 : 0;
  }

  /** The index of a name, in full or by its first three letters, a point behind it allowed; -1 for none. */
  #name(bytes: Uint8Array, end: number, names: readonly string[]): number {
    let p = this.#at;
    while (p < end && (bytes[p]! | 0x20) >= 0x61 && (bytes[p]! | 0x20) <= 0x7a) p++;
    const length = p - this.#at;
    for (let i = 0; i < names.length; i++) {
      const name = names[i]!;
      // September is Sept as well.
      if (length !== name.length && length !== 3 && !(length === 4 && i === 8)) continue;
      let same = 0;
      while (same < length && (bytes[this.#at + same]! | 0x20) === name.charCodeAt(same)) same++;
      if (same < length) continue;
      this.#at = p < end && bytes[p] === 0x2e ? p + 1 : p;
      return i;
    }
    return -1;
  }
}

function isNumeric(field: number): boolean {
  return field > LITERAL && field <= LAST_NUMERIC;
}

/**
 * The fields of a pattern, its text as the bytes of literals.
 * @throws SyntaxError
 */
function fieldsOf(text: string): Field[] {
  if (text.includes('%')) throw new SyntaxError(`the letters are Unicode's: ${fromStrftime(text)}`);
  const fields: Field[] = [];
  const literal = (characters: string): void => {
    for (const byte of utf8.encode(characters)) fields.push({ field: LITERAL, count: byte });
  };
  const tokens = text.matchAll(/'((?:[^']|'')*)'|([A-Za-z])\2*|[\s\S]/gu);
  for (const [token, quoted, letter] of tokens) {
    if (quoted !== undefined) literal(quoted === '' ? "'" : quoted.replaceAll("''", "'"));
    else if (token === "'") throw new SyntaxError('a quote is not closed');
    else if (letter === undefined) literal(token);
    else if (token === 'T') literal(token);
    else fields.push(fieldOf(letter, token.length));
  }
  return fields;
}

function fieldOf(letter: string, count: number): Field {
  const known = Object.hasOwn(LETTERS, letter) ? LETTERS[letter] : undefined;
  const written = letter.repeat(count);
  if (letter === 'Y')
    throw new SyntaxError(`${written} is the year of weeks; a year is ${'y'.repeat(count)}`);
  if (known === undefined)
    throw new SyntaxError(`${written} is no field; text stands in quotes: '${written}'`);
  if (!known.counts.includes(count)) {
    if (letter === 'D') throw new SyntaxError('DD is the day of the year; the day of the month is dd');
    throw new SyntaxError(
      `${written} is no field; there are ${known.counts.map((n) => letter.repeat(n)).join(', ')}`,
    );
  }
  if (known.field === MONTH && count > 2) return { field: MONTH_NAME, count };
  return { field: known.field, count };
}

/** @throws SyntaxError where fields are missing, stand twice or do not go together */
function checkFields(fields: readonly Field[], text: string): void {
  const has = (...any: number[]): boolean => fields.some(({ field }) => any.includes(field));
  const twice = fields.find(
    ({ field }, i) => field !== LITERAL && fields.findIndex((one) => one.field === field) !== i,
  );
  if (twice?.field === MINUTE) throw new SyntaxError('mm is minutes, and stands twice; months are MM');
  if (twice?.field === MONTH) throw new SyntaxError('MM is months, and stands twice; minutes are mm');
  if (twice !== undefined) throw new SyntaxError(`a field of ${text} stands twice`);
  const hasMonth = has(MONTH, MONTH_NAME);
  if (has(YEAR) && !hasMonth && !has(DAY_OF_YEAR)) {
    const meant = has(MINUTE) && !has(HOUR, HOUR_TO_24, HALF_HOUR) ? ' (mm is minutes)' : '';
    throw new SyntaxError(`a month is missing: MM${meant}`);
  }
  const hasTime = has(HOUR, HOUR_TO_24, HALF_HOUR, MINUTE, SECOND, MS_OF_DAY, OFFSET, WEEKDAY_NAME);
  if (has(YEAR) && hasMonth && !has(DAY) && hasTime) throw new SyntaxError('a day is missing: dd');
  if (!has(YEAR) && (hasMonth || has(DAY, DAY_OF_YEAR))) throw new SyntaxError('a year is missing: yyyy');
  if (has(HALF_HOUR) && !has(HALF))
    throw new SyntaxError('hh is the clock of twelve hours, and needs a for AM and PM; that of 24 is HH');
  if (has(HALF) && !has(HALF_HOUR))
    throw new SyntaxError('a, for AM and PM, goes with hh, the clock of twelve hours');
  if (has(MINUTE) && !has(HOUR, HOUR_TO_24, HALF_HOUR))
    throw new SyntaxError('mm is minutes, and hours are missing');
  if (has(FRACTION) && !has(SECOND))
    throw new SyntaxError('S is the fraction of a second, and seconds, ss, are missing');
  if (!has(YEAR, HOUR, HOUR_TO_24, HALF_HOUR, MS_OF_DAY))
    throw new SyntaxError('there is neither a date nor a time in it');
  const offset = fields.findIndex(({ field }) => field === OFFSET);
  if (offset >= 0 && offset < fields.length - 1) throw new SyntaxError('an offset (X) is the last field');
}

function partsOf(fields: readonly Field[]): PatternParts {
  const kinds = fields.map(({ field }) => {
    if (field === LITERAL || field === OFFSET) return 'none';
    return [YEAR, MONTH, MONTH_NAME, DAY, DAY_OF_YEAR, WEEKDAY_NAME].includes(field) ? 'date' : 'time';
  });
  const timeFirst = kinds.find((kind) => kind !== 'none') === 'time';
  const [first, second] = timeFirst ? (['time', 'date'] as const) : (['date', 'time'] as const);
  const end = kinds.lastIndexOf(first);
  const start = kinds.indexOf(second);
  const between = fields.slice(end + 1, start).map(({ count }) => count);
  return {
    hasDate: kinds.includes('date'),
    hasTime: kinds.includes('time'),
    between: end >= 0 && start > end ? String.fromCharCode(...between) : null,
    timeFirst,
  };
}

/** A strftime pattern in Unicode's letters. */
function fromStrftime(text: string): string {
  const [first] = /%[A-Za-z]/.exec(text) ?? ['%Y'];
  const whole = text.replace(/%([A-Za-z])/g, (all, letter: string) => STRFTIME[letter] ?? all);
  return whole.includes('%')
    ? `${first} is ${STRFTIME[first[1]!] ?? 'none of them'}`
    : `did you mean ${whole}?`;
}
