import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BarColumns } from '../../src/bars/columns.ts';
import { Zone } from '../../src/base/zone.ts';
import { carryLast } from '../../src/scan/scanner.ts';
import type { RecordShape, Role, ScanChecks } from '../../src/scan/shape.ts';
import { sortBars } from '../../src/scan/sort.ts';
import { SymbolTable } from '../../src/scan/symbol_table.ts';
import { Buckets } from '../../src/scan/trade_buckets.ts';
import { TradeScanner } from '../../src/scan/trade_scanner.ts';
import { checksOf, shapeOf } from './scan_run.ts';

/** Trades in, bars out: the right ones, however the bytes come and however small the batches are. */

interface Bar {
  readonly symbol: string;
  readonly ts: number;
  readonly open: number;
  readonly high: number;
  readonly low: number;
  readonly close: number;
  readonly volume: number;
  readonly trades: number;
}

interface Scanned {
  readonly bars: Bar[];
  readonly unordered: boolean;
  readonly scanner: TradeScanner;
  readonly rejects: [number, string, string][];
}

const ROLES: readonly Role[] = ['time', 'price', 'volume'];
const MINUTE = 60e6;

function tradesShape(roles: readonly Role[] = ROLES, more: Partial<RecordShape> = {}): RecordShape {
  return { ...shapeOf(roles, more), kind: 'trades' };
}

