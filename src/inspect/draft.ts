/** A layout for a file of no known one: each key with what it was seen by. */

import { Zone } from '../base/zone.ts';
import { BackhaulError, type FaultPlace } from '../faults/fault.ts';
import { printable } from '../faults/safe_text.ts';
import { checkLayout } from '../producer/layouts/checked_layout.ts';
import { earliestStamp, type Head } from '../producer/layouts/head.ts';
import { spelledInterval } from '../producer/layouts/interval_words.ts';
import type { Layout } from '../producer/layouts/layout.ts';
import { type Spacing, spacingOf } from '../producer/layouts/spacing.ts';
import { normaliseName } from '../scan/header.ts';
import { stampForm } from '../scan/stamp_catalogue.ts';
import { type ColumnsGuess, guessColumns } from './column_guess.ts';
import { rankOf } from './column_words.ts';
import { type DraftLine, yamlText } from './draft_text.ts';
import type { LocatedFile } from './located_file.ts';
import { guessName, type NameGuess } from './name_guess.ts';
import { guessTable, type Table } from './table_guess.ts';

/** A month is thirty days, and told by that. */
const MONTH_S = 2_592_000;

export interface Draft {
  readonly yaml: string;
  /** The same, read. */
  readonly layout: Layout;
  /** Nothing in the file tells the zone of its stamps, and nobody has. */
  readonly zoneUnknown: boolean;
  /** Nothing tells where it was traded: `unknown` stands there. */
  readonly venueUnknown: boolean;
  /** What stands for a symbol, where neither a column nor the name holds one; null where one is told. */
  readonly symbolMadeUp: string | null;
}

/** What the user says of what cannot be seen. */
export interface DraftGiven {
  readonly zone: string | null;
  readonly venue: string | null;
  readonly interval: number | null;
}

/** @throws BackhaulError `not-a-bar-file` where the file is no table of bars */
export function draftLayout(file: LocatedFile, given: DraftGiven): Draft {
  const where: FaultPlace = { uri: file.object.uri, ...(file.entry !== null && { entry: file.entry }) };
  if (file.head === null)
    throw new BackhaulError({ kind: 'corrupt', message: 'the file cannot be inflated', where });
  const table = guessTable(file.head, where);
  const columns = guessColumns(table, guessName(file.path, null).symbol);
  if (columns === null) throw noBars(table, where);
  const zone = given.zone ?? columns.time.zone?.value ?? 'UTC';
  const bare = layoutOf(linesOf(file, table, columns, given, zone, null));
  const spacing = commonSpacing(file.head, bare, columns, zone);
  const name = guessName(file.path, spacing.intervalS, columns.symbol >= 0);
  const isOfMonths = ofMonths(columns);
  const seconds = isOfMonths
    ? MONTH_S
    : (given.interval ?? spacing.intervalS ?? name.interval?.seconds ?? leastOf(spacing.leastUs));
  if (seconds === null) {
    throw new BackhaulError({
      kind: 'not-a-bar-file',
      message: 'neither its name nor its records tell the interval',
      where,
      expected: 'a name such as EURUSD_1h.csv, or several records',
      found: `stamps such as ${printable(columns.bars[0]![columns.time.at[0]!] ?? '')}`,
      hint: 'Say it: --interval 1m.',
    });
  }
  const told = isOfMonths
    ? 'stamps name a month and no day'
    : given.interval !== null
      ? '--interval says so'
      : spacing.intervalS !== null
        ? `records lie ${spelledInterval(seconds)} apart`
        : `the name says ${name.interval?.word ?? ''}`;
  const lines = linesOf(file, table, columns, given, zone, { name, seconds, told });
  const grid = offGrid(spacing.stamps, seconds, zone, ['text', 'excel'].includes(columns.time.unit));
  if (grid)
    lines.push({
      key: 'grid',
      value: 'none',
      why: 'not all bars open at multiples of the interval, or at midnight',
    });
  lines.push(orderLine(columns, spacing.stamps, file, bare));
  return {
    yaml: yamlText(file.path, lines),
    layout: layoutOf(lines),
    zoneUnknown: given.zone === null && columns.time.zone === null,
    venueUnknown: given.venue === null && name.venue === null,
    symbolMadeUp: columns.symbol < 0 && name.symbol === null ? symbolOf(file.path) : null,
  };
}

function layoutOf(lines: readonly DraftLine[]): Layout {
  return checkLayout(
    Object.fromEntries(lines.map(({ key, value }) => [key, value])),
    'of the draft',
    'draft',
  );
}

