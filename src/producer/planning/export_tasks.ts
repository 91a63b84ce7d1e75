/** The tasks of a file of our own export: one for each venue and interval in it, since a task is of one. */

import { BackhaulError } from '../../faults/fault.ts';
import { normaliseName } from '../../scan/header.ts';
import type { RecordShape, ShapeColumn } from '../../scan/shape.ts';
import type { Storage } from '../../state/task_plan.ts';
import { EXPORT_LAYOUT, isExportHeader, OWN_COLUMNS } from '../layouts/backhaul_export.ts';
import { earliestStamp, type Head, recordsOf } from '../layouts/head.ts';
import { intervalSeconds, spelledInterval } from '../layouts/interval_words.ts';
import { knownLayouts } from '../layouts/known_layouts.ts';
import type { Layout } from '../layouts/layout.ts';
import { gridOf, type Resolution, sessionOf } from '../layouts/resolve.ts';
import type { Asked } from './asked.ts';
import {
  type ExportedFile,
  type ExportGroup,
  type ExportManifests,
  saidByFolders,
} from './export_manifest.ts';
import { type PlannedTask, placeOf } from './found_task.ts';
import type { Item } from './items.ts';
import { plannedTasks } from './planned_task.ts';

/** Layouts by what differs from file to file: a few. */
const variants = new Map<string, Layout>();

function exportLayout(): Layout {
  return knownLayouts().find(({ name }) => name === EXPORT_LAYOUT)!;
}

/** Null where the file, by the head of it, is no export of ours. `inside`: what the file says of itself. */
export async function exportTasks(
  { object, path, checksums }: Item,
  head: Head | null,
  inside: ExportedFile | null,
  storage: Storage,
  manifests: ExportManifests,
  asked: Asked,
  signal: AbortSignal | undefined,
): Promise<PlannedTask[] | null> {
  const [names = [], ...records] = head === null ? [] : recordsOf(head, exportLayout().shape);
  if (!isExportHeader(names) || !asked.takes(EXPORT_LAYOUT)) return null;
  const said = saidByFolders(object.uri);
  const file = (await manifests.of(object.uri, signal)) ?? inside;
  if (file === null) noteUntyped(names, path, asked);
  const groups = file?.groups ?? [groupOf(names, records, said, path, object.uri)];
  const published = {
    sha256: (await checksums.of(object.name)) ?? file?.listed?.sha256 ?? null,
    expectedRows: file?.listed?.rows ?? null,
    manifest: null,
  };
  const tasks: PlannedTask[] = [];
  for (const group of groups) {
    const resolution = resolutionOf(names, said.get('symbol') ?? null, file, group, groups.length > 1);
    const entry = groups.length > 1 ? `${group.venue}/${spelledInterval(group.interval_s)}` : null;
    const [task] = plannedTasks({ ...placeOf(object), entry }, resolution, storage, published, asked);
    if (task === undefined) {
      asked.leaveOut();
      continue;
    }
    task.sequence ??= earliestStamp(head!, resolution.shape, resolution.symbol !== null);
    // What stands in an export was loaded once, by whatever rule.
    tasks.push({ ...task, plan: { ...task.plan, onInvalid: 'keep' } });
  }
  return tasks;
}

/** Without a manifest the first records say what the file is of. */
function groupOf(
  names: readonly string[],
  records: readonly (readonly string[])[],
  said: ReadonlyMap<string, string>,
  path: string,
  uri: string,
): ExportGroup {
  const first = (name: string): string | null => records[0]?.[names.indexOf(name)] ?? null;
  const venue = said.get('venue') ?? first('venue');
  const seconds = Number(first('interval_s') ?? intervalSeconds(said.get('interval') ?? ''));
  if (venue === null || !Number.isSafeInteger(seconds) || seconds <= 0)
    throw new BackhaulError({
      kind: 'not-a-bar-file',
      message: `looks like an export, but does not tell the ${venue === null ? 'venue' : 'interval'}`,
      where: { uri },
      expected: `manifest.json beside it, or a path such as ${exportLayout().example}`,
      found: path,
      hint: 'Load the whole folder of the export.',
    });
  const market = knownLayouts().find(
    (layout) => layout.venue.kind === 'name' && Object.values(layout.venue.words).includes(venue),
  );
  const zone = market === undefined ? 'UTC' : sessionOf(market, venue);
  return { venue, interval_s: seconds, session_zone: zone, grid: gridOf(seconds, zone) };
}

/** Types of further columns are in the manifest alone. */
function noteUntyped(names: readonly string[], path: string, asked: Asked): void {
  const others = names.filter((name) => !OWN_COLUMNS.has(name));
  if (others.length === 0) return;
  asked.options.onNote?.(
    `${path} is an export without its manifest.json, which has the types of its columns ${others.join(', ')}: they are left out; load the whole folder to keep them`,
  );
}

function resolutionOf(
  names: readonly string[],
  symbol: string | null,
  file: ExportedFile | null,
  group: ExportGroup,
  isOneOfMany: boolean,
): Resolution {
  const layout = variantFor(symbol === null ? 'symbol-time' : 'time', group.calendar);
  const { listed = null } = file ?? {};
  return {
    layout,
    venue: group.venue,
    symbol,
    intervalS: group.interval_s,
    shape: shapeOf(names, file, group, isOneOfMany),
    grid: group.grid,
    sessionZone: group.session_zone,
    fromUs: listed?.firstUs ?? null,
    toUs: listed === null ? null : listed.lastUs + 1,
    unsure: false,
    unsureOfTime: false,
    byRecords: [],
    zoneIsAssumed: false,
    ignoredS: null,
  };
}

function variantFor(order: Layout['order'], calendar: ExportGroup['calendar']): Layout {
  const key = JSON.stringify([order, calendar]);
  const known = variants.get(key) ?? { ...exportLayout(), order, calendar };
  variants.set(key, known);
  return known;
}

/** Several venues or intervals, or who knows: each record is asked whose it is. */
function shapeOf(
  names: readonly string[],
  file: ExportedFile | null,
  group: ExportGroup,
  isOneOfMany: boolean,
): RecordShape {
  const key = (name: string, value: string): ShapeColumn[] =>
    names.includes(name) && (isOneOfMany || file === null) ? [{ role: 'key', names: [name], value }] : [];
  const extras = (file?.extra ?? []).filter(({ name }) => names.some((one) => normaliseName(one) === name));
  const { shape } = exportLayout();
  return {
    ...shape,
    columns: [
      ...shape.columns,
      ...key('venue', group.venue),
      ...key('interval_s', String(group.interval_s)),
      ...extras.map((extra): ShapeColumn => ({ role: 'extra', names: [extra.name], extra })),
    ],
    ...(group.prices === 'any' && { prices: 'any' }),
    ...(isOneOfMany && { others: 'outside' }),
  };
}
