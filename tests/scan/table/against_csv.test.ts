import fc from 'fast-check';
import { expect, it } from 'vitest';
import { BarColumns } from '../../../src/bars/columns.ts';
import { carryLast } from '../../../src/scan/scanner.ts';
import type { RecordShape, ScanChecks } from '../../../src/scan/shape.ts';
import { SymbolTable } from '../../../src/scan/symbol_table.ts';
import type { TableColumn, TableField } from '../../../src/scan/table/table_columns.ts';
import { TableScanner } from '../../../src/scan/table/table_scanner.ts';
import { checksOf, kernelColumns, scan, shapeOf } from '../scan_run.ts';

/** The law of tables: their rows become what a CSV of the same rows becomes, whatever types the columns have. */

const START_S = 1_600_000_020;
const HEADER = ['symbol', 'time', 'open', 'high', 'low', 'close', 'volume', 'trades'] as const;

/** Most rows are good and follow each other; some break one rule or another. */
const rowOf = fc.record({
  symbol: fc.constantFrom('AB', 'AB', 'AB', 'ÄÖ', 'ÄÖ', '', ' X', 'not asked'),
  step: fc.constantFrom(1, 1, 1, 2, 0, -1, 0.5),
  open: fc.constantFrom(10, 10.5, 11.25, -1, 0, null),
  up: fc.constantFrom(0, 1.5, 1.5, 1.5, -0.25),
  down: fc.constantFrom(0, 1.5, 1.5, -0.25),
  close: fc.constantFrom(10, 10.75, null),
  volume: fc.constantFrom(1.5, 0, 7, -2, null),
  trades: fc.constantFrom(3, 0, 2.5, null, -1),
  hole: fc.constantFrom(false, false, false, false, true),
});

interface Value {
  readonly symbol: string;
  readonly us: number | null;
  readonly numbers: Readonly<Record<'open' | 'high' | 'low' | 'close' | 'volume' | 'trades', number | null>>;
}

function valuesOf(rows: readonly (typeof rowOf extends fc.Arbitrary<infer T> ? T : never)[]): Value[] {
  let us = START_S * 1e6;
  return rows.map(({ symbol, step, open, up, down, close, volume, trades, hole }) => {
    us += step * 60e6;
    const high = open === null ? null : Math.max(open, close ?? 0) + up;
    const low = open === null ? null : Math.min(open, close ?? 99) - down;
    return { symbol, us: hole ? null : us, numbers: { open, high, low, close, volume, trades } };
  });
}

const text = (value: number | null): string => (value === null ? '' : String(value));

function csvOf(values: readonly Value[]): Buffer {
  const lines = values.map(({ symbol, us, numbers }) =>
    [symbol, us === null ? '' : new Date(us / 1000).toISOString(), ...Object.values(numbers).map(text)].join(
      ',',
    ),
  );
  return Buffer.from([HEADER.join(','), ...lines, ''].join('\n'));
}

function validity(present: readonly boolean[]): Uint8Array | null {
  if (present.every(Boolean)) return null;
  const bits = new Uint8Array(Math.ceil(present.length / 8));
  present.forEach((is, i) => {
    if (is) bits[i >> 3]! |= 1 << (i & 7);
  });
  return bits;
}

const words = (values: readonly bigint[]): Int32Array => new Int32Array(BigInt64Array.from(values).buffer);

/** A column of numbers as doubles with NaN, doubles with a bitmap, or decimals. */
function numberColumn(values: readonly (number | null)[], how: number): TableColumn {
  const valid = validity(values.map((value) => value !== null));
  if (how === 0)
    return {
      kind: 'number',
      values: Float64Array.from(values, (v) => v ?? Number.NaN),
      valid: null,
      validFrom: 0,
    };
  if (how === 1)
    return { kind: 'number', values: Float64Array.from(values, (v) => v ?? 7), valid, validFrom: 0 };
  const units = values.flatMap((v) => {
    const unit = BigInt(Math.round((v ?? 0) * 100));
    return [unit, unit < 0n ? -1n : 0n];
  });
  return { kind: 'decimal', words: words(units), scale: 2, valid, validFrom: 0 };
}

function textColumn(values: readonly string[]): TableColumn & { kind: 'text' } {
  const parts = values.map((value) => new TextEncoder().encode(value));
  const offsets = [0];
  for (const part of parts) offsets.push(offsets.at(-1)! + part.length);
  return {
    kind: 'text',
    bytes: Buffer.concat(parts),
    offsets: Int32Array.from(offsets),
    valid: null,
    validFrom: 0,
  };
}

function symbolColumn(symbols: readonly string[], how: number): TableColumn {
  if (how === 0) return textColumn(symbols);
  const list = [...new Set(symbols)];
  const codes = Int32Array.from(symbols, (symbol) => list.indexOf(symbol));
  return { kind: 'dictionary', codes, words: textColumn(list), valid: null, validFrom: 0 };
}

