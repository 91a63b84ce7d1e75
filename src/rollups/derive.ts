/**
 * Longer bars made again where shorter ones have changed, and nowhere else: from the bars that stand, bucket by bucket,
 * in the order of time, in the caller's transaction.
 *
 * A bucket that is whole goes into the longer series unless a bar of the vendor's own stands there, or one that was made
 * of still shorter bars; what follows gets its indicators by the `Rewriter`. One that is not whole (any more) goes.
 *
 * Bars of several lengths come of one read: while some thousand shorter ones are at hand, each length in turn takes them
 * into its open bucket and writes what has ended.
 */

import type { ClientBase } from 'pg';
import { BarColumns } from '../bars/columns.ts';
import { holds, meetsAny, merge, type Range, subtract } from '../base/ranges.ts';
import {
  aggregateThrough,
  BUCKET_LENGTH,
  barSoFar,
  clearBucket,
  isOpen,
  START,
  settle,
} from '../buckets/aggregator.ts';
import { type BucketGrid, bucketGrid, dayGrid } from '../buckets/bucket_grid.ts';
import { type BarRange, BY_KEY, readRanges, stampLiteral } from '../copy/copy_reader.ts';
import { monthLeaf } from '../copy/leaf.ts';
import { stampOf, usOf } from '../database/stamps.ts';
import { type Splits, splitsOf } from '../indicators/engine.ts';
import type { MergeMemory } from '../merge/merge_memory.ts';
import { Rewriter, type RewriterSettings } from '../merge/rewriter.ts';
import { isDistributed } from '../state/schema/distributed.ts';
import { readDerivations, replaceDerivations } from '../state/series/derivations.ts';
import { replaceRollupStates } from '../state/series/rollup_states.ts';
import { readSeriesSplits } from '../state/series/venue_splits.ts';
import { knownStretches } from './known_ranges.ts';

/** Shorter bars read at a time, where there is as much memory. */
const READ_ROWS = 16_384;

export interface DeriveSettings extends Omit<RewriterSettings, 'toTheEnd'> {
  /** Zone of the venue's days. */
  readonly sessionZone: string;
  /** Sees that there are leaves for bars at these stamps, with their keys. */
  readonly leavesFor: (stamps: readonly number[]) => Promise<unknown>;
}

/** A series as rollups know it. */
export interface RollupSeries {
  readonly seriesId: number;
  readonly intervalS: number;
}

/** A longer series to be made again. */
export interface DeriveTarget {
  readonly target: RollupSeries;
  /** Further series whose bars make the target's, by what is on record. */
  readonly others: readonly RollupSeries[];
  /** Where bars of the base have changed, or were not looked at for this target; µs since 1970. */
  readonly touched: readonly Range[];
}

/** What is to be made again of a series. */
export interface Derive {
  readonly base: RollupSeries;
  /** Each series once. */
  readonly targets: readonly DeriveTarget[];
  /** What the base is known in beside its coverage. */
  readonly known: readonly Range[];
  /** These stretches are made of the base from now on; else only where they were. */
  readonly claims: boolean;
}

/** Which of the longer series' bars are whose. */
interface Owners {
  /** Made of this base; of longer bars than those; of shorter ones. */
  readonly own: Range[];
  readonly longer: ReadonlyMap<number, Range[]>;
  readonly shorter: ReadonlyMap<number, Range[]>;
  readonly allLonger: Range[];
  readonly allShorter: Range[];
}

type Stretch = { fromUs: number; toUs: number };

/** Buckets that stay the vendor's, and those taken from other bars: from longer ones, and where others made none. */
interface Settled {
  readonly vendors: Stretch[];
  readonly taken: Stretch[];
}

/** A longer series on its way through the bars of the base. */
interface Making extends DeriveTarget {
  readonly base: RollupSeries;
  readonly grid: BucketGrid;
  readonly owners: Owners;
  /** Buckets to be made, in joined stretches. */
  readonly buckets: readonly Range[];
  readonly settled: Settled;
  /** The open bucket. */
  readonly bucket: Float64Array;
  /** The stretch it is in, of `buckets`; up to where that is made, and the bar that was taken last (-Infinity: none). */
  at: number;
  madeToUs: number;
  takenUs: number;
  written: number;
  gone: number;
}

/** Of a target, its bars that were written, and those that went. */
export type Derived = Readonly<Pick<Making, 'written' | 'gone'>>;

