/** Readers of single values: what a user writes after a flag. Each throws {@link Unreadable} with what was expected. */

import { INDICATOR_NAMES, type IndicatorName } from '../../bars/columns.ts';
import { nearest } from '../../base/nearest.ts';
import { Zone } from '../../base/zone.ts';
import { isRollup } from '../../buckets/rollup_rule.ts';
import { type OnInvalid, WAIVABLE, type Waivable } from '../../scan/shape.ts';
import { Unreadable } from './settings.ts';

const TIME_EXPECTED =
  'YYYY, YYYY-MM, YYYY-MM-DD or YYYY-MM-DDThh:mm[:ss[.ffffff]][Z|±hh:mm] (UTC without a zone)';
const TIME =
  /^(\d{4})(?:-(\d{2})(?:-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,6}))?)?(Z|[+-]\d{2}:?\d{2})?)?)?)?$/i;

/** An ISO 8601 date or instant, possibly cut short, as µs since 1970: the first instant it names. */
export function parseTime(text: string): number {
  const match = TIME.exec(text.trim());
  if (match === null) throw new Unreadable(TIME_EXPECTED);
  const [
    ,
    year,
    month = '01',
    day = '01',
    hour = '00',
    minute = '00',
    second = '00',
    fraction = '',
    zone = 'Z',
  ] = match;
  const local = Date.UTC(+year!, +month - 1, +day, +hour, +minute, +second);
  const written = `${year}-${month}-${day}T${hour}:${minute}:${second}`;
  // Date.UTC carries an overflow on (31 February is 2 March): what it made must read as what was written.
  if (!new Date(local).toISOString().startsWith(written)) throw new Unreadable(TIME_EXPECTED);
  return (local - zoneMs(zone)) * 1000 + Number(fraction.padEnd(6, '0'));
}

function zoneMs(zone: string): number {
  if (zone.toUpperCase() === 'Z') return 0;
  const sign = zone.startsWith('-') ? -1 : 1;
  const hours = Number(zone.slice(1, 3));
  const minutes = Number(zone.slice(-2));
  if (hours > 14 || minutes > 59) throw new Unreadable(TIME_EXPECTED);
  return sign * (hours * 60 + minutes) * 60_000;
}

/** Seconds a unit of an interval has. A month counts as 30 days, the mark of a calendar month everywhere inside. */
const INTERVAL_UNITS: Readonly<Record<string, number>> = {
  s: 1,
  m: 60,
  h: 3600,
  d: 86_400,
  w: 604_800,
  mo: 2_592_000,
};

/** Intervals such as `1m`, `4h`, `1d`, `1w`, `1mo`; a bare number is minutes, as Kraken's file names have it. Seconds. */
export function parseIntervals(texts: readonly string[]): readonly number[] | null {
  if (texts.length === 0 || texts.some((text) => text.toLowerCase() === 'all')) return null;
  return texts.map((text) => {
    const match = /^([1-9]\d{0,5})(s|m|h|d|w|mo)?$/i.exec(text);
    if (match === null)
      throw new Unreadable('intervals such as 1m,15m,1h,1d,1w,1mo (a bare number is minutes)');
    return Number(match[1]) * INTERVAL_UNITS[match[2] === 'M' ? 'mo' : (match[2] ?? 'm').toLowerCase()]!;
  });
}

/** Lengths of bars to be made of shorter ones, s; each once, ascending. */
export function parseRollups(texts: readonly string[]): readonly number[] {
  const rollups = parseIntervals(texts);
  if (rollups === null || !rollups.every(isRollup))
    throw new Unreadable('some of 5m, 15m, 30m, 1h, 4h and what else divides a day, 1d, 1w, 1mo');
  return [...new Set(rollups)].sort((a, b) => a - b);
}

/** One interval, s. */
export function parseInterval(text: string): number {
  const seconds = parseIntervals([text])?.[0];
  if (seconds === undefined) throw new Unreadable('one interval, such as 1m, 1h or 1d');
  return seconds;
}

/** A venue's name: what fits the table, and one line. */
export function parseVenue(text: string): string {
  if (text.trim() === '' || Buffer.byteLength(text) > 64 || /[\p{Cc}/]/u.test(text))
    throw new Unreadable('a name of at most 64 bytes without a slash');
  return text.trim();
}

