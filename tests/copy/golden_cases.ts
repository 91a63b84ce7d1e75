/** What the goldens hold: for each file, the SQL a real server answered and the bytes the encoders make of the same values. */

import { BarColumns, INDICATOR_NAMES } from '../../src/bars/columns.ts';
import { BarEncoder } from '../../src/copy/bar_encoder.ts';
import { RowEncoder } from '../../src/copy/row_encoder.ts';
import { BARS_COLUMNS, COPY_HEADER, COPY_TRAILER, MAX_ROW_BYTES } from '../../src/copy/wire.ts';

export interface GoldenCase {
  readonly file: string;
  /** A query whose rows COPY sends. */
  readonly sql: string;
  readonly encode: () => Uint8Array;
}

export interface GoldenBar {
  readonly seriesId: number;
  /** ISO with six decimals, UTC. */
  readonly at: string;
  /** Open, high, low, close, volume. */
  readonly prices: readonly (number | null)[];
  readonly trades: number | null;
  readonly indicators: readonly (number | null)[];
}

const none = INDICATOR_NAMES.map(() => null);
const all = INDICATOR_NAMES.map((_, i) => 100 + i / 7);

export const GOLDEN_BARS: readonly GoldenBar[] = [
  {
    seriesId: 1,
    at: '2024-03-10T07:00:00.000000Z',
    prices: [1.5, 2.25, 0.1, 1e-8, 12345.678],
    trades: 42,
    indicators: all,
  },
  {
    seriesId: 2_147_483_647,
    at: '1999-12-31T23:59:59.999999Z',
    prices: [-0, 0, 5e-324, 1e308, -1e308],
    trades: 0,
    indicators: none,
  },
  {
    seriesId: -1,
    at: '1970-01-01T00:00:00.000000Z',
    prices: [1 / 3, 2 / 3, 0.1 + 0.2, Math.PI, 1e22],
    trades: 4_294_967_296,
    indicators: all,
  },
  {
    seriesId: 0,
    at: '1969-12-31T23:59:59.999999Z',
    prices: [null, null, null, null, null],
    trades: null,
    indicators: none,
  },
  {
    seriesId: 7,
    at: '2000-01-01T00:00:00.000000Z',
    prices: [1, 1, 1, 1, 0],
    trades: 9_007_199_254_740_991,
    indicators: all.map((x, i) => (i % 2 ? x : null)),
  },
  {
    seriesId: 8,
    at: '1900-01-01T00:00:00.000001Z',
    prices: [2.2250738585072014e-308, 4.9e-320, 1.7976931348623157e308, Infinity, -Infinity],
    trades: -1,
    indicators: [null, ...all.slice(1)],
  },
  {
    seriesId: 9,
    at: '2254-12-31T23:59:59.999999Z',
    prices: [1, 2, 3, 4, 5],
    trades: 4_294_967_295,
    indicators: all,
  },
];

/** µs since 1970 of an ISO stamp with six decimals. */
function usOf(at: string): number {
  return Date.parse(`${at.slice(0, 19)}Z`) * 1000 + Number(at.slice(20, 26));
}

export function goldenColumns(): BarColumns {
  const cols = new BarColumns(GOLDEN_BARS.length);
  for (const [i, bar] of GOLDEN_BARS.entries()) {
    cols.symbol[i] = bar.seriesId;
    cols.ts[i] = usOf(bar.at);
    const prices = [cols.open, cols.high, cols.low, cols.close, cols.volume];
    for (const [k, column] of prices.entries()) column[i] = bar.prices[k] ?? Number.NaN;
    cols.trades[i] = bar.trades ?? Number.NaN;
    for (const [k, column] of cols.indicators.entries()) column[i] = bar.indicators[k] ?? Number.NaN;
  }
  cols.length = GOLDEN_BARS.length;
  return cols;
}

function literal(value: number | null, type: string): string {
  if (value === null) return `NULL::${type}`;
  return `'${Object.is(value, -0) ? '-0' : value}'::${type}`;
}

function barsSql(columns: number): string {
  const rows = GOLDEN_BARS.map((bar, i) =>
    [
      `${i}`,
      literal(bar.seriesId, 'int4'),
      `'${bar.at}'::timestamptz`,
      ...bar.prices.map((x) => literal(x, 'float8')),
      literal(bar.trades, 'int8'),
      ...bar.indicators.map((x) => literal(x, 'float8')),
    ].join(', '),
  );
  const names = BARS_COLUMNS.slice(0, columns).join(', ');
  return `SELECT ${names} FROM (VALUES\n (${rows.join('),\n (')})) t(row, ${BARS_COLUMNS.join(', ')}) ORDER BY row`;
}

