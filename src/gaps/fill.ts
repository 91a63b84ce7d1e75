/** Fills gaps: finds what a source holds of them, loads that alone, and says what remains. µs since 1970. */

import type { Pool } from 'pg';
import { killPoint } from '../base/kill_points.ts';
import { intersect, merge } from '../base/ranges.ts';
import { connect, createPool, type Db } from '../database/connect.ts';
import { stampOf, usOf } from '../database/stamps.ts';
import { BackhaulError, type Fault } from '../faults/fault.ts';
import type { LoadOptions, LoadSummary } from '../load/load_events.ts';
import type { SelectTask } from '../producer/planning/found_task.ts';
import { readFormerNames } from '../series/former_names.ts';
import type { SeriesFilter } from '../series/series.ts';
import { isDistributed } from '../state/schema/distributed.ts';
import { endsOpen } from '../state/series/coverage_rows.ts';
import { laneOf, sharedLaneOf } from '../state/series/series_name.ts';
import { areLanesKnown, readWholeFiles } from '../state/tasks/loaded_files.ts';
import { endFilling, type Gap, type GapState, listGaps, lockFilling, startFilling } from './gap_store.ts';
import { recheck } from './recheck.ts';
import { checkRange } from './scan.ts';
import {
  GapSelection,
  placeKey,
  ruleOf,
  type SelectedTask,
  type WantedSeries,
  type WholeFiles,
} from './selection.ts';

/** Gaps that something is missing of. */
const FILLABLE_STATES: readonly GapState[] = ['detected', 'unfillable', 'failed'];
const OPEN_STATES: readonly GapState[] = [...FILLABLE_STATES, 'filling'];

/** Which gaps to fill; a range narrows what is filled of them. */
export interface FillFilter extends SeriesFilter {
  readonly fromUs: number | null;
  readonly toUs: number | null;
}

/** What became of the gaps. `candles` are bars expected, of which some may never have been traded. */
export interface FillSummary {
  readonly type: 'fill';
  /** Open gaps that reached into what was asked for, and bars missing in the whole of them. */
  readonly gaps: number;
  readonly candles: number;
  readonly filled: number;
  /** Gaps of which something was filled, and something is still missing. */
  readonly partly: number;
  readonly candlesFilled: number;
  readonly failed: number;
  /** Files (or requests) that were looked into. */
  readonly sources: number;
  /** Open gaps that reach into what was asked for. */
  readonly remaining: readonly Gap[];
  /** Of a fill from files. */
  readonly load: LoadSummary | null;
}

/** Carries out a fill of these gaps; resolves to how many sources it looked into, and why gaps failed. */
export interface FillAttempt {
  readonly sources: number;
  readonly failures: ReadonlyMap<number, Fault>;
  readonly load: LoadSummary | null;
}

/** Whatever brings bars for gaps whose missing ranges are told. */
export type GapFiller = (db: Pool, gaps: readonly Gap[]) => Promise<FillAttempt>;

/**
 * The frame of every fill: one at a time, gaps are looked at again before and after, and none is left `filling`.
 * `attempt` gets the gaps with their missing ranges narrowed to what was asked for.
 * @throws BackhaulError `database` where another program is filling; `usage` for an empty range; those of `attempt`
 */
export async function fillGaps(
  databaseUrl: string,
  filter: FillFilter,
  nowUs: number,
  attempt: GapFiller,
): Promise<FillSummary> {
  checkRange(filter.fromUs, filter.toUs, nowUs);
  const session = await connect(databaseUrl, { applicationName: 'backhaul gaps' });
  const db = createPool(databaseUrl, { applicationName: 'backhaul gaps', max: 4 });
  try {
    if (!(await lockFilling(session)))
      throw new BackhaulError({
        kind: 'database',
        message: 'Another program is filling gaps in this database.',
        hint: 'Wait for it to end, or stop it.',
      });
    await recheck(db, filter, nowUs);
    const gaps = await listGaps(db, { ...filter, states: OPEN_STATES });
    if (gaps.length === 0) return nothingOpen();
    return await fillThese(db, filter, nowUs, gaps, attempt);
  } finally {
    await db.end();
    await session.end();
  }
}

/** The gaps that {@link fillGaps} would be at, as they are on record; nothing is changed. */
export async function gapsToFill(databaseUrl: string, filter: FillFilter, nowUs: number): Promise<Gap[]> {
  checkRange(filter.fromUs, filter.toUs, nowUs);
  const db = createPool(databaseUrl, { applicationName: 'backhaul gaps', max: 1 });
  try {
    return narrowed(await listGaps(db, { ...filter, states: OPEN_STATES }), filter);
  } finally {
    await db.end();
  }
}

