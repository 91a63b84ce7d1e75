import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { holds, hull, intersect, meetsAny, merge, type Range, subtract } from '../../src/base/ranges.ts';

const SPAN = 40;
const range = fc
  .tuple(fc.integer({ min: 0, max: SPAN }), fc.integer({ min: 0, max: SPAN }))
  .map(([a, b]): Range => ({ fromUs: Math.min(a, b), toUs: Math.max(a, b) }));
const ranges = fc.array(range, { maxLength: 8 });

/** The instants a list of ranges holds, one by one. */
function instants(list: readonly Range[]): number[] {
  return Array.from({ length: SPAN + 1 }, (_, us) => us).filter((us) =>
    list.some(({ fromUs, toUs }) => us >= fromUs && us < toUs),
  );
}

function expectCanonical(list: readonly Range[]): void {
  list.forEach(({ fromUs, toUs }, i) => {
    expect(fromUs).toBeLessThan(toUs);
    if (i > 0) expect(fromUs).toBeGreaterThan(list[i - 1]!.toUs);
  });
}

describe('ranges', () => {
  it('merged hold the same instants, sorted, disjoint and apart', () => {
    fc.assert(
      fc.property(ranges, (list) => {
        const merged = merge(list);
        expectCanonical(merged);
        expect(instants(merged)).toEqual(instants(list));
      }),
    );
  });

  it('are intersected and subtracted as sets of instants are', () => {
    fc.assert(
      fc.property(ranges, ranges, (a, b) => {
        const left = merge(a);
        const right = merge(b);
        const inRight = new Set(instants(right));
        expect(instants(intersect(left, right))).toEqual(instants(left).filter((us) => inRight.has(us)));
        expect(instants(subtract(left, right))).toEqual(instants(left).filter((us) => !inRight.has(us)));
        expectCanonical(subtract(left, right));
      }),
    );
  });

  it('answer for one instant and one range by looking into few of them', () => {
    fc.assert(
      fc.property(ranges, range, (list, one) => {
        const merged = merge(list);
        for (let us = 0; us <= SPAN; us++) expect(holds(merged, us)).toBe(instants(merged).includes(us));
        if (one.fromUs < one.toUs) expect(meetsAny(merged, one)).toBe(intersect(merged, [one]).length > 0);
      }),
    );
  });

  it('may have no end', () => {
    const always = [{ fromUs: Number.NEGATIVE_INFINITY, toUs: Number.POSITIVE_INFINITY }];
    expect(subtract(always, [{ fromUs: 3, toUs: 5 }])).toEqual([
      { fromUs: Number.NEGATIVE_INFINITY, toUs: 3 },
      { fromUs: 5, toUs: Number.POSITIVE_INFINITY },
    ]);
    expect(
      hull([
        { fromUs: 7, toUs: 9 },
        { fromUs: 3, toUs: 5 },
      ]),
    ).toEqual({ fromUs: 3, toUs: 9 });
    expect(hull([])).toBeNull();
  });
});
