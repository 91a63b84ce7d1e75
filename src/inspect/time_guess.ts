/** Which field, or which two, are the stamp of a record, and how it is written. */

import type { TimeUnit } from '../scan/shape.ts';
import { TEXT_NONE, TextStamps } from '../scan/stamp_texts.ts';
import { zoneInName } from './column_words.ts';
import type { Guess } from './table_guess.ts';

export interface TimeGuess {
  /** One field, or that of a day and that of a time of day. */
  readonly at: readonly number[];
  readonly unit: TimeUnit;
  /** Patterns that fit every stamp seen; null for numbers and for ISO 8601. */
  readonly formats: readonly string[] | null;
  readonly why: string;
  /** Null: nothing in the file tells it. */
  readonly zone: Guess<string> | null;
  /** The first stamp is later than the last. */
  readonly isBackward: boolean;
}

type Stamps = Pick<TimeGuess, 'unit' | 'formats' | 'why' | 'zone' | 'isBackward'>;

/** Years that stamps are believed to be of. */
const EARLIEST_S = Date.UTC(1980, 0, 1) / 1000;
const OLDEST_S = Date.UTC(1800, 0, 1) / 1000;
const LATEST_S = Date.UTC(2100, 0, 1) / 1000;
const UNITS = [
  ['s', 1],
  ['ms', 1e3],
  ['us', 1e6],
  ['ns', 1e9],
] as const;

const UNIT_NAMES = { s: 'seconds', ms: 'milliseconds', us: 'microseconds', ns: 'nanoseconds' } as const;

/** How the stamps in these fields are written; null where they are none. */
function guessStamps(fields: readonly string[]): Stamps | null {
  return guessText(fields) ?? guessZoned(fields) ?? guessNumber(fields);
}

function unitOf(stamp: number): (typeof UNITS)[number][0] | null {
  return UNITS.find(([, per]) => stamp / per >= EARLIEST_S && stamp / per < LATEST_S)?.[0] ?? null;
}

function guessNumber(fields: readonly string[]): Stamps | null {
  if (!fields.every((field) => /^-?\d+(?:\.\d*)?(?:e\+?\d+)?$/i.test(field))) return null;
  const zone = { value: 'UTC', why: 'numbers count from one instant wherever they are' };
  const numbers = fields.map(Number);
  const isBackward = numbers[0]! > numbers.at(-1)!;
  const units = new Set(numbers.map(unitOf));
  const least = numbers.reduce((one, other) => Math.min(one, other));
  // Days before 1970, and those up to 1980 with them: near 0 no digits tell the unit, so that it is said.
  if (least < 0) {
    const unit = least >= OLDEST_S ? 's' : 'ms';
    if (least < 1e3 * OLDEST_S) return null;
    return {
      unit,
      formats: null,
      why: `numbers of ${UNIT_NAMES[unit]} since 1970, such as ${fields[0]}`,
      zone,
      isBackward,
    };
  }
  if (units.has(null)) {
    const isSerial = numbers.every((day) => day > 20_000 && day < 75_000);
    return isSerial
      ? {
          unit: 'excel',
          formats: null,
          why: `${fields[0]} is a serial day of a spreadsheet`,
          zone: null,
          isBackward,
        }
      : null;
  }
  // Vendors have changed the unit in the middle of a file: each stamp's digits tell its own.
  const names = [...units].map((unit) => UNIT_NAMES[unit!]).join(' and ');
  return {
    unit: 'magnitude',
    formats: null,
    why: `numbers of ${names} since 1970, such as ${fields[0]}`,
    zone,
    isBackward,
  };
}