export class Deriver {
  readonly #client: ClientBase;
  readonly #memory: MergeMemory;
  readonly #settings: DeriveSettings;
  readonly #days: BucketGrid;
  /** Shorter bars as they were read, and the longer ones that they finish. */
  readonly #read: BarColumns;
  readonly #made: BarColumns;
  readonly #bucket = new Float64Array(BUCKET_LENGTH);
  /** Of the shorter bars, by series. */
  readonly #splits = new Map<number, Splits>();
  #planned = false;
  /** Of series that longer bars are made of, the stretches that are made themselves: no file brought those. */
  readonly #madeIn = new Map<number, Range[]>();

  constructor(client: ClientBase, memory: MergeMemory, settings: DeriveSettings) {
    this.#client = client;
    this.#memory = memory;
    this.#settings = settings;
    this.#days = dayGrid(settings.sessionZone);
    // Each may be a longer bar of its own, and what is written at once leaves half of `out` to bars that stand.
    const rows = Math.min(READ_ROWS, memory.out.capacity / 2 - 1);
    this.#read = new BarColumns(rows, false);
    this.#made = new BarColumns(rows + 1, false);
  }

  /**
   * Makes the buckets again that the touched bars are in, and those beside them. All leaves are standing. Resolves to
   * what came of each target, in their order.
   */
  async derive(work: Derive): Promise<Derived[]> {
    const { base, targets } = work;
    await this.meet([base, ...targets.flatMap(({ others }) => others)].map(({ seriesId }) => seriesId));
    if (!this.#planned) {
      await this.#client.query(BY_KEY);
      this.#planned = true;
    }
    const makings: Making[] = [];
    for (const one of targets) makings.push(await this.#begin(work, one));
    const all = merge(makings.flatMap(({ buckets }) => buckets));
    if (all.length > 0) {
      const rewriter = new Rewriter(this.#client, this.#memory, { ...this.#settings, toTheEnd: false });
      try {
        for (const range of all) await this.#make(work, range, makings, rewriter);
        await rewriter.finish();
      } catch (error) {
        await rewriter.abort();
        throw error;
      }
    }
    for (const one of makings) {
      if (work.claims && one.buckets.length > 0) await this.#claim(one);
      await this.#leaveState(work, one);
    }
    return makings;
  }

  async #begin({ base, claims }: Derive, one: DeriveTarget): Promise<Making> {
    const grid = bucketGrid(one.target.intervalS, this.#settings.sessionZone);
    const owners = await this.#ownersOf(base, one.target);
    const buckets = (await this.#bucketsOf(base, one.touched, grid)).filter(
      (range) => claims || meetsAny(owners.own, range),
    );
    const bucket = new Float64Array(BUCKET_LENGTH);
    const settled: Settled = { vendors: [], taken: [] };
    const begun = { at: -1, madeToUs: 0, takenUs: Number.NEGATIVE_INFINITY, written: 0, gone: 0 };
    return { ...one, base, grid, owners, buckets, settled, bucket, ...begun };
  }

  /** Series that longer bars will be made of: it is asked at once which of their bars are made themselves. */
  async meet(seriesIds: readonly number[]): Promise<void> {
    const unknown = seriesIds.filter((id) => !this.#madeIn.has(id));
    if (unknown.length === 0) return;
    const found = Map.groupBy(await readDerivations(this.#client, unknown), (one) => one.seriesId);
    for (const id of unknown) this.#madeIn.set(id, merge(found.get(id) ?? []));
  }

  async #splitsOf({ seriesId, intervalS }: RollupSeries): Promise<Splits> {
    let splits = this.#splits.get(seriesId);
    if (splits === undefined) {
      splits = splitsOf(
        await readSeriesSplits(this.#client, seriesId),
        intervalS * 1e6,
        this.#settings.session,
      );
      this.#splits.set(seriesId, splits);
    }
    return splits;
  }

  // ── where ──────────────────────────────────────────────────────────────────────────────────────────────────────

  async #ownersOf(base: RollupSeries, target: RollupSeries): Promise<Owners> {
    const all = await readDerivations(this.#client, [target.seriesId]);
    const by = (which: (fromIntervalS: number) => boolean): Map<number, Range[]> =>
      new Map(
        [
          ...Map.groupBy(
            all.filter((one) => one.fromSeriesId !== base.seriesId && which(one.fromIntervalS)),
            (one) => one.fromSeriesId,
          ),
        ].map(([id, ranges]) => [id, merge(ranges)]),
      );
    const longer = by((intervalS) => intervalS > base.intervalS);
    const shorter = by((intervalS) => intervalS < base.intervalS);
    return {
      own: merge(all.filter((one) => one.fromSeriesId === base.seriesId)),
      longer,
      shorter,
      allLonger: merge([...longer.values()].flat()),
      allShorter: merge([...shorter.values()].flat()),
    };
  }

  /** The buckets of what was touched, and of the bars before and behind it: what is known beside a bar makes it whole. */
  async #bucketsOf(base: RollupSeries, touched: readonly Range[], grid: BucketGrid): Promise<Range[]> {
    const { rows } = await this.#client.query<{ before: number | null; behind: number | null }>(
      `SELECT ${usOf(`(SELECT ts FROM backhaul.bars b WHERE b.series_id = $1 AND b.ts < ${stampOf('u.from_us')}
                 ORDER BY ts DESC LIMIT 1)`)} AS before,
         ${usOf(`(SELECT ts FROM backhaul.bars b WHERE b.series_id = $1 AND b.ts >= ${stampOf('u.to_us')}
                 ORDER BY ts LIMIT 1)`)} AS behind
       FROM unnest($2::bigint[], $3::bigint[]) AS u (from_us, to_us)`,
      [base.seriesId, touched.map(({ fromUs }) => fromUs), touched.map(({ toUs }) => toUs)],
    );
    const stamps = rows.flatMap(({ before, behind }) =>
      [before, behind].filter((one) => one !== null).map((us) => ({ fromUs: us, toUs: us + 1 })),
    );
    return merge(
      [...touched, ...stamps].map(({ fromUs, toUs }) => ({
        fromUs: grid.floor(fromUs),
        toUs: grid.endOf(grid.floor(toUs - 1)),
      })),
    );
  }

  // ── what ───────────────────────────────────────────────────────────────────────────────────────────────────────

  /** The buckets that are in a range, some bars of it at a time. */
  async #make(
    { base, known: more }: Derive,
    range: Range,
    makings: readonly Making[],
    rewriter: Rewriter,
  ): Promise<void> {
    const known = await knownStretches(this.#client, base.seriesId, range, this.#days, more);
    const splits = await this.#splitsOf(base);
    const cols = this.#read;
    let readTo = range.fromUs;
    for (;;) {
      let length = 0;
      await readRanges(
        this.#client,
        this.#ownRanges(base.seriesId, { fromUs: readTo, toUs: range.toUs }),
        'prices',
        cols.capacity,
        cols,
        // As many as there is room for: this comes once at most, and they stay where they are.
        (some) => {
          length = some.length;
        },
        await isDistributed(this.#client),
      );
      const isLast = length < cols.capacity;
      readTo = isLast ? range.toUs : cols.ts[length - 1]! + 1;
      for (const one of makings) await this.#pass(one, length, readTo, splits, known, rewriter);
      if (isLast) return;
    }
  }

  /** The shorter bars at hand, all there are before `readToUs` and behind those that came before them. */
  async #pass(
    one: Making,
    length: number,
    readToUs: number,
    splits: Splits,
    known: readonly Range[],
    rewriter: Rewriter,
  ): Promise<void> {
    const { buckets, bucket, grid } = one;
    const cols = this.#read;
    const made = this.#made;
    const all = Number.NEGATIVE_INFINITY;
    for (;;) {
      if (one.at < 0 || one.madeToUs === buckets[one.at]!.toUs) {
        const next = buckets[one.at + 1];
        if (next === undefined || next.fromUs >= readToUs) return;
        one.at++;
        one.madeToUs = next.fromUs;
        one.takenUs = Number.NEGATIVE_INFINITY;
        clearBucket(bucket, 0);
      }
      const range = buckets[one.at]!;
      const from = firstFrom(cols.ts, length, range.fromUs);
      const to = firstFrom(cols.ts, length, range.toUs);
      made.length = 0;
      aggregateThrough(splits, one.takenUs, grid, bucket, 0, all, cols, from, to, made, 0);
      if (to > from) one.takenUs = cols.ts[to - 1]!;
      const isEnd = range.toUs <= readToUs;
      if (isEnd) settle(splits, one.takenUs, bucket, 0, all, Number.POSITIVE_INFINITY, made, 0);
      else if (!isOpen(bucket, 0)) return;
      const until = isEnd ? range.toUs : bucket[START]!;
      if (until > one.madeToUs) await this.#put(one, { fromUs: one.madeToUs, toUs: until }, known, rewriter);
      one.madeToUs = until;
      if (!isEnd) return;
    }
  }

  /** The parts of a range of a series in which files brought its bars. */
  #ownRanges(seriesId: number, range: Range): BarRange[] {
    return subtract([range], this.#madeIn.get(seriesId)!).map(({ fromUs, toUs }) => ({
      seriesId,
      afterUs: fromUs - 1,
      toUs: toUs - 1,
    }));
  }

