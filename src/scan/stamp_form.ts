/** A way to write a date and a time as text. */
export interface StampForm {
  /** The pattern, or a name for it, as a person may read it. */
  readonly text: string;
  /** After {@link read}: the date and time, in µs since 1970 as if they were UTC's. */
  readonly localUs: number;
  /** After {@link read}: the offset from UTC that the stamp names, µs; NaN when it names none. */
  readonly offsetUs: number;
  /** It names a month and no day: bars of months alone are stamped so. */
  readonly isOfMonth: boolean;
  /** Whether `bytes[start,end)`, without blanks around it, is written so. */
  read(bytes: Uint8Array, start: number, end: number): boolean;
}

/** Two digits at `p`, or -1. */
export function twoDigits(bytes: Uint8Array, p: number): number {
  const tens = bytes[p]! ^ 48;
  const ones = bytes[p + 1]! ^ 48;
  return tens < 10 && ones < 10 ? tens * 10 + ones : -1;
}

/**
 * The offset from UTC written in `bytes[start,end)`, µs: `Z`, `UTC`, `GMT`, `±HH`, `±HHMM`, `±HH:MM`, or one of these
 * behind `UTC` or `GMT`, where hours may be of one digit, as people write them: `UTC+2`, `GMT-5:30`; east of Greenwich is `+`.
 * A blank before it is allowed. NaN when it is none.
 */
export function readOffset(bytes: Uint8Array, start: number, end: number): number {
  const p = bytes[start] === 0x20 ? start + 1 : start;
  const length = end - p;
  const sign = bytes[p]!;
  if (length === 1) return sign === 0x5a || sign === 0x7a ? 0 : Number.NaN;
  if (sign !== 0x2b && sign !== 0x2d) {
    if (length < 3 || !isUtc(bytes, p)) return Number.NaN;
    const next = bytes[p + 3];
    return length === 3 ? 0 : next === 0x2b || next === 0x2d ? signed(bytes, p + 3, end, true) : Number.NaN;
  }
  return signed(bytes, p, end, false);
}

/** An offset that begins with its sign. `isShort`: hours may be of one digit. */
function signed(bytes: Uint8Array, p: number, end: number, isShort: boolean): number {
  const size = end - p - 1;
  const digits = isShort && (size === 1 || (size === 4 && bytes[p + 2] === 0x3a)) ? 1 : 2;
  const hours = digits === 1 ? bytes[p + 1]! ^ 48 : twoDigits(bytes, p + 1);
  const colon = size === digits + 3 && bytes[p + 1 + digits] === 0x3a ? 1 : 0;
  if (size !== digits && size !== digits + 2 + colon) return Number.NaN;
  const minutes = size === digits ? 0 : twoDigits(bytes, p + 1 + digits + colon);
  if (hours < 0 || hours > (digits === 1 ? 9 : 23) || minutes < 0 || minutes > 59) return Number.NaN;
  const offset = (hours * 60 + minutes) * 60_000_000;
  return bytes[p] === 0x2d ? -offset : offset;
}

/** `UTC` or `GMT` at `p`. */
function isUtc(bytes: Uint8Array, p: number): boolean {
  const word = (bytes[p]! << 16) | (bytes[p + 1]! << 8) | bytes[p + 2]!;
  return word === 0x555443 || word === 0x474d54;
}
