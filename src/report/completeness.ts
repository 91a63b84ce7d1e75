/** How complete the data is: expected against actual, by symbol and interval and by month. Reads only. µs since 1970. */

import type { Pool } from 'pg';
import { count, instant } from '../base/quantities.ts';
import { intersect, merge, type Range } from '../base/ranges.ts';
import type { Hole } from '../gaps/find_holes.ts';
import { reachOf } from '../gaps/find_holes.ts';
import { type SeriesScan, scanSeries, shareOf } from '../gaps/scan.ts';
import { type SuspiciousRun, SuspiciousRuns, stampsOf } from '../gaps/suspicious.ts';
import type { FormerName } from '../series/former_names.ts';
import { meant, type Series, type SeriesFilter, symbolsMeant } from '../series/series.ts';
import { eachStamp } from '../series/stamp_pass.ts';
import type { Tier } from '../series/tiers.ts';
import { countTasks } from '../state/runs/status.ts';
import { type Derivation, readDerivations } from '../state/series/derivations.ts';

export interface ReportOptions {
  readonly filter: SeriesFilter;
  readonly tiers: readonly Tier[];
  readonly fromUs: number | null;
  /** Null: as far as `upTo` says. */
  readonly toUs: number | null;
  /** `files`: each series as far as its files reach; by default until now. */
  readonly upTo?: 'now' | 'files';
  readonly nowUs: number;
}

/** A month of a series, cut to the range looked at. */
export interface MonthShare {
  /** First instant of the month, UTC. */
  readonly monthUs: number;
  readonly expected: number;
  readonly vouched: number;
  readonly bars: number;
}

/** A hole with whether an API still reaches its start. */
export interface ReportedGap extends Hole {
  readonly series: Series;
  readonly overflow: number | null;
  readonly lastFile: string | null;
  readonly former: readonly FormerName[];
}

/** A cell of the matrix: one series. */
export interface Cell {
  readonly series: Series;
  readonly fromUs: number | null;
  readonly toUs: number | null;
  readonly expected: number;
  /** Expected bars that files vouch for: `vouched / expected` is how complete the series is. */
  readonly vouched: number;
  /** Bars that are there; fewer where nobody traded, more where there is trade outside regular sessions. */
  readonly bars: number;
  /** Within the reach of an API, and only in files. */
  readonly fillable: readonly ReportedGap[];
  readonly unfillable: readonly ReportedGap[];
  /** Runs without a bar inside what files vouch for, far beyond the series' habit: covered, and yet hardly all there. */
  readonly suspicious: readonly SuspiciousRun[];
  /** Stretches whose bars were made of shorter ones of these seconds, within what is looked at. */
  readonly derived: readonly (Range & { readonly fromIntervalS: number })[];
  /** Made anew each time: of ten thousand series nobody looks at the months of all at once. */
  readonly months: readonly MonthShare[];
}

/** One symbol of a venue. */
export interface ReportRow {
  readonly venue: string;
  readonly symbol: string;
  readonly tier: string | null;
  /** By interval, seconds. */
  readonly cells: ReadonlyMap<number, Cell>;
  readonly share: number;
}

export interface Report {
  readonly options: ReportOptions;
  readonly intervals: readonly number[];
  /** By tier, then worst first. */
  readonly rows: readonly ReportRow[];
  /** Symbols of the tiers that are asked for, of which nothing is loaded. */
  readonly absent: readonly { readonly symbol: string; readonly tier: string }[];
  /** Largest first. */
  readonly gaps: readonly ReportedGap[];
  /** The strangest first. */
  readonly suspicious: readonly SuspiciousRun[];
  /** Series that end before others of their venue and interval do, where each is looked at as far as its files reach. */
  readonly behind: number;
  readonly expected: number;
  readonly vouched: number;
  readonly bars: number;
  readonly failedTasks: number;
  readonly pendingTasks: number;
}

/** How much of what is expected is covered; nothing expected is all of it. */
export function shareCovered({
  expected,
  vouched,
}: {
  readonly expected: number;
  readonly vouched: number;
}): number {
  return expected === 0 ? 1 : vouched / expected;
}

/** How far each series was looked at. */
export function rangeLine({ options: { toUs, upTo, nowUs }, behind }: Report): string {
  if (toUs !== null) return `up to ${instant(Math.min(toUs, nowUs))} UTC`;
  if (upTo !== 'files') return `up to now, ${instant(nowUs).slice(0, 16)} UTC`;
  const late = behind === 0 ? '' : `; ${count(behind)} of them ends before others of its venue and interval`;
  return `each series as far as its files reach${behind > 1 ? late.replace('ends', 'end') : late}: --to now asks for what has come since`;
}

