import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nearest } from '../../src/base/nearest.ts';
import { cutEnd, cutStart, displayWidth, sanitise } from '../../src/ui/text.ts';

// biome-ignore lint/suspicious/noControlCharactersInRegex: that there are none is the claim.
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/;

describe('sanitise', () => {
  it('leaves nothing that moves the cursor, ends the line or turns the direction', () => {
    const low = fc.array(fc.integer({ min: 0, max: 0x20ff }), { maxLength: 20 });
    fc.assert(
      fc.property(
        low.map((codes) => String.fromCodePoint(...codes)),
        (text) => {
          expect(sanitise(text)).not.toMatch(UNSAFE);
        },
      ),
    );
  });

  it('escapes what it takes and keeps the rest', () => {
    expect(sanitise('a\x1b[31mred\x07\r\nb\u202ec')).toBe('a\\x1b[31mred\\x07\\r\\nb\\u{202e}c');
    expect(sanitise('Größe 日本 … ›')).toBe('Größe 日本 … ›');
  });
});

describe('cutting', () => {
  it('never exceeds the width, and keeps what fits whole', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'Z', '/', 'é', '日', '🚀', '…') });
    fc.assert(
      fc.property(text, fc.integer({ min: 0, max: 30 }), (whole, width) => {
        for (const cut of [cutEnd(whole, width), cutStart(whole, width)]) {
          expect(displayWidth(cut)).toBeLessThanOrEqual(width);
          if (displayWidth(whole) <= width) expect(cut).toBe(whole);
        }
      }),
    );
  });

  it('keeps the start or the end', () => {
    expect(cutEnd('abcdef', 4)).toBe('abc…');
    expect(cutStart('abcdef', 4)).toBe('…def');
  });

  it('counts wide characters as two columns, marks and colours as none', () => {
    expect(displayWidth('日本')).toBe(4);
    expect(displayWidth('e\u0301')).toBe(1);
    expect(displayWidth('\x1b[31mred\x1b[39m')).toBe(3);
  });
});

describe('nearest', () => {
  it('finds the word that was likely meant', () => {
    const words = ['load', 'status', 'retry', 'query', 'db', 'demo'];
    expect(nearest('laod', words)).toBe('load');
    expect(nearest('STATSU', words)).toBe('status');
    expect(nearest('qeury', words)).toBe('query');
    expect(nearest('max_rejects', ['max-rejects'])).toBe('max-rejects');
  });

  it('guesses nothing where nothing is near', () => {
    expect(nearest('explode', ['load', 'status'])).toBeNull();
    expect(nearest('', ['db'])).toBeNull();
  });
});
