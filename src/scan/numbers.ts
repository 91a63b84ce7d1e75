/**
 * Decimal numbers from bytes, exactly: the double nearest to the decimal, as `Number()` of the same text.
 * Grammar: `[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?`, spaces and tabs around it allowed, nothing else.
 */

/** 10^0 … 10^22, each exact in a double; 10^23 is not. */
export const POWERS_OF_TEN: Float64Array = Float64Array.from({ length: 23 }, (_, exponent) =>
  Number(`1e${exponent}`),
);

/** Up to here `mantissa * 10 + 9` is still exact in a double. */
const LAST_EXACT_PREFIX = 900_719_925_474_098;

const latin1 = new TextDecoder('latin1');

/** Whether a byte is a space or a tab. */
export function isBlank(byte: number): boolean {
  return byte === 0x20 || byte === 0x09;
}

/** First byte of `bytes[start,end)` that is neither space nor tab, or `end`. */
export function trimStart(bytes: Uint8Array, start: number, end: number): number {
  let p = start;
  while (p < end && isBlank(bytes[p]!)) p++;
  return p;
}

/** End of `bytes[start,end)` without the spaces and tabs behind. */
export function trimEnd(bytes: Uint8Array, start: number, end: number): number {
  let p = end;
  while (p > start && isBlank(bytes[p - 1]!)) p--;
  return p;
}

/**
 * `whole + fraction / 10^places` to the nearest double, for exact integers below 2^53 and places of at most 22; NaN
 * where this arithmetic cannot tell. The quotient is off by at most 2^-54 and Fast2Sum gives the exact rest of the
 * sum (Dekker 1971), so unless the rest lies within that of the middle between two doubles, the sum is right.
 */
export function joinParts(whole: number, fraction: number, places: number): number {
  const part = fraction / POWERS_OF_TEN[places]!;
  const sum = whole + part;
  const rest = part - (sum - whole);
  return sum + (rest + 2 ** -53) === sum && sum + (rest - 2 ** -53) === sum ? sum : Number.NaN;
}

/**
 * The number written in `bytes[start,end)` times `10^shift`; NaN when it is none (no text of a number means NaN).
 * A mantissa below 2^53 times or over an exact power of ten is one rounding (Clinger 1990), so right; anything
 * else takes the engine's own exact way, 300 ns in place of 30.
 */
export function parseNumber(bytes: Uint8Array, start: number, end: number, shift = 0): number {
  const first = trimStart(bytes, start, end);
  const last = trimEnd(bytes, first, end);
  let p = first;
  const isSigned = p < last && (bytes[p] === 0x2b || bytes[p] === 0x2d);
  if (isSigned) p++;
  let whole = 0;
  let fraction = 0;
  let exact = true;
  let places = 0;
  const firstDigit = p;
  for (let d = digitAt(bytes, p, last); d < 10; d = digitAt(bytes, ++p, last)) {
    if (whole > LAST_EXACT_PREFIX) exact = false;
    else whole = whole * 10 + d;
  }
  let digits = p - firstDigit;
  if (p < last && bytes[p] === 0x2e) {
    const point = ++p;
    for (let d = digitAt(bytes, p, last); d < 10; d = digitAt(bytes, ++p, last)) {
      if (fraction > LAST_EXACT_PREFIX) exact = false;
      else fraction = fraction * 10 + d;
    }
    places = p - point;
    digits += places;
  }
  if (digits === 0) return Number.NaN;
  const power = (p === last ? 0 : parseExponent(bytes, p, last)) + shift;
  if (Number.isNaN(power)) return Number.NaN;
  const value = exact && places <= 22 ? scaled(whole, fraction, places, power) : Number.NaN;
  if (Number.isNaN(value)) return Number(`${latin1.decode(bytes.subarray(first, p))}e${power}`);
  return isSigned && bytes[first] === 0x2d ? -value : value;
}

/** `(whole + fraction / 10^places) * 10^power`, or NaN where it cannot be had by one rounding. */
function scaled(whole: number, fraction: number, places: number, power: number): number {
  const mantissa = whole * POWERS_OF_TEN[places]! + fraction;
  const exponent = power - places;
  if (mantissa > Number.MAX_SAFE_INTEGER)
    return power === 0 ? joinParts(whole, fraction, places) : Number.NaN;
  if (exponent < -22 || exponent > 22) return Number.NaN;
  return exponent < 0 ? mantissa / POWERS_OF_TEN[-exponent]! : mantissa * POWERS_OF_TEN[exponent]!;
}

/** The exponent written in `bytes[start,end)`, from its `e` on, NaN when it is none; beyond ±9,999,999 all are as one. */
export function parseExponent(bytes: Uint8Array, start: number, end: number): number {
  if ((bytes[start]! | 0x20) !== 0x65) return Number.NaN;
  let p = start + 1;
  const isSigned = p < end && (bytes[p] === 0x2b || bytes[p] === 0x2d);
  if (isSigned) p++;
  const firstDigit = p;
  let power = 0;
  for (let d = digitAt(bytes, p, end); d < 10; d = digitAt(bytes, ++p, end)) {
    if (power < 1e6) power = power * 10 + d;
  }
  if (p === firstDigit || p !== end) return Number.NaN;
  return isSigned && bytes[start + 1] === 0x2d ? -power : power;
}

/** The digit at `p`; 10 or more where there is none. A digit's byte XOR 48 is the digit, no other byte gives less than ten. */
function digitAt(bytes: Uint8Array, p: number, end: number): number {
  return p < end ? bytes[p]! ^ 48 : 255;
}
