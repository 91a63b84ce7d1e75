import { daysFromCivil, isDate } from './civil.ts';
import { POWERS_OF_TEN } from './numbers.ts';
import { readOffset, type StampForm, twoDigits } from './stamp_form.ts';

const DAY_US = 86_400_000_000;

/**
 * ISO 8601 and what is written like it: `YYYY-MM-DD`, `YYYY-MM-DD[ T]HH:MM[:SS[.frac]]` with or without an offset, and
 * `YYYY-MM-DD HH-AM` on the clock of twelve hours, midnight as 12 or as 00. What is finer than a µs is cut off.
 */
export class IsoStamp implements StampForm {
  readonly text = 'yyyy-MM-dd[ HH:mm[:ss[.SSS]]][X]';
  readonly isOfMonth = false;
  localUs = Number.NaN;
  offsetUs = Number.NaN;

  read(bytes: Uint8Array, start: number, end: number): boolean {
    this.offsetUs = Number.NaN;
    const length = end - start;
    if (length < 10 || bytes[start + 4] !== 0x2d || bytes[start + 7] !== 0x2d) return false;
    const century = twoDigits(bytes, start);
    const yearOfCentury = twoDigits(bytes, start + 2);
    const month = twoDigits(bytes, start + 5);
    const day = twoDigits(bytes, start + 8);
    const year = century * 100 + yearOfCentury;
    if (century < 0 || yearOfCentury < 0 || !isDate(year, month, day)) return false;
    this.localUs = daysFromCivil(year, month, day) * DAY_US;
    if (length === 10) return true;
    const separator = bytes[start + 10];
    if (length < 16 || (separator !== 0x20 && separator !== 0x54)) return false;
    return bytes[start + 13] === 0x2d
      ? this.#readHalfDay(bytes, start + 11, end)
      : this.#readClock(bytes, start + 11, end);
  }

  /** `HH-AM` from the hour on. */
  #readHalfDay(bytes: Uint8Array, p: number, end: number): boolean {
    const hour = twoDigits(bytes, p);
    const half = bytes[p + 3];
    if (end !== p + 5 || hour < 0 || hour > 12 || bytes[p + 4] !== 0x4d) return false;
    if (half !== 0x41 && half !== 0x50) return false;
    this.localUs += ((hour % 12) + (half === 0x50 ? 12 : 0)) * 3_600_000_000;
    return true;
  }

  /** `HH:MM[:SS[.frac]]` and an offset, from the hour on. */
  #readClock(bytes: Uint8Array, start: number, end: number): boolean {
    const hour = twoDigits(bytes, start);
    const minute = twoDigits(bytes, start + 3);
    if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || bytes[start + 2] !== 0x3a) return false;
    let us = this.localUs + hour * 3_600_000_000 + minute * 60_000_000;
    let p = start + 5;
    if (p < end && bytes[p] === 0x3a) {
      const second = end - p >= 3 ? twoDigits(bytes, p + 1) : -1;
      if (second < 0 || second > 59) return false;
      us += second * 1_000_000;
      p += 3;
      if (p < end && bytes[p] === 0x2e) {
        const point = p++;
        let fraction = 0;
        for (; p < end && (bytes[p]! ^ 48) < 10; p++) {
          if (p - point <= 6) fraction += (bytes[p]! ^ 48) * POWERS_OF_TEN[6 - (p - point)]!;
        }
        if (p - point < 2) return false;
        us += fraction;
      }
    }
    this.localUs = us;
    if (p === end) return true;
    this.offsetUs = readOffset(bytes, p, end);
    return !Number.isNaN(this.offsetUs);
  }
}
