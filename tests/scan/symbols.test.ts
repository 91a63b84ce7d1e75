import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SYMBOL_INVALID, SYMBOL_NOT_ASKED, SymbolTable } from '../../src/scan/symbol_table.ts';

const ordinal = (table: SymbolTable, name: string | Buffer): number => {
  const bytes = Buffer.from(name as string);
  const padded = Buffer.concat([Buffer.from('"'), bytes, Buffer.from('"')]);
  return table.ordinal(padded, 1, 1 + bytes.length);
};

describe('the symbol table', () => {
  it('numbers symbols in order of first appearance', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.string({ minLength: 1, maxLength: 3, unit: fc.constantFrom('A', 'b', '.', ':', 'é', '/') }),
          { maxLength: 300 },
        ),
        (names) => {
          const table = new SymbolTable(null, null);
          const distinct = [...new Set(names)];
          for (const name of names) expect(ordinal(table, name)).toBe(distinct.indexOf(name));
          expect(table.names).toEqual(distinct);
        },
      ),
    );
  });

  it('holds ten thousand and compares them by their bytes', () => {
    const table = new SymbolTable(null, null);
    for (let i = 0; i < 10_000; i++) expect(ordinal(table, `S${i}`)).toBe(i);
    for (let i = 0; i < 10_000; i++) expect(ordinal(table, `S${i}`)).toBe(i);
    expect(table.compare(2, 10)).toBeGreaterThan(0);
    expect(table.compare(10, 2)).toBeLessThan(0);
    expect(table.compare(7, 7)).toBe(0);
  });

  it.each(['NA', 'NAN', 'TRUE', 'BRK.B', 'X:BTCUSD', 'aapl', 'é', 'BTC/USDT', '𝔸'])(
    'takes %s for a name',
    (name) => {
      const table = new SymbolTable(null, null);
      expect(ordinal(table, name)).toBe(0);
      expect(table.names).toEqual([name]);
    },
  );

  it.each(['', 'A\0', 'A\tB', 'A\nB', '\x7f', 'A\u0085', ' A', 'A ', 'A\t', 'x'.repeat(65), 'é'.repeat(33)])(
    'refuses %j',
    (name) => {
      expect(ordinal(new SymbolTable(null, null), name)).toBe(SYMBOL_INVALID);
    },
  );

  it('takes exactly what a strict decoder takes', () => {
    const byte = fc.oneof(
      fc.constantFrom(
        0x41,
        0x80,
        0x8f,
        0x90,
        0x9f,
        0xa0,
        0xbf,
        0xc0,
        0xc1,
        0xc2,
        0xc3,
        0xdf,
        0xe0,
        0xe1,
        0xed,
        0xef,
        0xf0,
        0xf4,
        0xf5,
        0xff,
      ),
      fc.nat(255),
    );
    const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
    fc.assert(
      fc.property(fc.array(byte, { minLength: 1, maxLength: 6 }), (bytes) => {
        let isName = true;
        try {
          // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
          isName = !/[\x00-\x1f\x7f-\x9f]|^ | $/.test(decoder.decode(Buffer.from(bytes)));
        } catch {
          isName = false;
        }
        expect(ordinal(new SymbolTable(null, null), Buffer.from(bytes))).toBe(isName ? 0 : SYMBOL_INVALID);
      }),
      { numRuns: 5000 },
    );
  });

  it('knows what was asked for and under which name it is stored', () => {
    const table = new SymbolTable(null, { XBTUSD: 'BTCUSD', ETHUSD: 'ETHUSD' });
    expect(ordinal(table, 'ETHUSD')).toBe(0);
    expect(ordinal(table, 'LTCUSD')).toBe(SYMBOL_NOT_ASKED);
    expect(ordinal(table, '\xff')).toBe(SYMBOL_NOT_ASKED);
    expect(ordinal(table, Buffer.from([0xff]))).toBe(SYMBOL_INVALID);
    expect(ordinal(table, 'XBTUSD')).toBe(1);
    expect(ordinal(table, 'constructor')).toBe(SYMBOL_NOT_ASKED);
    expect(table.names).toEqual(['ETHUSD', 'BTCUSD']);
  });

  it('asked for none of many takes none', () => {
    expect(ordinal(new SymbolTable(null, {}), 'A')).toBe(SYMBOL_NOT_ASKED);
  });

  it('of a file of one symbol has that one', () => {
    const table = new SymbolTable('XBTUSD', null);
    expect(table.names).toEqual(['XBTUSD']);
    expect(table.isFixed).toBe(true);
  });
});
