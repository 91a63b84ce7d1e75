/** From what name and head tell of a file to the task that loads it. */

import { isDeepStrictEqual } from 'node:util';
import { aliasesBeside, otherwiseSpelled } from '../../base/spellings.ts';
import { laneOf, sharedLaneOf } from '../../state/series/series_name.ts';
import type { Storage, TaskPlan } from '../../state/task_plan.ts';
import { INFLATE_LIMITS } from '../archive/inflate_limits.ts';
import type { Manifest } from '../archive/kraken_manifest.ts';
import { gridOfMade, type Resolution } from '../layouts/resolve.ts';
import type { Asked } from './asked.ts';
import type { PlannedTask, TaskPlace } from './found_task.ts';

/** What was published about a file beside or around it. */
export interface Published extends Pick<TaskPlan, 'sha256' | 'expectedRows'> {
  /** The manifest that lists it. */
  readonly manifest: Manifest | null;
}

/** None when the file is none of those asked for; of a file of trades one for each interval its bars are asked for. */
export function plannedTasks(
  place: TaskPlace,
  resolution: Resolution,
  storage: Storage,
  published: Published,
  asked: Asked,
): PlannedTask[] {
  if (!asked.wants(resolution)) return [];
  return asked.intervalsOf(resolution).map((intervalS) => {
    if (intervalS === resolution.intervalS) return plannedTask(place, resolution, storage, published, asked);
    const grid = gridOfMade(resolution.layout, intervalS, resolution.sessionZone);
    return plannedTask(place, { ...resolution, intervalS, grid }, storage, published, asked);
  });
}

function plannedTask(
  place: TaskPlace,
  resolution: Resolution,
  storage: Storage,
  { manifest, ...published }: Published,
  asked: Asked,
): PlannedTask {
  const { layout, venue, symbol, intervalS, grid, sessionZone } = resolution;
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
  const aliases = symbol === null ? layout.aliases : aliasesBeside(layout.aliases);
  const plan: TaskPlan = {
    venue,
    symbol,
    intervalS,
    shape: asked.shapeOf(resolution),
    storage,
    order: orderOf(resolution),
    grid,
    sessionZone,
    fileFromUs: isChecked ? fromUs : null,
    fileToUs: isChecked ? toUs : null,
    wantFromUs,
    wantToUs,
    wantSymbols: symbol === null ? asked.symbolFilter(layout).wanted() : null,
    ...(aliases.length > 0 && { aliases }),
    ...(layout.calendar !== undefined && { calendar: layout.calendar }),
    ...(asked.isNamed && { named: true as const }),
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

/**
 * Trades of one symbol are taken to be in order until one is not: vendors write them so, and trades of many months are
 * not to be collected first. Those of many symbols in turn make bars that are sorted.
 */
function orderOf({ layout, symbol }: Resolution): TaskPlan['order'] {
  // A market under two spellings is in two places of a file that goes by symbol.
  if (symbol === null && layout.aliases.length > 0 && layout.order === 'symbol-time') return 'any';
  if (layout.kind === 'bars') return layout.order;
  if (symbol !== null) return 'time';
  return layout.order === 'symbol-time' ? 'symbol-time' : 'any';
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
function closedUntil(toUs: number | null, { layout, grid, intervalS }: Resolution): number | null {
  if (toUs === null || layout.kind === 'trades' || grid !== 'epoch' || intervalS > DAY_US / 1e6) return toUs;
  return Math.floor(toUs / (intervalS * 1e6)) * intervalS * 1e6;
}
