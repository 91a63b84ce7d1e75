/**
 * Longer bars made again where shorter ones have changed, and nowhere else: from the bars that stand, bucket by bucket,
 * in the order of time, in the caller's transaction.
 *
 * A bucket that is whole goes into the longer series unless a bar of the vendor's own stands there, or one that was made
 * of still shorter bars; what follows gets its indicators by the `Rewriter`. One that is not whole (any more) goes.
 */

import type { ClientBase } from 'pg';
import { BarColumns } from '../bars/columns.ts';
import { holds, meetsAny, merge, type Range, subtract } from '../base/ranges.ts';
import {
  aggregateThrough,
  BUCKET_LENGTH,
  barSoFar,
  clearBucket,
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

/** Shorter bars read at a time. */
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

/** What is to be made again. */
export interface Derive {
  readonly base: RollupSeries;
  readonly target: RollupSeries;
  /** Further series whose bars make the target's, by what is on record. */
  readonly others: readonly RollupSeries[];
  /** Where bars of the base have changed, µs since 1970. */
  readonly touched: readonly Range[];
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

export class Deriver {
  readonly #client: ClientBase;
  readonly #memory: MergeMemory;
  readonly #settings: DeriveSettings;
  readonly #days: BucketGrid;
  readonly #made = new BarColumns(READ_ROWS + 1, false);
  readonly #bucket = new Float64Array(BUCKET_LENGTH);
  /** Of the shorter bars, by series. */
  readonly #splits = new Map<number, Splits>();
  #planned = false;
  /** Of series that longer bars are made of, the stretches that are made themselves: no file brought those. */
  readonly #madeIn = new Map<number, Range[]>();
  /** Longer bars that were written, and those that went. */
  written = 0;
  gone = 0;

  constructor(client: ClientBase, memory: MergeMemory, settings: DeriveSettings) {
    this.#client = client;
    this.#memory = memory;
    this.#settings = settings;
    this.#days = dayGrid(settings.sessionZone);
  }

  /** Makes the buckets again that the touched bars are in, and those beside them. All leaves are standing. */
  async derive(work: Derive): Promise<void> {
    const { base, target, others } = work;
    await this.meet([base, ...others].map(({ seriesId }) => seriesId));
    if (!this.#planned) {
      await this.#client.query(BY_KEY);
      this.#planned = true;
    }
    const grid = bucketGrid(target.intervalS, this.#settings.sessionZone);
    const owners = await this.#ownersOf(work);
    const buckets = (await this.#bucketsOf(work, grid)).filter(
      (one) => work.claims || meetsAny(owners.own, one),
    );
    if (buckets.length > 0) {
      const settled: Settled = { vendors: [], taken: [] };
      const rewriter = new Rewriter(this.#client, this.#memory, { ...this.#settings, toTheEnd: false });
      try {
        for (const one of buckets) await this.#make(work, grid, one, owners, settled, rewriter);
        await rewriter.finish();
      } catch (error) {
        await rewriter.abort();
        throw error;
      }
      if (work.claims) await this.#claim(work, buckets, owners, settled);
    }
    await this.#leaveState(work, grid);
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

  async #ownersOf({ base, target }: Derive): Promise<Owners> {
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
  async #bucketsOf({ base, touched }: Derive, grid: BucketGrid): Promise<Range[]> {
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

  /** The buckets of a range, some bars of it at a time. */
  async #make(
    work: Derive,
    grid: BucketGrid,
    range: Range,
    owners: Owners,
    settled: Settled,
    rewriter: Rewriter,
  ): Promise<void> {
    const { base } = work;
    const known = await knownStretches(this.#client, base.seriesId, range, this.#days, work.known);
    const made = this.#made;
    const bucket = this.#bucket;
    clearBucket(bucket, 0);
    made.length = 0;
    let readTo = range.fromUs;
    let madeTo = range.fromUs;
    let takenUs = Number.NEGATIVE_INFINITY;
    const splits = await this.#splitsOf(base);
    for (;;) {
      const wanted = this.#ownRanges(base.seriesId, { fromUs: readTo, toUs: range.toUs });
      let lastUs = readTo;
      const rows = await readRanges(
        this.#client,
        wanted,
        'prices',
        READ_ROWS,
        this.#memory.standing,
        (cols) => {
          const all = Number.NEGATIVE_INFINITY;
          aggregateThrough(splits, takenUs, grid, bucket, 0, all, cols, 0, cols.length, made, 0);
          takenUs = cols.ts[cols.length - 1]!;
          lastUs = takenUs;
        },
        await isDistributed(this.#client),
      );
      const isLast = rows < READ_ROWS;
      if (isLast)
        settle(splits, takenUs, bucket, 0, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY, made, 0);
      readTo = lastUs + 1;
      const until = isLast ? range.toUs : bucket[START]!;
      await this.#put(work, grid, { fromUs: madeTo, toUs: until }, known, owners, settled, rewriter);
      made.length = 0;
      madeTo = until;
      if (isLast) return;
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
  async #put(
    { target }: Derive,
    grid: BucketGrid,
    range: Range,
    known: readonly Range[],
    owners: Owners,
    settled: Settled,
    rewriter: Rewriter,
  ): Promise<void> {
    const made = this.#made;
    const fresh: number[] = [];
    const gone: number[] = [];
    let next = 0;
    const isWhole = (row: number): boolean => {
      const toUs = grid.endOf(made.ts[row]!);
      return known.some((one) => one.fromUs <= made.ts[row]! && one.toUs >= toUs);
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
    this.written += fresh.length;
    this.gone += gone.length;
    await rewriter.rewrite(made, [changed], 'last');
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

  async #claim(
    { base, target }: Derive,
    buckets: readonly Range[],
    owners: Owners,
    settled: Settled,
  ): Promise<void> {
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
  async #leaveState({ base, target, others, known: more }: Derive, grid: BucketGrid): Promise<void> {
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
