import { describe, expect, it } from 'vitest';
import { BarColumns } from '../../src/bars/columns.ts';
import { carryLast, Scanner } from '../../src/scan/scanner.ts';
import type { RecordShape, Role } from '../../src/scan/shape.ts';
import { SymbolTable } from '../../src/scan/symbol_table.ts';
import { checksOf, scanText, shapeOf } from './scan_run.ts';

const ROLES: readonly Role[] = ['time', 'open', 'high', 'low', 'close', 'volume', 'trades'];
const GOOD = '1600000020,2,3,1,2,10,5\n';
const T0 = 1_600_000_020_000_000;
/** Record number `n`, a minute after the one before. */
const at = (n: number, rest = '2,3,1,2,10,5'): string => `${1_600_000_020 + 60 * n},${rest}\n`;
const many = (count: number, from = 0): string =>
  Array.from({ length: count }, (_, i) => at(from + i)).join('');

describe('a record', () => {
  it('becomes a row with its line and the offset of its first byte', () => {
    const { rows } = scanText(`\ufeff\r\n\n${GOOD}\n\r\n${at(1)}`);
    expect(rows).toEqual([
      {
        symbol: 'XBTUSD',
        ts: T0,
        open: 2,
        high: 3,
        low: 1,
        close: 2,
        volume: 10,
        trades: 5,
        line: 3,
        offset: 6,
      },
      {
        symbol: 'XBTUSD',
        ts: T0 + 60e6,
        open: 2,
        high: 3,
        low: 1,
        close: 2,
        volume: 10,
        trades: 5,
        line: 6,
        offset: 33,
      },
    ]);
  });

  it('may span lines inside quotes, and the lines behind it are still counted right', () => {
    const shape = shapeOf(['time', 'open', 'high', 'low', 'close', 'volume', 'ignore']);
    const text = `1600000020,2,3,1,2,10,"a\nb\r\n,""c"""\r\n${at(1)}${at(2, '2,3,1,2,10,x,y')}`;
    const { rows, rejects } = scanText(text, { shape });
    expect(rows.map(({ line, offset }) => [line, offset])).toEqual([
      [1, 0],
      [4, 37],
    ]);
    expect(rejects).toEqual([{ line: 5, byteOffset: 61, reason: 'field-count', field: '' }]);
  });

  it('may lack its newline at the end of the file', () => {
    for (const text of [GOOD.trim(), `${GOOD.trim()}\r`, `"1600000020"${GOOD.trim().slice(10)}`]) {
      expect(scanText(text).rows).toHaveLength(1);
    }
  });

  it('may end in one delimiter, not in two', () => {
    const { rows, rejects } = scanText(`${GOOD.trim()},\n${at(1).trim()},,\n${at(2)}`);
    expect(rows.map(({ line }) => line)).toEqual([1, 3]);
    expect(rejects.map(({ line, reason }) => [line, reason])).toEqual([[2, 'field-count']]);
  });

  it('has trades NULL when they are empty or say so, where the layout allows it', () => {
    const text = ['', 'NULL', 'null', ' ', '""'].map((trades, i) => at(i, `2,3,1,2,10,${trades}`)).join('');
    expect(scanText(text).rows.map(({ trades }) => trades)).toEqual(Array(5).fill(Number.NaN));
    const strict = { ...shapeOf(ROLES), columns: ROLES.map((role) => ({ role, names: [role] })) };
    expect(scanText(text, { shape: strict }).rejects.map(({ reason }) => reason)).toEqual(
      Array(5).fill('number'),
    );
  });

  it('keeps real spellings of numbers', () => {
    const { rows } = scanText(`1719792000,1.188e-05,1.1881e-05,1.188E-05,1.1881e-05,1E+1,2\n`);
    expect(rows[0]).toMatchObject({ open: 0.00001188, high: 0.000011881, volume: 10, trades: 2 });
  });
});

