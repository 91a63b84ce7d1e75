/**
 * Fills gaps of longer intervals from shorter bars of the same market that stand, without a download: the buckets that
 * those cover whole. Bars of the vendor's own that stand are kept, and loads go on with what was made once.
 */

import { merge } from '../base/ranges.ts';
import { makes } from '../buckets/rollup_rule.ts';
import { makeAll, type RollupWork, rollupsOf, withFiles } from '../series/rollup.ts';
import { readSeries } from '../series/series.ts';
import { noteMade } from '../state/series/rollups.ts';
import type { GapFiller } from './fill.ts';

export interface DeriveFillOptions {
  readonly signal: AbortSignal;
  readonly onSeries: (work: RollupWork, bars: number) => void;
}

/** The attempt for `fillGaps`. Gaps that no shorter bars can fill are left alone. */
export function fromShorterBars({ signal, onSeries }: DeriveFillOptions): GapFiller {
  return async (db, gaps) => {
    const symbols = [...new Set(gaps.map(({ symbol }) => symbol))];
    const filter = { symbols, intervals: null, tierSymbols: null };
    const all = await withFiles(db, await readSeries(db, filter));
    const works: RollupWork[] = [];
    for (const some of Map.groupBy(gaps, (gap) => gap.seriesId).values()) {
      const { venue, symbol, intervalS } = some[0]!;
      const bases = all
        .filter((one) => one.venue === venue && one.symbol === symbol && makes(one.intervalS, intervalS))
        .toSorted((a, b) => a.intervalS - b.intervalS);
      for (const base of bases) {
        const within = merge(some).map(({ fromUs, toUs }) => ({
          fromUs: Math.max(fromUs, base.firstUs!),
          toUs: Math.min(toUs, base.lastUs! + 1),
        }));
        const todo = within.filter(({ fromUs, toUs }) => fromUs < toUs);
        if (todo.length > 0) works.push({ base, rollupS: intervalS, todo });
      }
    }
    if (works.length > 0) {
      await noteMade(db, await rollupsOf(db, works, filter));
      await makeAll(db, works, { signal, onProgress: () => {}, onSeries });
    }
    return { sources: works.length, failures: new Map(), load: null };
  };
}
