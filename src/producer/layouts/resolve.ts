import type { RecordShape } from '../../scan/shape.ts';
import type { TaskPlan } from '../../state/task_plan.ts';
import { firstSymbol, type Head, valuesOf } from './head.ts';
import type { Layout, Origin } from './layout.ts';
import { type Period, periodOf } from './period.ts';
import { spellings } from './symbols.ts';

/** From a layout and a name to what they say of one file. */

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
}

/** What the name does not tell. `inHead`: the file's first records may. */
export interface Unresolved {
  readonly layout: Layout;
  readonly missing: 'venue' | 'symbol' | 'interval';
  /** The word found, when it means nothing. */
  readonly word: string | null;
  readonly inHead: boolean;
}

type Groups = Record<string, string>;

/** Whether the path is one of the layout's. */
export function isNamedBy(layout: Layout, path: string): boolean {
  return layout.paths.some((pattern) => pattern.test(path));
}

function groupsOf(layout: Layout, path: string): Groups {
  const groups: Groups = {};
  const take = (match: RegExpExecArray | null): boolean => {
    for (const [name, value] of Object.entries(match?.groups ?? {})) {
      if (value !== undefined && groups[name] === undefined) groups[name] = value;
    }
    return match !== null;
  };
  layout.paths.some((pattern) => take(pattern.exec(path)));
  for (const pattern of layout.context) take(pattern.exec(path));
  return groups;
}

/** Reads a file's name, and its head where there is one, as the layout says. */
export function resolve(layout: Layout, path: string, head: Head | null): Resolution | Unresolved {
  const groups = groupsOf(layout, path);
  const venue = valueFrom(layout.venue, layout, groups, head);
  if (venue.text === null || !isName(venue.text))
    return { layout, missing: 'venue', word: venue.text, inHead: venue.inHead };
  const symbol = layout.symbol.kind === 'column' ? null : valueFrom(layout.symbol, layout, groups, head);
  if (symbol !== null && (symbol.text === null || !isName(symbol.text))) {
    return { layout, missing: 'symbol', word: symbol.text, inHead: symbol.inHead };
  }
  const interval = valueFrom(layout.interval, layout, groups, head);
  const known = interval.text === null ? null : intervalOf(layout, interval.text);
  if (known === null) return { layout, missing: 'interval', word: interval.text, inHead: interval.inHead };
  const sessionZone = sessionOf(layout, venue.text);
  const period = periodOf(groups, sessionZone);
  return {
    layout,
    venue: venue.text,
    symbol: symbol?.text ?? null,
    intervalS: known.seconds,
    shape: shapeFor(layout, symbol?.text ?? null),
    grid: known.grid ?? layout.grid ?? gridOf(known.seconds, sessionZone),
    sessionZone,
    fromUs: firstBarUs(period, groups, known.seconds),
    toUs: period?.toUs ?? null,
  };
}

/** What symbols in files are held to as well: at most 64 bytes, and no control character. */
function isName(text: string): boolean {
  return Buffer.byteLength(text) <= 64 && !/\p{Cc}/u.test(text);
}

/** A bar longer than a day may have opened before the month or day its file is named after. */
function firstBarUs(period: Period | null, groups: Groups, intervalS: number): number | null {
  if (period === null || groups['full'] !== undefined) return null;
  return intervalS > 86_400 ? period.fromUs - intervalS * 1e6 : period.fromUs;
}

interface Value {
  readonly text: string | null;
  readonly inHead: boolean;
}

function valueFrom(origin: Origin, layout: Layout, groups: Groups, head: Head | null): Value {
  switch (origin.kind) {
    case 'constant':
      return { text: origin.value, inHead: false };
    case 'column': {
      const values = head === null ? [] : [...valuesOf(head, layout.shape, origin.column)];
      return { text: values.length === 1 ? values[0]! : null, inHead: head === null };
    }
    case 'name': {
      const text = fillIn(origin.template, groups);
      const words = Object.keys(origin.words).length > 0;
      if (text !== '' && !words) return { text, inHead: false };
      if (Object.hasOwn(origin.words, text)) return { text: origin.words[text]!, inHead: false };
      if (origin.bySymbol.length > 0) {
        const symbol = head === null ? null : firstSymbol(head, layout.shape);
        const rule = origin.bySymbol.find(
          ({ pattern }) => symbol !== null && new RegExp(pattern).test(symbol),
        );
        if (rule !== undefined) return { text: rule.value, inHead: false };
      }
      return { text: origin.otherwise, inHead: head === null && origin.bySymbol.length > 0 };
    }
  }
}

/** Puts groups into a template; `{group:lower}` in lower case. */
function fillIn(template: string, groups: Groups): string {
  return template.replace(/\{([A-Za-z]\w*)(:lower)?\}/g, (_, name: string, lower: string | undefined) => {
    const value = groups[name] ?? '';
    return lower === undefined ? value : value.toLowerCase();
  });
}

function sessionOf(layout: Layout, venue: string): string {
  const { session, time } = layout;
  if (session === undefined) return time.unit === 'text' ? time.zone : 'UTC';
  if (typeof session === 'string') return session;
  return session.words[fillIn(session.from, { venue })] ?? session.otherwise;
}

const UNIT_SECONDS: Readonly<Record<string, number>> = {
  s: 1,
  m: 60,
  h: 3600,
  d: 86_400,
  w: 604_800,
  mo: 2_592_000,
};

/** The seconds of `30s`, `5m`, `15min`, `1h`, `1hr`, `1d`, `1w`, `1mo` or `1M` (a month counts as 30 days); null for other words. */
export function intervalSeconds(word: string): number | null {
  if (word === '1M') return UNIT_SECONDS['mo']!;
  const match =
    /^(\d{1,6})(?:(s|sec|seconds?)|(m|min|minutes?)|(h|hr|hours?)|(d|days?)|(w|weeks?)|(mo|months?))$/i.exec(
      word,
    );
  if (match === null || Number(match[1]) === 0) return null;
  const unit = ['s', 'm', 'h', 'd', 'w', 'mo'][match.slice(2).findIndex((group) => group !== undefined)]!;
  return Number(match[1]) * UNIT_SECONDS[unit]!;
}

function intervalOf(
  layout: Layout,
  word: string,
): { seconds: number; grid?: TaskPlan['grid'] | undefined } | null {
  if (Object.hasOwn(layout.intervals, word)) return layout.intervals[word]!;
  const seconds = intervalSeconds(word);
  return seconds === null ? null : { seconds };
}

/** Where bars of an interval open when the layout does not say. */
function gridOf(seconds: number, sessionZone: string): TaskPlan['grid'] {
  if (sessionZone !== 'UTC') {
    if (seconds === 86_400) return 'zone-day';
    // Offsets of zones are multiples of a quarter of an hour, and so are the openings of markets.
    return 900 % seconds === 0 ? 'epoch' : 'none';
  }
  if (seconds === UNIT_SECONDS['w']) return 'week';
  if (seconds === UNIT_SECONDS['mo']) return 'month';
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
