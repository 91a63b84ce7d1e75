import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { layoutJsonSchema } from '../../src/producer/layouts/json_schema.ts';
import { loadLayout } from '../../src/producer/layouts/named_layout.ts';
import { folderWith } from '../producer/folder.ts';
import { read } from './inspecting.ts';

/** Every example of the pages about layouts reads a file, as a layout its user has written. */

function examplesOf(page: string): string[] {
  return [...readFileSync(page, 'utf8').matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text]) => text!);
}

/** What an example that is a few keys is part of. */
const REST = {
  columns: ['time', 'symbol', 'open', 'high', 'low', 'close', 'volume'],
  context: ['(?<market>spot)'],
  venue: 'mine',
  symbol: { column: 'symbol' },
  interval: '1m',
};
const NAMES = { time: 't', open: 'o', high: 'h', low: 'l', close: 'c', volume: 'v' };

interface Case {
  /** What the example begins with. */
  readonly example: string;
  readonly path?: string;
  readonly text: string;
  readonly encoding?: BufferEncoding;
  /** `venue symbol interval stamp close volume`. */
  readonly bar?: string;
}

/** A record of the columns of {@link REST}. */
const RECORD = '1709287200,XYZ,1,3,1,2,5\n';
const BAR = 'mine XYZ 1m 2024-03-01T10:00 2 5';
const ABC = BAR.replace('XYZ', 'ABC');

const CASES: readonly Case[] = [
  {
    example: '# yaml-language-server',
    path: 'BTCEUR_1h.csv',
    text: '2024-03-01 10:00;1;3;1;2;5\n2024-03-01 11:00;2;3;1;2;5\n',
    bar: 'acme BTCEUR 1h 2024-03-01T09:00 2 5',
  },
  // A stamp outside the month of its name.
  {
    example: 'paths: [',
    path: 'spot/XYZ/2024-02.csv',
    text: RECORD,
  },
  { example: 'vendor:', path: 'XYZ.csv', text: RECORD },
  {
    example: 'venue: { from',
    path: 'spot/x.csv',
    text: 't,o,h,l,c,v,Ticker\n1709251200,1,3,1,2,5,XBTUSD\n',
    bar: 'acme XBTUSD 1d 2024-03-01T00:00 2 5',
  },
  {
    example: 'encoding:',
    text: 'Kursübersicht\nDatum\tOpen\tHigh\tLow\tClose\tAdj Close\tVol.\tCount\nTag\tEUR\tEUR\tEUR\tEUR\tEUR\tStück\t\n2024-03-01 10:00\t1\t3\t1\t9\t2\t5\t7\n',
    encoding: 'latin1',
    bar: ABC,
  },
  { example: 'columns: [date', text: '20240301,100000,1,3,1,2,5,x\n', bar: ABC },
  {
    example: "paths: '(?<year>",
    path: '20240301_abc_minute.csv',
    text: '36000000,1,3,1,2,5\n',
    bar: BAR.replace('XYZ', 'abc'),
  },
  { example: 'syntax:', text: '[[1709287200,"XYZ",1,3,1,2,5]]' },
  { example: 'time: { unit: text', text: '03/01/2024 05:01 AM,XYZ,1,3,1,2,5\n' },
  {
    example: 'time: { format: [',
    text: '01/03/2024,XYZ,1,3,1,2,5\n13/03/2024,XYZ,1,3,1,2,5\n',
    bar: BAR.replace('T10', 'T00'),
  },
  { example: 'grid:', text: RECORD.replace('200,', '207,') },
  {
    example: 'venue:\n',
    text: '1709269200,AAPL,1,3,1,2,5\n',
    bar: 'acme-stocks AAPL 1d 2024-03-01T05:00 2 5',
  },
  { example: 'numbers: { currency', text: '1709287200,XYZ,$1,$3,$1,$2,5\n' },
  {
    example: 'numbers: { decimal',
    text: '1709287200,XYZ,1.000.000.000,3.000.000.000,1.000.000.000,2.000.000.000,"1,5K"\n',
    bar: BAR.replace(' 5', ' 1500'),
  },
  { example: 'volume:', text: '1709287200,XYZ,-1,3,-2,2,\n', bar: BAR.replace(' 5', ' null') },
  { example: 'columns: [time, open', text: '1709287200,1,3,1,2,5,10.5\n', bar: ABC },
  { example: 'calendar: {', text: RECORD },
  {
    example: 'name: acme-trades',
    text: '1709287200.5,1,2,b,1\n1709287201,2,3,s,2\n',
    bar: 'acme BTCUSD 1m 2024-03-01T10:00 2 5',
  },
  { example: 'calendar:\n', text: RECORD },
  {
    example: 'extra:',
    text: 'time,symbol,open,high,low,close,volume,Quote Volume,vwap,open_interest,settlement\n1709287200,XYZ,1,3,1,2,5,10.5,2.1,7,2.10\n',
  },
];

