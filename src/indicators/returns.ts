import { ln } from './ln.ts';

/** ln(close / close before), NaN where there is none: a price of zero or less, or a quotient out of a double's range. */
export function logReturn(close: number, before: number): number {
  const ratio = close / before;
  // Both below zero would make a positive quotient; a quotient of Infinity would make an infinite return.
  return close > 0 && ratio > 0 && ratio <= Number.MAX_VALUE ? ln(ratio) : Number.NaN;
}
