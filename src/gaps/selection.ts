/** Which of the tasks a listing plans are wanted, and what of each. Pure; µs since 1970. */

import { hull, intersect, merge, type Range } from '../base/ranges.ts';
import type { PlannedTask, SelectTask, WantRange } from '../producer/planning/found_task.ts';
import { plannedRange } from '../series/coverage.ts';
import { laneOf, type SeriesName } from '../state/series/series_name.ts';

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

  readonly #whole: WholeFiles;

  /** `whole`: files that are not looked into again as long as they have not changed. */
  constructor(series: readonly WantedSeries[], whole: WholeFiles = new Map()) {
    this.#whole = whole;
    for (const one of series) this.#byLane.set(laneOf(one), one);
    for (const [key, group] of Map.groupBy(series, sharedKey)) {
      this.#shared.set(key, merge(group.flatMap((one) => one.missing)));
    }
  }

  readonly select: SelectTask = (task) => {
    // All that it holds stands, and what that vouches for is no gap.
    if (this.#whole.get(placeKey(task.uri, task.entry)) === ruleOf(task.etag, task.layout)) return null;
    const want = task.plan.symbol === null ? this.#wantOfShared(task) : this.#wantOfOwn(task);
    if (want === null) return null;
    this.selected.push({ uri: task.uri, entry: task.entry, lane: task.lane, want });
    return finite(want);
  };

  #wantOfOwn(task: PlannedTask): Range | null {
    const one = this.#byLane.get(task.lane);
    if (one === undefined) return null;
    const whole = hull(one.missing)!;
    const range = plannedRange(task);
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
    const range = plannedRange(task);
    if (range === null) return hull(missing);
    return intersect(missing, [range]).length > 0 ? EVERYTHING : null;
  }
}

const EVERYTHING: Range = { fromUs: Number.NEGATIVE_INFINITY, toUs: Number.POSITIVE_INFINITY };

/** Files that were loaded whole: by place, as they were and by which layout. */
export type WholeFiles = ReadonlyMap<string, string>;

export function placeKey(uri: string, entry: string | null): string {
  return entry === null ? uri : `${uri}\n${entry}`;
}

export function ruleOf(etag: string, layout: string | null): string {
  return `${layout ?? ''} ${etag}`;
}

function sharedKey({ venue, intervalS }: SeriesName): string {
  return `${venue} ${intervalS}`;
}

function finite({ fromUs, toUs }: Range): WantRange {
  return { fromUs: Number.isFinite(fromUs) ? fromUs : null, toUs: Number.isFinite(toUs) ? toUs : null };
}