function encodeBars(): Uint8Array {
  const cols = goldenColumns();
  const out = new Uint8Array(COPY_HEADER.length + cols.length * MAX_ROW_BYTES + COPY_TRAILER.length);
  out.set(COPY_HEADER);
  const end = new BarEncoder().encode(cols, null, 0, cols.length, null, out, COPY_HEADER.length);
  out.set(COPY_TRAILER, end);
  return out.subarray(0, end + COPY_TRAILER.length);
}

/** Header, the rows and trailer. */
function streamOf(rows: RowEncoder): Uint8Array {
  return Buffer.concat([COPY_HEADER, rows.bytes(), COPY_TRAILER]);
}

/** A case of one row. */
function sideRow(
  file: string,
  fields: readonly [sql: string, put: (rows: RowEncoder) => unknown][],
): GoldenCase {
  return {
    file,
    sql: `SELECT ${fields.map(([sql]) => sql).join(', ')}`,
    encode: () => {
      const rows = new RowEncoder(fields.length).row();
      for (const [, put] of fields) put(rows);
      return streamOf(rows);
    },
  };
}

export const GOLDEN_CASES: readonly GoldenCase[] = [
  { file: 'bars.bin', sql: barsSql(BARS_COLUMNS.length), encode: encodeBars },
  { file: 'no_rows.bin', sql: 'SELECT 1 WHERE false', encode: () => streamOf(new RowEncoder(1)) },
  sideRow('integers.bin', [
    ["'-2147483648'::int4", (r) => r.int4(-2_147_483_648)],
    ["'2147483647'::int4", (r) => r.int4(2_147_483_647)],
    ["'-9007199254740991'::int8", (r) => r.int8(Number.MIN_SAFE_INTEGER)],
    ['NULL::int4', (r) => r.int4(null)],
    ['NULL::int8', (r) => r.int8(null)],
  ]),
  sideRow('floats.bin', [
    ["'-0'::float8", (r) => r.float8(-0)],
    ["'5e-324'::float8", (r) => r.float8(5e-324)],
    ["'-Infinity'::float8", (r) => r.float8(Number.NEGATIVE_INFINITY)],
    ["'NaN'::float8", (r) => r.float8(Number.NaN)],
    ['NULL::float8', (r) => r.float8(null)],
  ]),
  sideRow('texts.bin', [
    ["''::text", (r) => r.text('')],
    ["'a,\"b\"'||E'\\t\\n\\\\.'", (r) => r.text('a,"b"\t\n\\.')],
    ["'Zürich 株 🚢'::text", (r) => r.text('Zürich 株 🚢')],
    ["repeat('x', 10000)", (r) => r.text('x'.repeat(10_000))],
    ['NULL::text', (r) => r.text(null)],
    ["''::bytea", (r) => r.bytea(new Uint8Array(0))],
    ["'\\x00ff0a'::bytea", (r) => r.bytea(Uint8Array.of(0, 255, 10))],
    ['NULL::bytea', (r) => r.bytea(null)],
    [`'{"a": 1}'::jsonb::text`, (r) => r.text('{"a": 1}')],
    ['NULL::jsonb', (r) => r.jsonb(null)],
    [`'"scalar"'::jsonb`, (r) => r.jsonb('scalar')],
    ["'17'::jsonb", (r) => r.jsonb(17)],
    ["'[]'::jsonb", (r) => r.jsonb([])],
  ]),
  sideRow('times.bin', [
    ["'2000-01-01T00:00:00Z'::timestamptz", (r) => r.timestamptz(usOf('2000-01-01T00:00:00.000000Z'))],
    ["'1969-12-31T23:59:59.999999Z'::timestamptz", (r) => r.timestamptz(-1)],
    ["'1700-09-21T00:12:43.145224Z'::timestamptz", (r) => r.timestamptz(usOf('1700-09-21T00:12:43.145224Z'))],
    ["'infinity'::timestamptz", (r) => r.timestamptz(Number.POSITIVE_INFINITY)],
    ["'-infinity'::timestamptz", (r) => r.timestamptz(Number.NEGATIVE_INFINITY)],
    ['NULL::timestamptz', (r) => r.timestamptz(null)],
    ["tstzrange('1970-01-01Z', '2026-04-01Z')", (r) => r.tstzrange(0, usOf('2026-04-01T00:00:00.000000Z'))],
    ["tstzrange(NULL, '1970-01-01Z')", (r) => r.tstzrange(Number.NEGATIVE_INFINITY, 0)],
    ["tstzrange('1970-01-01Z', NULL)", (r) => r.tstzrange(0, Number.POSITIVE_INFINITY)],
    ['tstzrange(NULL, NULL)', (r) => r.tstzrange(Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY)],
    ["'empty'::tstzrange", (r) => r.tstzrange(0, 0)],
    ['NULL::tstzrange', (r) => r.tstzrange(null, 0)],
  ]),
];

/** The first eight columns of the same bars, for the decoder. */
export const SHORT_BARS: { readonly file: string; readonly sql: string } = {
  file: 'bars_without_indicators.bin',
  sql: barsSql(8),
};
