/** From a layout and a name to what they say of one file. */

import { spellings } from '../../base/spellings.ts';
import { normaliseName } from '../../scan/header.ts';
import type { RecordShape, ShapeColumn } from '../../scan/shape.ts';
import type { TaskPlan } from '../../state/task_plan.ts';
import { earliestStamp, firstSymbol, type Head, isStampedLocally, valuesOf } from './head.ts';
import { intervalSeconds, MONTH_S, spelledInterval, WEEK_S } from './interval_words.ts';
import type { Layout, Origin } from './layout.ts';
import { fillIn, groupsOf, isFar, matchOf, type NameGroups } from './name_groups.ts';
import { type Period, periodOf } from './period.ts';
import { contradicts, overrules, type Spacing, spacingOf } from './spacing.ts';

/** What a layout says of a file of its kind. */
export interface Resolution {
  readonly layout: Layout;
  readonly venue: string;
  /** Null: a column says. */
  readonly symbol: string | null;
  readonly intervalS: number;
  readonly shape: RecordShape;
  readonly grid: TaskPlan['grid'];
  readonly sessionZone: string;
  /** What the name tells of its time; either end may be unknown. */
  readonly fromUs: number | null;
  readonly toUs: number | null;
  /** Venue or interval are but what a folder further up suggests, and no record was looked at yet. */
  readonly unsure: boolean;
  /** So is the time it covers. */
  readonly unsureOfTime: boolean;
  /** What the records decided where the name does not tell, or tells something else. */
  readonly byRecords: readonly ByRecords[];
  /** The stamps are times of day of a zone that neither they nor the layout name: they are read as UTC. */
  readonly zoneIsAssumed: boolean;
  /** An interval that the user named and the file's own name contradicts, s. */
  readonly ignoredS: number | null;
}

/** Something that the records decided. */
export interface ByRecords {
  readonly what: 'interval' | 'venue' | 'date';
  /** The word in the path that they overrule; null where there is none. */
  readonly said: string | null;
}

/** What the name does not tell. `inHead`: the file's first records may. */
export interface Unresolved {
  readonly layout: Layout;
  readonly missing: 'venue' | 'symbol' | 'interval';
  /** The word found, when it means nothing. */
  readonly word: string | null;
  /** The words that would, where there is a list of them. */
  readonly known: readonly string[];
  readonly inHead: boolean;
  /** Name and records contradict each other: what each says. */
  readonly conflict: { readonly said: string; readonly found: string } | null;
}

/** What the user said outright of files that do not tell. */
export interface Given {
  readonly intervalS: number | null;
  readonly venue: string | null;
}

export const NOTHING_GIVEN: Given = { intervalS: null, venue: null };

/** Whether the path is one of the layout's. */
export function isNamedBy(layout: Layout, path: string): boolean {
  return layout.paths.some((pattern) => matchOf(pattern, path) !== null);
}

/** Whether it may be, as it may be of others. */
export function maybeNamedBy(layout: Layout, path: string): boolean {
  return layout.maybe.some((pattern) => matchOf(pattern, path) !== null);
}

