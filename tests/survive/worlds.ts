import { join } from 'node:path';
import { connect } from '../../src/database/connect.ts';
import { noteRollups, type Rollup } from '../../src/state/series/rollups.ts';
import { load } from '../e2e/loading.ts';
import { krakenCsv, massiveDays, walk, write } from '../e2e/market.ts';
import type { Original } from './copies.ts';

/** Two small worlds whose loads go every way there is: into bare leaves, and among rows that stand. */

const Q = (quarter: number): number => Date.UTC(2024, 3 * quarter, 1) / 1000;

/** Hour bars of quarter `q` as a file, with one bad record and one that stands twice. */
function quarter(folder: string, q: number, seed: number, name = `q${q + 1}/XBTUSD_60.csv`): string {
  const bars = walk('XBTUSD', Q(0), Q(4), 3600, seed).filter(
    (bar) => bar.time >= Q(q) && bar.time < Q(q + 1),
  );
  const lines = krakenCsv(bars).trimEnd().split('\n');
  lines.splice(100, 0, lines[99]!);
  lines.splice(200, 0, `${lines[199]!.split(',')[0]},what,is,this,1,1,1`);
  return write(folder, name, `${lines.join('\n')}\n`);
}

export interface World {
  /** What the load under test is given. */
  readonly source: string;
  readonly files: number;
  /** Brings a database to where the load under test begins. */
  readonly prepare: (url: string) => Promise<void>;
}

/** Loads make the days of these bars too, from here on. */
async function withDays(url: string, rollups: readonly Omit<Rollup, 'rollupS'>[]): Promise<void> {
  const client = await connect(url, { applicationName: 'test' });
  try {
    await noteRollups(
      client,
      rollups.map((one) => ({ ...one, rollupS: 86_400 })),
    );
  } finally {
    await client.end();
  }
}

/**
 * Nothing is there: two lanes, of eight files where nobody asks for fewer days, three months, all leaves bare until the
 * end; longer bars are made of them, unless `makesDays` is false: then nodes of a cluster take rows from the load itself.
 */
export function freshWorld(folder: string, days = 6, makesDays = true): World {
  massiveDays(join(folder, 'massive'), days, ['A', 'BRK.B', 'NA', 'aapl'].slice(0, days), 7);
  quarter(join(folder, 'kraken'), 0, 3);
  quarter(join(folder, 'kraken'), 1, 3);
  return {
    source: folder,
    files: days + 2,
    prepare: (url) =>
      withDays(
        url,
        makesDays
          ? [
              { venue: 'us_stocks_sip', symbol: null, intervalS: 60 },
              { venue: 'kraken', symbol: 'XBTUSD', intervalS: 3600 },
            ]
          : [],
      ),
  };
}

/**
 * The second and fourth quarter stand, the second in a version that has changed since. To do: that change, the first
 * and third quarter, a file that overlaps two others with some different bars and is merged together with the one before
 * it, days behind another series, and the beginning of a new lane, in months that have no leaf yet: whoever
 * merges has to wait for their keys.
 */
export function standingWorld(folder: string): World {
  const kraken = join(folder, 'kraken');
  return {
    source: folder,
    files: 8,
    prepare: async (url) => {
      await withDays(url, [{ venue: 'kraken', symbol: 'ETHUSD', intervalS: 3600 }]);
      // A month of many rows has a leaf of its own, and the hours' years end at it: the first quarter has none yet.
      const dense = krakenCsv(walk('XDGUSD', Q(1), Q(1) + 30 * 86_400, 300, 5));
      await load(url, [write(`${folder}-dense`, 'XDGUSD_5.csv', dense)]);
      const old = quarter(kraken, 1, 4);
      const fourth = quarter(kraken, 3, 3);
      await load(url, [old, fourth], { maxRejectShare: null });
      quarter(kraken, 1, 3);
      quarter(kraken, 0, 3);
      quarter(kraken, 2, 3);
      const bars = walk('XBTUSD', Q(0), Q(4), 3600, 3).filter(
        (bar) => bar.time >= Q(2.5) && bar.time < Q(3.2),
      );
      write(
        kraken,
        'overlap/XBTUSD_60.csv',
        krakenCsv(bars.map((bar, i) => (i % 50 === 7 ? { ...bar, volume: bar.volume + 1 } : bar))),
      );
      write(kraken, 'new/ETHUSD_60.csv', krakenCsv(walk('ETHUSD', Q(-3), Q(-2), 3600, 9)));
      for (const day of [180, 190]) {
        const some = walk('XDGUSD', Q(1) + day * 86_400, Q(1) + (day + 2) * 86_400, 300, day);
        write(kraken, `day${day}/XDGUSD_5.csv`, krakenCsv(some));
      }
    },
  };
}

/** A copy of the original, for one trial, whatever comes of it. */
export async function onCopy<T>(
  original: Original,
  trial: (copy: Awaited<ReturnType<Original['copy']>>) => Promise<T>,
): Promise<T> {
  const copy = await original.copy();
  try {
    return await trial(copy);
  } finally {
    await copy.drop();
  }
}
