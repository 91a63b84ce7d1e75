import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NumberReader, PLAIN_NUMBERS } from '../../src/scan/number_reader.ts';
import type { NumberStyle } from '../../src/scan/shape.ts';

function read(text: string, style: Partial<NumberStyle>, isPrice = true): number {
  const bytes = Buffer.from(`;${text};`);
  return new NumberReader({ ...PLAIN_NUMBERS, ...style }).read(bytes, 1, bytes.length - 1, isPrice);
}

const german = { decimal: ',', thousands: '.' } as const;
const english = { decimal: '.', thousands: ',' } as const;

describe('a number of another style', () => {
  it.each([
    ['1.234.567,25', german, 1234567.25],
    ['-0,5', german, -0.5],
    ['12,5e3', german, 12_500],
    ['42,580.5', english, 42_580.5],
    ['999', english, 999],
    ['1,234,567', english, 1_234_567],
    ["1'234.5", { thousands: "'" }, 1234.5],
    ['1 234,5', { decimal: ',', thousands: ' ' }, 1234.5],
    ['1\u00a0234\u202f567,5', { decimal: ',', thousands: ' ' }, 1_234_567.5],
    ['59.40K', { suffixes: true }, 59_400],
    ['1.07m', { suffixes: true }, 1_070_000],
    ['2 B', { suffixes: true }, 2e9],
    ['0.5T', { suffixes: true }, 5e11],
    ['4127250000000', { scale: -9 }, 4127.25],
    ['12345', { scale: -4 }, 1.2345],
    [' 7 ', english, 7],
    ['$1,184.40', { ...english, currency: '$' }, 1184.4],
    ['-$0.5', { currency: '$' }, -0.5],
    ['€ 12,5', { decimal: ',', currency: '€' }, 12.5],
    ['12.5', { currency: '$' }, 12.5],
    ['-1.250,5 €', { ...german, currency: '€' }, -1250.5],
    ['7\u00a0€', { currency: '€' }, 7],
    ['9’876’543.25', { thousands: "'" }, 9_876_543.25],
    ['98,76,543.5', english, 9_876_543.5],
    ['1,00,00,000', english, 1e7],
  ] as const)('%j is read', (text, style, value) => {
    expect(read(text, style)).toBe(value);
  });

  it.each([
    ['1.23', german],
    ['1.2345', german],
    ['12.34.567', german],
    ['1,2,3', german],
    ['1.5', { decimal: ',' }],
    ['1,5', english],
    ['1,234,56', english],
    [',123', english],
    ['1234,567', english],
    ['1,234 .5', english],
    ['59.40K', {}],
    ['$12', {}],
    ['$', { currency: '$' }],
    ['$$1', { currency: '$' }],
    ['$1$', { currency: '$' }],
    ['1,,234', english],
    ['1,234,,567', english],
    ['1,2,345', english],
    ['1,23,4567', english],
    ['1,23,456,789', english],
    ['1’23', { thousands: "'" }],
    ['K', { suffixes: true }],
    ['59.40KK', { suffixes: true }],
    ['', english],
    ['-', english],
    ['1-2', german],
  ] as const)('%j is none', (text, style) => {
    expect(read(text, style)).toBeNaN();
  });

  it('is the nearest double, whatever its length and scale', () => {
    const digits = fc.bigInt({ min: 0n, max: 10n ** 24n });
    const scale = fc.integer({ min: -18, max: 6 });
    fc.assert(
      fc.property(digits, scale, fc.nat(12), (n, power, places) => {
        expect(read(String(n), { scale: power })).toBe(Number(`${n}e${power}`));
        const padded = String(n).padStart(places + 1, '0');
        const whole = padded.slice(0, padded.length - places);
        const fraction = places === 0 ? '' : `,${padded.slice(-places)}`;
        const grouped = whole.replace(/\B(?=(\d{3})+$)/g, '.');
        expect(read(`${grouped}${fraction}`, german)).toBe(Number(`${n}e-${places}`));
        expect(read(`${whole}${fraction.replace(',', '.')}M`, { suffixes: true })).toBe(
          Number(`${n}e${6 - places}`),
        );
      }),
      { numRuns: 1000 },
    );
  });

  it('scales prices alone', () => {
    expect(read('105', { scale: -9 }, false)).toBe(105);
  });
});