  /** Holds what was made of a range against what stands there, and writes the difference. */
  async #put(one: Making, range: Range, known: readonly Range[], rewriter: Rewriter): Promise<void> {
    const { target, grid, owners, settled } = one;
    const made = this.#made;
    const fresh: number[] = [];
    const gone: number[] = [];
    let next = 0;
    const isWhole = (row: number): boolean => {
      const toUs = grid.endOf(made.ts[row]!);
      return known.some((some) => some.fromUs <= made.ts[row]! && some.toUs >= toUs);
    };
    const put = (row: number): void => {
      if (!isWhole(row)) return;
      take(made.ts[row]!);
      fresh.push(row);
    };
    const take = (startUs: number): void => {
      if (holds(owners.allLonger, startUs) || holds(owners.allShorter, startUs))
        extend(settled.taken, startUs, grid.endOf(startUs));
    };
    const ranges = [{ seriesId: target.seriesId, afterUs: range.fromUs - 1, toUs: range.toUs - 1 }];
    await readRanges(
      this.#client,
      ranges,
      'prices',
      Number.POSITIVE_INFINITY,
      this.#memory.standing,
      (cols) => {
        for (let i = 0; i < cols.length; i++) {
          const ts = cols.ts[i]!;
          while (next < made.length && made.ts[next]! < ts) put(next++);
          const row = next < made.length && made.ts[next] === ts ? next++ : null;
          if (holds(owners.allShorter, ts)) continue;
          const isOurs = holds(owners.own, ts);
          const isLonger = holds(owners.allLonger, ts);
          if (!isOurs && !isLonger) {
            extend(settled.vendors, ts, grid.endOf(ts));
            continue;
          }
          if (row !== null && isWhole(row)) {
            take(ts);
            if (!isSame(made, row, cols, i)) fresh.push(row);
          } else if (isOurs) gone.push(ts);
        }
      },
      await isDistributed(this.#client),
    );
    while (next < made.length) put(next++);
    await this.#remove(target.seriesId, gone);
    const stamps = new Set(fresh.map((row) => monthLeaf(made.ts[row]!).fromUs));
    if (stamps.size > 0) await this.#settings.leavesFor([...stamps]);
    if (fresh.length === 0 && gone.length === 0) return;
    const firstUs = fresh.length > 0 ? made.ts[fresh[0]!]! : Number.POSITIVE_INFINITY;
    const changed = {
      seriesId: target.seriesId,
      intervalUs: target.intervalS * 1e6,
      fromUs: Math.min(firstUs, gone[0] ?? Number.POSITIVE_INFINITY),
      goneUntilUs: gone.at(-1) ?? Number.NEGATIVE_INFINITY,
      rows: Int32Array.from(fresh),
    };
    one.written += fresh.length;
    one.gone += gone.length;
    // The others go on behind their rows.
    await rewriter.rewrite(made, [changed], 'all');
  }

