/** What `inspect` says of a file: how it is read, its ends, and what would be set aside. */

import { bytes, count, counted, instant } from '../base/quantities.ts';
import type { InspectedBar, InspectedRejects } from '../inspect/file_reading.ts';
import type { Inspection } from '../inspect/inspection.ts';
import { faultLines, fileText } from './fault_text.ts';
import { PLAIN, type Style } from './style.ts';
import { tableLines } from './table.ts';
import { cutEnd, sanitise } from './text.ts';

const LAYOUT_FROM: Readonly<Record<Inspection['layoutFrom'], string>> = {
  named: 'as named',
  name: "told by the file's name, and its records agree",
  records: 'told by its header and records',
  draft: 'drafted: no known layout fits',
};

/** A field of an example is cut to so many characters. */
const EXAMPLE_WIDTH = 40;

export function inspectionLines(found: Inspection, width: number, style: Style = PLAIN): string[] {
  const { reading } = found;
  const more = found.others > 0 ? `  (1 of ${count(found.others + 1)} files in it)` : '';
  return [
    style.bold(fileText(found.uri, found.entry)) + more,
    ...factLines(found, style),
    '',
    ...columnLines(found, width, style),
    '',
    ...barLines(reading.first, reading.last, reading.bars, width, style),
    ...(reading.rejects.length > 0 ? ['', ...rejectLines(reading.rejects, width, style)] : []),
    ...(reading.fault === null
      ? []
      : [
          '',
          style.red('A load would not take this file:'),
          ...faultLines(reading.fault, style).map((line) => `  ${line}`),
        ]),
  ];
}

function layoutText({ layoutFrom, reading }: Inspection): string {
  return layoutFrom === 'name' && reading.bars === 0 ? "told by the file's name" : LAYOUT_FROM[layoutFrom];
}

function factLines(found: Inspection, style: Style): string[] {
  const { reading, time } = found;
  const facts: (readonly [string, string])[] = [
    ['layout', `${found.layout}, ${layoutText(found)}`],
    ['container', `${found.container}, ${bytes(found.sizeBytes)}`],
    [
      'text',
      `${found.encoding}, fields parted by ${delimiterText(found.delimiter)}, ${headerText(found.headerLine)}`,
    ],
    ['time', timeText(time)],
    ['interval', `${found.interval.value}, told by ${found.interval.from}; bars open ${gridText(found)}`],
    ['venue', `${sanitise(found.venue.value)}, told by ${found.venue.from}`],
    ['symbol', symbolText(found)],
    ['records', recordsText(found)],
  ];
  const range = rangeText(found);
  if (range !== '') facts.splice(6, 0, ['range', range]);
  const lines = facts.map(([name, text]) => `  ${style.dim(name.padEnd(9))}  ${text}`);
  if (reading.inOrder === false)
    lines.push(`  ${''.padEnd(9)}  not in the order that the layout says: sorted first`);
  return [...lines, ...found.notes.map((note) => `  ${style.yellow('note')}       ${sanitise(note)}`)];
}

const DELIMITERS: Readonly<Record<string, string>> = {
  ',': 'commas',
  ';': 'semicolons',
  '\t': 'tabs',
  '|': 'bars',
  ' ': 'blanks',
};

function delimiterText(delimiter: string): string {
  return DELIMITERS[delimiter] ?? delimiter;
}

function headerText(line: number | null): string {
  return line === null ? 'no header' : `header on line ${line}`;
}

const UNITS: Readonly<Record<string, string>> = {
  s: 'seconds since 1970',
  ms: 'milliseconds since 1970',
  us: 'microseconds since 1970',
  ns: 'nanoseconds since 1970',
  magnitude: 'since 1970, the unit told by the number of digits',
  text: 'text',
  excel: "Excel's days",
};

function timeText({ unit, format, zone, stamps }: Inspection['time']): string {
  const isText = unit === 'text' || unit === 'excel' || format !== null;
  const how = format === null ? (UNITS[unit] ?? unit) : `text, ${sanitise(format)}`;
  const where = isText ? ` in ${sanitise(zone)} where it names no offset` : '';
  return `${how}${where}, at the bar's ${stamps === 'close' ? 'end' : 'open'}`;
}

