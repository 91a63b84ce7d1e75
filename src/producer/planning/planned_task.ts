import { isDeepStrictEqual } from 'node:util';
import { laneOf, sharedLaneOf } from '../../state/series_name.ts';
import type { Storage, TaskPlan } from '../../state/task_plan.ts';
import { INFLATE_LIMITS } from '../archive/entry_stream.ts';
import type { Manifest } from '../archive/manifest.ts';
import type { Resolution } from '../layouts/resolve.ts';
import { otherwiseSpelled } from '../layouts/symbols.ts';
import type { Asked } from './asked.ts';
import type { PlannedTask, TaskPlace } from './found_task.ts';

/** From what name and head tell of a file to the task that loads it. */

/** What was published about a file beside or around it. */
export interface Published extends Pick<TaskPlan, 'sha256' | 'expectedRows'> {
  /** The manifest that lists it. */
  readonly manifest: Manifest | null;
}

/** Null when the file is none of those asked for. */
export function plannedTask(
  place: TaskPlace,
  resolution: Resolution,
  storage: Storage,
  { manifest, ...published }: Published,
  asked: Asked,
): PlannedTask | null {
  if (!asked.wants(resolution)) return null;
  const { layout, venue, symbol, intervalS, shape, grid, sessionZone } = resolution;
  const fromUs = settle(manifest?.fromUs ?? null, resolution.fromUs);
  const toUs = closedUntil(settle(manifest?.toUs ?? null, resolution.toUs), resolution);
  const isChecked = layout.range === 'checked' || manifest !== null;
  const {
    fromUs: wantFromUs,
    toUs: wantToUs,
    onInvalid,
    onConflict,
    maxRejects,
    maxRejectShare,
    inflate,
  } = asked.options;
  const plan: TaskPlan = {
    venue,
    symbol,
    intervalS,
    shape,
    storage,
    order: layout.order,
    grid,
    sessionZone,
    fileFromUs: isChecked ? fromUs : null,
    fileToUs: isChecked ? toUs : null,
    wantFromUs,
    wantToUs,
    wantSymbols: symbol === null ? asked.symbolFilter(layout).wanted() : null,
    ...(layout.calendar !== undefined && { calendar: layout.calendar }),
    onInvalid,
    onConflict,
    maxRejects,
    maxRejectShare,
    ...(inflate !== undefined && !isDeepStrictEqual(inflate, INFLATE_LIMITS) && { inflate }),
    ...published,
  };
  const lane = symbol === null ? sharedLaneOf(plan) : laneOf({ venue, symbol, intervalS });
  const spellings = symbol === null ? [] : otherwiseSpelled(symbol, layout.aliases);
  return {
    ...place,
    layout: layout.name,
    lane,
    sequence: fromUs,
    plan,
    ...(spellings.length > 0 && { spellings }),
  };
}

const DAY_US = 86_400_000_000;

/**
 * One end of the time a file covers, of what a manifest and a name say. Whether a manifest's last day or instant is
 * part of what it covers is a guess; where a name agrees to within a day, the name is exact.
 */
function settle(manifest: number | null, name: number | null): number | null {
  if (manifest === null || name === null) return manifest ?? name;
  return Math.abs(manifest - name) <= DAY_US ? name : manifest;
}

/**
 * A file vouches for bars that close by the end of what it covers: one that closes later was still being traded. Ends
 * that are a period's lie on the grid of every interval that has one.
 */
function closedUntil(toUs: number | null, { grid, intervalS }: Resolution): number | null {
  if (toUs === null || grid !== 'epoch' || intervalS > DAY_US / 1e6) return toUs;
  return Math.floor(toUs / (intervalS * 1e6)) * intervalS * 1e6;
}
