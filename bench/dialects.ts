/**
 * How fast files are read that are not as plain as most: records a second of CPU, from bytes in memory to columns of
 * bars on one thread, batch by batch, with nothing computed of the bars or stored. `node bench/dialects.ts [records]`
 * (200,000 by default): medians of five rounds, each kind once a round. `.bz2` and `.xz` need those programs to be made.
 */

import { spawnSync } from 'node:child_process';
import { RowKernel } from '../src/bars/row_kernel.ts';
import { median } from '../src/bench/statistics.ts';
import { openBytes } from '../src/producer/archive/entry_stream.ts';
import { checkLayout } from '../src/producer/layouts/checked_layout.ts';
import type { ObjectReader } from '../src/producer/sources/source.ts';
import { utf8Text } from '../src/scan/encoding.ts';
import { jsonLines } from '../src/scan/json_records.ts';
import { carryLast, Scanner } from '../src/scan/scanner.ts';
import { SymbolTable } from '../src/scan/symbol_table.ts';
import type { Storage } from '../src/state/task_plan.ts';
import { MINUTE_CHECKS } from './scan_checks.ts';

const records = Number(process.argv[2] ?? 200_000);
const ROUNDS = 5;
const BATCH_ROWS = 8192;
const START_S = 1_600_000_020;

type Numbers = readonly [open: number, high: number, low: number, close: number, volume: number];

/** The file's text: a record by its stamp, seconds since 1970, and its numbers. */
function text(record: (iso: string, seconds: number, numbers: Numbers) => string, head = ''): string {
  const lines: string[] = head === '' ? [] : [head];
  for (let i = 0; i < records; i++) {
    const seconds = START_S + 60 * i;
    const open = 1000 + ((i * 7919) % 9001) / 100;
    const numbers = [open, open + 2.25, open - 1.75, open + 0.5, 1500 + (i % 977)] as const;
    lines.push(record(new Date(seconds * 1000).toISOString(), seconds, numbers));
  }
  return `${lines.join('\n')}\n`;
}

const plain = text((_, seconds, numbers) => `${seconds},${numbers.join(',')}`);
const german = (n: number): string =>
  n
    .toFixed(2)
    .replace('.', ',')
    .replace(/(\d)(\d{3}),/, '$1.$2,');
const clock = (iso: string): string => {
  const hour = Number(iso.slice(11, 13));
  return `${iso.slice(5, 7)}/${iso.slice(8, 10)}/${iso.slice(0, 4)} ${String(hour % 12 || 12).padStart(2, '0')}:${iso.slice(14, 16)} ${hour < 12 ? 'AM' : 'PM'}`;
};
const pattern = text(
  (iso, _, numbers) =>
    `${iso.slice(0, 10).replaceAll('-', '')} ${iso.slice(11, 16).replace(':', '')}00,${numbers.join(',')}`,
);
const SYMBOL = { columns: ['time', 'open', 'high', 'low', 'close', 'volume'] };

interface Kind {
  readonly name: string;
  readonly keys: object;
  readonly bytes: Buffer | null;
  readonly storage?: Storage;
}

const packedBy = (program: string): Buffer | null => {
  const { status, stdout } = spawnSync(program, ['-c'], { input: plain, maxBuffer: 1 << 30 });
  return status === 0 ? stdout : null;
};

