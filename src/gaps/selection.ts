import { hull, intersect, merge, type Range } from '../base/ranges.ts';
import type { PlannedTask, SelectTask, WantRange } from '../producer/planning/found_task.ts';
import { fileRange } from '../series/coverage.ts';
import { laneOf } from '../series/series.ts';
import type { SeriesName } from './files.ts';

/** Which of the tasks a listing plans are wanted, and what of each. Pure; µs since 1970. */

/** What a task's name or plan says it holds; a full history from -Infinity on. */
function rangeOf({ uri, layout, sequence, plan }: PlannedTask): Range | null {
  const { fileFromUs, fileToUs } = plan;
  return fileRange({ uri, layout, sequence, fileFromUs, fileToUs }, Number.NEGATIVE_INFINITY);
}

/** A series with holes to fill. */
export interface WantedSeries extends SeriesName {
  /** Merged. */
  readonly missing: readonly Range[];
  /** The last bar before the first hole and the end of the first bar after the last, where there are such bars. */
  readonly beforeUs: number | null;
  readonly afterUs: number | null;
  /** Bars directly before a hole that a file ends with: they may be unfinished, so they are asked for again. */
  readonly openUs: readonly number[];
}

/** A task that was selected, and the part of the missing ranges it is known to hold. */
export interface SelectedTask {
  readonly uri: string;
  readonly entry: string | null;
  readonly lane: string;
  readonly want: Range;
}

/**
 * Selects files that hold missing ranges, and of each no more than the hull of those. A file whose range is not known
 * may be any: it is asked for the bars beside the holes too, which stand already, so that the bars of the file
 * themselves tell how far it reaches.
 */
export class GapSelection {
  readonly selected: SelectedTask[] = [];
  readonly #byLane = new Map<string, WantedSeries>();
  /** `venue interval` → what is missing of any symbol there. */
  readonly #shared = new Map<string, readonly Range[]>();

  constructor(series: readonly WantedSeries[]) {
    for (const one of series) this.#byLane.set(laneOf(one), one);
    for (const [key, group] of Map.groupBy(series, sharedKey)) {
      this.#shared.set(key, merge(group.flatMap((one) => one.missing)));
    }
  }

  readonly select: SelectTask = (task) => {
    const want = task.plan.symbol === null ? this.#wantOfShared(task) : this.#wantOfOwn(task);
    if (want === null) return null;
    this.selected.push({ uri: task.uri, entry: task.entry, lane: task.lane, want });
    return finite(want);
  };

  #wantOfOwn(task: PlannedTask): Range | null {
    const one = this.#byLane.get(task.lane);
    if (one === undefined) return null;
    const whole = hull(one.missing)!;
    const range = rangeOf(task);
    if (range === null) return { fromUs: one.beforeUs ?? whole.fromUs, toUs: one.afterUs ?? whole.toUs };
    const part = hull(intersect(one.missing, [range]));
    // A full history begins nobody knows where.
    if (part === null) return null;
    if (Number.isFinite(range.fromUs)) {
      const openUs = part.fromUs - one.intervalS * 1e6;
      return openUs >= range.fromUs && one.openUs.includes(openUs) ? { ...part, fromUs: openUs } : part;
    }
    return { fromUs: one.beforeUs ?? whole.fromUs, toUs: part.toUs };
  }

  /** Of a day of all symbols. Asked for whole, it can vouch for symbols that have no bar in it. */
  #wantOfShared(task: PlannedTask): Range | null {
    const { venue, intervalS } = task.plan;
    const missing = this.#shared.get(sharedKey({ venue, symbol: '', intervalS }));
    if (missing === undefined) return null;
    const range = rangeOf(task);
    if (range === null) return hull(missing);
    return intersect(missing, [range]).length > 0 ? EVERYTHING : null;
  }
}

const EVERYTHING: Range = { fromUs: Number.NEGATIVE_INFINITY, toUs: Number.POSITIVE_INFINITY };

function sharedKey({ venue, intervalS }: SeriesName): string {
  return `${venue} ${intervalS}`;
}

function finite({ fromUs, toUs }: Range): WantRange {
  return { fromUs: Number.isFinite(fromUs) ? fromUs : null, toUs: Number.isFinite(toUs) ? toUs : null };
}

/**
 * Selects what goes on from the last bars: files that end before the last bar of their series are left out, those
 * that reach beyond are asked for the bars from it on. `lastBars` is by lane; a file of all symbols goes by the last
 * bar of its lane, and is taken whole or not at all.
 */
export function selectNewer(lastBars: ReadonlyMap<string, number>): SelectTask {
  return (task) => {
    const { wantFromUs, wantToUs, symbol } = task.plan;
    const asked = { fromUs: wantFromUs, toUs: wantToUs };
    const last = lastBars.get(task.lane);
    if (last === undefined) return asked;
    const range = rangeOf(task);
    if (range !== null && range.toUs <= last + task.plan.intervalS * 1e6) return null;
    if (range !== null && range.fromUs > last) return asked;
    if (symbol === null) return asked;
    return { ...asked, fromUs: Math.max(wantFromUs ?? Number.NEGATIVE_INFINITY, last) };
  };
}