/** @throws BackhaulError `usage` for an unknown symbol, interval or tier and for an empty range */
export async function readReport(db: Pool, options: ReportOptions): Promise<Report> {
  const scans = await scanSeries(db, options);
  const { counts: bars, suspicious } = await readBars(db, scans);
  const runs = Map.groupBy(suspicious, (run) => run.series.seriesId);
  const ids = scans.map(({ series }) => series.seriesId);
  const derived = Map.groupBy(await readDerivations(db, ids), (one) => one.seriesId);
  const cells = scans.map((scan) => {
    const { seriesId } = scan.series;
    const made = derived.get(seriesId) ?? [];
    return cellOf(scan, bars.get(seriesId) ?? NO_BARS, runs.get(seriesId) ?? [], made, options.nowUs);
  });
  const rows = rowsOf(cells, options.tiers);
  const tasks = await countTasks(db);
  return {
    options,
    intervals: [...new Set(cells.map((cell) => cell.series.intervalS))].sort((a, b) => a - b),
    rows,
    absent: absentOf(options, rows),
    gaps: cells
      .flatMap((cell) => [...cell.fillable, ...cell.unfillable])
      .sort((a, b) => b.candles - a.candles || a.fromUs - b.fromUs),
    suspicious,
    behind: options.upTo === 'files' && options.toUs === null ? countBehind(cells) : 0,
    expected: sum(cells, (cell) => cell.expected),
    vouched: sum(cells, (cell) => cell.vouched),
    bars: sum(cells, (cell) => cell.bars),
    failedTasks: tasks.failed,
    pendingTasks: tasks.pending,
  };
}

const NO_BARS = new Int32Array(0);

/** All that is asked of the bars themselves, in one pass over them. */
async function readBars(
  db: Pool,
  scans: readonly SeriesScan[],
): Promise<Pick<MonthCounts, 'counts'> & { readonly suspicious: readonly SuspiciousRun[] }> {
  const months = new MonthCounts(scans);
  const runs = new SuspiciousRuns(scans);
  await eachStamp(db, stampsOf(scans), (seriesId, ts, rows) => {
    months.take(seriesId, ts, rows);
    runs.take(seriesId, ts, rows);
  });
  return { counts: months.counts, suspicious: runs.end() };
}

function countBehind(cells: readonly Cell[]): number {
  const groups = Map.groupBy(cells, ({ series }) => JSON.stringify([series.venue, series.intervalS]));
  let behind = 0;
  for (const group of groups.values()) {
    const last = group.reduce((most, cell) => Math.max(most, cell.toUs ?? most), Number.NEGATIVE_INFINITY);
    behind += group.filter((cell) => cell.toUs !== null && cell.toUs < last).length;
  }
  return behind;
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}

/** Months since the year 0, UTC, of an instant in µs. */
function monthOf(us: number): number {
  const date = new Date(Math.floor(us / 1000));
  return 12 * date.getUTCFullYear() + date.getUTCMonth();
}

/** The first instant of such a month. */
function startOfMonth(month: number): number {
  return Date.UTC(Math.floor(month / 12), month % 12, 1) * 1000;
}

/** Bars by month of each series, counted in its window as they pass by. */
class MonthCounts {
  readonly #windows: ReadonlyMap<number, Range>;
  /** Series id → bars of each month from that of the window's begin on. */
  readonly counts = new Map<number, Int32Array>();

  constructor(scans: readonly SeriesScan[]) {
    this.#windows = new Map(
      scans.flatMap(({ series, window }) => (window === null ? [] : [[series.seriesId, window]])),
    );
  }

  readonly take = (seriesId: number, ts: Float64Array, rows: number): void => {
    const window = this.#windows.get(seriesId);
    if (window === undefined) return;
    const first = monthOf(window.fromUs);
    let months = this.counts.get(seriesId);
    if (months === undefined) {
      months = new Int32Array(monthOf(window.toUs - 1) - first + 1);
      this.counts.set(seriesId, months);
    }
    let row = 0;
    while (row < rows && ts[row]! < window.fromUs) row++;
    while (row < rows && ts[row]! < window.toUs) {
      const month = monthOf(ts[row]!);
      const endUs = Math.min(startOfMonth(month + 1), window.toUs);
      const from = row;
      while (row < rows && ts[row]! < endUs) row++;
      months[month - first]! += row - from;
    }
  };
}