function gridText({ grid, session }: Inspection): string {
  switch (grid) {
    case 'none':
      return 'anywhere';
    case 'week':
      return 'on Mondays, UTC';
    case 'month':
      return 'on the first of the month, UTC';
    case 'zone-day':
      return `at midnight in ${sanitise(session)}`;
    default:
      return 'at multiples of it, UTC';
  }
}

function rangeText({ rangeFromTs, rangeToTs }: Inspection): string {
  if (rangeFromTs === null && rangeToTs === null) return '';
  const from = rangeFromTs === null ? 'any time' : instant(rangeFromTs);
  return `${from} to before ${rangeToTs === null ? 'any time' : instant(rangeToTs)}, by its name`;
}

function symbolText({ symbol, reading }: Inspection): string {
  if (symbol.value !== null) return `${sanitise(symbol.value)}, told by ${symbol.from}`;
  const more = reading.symbolCount > reading.symbols.length ? ', …' : '';
  const names = sanitise(reading.symbols.slice(0, 6).join(', '));
  const cut = reading.symbols.length > 6 && more === '' ? ', …' : more;
  return `${counted(reading.symbolCount, 'symbol')} in ${symbol.from}: ${names}${cut}`;
}

function recordsText({ reading }: Inspection): string {
  const { read, bars, rejected, duplicates, empty } = reading;
  const parts = [`${count(read)} read: ${counted(bars, 'bar')}`];
  if (duplicates > 0) parts.push(counted(duplicates, 'duplicate'));
  if (empty > 0) parts.push(`${count(empty)} empty`);
  parts.push(`${count(rejected)} set aside`);
  return parts.join(', ');
}

function columnLines({ columns }: Inspection, width: number, style: Style): string[] {
  const isHeaded = columns.some(({ name }) => name !== null);
  return tableLines(
    [...(isHeaded ? [{ title: 'column' }] : [{ title: '#' }]), { title: 'is' }, { title: 'such as' }],
    columns.map(({ name, role, example }, i) => [
      name === null ? String(i + 1) : sanitise(name),
      role === 'ignore' ? 'not read' : sanitise(role),
      cutEnd(sanitise(example), EXAMPLE_WIDTH),
    ]),
    width,
    style,
  );
}

function barLines(
  first: readonly InspectedBar[],
  last: readonly InspectedBar[],
  total: number,
  width: number,
  style: Style,
): string[] {
  if (total === 0) return [style.yellow('no bars')];
  const right = 'right' as const;
  const known = (bar: InspectedBar): boolean =>
    first.some(({ barTs, symbol }) => barTs === bar.barTs && symbol === bar.symbol);
  const rest = last.filter((bar) => !known(bar));
  const gap = total > first.length + rest.length ? [['…']] : [];
  return tableLines(
    [
      { title: 'bar (UTC)' },
      { title: 'symbol' },
      ...['open', 'high', 'low', 'close', 'volume', 'trades'].map((title) => ({ title, align: right })),
    ],
    [...first.map(cellsOf), ...gap, ...rest.map(cellsOf)],
    width,
    style,
  );
}

function cellsOf({ barTs, symbol, open, high, low, close, volume, trades }: InspectedBar): string[] {
  return [
    instant(barTs),
    sanitise(symbol),
    ...[open, high, low, close, volume, trades].map((x) => (x === null ? '' : String(x))),
  ];
}

function rejectLines(rejects: readonly InspectedRejects[], width: number, style: Style): string[] {
  return tableLines(
    [
      { title: 'set aside' },
      { title: 'records', align: 'right' },
      { title: 'line', align: 'right' },
      { title: 'field' },
      { title: 'record' },
    ],
    rejects.flatMap(({ reason, count: many, first }) =>
      first.map(({ line, field, record }, i) => [
        i === 0 ? reason : '',
        i === 0 ? count(many) : '',
        count(line),
        sanitise(field),
        cutEnd(sanitise(record), 100),
      ]),
    ),
    width,
    style,
  );
}
