import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { joinParts, parseNumber } from '../../src/scan/numbers.ts';
import { scanText } from './scan_run.ts';

const parsed = (text: string): number => parseNumber(Buffer.from(text), 0, Buffer.byteLength(text));

/** The volumes of records, by whatever way the scanner takes them. */
function scanned(texts: readonly string[]): number[] {
  const lines = texts.map((text, i) => `${1_600_000_000 + 60 * i},1,1,1,1,${text},1\n`);
  return scanText(lines.join('')).rows.map(({ volume }) => volume);
}

const digits = (most: number): fc.Arbitrary<string> =>
  fc.array(fc.nat(9), { maxLength: most, size: 'max' }).map((some) => some.join(''));

/** Decimals of every length, more of them where a double ends: at 15 to 18 digits. */
const decimal = fc
  .tuple(
    fc.oneof(digits(4), digits(12), digits(20)),
    fc.oneof(digits(8), digits(18), digits(30)),
    fc.option(fc.integer({ min: -330, max: 310 }), { freq: 3, nil: null }),
    fc.constantFrom('e', 'E'),
  )
  .filter(([whole, fraction]) => whole.length + fraction.length > 0)
  .map(
    ([whole, fraction, power, e]) =>
      `${whole}${fraction && `.${fraction}`}${power === null ? '' : e + power}`,
  );

describe('parseNumber', () => {
  it('gives the double nearest to the decimal', () => {
    fc.assert(
      fc.property(decimal, (text) => {
        expect(parsed(text)).toBe(Number(text));
      }),
      { numRuns: 50_000 },
    );
  });

  it('gives back every double from the shortest text of it, and from seventeen digits', () => {
    const double = fc.double({ noNaN: true, noDefaultInfinity: true });
    fc.assert(
      fc.property(double, (value) => {
        expect(parsed(String(value))).toBe(value + 0 === 0 ? value + 0 : value);
        expect(parsed(value.toPrecision(17)) + 0).toBe(value + 0);
      }),
      { numRuns: 20_000 },
    );
  });

  it('decides decimals half-way between two doubles as the engine does', () => {
    const tie = fc.tuple(
      fc.bigInt({ min: 2n ** 52n, max: 2n ** 53n }),
      fc.integer({ min: 1, max: 30 }),
      fc.integer({ min: -1, max: 1 }),
    );
    fc.assert(
      fc.property(tie, ([mantissa, shift, off]) => {
        // (2 m + 1) / 2^(shift + 1), written out to the last digit, and its neighbours in that digit.
        const scaled = (2n * mantissa + 1n) * 5n ** BigInt(shift + 1) + BigInt(off);
        const text = scaled.toString().padStart(shift + 2, '0');
        const decimal = `${text.slice(0, -shift - 1)}.${text.slice(-shift - 1)}`;
        expect(parsed(decimal)).toBe(Number(decimal));
      }),
      { numRuns: 5000 },
    );
  });

  it.each([
    '1.188e-05',
    '1E+1',
    '1.',
    '.5',
    '+5',
    '-5',
    ' 7',
    '7\t',
    '\t 7.5 \t',
    '0',
    '-0',
    '00012',
    '1e400',
    '1e-400',
    '9007199254740993',
  ])('reads %j', (text) => {
    expect(parsed(text)).toBe(Number(text));
  });

  it.each([
    '',
    ' ',
    '.',
    '+',
    '-',
    'e5',
    '1e',
    '1e+',
    '1.5.2',
    '1,5',
    '1 2',
    '0x10',
    '1_000',
    'NaN',
    'Infinity',
    '1f',
    '--1',
    '+-1',
    '1e5.5',
    '٣',
    '\u00a07',
  ])('takes %j for no number', (text) => {
    expect(parsed(text)).toBeNaN();
  });

  it('reads an exponent beyond all bounds as infinity or nothing', () => {
    expect(parsed(`1e${'9'.repeat(400)}`)).toBe(Number.POSITIVE_INFINITY);
    expect(parsed(`1e-${'9'.repeat(400)}`)).toBe(0);
    expect(parsed(`0.${'0'.repeat(400)}1e401`)).toBe(1);
  });
});

describe('joinParts', () => {
  it('gives the nearest double or says that it cannot tell', () => {
    fc.assert(
      fc.property(
        fc.nat(999_999_999),
        fc.nat(999_999_999),
        fc.integer({ min: 9, max: 22 }),
        (whole, fraction, places) => {
          const joined = joinParts(whole, fraction, places);
          fc.pre(!Number.isNaN(joined));
          expect(joined).toBe(Number(`${whole}.${String(fraction).padStart(places, '0')}`));
        },
      ),
      { numRuns: 20_000 },
    );
  });

  it('seldom cannot', () => {
    let unknown = 0;
    for (let i = 0; i < 100_000; i++) {
      if (Number.isNaN(joinParts(900_000_000 + i, (i * 7_919_993) % 1_000_000_000, 9))) unknown++;
    }
    expect(unknown).toBeLessThan(10);
  });
});

describe('the fast path', () => {
  it('reads numbers as Number() does', () => {
    const finite = decimal.filter((text) => Number(text) < Number.POSITIVE_INFINITY);
    fc.assert(
      fc.property(fc.array(finite, { minLength: 200, maxLength: 300 }), (texts) => {
        expect(scanned(texts)).toEqual(texts.map(Number));
      }),
      { numRuns: 100 },
    );
  });
});
