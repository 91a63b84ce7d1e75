/** Longer bars from shorter ones that stand. µs since 1970. */

import type { Pool } from 'pg';
import { INDICATOR_NAMES } from '../bars/columns.ts';
import { killPoint } from '../base/kill_points.ts';
import { interval as intervalText } from '../base/quantities.ts';
import { intersect, merge, type Range, subtract } from '../base/ranges.ts';
import { bucketGrid } from '../buckets/bucket_grid.ts';
import { makes } from '../buckets/rollup_rule.ts';
import { inTransaction } from '../database/connect.ts';
import { stampOf } from '../database/stamps.ts';
import { BackhaulError } from '../faults/fault.ts';
import { SessionClock } from '../indicators/engine.ts';
import { type MergeMemory, mergeMemory } from '../merge/merge_memory.ts';
import { Deriver, type RollupSeries } from '../rollups/derive.ts';
import { Partitions } from '../state/leaves/partitions.ts';
import { CLAIM_LOCK } from '../state/moves.ts';
import { isHypertable } from '../state/schema/migrate.ts';
import { readDerivations } from '../state/series/derivations.ts';
import {
  basesOf,
  caughtUp,
  lockRollups,
  notedRollups,
  noteMade,
  noteOtherBases,
  type Rollup,
} from '../state/series/rollups.ts';
import { findOrMakeSeries } from '../state/series/series_ids.ts';
import { sharedLaneOf } from '../state/series/series_name.ts';
import { isAtWork } from '../state/tasks/lane_standing.ts';
import { readCoverage } from './coverage.ts';
import { ALL_SERIES, readSeries, type Series, type SeriesFilter } from './series.ts';

export interface RollupOptions {
  readonly filter: SeriesFilter;
  /** Of the longer bars, s. */
  readonly rollups: readonly number[];
  readonly fromUs: number | null;
  readonly toUs: number | null;
  readonly dryRun: boolean;
  readonly signal: AbortSignal;
  /** A series to be made, with how many shorter bars' time there is to look at. */
  readonly onPlan: (work: RollupWork) => void;
  /** Some more of a series was looked at: its share that is done, and bars written so far. */
  readonly onProgress: (work: RollupWork, share: number, written: number) => void;
  readonly onSeries: (work: RollupWork, written: number) => void;
}

/** A longer series, and the shorter one it is made of. */
export interface RollupWork {
  readonly base: Series;
  readonly rollupS: number;
  /** What has not been made yet. */
  readonly todo: readonly Range[];
}

export interface RollupSummary {
  readonly type: 'rollup';
  /** Longer series looked at, and of them those that had nothing left to make. */
  readonly series: number;
  readonly upToDate: number;
  readonly bars: number;
  readonly dryRun: boolean;
  readonly interrupted: boolean;
}

/** Shorter bars looked at in a transaction, as many as there can be: so long do claims wait. */
const SLICE_BARS = 250_000;

/**
 * Makes longer bars, a stretch of a series in a transaction, and has loads go on with them. What was made already is
 * not looked at again, so that the same command goes on where it was stopped.
 * @throws BackhaulError: those of the filter, `usage` for bars that no series can make, `database` while a load is at
 * work on one of them
 */
export async function rollUp(db: Pool, options: RollupOptions): Promise<RollupSummary> {
  const works = await plan(db, options);
  for (const work of works) options.onPlan(work);
  const open = works.filter(({ todo }) => todo.length > 0);
  const summary = {
    type: 'rollup' as const,
    series: works.length,
    upToDate: works.length - open.length,
    dryRun: options.dryRun,
  };
  if (options.dryRun || open.length === 0) return { ...summary, bars: 0, interrupted: false };
  await noteMade(db, await rollupsOf(db, open, options.filter));
  const { bars, isWhole } = await makeAll(db, open, options);
  return { ...summary, bars, interrupted: !isWhole };
}

/**
 * What loads have left to make: longer bars of what stood when they were asked for, and of bars that came later to a
 * market of which they were asked for. Nothing but a look where there is none of it. Resolves to the bars written.
 * @throws BackhaulError `database` while a load is at work on one of the series
 */