  /** Stamps go as text: on a cluster a DELETE may reckon with no column. */
  async #remove(seriesId: number, stamps: readonly number[]): Promise<void> {
    if (stamps.length === 0) return;
    const texts = stamps.map(stampLiteral);
    await this.#client.query(
      `DELETE FROM backhaul.bars b USING unnest($2::timestamptz[]) AS u (ts)
       WHERE b.series_id = $1 AND b.ts = u.ts AND b.ts >= $3::timestamptz AND b.ts <= $4::timestamptz`,
      [seriesId, texts, texts[0], texts.at(-1)],
    );
  }

  // ── on record ──────────────────────────────────────────────────────────────────────────────────────────────────

  async #claim({ base, target, buckets, owners, settled }: Making): Promise<void> {
    const vendors = merge(settled.vendors);
    const taken = merge(settled.taken);
    const others = [...owners.longer, ...owners.shorter].map(
      ([id, ranges]) => [id, subtract(ranges, taken)] as const,
    );
    const foreign = merge([...vendors, ...others.flatMap(([, ranges]) => ranges)]);
    // What was ours outside the buckets stays ours.
    const outside = subtract(owners.own, [...buckets]);
    const inside = subtract([...buckets], foreign);
    await replaceDerivations(this.#client, target.seriesId, [
      ...merge([...outside, ...inside]).map((one) => ({ ...one, fromSeriesId: base.seriesId })),
      ...others.flatMap(([fromSeriesId, ranges]) => ranges.map((one) => ({ ...one, fromSeriesId }))),
    ]);
  }

  /** What the next file goes on from: the bucket that the bars below end in, of those that reach furthest. */
  async #leaveState({ base, known: more }: Derive, { target, others, grid }: Making): Promise<void> {
    let [last, from] = [await this.#lastOf(base), base];
    for (const other of others) {
      const its = await this.#lastOf(other);
      if (its > last || (its === last && other.intervalS < from.intervalS)) [last, from] = [its, other];
    }
    if (last === Number.NEGATIVE_INFINITY) {
      await replaceRollupStates(this.#client, [target.seriesId], [], 0);
      return;
    }
    const bucket = this.#bucket;
    clearBucket(bucket, 0);
    const startUs = grid.floor(last);
    const range = { fromUs: startUs, toUs: last + 1 };
    const mine = from === base ? more : [];
    const known = await knownStretches(this.#client, from.seriesId, range, this.#days, mine);
    const own = known.find((one) => one.fromUs <= last && one.toUs > last) ?? range;
    if (grid.endOf(startUs) > own.toUs) {
      const wanted = this.#ownRanges(from.seriesId, range);
      const splits = await this.#splitsOf(from);
      let takenUs = Number.NEGATIVE_INFINITY;
      await readRanges(
        this.#client,
        wanted,
        'prices',
        Number.POSITIVE_INFINITY,
        this.#memory.standing,
        (cols) => {
          const all = Number.NEGATIVE_INFINITY;
          aggregateThrough(splits, takenUs, grid, bucket, 0, all, cols, 0, cols.length, this.#made, 0);
          takenUs = cols.ts[cols.length - 1]!;
        },
        await isDistributed(this.#client),
      );
    }
    await replaceRollupStates(
      this.#client,
      [target.seriesId],
      [
        {
          seriesId: target.seriesId,
          fromSeriesId: from.seriesId,
          atUs: last,
          knownFromUs: own.fromUs,
          knownToUs: own.toUs,
          ...barSoFar(bucket, 0),
        },
      ],
      1,
    );
  }

  /** The last bar of a series that a file brought; -Infinity: there is none. */
  async #lastOf({ seriesId }: RollupSeries): Promise<number> {
    const ever = { fromUs: Number.NEGATIVE_INFINITY, toUs: Number.POSITIVE_INFINITY };
    for (const { afterUs, toUs } of this.#ownRanges(seriesId, ever).reverse()) {
      const { rows } = await this.#client.query<{ last: number }>(
        `SELECT ${usOf('ts')} AS last FROM backhaul.bars WHERE series_id = $1
           AND ts > $2::timestamptz AND ts <= $3::timestamptz ORDER BY ts DESC LIMIT 1`,
        [seriesId, stampLiteral(afterUs), stampLiteral(toUs)],
      );
      if (rows.length > 0) return rows[0]!.last;
    }
    return Number.NEGATIVE_INFINITY;
  }
}

/** The first of `length` ascending instants that is not before one; `length`: there is none. */
function firstFrom(ts: Float64Array, length: number, us: number): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (ts[middle]! < us) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** One more bucket behind those of a list. */
function extend(list: Stretch[], fromUs: number, toUs: number): void {
  const last = list.at(-1);
  if (last?.toUs === fromUs) last.toUs = toUs;
  else list.push({ fromUs, toUs });
}

const PRICES = ['open', 'high', 'low', 'close', 'volume', 'trades'] as const;

/** Whether two bars are the same, to the bit; NULL is equal to NULL. */
function isSame(a: BarColumns, i: number, b: BarColumns, j: number): boolean {
  return PRICES.every((name) => Object.is(a[name][i], b[name][j]));
}
