/** Values a layout keeps beside a bar, as text that PostgreSQL reads as their type. */

import { trimEnd, trimStart } from './numbers.ts';
import { recordText } from './record_text.ts';
import type { ExtraColumn, NumberStyle } from './shape.ts';

const DECIMAL = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?$/;
const SUFFIXES: Readonly<Record<string, number>> = { K: 3, M: 6, B: 9, T: 12 };
/** Longer values are none of a column's. */
const MOST_CHARACTERS = 500;

/** The value of `bytes[start,end)`, which holds one, times ten to `scale`; null when it is none of the type. */
export function extraValue(
  bytes: Uint8Array,
  start: number,
  end: number,
  type: ExtraColumn['type'],
  style: NumberStyle | null,
  scale = 0,
): string | null {
  const first = trimStart(bytes, start, end);
  const last = trimEnd(bytes, first, end);
  if (last - first > MOST_CHARACTERS) return null;
  const text = recordText(bytes, first, last);
  if (type === 'text') return text;
  const number = style === null ? text : plainNumber(text, style);
  if (!DECIMAL.test(number)) return null;
  if (type === 'int8') {
    const whole = wholeNumber(number);
    return whole !== null && BigInt.asIntN(64, BigInt(whole)) === BigInt(whole) ? whole : null;
  }
  if (type === 'numeric') return scale === 0 ? number : timesTen(number, scale);
  return Number.isFinite(Number(number)) ? number : null;
}

/** A decimal that is a whole number, as pandas writes one beside a missing one (`12.0`) and suffixes make them (`1.2e6`). */
function wholeNumber(number: string): string | null {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] =
    /^([+-]?)(\d*)\.?(\d*)(?:[eE](.*))?$/.exec(number) ?? [];
  const digits = `${whole}${fraction}`;
  const end = whole.length + Number(exponent);
  if (/[1-9]/.test(digits.slice(Math.max(0, end)))) return null;
  const kept = (end <= 0 ? '' : digits.slice(0, end).padEnd(end, '0')).replace(/^0+/, '');
  return kept.length > 19 ? null : `${sign}${kept || '0'}`;
}

/** A decimal times ten to a power, its digits as they are. */
function timesTen(number: string, power: number): string {
  const [digits, exponent = '0'] = number.split(/[eE]/);
  return `${digits}e${Number(exponent) + power}`;
}

/** A number of another style as most write it. A scale is that of prices: it leaves these as they are. */
function plainNumber(text: string, { decimal, thousands, suffixes, currency = '' }: NumberStyle): string {
  const bare = currency === '' ? text : text.replace(currency, '').trim();
  const groups = thousands === ' ' ? /[\s\u00a0\u202f]/g : thousands === "'" ? /['\u2019]/g : thousands;
  const whole = (groups === null ? bare : bare.replaceAll(groups, '')).replace(decimal, '.');
  const suffix = suffixes ? /^(.*)([KMBT])$/i.exec(whole) : null;
  return suffix === null ? whole : `${suffix[1]}e${SUFFIXES[suffix[2]!.toUpperCase()]}`;
}