export async function makeWhatIsBehind(
  db: Pool,
  options: Pick<MakeOptions, 'signal' | 'onProgress'>,
): Promise<number> {
  await noteOtherBases(db, makes);
  const noted = await notedRollups(db);
  const behind = noted.filter((one) => one.behind);
  if (behind.length === 0) return 0;
  const isOf = keysOf(behind);
  const all = await withFiles(db, await readSeries(db, ALL_SERIES));
  const works: RollupWork[] = [];
  for (const rollupS of new Set(behind.map((one) => one.rollupS))) {
    const some = await worksOf(db, marketsOf(all), rollupS, {
      range: { fromUs: Number.NEGATIVE_INFINITY, toUs: Number.POSITIVE_INFINITY },
      wants: (base) => isOf(base, rollupS),
      isKnown: () => false,
    });
    works.push(...some.filter(({ todo }) => todo.length > 0));
  }
  const { bars, isWhole } =
    works.length === 0
      ? { bars: 0, isWhole: true }
      : await makeAll(db, works, { ...options, onSeries: () => {} });
  if (isWhole) await caughtUp(db, behind);
  return bars;
}

/** How the stretches of works are made. */
export type MakeOptions = Pick<RollupOptions, 'signal' | 'onProgress' | 'onSeries'>;

/** Makes what is to be made of each: the bars written, and whether it came to the end of it. */
export async function makeAll(
  db: Pool,
  open: readonly RollupWork[],
  options: MakeOptions,
): Promise<{ readonly bars: number; readonly isWhole: boolean }> {
  const hypertable = await isHypertable(db);
  const partitions = new Partitions(db, hypertable);
  // Bars are found by their key, and written through it.
  await partitions.promoteAll(1, () => {}, true);
  const { facts } = await readCoverage(
    db,
    open.map(({ base }) => base),
  );
  const memory = mergeMemory();
  // A read of a base serves all that is made of it; the shortest come first, so that others add what those leave.
  const ofBases = [...Map.groupBy(open, ({ base }) => base.seriesId).values()].toSorted(
    (a, b) => a[0]!.base.intervalS - b[0]!.base.intervalS,
  );
  let bars = 0;
  for (const works of ofBases) {
    const { base } = works[0]!;
    const { sessionZone } = facts.get(base.seriesId)!;
    const written = await make(db, base, works, { memory, hypertable, sessionZone, partitions, options });
    for (const some of written) bars += some;
    if (options.signal.aborted) return { bars, isWhole: false };
    for (const [i, work] of works.entries()) options.onSeries(work, written[i]!);
  }
  return { bars, isWhole: true };
}

/** What there is to make, of all bars of each market that fill the longer ones. */
async function plan(db: Pool, { filter, rollups, fromUs, toUs }: RollupOptions): Promise<RollupWork[]> {
  const all = (await readSeries(db, filter)).filter((one) => one.lastUs !== null);
  const markets = marketsOf(await withFiles(db, all));
  const noted = keysOf((await notedRollups(db)).filter(({ behind }) => !behind));
  const works: RollupWork[] = [];
  for (const rollupS of rollups) {
    const some = await worksOf(db, markets, rollupS, {
      range: { fromUs: fromUs ?? Number.NEGATIVE_INFINITY, toUs: toUs ?? Number.POSITIVE_INFINITY },
      wants: () => true,
      isKnown: (base) => noted(base, rollupS),
    });
    if (some.length === 0) refuse(rollupS, all);
    works.push(...some);
  }
  return works;
}

function marketsOf(series: readonly Series[]): Series[][] {
  return [...Map.groupBy(series, ({ venue, symbol }) => `${venue}\n${symbol}`).values()];
}

/** Tells whether the rollups hold one of a series. */
function keysOf(rollups: readonly Rollup[]): (series: Series, rollupS: number) => boolean {
  const keys = new Set(rollups.map((one) => [one.venue, one.symbol, one.intervalS, one.rollupS].join('\n')));
  return ({ venue, symbol, intervalS }, rollupS) =>
    [symbol, null].some((name) => keys.has([venue, name, intervalS, rollupS].join('\n')));
}

/** Those of the series that files have brought bars of: others are made of those. */
export async function withFiles(db: Pool, series: readonly Series[]): Promise<Series[]> {
  const { rows } = await db.query<{ id: number }>(
    `SELECT id FROM unnest($1::int[]) AS u (id) WHERE EXISTS (SELECT FROM backhaul.coverage c WHERE c.series_id = id)`,
    [series.filter(({ lastUs }) => lastUs !== null).map(({ seriesId }) => seriesId)],
  );
  const ids = new Set(rows.map(({ id }) => id));
  return series.filter(({ seriesId }) => ids.has(seriesId));
}

