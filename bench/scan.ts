/**
 * How fast the scanner turns bytes into columns, on one core: `node bench/scan.ts [records]` (6,000 by default).
 *
 * Files of five kinds are made in memory from a fixed seed and scanned 400 times in pieces of 1 MiB into batches of
 * 8,192 rows, as a worker does, without inflating, indicators or COPY. A pass takes about a millisecond, so that the
 * best of them is one nobody interrupted, on bytes as warm as those just inflated. Printed per kind: bytes a record,
 * and ns a record of the best and of the median pass.
 */
import { BarColumns } from '../src/bars/columns.ts';
import { carryLast, Scanner } from '../src/scan/scanner.ts';
import type { RecordShape, Role } from '../src/scan/shape.ts';
import { SymbolTable } from '../src/scan/symbol_table.ts';
import { MINUTE_CHECKS } from './scan_checks.ts';

const PASSES = 400;
const WARM_UP = 50;
const PIECE_BYTES = 1 << 20;
const BATCH_ROWS = 8192;

/** A linear congruential generator (Numerical Recipes): the same numbers on every machine. */
function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

interface Kind {
  readonly name: string;
  readonly roles: readonly Role[];
  readonly time: RecordShape['time'];
  readonly order: 'time' | 'symbol-time';
  readonly wanted?: Readonly<Record<string, string>>;
  readonly record: (n: number, random: () => number) => string;
}

const START_S = 1_600_000_200;

function prices(
  random: () => number,
  scale: number,
  digits: number,
): [open: string, high: string, low: string, close: string] {
  const at = (): number => scale * (1 + random() * 0.02);
  const [low, open, close, high] = [at(), at(), at(), at()].sort((a, b) => a - b) as [
    number,
    number,
    number,
    number,
  ];
  const text = (value: number): string => String(Number(value.toFixed(digits)));
  return [text(open), text(high), text(low), text(close)];
}

function ticker(n: number): string {
  // 400 bars a symbol, names ascending by their bytes.
  return `T${String(Math.floor(n / 400)).padStart(4, '0')}`;
}

function massive(n: number, random: () => number): string {
  const [open, high, low, close] = prices(random, 276, 4);
  return `${ticker(n)},${Math.floor(random() * 90_000)},${open},${close},${high},${low},${START_S + 60 * (n % 400)}000000000,${Math.floor(random() * 900)}`;
}

const MASSIVE: readonly Role[] = ['symbol', 'volume', 'open', 'close', 'high', 'low', 'time', 'trades'];

const KINDS: readonly Kind[] = [
  {
    name: 'kraken',
    roles: ['time', 'open', 'high', 'low', 'close', 'volume', 'trades'],
    time: 's',
    order: 'time',
    record: (n, random) =>
      `${START_S + 300 * n},${prices(random, 3432, 2).join(',')},${(random() * 900).toFixed(8)},${Math.floor(random() * 300)}`,
  },
  {
    name: 'kraken, prices with exponents',
    roles: ['time', 'open', 'high', 'low', 'close', 'volume', 'trades'],
    time: 's',
    order: 'time',
    record: (n, random) =>
      `${START_S + 300 * n},${prices(random, 1.188, 4)
        .map((price) => `${price}e-05`)
        .join(',')},${(random() * 2e9).toFixed(6)},${Math.floor(random() * 30)}`,
  },
  { name: 'massive', roles: MASSIVE, time: 'ns', order: 'symbol-time', record: massive },
  {
    name: 'massive, one symbol of many wanted',
    roles: MASSIVE,
    time: 'ns',
    order: 'symbol-time',
    wanted: { T0001: 'T0001' },
    record: massive,
  },
  {
    name: 'binance',
    roles: [
      'time',
      'open',
      'high',
      'low',
      'close',
      'volume',
      'ignore',
      'ignore',
      'trades',
      'ignore',
      'ignore',
      'ignore',
    ],
    time: 'magnitude',
    order: 'time',
    record: (n, random) =>
      `${START_S + 60 * n}000,${prices(random, 70_292, 2)
        .map((price) => Number(price).toFixed(8))
        .join(
          ',',
        )},${(random() * 900).toFixed(8)},${START_S + 60 * n + 59}999,59096143.37278150,${Math.floor(random() * 90_000)},448.83050000,31559502.40249900,0`,
  },
];

function shapeOf(kind: Kind): RecordShape {
  const columns = kind.roles.map((role) => ({ role, names: [role], optional: role === 'trades' }));
  return { delimiter: ',', header: 'none', preamble: 0, columns, time: kind.time, timeZone: 'UTC' };
}

/** Scans all bytes; returns the number of rows. */
function pass(bytes: Uint8Array, kind: Kind, out: BarColumns): number {
  const fixed = kind.roles.includes('symbol') ? null : 'X';
  const scanner = new Scanner(
    shapeOf(kind),
    MINUTE_CHECKS,
    new SymbolTable(fixed, kind.wanted ?? null),
    kind.order,
  );
  let rows = 0;
  const hand = (): void => {
    rows += out.length - 1;
    carryLast(out, out);
  };
  out.length = 0;
  for (let start = 0; start < bytes.length; start += PIECE_BYTES) {
    const end = Math.min(bytes.length, start + PIECE_BYTES);
    for (let at = start; at < end; ) {
      at += scanner.push(bytes, at, end, out);
      if (out.length === out.capacity) hand();
    }
  }
  while (!scanner.finish(out)) hand();
  if (scanner.counters.rejected > 0 || scanner.unordered) throw new Error('the bench made a bad record');
  return rows + out.length;
}

function measure(kind: Kind, records: number): string {
  const random = randomOf(42);
  const bytes = Buffer.from(
    Array.from({ length: records }, (_, n) => `${kind.record(n, random)}\n`).join(''),
  );
  const out = new BarColumns(BATCH_ROWS);
  const times: number[] = [];
  let rows = 0;
  for (let n = 0; n < PASSES; n++) {
    const before = performance.now();
    rows = pass(bytes, kind, out);
    times.push(((performance.now() - before) * 1e6) / records);
  }
  const [best, median] = [0, 0.5].map(
    (share) => times.slice(WARM_UP).sort((a, b) => a - b)[Math.floor((PASSES - WARM_UP) * share)]!,
  );
  return `${kind.name.padEnd(36)} ${(bytes.length / records).toFixed(1).padStart(6)} B ${best!.toFixed(0).padStart(5)} ns best ${median!.toFixed(0).padStart(5)} ns median ${rows} rows\n`;
}

const records = Number(process.argv[2] ?? 6000);
for (const kind of KINDS) process.stdout.write(measure(kind, records));