/** Where the order of day and month is open, what it is whichever it is: minutes are as far apart either way. */
function commonSpacing(head: Head, { shape }: Layout, { symbol }: ColumnsGuess, zone: string): Spacing {
  const ways = shape.formats?.map((format) => ({ ...shape, formats: [format] })) ?? [];
  const [first, ...others] = (ways.length > 0 ? ways : [shape]).map((way) =>
    spacingOf(head, way, symbol < 0, zone),
  );
  const isSame = others.every(({ intervalS }) => intervalS === first!.intervalS);
  return isSame ? first! : spacingOf(head, shape, symbol < 0, zone);
}

function ofMonths({ time }: ColumnsGuess): boolean {
  return time.formats?.some((format) => stampForm(format).isOfMonth) ?? false;
}

function leastOf(leastUs: number | null): number | null {
  return leastUs === null || leastUs % 1e6 !== 0 ? null : leastUs / 1e6;
}

interface Known {
  readonly name: NameGuess;
  readonly seconds: number;
  readonly told: string;
}

/** Every key but those that need the stamps. `known`: null where they are to be read for the first time. */
function linesOf(
  file: LocatedFile,
  table: Table,
  columns: ColumnsGuess,
  given: DraftGiven,
  zone: string,
  known: Known | null,
): DraftLine[] {
  const { header, preamble, subheader, encoding, delimiter, isJson } = table;
  const { numbers, prices, volumes, volume, symbol } = columns;
  const lines: DraftLine[] = [];
  const say = (key: string, value: unknown, why: string): void => void lines.push({ key, value, why });
  const name = known?.name ?? guessName(file.path, null);
  say('name', draftName(file.path), 'what tasks and messages call it');
  say('paths', name.pattern, 'from the name of the file; widen it to fit its siblings');
  if (!['utf-8', 'utf-16le', 'utf-16be'].includes(encoding.value))
    say('encoding', encoding.value, encoding.why);
  say('columns', columnsValue(table, columns), columns.why);
  say(
    'header',
    header === null ? 'none' : 'required',
    header === null ? 'the first line is a record' : 'the names of the columns',
  );
  if (preamble.length > 0)
    say(
      'preamble',
      preamble.length,
      `before ${header === null ? 'the first record' : 'the header'}: ${preamble[0]}`,
    );
  if (subheader > 0) say('subheader', subheader, 'lines between the header and the first record');
  if (isJson) say('syntax', 'json', 'it is an array of records, each an array or an object');
  else say('delimiter', delimiter.value === '\t' ? 'tab' : delimiter.value, delimiter.why);
  say('time', timeValue(columns, zone), timeWhy(columns, given, zone));
  if (numbers !== null) {
    const { decimal, thousands, suffixes, scale, currency } = numbers.value;
    const value = {
      ...(decimal === ',' && { decimal }),
      ...(thousands !== null && { thousands }),
      ...(suffixes && { suffixes }),
      ...(currency !== undefined && { currency }),
      ...(scale !== 0 && { scale: Number(`1e${scale}`) }),
    };
    say('numbers', value, numbers.why);
  }
  if (volume < 0) {
    const maybe = header?.[columns.maybeVolume];
    const unknown = `CHECK: no column is called so; if ${maybe} is it, put volume: ${maybe} into columns in place of this line`;
    say('volume', 'none', maybe === undefined ? 'no column holds one' : unknown);
  } else if (volumes !== null) say('volume', volumes.value, volumes.why);
  if (prices !== null) say('prices', prices.value, prices.why);
  const venue = given.venue ?? name.venue;
  if (venue !== null) say('venue', venue, given.venue !== null ? '--venue says so' : 'a word of its path');
  else say('venue', 'unknown', 'CHECK: nothing tells where it was traded; put the name here, or say --venue');
  if (symbol >= 0)
    say(
      'symbol',
      { column: header?.[symbol] ?? 'symbol' },
      header === null || rankOf(header[symbol] ?? '', 'symbol') >= 0
        ? 'a column holds it'
        : 'CHECK: several records have one stamp, and this column tells them apart',
    );
  else if (name.symbol !== null) say('symbol', { group: 'symbol' }, `the name says ${name.symbol}`);
  else say('symbol', symbolOf(file.path), 'CHECK: nothing tells it but the name of the file');
  if (known === null) say('interval', ofMonths(columns) ? '1mo' : '1s', '');
  else if (known.name.hasIntervalGroup && known.name.interval?.seconds === known.seconds)
    say('interval', { group: 'interval' }, `the name says ${known.name.interval.word}, and ${known.told}`);
  else say('interval', spelledInterval(known.seconds), known.told);
  return lines;
}

