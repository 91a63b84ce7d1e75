import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { intersect, merge, type Range, subtract } from '../../src/base/ranges.ts';
import { barGrid } from '../../src/calendar/bar_grid.ts';
import { ExpectedBars } from '../../src/calendar/expected_bars.ts';
import { ALL_WEEK } from '../../src/calendar/market_calendar.ts';
import { reconcile } from '../../src/gaps/reconcile.ts';

/** Bars of a second, so that small numbers are bars. */
const bars = new ExpectedBars(ALL_WEEK, barGrid(1, 'epoch', 'UTC', null));
const s = (from: number, to: number): Range => ({ fromUs: from * 1e6, toUs: to * 1e6 });
const seconds = fc
  .tuple(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 1, max: 20 }))
  .map(([from, length]) => s(from, from + length));
const some = fc.array(seconds, { maxLength: 6 }).map(merge);

describe('gaps on record', () => {
  it('after a look are what is missing of all that was ever asked for', () => {
    fc.assert(
      fc.property(some, some, fc.option(seconds), fc.boolean(), (covered, recorded, window, whole) => {
        const open = recorded.map((range, i) => ({ gapId: i + 1, ...range }));
        const { kept, added, filled, dropped } = reconcile(bars, window, whole, covered, open);
        const windows = window === null ? [] : [window];
        const missing = subtract(whole ? windows : merge([...windows, ...recorded]), covered);
        const holes = [...kept.map((one) => one.hole), ...added].sort((a, b) => a.fromUs - b.fromUs);
        expect(holes.map(({ fromUs, toUs }) => ({ fromUs, toUs }))).toEqual(missing);
        // Every record is accounted for once, and no two end up with one start.
        const ids = [...kept.map((one) => one.gapId), ...filled, ...dropped].sort((a, b) => a - b);
        expect(ids).toEqual(open.map((gap) => gap.gapId));
        expect(new Set(holes.map((hole) => hole.fromUs)).size).toBe(holes.length);
        for (const id of filled) expect(intersect(missing, [open[id - 1]!])).toEqual([]);
        for (const { gapId, hole } of kept) expect(intersect([hole], [open[gapId - 1]!])).not.toEqual([]);
      }),
      { numRuns: 500 },
    );
  });

  it('keep their number where they keep their start', () => {
    const open = [
      { gapId: 1, ...s(10, 20) },
      { gapId: 2, ...s(30, 40) },
    ];
    // The first is filled up to 12 and from 15 to 35: its rest, and the rest of the second, go on.
    const { kept, added } = reconcile(bars, null, false, [s(0, 12), s(15, 35)], open);
    expect(kept.map(({ gapId, hole }) => [gapId, hole.fromUs / 1e6, hole.toUs / 1e6])).toEqual([
      [1, 12, 15],
      [2, 35, 40],
    ]);
    expect(added).toEqual([]);
  });
});