function scanTrades(
  text: string,
  {
    shape = tradesShape(),
    checks = {},
    order = 'time',
    cuts = [],
    capacity = 8,
    symbol = 'XBTUSD',
  }: {
    shape?: RecordShape;
    checks?: Partial<ScanChecks>;
    order?: 'time' | 'symbol-time' | 'any';
    cuts?: readonly number[];
    capacity?: number;
    symbol?: string | null;
  } = {},
): Scanned {
  const bytes = Buffer.from(text);
  const symbols = new SymbolTable(symbol, null);
  const scanner = new TradeScanner(shape, checksOf({ grid: 'epoch', ...checks }), symbols, order, undefined);
  let out = new BarColumns(capacity, false);
  const all = new BarColumns(200, false);
  const hand = (): void => {
    const next = new BarColumns(capacity, false);
    all.append(out, 0, out.length - 1);
    carryLast(out, next);
    out = next;
  };
  const ends = [...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  let at = 0;
  for (const end of ends) {
    while (at < end && !scanner.hasStopped) {
      at += scanner.push(bytes, at, end, out);
      if (out.length === out.capacity) hand();
    }
  }
  while (!scanner.finish(out)) hand();
  all.append(out, 0, out.length);
  if (order === 'any') sortBars(all, symbols.names, 'trades');
  const bars = Array.from({ length: all.length }, (_, row): Bar => {
    const { ts, open, high, low, close, volume, trades } = all;
    return {
      symbol: symbols.names[all.symbol[row]!]!,
      ts: ts[row]!,
      open: open[row]!,
      high: high[row]!,
      low: low[row]!,
      close: close[row]!,
      volume: volume[row]!,
      trades: trades[row]!,
    };
  });
  const rejects = scanner
    .takeRejects()
    .map(({ line, reason, field }): [number, string, string] => [line, reason, field]);
  return { bars, unordered: scanner.unordered, scanner, rejects };
}

/** A trade as it is meant: instant in ms, price in cents, volume in 10⁻⁸. */
interface Trade {
  readonly ms: number;
  readonly cents: number;
  readonly units: number;
}

/** Bars the slow way: every trade of a stretch looked at, sums in whole units. */
function plainBars(trades: readonly Trade[], intervalUs: number, symbol = 'XBTUSD'): Bar[] {
  const byBar = Map.groupBy(
    trades.map((trade, i) => ({ ...trade, i })),
    ({ ms }) => Math.floor((ms * 1000) / intervalUs) * intervalUs,
  );
  return [...byBar]
    .map(([ts, some]): Bar => {
      const inTime = some.toSorted((a, b) => a.ms - b.ms || a.i - b.i);
      const prices = some.map(({ cents }) => cents);
      return {
        symbol,
        ts,
        open: inTime[0]!.cents / 100,
        high: Math.max(...prices) / 100,
        low: Math.min(...prices) / 100,
        close: inTime.at(-1)!.cents / 100,
        volume: Number(some.reduce((sum, { units }) => sum + BigInt(units), 0n)) / 1e8,
        trades: some.length,
      };
    })
    .sort((a, b) => a.ts - b.ts);
}

const T0 = 1_600_000_000_000;
const line = ({ ms, cents, units }: Trade): string =>
  `${Math.floor(ms / 1000)}.${String(ms % 1000).padStart(3, '0')},${(cents / 100).toFixed(2)},${(units / 1e8).toFixed(8)}\n`;

const trade = fc.record({
  ms: fc.integer({ min: 0, max: 900 }).map((tick) => T0 + 400 * tick),
  cents: fc.integer({ min: 1, max: 9_999_999 }),
  units: fc.integer({ min: 0, max: 500_000_000 }),
});
const trades = fc.array(trade, { minLength: 1, maxLength: 60 });
const inTime = trades.map((some) => some.toSorted((a, b) => a.ms - b.ms));
const cuts = fc.array(fc.nat(4_000), { maxLength: 6 });
const capacity = fc.integer({ min: 2, max: 9 });
const interval = fc.constantFrom(5e6, MINUTE, 3600e6);

describe('bars made of trades', () => {
  it('open with the first, close with the last, and sum up what is between', () => {
    const text = '1600000020.1,10,0.1\n1600000021,12.5,0.2\n1600000079.999,9,0.3\n1600000080,11,1\n';
    expect(scanTrades(text).bars).toEqual([
      {
        symbol: 'XBTUSD',
        ts: 1_600_000_020e6,
        open: 10,
        high: 12.5,
        low: 9,
        close: 9,
        // In decimals, as an exchange sums: 0.1 + 0.2 + 0.3 as doubles is 0.6000000000000001.
        volume: 0.6,
        trades: 3,
      },
      { symbol: 'XBTUSD', ts: 1_600_000_080e6, open: 11, high: 11, low: 11, close: 11, volume: 1, trades: 1 },
    ]);
  });

  it('are those of the slow way, however the bytes are cut and however small the batches are', () => {
    fc.assert(
      fc.property(inTime, cuts, capacity, interval, (some, cut, room, intervalUs) => {
        const { bars, unordered, scanner } = scanTrades(some.map(line).join(''), {
          cuts: cut,
          capacity: room,
          checks: { intervalUs },
        });
        expect(unordered).toBe(false);
        expect(bars).toEqual(plainBars(some, intervalUs));
        expect(scanner.trades).toEqual({ used: some.length, made: bars.length });
      }),
    );
  });

  it('come in parts out of a file in no order, and are whole when they are sorted', () => {
    fc.assert(
      fc.property(trades, cuts, capacity, (some, cut, room) => {
        const { bars } = scanTrades(some.map(line).join(''), { cuts: cut, capacity: room, order: 'any' });
        // Which of two trades of one instant is the first is the file's order, whichever way that goes.
        const loose = ({ open: _, close: __, ...rest }: Bar): object => rest;
        expect(bars.map(loose)).toEqual(plainBars(some, MINUTE).map(loose));
      }),
    );
  });

  it('of a file that is newest first are those of the same file turned round', () => {
    fc.assert(
      fc.property(inTime, (some) => {
        fc.pre(some[0]!.ms < some.at(-1)!.ms);
        const { bars } = scanTrades(some.toReversed().map(line).join(''), { order: 'any' });
        expect(bars).toEqual(plainBars(some, MINUTE));
      }),
    );
  });

  it('of many symbols in turn are those of each alone', () => {
    const symbol = fc.constantFrom('A', 'B', 'CC');
    fc.assert(
      fc.property(fc.array(fc.tuple(symbol, trade), { minLength: 1, maxLength: 60 }), cuts, (some, cut) => {
        const ordered = some.toSorted(([, a], [, b]) => a.ms - b.ms);
        const expected = ['A', 'B', 'CC'].flatMap((name) =>
          plainBars(
            ordered.filter(([own]) => own === name).map(([, one]) => one),
            MINUTE,
            name,
          ),
        );
        const shape = tradesShape(['symbol', ...ROLES]);
        const options = { shape, symbol: null, cuts: cut, capacity: 3 };
        const text = (list: typeof some): string =>
          list.map(([name, one]) => `${name},${line(one)}`).join('');
        expect(scanTrades(text(ordered), { ...options, order: 'any' }).bars).toEqual(expected);
        const bySymbol = ordered.toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
        expect(scanTrades(text(bySymbol), { ...options, order: 'symbol-time' }).bars).toEqual(expected);
      }),
    );
  });

  it('say that the file is out of order where a trade is of a bar that is over, not where it is of the one at hand', () => {
    const within = '1600000021,10,1\n1600000020,12,1\n1600000079,11,1\n';
    expect(scanTrades(within).bars).toMatchObject([{ open: 12, close: 11 }]);
    expect(scanTrades(`${within}1600000080,9,1\n1600000079,8,1\n`).unordered).toBe(true);
  });

  it('count the trades that a record of several stands for by its ids, or by a column', () => {
    const ids = tradesShape(['id', 'price', 'volume', 'first_id', 'last_id', 'time', 'ignore']);
    const text =
      '7,10,1,100,104,1600000020,true\n8,11,2,105,105,1600000021,false\n9,12,1,107,106,1600000022,true\n';
    const { bars, rejects } = scanTrades(text, { shape: ids });
    expect(bars).toMatchObject([{ trades: 6, volume: 3, close: 11 }]);
    expect(rejects).toEqual([[3, 'trades', 'last_id']]);
    const counted = tradesShape(['time', 'price', 'volume', 'trades']);
    expect(scanTrades('1600000020,10,1,4\n1600000021,11,1,\n', { shape: counted }).bars).toMatchObject([
      { trades: 5 },
    ]);
  });

  it('are not made of what is no trade; sides and ids of any kind do no harm', () => {
    const shape = tradesShape(['id', 'time', 'price', 'volume', 'side']);
    const good = 'a-1,1600000020,10,1,buy\n';
    const bad = ['x,1600000021,0,1,b', 'x,1600000021,10,-1,s', 'x,1600000021,ten,1,s', 'x,1600000021,10'];
    const { bars, rejects, scanner } = scanTrades(`${good}${bad.join('\n')}\nx,1600000022,,1,s\n`, { shape });
    expect(bars).toMatchObject([{ trades: 1, volume: 1 }]);
    expect(rejects).toEqual([
      [2, 'price', 'price'],
      [3, 'volume', 'volume'],
      [4, 'number', 'price'],
      [5, 'field-count', ''],
    ]);
    expect(scanner.counters).toMatchObject({ recordsRead: 6, rejected: 4, empty: 1 });
    expect(scanner.trades.used).toBe(1);
  });

  it('are whole bars of the range that was asked for', () => {
    const text = ['1600000019', '1600000020', '1600000079', '1600000080', '1600000139', '1600000140']
      .map((time) => `${time},10,1\n`)
      .join('');
    const checks = { wantFromUs: 1_600_000_019e6, wantToUs: 1_600_000_081e6 };
    const { bars, scanner } = scanTrades(text, { checks });
    expect(bars.map(({ ts, trades }) => [ts / 1e6, trades])).toEqual([
      [1_600_000_020, 2],
      [1_600_000_080, 2],
    ]);
    expect(scanner.counters.outside).toBe(2);
  });

  it('sum volumes of more than eight places, and of sizes beyond, to the nearest double', () => {
    const text =
      '1600000020,1,0.1234567891\n1600000021,1,0.2000000001\n1600000080,1,123456789012.25\n1600000081,1,0.5\n';
    expect(scanTrades(text).bars.map(({ volume }) => volume)).toEqual([0.3234567892, 123456789012.75]);
  });
});

describe('stretches of time', () => {
  const find = (grid: ScanChecks['grid'], seconds: number, zone: string, at: string): string[] => {
    const buckets = new Buckets(grid, seconds * 1e6, new Zone(zone));
    buckets.find(Date.parse(at) * 1000);
    return [buckets.start, buckets.end].map((us) => new Date(us / 1000).toISOString().slice(0, 16));
  };

  it('are those of the interval', () => {
    expect(find('epoch', 300, 'UTC', '2024-02-29T23:59:59Z')).toEqual([
      '2024-02-29T23:55',
      '2024-03-01T00:00',
    ]);
    expect(find('week', 604_800, 'UTC', '2024-03-03T12:00Z')).toEqual([
      '2024-02-26T00:00',
      '2024-03-04T00:00',
    ]);
    // Kraken's weeks.
    expect(find('epoch', 604_800, 'UTC', '2024-03-03T12:00Z')).toEqual([
      '2024-02-29T00:00',
      '2024-03-07T00:00',
    ]);
    expect(find('month', 2_592_000, 'UTC', '2024-02-29T23:59Z')).toEqual([
      '2024-02-01T00:00',
      '2024-03-01T00:00',
    ]);
    expect(find('zone-day', 86_400, 'Europe/Berlin', '2024-03-31T12:00Z')).toEqual([
      '2024-03-30T23:00',
      '2024-03-31T22:00',
    ]);
  });
});