/** A map of roles to names, or the roles in their order where there are no names, or not one for each. */
function columnsValue({ header, records }: Table, columns: ColumnsGuess): unknown {
  const { time, open, high, low, close, volume, trades, symbol } = columns;
  const roles = new Map<number, string>([
    [open, 'open'],
    [high, 'high'],
    [low, 'low'],
    [close, 'close'],
    [symbol, 'symbol'],
    [volume, 'volume'],
    [trades, 'trades'],
    ...(time.at.length === 2
      ? ([
          [time.at[0]!, 'date'],
          [time.at[1]!, 'time_of_day'],
        ] as const)
      : ([[time.at[0]!, 'time']] as const)),
  ]);
  roles.delete(-1);
  const count = records[0]!.length;
  const isNamed =
    header !== null &&
    header.length === count &&
    [...roles.keys()].every((at) => header[at] !== '' && header.indexOf(header[at]!) === at);
  if (isNamed)
    return Object.fromEntries([...roles].sort(([a], [b]) => a - b).map(([at, role]) => [role, header[at]]));
  return Array.from({ length: count }, (_, at) => roles.get(at) ?? 'ignore');
}

function timeValue({ time }: ColumnsGuess, zone: string): Record<string, unknown> {
  const { unit, formats } = time;
  const isText = unit === 'text' || unit === 'excel';
  return {
    unit,
    ...(formats !== null && { format: formats.length === 1 ? formats[0] : formats }),
    ...(isText && { zone }),
  };
}

function timeWhy({ time }: ColumnsGuess, given: DraftGiven, zone: string): string {
  const stamps = 'stamps are taken for those of opens; `stamps: close` where they are of ends';
  if (given.zone !== null) return `${time.why}; zone: as was said; ${stamps}`;
  if (time.zone !== null) return `${time.why}; zone: ${time.zone.why}; ${stamps}`;
  return `${time.why}; CHECK zone: nothing in the file tells it, so it is ${zone} until you say otherwise; ${stamps}`;
}

/** Whether bars do not lie where the interval would have them. */
function offGrid(stamps: readonly number[], seconds: number, zone: string, isText: boolean): boolean {
  const local = new Zone(isText ? zone : 'UTC');
  const isOn = (us: number): boolean => {
    if (seconds < 86_400) return us % (seconds * 1e6) === 0;
    return local.startsDay(us);
  };
  return seconds <= 86_400 && !stamps.every(isOn);
}

function orderLine(
  { symbol, bars }: ColumnsGuess,
  stamps: readonly number[],
  file: LocatedFile,
  bare: Layout,
): DraftLine {
  const isForward = stamps.every((stamp, i) => i === 0 || stamp >= stamps[i - 1]!);
  if (symbol < 0 && isForward && earliestStamp(file.head!, bare.shape, true) !== null)
    return { key: 'order', value: 'time', why: `the ${stamps.length} stamps looked at go forward` };
  const symbols = bars.map((bar) => bar[symbol] ?? '');
  const isBySymbol = symbol >= 0 && symbols.every((one, i) => i === 0 || one >= symbols[i - 1]!);
  const isSorted = isBySymbol && bySeries(symbols, stamps);
  return isSorted
    ? { key: 'order', value: 'symbol-time', why: 'records go by symbol, then by time' }
    : { key: 'order', value: 'any', why: 'records do not go forward in time: the file is sorted first' };
}

function bySeries(symbols: readonly string[], stamps: readonly number[]): boolean {
  // `stamps` are grouped by symbol already.
  return (
    symbols.length === stamps.length &&
    symbols.every((one, i) => i === 0 || one !== symbols[i - 1] || stamps[i]! >= stamps[i - 1]!)
  );
}

function symbolOf(path: string): string {
  return draftName(path).toUpperCase();
}

function draftName(path: string): string {
  const base = path.slice(path.lastIndexOf('/') + 1).replace(/\.[a-z0-9]{1,5}(?:\.gz|\.zst)?$/i, '');
  const name = base
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 40);
  return name === '' ? 'draft' : name;
}

/** A price, an amount and no four prices: what trades are. */
const TRADES = [
  /^(?:price|trade_price|px)$/,
  /^(?:qty|quantity|amount|size|volume|base_qty|base_amount|vol)$/,
];

function noBars({ header, records }: Table, where: FaultPlace): BackhaulError {
  const names = header?.map(normaliseName) ?? [];
  const isOfTrades = TRADES.every((word) => names.some((name) => word.test(name)));
  return new BackhaulError({
    kind: 'not-a-bar-file',
    message: 'the file is a table, but no stamp and four prices are seen in it',
    where,
    expected: 'a column of dates or of numbers since 1970, and open, high, low and close',
    found: printable((header ?? records[0] ?? []).join(', ')),
    hint: isOfTrades
      ? 'Are these trades? Bars are made of them by a layout of kind: trades: "Trades" in docs/layouts.md.'
      : 'If these are bars, say which column is what in a layout of your own: docs/layouts.md.',
  });
}