interface Wish {
  readonly range: Range;
  readonly wants: (base: Series) => boolean;
  /** Loads go on with it, and what stood then was made: where shorter bars make some, it was seen that they do. */
  readonly isKnown: (base: Series) => boolean;
}

/** Bars of one length, made of all of a market's that fill them: the shortest first, so that others add what those leave. */
async function worksOf(
  db: Pool,
  markets: readonly Series[][],
  rollupS: number,
  { range, wants, isKnown }: Wish,
): Promise<RollupWork[]> {
  const fitting = markets
    .map((market) =>
      market
        .filter(({ intervalS }) => makes(intervalS, rollupS))
        .toSorted((a, b) => a.intervalS - b.intervalS),
    )
    .filter((market) => market.some(wants));
  const ids = fitting.flat().map(({ seriesId }) => seriesId);
  const made = Map.groupBy(await readDerivations(db, ids, 'from', rollupS), (one) => one.fromSeriesId);
  const works: RollupWork[] = [];
  for (const market of fitting)
    for (const [n, base] of market.entries()) {
      if (!wants(base)) continue;
      // Among those that others make, a longer base has bars of its own here and there: it is seen to once, as a whole.
      const by = n === 0 ? [base] : isKnown(base) ? market.slice(0, n + 1) : [];
      const done = merge(by.flatMap(({ seriesId }) => made.get(seriesId) ?? []));
      const within = {
        fromUs: Math.max(base.firstUs!, range.fromUs),
        toUs: Math.min(base.lastUs! + 1, range.toUs),
      };
      const all = within.fromUs < within.toUs ? subtract([within], done) : [];
      const others = market.filter((one) => one !== base).flatMap(({ seriesId }) => made.get(seriesId) ?? []);
      const left = isKnown(base) ? all.filter((one) => !isCutShort(base, rollupS, one, merge(others))) : all;
      const todo: Range[] = [];
      // Between stretches that are made there may be nothing: nights, or what no file has brought.
      for (const one of left) if (done.length === 0 || (await holdsBars(db, base, one))) todo.push(one);
      works.push({ base, rollupS, todo });
    }
  return works;
}

/**
 * Whether a stretch is a series' end, too short to fill a longer bar, that others fill: looked at once, it would be looked
 * at again by each such command.
 */
function isCutShort(base: Series, rollupS: number, one: Range, others: readonly Range[]): boolean {
  const endUs = base.lastUs! + base.intervalS * 1e6;
  if (one.toUs !== base.lastUs! + 1 || endUs - one.fromUs >= rollupS * 1e6) return false;
  return others.some(({ fromUs, toUs }) => fromUs <= one.fromUs && toUs >= one.toUs);
}

async function holdsBars(db: Pool, { seriesId }: Series, { fromUs, toUs }: Range): Promise<boolean> {
  const { rows } = await db.query<{ some: boolean }>({
    name: 'backhaul bars in a stretch',
    text: `SELECT EXISTS (SELECT FROM backhaul.bars WHERE series_id = $1
      AND ts >= ${stampOf('$2')} AND ts < ${stampOf('$3')}) AS some`,
    values: [seriesId, Math.floor(fromUs), Math.ceil(toUs)],
  });
  return rows[0]!.some;
}

function refuse(rollupS: number, all: readonly Series[]): never {
  const there = [...new Set(all.map(({ intervalS }) => intervalS))].sort((a, b) => a - b);
  throw new BackhaulError({
    kind: 'usage',
    message: `no bars that stand make ${intervalText(rollupS)} bars`,
    hint:
      there.length === 0
        ? 'nothing is loaded yet'
        : `there are ${there.map(intervalText).join(', ')}: shorter ones are needed, some of which fill a longer bar`,
  });
}

/** On record: for files of one market, or for all symbols of files that hold many, where all were meant. */
export async function rollupsOf(
  db: Pool,
  works: readonly RollupWork[],
  filter: SeriesFilter,
): Promise<Rollup[]> {
  const lanes = [...new Set(works.map(({ base }) => sharedLaneOf(base)))];
  const { rows } = await db.query<{ lane: string }>(
    `SELECT lane FROM unnest($1::text[]) AS l (lane)
     WHERE EXISTS (SELECT FROM backhaul.task t WHERE t.lane = l.lane COLLATE "C" AND t.lane_turn IS NOT NULL
       AND t.state = 'loaded')`,
    [lanes],
  );
  const shared = new Set(rows.map(({ lane }) => lane));
  const isAll = filter.symbols === null && filter.tierSymbols === null;
  return works.map(({ base: { venue, symbol, intervalS }, rollupS }) => ({
    venue,
    symbol: isAll && shared.has(sharedLaneOf({ venue, intervalS })) ? null : symbol,
    intervalS,
    rollupS,
  }));
}