/** Reads a file's name, and its head where there is one, as the layout says. */
export function resolve(
  layout: Layout,
  path: string,
  head: Head | null,
  given: Given = NOTHING_GIVEN,
): Resolution | Unresolved {
  const groups = groupsOf(layout, path);
  const missing = (
    what: Unresolved['missing'],
    { text, inHead }: Value,
    conflict: Unresolved['conflict'] = null,
  ): Unresolved => ({ layout, missing: what, word: text, known: wordsOf(layout[what]), inHead, conflict });

  const told = valueFrom(layout.venue, layout, groups, head);
  const venue = given.venue ?? (told.unknown ? null : told.text);
  if (venue === null || !isName(venue)) return missing('venue', told);
  const symbol = layout.symbol.kind === 'column' ? null : valueFrom(layout.symbol, layout, groups, head);
  if (symbol !== null && (symbol.text === null || !isName(symbol.text))) return missing('symbol', symbol);

  // Sessions are those of the market, whatever it is to be called.
  const sessionZone = sessionOf(layout, told.unknown ? venue : (told.text ?? venue));
  const shape = { ...shapeFor(layout, symbol?.text ?? null), ...dayOf(layout, groups) };
  const word = layout.interval === undefined ? NO_VALUE : valueFrom(layout.interval, layout, groups, head);
  const spacing = (): Spacing | null =>
    head === null ? null : spacingOf(head, shape, symbol !== null, sessionZone);
  const interval =
    layout.kind === 'trades'
      ? { seconds: given.intervalS ?? intervalOf(layout, word.text ?? '')?.seconds ?? TRADE_BAR_S }
      : intervalFrom(layout, word, given.intervalS, spacing, sessionZone);
  if (interval === null) return missing('interval', word);
  if ('said' in interval) return missing('interval', word, interval);

  let keyed = shape;
  if (given.venue === null) keyed = askedBy(keyed, layout.venue, told);
  if (given.intervalS === null) keyed = askedBy(keyed, layout.interval, word);
  const isFarDate = ['year', 'quarter', 'month', 'day'].some((name) => groups.far.has(name));
  const period = periodOf(groups.values, sessionZone);
  const misdated =
    isFarDate && period !== null && head !== null && !holds(period, head, shape, symbol !== null);
  const dated = misdated ? null : period;
  const byRecords: ByRecords[] = [];
  if (interval.byRecords) byRecords.push({ what: 'interval', said: word.text });
  if (told.overruled !== null && given.venue === null)
    byRecords.push({ what: 'venue', said: told.overruled });
  if (misdated) byRecords.push({ what: 'date', said: groups.values['year'] ?? null });
  return {
    layout,
    venue,
    symbol: symbol?.text ?? null,
    intervalS: interval.seconds,
    shape: keyed,
    grid:
      layout.kind === 'trades'
        ? gridOfMade(layout, interval.seconds, sessionZone)
        : (interval.grid ?? layout.grid ?? gridOf(interval.seconds, sessionZone)),
    sessionZone,
    fromUs:
      layout.kind === 'trades' ? (dated?.fromUs ?? null) : firstBarUs(dated, groups.values, interval.seconds),
    toUs: dated?.toUs ?? null,
    unsure: head === null && (word.far || (told.far && hasSymbolRules(layout.venue))),
    unsureOfTime: head === null && isFarDate && period !== null,
    byRecords,
    zoneIsAssumed:
      !layout.zoneIsSaid &&
      layout.note === undefined &&
      interval.seconds < 86_400 &&
      head !== null &&
      ['text', 'magnitude', 'excel'].includes(shape.time) &&
      isStampedLocally(head, shape, symbol !== null),
    ignoredS: given.intervalS !== null && given.intervalS !== interval.seconds ? given.intervalS : null,
  };
}

/** Bars that are made of trades where nobody says which. */
const TRADE_BAR_S = 60;

/** Where bars that are made of trades open: every instant is in one of them. */
export function gridOfMade(layout: Layout, seconds: number, sessionZone: string): TaskPlan['grid'] {
  const said = Object.values(layout.intervals).find((one) => one.seconds === seconds)?.grid ?? layout.grid;
  const grid = said ?? gridOf(seconds, sessionZone);
  return grid === 'none' ? 'epoch' : grid;
}

interface Interval {
  readonly seconds: number;
  readonly grid?: TaskPlan['grid'] | undefined;
  readonly byRecords?: boolean;
}

/**
 * The file's own name says it; else the user; else a folder further up, or nobody. The last three are held against the
 * records: what those say beyond doubt counts, unless the user says otherwise; where they but contradict, nothing does.
 */
