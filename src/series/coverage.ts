/**
 * What loaded files vouch for, as ranges a series: where there is no bar inside, nobody traded; outside, nobody knows.
 *
 * Two sources, joined: `coverage`, which a load writes for each series that has bars in a file; and the tasks
 * themselves, where the file's range is known (from its name, or its zip's), for a file vouches for all of its range:
 * for a day without a trade, and a file of all symbols for every symbol of its venue.
 */

import { intersect, merge, type Range } from '../base/ranges.ts';
import { type BucketGrid, bucketGrid, dayGrid } from '../buckets/bucket_grid.ts';
import { type Joins, joined } from '../buckets/covered.ts';
import { joinsBy } from '../calendar/joined_files.ts';
import { calendarOf } from '../calendar/market_calendar.ts';
import type { Db } from '../database/connect.ts';
import type { PlannedTask } from '../producer/planning/found_task.ts';
import { type Covered, readCovered } from '../state/series/coverage_rows.ts';
import { readDerivations } from '../state/series/derivations.ts';
import { namesOf } from '../state/series/series_ids.ts';
import { laneOf, type SeriesName, sharedLaneOf } from '../state/series/series_name.ts';
import { type LoadedFile, readLoadedFiles } from '../state/tasks/loaded_files.ts';
import { type FormerName, readFormerNames } from './former_names.ts';
import type { Series, SeriesGrid } from './series.ts';

/** Series id → merged ranges. Series of one shared lane share one array. */
export interface Coverage {
  readonly ranges: ReadonlyMap<number, readonly Range[]>;
  readonly facts: ReadonlyMap<number, SeriesFacts>;
}

/** What the files of a series tell of it. */
export interface SeriesFacts extends SeriesGrid {
  /** Name of the file its latest bars came from; null where no task is on record. */
  readonly lastFile: string | null;
  /** What its files were called by before. */
  readonly former: readonly FormerName[];
}

/** The range a file is known to hold, whole, by what its plan and its name say. Null: only its bars tell. */
function fileRange(
  task: Pick<LoadedFile, 'uri' | 'layout' | 'sequence' | 'fileFromUs' | 'fileToUs'>,
  firstBarUs: number | null,
): Range | null {
  const { fileFromUs, fileToUs } = task;
  if (fileFromUs !== null && fileToUs !== null) return { fromUs: fileFromUs, toUs: fileToUs };
  if (task.layout !== 'kraken-ohlcvt') return null;
  const quarter = quarterOf(task.uri);
  if (quarter === null) return null;
  if (quarter.full) return firstBarUs === null ? null : { fromUs: firstBarUs, toUs: quarter.toUs };
  // Stray entries hold years of their own: they are not dated by their zip, and their sequence says so.
  return task.sequence === quarter.fromUs ? { fromUs: quarter.fromUs, toUs: quarter.toUs } : null;
}

/** What a task's name or plan says it holds; a full history from -Infinity on. */
export function plannedRange({ uri, layout, sequence, plan }: PlannedTask): Range | null {
  const { fileFromUs, fileToUs } = plan;
  return fileRange({ uri, layout, sequence, fileFromUs, fileToUs }, Number.NEGATIVE_INFINITY);
}

/** The quarter in the name of one of Kraken's zips; `full`: all history up to its end. */
function quarterOf(uri: string): (Range & { readonly full: boolean }) | null {
  const match = /Kraken_OHLCVT_(Full_)?(?:(\d{4})_?Q([1-4])|Q([1-4])_?(\d{4}))/.exec(uri);
  if (match === null) return null;
  const year = Number(match[2] ?? match[5]);
  const quarter = Number(match[3] ?? match[4]);
  return {
    fromUs: Date.UTC(year, 3 * quarter - 3, 1) * 1000,
    toUs: Date.UTC(year, 3 * quarter, 1) * 1000,
    full: match[1] !== undefined,
  };
}

