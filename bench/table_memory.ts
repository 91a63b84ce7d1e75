/**
 * What memory a table takes that is one piece: Parquet of one row group (by DuckDB, whose pages are long then) and Arrow
 * of one batch, read from a file to columns of bars. `node bench/table_memory.ts [rows]` writes them to a temporary folder
 * and reads each in a process of its own; prints bytes of the file, and the process's memory at its most, once the file
 * was opened and at the end.
 */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { DuckDBInstance } from '@duckdb/node-api';
import type * as Arrow from 'apache-arrow';
import { RowKernel } from '../src/bars/row_kernel.ts';
import { openTable } from '../src/producer/archive/table/open_table.ts';
import { openLocalObject } from '../src/producer/sources/local/source.ts';
import { SymbolTable } from '../src/scan/symbol_table.ts';
import { TableScanner } from '../src/scan/table/table_scanner.ts';
import { MINUTE_CHECKS } from './scan_checks.ts';
import { readTable } from './table_reading.ts';

const NAMES = ['time', 'open', 'high', 'low', 'close', 'volume'] as const;
const BATCH_ROWS = 16_384;

/** The most memory this process has held, MB. */
function peakMb(): number {
  const [, kb] = /^VmHWM:\s*(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
  return Number(kb) / 1024;
}

async function read(path: string): Promise<void> {
  const shape = {
    delimiter: ',',
    header: 'required' as const,
    preamble: 0,
    columns: NAMES.map((role) => ({ role, names: [role] })),
    time: 's' as const,
    timeZone: 'UTC',
  };
  const out = new RowKernel(1, BATCH_ROWS, 0, 0).columns(BATCH_ROWS);
  const scanner = new TableScanner(shape, MINUTE_CHECKS, new SymbolTable('X', null), 'time');
  const object = await openLocalObject(pathToFileURL(path).href, null);
  const kind = path.endsWith('parquet') ? 'parquet' : 'arrow';
  const file = await openTable(object, { kind }, undefined);
  const opened = peakMb();
  await readTable(file, scanner, out);
  await object.close();
  const { recordsRead, rejected } = scanner.counters;
  process.stdout.write(
    `${recordsRead - rejected} good rows, ${opened.toFixed(0)} MB opened, ${peakMb().toFixed(0)} MB at most`,
  );
}

async function writeParquet(path: string, rows: number, packing: string): Promise<void> {
  const session = await (await DuckDBInstance.create(':memory:')).connect();
  const prices =
    'SELECT i, round(100 + (hash(i) % 1000) / 100.0, 2) AS o, round(100 + (hash(-i) % 1000) / 100.0, 2) AS c';
  await session.run(`COPY (
      SELECT 946684800 + 60 * i AS time, o AS open, greatest(o, c) AS high, least(o, c) AS low, c AS close,
             (hash(i) % 100000)::DOUBLE AS volume
      FROM (${prices} FROM range(${rows}) t(i))
    ) TO '${path}' (FORMAT parquet, ROW_GROUP_SIZE ${rows}, COMPRESSION ${packing})`);
}

/** A stream of one batch. */
function writeArrow(path: string, rows: number): void {
  const arrow = createRequire(import.meta.url)('apache-arrow/Arrow.es2015.min') as typeof Arrow;
  const stamps = BigInt64Array.from({ length: rows }, (_, i) => BigInt(946_684_800 + 60 * i));
  const columns = NAMES.map((name) => [
    name,
    arrow.makeVector(name === 'time' ? stamps : new Float64Array(rows).fill(100)),
  ]);
  writeFileSync(path, arrow.tableToIPC(new arrow.Table(Object.fromEntries(columns)), 'stream'));
}

const self = fileURLToPath(import.meta.url);
const [first, second, third] = process.argv.slice(2);
if (first === 'read') await read(second!);
else if (first === 'arrow') writeArrow(second!, Number(third));
else {
  const rows = Number(first ?? 12_000_000);
  const folder = mkdtempSync(join(tmpdir(), 'backhaul-table-'));
  const child = (...words: string[]): string => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [self, ...words], { encoding: 'utf8' });
    if (status !== 0) throw new Error(stderr);
    return stdout;
  };
  try {
    for (const way of ['snappy', 'zstd', 'uncompressed', 'arrow']) {
      const path = join(folder, way === 'arrow' ? 'bars.arrow' : `${way}.parquet`);
      if (way === 'arrow') child('arrow', path, String(rows));
      else await writeParquet(path, rows, way);
      const megabytes = statSync(path).size / 2 ** 20;
      process.stdout.write(`${way.padEnd(14)} ${megabytes.toFixed(0)} MB: ${child('read', path)}\n`);
      rmSync(path);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}