/** Stamps with the name of one zone behind each, as Interactive Brokers writes them: `20250501 10:00:00 US/Eastern`. */
function guessZoned(fields: readonly string[]): Stamps | null {
  const [, zone] = /^\d.*\d ([A-Z][A-Za-z]+\/[A-Za-z_/]+)$/.exec(fields[0] ?? '') ?? [];
  if (zone === undefined || zoneInName(zone) !== zone) return null;
  const ending = ` ${zone}`;
  if (!fields.every((field) => field.endsWith(ending))) return null;
  const bare = guessText(fields.map((field) => field.slice(0, -ending.length)));
  if (bare === null || bare.formats === null) return null;
  const formats = bare.formats.map((format) => `${format} '${zone}'`);
  return { ...bare, formats, zone: { value: zone, why: 'each stamp names it' } };
}

function guessText(fields: readonly string[]): Stamps | null {
  const stamps = new TextStamps(null, null);
  let hasOffset = true;
  for (const field of fields) {
    const bytes = Buffer.from(field);
    if (stamps.read(bytes, 0, bytes.length) === TEXT_NONE) return null;
    hasOffset &&= !Number.isNaN(stamps.offsetUs);
  }
  const { forms } = stamps;
  if (forms.length === 0) return null;
  const [oldest, newest] = [fields[0]!, fields.at(-1)!].map((field) => localUsOf(field, forms[0]!));
  const isBackward = oldest! > newest!;
  const zone = hasOffset ? { value: 'UTC', why: 'each stamp names its offset' } : null;
  const [first] = forms;
  if (first!.includes('['))
    return { unit: 'text', formats: null, why: 'dates as ISO 8601 has them', zone, isBackward };
  const [dayFirst, ...others] = unlike(fields, forms);
  const same = /^d+\.M+\./.test(dayFirst!) ? [dayFirst!] : [dayFirst!, ...others];
  if (same.length === 1 && others.length > 0)
    return {
      unit: 'text',
      formats: same,
      why: `CHECK: ${fields[0]} may be either way round; with points the day is mostly the first`,
      zone,
      isBackward,
    };
  return same.length === 1
    ? {
        unit: 'text',
        formats: same,
        why: `the pattern that fits all ${fields.length} stamps looked at, such as ${fields[0]}`,
        zone,
        isBackward,
      }
    : {
        unit: 'text',
        formats: same,
        why: `day and month could be either way round in all ${fields.length} stamps looked at: the whole file decides, or is refused`,
        zone,
        isBackward,
      };
}

/** µs, NaN where the form does not fit. */
function localUsOf(field: string, form: string): number {
  const stamps = new TextStamps(form.includes('[') ? null : [form], null);
  const bytes = Buffer.from(field);
  return stamps.read(bytes, 0, bytes.length) === TEXT_NONE ? Number.NaN : stamps.localUs;
}

/** Of forms that read every stamp alike, the first. */
function unlike(fields: readonly string[], forms: readonly string[]): string[] {
  const kept = new Map<string, string>();
  for (const form of forms) {
    const key = fields.map((field) => localUsOf(field, form)).join();
    if (!kept.has(key)) kept.set(key, form);
  }
  return [...kept.values()];
}

/** The stamps of a table; null where no field holds any. `names`: of the columns that may be it, the likeliest first. */
export function guessTime(
  records: readonly (readonly string[])[],
  header: readonly string[] | null,
  candidates: readonly number[],
  dayAndTime: readonly [number, number] | null,
): TimeGuess | null {
  const column = (at: number): string[] => records.map((record) => record[at] ?? '');
  const withZone = (at: number, found: Stamps): TimeGuess => {
    const named = header === null ? null : zoneInName(header[at] ?? '');
    const zone =
      found.zone ?? (named === null ? null : { value: named, why: `the column is called ${header![at]}` });
    return { at: [at], ...found, zone };
  };
  if (dayAndTime !== null) {
    const [day, time] = dayAndTime;
    const times = column(time);
    const joined = guessText(column(day).map((text, i) => `${text} ${times[i]}`));
    if (joined !== null) return { at: dayAndTime, ...joined };
  }
  for (const at of candidates) {
    const found = guessStamps(column(at));
    if (found !== null) return withZone(at, found);
  }
  return null;
}