describe('a bad record', () => {
  it.each([
    ['1600000080,2,3,1,2,10', 'field-count', ''],
    ['1600000080,2,3,1,2,10,5,6', 'field-count', ''],
    ['1600000080,2,3,1,2x,10,5', 'number', 'close'],
    ['1600000080,,3,1,2,10,5', 'number', 'open'],
    ['noon,2,3,1,2,10,5', 'timestamp', 'time'],
    ['-1600000080,2,3,1,2,10,5', 'timestamp', 'time'],
    ['1600000080,2,3,\0,2,10,5', 'nul-byte', ''],
    ['1600000080,"2"2,3,1,2,10,5', 'csv', ''],
    ['1600000080,2",3,1,2,10,5', 'csv', ''],
    ['1600000080,2,3,0,2,10,5', 'price', 'low'],
    ['1600000080,2,1e999,1,2,10,5', 'price', 'high'],
    ['1600000080,2,1.5,1,1,10,5', 'high-low', 'high'],
    ['1600000080,2,3,2.5,2,10,5', 'high-low', 'low'],
    ['1600000080,2,3,1,2,-1,5', 'volume', 'volume'],
    ['1600000080,2,3,1,2,1e999,5', 'volume', 'volume'],
    ['1600000080,2,3,1,2,12345678901e999,5', 'volume', 'volume'],
    ['1600000080,2,3,1,2,10,-5', 'trades', 'trades'],
    ['1600000080,2,3,1,2,10,5.5', 'trades', 'trades'],
    ['1600000080,2,3,1,2,10,1e30', 'trades', 'trades'],
    ['1600000081,2,3,1,2,10,5', 'off-grid', 'time'],
    ['1700000100,2,3,1,2,10,5', 'outside-file-range', 'time'],
  ])('%j is a reject: %s %s', (text, reason, field) => {
    const checks = checksOf({ grid: 'epoch', intervalUs: 60e6, fileToUs: T0 + 3600e6 });
    const { rows, rejects, texts, counters } = scanText(`${GOOD}${text}\n${at(2)}`, { checks });
    expect(rows.map(({ line }) => line)).toEqual([1, 3]);
    expect(rejects).toEqual([{ line: 2, byteOffset: GOOD.length, reason, field }]);
    expect(texts).toEqual([text.replace('\0', '\\x00')]);
    expect(counters).toEqual({ recordsRead: 3, rejected: 1, duplicates: 0, empty: 0, outside: 0 });
  });

  it.each(['price', 'high-low', 'volume', 'trades', 'off-grid', 'outside-file-range'])(
    'of reason %s is kept on request',
    (reason) => {
      const text: Record<string, string> = {
        price: '1600000080,0,3,0,2,10,5',
        'high-low': '1600000080,9,3,2.5,2,10,5',
        volume: '1600000080,2,3,1,2,-1,5',
        trades: '1600000080,2,3,1,2,10,-5',
        'off-grid': '1600000081,2,3,1,2,10,5',
        'outside-file-range': '1700000100,2,3,1,2,10,5',
      };
      const checks = checksOf({ grid: 'epoch', intervalUs: 60e6, fileToUs: T0 + 3600e6 });
      expect(scanText(text[reason]!, { checks }).rejects.map((reject) => reject.reason)).toEqual([reason]);
      expect(scanText(text[reason]!, { checks: { ...checks, onInvalid: 'keep' } })).toMatchObject({
        rows: [{ line: 1 }],
        rejects: [],
      });
    },
  );

  it('costs a stray quote no more than its line', () => {
    const { rows, rejects } = scanText(`${GOOD}"${at(1)}${many(3000, 2)}`);
    expect(rows).toHaveLength(3001);
    expect(rejects).toEqual([{ line: 2, byteOffset: GOOD.length, reason: 'csv', field: '' }]);
  });

  it('that is too long is passed over to its newline without being kept', () => {
    const checks = checksOf({ maxRecordBytes: 100 });
    const text = `${GOOD}${'9'.repeat(5_000_000)}\n${at(1)}`;
    const cuts = Array.from({ length: 80 }, (_, i) => i * 65_536);
    const { rows, rejects, texts } = scanText(text, { checks }, cuts);
    expect(rows.map(({ line }) => line)).toEqual([1, 3]);
    expect(rejects).toEqual([{ line: 2, byteOffset: GOOD.length, reason: 'record-too-long', field: '' }]);
    expect(texts).toEqual(['9'.repeat(100)]);
  });

  it('may be just as long as allowed', () => {
    const shape = shapeOf(['time', 'open', 'high', 'low', 'close', 'volume', 'ignore']);
    const record = (length: number): string => `${GOOD.slice(0, 22)}${'x'.repeat(length - 22)}\n`;
    for (const [length, reasons] of [
      [100, []],
      [101, ['record-too-long']],
    ] as const) {
      const { rejects } = scanText(GOOD + record(length), {
        shape,
        checks: checksOf({ maxRecordBytes: 100 }),
        order: 'any',
      });
      expect(rejects.map(({ reason }) => reason)).toEqual(reasons);
    }
  });

  it('may be longer than all the kernel reads at once, behind records it has read', () => {
    const good = Array.from({ length: 80 }, (_, i) => `${1_600_000_020 + 60 * i},1,2,1,1.5,3,4\n`).join('');
    const wide = `${1_600_000_020 + 6000},1,2,1,1.5,${' '.repeat(100_000)}3,4\n`;
    const found = scanText(`${good}${wide}${1_600_000_020 + 6060},1,2,1,1.5,${'x'.repeat(100_000)},4\n`);
    expect(found.rows).toHaveLength(81);
    expect(found.rejects.map(({ reason, line }) => [reason, line])).toEqual([['number', 82]]);
  });

  it('shows at most 500 characters of itself, none of them a control character', () => {
    const { texts } = scanText(`${GOOD}\x1b[31mé${'é'.repeat(1000)}\n`);
    expect(texts).toEqual([`\\x1b[31m${'é'.repeat(492)}`]);
    expect(scanText(Buffer.from(`${GOOD}\xe9\n`, 'latin1')).texts).toEqual(['\\xe9']);
  });

  it('is kept for the caller up to ten thousand of its like, and counted beyond', () => {
    const { rejects, counters } = scanText(GOOD + 'x\n'.repeat(12_000));
    expect(rejects).toHaveLength(10_000);
    expect(counters.rejected).toBe(12_000);
  });

  it('in the middle of a file may be a second header', () => {
    const { rejects } = scanText(`${many(3)}time,open,high,low,close,volume,trades\n${at(3)}`);
    expect(rejects).toEqual([{ line: 4, byteOffset: 3 * GOOD.length, reason: 'timestamp', field: 'time' }]);
  });
});

