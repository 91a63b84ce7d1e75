/** Parquet pages of our own making, read by DuckDB and by Apache Arrow's Rust implementation. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterAll, describe, expect, it } from 'vitest';
import { arrow } from '../../src/bars/arrow.ts';
import type { DecodedColumn } from '../../src/copy/column_decoder.ts';
import { BatchBuilder, type ExportColumn } from '../../src/export/export_batch.ts';
import { parquetBytes } from '../../src/export/parquet.ts';

const folder = mkdtempSync(join(tmpdir(), 'backhaul-parquet-'));
afterAll(() => rmSync(folder, { recursive: true }));

type Value = number | bigint | string | null;

const KINDS: ExportColumn[] = [
  { name: 'ts', kind: 'timestamp' },
  { name: 'price', kind: 'float64' },
  { name: 'empty', kind: 'float64' },
  { name: 'trades', kind: 'int64' },
  { name: 'note', kind: 'text' },
];

/** Columns as the decoder leaves them: a value's place is kept where there is none. */
function decoded(kind: ExportColumn['kind'], values: readonly Value[]): DecodedColumn {
  const validity = new Uint8Array(Math.ceil(values.length / 8));
  values.forEach((value, row) => {
    if (value !== null) validity[row >> 3]! |= 1 << (row & 7);
  });
  const shape = { kind, validity, nullCount: values.filter((value) => value === null).length };
  if (kind === 'text') {
    const texts = values.map((value) => Buffer.from((value as string | null) ?? ''));
    const offsets = new Int32Array(values.length + 1);
    texts.forEach((text, row) => {
      offsets[row + 1] = offsets[row]! + text.length;
    });
    return { ...shape, values: Buffer.concat(texts), offsets };
  }
  const offsets = new Int32Array(0);
  if (kind === 'float64') return { ...shape, values: Float64Array.from(values as number[]), offsets };
  return { ...shape, values: BigInt64Array.from(values.map((value) => BigInt(value ?? 0))), offsets };
}

/** Writes batches of rows `[ordinal, …values]`, the ordinal 1, 2 or 3. */
async function written(name: string, batches: readonly (readonly Value[][])[]): Promise<string> {
  const series = { venue: null, symbol: ['AA', 'ÄÖ', 'B'], intervalS: [60, 300, 60] };
  const builder = new BatchBuilder(KINDS, series, new Map([['said', 'so']]));
  const pieces: Uint8Array[] = [];
  const made = (async function* () {
    for (const rows of batches) {
      const ordinals = Int32Array.from(rows, (row) => Number(row[0]));
      const columns = KINDS.map(({ kind }, k) =>
        decoded(
          kind,
          rows.map((row) => row[k + 1]!),
        ),
      );
      yield builder.batch(ordinals, columns, rows.length);
    }
  })();
  for await (const some of parquetBytes(builder.schema, made))
    for (const piece of some) pieces.push(Uint8Array.from(piece));
  const path = join(folder, name);
  writeFileSync(path, Buffer.concat(pieces));
  return path;
}

/** The same rows whichever way a reader shows them. */
function shown(rows: readonly (readonly unknown[])[]): string[] {
  return rows.map((row) => row.map((one) => (Object.is(one, -0) ? '-0' : String(one))).join(' '));
}

async function byDuck(sql: string): Promise<unknown[][]> {
  const connection = await (await DuckDBInstance.create()).connect();
  try {
    return (await connection.runAndReadAll(sql)).getRows() as unknown[][];
  } finally {
    connection.closeSync();
  }
}

async function byRust(path: string): Promise<unknown[][]> {
  const { readParquet } = await import('parquet-wasm');
  const { readFileSync } = await import('node:fs');
  const table = arrow.tableFromIPC(readParquet(readFileSync(path)).intoIPCStream());
  const stamps = table.getChild('ts')!;
  return Array.from({ length: table.numRows }, (_, row) => [
    table.getChild('symbol')!.get(row),
    table.getChild('interval_s')!.get(row),
    // Arrow's own getter gives ms.
    BigInt(Math.round(1000 * Number(stamps.get(row)))),
    ...['price', 'empty', 'trades', 'note'].map((name) => table.getChild(name)!.get(row)),
  ]);
}

