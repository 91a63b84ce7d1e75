import type { Range } from '../base/ranges.ts';
import type { ExpectedBars } from '../calendar/expected_bars.ts';
import { findHoles, type Hole } from './find.ts';

/** What a look at a range of a series shows. */
export interface Look {
  /** Bars expected in the range, and those of them that files vouch for. */
  readonly expected: number;
  readonly vouched: number;
  readonly holes: readonly Hole[];
}

/**
 * Looks are remembered as long as their coverage is. Files of all symbols give 10,000 series one coverage and one
 * calendar: a month of theirs is then looked at once.
 */
const remembered = new WeakMap<readonly Range[], WeakMap<ExpectedBars, Map<string, Look>>>();

/** Looks at a range; neither it nor the coverage may change afterwards. Pure but for its memory. */
export function lookAt(expectedBars: ExpectedBars, covered: readonly Range[], range: Range): Look {
  let byCalendar = remembered.get(covered);
  if (byCalendar === undefined) {
    byCalendar = new WeakMap();
    remembered.set(covered, byCalendar);
  }
  let looks = byCalendar.get(expectedBars);
  if (looks === undefined) {
    looks = new Map();
    byCalendar.set(expectedBars, looks);
  }
  const key = `${range.fromUs} ${range.toUs}`;
  let look = looks.get(key);
  if (look === undefined) {
    const expected = expectedBars.count(range.fromUs, range.toUs);
    const holes = expected === 0 ? [] : findHoles(expectedBars, range, covered);
    look = { expected, vouched: expected - holes.reduce((sum, hole) => sum + hole.candles, 0), holes };
    looks.set(key, look);
  }
  return look;
}