describe('what was not asked for', () => {
  it('is outside: counted apart, and held to no rule', () => {
    const checks = checksOf({ wantFromUs: T0 + 60e6, wantToUs: T0 + 120e6 });
    const { rows, rejects, counters } = scanText(`${at(0, 'x,x,x,x,x,x')}${at(1)}${at(2, '0,0,0,0,0,0')}`, {
      checks,
    });
    expect(rows.map(({ line }) => line)).toEqual([2]);
    expect(rejects).toEqual([]);
    expect(counters).toEqual({ recordsRead: 1, rejected: 0, duplicates: 0, empty: 0, outside: 2 });
  });

  it('may be a symbol, whatever else its record says', () => {
    const shape = shapeOf(['symbol', 'time', 'open', 'high', 'low', 'close', 'volume']);
    const text =
      'A,1600000020,1,1,1,1,1\nB,x,y,z,,,\nB,1600000020,1,1,1,1,1\nC,1600000020,1,1,1,1,1\n,1600000020,1,1,1,1,1\n';
    const { rows, counters, rejects } = scanText(text, {
      shape,
      fixed: null,
      wanted: { A: 'Ä', C: 'C' },
      order: 'symbol-time',
    });
    expect(rows.map(({ symbol }) => symbol)).toEqual(['Ä', 'C']);
    expect(counters.outside).toBe(2);
    expect(rejects.map(({ reason, field }) => [reason, field])).toEqual([['symbol', 'symbol']]);
  });
});