/** Symbols as the user writes them; null for all. */
export function parseSymbols(texts: readonly string[]): readonly string[] | null {
  return texts.length === 0 ? null : texts;
}

/** `all`, `none` or names; in the order of their columns. */
export function parseIndicators(texts: readonly string[]): readonly IndicatorName[] {
  const names = texts.map((text) => text.toLowerCase());
  if (names.length === 1 && names[0] === 'none') return [];
  if (names.length === 0 || names.includes('all')) return INDICATOR_NAMES;
  for (const name of names) {
    if ((INDICATOR_NAMES as readonly string[]).includes(name)) continue;
    const near = nearest(name, INDICATOR_NAMES);
    const suggestion = near === null ? '' : `; did you mean ${near}?`;
    throw new Unreadable(`all, none or some of ${INDICATOR_NAMES.join(', ')}${suggestion}`);
  }
  return INDICATOR_NAMES.filter((name) => names.includes(name));
}

/** `auto` or a number of threads. */
export function parseWorkers(text: string): 'auto' | number {
  if (text.toLowerCase() === 'auto') return 'auto';
  return parseWhole(text, 1, 1024, 'auto or a number from 1 to 1024');
}

/** `80%`, or a bare `80`: a share, 0.01 … 1. */
export function parsePercent(text: string): number {
  const share = /^(\d{1,3}(?:\.\d+)?)\s*%?$/.exec(text.trim());
  const percent = Number(share?.[1] ?? 0);
  if (percent < 1 || percent > 100) throw new Unreadable('a share from 1% to 100%');
  return percent / 100;
}

/** A limit of rejects: a number, or a share of the records (0 … 1). */
export interface RejectLimit {
  readonly maxRejects: number | null;
  readonly maxRejectShare: number | null;
}

/** `N` records or `N%` of a file. */
export function parseMaxRejects(text: string): RejectLimit {
  const expected = 'a number of records such as 1000, or a share of a file such as 1%';
  const share = /^(\d{1,3}(?:\.\d+)?)\s*%$/.exec(text.trim());
  if (share === null) return { maxRejects: parseWhole(text, 0, 1e12, expected), maxRejectShare: null };
  const percent = Number(share[1]);
  if (percent > 100) throw new Unreadable(expected);
  return { maxRejects: null, maxRejectShare: percent / 100 };
}

/** Rules that may be waived, as users write them, and as rejects are named. */
const RULES: ReadonlyMap<string, Waivable> = new Map([
  ['range', 'outside-file-range'],
  ...WAIVABLE.map((rule) => [rule, rule] as const),
]);
const RULE_NAMES = [...RULES.keys()].filter((name) => name !== 'outside-file-range');

/** `reject`, `keep`, or `keep:` and the rules that a bar may break. */
export function parseOnInvalid(text: string): OnInvalid {
  const word = text.trim().toLowerCase();
  if (word === 'reject' || word === 'keep') return word;
  const expected = `reject, keep, or keep: and some of ${RULE_NAMES.join(', ')} (keep:range,off-grid)`;
  const rules = /^keep:(.*)$/
    .exec(word)?.[1]
    ?.split(',')
    .map((rule) => rule.trim());
  if (rules === undefined) {
    const near = nearest(word, ['reject', 'keep']);
    throw new Unreadable(near === null ? expected : `${expected}; did you mean ${near}?`);
  }
  const found = rules.map((rule) => {
    const known = RULES.get(rule);
    if (known !== undefined) return known;
    const near = nearest(rule, RULE_NAMES);
    throw new Unreadable(near === null ? expected : `${expected}; did you mean ${near}?`);
  });
  return WAIVABLE.filter((rule) => found.includes(rule));
}

const BYTE_UNITS: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  kib: 1024,
  k: 1024,
  mib: 1024 ** 2,
  m: 1024 ** 2,
  gb: 1e9,
  gib: 1024 ** 3,
  g: 1024 ** 3,
  tb: 1e12,
  tib: 1024 ** 4,
  t: 1024 ** 4,
};

/** A size such as `65536`, `256KiB` or `1MB`; from 64 KiB to 256 MiB. Bytes. */
export function parseBatchBytes(text: string): number {
  return sizeBetween(text, 64 * 1024, 256 * 1024 ** 2, 'a size from 64KiB to 256MiB, such as 1MiB');
}