async function fillThese(
  db: Pool,
  filter: FillFilter,
  nowUs: number,
  gaps: readonly Gap[],
  attempt: GapFiller,
): Promise<FillSummary> {
  const ids = gaps.map((gap) => gap.gapId);
  let done: FillAttempt = { sources: 0, failures: new Map(), load: null };
  await startFilling(db, ids);
  killPoint('fill.begun');
  try {
    done = await attempt(db, narrowed(gaps, filter));
    killPoint('fill.done');
  } finally {
    await recheck(db, filter, nowUs);
    killPoint('fill.checked');
    await endFilling(db, ids, done.failures);
  }
  // What a gap was beyond the range asked for is still missing: sums count all of it.
  const open = await listGaps(db, { ...filter, states: FILLABLE_STATES, fromUs: null, toUs: null });
  const remaining = await listGaps(db, { ...filter, states: FILLABLE_STATES });
  const bySeries = Map.groupBy(open, (gap) => gap.seriesId);
  const missing = gaps.map((gap) => missingOf(gap, bySeries.get(gap.seriesId) ?? []));
  const candles = sumOf(gaps);
  return {
    type: 'fill',
    gaps: gaps.length,
    candles,
    filled: missing.filter((left) => left === 0).length,
    partly: gaps.filter((gap, i) => missing[i]! > 0 && missing[i]! < gap.candles).length,
    candlesFilled: candles - missing.reduce((sum, left) => sum + left, 0),
    failed: remaining.filter((gap) => gap.state === 'failed').length,
    sources: done.sources,
    remaining,
    load: done.load,
  };
}

function nothingOpen(): FillSummary {
  return {
    type: 'fill',
    gaps: 0,
    candles: 0,
    filled: 0,
    partly: 0,
    candlesFilled: 0,
    failed: 0,
    sources: 0,
    remaining: [],
    load: null,
  };
}

function sumOf(gaps: readonly Gap[]): number {
  return gaps.reduce((sum, gap) => sum + gap.candles, 0);
}

/** Bars that are still missing where a gap was: what is left of it may be several of its series' open gaps. */
function missingOf(gap: Gap, open: readonly Gap[]): number {
  return sumOf(open.filter((one) => one.fromUs < gap.toUs && one.toUs > gap.fromUs));
}

/** The gaps as far as they lie in the range asked for. */
function narrowed(gaps: readonly Gap[], { fromUs, toUs }: FillFilter): Gap[] {
  return gaps.map((gap) => ({
    ...gap,
    fromUs: Math.max(gap.fromUs, fromUs ?? Number.NEGATIVE_INFINITY),
    toUs: Math.min(gap.toUs, toUs ?? Number.POSITIVE_INFINITY),
  }));
}

/** Runs a load of what is selected; `runLoad` of the load engine with its reporter and signals. */
export type LoadSelected = (options: LoadOptions, select: SelectTask) => Promise<LoadSummary>;

/** More symbols than this are not named: a file of many would be stored with all of them. */
const MOST_SYMBOLS = 500;

/**
 * The symbols the listing is to look for, under the names they are stored by and those they had before. Null where nobody chose and files hold
 * many symbols: a day is then loaded whole, as a load would.
 */
async function symbolsToName(
  db: Db,
  gaps: readonly Gap[],
  series: readonly WantedSeries[],
  { symbols }: LoadOptions,
): Promise<string[] | null> {
  const names = [
    ...new Set(series.flatMap(({ symbol, former }) => [symbol, ...former.map((name) => name.symbol)])),
  ];
  if (symbols !== null) return names;
  const lanes = new Set(gaps.map((gap) => sharedLaneOf(gap)));
  return names.length > MOST_SYMBOLS || (await areLanesKnown(db, [...lanes])) ? null : names;
}

/**
 * Fills gaps from files: the attempt for {@link fillGaps}. Of the options' `symbols` it counts only whether there are
 * any, and what stands is kept whatever they say.
 */
export function fromFiles(options: LoadOptions, load: LoadSelected): GapFiller {
  return async (db, gaps) => {
    const series = await wantedSeries(db, gaps);
    const selection = new GapSelection(series, await wholeFiles(db, series));
    const missing = merge(gaps);
    const summary = await load(
      {
        ...options,
        // The listing leaves out what their names say cannot help.
        fromUs: missing[0]!.fromUs,
        toUs: missing.at(-1)!.toUs,
        symbols: await symbolsToName(db, gaps, series, options),
        intervals: [...new Set(gaps.map((gap) => gap.intervalS))],
        onConflict: 'keep',
      },
      selection.select,
    );
    return {
      sources: selection.selected.length,
      failures: failuresOf(gaps, series, selection.selected, summary),
      load: summary,
    };
  };
}

/**
 * Files of the gaps' own series that were loaded from end to end, with nothing set aside by a filter. Of 20,000 of them
 * that bring nothing each would else be read again, to find that out.
 */
async function wholeFiles(db: Db, series: readonly WantedSeries[]): Promise<WholeFiles> {
  const rows = await readWholeFiles(db, [...new Set(series.flatMap(lanesOf))]);
  return new Map(rows.map(({ uri, entry, etag, layout }) => [placeKey(uri, entry), ruleOf(etag, layout)]));
}

/** Where files of a series' own lie, under each of its names. */
function lanesOf(one: WantedSeries): string[] {
  return [laneOf(one), ...one.former.map(({ symbol }) => laneOf({ ...one, symbol }))];
}