describe('equal stamps', () => {
  it('of equal rows are duplicates', () => {
    const { rows, counters } = scanText(GOOD + GOOD + GOOD.replace('10,', '10.0,') + at(1));
    expect(rows.map(({ line }) => line)).toEqual([1, 4]);
    expect(counters).toEqual({ recordsRead: 4, rejected: 0, duplicates: 2, empty: 0, outside: 0 });
  });

  it('of different rows are a conflict: the last wins, the ones before are rejects', () => {
    const { rows, rejects, counters, scanner } = scanText(
      GOOD + at(0, '2,3,1,2,11,5') + at(0, '2,3,1,2,12,') + at(1),
    );
    expect(rows.map(({ line, volume }) => [line, volume])).toEqual([
      [3, 12],
      [4, 10],
    ]);
    expect(rejects).toEqual([
      { line: 1, byteOffset: 0, reason: 'conflict', field: '' },
      { line: 2, byteOffset: GOOD.length, reason: 'conflict', field: '' },
    ]);
    expect(counters).toEqual({ recordsRead: 4, rejected: 2, duplicates: 0, empty: 0, outside: 0 });
    expect(scanner.takeRejects()).toEqual([]);
  });

  it('fold across the edge of a batch', () => {
    const scanner = new Scanner(shapeOf(ROLES), checksOf(), new SymbolTable('X', null), 'time');
    const [one, two] = [new BarColumns(2), new BarColumns(2)];
    const bytes = Buffer.from(at(0) + at(1) + at(1, '5,5,5,5,5,5') + at(2));
    let used = scanner.push(bytes, 0, bytes.length, one);
    expect([used, one.length]).toEqual([2 * GOOD.length, 2]);
    carryLast(one, two);
    used += scanner.push(bytes, used, bytes.length, two);
    expect([used, two.length, two.close[0], two.line[0]]).toEqual([bytes.length, 2, 5, 3]);
    expect(scanner.takeRejects()).toMatchObject([
      { line: 2, reason: 'conflict', record: 'X,1600000080000000,2,3,1,2,10,5' },
    ]);
  });

  it('are left alone in order any', () => {
    expect(scanText(GOOD + GOOD, { order: 'any' })).toMatchObject({
      rows: [{}, {}],
      counters: { duplicates: 0 },
    });
  });
});

describe('the order of a file', () => {
  const shape = shapeOf(['symbol', 'time', 'open', 'high', 'low', 'close', 'volume']);
  const of = (...records: [string, number][]): string =>
    records.map(([symbol, n]) => `${symbol},${at(n, '1,1,1,1,1')}`).join('');
  const unordered = (order: 'time' | 'symbol-time' | 'any', ...records: [string, number][]): boolean =>
    scanText(of(...records), { shape, fixed: null, order }).unordered;

  it('is broken by a stamp that goes back, and scanning ends before it', () => {
    const found = scanText(many(5) + at(2) + many(5, 5));
    expect(found).toMatchObject({ unordered: true, counters: { recordsRead: 5 } });
    expect(found.scanner.push(Buffer.from(GOOD), 0, GOOD.length, new BarColumns(4))).toBe(0);
    expect(found.scanner.finish(new BarColumns(4))).toBe(true);
  });

  it('by symbol and time is broken by a symbol that goes back, by its bytes', () => {
    expect(unordered('symbol-time', ['A', 5], ['AA', 1], ['B', 1], ['a', 0], ['é', 0])).toBe(false);
    expect(unordered('symbol-time', ['A', 1], ['B', 1], ['A', 2])).toBe(true);
    expect(unordered('symbol-time', ['a', 1], ['B', 1])).toBe(true);
    expect(unordered('symbol-time', ['A', 1], ['A', 0])).toBe(true);
  });

  it('by time goes for each series by itself', () => {
    expect(unordered('time', ['A', 1], ['B', 0], ['A', 2], ['B', 1])).toBe(false);
    expect(unordered('time', ['A', 1], ['B', 0], ['A', 0])).toBe(true);
    expect(unordered('time', ['A', 1], ['B', 1], ['A', 1])).toBe(true);
  });

  it('of any kind is never broken', () => {
    expect(unordered('any', ['B', 5], ['A', 1], ['B', 1])).toBe(false);
  });
});

