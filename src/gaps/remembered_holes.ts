/** Holes of a range of a series, each range looked at once as long as its coverage stays. */

import { firstAfter, type Range } from '../base/ranges.ts';
import type { ExpectedBars } from '../calendar/expected_bars.ts';
import { findHoles, type Hole } from './find_holes.ts';

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

/** Bars expected in ranges, by calendar: of most series most months are covered from end to end. */
const counted = new WeakMap<ExpectedBars, Map<string, number>>();
/** Ranges of a calendar: beyond, the memory starts afresh. */
const MOST_COUNTED = 10_000;

function count(expectedBars: ExpectedBars, { fromUs, toUs }: Range): number {
  const counts = counted.get(expectedBars) ?? new Map<string, number>();
  counted.set(expectedBars, counts);
  const key = `${fromUs} ${toUs}`;
  let bars = counts.get(key);
  if (bars === undefined) {
    if (counts.size >= MOST_COUNTED) counts.clear();
    bars = expectedBars.count(fromUs, toUs);
    counts.set(key, bars);
  }
  return bars;
}

function isWithin(covered: readonly Range[], { fromUs, toUs }: Range): boolean {
  const around = covered[firstAfter(covered, fromUs)];
  return around !== undefined && around.fromUs <= fromUs && around.toUs >= toUs;
}

/** Looks at a range; neither it nor the coverage may change afterwards. Pure but for its memory. */
export function lookAt(expectedBars: ExpectedBars, covered: readonly Range[], range: Range): Look {
  if (isWithin(covered, range)) {
    const expected = count(expectedBars, range);
    return { expected, vouched: expected, holes: [] };
  }
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
    const expected = count(expectedBars, range);
    const holes = expected === 0 ? [] : findHoles(expectedBars, range, covered);
    look = { expected, vouched: expected - holes.reduce((sum, hole) => sum + hole.candles, 0), holes };
    looks.set(key, look);
  }
  return look;
}