/** What a loaded task vouches for: its file's range, as far as it was asked for. */
function vouched(task: LoadedFile): Range | null {
  const range = fileRange(task, task.firstUs);
  if (range === null) return null;
  return {
    fromUs: Math.max(range.fromUs, task.wantFromUs ?? Number.NEGATIVE_INFINITY),
    toUs: Math.min(range.toUs, task.wantToUs ?? Number.POSITIVE_INFINITY),
  };
}

/** By series. */
async function readRows(db: Db, ids: readonly number[]): Promise<Map<number, Covered[]>> {
  return Map.groupBy(await readCovered(db, ids), ({ seriesId }) => seriesId);
}

/** What the tasks of a shared lane say. */
interface SharedLane {
  /** For every symbol of the venue. */
  readonly all: Range[];
  /** For the symbols that were asked for. */
  readonly some: ReadonlyMap<string, Range[]>;
  /** Every file's range is known: the rows of `coverage` add nothing, and of 10,000 symbols they are many. */
  readonly complete: boolean;
}

function readSharedLane(tasks: readonly LoadedFile[]): SharedLane {
  const all: Range[] = [];
  const some = new Map<string, Range[]>();
  let complete = true;
  for (const task of tasks) {
    const range = vouched(task);
    if (range === null) {
      complete = false;
    } else if (task.wantSymbols === null) {
      all.push(range);
    } else {
      for (const symbol of new Set(Object.values(task.wantSymbols))) {
        const known = some.get(symbol);
        if (known === undefined) some.set(symbol, [range]);
        else known.push(range);
      }
    }
  }
  return { all: merge(all), some, complete };
}

const NO_TASKS: readonly LoadedFile[] = [];