describe('a header', () => {
  const named = (header: RecordShape['header'], preamble = 0): RecordShape => ({
    ...shapeOf(ROLES, { header, preamble }),
    columns: [
      { role: 'time', names: ['unix', 'open_time', 'time'] },
      { role: 'open', names: ['open'] },
      { role: 'high', names: ['high'] },
      { role: 'low', names: ['low'] },
      { role: 'close', names: ['close'] },
      { role: 'volume', names: ['volume_btc', 'volume'] },
      { role: 'trades', names: ['trades'], optional: true },
    ],
  });
  const NAMED = 'Low,"Open Time",Open,junk,High,Close,Volume (BTC)\n1,1600000020,2,x,3,2,10\n';

  it('names the columns in any order and spelling; unknown ones are passed over, trades may be absent', () => {
    for (const header of ['required', 'optional'] as const) {
      const { rows, rejects } = scanText(`\ufeff\n${NAMED}`, { shape: named(header) });
      expect(rejects).toEqual([]);
      expect(rows).toEqual([
        {
          symbol: 'XBTUSD',
          ts: T0,
          open: 2,
          high: 3,
          low: 1,
          close: 2,
          volume: 10,
          trades: Number.NaN,
          line: 3,
          offset: 54,
        },
      ]);
    }
  });

  it('may end in a delimiter, as its records may', () => {
    const text =
      'time,open,high,low,close,volume,trades,\n1600000020,2,3,1,2,10,5,\n1600000080,2,3,1,2,10,5\n';
    expect(scanText(text, { shape: named('required') }).rows).toHaveLength(2);
  });

  it('takes of two names for a column the one named first', () => {
    const text = 'time,unix,open,high,low,close,volume,volume btc\nx,1600000020,2,3,1,2,7,8\n';
    expect(scanText(text, { shape: named('required') }).rows).toMatchObject([{ ts: T0, volume: 8 }]);
  });

  it('may follow lines of preamble', () => {
    const text = `https://example.org,a "b\r\n${NAMED}`;
    expect(scanText(text, { shape: named('required', 1) }).rows).toMatchObject([{ line: 3 }]);
    expect(scanText(NAMED, { shape: named('required', 1) }).rows).toMatchObject([{ line: 2 }]);
    expect(scanText(text, { shape: named('required', 0) }).fault).toBe('not-a-bar-file 1 0');
    expect(scanText(`# a remark\n${GOOD}`, { shape: shapeOf(ROLES, { preamble: 1 }) }).rows).toMatchObject([
      { line: 2 },
    ]);
    expect(scanText(GOOD, { shape: shapeOf(ROLES, { preamble: 1 }) }).rows).toMatchObject([{ line: 1 }]);
  });

  it('that lacks a column is not that of a bar file', () => {
    const text = `remark\nticker,ask\tprice,open,high,sip_timestamp\n1,2,3,4,5\n`;
    for (const header of ['required', 'optional'] as const) {
      const { fault, message } = scanText(text, { shape: named(header, 1) });
      expect(fault).toBe('not-a-bar-file 2 7');
      expect(message).toContain('ask\\\\x09price');
      expect(message).toContain('a header with unix, open, high, low, close, volume_btc');
    }
  });

  it('must name the symbol when the file does not', () => {
    const shape = named('required');
    expect(scanText(NAMED, { shape, fixed: null }).fault).toBe('not-a-bar-file 1 0');
  });

  it('is missed where there must be one', () => {
    expect(scanText(many(3), { shape: named('required') }).fault).toBe('not-a-bar-file 1 0');
    expect(scanText('https://example.org\n', { shape: named('required', 1) }).fault).toBe(
      'not-a-bar-file 1 0',
    );
  });

  it('is not needed by an empty file, and alone makes an empty one', () => {
    for (const text of [
      '',
      '\n\r\n',
      '\ufeff',
      NAMED.slice(0, NAMED.indexOf('\n')),
      NAMED.slice(0, NAMED.indexOf('\n') + 1),
    ]) {
      const { rows, fault, counters } = scanText(text, { shape: named('required') });
      expect([rows, fault, counters.recordsRead]).toEqual([[], null, 0]);
    }
  });

  it('where it is optional is told by its stamp', () => {
    const shape = named('optional');
    expect(scanText(many(3), { shape }).rows).toHaveLength(3);
    const { rows, rejects } = scanText(`noon,${GOOD.slice(11)}${many(2)}`, { shape });
    expect([rows.length, rejects.map(({ line }) => line)]).toEqual([2, [1]]);
  });
});

