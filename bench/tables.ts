/**
 * Tables against the CSV of the same rows: from a file's bytes in memory to columns of bars, on one thread, in turns.
 * `node bench/tables.ts [rows] [way]`, of all ways or of one against CSV. Prints rows a second of CPU time, and how many times the CSV's of the same round that is.
 * "parquet" is what Apache Arrow's Rust implementation writes, in pages of 20,000 rows; the others are called by who wrote
 * them. CSV is what the scanner takes for its plain bytes; nobody reads a disk, and nothing is computed of the bars or stored.
 */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { DuckDBInstance } from '@duckdb/node-api';
import type * as Arrow from 'apache-arrow';
import * as parquet from 'parquet-wasm';
import { RowKernel } from '../src/bars/row_kernel.ts';
import { median } from '../src/bench/statistics.ts';
import type { DecodedColumn } from '../src/copy/column_decoder.ts';
import { BatchBuilder, type ExportColumn } from '../src/export/export_batch.ts';
import { fileBytes } from '../src/export/formats.ts';
import { openBytes } from '../src/producer/archive/entry_stream.ts';
import { openTable } from '../src/producer/archive/table/open_table.ts';
import type { ObjectReader } from '../src/producer/sources/source.ts';
import { carryLast, Scanner } from '../src/scan/scanner.ts';
import type { RecordShape } from '../src/scan/shape.ts';
import { SymbolTable } from '../src/scan/symbol_table.ts';
import { TableScanner } from '../src/scan/table/table_scanner.ts';
import type { Storage } from '../src/state/task_plan.ts';
import { MINUTE_CHECKS } from './scan_checks.ts';
import { readTable } from './table_reading.ts';

const arrow = createRequire(import.meta.url)('apache-arrow/Arrow.es2015.min') as typeof Arrow;
const rows = Number(process.argv[2] ?? 500_000);
const only = process.argv[3];
const ROUNDS = 9;
const BATCH_ROWS = 16_384;
const EXPORT_ROWS = 65_536;
const NAMES = ['time', 'open', 'high', 'low', 'close', 'volume'] as const;

const shape: RecordShape = {
  delimiter: ',',
  header: 'required',
  preamble: 0,
  columns: NAMES.map((role) => ({ role, names: role === 'time' ? ['time', 'ts'] : [role] })),
  time: 's',
  timeZone: 'UTC',
};
const columns = NAMES.map(() => new Float64Array(rows));
let price = 100;
for (let i = 0; i < rows; i++) {
  const open = price;
  price = Math.max(1, Math.round(100 * (price + Math.random() - 0.5)) / 100);
  const values = [
    1_600_000_020 + 60 * i,
    open,
    Math.max(open, price) + 0.5,
    Math.min(open, price) - 0.5,
    price,
    i,
  ];
  for (const [k, value] of values.entries()) columns[k]![i] = value;
}
const lines = [NAMES.join(',')];
for (let i = 0; i < rows; i++) lines.push(columns.map((column) => column[i]).join(','));
const csv = Buffer.from(`${lines.join('\n')}\n`);
const table = new arrow.Table(
  Object.fromEntries(
    NAMES.map((name, k) => [
      name,
      k > 0
        ? arrow.makeVector(columns[k]!)
        : arrow.makeVector(BigInt64Array.from(columns[k]!, (value) => BigInt(value))),
    ]),
  ),
);
const ipc = arrow.tableToIPC(table, 'stream');
const asParquet = (compression: parquet.Compression): Buffer =>
  Buffer.from(
    parquet.writeParquet(
      parquet.Table.fromIPCStream(ipc),
      new parquet.WriterPropertiesBuilder().setCompression(compression).setMaxRowGroupSize(122_880).build(),
    ),
  );

