/** How the numbers of a file are written. */

import { NumberReader, PLAIN_NUMBERS } from '../scan/number_reader.ts';
import type { NumberStyle } from '../scan/shape.ts';
import type { Guess } from './table_guess.ts';

const SEPARATORS = ["'", '_', ' '] as const;

/** Of fields that are numbers. Null where they are written as most are. */
export function guessNumbers(fields: readonly string[]): Guess<NumberStyle> | null {
  const priced = fields.find((field) => CURRENCY.test(field));
  if (priced === undefined) return guessBare(fields);
  const currency = CURRENCY.exec(priced)![1]!;
  const bare = guessBare(fields.map((field) => field.replace(CURRENCY, '')));
  return { value: { ...(bare?.value ?? PLAIN_NUMBERS), currency }, why: `such as ${priced}` };
}

/** A sign before a number. */
const CURRENCY = /^([$€£¥])\s?(?=[\d.])/;

function guessBare(fields: readonly string[]): Guess<NumberStyle> | null {
  const written = fields.map((field) => field.replace(/[\u00a0\u202f]/g, ' ').replace(/[KMBT%]$/i, ''));
  const suffixes = fields.some((field) => /\d[KMBT]$/i.test(field));
  const example = (pattern: RegExp): string =>
    fields[written.findIndex((field) => pattern.test(field))] ?? '';
  const style = (decimal: '.' | ',', thousands: string | null, why: string): Guess<NumberStyle> => ({
    value: { decimal, thousands, suffixes, scale: 0 },
    why: suffixes ? `${why}; ${example(/./) && (fields.find((field) => /[KMBT]$/i.test(field)) ?? '')}` : why,
  });
  const has = (pattern: RegExp): boolean => written.some((field) => pattern.test(field));
  if (has(/\..*,/)) return style(',', has(/\..*,/) ? '.' : null, `such as ${example(/\..*,/)}`);
  if (has(/,.*\./)) return style('.', ',', `such as ${example(/,.*\./)}`);
  const other = SEPARATORS.find((one) => has(new RegExp(`\\d${one}\\d{3}`)));
  if (has(/,/)) {
    const grouped = written
      .filter((field) => field.includes(','))
      .every((field) => /^[+-]?\d{1,3}(?:,\d{3})+$/.test(field));
    if (grouped && other === undefined)
      return style('.', ',', `every comma parts three digits, as in ${example(/,/)}`);
    return style(',', other ?? null, `such as ${example(/,/)}`);
  }
  if (has(/\..*\./)) return style(',', '.', `such as ${example(/\..*\./)}`);
  if (other !== undefined) return style('.', other, `such as ${example(new RegExp(`\\d${other}\\d{3}`))}`);
  return suffixes
    ? style('.', null, `such as ${fields.find((field) => /[KMBT]$/i.test(field)) ?? ''}`)
    : null;
}

/** Reads numbers of a style; NaN for what is none. */
export function numberReader(style: NumberStyle | null): (field: string) => number {
  const reader = new NumberReader(style ?? PLAIN_NUMBERS);
  return (field) => {
    const bytes = Buffer.from(field);
    return reader.read(bytes, 0, bytes.length, false);
  };
}

/** Prices of so many digits without a point are multiples of a billionth: dollars do not come in trillions. */
const FIXED_POINT = 1e9;

/** Whether prices are whole multiples of 1e-9. */
export function isFixedPoint(prices: readonly number[]): boolean {
  return (
    prices.length > 0 &&
    prices.every(
      (price) => Number.isInteger(price) && (price === 0 || Math.abs(price) >= FIXED_POINT / 1e4),
    ) &&
    prices.some((price) => Math.abs(price) >= FIXED_POINT * 10) &&
    prices.every((price) => price % 1000 === 0)
  );
}