interface Making {
  readonly memory: MergeMemory;
  readonly hypertable: boolean;
  readonly sessionZone: string;
  readonly partitions: Partitions;
  readonly options: MakeOptions;
}

/** Makes what is to be made of one base: the bars written for each work. */
async function make(
  db: Pool,
  base: Series,
  works: readonly RollupWork[],
  { memory, hypertable, sessionZone, partitions, options }: Making,
): Promise<number[]> {
  const targets: { readonly target: RollupSeries; readonly todo: readonly Range[] }[] = [];
  for (const { rollupS, todo } of works) {
    const name = { venue: base.venue, symbol: base.symbol, intervalS: rollupS };
    const found = await findOrMakeSeries(db, [name]);
    const seriesId = (found[0] ?? (await findOrMakeSeries(db, [name]))[0])!.id;
    targets.push({ target: { seriesId, intervalS: rollupS }, todo: merge(todo) });
  }
  const ids = targets.map(({ target }) => target.seriesId);
  const bases = new Map((await basesOf(db, ids)).map((one) => [one.seriesId, one.bases]));
  const intervals = [base, ...targets.map(({ target }) => target), ...[...bases.values()].flat()].map(
    ({ intervalS }) => intervalS,
  );
  const grid = bucketGrid(Math.max(...works.map(({ rollupS }) => rollupS)), sessionZone);
  const written = works.map(() => 0);
  for (const { fromUs, toUs } of merge(targets.flatMap(({ todo }) => todo))) {
    for (let at = fromUs; at < toUs; ) {
      if (options.signal.aborted) return written;
      // Whole buckets of the longest: what is made stays made. Where others do not end with it, they are looked at twice.
      const aim = grid.floor(at + SLICE_BARS * base.intervalS * 1e6);
      const until = Math.min(toUs, aim > at ? aim : grid.endOf(grid.floor(at)));
      const some = targets.flatMap(({ target, todo }, i) => {
        const touched = intersect(todo, [{ fromUs: at, toUs: until }]);
        const others = (bases.get(target.seriesId) ?? []).filter((one) => one.seriesId !== base.seriesId);
        return touched.length === 0 ? [] : [{ i, target, others, touched }];
      });
      const derived = await inTransaction(db, async (client) => {
        await client.query(`SELECT ${CLAIM_LOCK}`);
        await refuseWhileLoading(
          client,
          [...new Set(intervals)].map((intervalS) => ({ venue: base.venue, symbol: base.symbol, intervalS })),
        );
        await lockRollups(
          client,
          base,
          some.map(({ target }) => target.intervalS),
        );
        const deriver = new Deriver(client, memory, {
          session: SessionClock.zone(sessionZone),
          sessionZone,
          hypertable,
          asked: INDICATOR_NAMES.map(() => true),
          taskId: null,
          leavesFor: (stamps) => partitions.ensure(stamps, { standing: true }),
        });
        const all = await deriver.derive({ base, targets: some, known: [], claims: true });
        killPoint('rollup.written');
        return all;
      });
      killPoint('rollup.committed');
      at = until;
      for (const [n, { i }] of some.entries()) {
        written[i]! += derived[n]!.written;
        options.onProgress(works[i]!, shareBefore(targets[i]!.todo, at), written[i]!);
      }
    }
  }
  return written;
}

/** The share of some ranges that is before an instant. */
function shareBefore(ranges: readonly Range[], us: number): number {
  const lengthOf = (some: readonly Range[]): number =>
    some.reduce((sum, { fromUs, toUs }) => sum + toUs - fromUs, 0);
  return lengthOf(intersect(ranges, [{ fromUs: Number.NEGATIVE_INFINITY, toUs: us }])) / lengthOf(ranges);
}

async function refuseWhileLoading(
  client: Parameters<typeof isAtWork>[0],
  series: Parameters<typeof isAtWork>[1],
): Promise<void> {
  if (!(await isAtWork(client, series))) return;
  throw new BackhaulError({
    kind: 'database',
    message: 'A load is at work on these series.',
    hint: 'Wait for it to end; npx backhaul status shows it.',
  });
}