/** The same rows by DuckDB, as it writes them unless it is told otherwise. */
async function byDuckDB(compression: string): Promise<Buffer> {
  const folder = mkdtempSync(join(tmpdir(), 'backhaul-tables-'));
  try {
    const [from, to] = [join(folder, 'bars.csv'), join(folder, 'bars.parquet')];
    writeFileSync(from, csv);
    const session = await (await DuckDBInstance.create(':memory:')).connect();
    await session.run(
      `COPY (FROM read_csv('${from}')) TO '${to}' (FORMAT parquet, COMPRESSION ${compression})`,
    );
    return readFileSync(to);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The same rows as `export` writes them, without indicators. */
async function byExport(): Promise<Buffer> {
  const written = NAMES.map((name): ExportColumn & { readonly values: Float64Array | BigInt64Array } =>
    name === 'time'
      ? { name: 'ts', kind: 'timestamp', values: BigInt64Array.from(columns[0]!, (s) => BigInt(s * 1e6)) }
      : { name, kind: 'float64', values: columns[NAMES.indexOf(name)]! },
  );
  const series = { venue: null, symbol: ['X'], intervalS: [60] };
  const builder = new BatchBuilder(written, series, new Map([['backhaul', 'bench']]));
  const batches = (async function* () {
    for (let from = 0; from < rows; from += EXPORT_ROWS) {
      const some = Math.min(EXPORT_ROWS, rows - from);
      const validity = new Uint8Array(EXPORT_ROWS / 8).fill(255);
      const decoded = written.map(
        ({ kind, values }) =>
          ({
            kind,
            nullCount: 0,
            validity,
            offsets: new Int32Array(0),
            values: values.subarray(from, from + some),
          }) as unknown as DecodedColumn,
      );
      yield builder.batch(new Int32Array(some).fill(1), decoded, some);
    }
  })();
  const bytes: Uint8Array[] = [];
  for await (const pieces of fileBytes('parquet', builder.schema, batches))
    for (const piece of pieces) bytes.push(Uint8Array.from(piece));
  return Buffer.concat(bytes);
}

const out = new RowKernel(1, BATCH_ROWS, 0, 0).columns(BATCH_ROWS);

async function scanText(bytes: Buffer, storage: Storage): Promise<number> {
  out.length = 0;
  const scanner = new Scanner(shape, MINUTE_CHECKS, new SymbolTable('X', null), 'time');
  for await (const piece of openBytes(memory(bytes), storage)) {
    for (let at = 0; at < piece.length; ) {
      at += scanner.push(piece, at, piece.length, out);
      if (out.length === out.capacity) carryLast(out, out);
    }
  }
  scanner.finish(out);
  return scanner.counters.recordsRead;
}

async function scanTable(bytes: Buffer, storage: Storage): Promise<number> {
  out.length = 0;
  const scanner = new TableScanner(shape, MINUTE_CHECKS, new SymbolTable('X', null), 'time');
  const file = await openTable(memory(bytes), storage, undefined);
  await readTable(file, scanner, out);
  return scanner.counters.recordsRead;
}

function memory(bytes: Buffer): ObjectReader {
  return {
    uri: 'memory:',
    sizeBytes: bytes.length,
    read: async (start, length) => bytes.subarray(start, start + length),
    async *stream(start, end) {
      for (let at = start; at < end; at += 1 << 19) yield bytes.subarray(at, Math.min(end, at + (1 << 19)));
    },
    close: async () => {},
  };
}

const all: readonly (readonly [string, Buffer, Storage, typeof scanText])[] = [
  ['csv', csv, { kind: 'plain' }, scanText],
  ['csv.gz', gzipSync(csv), { kind: 'gzip' }, scanText],
  ['arrow', Buffer.from(ipc), { kind: 'arrow' }, scanTable],
  ['parquet', asParquet(parquet.Compression.UNCOMPRESSED), { kind: 'parquet' }, scanTable],
  ['parquet, snappy', asParquet(parquet.Compression.SNAPPY), { kind: 'parquet' }, scanTable],
  ['parquet, zstd', asParquet(parquet.Compression.ZSTD), { kind: 'parquet' }, scanTable],
  ['duckdb', await byDuckDB('uncompressed'), { kind: 'parquet' }, scanTable],
  ['duckdb, snappy', await byDuckDB('snappy'), { kind: 'parquet' }, scanTable],
  ['duckdb, zstd', await byDuckDB('zstd'), { kind: 'parquet' }, scanTable],
  ['export', await byExport(), { kind: 'parquet' }, scanTable],
];
const ways = all.filter(([name]) => only === undefined || name.startsWith('csv') || name === only);
const rates = new Map<string, number[]>(ways.map(([name]) => [name, []]));
for (let round = -1; round < ROUNDS; round++) {
  for (const [name, bytes, storage, scan] of ways) {
    const before = process.cpuUsage();
    const read = await scan(bytes, storage);
    const { user, system } = process.cpuUsage(before);
    if (read !== rows) throw new Error(`${name}: ${read} rows of ${rows}`);
    // The first round warms up.
    if (round >= 0) rates.get(name)!.push(rows / ((user + system) / 1e6));
  }
}
// Of each round by itself: what the machine does besides slows both.
const against = (name: string, other: string): string =>
  median(rates.get(name)!.map((rate, i) => rate / rates.get(other)![i]!)).toFixed(1);
for (const [name, bytes] of ways)
  process.stdout.write(
    `${name.padEnd(16)} ${Math.round(median(rates.get(name)!))
      .toLocaleString('en-US')
      .padStart(
        11,
      )} rows/s of CPU, ${against(name, 'csv')} × CSV, ${against(name, 'csv.gz')} × csv.gz, ${(bytes.length / rows).toFixed(0)} bytes a row\n`,
  );
