/** Which of the tasks a listing plans are wanted, and what of each. Pure; µs since 1970. */

import { hull, intersect, merge, type Range } from '../base/ranges.ts';
import { CURRENCIES, spellings } from '../base/spellings.ts';
import type { PlannedTask, SelectTask, WantRange } from '../producer/planning/found_task.ts';
import { plannedRange } from '../series/coverage.ts';
import type { FormerName } from '../series/former_names.ts';
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
  /** Names that its files bear in earlier times, as far as something is missing there. */
  readonly former: readonly FormerName[];
  /** Before this, files of its own name are another company's. */
  readonly ownFromUs: number;
}

/** What may be missing of a series in files of one of its names: in the time of that name. */
interface Wanted {
  readonly one: WantedSeries;
  readonly within: Range;
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
  readonly #byLane = new Map<string, Wanted[]>();
  /** The lanes of former names among them. */
  readonly #former = new Set<string>();
  /** `venue interval` → what is missing of any symbol there. */
  readonly #shared = new Map<string, { readonly missing: readonly Range[]; readonly names: SharedNames }>();

  readonly #whole: WholeFiles;

  /** `whole`: files that are not looked into again as long as they have not changed. */
  constructor(series: readonly WantedSeries[], whole: WholeFiles = new Map()) {
    this.#whole = whole;
    for (const one of series) {
      this.#want(laneOf(one), { one, within: ownTime(one) });
      for (const name of one.former) {
        const lane = laneOf({ ...one, symbol: name.symbol });
        this.#want(lane, { one, within: name });
        this.#former.add(lane);
      }
    }
    for (const [key, group] of Map.groupBy(series, sharedKey)) {
      const missing = merge(group.flatMap((one) => one.missing));
      this.#shared.set(key, { missing, names: new SharedNames(group) });
    }
  }

  readonly select: SelectTask = (task) => {
    // All that it holds stands, and what that vouches for is no gap.
    if (this.#whole.get(placeKey(task.uri, task.entry)) === ruleOf(task.etag, task.layout)) return null;
    const want = task.plan.symbol === null ? this.#wantOfShared(task) : this.#wantOfOwn(task);
    if (want === null) return null;
    const { uri, entry, lane, plan } = task;
    if (plan.symbol === null && plan.wantSymbols !== null) {
      const range = plannedRange(task);
      const without = this.#shared.get(sharedKey({ ...plan, symbol: '' }))!.names.without(range);
      if (Object.keys(plan.wantSymbols).every((name) => without.has(name))) return null;
      this.selected.push({ uri, entry, lane, want });
      return { ...finite(want), without };
    }
    this.selected.push({ uri, entry, lane, want });
    return finite(want);
  };

  #want(lane: string, wanted: Wanted): void {
    const known = this.#byLane.get(lane);
    if (known === undefined) this.#byLane.set(lane, [wanted]);
    else known.push(wanted);
  }

  #wantOfOwn(task: PlannedTask): Range | null {
    const range = plannedRange(task);
    const wants = this.#wantedOf(task).map((wanted) => wantOf(wanted, range));
    return hull(wants.filter((want) => want !== null));
  }

  /** By the name its lane has; else by another spelling of a former one, of which nothing stands any more. */
  #wantedOf({ lane, plan, spellings = [] }: PlannedTask): readonly Wanted[] {
    const wanted = this.#byLane.get(lane);
    if (wanted !== undefined) return wanted;
    return spellings
      .map((symbol) => laneOf({ ...plan, symbol }))
      .filter((other) => this.#former.has(other))
      .flatMap((other) => this.#byLane.get(other)!);
  }

  /** Of a day of all symbols. Asked for whole, it can vouch for symbols that have no bar in it. */
  #wantOfShared(task: PlannedTask): Range | null {
    const { venue, intervalS } = task.plan;
    const missing = this.#shared.get(sharedKey({ venue, symbol: '', intervalS }))?.missing;
    if (missing === undefined) return null;
    const range = plannedRange(task);
    if (range === null) return hull(missing);
    return intersect(missing, [range]).length > 0 ? EVERYTHING : null;
  }
}

/** The names that files of many symbols bear of the series of one venue and interval. */
class SharedNames {
  readonly #wanted: readonly (Wanted & { readonly symbol: string })[];

  constructor(series: readonly WantedSeries[]) {
    // Of most no other name is known: nothing is ever left out.
    this.#wanted = series.every(({ former }) => former.length === 0)
      ? []
      : series.flatMap((one) => [
          { one, symbol: one.symbol, within: ownTime(one) },
          ...one.former.map((name) => ({ one, symbol: name.symbol, within: name })),
        ]);
  }

  /** Those that are other companies' in a file, in every spelling; of one whose range is not known, nobody knows. */
  without(range: Range | null): ReadonlySet<string> {
    if (range === null) return new Set();
    const isOwn = ({ one, symbol, within }: Wanted & { readonly symbol: string }): boolean =>
      intersect(symbol === one.symbol ? [range] : intersect(one.missing, [range]), [within]).length > 0;
    const [own, others] = [this.#wanted.filter(isOwn), this.#wanted.filter((one) => !isOwn(one))];
    const spelled = (some: readonly { readonly symbol: string }[]): Set<string> =>
      new Set(some.flatMap(({ symbol }) => spellings(symbol, CURRENCIES)));
    return spelled(others).difference(spelled(own));
  }
}

/** Of a file of one series, whose range is known or not. */
function wantOf({ one, within }: Wanted, range: Range | null): Range | null {
  const missing = intersect(one.missing, [within]);
  const whole = hull(missing);
  if (whole === null) return null;
  const before = one.beforeUs ?? whole.fromUs;
  if (range === null) return inside({ fromUs: before, toUs: one.afterUs ?? whole.toUs }, within);
  const part = hull(intersect(missing, [range]));
  if (part === null) return null;
  // A full history begins nobody knows where.
  if (!Number.isFinite(range.fromUs)) return inside({ fromUs: before, toUs: part.toUs }, within);
  const openUs = part.fromUs - one.intervalS * 1e6;
  const isOpen = openUs >= range.fromUs && one.openUs.includes(openUs);
  return inside(isOpen ? { ...part, fromUs: openUs } : part, within);
}

function ownTime({ ownFromUs }: WantedSeries): Range {
  return { fromUs: ownFromUs, toUs: Number.POSITIVE_INFINITY };
}

function inside({ fromUs, toUs }: Range, within: Range): Range {
  return { fromUs: Math.max(fromUs, within.fromUs), toUs: Math.min(toUs, within.toUs) };
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