/** What a compressed file may become. */
export function parseMaxInflatedBytes(text: string): number {
  return sizeBetween(text, 1024 ** 2, 1024 ** 5, 'a size from 1MiB to 1PiB, such as 64GiB');
}

function sizeBetween(text: string, least: number, most: number, expected: string): number {
  const match = /^(\d{1,16}(?:\.\d+)?)\s*([a-z]*)$/i.exec(text.trim().replaceAll(/[_,]/g, ''));
  const unit = match === null ? undefined : BYTE_UNITS[match[2]!.toLowerCase()];
  if (match === null || unit === undefined) throw new Unreadable(expected);
  const bytes = Math.round(Number(match[1]) * unit);
  if (bytes < least || bytes > most) throw new Unreadable(expected);
  return bytes;
}

/** A whole number within bounds. */
export function wholeBetween(least: number, most: number): (text: string) => number {
  return (text) => parseWhole(text, least, most, `a whole number from ${least} to ${most}`);
}

/** An age as `12h`, `30d`, `6mo`, `2y`, s. Months are of 30 days, years of 365. */
export function parseAge(text: string): number {
  const match = /^(\d{1,5})\s*(h|d|w|mo|y)$/i.exec(text.trim());
  if (match === null) throw new Unreadable('an age, such as 12h, 30d, 6mo or 2y');
  return Number(match[1]) * AGES[match[2]!.toLowerCase()]!;
}

const AGES: Readonly<Record<string, number>> = {
  h: 3600,
  d: 86_400,
  w: 7 * 86_400,
  mo: 30 * 86_400,
  y: 365 * 86_400,
};

const SECONDS: Readonly<Record<string, number>> = { s: 1, sec: 1, m: 60, min: 60, h: 3600 };

/** Whole seconds within bounds, bare or as `90s`, `5m`, `2h`; as ms. */
export function secondsAsMs(least: number, most: number): (text: string) => number {
  const expected = `whole seconds from ${least} to ${most}`;
  return (text) => {
    const match = /^(\d[\d_,]*)\s*(s|sec|m|min|h)$/i.exec(text.trim());
    if (match === null) return parseWhole(text, least, most, expected) * 1000;
    const unit = SECONDS[match[2]!.toLowerCase()]!;
    return parseWhole(match[1]!, Math.ceil(least / unit), Math.floor(most / unit), expected) * unit * 1000;
  };
}

/** One of the words. */
export function oneOf<const W extends string>(...words: readonly W[]): (text: string) => W {
  return (text) => {
    const word = words.find((candidate) => candidate === text.toLowerCase());
    if (word === undefined) throw new Unreadable(words.join(' or '));
    return word;
  };
}

/** Any text but an empty one. */
export function parseText(text: string): string {
  if (text.trim() === '') throw new Unreadable('a value');
  return text;
}

/** A whole number within bounds, such as `500k` or `4M`. */
export function whole(least: number, most: number): (text: string) => number {
  return (text) =>
    parseWhole(text, least, most, `a whole number from ${least} to ${most}, such as 500k or 4M`);
}

const SCALES: Readonly<Record<string, number>> = { '': 1, k: 1e3, m: 1e6, g: 1e9, b: 1e9 };

/** What every flag that takes a quantity understands: `200000`, `200_000`, `200,000`, `200k`, `200K`, `0.2M`. */
function parseWhole(text: string, least: number, most: number, expected: string): number {
  const match = /^(\d[\d_,]*(?:\.\d+)?)\s*([kmgb]?)$/i.exec(text.trim());
  if (match === null) throw new Unreadable(expected);
  const number = Number(match[1]!.replaceAll(/[_,]/g, '')) * SCALES[match[2]!.toLowerCase()]!;
  // 2.3 million are one off in the last bit of the double.
  const nearestWhole = Math.round(number);
  if (!(Math.abs(number - nearestWhole) <= 1e-9 * number) || nearestWhole < least || nearestWhole > most)
    throw new Unreadable(expected);
  return nearestWhole;
}

/** An IANA zone, or `±HH:MM`. */
export function parseZone(text: string): string {
  try {
    new Zone(text);
    return text;
  } catch {
    throw new Unreadable('a time zone, such as UTC, America/New_York, Etc/GMT+5 or -05:00');
  }
}

/** 0 is a free one. */
export function parsePort(text: string): number {
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port > 65_535) throw new Unreadable('a port: 0 to 65535');
  return port;
}