const kinds: readonly Kind[] = [
  { name: 'plain', keys: {}, bytes: Buffer.from(plain) },
  {
    name: 'quoted fields',
    keys: {},
    bytes: Buffer.from(
      text((_, seconds, numbers) => `"${seconds}",${numbers.map((n) => `"${n}"`).join(',')}`),
    ),
  },
  {
    name: 'decimal comma, thousands',
    keys: { delimiter: ';', numbers: { decimal: ',', thousands: '.' } },
    bytes: Buffer.from(text((_, seconds, numbers) => `${seconds};${numbers.map(german).join(';')}`)),
  },
  {
    name: 'suffixes (1.54K)',
    keys: { numbers: { suffixes: true } },
    bytes: Buffer.from(
      text(
        (_, seconds, [open, high, low, close, volume]) =>
          `${seconds},${open},${high},${low},${close},${volume / 1000}K`,
      ),
    ),
  },
  { name: 'stamps by a pattern', keys: { time: { format: 'yyyyMMdd HHmmss' } }, bytes: Buffer.from(pattern) },
  {
    name: 'stamps of a local clock',
    keys: { time: { format: 'yyyyMMdd HHmmss', zone: 'Asia/Tokyo' } },
    bytes: Buffer.from(pattern),
  },
  {
    name: 'AM and PM, no pattern said',
    keys: { time: { unit: 'text' } },
    bytes: Buffer.from(text((iso, _, numbers) => `${clock(iso)},${numbers.join(',')}`)),
  },
  {
    name: 'day and time of day',
    keys: {
      columns: ['date', 'time_of_day', 'open', 'high', 'low', 'close', 'volume'],
      time: { format: 'yyyy.MM.dd HH:mm' },
    },
    bytes: Buffer.from(
      text(
        (iso, _, numbers) =>
          `${iso.slice(0, 10).replaceAll('-', '.')},${iso.slice(11, 16)},${numbers.join(',')}`,
      ),
    ),
  },
  { name: 'UTF-16', keys: { encoding: 'utf-16le' }, bytes: Buffer.from(plain, 'utf16le') },
  { name: 'windows-1252', keys: { encoding: 'windows-1252' }, bytes: Buffer.from(plain) },
  { name: 'gb18030', keys: { encoding: 'gb18030' }, bytes: Buffer.from(plain) },
  {
    name: 'JSON',
    keys: { syntax: 'json' },
    bytes: Buffer.from(
      `[${plain
        .trimEnd()
        .split('\n')
        .map((line) => `[${line}]`)
        .join(',')}]`,
    ),
  },
  { name: '.xz', keys: {}, bytes: packedBy('xz'), storage: { kind: 'xz' } },
  { name: '.bz2', keys: {}, bytes: packedBy('bzip2'), storage: { kind: 'bz2' } },
];

const out = new RowKernel(1, BATCH_ROWS, 0, 0).columns(BATCH_ROWS);

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

async function read({ keys, storage = { kind: 'plain' } }: Kind, bytes: Buffer): Promise<number> {
  const written = {
    ...SYMBOL,
    header: 'none',
    time: { unit: 's' },
    venue: 'x',
    symbol: 'X',
    interval: '1m',
    ...keys,
  };
  const { shape } = checkLayout(written, 'bench', 'bench');
  out.length = 0;
  const scanner = new Scanner(shape, MINUTE_CHECKS, new SymbolTable('X', null), 'time');
  const unpacked = utf8Text(openBytes(memory(bytes), storage), shape.encoding);
  for await (const piece of shape.syntax === 'json' ? jsonLines(unpacked) : unpacked) {
    for (let at = 0; at < piece.length; ) {
      at += scanner.push(piece, at, piece.length, out);
      if (out.length === out.capacity) carryLast(out, out);
    }
  }
  while (!scanner.finish(out)) carryLast(out, out);
  return scanner.counters.recordsRead - scanner.takeRejects().length;
}

const rates = new Map<string, number[]>();
for (let round = -1; round < ROUNDS; round++) {
  for (const kind of kinds) {
    if (kind.bytes === null) continue;
    const before = process.cpuUsage();
    const bars = await read(kind, kind.bytes);
    const { user, system } = process.cpuUsage(before);
    if (bars !== records) throw new Error(`${kind.name}: ${bars} bars of ${records} records`);
    // The first round warms up.
    if (round >= 0)
      rates.set(kind.name, [...(rates.get(kind.name) ?? []), records / ((user + system) / 1e6)]);
  }
}
for (const [name, found] of rates) {
  const rate = Math.round(median(found)).toLocaleString('en-US');
  process.stdout.write(`${name.padEnd(28)} ${rate.padStart(12)} records/s of CPU\n`);
}
