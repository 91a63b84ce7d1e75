import { merge, type Range } from '../base/ranges.ts';
import type { Db } from '../database/connect.ts';
import { usOf } from '../database/stamps.ts';
import { laneOf, type Series, type SeriesGrid, sharedLaneOf } from './series.ts';

/**
 * What loaded files vouch for, as ranges a series: where there is no bar inside, nobody traded; outside, nobody knows.
 *
 * Two sources, joined: `coverage`, which a load writes for each series that has bars in a file; and the tasks
 * themselves, where the file's range is known (from its name, or its zip's), for a file vouches for all of its range:
 * for a day without a trade, and a file of all symbols for every symbol of its venue.
 */

/** Series id → merged ranges. Series of one shared lane share one array. */
export interface Coverage {
  readonly ranges: ReadonlyMap<number, readonly Range[]>;
  readonly facts: ReadonlyMap<number, SeriesFacts>;
}

/** What the files of a series tell of it. */
export interface SeriesFacts extends SeriesGrid {
  /** Name of the file its latest bars came from; null where no task is on record. */
  readonly lastFile: string | null;
}

interface TaskRow {
  readonly lane: string;
  readonly uri: string;
  readonly layout: string;
  readonly sequence: number | null;
  readonly fileFromUs: number | null;
  readonly fileToUs: number | null;
  readonly wantFromUs: number | null;
  readonly wantToUs: number | null;
  /** Name in the file → stored name; of shared lanes only. */
  readonly wantSymbols: Readonly<Record<string, string>> | null;
  readonly firstUs: number | null;
  readonly grid: SeriesGrid['grid'];
  readonly sessionZone: string;
}

/** The range a file is known to hold, whole, by what its plan and its name say. Null: only its bars tell. */
export function fileRange(
  task: Pick<TaskRow, 'uri' | 'layout' | 'sequence' | 'fileFromUs' | 'fileToUs'>,
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
function vouched(task: TaskRow): Range | null {
  const range = fileRange(task, task.firstUs);
  if (range === null) return null;
  return {
    fromUs: Math.max(range.fromUs, task.wantFromUs ?? Number.NEGATIVE_INFINITY),
    toUs: Math.min(range.toUs, task.wantToUs ?? Number.POSITIVE_INFINITY),
  };
}

/**
 * Of a task that is to be loaded again, what it was loaded as still stands. A file of one series without a record says
 * nothing: it may be an empty one among Kraken's older zips, or a series nobody traded, and nobody can tell.
 */
async function readTasks(db: Db, lanes: readonly string[]): Promise<TaskRow[]> {
  const { rows } = await db.query<TaskRow>(
    `SELECT lane, uri, layout, sequence::float8 AS sequence,
       (plan->>'fileFromUs')::float8 AS "fileFromUs", (plan->>'fileToUs')::float8 AS "fileToUs",
       (plan->>'wantFromUs')::float8 AS "wantFromUs", (plan->>'wantToUs')::float8 AS "wantToUs",
       CASE WHEN plan->>'symbol' IS NULL THEN nullif(plan->'wantSymbols', 'null') END AS "wantSymbols",
       ${usOf('first_ts')} AS "firstUs", plan->>'grid' AS grid, plan->>'sessionZone' AS "sessionZone"
     FROM (SELECT t.lane, t.uri, t.layout, t.sequence, t.first_ts, coalesce(t.replaces->'plan', t.plan) AS plan
           FROM backhaul.task t
           WHERE t.lane = ANY ($1) AND t.rows_loaded IS NOT NULL AND (t.state = 'loaded' OR t.replaces IS NOT NULL)
             AND (t.plan->>'symbol' IS NULL OR t.rows_read + coalesce(t.rows_outside, 0) > 0)) t`,
    [lanes],
  );
  return rows;
}

async function readRows(db: Db, ids: readonly number[]): Promise<Map<number, Range[]>> {
  const ranges = new Map<number, Range[]>();
  if (ids.length === 0) return ranges;
  const { rows } = await db.query<{ id: number; fromUs: number | null; toUs: number | null }>(
    `SELECT series_id AS id, ${usOf('lower(covered)')} AS "fromUs", ${usOf('upper(covered)')} AS "toUs"
     FROM backhaul.coverage WHERE series_id = ANY ($1) AND NOT isempty(covered)`,
    [ids],
  );
  for (const { id, fromUs, toUs } of rows) {
    const range = { fromUs: fromUs ?? Number.NEGATIVE_INFINITY, toUs: toUs ?? Number.POSITIVE_INFINITY };
    const known = ranges.get(id);
    if (known === undefined) ranges.set(id, [range]);
    else known.push(range);
  }
  return ranges;
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

function readSharedLane(tasks: readonly TaskRow[]): SharedLane {
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

const NO_TASKS: readonly TaskRow[] = [];

function factsOf(series: Series, tasks: readonly TaskRow[]): SeriesFacts {
  let last: TaskRow | undefined;
  for (const task of tasks) {
    if (last === undefined || (task.firstUs ?? 0) >= (last.firstUs ?? 0)) last = task;
  }
  if (last === undefined) return { ...defaultGrid(series), lastFile: null };
  const name = last.uri.slice(last.uri.lastIndexOf('/') + 1).replace(/[?#].*$/, '');
  return { grid: last.grid, sessionZone: last.sessionZone, lastFile: name };
}

/** Coverage of each series, merged, and what else its files tell. */
export async function readCoverage(db: Db, series: readonly Series[]): Promise<Coverage> {
  const lanes = new Set(series.flatMap((one) => [laneOf(one), sharedLaneOf(one)]));
  const byLane = Map.groupBy(await readTasks(db, [...lanes]), (task) => task.lane);
  const shared = new Map<string, SharedLane>();
  for (const one of series) {
    const lane = sharedLaneOf(one);
    if (!shared.has(lane)) shared.set(lane, readSharedLane(byLane.get(lane) ?? NO_TASKS));
  }
  const own = (one: Series): readonly TaskRow[] => byLane.get(laneOf(one)) ?? NO_TASKS;
  const needRows = series.filter((one) => {
    const lane = sharedLaneOf(one);
    return own(one).length > 0 || !byLane.has(lane) || !shared.get(lane)!.complete;
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
      ...(rows.get(one.seriesId) ?? []),
    ];
    ranges.set(one.seriesId, more.length === 0 ? all : merge([...all, ...more]));
    const told = own(one).length > 0 ? own(one) : (byLane.get(sharedLaneOf(one))?.slice(-1) ?? NO_TASKS);
    facts.set(one.seriesId, factsOf(one, told));
  }
  return { ranges, facts };
}

/** Of bars that came by no file we know: as most vendors lay them out. */
function defaultGrid({ intervalS }: Series): SeriesGrid {
  const grid = intervalS === 604_800 ? 'week' : intervalS === 2_592_000 ? 'month' : 'epoch';
  return { grid: 86_400 % intervalS === 0 || grid !== 'epoch' ? grid : 'none', sessionZone: 'UTC' };
}
