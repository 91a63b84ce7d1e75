import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BarColumns } from '../../src/bars/columns.ts';
import { sortBars } from '../../src/scan/sort.ts';

type Bar = readonly [symbol: number, ts: number, close: number, trades: number];

function columns(bars: readonly Bar[]): BarColumns {
  const cols = new BarColumns(bars.length + 1);
  for (const [row, [symbol, ts, close, trades]] of bars.entries()) {
    cols.symbol[row] = symbol;
    cols.ts[row] = ts;
    cols.close[row] = close;
    cols.open[row] = close;
    cols.trades[row] = trades;
    cols.line[row] = row + 1;
    cols.offset[row] = row * 10;
  }
  cols.length = bars.length;
  return cols;
}

const rowsOf = (cols: BarColumns, names: readonly string[]): unknown[] =>
  Array.from({ length: cols.length }, (_, row) => [
    names[cols.symbol[row]!],
    cols.ts[row],
    cols.close[row],
    cols.trades[row],
    cols.line[row],
    cols.offset[row],
  ]);

/** The rule, plainly: a stable sort, then each bar against the last of its stamp. */
function expected(
  bars: readonly Bar[],
  names: readonly string[],
): { rows: unknown[]; duplicates: number; conflicts: number[] } {
  const rows = bars.map(
    ([symbol, ts, close, trades], row) => [names[symbol]!, ts, close, trades, row + 1, row * 10] as const,
  );
  rows.sort((a, b) => Buffer.compare(Buffer.from(a[0]), Buffer.from(b[0])) || a[1] - b[1]);
  const kept: (typeof rows)[number][] = [];
  const conflicts: number[] = [];
  let duplicates = 0;
  for (const row of rows) {
    const before = kept.at(-1);
    if (before === undefined || before[0] !== row[0] || before[1] !== row[1]) kept.push(row);
    else if (before[2] === row[2] && Object.is(before[3], row[3])) duplicates++;
    else {
      conflicts.push(before[4]);
      kept.splice(-1, 1, row);
    }
  }
  return { rows: kept, duplicates, conflicts };
}

const NAMES = ['b', 'B', 'é', 'a', 'b', 'z'];

describe('sortBars', () => {
  it('orders by symbol and time and folds equal stamps, the last of the file winning', () => {
    const bar = fc.tuple(fc.nat(5), fc.nat(12), fc.nat(1), fc.constantFrom(1, Number.NaN));
    fc.assert(
      fc.property(fc.array(bar, { maxLength: 60 }), (bars) => {
        const cols = columns(bars);
        const outcome = sortBars(cols, NAMES);
        const plain = expected(bars, NAMES);
        expect(rowsOf(cols, NAMES)).toEqual(plain.rows);
        expect(outcome.duplicates).toBe(plain.duplicates);
        expect(outcome.rejected).toBe(plain.conflicts.length);
        expect(outcome.rejects.map(({ line }) => line)).toEqual(plain.conflicts);
        expect(
          outcome.rejects.every(
            ({ reason, byteOffset, line }) => reason === 'conflict' && byteOffset === (line - 1) * 10,
          ),
        ).toBe(true);
        expect(bars.length).toBe(cols.length + outcome.duplicates + outcome.rejected);
      }),
      { numRuns: 1000 },
    );
  });

  it('makes one of the ordinals of one name', () => {
    const cols = columns([
      [4, 2, 1, 1],
      [0, 1, 1, 1],
    ]);
    sortBars(cols, NAMES);
    expect([...cols.symbol.subarray(0, 2)]).toEqual([0, 0]);
  });

  it('turns round a series that is newest first', () => {
    const bars = Array.from({ length: 1000 }, (_, i): Bar => [0, 1000 - i, i, i]);
    const cols = columns(bars);
    expect(sortBars(cols, ['X'])).toEqual({ duplicates: 0, rejected: 0, rejects: [] });
    expect(rowsOf(cols, ['X'])).toEqual(expected(bars, ['X']).rows);
  });

  it('lets the last of the file win among equal stamps of a series that is newest first', () => {
    const cols = columns([
      [0, 3, 1, 1],
      [0, 2, 5, 1],
      [0, 2, 6, 1],
      [0, 1, 1, 1],
    ]);
    expect(sortBars(cols, ['X'])).toMatchObject({ duplicates: 0, rejected: 1, rejects: [{ line: 2 }] });
    expect([...cols.close.subarray(0, cols.length)]).toEqual([1, 6, 1]);
  });

  it('has nothing to do for no rows and for one', () => {
    for (const bars of [[], [[0, 1, 1, 1]] as Bar[]]) {
      const cols = columns(bars);
      expect(sortBars(cols, ['X'])).toEqual({ duplicates: 0, rejected: 0, rejects: [] });
      expect(cols.length).toBe(bars.length);
    }
  });
});