describe('a file that is wrong as a whole', () => {
  it('holds none of the columns', () => {
    expect(scanText('a,b\n'.repeat(5)).fault).toBe('not-a-bar-file 1 0');
    expect(scanText('a,b,c,d,e,f,g\n'.repeat(100)).fault).toBe('not-a-bar-file 1 0');
    expect(scanText(`a,b\n${many(5)}`).fault).toBe(null);
    // Too few to tell: rejects, and for the caller to decide.
    expect(scanText('a,b,c,d,e,f,g\n'.repeat(5))).toMatchObject({ fault: null, counters: { rejected: 5 } });
  });

  it('has stamps of another unit, and is told which', () => {
    const text = Array.from({ length: 100 }, (_, i) => `${1_600_000_020 + i}000,2,3,1,2,10,5\n`).join('');
    const { fault, message } = scanText(text);
    expect(fault).toBe('timestamp 1 0');
    expect(JSON.parse(message)).toEqual({
      kind: 'timestamp',
      message: 'More than half of the first stamps lie outside all reason.',
      where: { line: 1, byteOffset: 0, field: 'time' },
      expected: 'seconds between 2000-01-01T00:00:00.000Z and 2100-01-01T00:00:00.000Z',
      found: '1600000020000, which would be +052671-12-25T18:00:00.000Z',
      hint: "As milliseconds it would be 2020-09-13T12:27:00.000Z: check the layout's time unit.",
    });
  });

  it('has single wild stamps and is right otherwise', () => {
    const wild = '-1600000020,2,3,1,2,10,5\n';
    expect(scanText(wild + many(1))).toMatchObject({
      fault: null,
      rows: [{}],
      rejects: [{ reason: 'timestamp' }],
    });
    expect(scanText(wild.repeat(2) + many(1)).fault).toBe('timestamp 1 0');
    expect(scanText(wild.repeat(32) + many(32))).toMatchObject({ fault: null, counters: { rejected: 32 } });
    expect(scanText(many(32) + wild.repeat(33)).fault).toBe(null);
    expect(scanText(wild.repeat(33) + many(32)).fault).toBe('timestamp 1 0');
  });

  it.each(['', 'ab', '1', '"', '.', '\n', 'é', '-'])('cannot have %j for a delimiter', (delimiter) => {
    expect(() => scanText(GOOD, { shape: shapeOf(ROLES, { delimiter }) })).toThrow(/delimiter/);
  });
});