function cellOf(
  scan: SeriesScan,
  bars: Int32Array,
  suspicious: readonly SuspiciousRun[],
  made: readonly Derivation[],
  nowUs: number,
): Cell {
  const { series, window, expected, vouched, lastFile, former } = scan;
  const gaps = scan.holes.map((hole): ReportedGap => {
    const { overflow } = reachOf(series.venue, series.intervalS, hole.fromUs, nowUs);
    return { ...hole, series, overflow, lastFile, former };
  });
  const isFillable = (gap: ReportedGap): boolean => gap.overflow !== null && gap.overflow <= 0;
  return {
    series,
    fromUs: window?.fromUs ?? null,
    toUs: window?.toUs ?? null,
    expected,
    vouched,
    bars: bars.reduce((total, count) => total + count, 0),
    fillable: gaps.filter(isFillable),
    unfillable: gaps.filter((gap) => !isFillable(gap)),
    suspicious,
    derived: window === null ? [] : derivedIn(made, window),
    get months() {
      return window === null ? [] : monthsOf(scan, window, bars);
    },
  };
}

/** By interval, in the order of time. */
function derivedIn(made: readonly Derivation[], window: Range): Cell['derived'] {
  return [...Map.groupBy(made, (one) => one.fromIntervalS)]
    .flatMap(([fromIntervalS, some]) =>
      intersect(merge(some), [window]).map((range) => ({ ...range, fromIntervalS })),
    )
    .sort((a, b) => a.fromUs - b.fromUs);
}

function monthsOf(scan: SeriesScan, { fromUs, toUs }: Range, bars: Int32Array): MonthShare[] {
  const months: MonthShare[] = [];
  const first = monthOf(fromUs);
  for (let month = first; startOfMonth(month) < toUs; month++) {
    const monthUs = startOfMonth(month);
    const share = shareOf(scan, { fromUs: monthUs, toUs: startOfMonth(month + 1) });
    months.push({ monthUs, ...share, bars: bars[month - first] ?? 0 });
  }
  return months;
}

function rowsOf(cells: readonly Cell[], tiers: readonly Tier[]): ReportRow[] {
  const known = cells.map((cell) => cell.series);
  const members = tiers.map((tier) => ({ tier, symbols: symbolsMeant(tier.symbols, known) }));
  const tierOf = ({ venue, symbol }: Pick<ReportRow, 'venue' | 'symbol'>): Tier | undefined =>
    members.findLast(({ symbols }) => symbols.has(venue, symbol))?.tier;
  const rows = [
    ...Map.groupBy(cells, ({ series }) => JSON.stringify([series.venue, series.symbol])).values(),
  ].map(
    (own): ReportRow => ({
      venue: own[0]!.series.venue,
      symbol: own[0]!.series.symbol,
      tier: tierOf(own[0]!.series)?.name ?? null,
      cells: new Map(own.map((cell) => [cell.series.intervalS, cell])),
      share: own.reduce((least, cell) => Math.min(least, shareCovered(cell)), 1),
    }),
  );
  const rank = (row: ReportRow): number => tierOf(row)?.priority ?? 100;
  const missing = (row: ReportRow): number =>
    sum([...row.cells.values()], (cell) => cell.expected - cell.vouched);
  return rows.sort(
    (a, b) =>
      rank(a) - rank(b) ||
      a.share - b.share ||
      missing(b) - missing(a) ||
      (`${a.venue} ${a.symbol}` < `${b.venue} ${b.symbol}` ? -1 : 1),
  );
}

/** Tier symbols with nothing loaded; of the tiers asked for, or of all where nobody chose series. */
function absentOf(options: ReportOptions, rows: readonly ReportRow[]): { symbol: string; tier: string }[] {
  if (options.filter.symbols !== null) return [];
  const there = new Set(rows.map((row) => row.symbol));
  const asked = options.filter.tierSymbols === null ? null : new Set(options.filter.tierSymbols);
  return options.tiers.flatMap((tier) =>
    tier.symbols
      .filter((symbol) => (asked === null || asked.has(symbol)) && meant(symbol, there).length === 0)
      .map((symbol) => ({ symbol, tier: tier.name })),
  );
}
