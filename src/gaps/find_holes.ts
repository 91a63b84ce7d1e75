/** Finds the holes of one series: expected bars that no loaded file vouches for. Pure; µs since 1970. */

import { firstAfter, type Range } from '../base/ranges.ts';
import type { ExpectedBars, Stretch } from '../calendar/expected_bars.ts';

/** A run of expected bars that are not covered, with none between them that is. */
export interface Hole extends Range {
  /** Opening of the first missing bar; `toUs` is the end of the last. */
  readonly fromUs: number;
  /** Expected bars in it: markets that are closed count for nothing. */
  readonly candles: number;
}

/** The holes of a series in a window, oldest first. `covered` is merged. */
export function findHoles(expected: ExpectedBars, window: Range, covered: readonly Range[]): Hole[] {
  const holes: Hole[] = [];
  let open: { fromUs: number; toUs: number; candles: number } | null = null;
  let at = firstAfter(covered, window.fromUs);
  for (const stretch of expected.stretches(window.fromUs, window.toUs)) {
    // Coverage that ends before this stretch ends before all that follow.
    while (at < covered.length && covered[at]!.toUs <= stretch.firstUs) at++;
    for (const piece of pieces(stretch, covered, at)) {
      if (piece.covered) {
        open = null;
      } else if (open === null) {
        open = { fromUs: piece.fromUs, toUs: piece.toUs, candles: piece.count };
        holes.push(open);
      } else {
        open.toUs = piece.toUs;
        open.candles += piece.count;
      }
    }
  }
  return holes;
}

interface Piece {
  readonly covered: boolean;
  readonly fromUs: number;
  readonly toUs: number;
  readonly count: number;
}

/** The bars of a stretch in runs that are covered and runs that are not. */
function* pieces(stretch: Stretch, covered: readonly Range[], start: number): Iterable<Piece> {
  const { firstUs, endUs, count } = stretch;
  const stepUs = (endUs - firstUs) / count;
  /** Index of the first bar that opens at or after an instant. */
  const index = (us: number): number =>
    us <= firstUs ? 0 : us >= endUs ? count : Math.min(count, Math.ceil((us - firstUs) / stepUs));
  const piece = (isCovered: boolean, from: number, to: number): Piece => ({
    covered: isCovered,
    fromUs: firstUs + from * stepUs,
    toUs: to === count ? endUs : firstUs + to * stepUs,
    count: to - from,
  });
  let done = 0;
  for (let i = start; i < covered.length && covered[i]!.fromUs < endUs && done < count; i++) {
    const from = Math.max(done, index(covered[i]!.fromUs));
    const to = index(covered[i]!.toUs);
    if (from >= to) continue;
    if (from > done) yield piece(false, done, from);
    yield piece(true, from, to);
    done = to;
  }
  if (done < count) yield piece(false, done, count);
}

/** How far a hole's first bar lies back, and whether an API still has it. */
export interface Reach {
  /** Intervals since its first bar opened. */
  readonly candlesFromNow: number;
  /** Of them, those beyond what the venue's API serves: above 0 only a file can fill it. Null: no API serves it. */
  readonly overflow: number | null;
}

/** A series an exchange's REST API serves the latest candles of, whatever it is asked for. */
export interface ApiReach {
  readonly venue: string;
  readonly intervalS: number;
  readonly candles: number;
}

export const KRAKEN_API = 'https://api.kraken.com';

/** Kraken: the latest 720, of these intervals (minutes); of its files' 720 minutes the API knows nothing. */
export const API_REACH: readonly ApiReach[] = [1, 5, 15, 30, 60, 240, 1440, 10_080, 21_600].map(
  (minutes) => ({
    venue: 'kraken',
    intervalS: 60 * minutes,
    candles: 720,
  }),
);

export function reachOf(venue: string, intervalS: number, fromUs: number, nowUs: number): Reach {
  const candlesFromNow = Math.max(0, Math.floor((nowUs - fromUs) / (intervalS * 1e6)));
  const served = API_REACH.find((one) => one.venue === venue && one.intervalS === intervalS);
  return { candlesFromNow, overflow: served === undefined ? null : candlesFromNow - served.candles };
}

/** Which `--api` of `gaps fill` fills a gap: the quick one where it reaches, else the slow one; null: none does. */
export function apiOf({
  venue,
  overflow,
}: {
  readonly venue: string;
  readonly overflow: number | null;
}): 'kraken' | 'kraken-trades' | null {
  if (overflow !== null && overflow <= 0) return 'kraken';
  return venue === 'kraken' ? 'kraken-trades' : null;
}