function factsOf(series: SeriesName, tasks: readonly LoadedFile[]): Omit<SeriesFacts, 'former'> {
  let last: LoadedFile | undefined;
  for (const task of tasks) {
    if (last === undefined || (task.firstUs ?? 0) >= (last.firstUs ?? 0)) last = task;
  }
  if (last === undefined) return { ...defaultGrid(series), lastFile: null };
  const name = last.uri.slice(last.uri.lastIndexOf('/') + 1).replace(/[?#].*$/, '');
  return { grid: last.grid, sessionZone: last.sessionZone, lastFile: name };
}

/**
 * Coverage of each series, merged, and what else its files tell. Bars made of shorter ones are covered where those are:
 * their whole buckets.
 */
export async function readCoverage(db: Db, series: readonly Series[]): Promise<Coverage> {
  const own = await readOwnCoverage(db, series);
  const derived = await readDerivations(
    db,
    series.map((one) => one.seriesId),
  );
  if (derived.length === 0) return own;
  const bases = await namesOf(db, [...new Set(derived.map((one) => one.fromSeriesId))]);
  const below = await readOwnCoverage(db, bases);
  const ranges = new Map(own.ranges);
  const facts = new Map(own.facts);
  for (const [id, some] of Map.groupBy(derived, (one) => one.seriesId)) {
    const { rollupS } = some[0]!;
    const { sessionZone } = below.facts.get(some[0]!.fromSeriesId)!;
    const grid = bucketGrid(rollupS, sessionZone);
    const days = dayGrid(sessionZone);
    const { venue, calendar } = series.find((one) => one.seriesId === id)!;
    const joins = joinsBy(calendarOf(venue, calendar), days);
    const made = [...Map.groupBy(some, (one) => one.fromSeriesId)].flatMap(([base, stretches]) =>
      intersect(merge(stretches), wholeBuckets(below.ranges.get(base) ?? [], grid, days, joins)),
    );
    ranges.set(id, merge([...(own.ranges.get(id) ?? []), ...made]));
    const { lastFile, former } = facts.get(id)!;
    if (lastFile === null)
      facts.set(id, { grid: gridOfMade(rollupS, sessionZone), sessionZone, lastFile, former });
  }
  return { ranges, facts };
}

/** The zone whose days are the sessions of a series: as its latest file has it, or that of the bars it is made of. */
export async function sessionZoneOf(db: Db, seriesId: number): Promise<string> {
  const { rows } = await db.query<{ zone: string }>('SELECT backhaul.session_zone($1) AS zone', [seriesId]);
  return rows[0]!.zone;
}

/** The buckets of what is known of shorter bars: outward where files meet inside one, inward at the ends. */
function wholeBuckets(known: readonly Range[], grid: BucketGrid, days: BucketGrid, joins: Joins): Range[] {
  const inward = joined(known, joins).map(({ fromUs, toUs }) => {
    const first = days.floor(fromUs);
    const start = grid.floor(first);
    return { fromUs: start === first ? start : grid.endOf(start), toUs: grid.floor(toUs) };
  });
  const outward = known.map(({ fromUs, toUs }) => {
    const last = grid.floor(toUs);
    return { fromUs: grid.floor(fromUs), toUs: last === toUs ? toUs : grid.endOf(last) };
  });
  return intersect(merge(outward), merge(inward));
}

function gridOfMade(rollupS: number, sessionZone: string): SeriesGrid['grid'] {
  if (rollupS < 86_400) return 'epoch';
  if (rollupS === 86_400) return sessionZone === 'UTC' ? 'epoch' : 'zone-day';
  if (sessionZone !== 'UTC') return 'none';
  return rollupS === 604_800 ? 'week' : 'month';
}

async function readOwnCoverage(
  db: Db,
  series: readonly Pick<Series, 'seriesId' | 'venue' | 'symbol' | 'intervalS'>[],
): Promise<Coverage> {
  const lanes = new Set(series.flatMap((one) => [laneOf(one), sharedLaneOf(one)]));
  const byLane = Map.groupBy(await readLoadedFiles(db, [...lanes]), (task) => task.lane);
  const shared = new Map<string, SharedLane>();
  for (const one of series) {
    const lane = sharedLaneOf(one);
    if (!shared.has(lane)) shared.set(lane, readSharedLane(byLane.get(lane) ?? NO_TASKS));
  }
  const own = (one: SeriesName): readonly LoadedFile[] => byLane.get(laneOf(one)) ?? NO_TASKS;
  // What files of a name it had before vouch for is its own: as rows, and by the symbols that days of many were asked for.
  const names = await readFormerNames(
    db,
    series.map((one) => one.seriesId),
  );
  const needRows = series.filter((one) => {
    const lane = sharedLaneOf(one);
    return own(one).length > 0 || names.has(one.seriesId) || !byLane.has(lane) || !shared.get(lane)!.complete;
  });
  const rows = await readRows(
    db,
    needRows.map((one) => one.seriesId),
  );
  const ranges = new Map<number, readonly Range[]>();
  const facts = new Map<number, SeriesFacts>();
  for (const one of series) {
    const { all, some } = shared.get(sharedLaneOf(one))!;
    const more = [
      ...own(one)
        .map(vouched)
        .filter((range) => range !== null),
      ...(some.get(one.symbol) ?? []),
      ...(names.get(one.seriesId)?.former ?? [])
        .filter(({ isJoined }) => isJoined)
        .flatMap((name) => intersect(merge(some.get(name.symbol) ?? []), [name])),
      ...(rows.get(one.seriesId) ?? []),
    ];
    ranges.set(one.seriesId, more.length === 0 ? all : merge([...all, ...more]));
    const told = own(one).length > 0 ? own(one) : (byLane.get(sharedLaneOf(one))?.slice(-1) ?? NO_TASKS);
    facts.set(one.seriesId, { ...factsOf(one, told), former: names.get(one.seriesId)?.former ?? [] });
  }
  return { ranges, facts };
}

/** Of bars that came by no file we know: as most vendors lay them out. */
function defaultGrid({ intervalS }: SeriesName): SeriesGrid {
  const grid = intervalS === 604_800 ? 'week' : intervalS === 2_592_000 ? 'month' : 'epoch';
  return { grid: 86_400 % intervalS === 0 || grid !== 'epoch' ? grid : 'none', sessionZone: 'UTC' };
}
