import { BarColumns } from '../../src/bars/columns.ts';
import { RowKernel } from '../../src/bars/row_kernel.ts';
import { BackhaulError } from '../../src/faults/fault.ts';
import type { Reading } from '../../src/scan/record_scanner.ts';
import { carryLast, Scanner } from '../../src/scan/scanner.ts';
import type { RecordShape, Role, ScanChecks } from '../../src/scan/shape.ts';
import { SymbolTable } from '../../src/scan/symbol_table.ts';
import type { Input, Outcome, Row } from './reference.ts';

/** A shape without a header, from roles in their order; `trades` may be empty. */
export function shapeOf(roles: readonly Role[], more: Partial<RecordShape> = {}): RecordShape {
  const columns = roles.map((role) => ({
    role,
    names: role === 'ignore' ? [] : [role],
    optional: role === 'trades',
  }));
  return { delimiter: ',', header: 'none', preamble: 0, columns, time: 's', timeZone: 'UTC', ...more };
}

/** Checks that refuse nothing but what no bar can be. */
export function checksOf(more: Partial<ScanChecks> = {}): ScanChecks {
  return {
    intervalUs: 60e6,
    grid: 'none',
    zone: 'UTC',
    fileFromUs: Number.NEGATIVE_INFINITY,
    fileToUs: Number.POSITIVE_INFINITY,
    wantFromUs: Number.NEGATIVE_INFINITY,
    wantToUs: Number.POSITIVE_INFINITY,
    earliestUs: Date.UTC(2000, 0, 1) * 1000,
    latestUs: Date.UTC(2100, 0, 1) * 1000,
    onInvalid: 'reject',
    maxRecordBytes: 1 << 20,
    ...more,
  };
}

/** What the scanner of a run was. */
export interface Run extends Outcome {
  scanner: Scanner;
  message: string;
}

/** Columns in a kernel's memory, as a worker's are, by their number of rows. */
const inKernel = new Map<number, BarColumns>();

/** Columns in a kernel's memory, empty. Of a number of rows there is one set. */
export function kernelColumns(capacity: number): BarColumns {
  let columns = inKernel.get(capacity);
  if (columns === undefined) {
    columns = new RowKernel(1, capacity, 0, 0).columns(capacity);
    inKernel.set(capacity, columns);
  }
  columns.length = 0;
  return columns;
}

/**
 * Scans `input.bytes`, cut at `cuts`, into batches of `capacity` rows, as a worker does. Every piece lies somewhere
 * inside a buffer that is overwritten after the push. On the `heap` there is no kernel to help.
 */
export function scan(
  input: Input,
  cuts: readonly number[] = [],
  capacity = 64,
  memory: 'kernel' | 'heap' = 'kernel',
  reading: Reading | undefined = undefined,
): Run {
  const symbols = new SymbolTable(input.fixed, input.wanted);
  const scanner = new Scanner(input.shape, input.checks, symbols, input.order, reading);
  const out = memory === 'kernel' ? kernelColumns(capacity) : new BarColumns(capacity);
  const rows: Row[] = [];
  const rejects = [];
  const take = (count: number): void => {
    for (let row = 0; row < count; row++) rows.push(rowAt(out, row, symbols.names));
  };
  const isOrdered = input.order !== 'any';
  const hand = (): void => {
    if (isOrdered) {
      take(out.length - 1);
      carryLast(out, out);
    } else {
      take(out.length);
      out.length = 0;
    }
  };
  let fault: string | null = null;
  let message = '';
  try {
    const ends = [...cuts, input.bytes.length].sort((a, b) => a - b);
    let at = 0;
    for (const end of ends) {
      if (!pushPiece(scanner, input.bytes.subarray(at, end), out, hand)) break;
      at = end;
    }
    while (!scanner.finish(out)) hand();
    take(out.length);
  } catch (error) {
    if (!(error instanceof BackhaulError)) throw error;
    fault = `${error.fault.kind} ${error.fault.where?.line} ${error.fault.where?.byteOffset}`;
    message = JSON.stringify(error.fault);
    take(out.length);
  }
  rejects.push(...scanner.takeRejects());
  return {
    rows,
    rejects: rejects.map(({ line, byteOffset, reason, field }) => ({ line, byteOffset, reason, field })),
    texts: rejects.map(({ reason, record }) => (reason === 'conflict' ? null : record)),
    counters: { ...scanner.counters },
    unordered: scanner.unordered,
    fault,
    scanner,
    message,
  };
}

/** False when the scanner takes no more. */
function pushPiece(scanner: Scanner, piece: Uint8Array, out: BarColumns, hand: () => void): boolean {
  const margin = 7;
  const buffer = new Uint8Array(piece.length + 2 * margin).fill(0x22);
  buffer.set(piece, margin);
  const end = margin + piece.length;
  for (let at = margin; at < end; ) {
    const used = scanner.push(buffer, at, end, out);
    buffer.fill(0x22, at, at + used);
    at += used;
    if (scanner.hasStopped) return false;
    if (at < end) hand();
  }
  return true;
}

function rowAt(out: BarColumns, row: number, names: readonly string[]): Row {
  return {
    symbol: names[out.symbol[row]!]!,
    ts: out.ts[row]!,
    open: out.open[row]!,
    high: out.high[row]!,
    low: out.low[row]!,
    close: out.close[row]!,
    volume: out.volume[row]!,
    trades: out.trades[row]!,
    line: out.line[row]!,
    offset: out.offset[row]!,
  };
}

/** The part of a run the reference tells too. */
export function comparable({ rows, rejects, texts, counters, unordered, fault }: Outcome): Outcome {
  return { rows, rejects, texts, counters, unordered, fault };
}

/** Scans a text of one series, `time,open,high,low,close,volume,trades` in seconds unless said otherwise. */
export function scanText(
  text: string | Buffer,
  more: Partial<Input> = {},
  cuts: readonly number[] = [],
): Run {
  const roles: Role[] = ['time', 'open', 'high', 'low', 'close', 'volume', 'trades'];
  return scan(
    {
      bytes: Buffer.from(text as string),
      shape: shapeOf(roles),
      checks: checksOf(),
      fixed: 'XBTUSD',
      wanted: null,
      order: 'time',
      ...more,
    },
    cuts,
  );
}