const SELECT = 'SELECT symbol, interval_s, epoch_us(ts), price, empty, trades, note';
const SYMBOLS = ['AA', 'ÄÖ', 'B'];
const INTERVALS = [60, 300, 60];
const expected = (rows: readonly Value[][]): string[] =>
  shown(rows.map(([of, ...rest]) => [SYMBOLS[Number(of) - 1], INTERVALS[Number(of) - 1], ...rest]));

describe('Parquet', () => {
  it('keeps every bit of numbers, NULLs and texts, whatever the number of rows', async () => {
    const odd = [1 / 3, -0, 0, Number.NaN, Number.POSITIVE_INFINITY, 5e-324, -1.5, null, Number.MAX_VALUE];
    const whole = [0n, -1n, 2n ** 53n + 1n, null, -(2n ** 62n), 7n];
    const texts = ['', null, 'ä€', 'a longer text, with commas'];
    const batches = [1, 4, 7, 64, 1001].map((count, n) =>
      Array.from({ length: count }, (_, row): Value[] => [
        1 + Math.floor((3 * row) / count),
        BigInt(1e15 * n + 60e6 * row - 1000),
        odd[(row * 5 + n) % odd.length]!,
        null,
        whole[(row + n) % whole.length]!,
        texts[(row + n) % texts.length]!,
      ]),
    );
    const rows = batches.flat();
    // Its lower bytes are not packed, the others are.
    let price = 100;
    const walk = Array.from({ length: 5000 }, (_, row): Value[] => {
      price *= 1 + Math.sin(row * row) * 1e-5;
      return [1, BigInt(2e16 + row), price, row < 30 ? null : price / 3, 1n, null];
    });
    rows.push(...walk);
    const path = await written('odd.parquet', [...batches, walk]);
    expect(shown(await byDuck(`${SELECT} FROM '${path}'`))).toEqual(expected(rows));
    expect(shown(await byRust(path))).toEqual(expected(rows));
    const [said] = await byDuck(`SELECT key::text, value::text FROM parquet_kv_metadata('${path}')`);
    expect(said).toEqual(['said', 'so']);
  });

  it('says the bounds of each row group, of no NaN and of both zeros', async () => {
    const row = (of: number, ts: number, price: Value, trades: Value): Value[] => [
      of,
      BigInt(ts),
      price,
      null,
      trades,
      'x',
    ];
    const path = await written('bounds.parquet', [
      [row(1, 5, 2.5, 3n), row(1, 6, Number.NaN, null), row(2, -7, -1, -9n)],
      [row(2, 9, 0, 2n ** 40n), row(3, 10, -0, 1n)],
    ]);
    const bounds = await byDuck(
      `SELECT row_group_id, path_in_schema, stats_min_value, stats_max_value, stats_null_count
       FROM parquet_metadata('${path}') WHERE path_in_schema IN ('symbol', 'ts', 'price', 'trades', 'empty')`,
    );
    expect(shown(bounds)).toEqual([
      '0 symbol AA ÄÖ 0',
      '0 ts 1969-12-31 23:59:59.999993+00 1970-01-01 00:00:00.000006+00 0',
      '0 price -1.0 2.5 0',
      '0 empty null null 3',
      '0 trades -9 3 1',
      '1 symbol B ÄÖ 0',
      '1 ts 1970-01-01 00:00:00.000009+00 1970-01-01 00:00:00.00001+00 0',
      '1 price -0.0 0.0 0',
      '1 empty null null 2',
      '1 trades 1 1099511627776 0',
    ]);
  });
});
