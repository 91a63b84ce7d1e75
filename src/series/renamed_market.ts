/**
 * Companies whose files bear the old name up to the day of a rename and the new one from it on: one series, under the
 * later name. What bears the old name from the day on is another company's, and so is what bears the new one before it.
 */

import type { Pool } from 'pg';
import type { Db } from '../database/connect.ts';
import { BackhaulError } from '../faults/fault.ts';
import { hasBars, isAnothers, type Rename, readRenames } from './former_names.ts';
import { type Mended, mendMarket, type SplitMarket } from './market_of_two_series.ts';

/** Two series that a rename may make one. */
interface Pair extends Rename {
  readonly otherId: number;
}

/**
 * The series that renames on record make one, the latest rename first, an interval before the shorter ones that may make
 * it. Renamed again, a company is found under the first of its later names that has bars of its time.
 *
 * Left out where the new name has other bars from before the day: whose they are, nobody says. That is asked once: where a
 * rename was carried out, what comes later goes the same way.
 */
export async function renamedMarkets(db: Db): Promise<SplitMarket[]> {
  const pairs = (await readRenames(db)).filter((one): one is Pair => one.otherId !== null);
  const found = await firstsWithBars(db, pairs);
  const anothers = new Set<string>();
  for (const pair of found) if (!pair.isJoined && (await isAnothers(db, pair))) anothers.add(namesOf(pair));
  return found
    .filter((pair) => !anothers.has(namesOf(pair)))
    .map(({ venue, intervalS, keepId, keep, otherId, other, fromUs, untilUs, eventIds }) => ({
      keep: { venue, symbol: keep, intervalS, seriesId: keepId },
      others: [{ venue, symbol: other, intervalS, seriesId: otherId }],
      fromUs,
      untilUs,
      eventIds,
    }));
}

function namesOf({ venue, other, keep }: Pair): string {
  return `${venue}\n${other}\n${keep}`;
}

/**
 * Of each rename and interval the first pair whose names both have bars in their times. Asked series by series, which a
 * cluster answers wherever they lie.
 */
async function firstsWithBars(db: Db, pairs: readonly Pair[]): Promise<Pair[]> {
  const firsts = new Map<string, Pair>();
  for (const pair of pairs) {
    const { venue, other, day, intervalS, otherId, keepId, fromUs, untilUs, keepFromUs, keepUntilUs } = pair;
    const key = `${venue}\n${other}\n${day}\n${intervalS}`;
    if (firsts.has(key)) continue;
    if ((await hasBars(db, otherId, fromUs, untilUs)) && (await hasBars(db, keepId, keepFromUs, keepUntilUs)))
      firsts.set(key, pair);
  }
  return [...firsts.values()];
}

/** Rounds of one name after another: each has one rename less of a chain to see to. */
const MOST_ROUNDS = 32;

/**
 * Makes one series of the names of each renamed company, a transaction each: what was interrupted is gone on with by the
 * next call. `onJoined` hears of each. Resolves to whether all is done: while a load is at work, the rest is left to the
 * end of that one.
 */
export async function joinRenamed(
  db: Pool,
  signal: AbortSignal,
  onJoined: (market: SplitMarket, mended: Mended) => void,
): Promise<boolean> {
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const markets = await renamedMarkets(db);
    if (markets.length === 0) return true;
    // A series that has changed is looked at again first: what was behind it may go further.
    const changed = new Set<number>();
    for (const market of markets) {
      if (signal.aborted) return false;
      const ids = [market.keep, ...market.others].map(({ seriesId }) => seriesId);
      if (ids.some((id) => changed.has(id))) continue;
      try {
        onJoined(market, await mendMarket(db, market));
      } catch (error) {
        if (error instanceof BackhaulError && error.fault.kind === 'database') return false;
        throw error;
      }
      for (const id of ids) changed.add(id);
    }
  }
  return false;
}