const examples = [...examplesOf('docs/layouts.md'), ...examplesOf('docs/layout-values.md')];
const caseOf = (example: string): Case[] => CASES.filter((one) => example.startsWith(one.example));

/** Of a JSON schema, what {@link keysOf} follows. */
interface Node {
  readonly properties?: Readonly<Record<string, Node>>;
  readonly additionalProperties?: Node | boolean;
  readonly items?: Node;
  readonly anyOf?: readonly Node[];
}

/** Every key a layout may have, such as `time.zone`; what venue, symbol and interval have in common is of an `origin`. */
function keysOf({ properties = {}, additionalProperties, items, anyOf = [] }: Node, path = ''): string[] {
  return [
    ...Object.entries(properties).flatMap(([key, node]) => [
      named(path, key),
      ...keysOf(node, named(path, key)),
    ]),
    ...(typeof additionalProperties === 'object' ? keysOf(additionalProperties, `${path}.*`) : []),
    ...[...anyOf, ...(items === undefined ? [] : [items])].flatMap((node) => keysOf(node, path)),
  ];
}

function named(path: string, key: string): string {
  return path === '' ? key : `${path.replace(/^(?:venue|symbol|interval)\b/, 'origin')}.${key}`;
}

/** The keys of a layout as it is written; those of a map of words stand as `*` too. */
function keysIn(value: unknown, path = ''): string[] {
  if (Array.isArray(value)) return value.flatMap((one) => keysIn(one, path));
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => [
    named(path, key),
    ...keysIn(inner, named(path, key)),
    ...keysIn(inner, `${path}.*`),
  ]);
}

describe('the pages about layouts', () => {
  it('have an example of every key', () => {
    const shown = new Set(examples.flatMap((text) => keysIn(parse(text, { stringKeys: true }))));
    const keys = new Set(keysOf(layoutJsonSchema() as Node));
    expect(keys.size).toBeGreaterThan(50);
    expect([...keys].filter((key) => !shown.has(key))).toEqual([]);
  });

  it('have a file for each example', () => {
    expect(examples.filter((example) => caseOf(example).length !== 1)).toEqual([]);
    expect(CASES).toHaveLength(examples.length);
  });

  it.each(examples.map((text) => [text.split('\n', 1)[0]!, text]))(
    'have an example that reads: %s',
    async (_, text) => {
      const [{ path = 'file.csv', text: records, encoding = 'utf8', bar = BAR } = { text: '' }] =
        caseOf(text);
      const keys = parse(text, { stringKeys: true }) as Record<string, unknown>;
      const named = 'columns' in keys && !('symbol' in keys) ? { symbol: 'ABC' } : {};
      const column =
        'symbol' in keys && !('columns' in keys) ? { columns: { ...NAMES, symbol: 'Ticker' } } : {};
      const folder = folderWith({
        'my.yaml': stringify({ ...REST, ...named, ...column, ...keys }),
        'frankfurt.txt': '2024-12-25\n',
        [path]: Buffer.from(records, encoding),
      });
      const layout = await loadLayout(join(folder, 'my.yaml'), []);
      const { venue, interval, reading } = await read(join(folder, path), layout);
      const [first] = reading.first;
      const { barTs, symbol, close, volume } = first!;
      const stamp = new Date(barTs / 1000).toISOString().slice(0, 16);
      expect(reading).toMatchObject({ rejected: 0, fault: null });
      expect(`${venue.value} ${symbol} ${interval.value} ${stamp} ${close} ${volume}`).toBe(bar);
    },
  );
});
