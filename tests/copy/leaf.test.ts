import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  cutLeaf,
  KnownLeaves,
  type Leaf,
  type LeafMonths,
  leafMonths,
  monthLeaf,
  monthlyRows,
  splitByLeaf,
  wideLeaf,
} from '../../src/copy/leaf.ts';

const us = (iso: string): number => Date.parse(iso) * 1000;
const DAY_US = 86_400e6;

describe('a leaf', () => {
  it('is of a month, a year or a decade, and is named for its months', () => {
    const at = us('1987-10-19T14:30:00Z');
    expect(monthLeaf(at)).toEqual({
      name: 'bars_1987_10',
      fromUs: us('1987-10-01Z'),
      toUs: us('1987-11-01Z'),
    });
    expect(wideLeaf(at, 1)).toEqual(monthLeaf(at));
    expect(wideLeaf(at, 12)).toMatchObject({ name: 'bars_1987_01_to_1987_12', toUs: us('1988-01-01Z') });
    expect(wideLeaf(at, 120)).toMatchObject({ name: 'bars_1980_01_to_1989_12', fromUs: us('1980-01-01Z') });
  });

  it('is as wide as its rows are worth', () => {
    const of = (rows: number, days: number, intervalUs: number): LeafMonths =>
      leafMonths(monthlyRows(rows, 0, days * DAY_US - intervalUs, intervalUs));
    expect(of(15_821, 62 * 365, DAY_US)).toBe(120);
    expect(of(1, 1, DAY_US)).toBe(120);
    expect(of(8_760, 365, 3_600e6)).toBe(12);
    expect(of(1_440, 1, 60e6)).toBe(1);
    expect(of(9_000, 1, DAY_US)).toBe(1);
  });

  it('takes the months that are left between those that stand', () => {
    const standing = [
      monthLeaf(us('1983-02-01Z')),
      monthLeaf(us('1985-07-01Z')),
      monthLeaf(us('1989-12-01Z')),
    ];
    const cut = (iso: string): string => cutLeaf(wideLeaf(us(iso), 120), us(iso), standing).name;
    expect(cut('1981-01-01Z')).toBe('bars_1980_01_to_1983_01');
    expect(cut('1985-06-30T23:59Z')).toBe('bars_1983_03_to_1985_06');
    expect(cut('1989-11-30Z')).toBe('bars_1985_08_to_1989_11');
  });
});

describe('leaves made in any order', () => {
  const ask = fc.record({
    ts: fc.integer({ min: us('1969-01-01Z') / 1e6, max: us('1993-01-01Z') / 1e6 }).map((s) => s * 1e6),
    months: fc.constantFrom<LeafMonths>(1, 12, 120),
  });

  it('never overlap, hold what they were made for, and are of whole months', () => {
    fc.assert(
      fc.property(fc.array(ask, { minLength: 1, maxLength: 40 }), (asks) => {
        const standing: Leaf[] = [];
        const known = new KnownLeaves();
        for (const { ts, months } of asks) {
          let leaf = known.at(ts);
          expect(leaf).toBe(standing.find(({ fromUs, toUs }) => fromUs <= ts && ts < toUs));
          if (leaf === undefined) {
            const wide = wideLeaf(ts, months);
            leaf = cutLeaf(
              wide,
              ts,
              standing.filter((one) => one.fromUs < wide.toUs && one.toUs > wide.fromUs),
            );
            standing.push(leaf);
            known.add(leaf);
            known.add({ ...leaf });
          }
          expect(leaf.fromUs <= ts && ts < leaf.toUs).toBe(true);
          expect(monthLeaf(leaf.fromUs).fromUs).toBe(leaf.fromUs);
          expect(monthLeaf(leaf.toUs).fromUs).toBe(leaf.toUs);
        }
        const sorted = standing.toSorted((a, b) => a.fromUs - b.fromUs);
        for (const [i, leaf] of sorted.entries())
          expect(leaf.toUs).toBeLessThanOrEqual(sorted[i + 1]?.fromUs ?? Number.POSITIVE_INFINITY);
        expect(new Set(standing.map(({ name }) => name)).size).toBe(standing.length);
      }),
    );
  });

  it('get the rows of a batch, each once and in their order', () => {
    fc.assert(
      fc.property(fc.array(ask, { maxLength: 60 }), (asks) => {
        const ts = Float64Array.from(asks, (one) => one.ts);
        const known = new KnownLeaves();
        for (const one of ts) known.add(wideLeaf(one, 12));
        const parts = splitByLeaf(ts, ts.length, (tsUs) => known.at(tsUs)!);
        const rows = parts.flatMap(({ leaf, rows, from, to }) =>
          Array.from({ length: to - from }, (_, i) => ({ row: rows?.[from + i] ?? from + i, leaf })),
        );
        for (const { row, leaf } of rows) expect(wideLeaf(ts[row]!, 12)).toEqual(leaf);
        expect(rows.map(({ row }) => row).toSorted((a, b) => a - b)).toEqual(asks.map((_, i) => i));
        for (const { rows } of parts) expect(rows?.toSorted() ?? null).toEqual(rows);
      }),
    );
  });
});