function intervalFrom(
  layout: Layout,
  word: Value,
  givenS: number | null,
  spacing: () => Spacing | null,
  zone: string,
): Interval | { readonly said: string; readonly found: string } | null {
  const named = word.text === null ? null : intervalOf(layout, word.text);
  if (named !== null && !word.far) return named;
  if (word.text !== null && named === null && !word.far) return null;
  const records = spacing();
  const found = records?.intervalS ?? null;
  if (givenS !== null) {
    if (records !== null && found !== null && found < givenS)
      return {
        said: `--interval says ${spelledInterval(givenS)}`,
        found: `records ${spelledInterval(found)} apart`,
      };
    return { seconds: givenS };
  }
  if (named === null) return found === null ? null : { seconds: found, byRecords: true };
  if (records === null) return named;
  if (overrules(records, named.seconds)) return { seconds: found!, byRecords: true };
  const grid = named.grid ?? layout.grid ?? gridOf(named.seconds, zone);
  if (!contradicts(records, named.seconds, grid, zone)) return named;
  return {
    said: `the folder name ${word.text} says ${spelledInterval(named.seconds)}`,
    found: found === null ? 'records that do not lie so' : `records ${spelledInterval(found)} apart`,
  };
}

/** Whether the first records lie in the period, or are undated. */
function holds(period: Period, head: Head, shape: RecordShape, symbolIsFixed: boolean): boolean {
  const first = earliestStamp(head, shape, symbolIsFixed);
  return first === null || (first >= period.fromUs - DAY_US && first < period.toUs + DAY_US);
}

const DAY_US = 86_400_000_000;

function hasSymbolRules(origin: Origin): boolean {
  return origin.kind === 'name' && origin.bySymbol.length > 0;
}

function wordsOf(origin: Origin | undefined): readonly string[] {
  return origin?.kind === 'name' ? Object.keys(origin.words) : [];
}

/** What symbols in files are held to as well: at most 64 bytes, and no control character. */
function isName(text: string): boolean {
  return Buffer.byteLength(text) <= 64 && !/\p{Cc}/u.test(text);
}

/** A bar longer than a day may have opened before the month or day its file is named after. */
function firstBarUs(period: Period | null, groups: NameGroups['values'], intervalS: number): number | null {
  if (period === null || groups['full'] !== undefined) return null;
  return intervalS > 86_400 ? period.fromUs - intervalS * 1e6 : period.fromUs;
}

interface Value {
  /** Null: nothing tells. */
  readonly text: string | null;
  /** `text` is a word that means nothing. */
  readonly unknown: boolean;
  /** Only a folder further up tells. */
  readonly far: boolean;
  readonly inHead: boolean;
  /** What such a folder tells, and the first records know better. */
  readonly overruled: string | null;
}

const NO_VALUE: Value = { text: null, unknown: false, far: false, inHead: false, overruled: null };

function valueFrom(origin: Origin, layout: Layout, groups: NameGroups, head: Head | null): Value {
  const value = NO_VALUE;
  switch (origin.kind) {
    case 'constant':
      return { ...value, text: origin.value };
    case 'column': {
      const values = head === null ? [] : [...valuesOf(head, layout.shape, origin.column)];
      return { ...value, text: values.length === 1 ? values[0]! : null, inHead: head === null };
    }
    case 'name': {
      const text = fillIn(origin.template, groups.values);
      const far = isFar(origin.template, groups);
      const hasWords = Object.keys(origin.words).length > 0;
      if (text !== '' && !hasWords) return { ...value, text, far };
      const bySymbol = symbolRule(origin, layout, head);
      if (Object.hasOwn(origin.words, text)) {
        const word = origin.words[text]!;
        const overruled = far && bySymbol?.sure && bySymbol.value !== word;
        return overruled
          ? { ...value, text: bySymbol.value, overruled: text }
          : { ...value, text: word, far };
      }
      // A name of the vendor's kind that is none of those known must not pass for another.
      if (text !== '' && origin.otherwise === null) return { ...value, text, unknown: true };
      if (bySymbol !== null) return { ...value, text: bySymbol.value };
      return { ...value, text: origin.otherwise, inHead: head === null && origin.bySymbol.length > 0 };
    }
  }
}