/** A gap fails with the file that should have filled it. */
function failuresOf(
  gaps: readonly Gap[],
  series: readonly WantedSeries[],
  selected: readonly SelectedTask[],
  summary: LoadSummary,
): Map<number, Fault> {
  const failures = new Map<number, Fault>();
  const lanesBy = new Map(series.map((one) => [laneOf(one), [...lanesOf(one), sharedLaneOf(one)]]));
  for (const { uri, entry, fault } of summary.failures) {
    const task = selected.find((one) => one.uri === uri && one.entry === entry);
    if (task === undefined) continue;
    for (const gap of gaps) {
      if (lanesBy.get(laneOf(gap))!.includes(task.lane) && intersect([gap], [task.want]).length > 0) {
        failures.set(gap.gapId, {
          ...fault,
          where: { uri, ...(entry === null ? {} : { entry }), ...fault.where },
        });
      }
    }
  }
  return failures;
}

/** The last bar before each range of $2 to $3 of the series $1, and the first behind it. */
const NEIGHBOURS = `SELECT ${usOf('b.ts')} AS "beforeUs", ${usOf('a.ts')} AS "afterUs"
     FROM unnest($1::int[], $2::float8[], $3::float8[]) WITH ORDINALITY AS w (series_id, from_us, to_us, n)
     LEFT JOIN LATERAL (SELECT ts FROM backhaul.bars x WHERE x.series_id = w.series_id AND x.ts < ${stampOf('from_us')}
                        ORDER BY ts DESC LIMIT 1) b ON true
     LEFT JOIN LATERAL (SELECT ts FROM backhaul.bars x WHERE x.series_id = w.series_id AND x.ts >= ${stampOf('to_us')}
                        ORDER BY ts LIMIT 1) a ON true
     ORDER BY n`;

/** The same of a cluster, where nothing can be looked up series by series: each node reads the keys of its own. */
const NEIGHBOURS_ON_NODES = `SELECT ${usOf('f.before')} AS "beforeUs", ${usOf('f.after')} AS "afterUs"
  FROM unnest($1::int[]) WITH ORDINALITY AS o (series_id, n)
  LEFT JOIN (SELECT w.n, max(x.ts) FILTER (WHERE x.ts < ${stampOf('w.from_us')}) AS before,
               min(x.ts) FILTER (WHERE x.ts >= ${stampOf('w.to_us')}) AS after
             FROM unnest($1::int[], $2::float8[], $3::float8[]) WITH ORDINALITY AS w (series_id, from_us, to_us, n)
             JOIN backhaul.bars x ON x.series_id = w.series_id GROUP BY w.n) f USING (n)
  ORDER BY n`;

/** The gaps by series, with the bars that stand on either side of them. */
async function wantedSeries(db: Pool, gaps: readonly Gap[]): Promise<WantedSeries[]> {
  const bySeries = [...Map.groupBy(gaps, (gap) => gap.seriesId).values()];
  const missing = bySeries.map((some) => merge(some));
  const { rows } = await db.query<{ beforeUs: number | null; afterUs: number | null }>(
    (await isDistributed(db)) ? NEIGHBOURS_ON_NODES : NEIGHBOURS,
    [
      bySeries.map((some) => some[0]!.seriesId),
      missing.map((ranges) => ranges[0]!.fromUs),
      missing.map((ranges) => ranges.at(-1)!.toUs),
    ],
  );
  const open = await openEnds(db, gaps);
  const names = await readFormerNames(
    db,
    bySeries.map((some) => some[0]!.seriesId),
  );
  return bySeries.map((some, i) => {
    const { venue, symbol, intervalS, seriesId } = some[0]!;
    const { beforeUs, afterUs } = rows[i]!;
    const { former = [], ownFromUs = Number.NEGATIVE_INFINITY } = names.get(seriesId) ?? {};
    // Of the bar behind, its opening must lie in the range; how long it lasts does not matter.
    return {
      venue,
      symbol,
      intervalS,
      missing: missing[i]!,
      beforeUs,
      afterUs: afterUs === null ? null : afterUs + 1,
      openUs: some.flatMap(({ gapId, fromUs }) =>
        open.get(gapId) === fromUs ? [fromUs - intervalS * 1e6] : [],
      ),
      former: former.filter((name) => intersect(missing[i]!, [name]).length > 0),
      ownFromUs,
    };
  });
}

/** Starts of the gaps that begin right behind the last bar of a file: it may have been unfinished when that was cut. */
async function openEnds(db: Pool, gaps: readonly Gap[]): Promise<Map<number, number>> {
  const { rows } = await db.query<{ id: number; startUs: number }>(
    `SELECT gap_id AS id, ${usOf('start_ts')} AS "startUs" FROM backhaul.gap g
     WHERE gap_id = ANY ($1) AND ${endsOpen('g.series_id', 'g.start_ts')}`,
    [gaps.map((gap) => gap.gapId)],
  );
  return new Map(rows.map(({ id, startUs }) => [id, startUs]));
}
