/** Numbers as people and spreadsheets write them: `1.234,50`, `42,580.5`, `59.40K`, and fixed-point prices. */

import { isBlank, parseNumber, trimEnd, trimStart } from './numbers.ts';
import type { NumberStyle } from './shape.ts';

const POINT = 0x2e;
const SPACE = 0x20;
const COMMA = 0x2c;
const APOSTROPHE = 0x27;

/** Suffix, in lower case → power of ten. */
const SUFFIXES: Readonly<Record<number, number>> = { 107: 3, 109: 6, 98: 9, 116: 12 };

export class NumberReader {
  readonly #decimal: number;
  /** Byte between groups of three digits, or -1. */
  readonly #thousands: number;
  readonly #suffixes: boolean;
  readonly #scale: number;
  readonly #currency: Uint8Array;
  /** A number in the grammar of {@link parseNumber}. */
  #plain = new Uint8Array(64);

  constructor({ decimal, thousands, suffixes, scale, currency = '' }: NumberStyle) {
    this.#currency = new TextEncoder().encode(currency);
    this.#decimal = decimal.charCodeAt(0);
    this.#thousands = thousands === null ? -1 : thousands.charCodeAt(0);
    this.#suffixes = suffixes;
    this.#scale = scale;
  }

  /** The double nearest to the number written in `bytes[start,end)`; NaN when it is none. Prices are scaled. */
  read(bytes: Uint8Array, start: number, end: number, isPrice: boolean): number {
    let p = trimStart(bytes, start, end);
    let last = trimEnd(bytes, p, end);
    let power = isPrice ? this.#scale : 0;
    if (this.#suffixes && last > p) {
      const suffix = SUFFIXES[bytes[last - 1]! | 0x20];
      if (suffix !== undefined) {
        power += suffix;
        last = trimEnd(bytes, p, last - 1);
        if (last > p && bytes[last - 1]! - 48 > 9) return Number.NaN;
      }
    }
    last = this.#beforeCurrency(bytes, p, last);
    if (last - p > this.#plain.length) this.#plain = new Uint8Array(2 * (last - p));
    const plain = this.#plain;
    let length = 0;
    p = this.#behindCurrency(bytes, p, last);
    if (p < last && (bytes[p] === 0x2b || bytes[p] === 0x2d)) {
      plain[length++] = bytes[p++]!;
      p = this.#behindCurrency(bytes, p, last);
    }
    // Digits of the groups between the first and the last: three; two, as in India, of those that a comma parts (12,34,567).
    let inner = this.#thousands === COMMA ? 0 : 3;
    for (let groups = 0; ; groups++) {
      const from = p;
      while (p < last && (bytes[p]! ^ 48) < 10) plain[length++] = bytes[p++]!;
      const digits = p - from;
      const width = this.#separator(bytes, p, last);
      if (width === 0) {
        if (groups > 0 && digits !== 3) return Number.NaN;
        break;
      }
      if (groups === 0) {
        if (digits === 0 || digits > 3) return Number.NaN;
      } else {
        // The first such group tells how many all of them have.
        if (inner === 0) inner = digits === 2 ? 2 : 3;
        if (digits !== inner) return Number.NaN;
      }
      p += width;
    }
    if (p < last && bytes[p] === this.#decimal) {
      plain[length++] = POINT;
      p++;
    } else if (p < last && bytes[p] === POINT) return Number.NaN;
    // Digits and an exponent: what else there is, parseNumber refuses. A second decimal sign may not become a point.
    for (; p < last; p++) {
      if (bytes[p] === POINT || isBlank(bytes[p]!)) return Number.NaN;
      plain[length++] = bytes[p]!;
    }
    return parseNumber(plain, 0, length, power);
  }

  /** Where the number goes on behind a sign of the currency. */
  #behindCurrency(bytes: Uint8Array, p: number, end: number): number {
    const sign = this.#currency;
    if (sign.length === 0 || end - p <= sign.length) return p;
    for (let i = 0; i < sign.length; i++) if (bytes[p + i] !== sign[i]) return p;
    return trimStart(bytes, p + sign.length, end);
  }

  /** The end of the number before a sign of the currency: `1,50 €`. */
  #beforeCurrency(bytes: Uint8Array, start: number, end: number): number {
    const sign = this.#currency;
    const at = end - sign.length;
    if (sign.length === 0 || at <= start || this.#behindCurrency(bytes, start, end) > start) return end;
    for (let i = 0; i < sign.length; i++) if (bytes[at + i] !== sign[i]) return end;
    let last = trimEnd(bytes, start, at);
    if (last - start > 2 && bytes[last - 2] === 0xc2 && bytes[last - 1] === 0xa0) last -= 2;
    return last;
  }

  /**
   * Bytes of a separator of thousands at `p`; 0 for none. A space may be one that does not break, an apostrophe a
   * typographic one, as UTF-8.
   */
  #separator(bytes: Uint8Array, p: number, end: number): number {
    if (p >= end || this.#thousands < 0) return 0;
    if (bytes[p] === this.#thousands) return 1;
    if (this.#thousands === APOSTROPHE)
      return bytes[p] === 0xe2 && bytes[p + 1] === 0x80 && bytes[p + 2] === 0x99 ? 3 : 0;
    if (this.#thousands !== SPACE) return 0;
    if (bytes[p] === 0xc2 && bytes[p + 1] === 0xa0) return 2;
    return bytes[p] === 0xe2 && bytes[p + 1] === 0x80 && (bytes[p + 2] === 0xaf || bytes[p + 2] === 0x89)
      ? 3
      : 0;
  }
}

/** Numbers written as most are. */
export const PLAIN_NUMBERS: NumberStyle = { decimal: '.', thousands: null, suffixes: false, scale: 0 };