function timeColumn(stamps: readonly (number | null)[], how: number): TableColumn {
  const valid = validity(stamps.map((us) => us !== null));
  if (how === 0)
    return textColumn(stamps.map((us) => (us === null ? '' : new Date(us / 1000).toISOString())));
  const unit = how === 1 ? 'us' : 'ns';
  const values = stamps.map(
    (us) => BigInt(us ?? 5) * (unit === 'ns' ? 1000n : 1n) + (unit === 'ns' ? 999n : 0n),
  );
  return { kind: 'stamp', words: words(values), unit, zoned: how !== 1, valid, validFrom: 0 };
}

interface Result {
  readonly rows: string[];
  readonly rejects: string[];
  readonly counters: unknown;
  readonly unordered: boolean;
}

function scanTable(
  values: readonly Value[],
  how: {
    readonly symbol: number;
    readonly time: number;
    readonly numbers: number;
    readonly batch: number;
    readonly memory: 'kernel' | 'heap';
    readonly capacity: number;
  },
  shape: RecordShape,
  checks: ScanChecks,
  order: 'time' | 'any',
): Result {
  const symbols = new SymbolTable(null, { AB: 'AB', ÄÖ: 'ÄÖ', ' X': ' X' });
  const scanner = new TableScanner(shape, checks, symbols, order);
  const out = how.memory === 'kernel' ? kernelColumns(how.capacity) : new BarColumns(how.capacity);
  const rows: string[] = [];
  const hand = (): void => {
    const whole = order === 'any' ? out.length : out.length - 1;
    for (let row = 0; row < whole; row++) rows.push(shown(out, row, symbols));
    if (order === 'any') out.length = 0;
    else carryLast(out, out);
  };
  let begun = false;
  for (let from = 0; from < values.length && !scanner.hasStopped; from += how.batch) {
    const some = values.slice(from, from + how.batch);
    const columns: TableColumn[] = [
      symbolColumn(
        some.map(({ symbol }) => symbol),
        how.symbol,
      ),
      timeColumn(
        some.map(({ us }) => us),
        how.time,
      ),
      ...HEADER.slice(2).map((name) =>
        numberColumn(
          some.map(({ numbers }) => numbers[name as 'open']),
          how.numbers,
        ),
      ),
    ];
    if (!begun) {
      const fields = HEADER.map(
        (name, i): TableField => ({ name, kind: columns[i]!.kind, zoned: how.time === 2 }),
      );
      expect(scanner.begin(fields)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
      begun = true;
    }
    const batch = { rows: some.length, columns };
    for (let at = 0; at < batch.rows; ) {
      at += scanner.push(batch, at, out);
      if (scanner.hasStopped) break;
      if (out.length === out.capacity) hand();
    }
    scanner.passed(batch);
  }
  scanner.finish();
  for (let row = 0; row < out.length; row++) rows.push(shown(out, row, symbols));
  return {
    rows,
    rejects: scanner.takeRejects().map(({ line, reason, field }) => `${line} ${reason} ${field}`),
    counters: { ...scanner.counters },
    unordered: scanner.unordered,
  };
}

function shown(out: BarColumns, row: number, symbols: SymbolTable): string {
  const { open, high, low, close, volume, trades } = out;
  return [
    symbols.names[out.symbol[row]!],
    out.ts[row],
    ...[open, high, low, close, volume, trades].map((column) => column[row]),
  ].join(' ');
}

it('rows of a table come out as those of a CSV do', () => {
  fc.assert(
    fc.property(
      fc.array(rowOf, { maxLength: 40 }),
      fc.record({
        symbol: fc.nat(1),
        time: fc.nat(2),
        numbers: fc.nat(2),
        batch: fc.constantFrom(3, 40),
        memory: fc.constantFrom<'kernel' | 'heap'>('kernel', 'heap'),
        capacity: fc.constantFrom(5, 64),
      }),
      fc.constantFrom<'time' | 'any'>('time', 'any'),
      fc.constantFrom<'optional' | undefined>('optional', undefined),
      fc.constantFrom<'any' | undefined>('any', undefined),
      fc.boolean(),
      (rows, how, order, volume, prices, cut) => {
        const values = valuesOf(rows);
        const shape = shapeOf(HEADER, {
          header: 'required',
          time: 'text',
          ...(volume !== undefined && { volume }),
          ...(prices !== undefined && { prices }),
        });
        const fixed = {
          ...shape,
          columns: shape.columns.map((one) => ({ ...one, optional: one.role === 'trades' })),
        };
        const checks = checksOf({
          grid: 'epoch',
          ...(cut && { wantFromUs: (START_S + 300) * 1e6, wantToUs: (START_S + 900) * 1e6 }),
        });
        const input = {
          bytes: csvOf(values),
          shape: fixed,
          checks,
          order,
          fixed: null,
          wanted: { AB: 'AB', ÄÖ: 'ÄÖ', ' X': ' X' },
        };
        const csv = scan(input, [], 5);
        const table = scanTable(values, how, fixed, checks, order);
        expect(table.counters).toEqual(csv.counters);
        expect(table.unordered).toBe(csv.unordered);
        // Lines of a CSV begin with its header.
        expect(table.rejects).toEqual(
          csv.rejects.map(({ line, reason, field }) => `${line - 1} ${reason} ${field}`),
        );
        expect(table.rows).toEqual(
          csv.rows.map(({ symbol, ts, open, high, low, close, volume: v, trades }) =>
            [symbol, ts, open, high, low, close, v, trades].join(' '),
          ),
        );
      },
    ),
    { numRuns: Number(process.env['SCAN_RUNS'] ?? 600) },
  );
});

const PLAIN = ['time', 'open', 'high', 'low', 'close', 'volume', 'trades'] as const;
const ODD = [
  -0,
  0,
  -1,
  0.5,
  1e308,
  2 ** 53 - 1,
  2 ** 53 + 2,
  -(2 ** 60),
  2 ** 51,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
];

/** All there is of the rows, bit by bit. */
function bitsOf(out: BarColumns): string {
  return out.raw.map((column) => Buffer.from(column.slice(0, out.length).buffer).toString('hex')).join('\n');
}

it('rows are told good by the kernel where they are without it, to the bit', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(69), fc.constantFrom(...PLAIN), fc.constantFrom(...ODD)), { maxLength: 4 }),
      fc.record({
        unit: fc.constantFrom<'s' | 'ms' | 'us' | 'ns'>('s', 'ms', 'us', 'ns'),
        step: fc.constantFrom(60, 60, 120, 30),
        isWhole: fc.boolean(),
        mayLack: fc.boolean(),
        cut: fc.boolean(),
        prices: fc.constantFrom<'any' | undefined>('any', undefined),
      }),
      (odd, { unit, step, isWhole, mayLack, cut, prices }) => {
        const per = { s: 1n, ms: 1000n, us: 1_000_000n, ns: 1_000_000_000n }[unit];
        const rows = Array.from({ length: 70 }, (_, row) => {
          const values = {
            time: 0,
            open: 10 + row,
            high: 12 + row,
            low: 9,
            close: 11,
            volume: row,
            trades: 3,
          };
          for (const [at, name, value] of odd) if (at === row) values[name] = value;
          return values;
        });
        const wholeOf = (value: number): bigint =>
          Number.isFinite(value) && Math.abs(value) < 2 ** 63 ? BigInt(Math.trunc(value)) : 7n;
        const columns = PLAIN.map((name): TableColumn => {
          const values = rows.map((row) => row[name]);
          const nulls = { valid: null, validFrom: 0 };
          if (name === 'time') {
            const stamps = values.map((odder, row) => BigInt(START_S + step * row) * per + wholeOf(odder));
            return { kind: 'stamp', words: words(stamps), unit, zoned: true, ...nulls };
          }
          return isWhole && (name === 'volume' || name === 'trades')
            ? { kind: 'int64', words: words(values.map(wholeOf)), isSigned: true, ...nulls }
            : { kind: 'number', values: Float64Array.from(values), ...nulls };
        });
        const shape = shapeOf(PLAIN, { header: 'required', ...(prices !== undefined && { prices }) });
        const own = {
          ...shape,
          columns: shape.columns.map((one) => ({ ...one, optional: mayLack && !isPrice(one.role) })),
        };
        const checks = checksOf({ grid: 'epoch', ...(cut && { fileToUs: (START_S + 2400) * 1e6 }) });
        const [byKernel, without] = [kernelColumns(128), new BarColumns(128)].map((out) => {
          const scanner = new TableScanner(own, checks, new SymbolTable('X', null), 'any');
          scanner.begin(PLAIN.map((name, i) => ({ name, kind: columns[i]!.kind, zoned: true })));
          for (let at = 0; at < 70; ) at += scanner.push({ rows: 70, columns }, at, out);
          scanner.finish();
          return { bits: bitsOf(out), counters: scanner.counters, rejects: scanner.takeRejects() };
        });
        expect(byKernel).toEqual(without);
        expect(byKernel!.counters.recordsRead).toBe(70);
      },
    ),
    { numRuns: Number(process.env['SCAN_RUNS'] ?? 300) },
  );
});

const isPrice = (role: string): boolean => ['open', 'high', 'low', 'close'].includes(role);
