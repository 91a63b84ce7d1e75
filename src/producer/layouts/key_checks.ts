/** Keys of a layout whose values each may be, but do not fit each other. */

import { nearest } from '../../base/nearest.ts';
import { normaliseName } from '../../scan/header.ts';
import type { ShapeColumn } from '../../scan/shape.ts';
import { StampPattern } from '../../scan/stamp_pattern.ts';
import { intervalSeconds } from './interval_words.ts';
import type { Slip } from './layout_error.ts';
import type { LayoutKeys, Origin } from './schema.ts';

/** A month is thirty days, and told by that. */
const MONTH_S = 2_592_000;

export function keySlips(keys: LayoutKeys, columns: readonly ShapeColumn[]): Slip[] {
  const { numbers, kind, paths, maybe, context, interval, intervals } = keys;
  const slips: Slip[] = [...formatSlips(keys, columns)];
  if (numbers.thousands === numbers.decimal) {
    const message = `cannot be ${numbers.decimal} beside decimal: '${numbers.decimal}'`;
    slips.push({ path: ['numbers', 'thousands'], message });
  }
  if (powerOfTen(numbers.scale) === null) {
    const message = `${numbers.scale} is no power of ten, such as 0.01 or 1e-9`;
    slips.push({ path: ['numbers', 'scale'], message });
  }
  if (kind === 'trades') slips.push(...tradeSlips(keys));
  const groups = [...paths, ...maybe, ...context].flatMap(groupsOf);
  for (const key of ['venue', 'symbol', 'interval'] as const) {
    const origin = keys[key];
    if (origin !== undefined) slips.push(...originSlips(key, origin, groups, keys, columns));
  }
  if (interval === undefined && kind === 'bars')
    slips.push({
      path: ['interval'],
      message: 'is missing: a constant such as 1m, or { group: interval } of paths',
    });
  if (interval?.kind === 'constant' && !Object.hasOwn(intervals, interval.value)) {
    const message = `${interval.value} is no interval, such as 30s, 5m, 1h, 1d, 1w or 1mo; intervals names others`;
    if (intervalSeconds(interval.value) === null) slips.push({ path: ['interval'], message });
  }
  return slips;
}

/** What is of bars and cannot be asked of trades. */
function tradeSlips({ volume, extra, time, interval }: LayoutKeys): Slip[] {
  const slips: Slip[] = [];
  if (volume !== undefined && volume !== 'required')
    slips.push({ path: ['volume'], message: 'a bar made of trades has their volume: it is required' });
  if (Object.keys(extra).length > 0)
    slips.push({
      path: ['extra'],
      message: 'columns are kept beside bars, and trades are summed up into bars',
    });
  if (time.stamps === 'close')
    slips.push({ path: ['time', 'stamps'], message: 'a trade has one instant: neither open nor close' });
  if (interval !== undefined && interval.kind !== 'constant')
    slips.push({
      path: ['interval'],
      message: 'trades have none; a constant, such as 1m, says what bars to make where --intervals does not',
    });
  return slips;
}

/** The exponent of a power of ten, or null. */
export function powerOfTen(scale: number): number | null {
  const match = /^1(?:\.0*)?e([+-]\d+)$/.exec(scale.toExponential());
  return match === null ? null : Number(match[1]);
}

function formatSlips(keys: LayoutKeys, columns: readonly ShapeColumn[]): Slip[] {
  const { format, unit } = keys.time;
  if (format === undefined) return [];
  const path = ['time', 'format'];
  if (unit !== undefined && unit !== 'text' && unit !== 'magnitude')
    return [{ path, message: `is for stamps of unit: text, and the unit is ${unit}` }];
  const isInTwo = !columns.some(({ role }) => role === 'time');
  return format.flatMap((text) => {
    const message = formatSlip(text, isInTwo) ?? monthSlip(text, keys);
    return message === null ? [] : [{ path, message }];
  });
}

function formatSlip(text: string, isInTwo: boolean): string | null {
  try {
    const { hasDate, hasTime } = new StampPattern(text).parts;
    if (!hasDate) return `${text} has no date`;
    if (isInTwo && !hasTime)
      return `${text} has no time of day; the columns date and time_of_day are read as one text, such as yyyyMMdd HHmmss`;
    return null;
  } catch (error) {
    return `${text}: ${(error as Error).message}`;
  }
}

/** Patterns that name no day are of months. */
function monthSlip(text: string, { interval, intervals, time }: LayoutKeys): string | null {
  if (!new StampPattern(text).isOfMonth) return null;
  if (time.stamps === 'close')
    return `${text} names the month of a bar, not its end; stamps: close does not go with it`;
  if (interval?.kind !== 'constant') return null;
  const seconds = intervals[interval.value]?.seconds ?? intervalSeconds(interval.value);
  return seconds === MONTH_S
    ? null
    : `${text} has no day; only bars of months, interval: 1mo, are stamped so`;
}

/** Names of the groups of a regular expression. */
function groupsOf(source: string): string[] {
  return [...source.matchAll(/\(\?<([A-Za-z_$][\w$]*)>/g)].map(([, name]) => name!);
}

function originSlips(
  key: string,
  origin: Origin,
  groups: readonly string[],
  { header }: LayoutKeys,
  columns: readonly ShapeColumn[],
): Slip[] {
  if (origin.kind === 'constant') return [];
  if (origin.kind === 'column') {
    const names = columns.flatMap((column) => column.names);
    const isKnown = names.some((name) => normaliseName(name) === normaliseName(origin.column));
    // Under a header a column that the layout does not list may be there.
    if (isKnown || header !== 'none') return [];
    const message = `there is no column ${origin.column}; ${meant(origin.column, names)}`;
    return [{ path: [key, 'column'], message }];
  }
  const slips: Slip[] = [];
  for (const [whole, inside] of origin.template.matchAll(/\{([^{}]*)\}/g)) {
    const [name = '', how] = inside!.split(':');
    const path = [key];
    // Where no name tells an interval, the records may.
    if (key === 'interval' && name === 'interval') continue;
    if (how !== undefined && how !== 'lower' && how !== 'upper')
      slips.push({ path, message: `${whole}: there is {group}, {group:lower} and {group:upper}` });
    else if (!groups.includes(name)) {
      const message = `no pattern of paths or context has a group ${name}; ${meant(name, groups)}`;
      slips.push({ path, message });
    }
  }
  return slips;
}

function meant(word: string, known: readonly string[]): string {
  const near = nearest(word, known);
  if (near !== null) return `did you mean ${near}?`;
  return known.length === 0 ? 'there are none' : `there are ${[...new Set(known)].join(', ')}`;
}