/** What the first symbol tells; `sure`: by the vendor's own prefix, not as what is left. */
function symbolRule(
  { bySymbol }: Extract<Origin, { kind: 'name' }>,
  layout: Layout,
  head: Head | null,
): { readonly value: string; readonly sure: boolean } | null {
  const symbol = head === null || bySymbol.length === 0 ? null : firstSymbol(head, layout.shape);
  const rule = bySymbol.find(({ pattern }) => symbol !== null && new RegExp(pattern).test(symbol));
  return rule === undefined ? null : { value: rule.value, sure: rule.pattern !== '' };
}

/** Whose midnights start the days of a venue that the layout knows. */
export function sessionOf(layout: Layout, venue: string): string {
  const { session, time } = layout;
  // Clocks of a zone are read where stamps are dates; numbers count from one instant wherever they are.
  if (session === undefined) return ['text', 'excel'].includes(layout.shape.time) ? time.zone : 'UTC';
  if (typeof session === 'string') return session;
  return session.words[fillIn(session.from, { venue })] ?? session.otherwise;
}

function intervalOf(
  layout: Layout,
  word: string,
): { seconds: number; grid?: TaskPlan['grid'] | undefined } | null {
  if (Object.hasOwn(layout.intervals, word)) return layout.intervals[word]!;
  const seconds = intervalSeconds(word);
  return seconds === null ? null : { seconds };
}

/** Where a column told a thing of the whole file, every record is asked for it: one of another value is not the task's. */
function askedBy(shape: RecordShape, origin: Origin | undefined, { text }: Value): RecordShape {
  if (origin?.kind !== 'column' || text === null) return shape;
  const name = normaliseName(origin.column);
  const key: ShapeColumn = { role: 'key', names: [name], value: text };
  const at = shape.columns.findIndex(({ names }) => names.some((one) => normaliseName(one) === name));
  if (at < 0) return { ...shape, columns: [...shape.columns, key] };
  return shape.columns[at]!.role === 'ignore' ? { ...shape, columns: shape.columns.with(at, key) } : shape;
}

/** The day that only a name tells. */
function dayOf({ time }: Layout, { values }: NameGroups): Pick<RecordShape, 'day'> {
  return time.day === undefined ? {} : { day: fillIn(time.day, values) };
}

/** Where bars of an interval open when the layout does not say. */
export function gridOf(seconds: number, sessionZone: string): TaskPlan['grid'] {
  if (sessionZone !== 'UTC') {
    if (seconds === 86_400) return 'zone-day';
    // Offsets of zones are multiples of a quarter of an hour, and so are the openings of markets.
    return 900 % seconds === 0 ? 'epoch' : 'none';
  }
  if (seconds === WEEK_S) return 'week';
  if (seconds === MONTH_S) return 'month';
  return 86_400 % seconds === 0 ? 'epoch' : 'none';
}

/** The shape of the files of one symbol: `{base}` in a name stands for any start of the symbol, the longest first. */
function shapeFor(layout: Layout, symbol: string | null): RecordShape {
  const { shape } = layout;
  if (!shape.columns.some((column) => column.names.some((name) => name.includes('{base}')))) return shape;
  const bases = spellings((symbol ?? '').toUpperCase(), layout.aliases)
    .flatMap((spelling) => [...spelling].map((_, length) => spelling.slice(0, length)))
    .filter((base) => base.length >= 2)
    .sort((a, b) => b.length - a.length);
  const columns = shape.columns.map((column) => ({
    ...column,
    names: column.names.flatMap((name) =>
      name.includes('{base}') ? bases.map((base) => name.replace('{base}', base.toLowerCase())) : [name],
    ),
  }));
  return { ...shape, columns };
}
