/**
 * How fast bars become files: record batches of all columns into each format, on one thread, without a database.
 * `node bench/export.ts [rows] [format …]`. Prints rows a second of CPU time, which other programs do not change, and
 * of the clock; bytes a row; the memory held.
 */

import { INDICATOR_NAMES } from '../src/bars/columns.ts';
import { median } from '../src/bench/statistics.ts';
import type { ColumnKind, DecodedColumn } from '../src/copy/column_decoder.ts';
import { BatchBuilder, type ExportColumn } from '../src/export/export_batch.ts';
import { fileBytes } from '../src/export/formats.ts';
import { FORMATS } from '../src/export/partition_plan.ts';

const BATCH_ROWS = 65_536;
const rows = Number(process.argv[2] ?? 1_000_000);
const rounds = 3;

const numbers = ['open', 'high', 'low', 'close', 'volume'];
const columns: ExportColumn[] = [
  { name: 'ts', kind: 'timestamp' },
  ...numbers.map((name): ExportColumn => ({ name, kind: 'float64' })),
  { name: 'trades', kind: 'int64' },
  ...INDICATOR_NAMES.map((name): ExportColumn => ({ name, kind: 'float64' })),
];

/** Prices of two decimals, indicators of all digits: as they are. */
function column(kind: ColumnKind, isPrice: boolean): DecodedColumn {
  const validity = new Uint8Array(BATCH_ROWS / 8).fill(255);
  const shape = { kind, nullCount: 0, validity, offsets: new Int32Array(0) };
  if (kind === 'float64') {
    let price = 100;
    const values = Float64Array.from({ length: BATCH_ROWS }, () => {
      price += Math.random() - 0.5;
      return isPrice ? Math.round(100 * price) / 100 : price / 3;
    });
    return { ...shape, values } as unknown as DecodedColumn;
  }
  const values = BigInt64Array.from({ length: BATCH_ROWS }, (_, i) =>
    kind === 'timestamp' ? 1_704_067_200_000_000n + BigInt(i) * 60_000_000n : BigInt(i % 100),
  );
  return { ...shape, values } as unknown as DecodedColumn;
}

const decoded = columns.map(({ name, kind }) => column(kind, numbers.includes(name)));
const ordinals = new Int32Array(BATCH_ROWS).fill(1);

const asked = process.argv.slice(3);
for (const format of FORMATS.filter((one) => asked.length === 0 || asked.includes(one))) {
  const rates: number[] = [];
  const clock: number[] = [];
  let bytes = 0;
  for (let round = 0; round < rounds; round++) {
    const series = { venue: null, symbol: ['XBTUSD'], intervalS: [60] };
    const builder = new BatchBuilder(columns, series, new Map());
    bytes = 0;
    const began = performance.now();
    const before = process.cpuUsage();
    const batches = (async function* () {
      for (let made = 0; made < rows; made += BATCH_ROWS) yield builder.batch(ordinals, decoded, BATCH_ROWS);
    })();
    for await (const pieces of fileBytes(format, builder.schema, batches))
      for (const piece of pieces) bytes += piece.length;
    const { user, system } = process.cpuUsage(before);
    rates.push(rows / ((user + system) / 1e6));
    clock.push(rows / ((performance.now() - began) / 1000));
  }
  const rss = Math.round(process.memoryUsage().rss / 1e6);
  process.stdout.write(
    `${format.padEnd(8)} ${shown(rates)} rows/s of CPU, ${shown(clock)} of the clock, ${(bytes / rows).toFixed(0).padStart(4)} bytes a row, RSS ${rss} MB\n`,
  );
}

function shown(rates: readonly number[]): string {
  return Math.round(median(rates)).toLocaleString('en-US').padStart(10);
}
