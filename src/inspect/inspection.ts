/** How a file will be read: all that a load would find out before it stores a row, and what its records come to. */

import { BackhaulError, type Fault } from '../faults/fault.ts';
import { LOAD_DEFAULTS } from '../load/defaults.ts';
import { fitHead, type Head, linesOf } from '../producer/layouts/head.ts';
import { spelledInterval } from '../producer/layouts/interval_words.ts';
import { allLayouts } from '../producer/layouts/known_layouts.ts';
import type { Layout, Origin } from '../producer/layouts/layout.ts';
import { isNamedBy } from '../producer/layouts/resolve.ts';
import { discoverBy } from '../producer/planning/discover.ts';
import { type DiscoverOptions, noCounts, type PlannedTask } from '../producer/planning/found_task.ts';
import { sniffEncoding } from '../scan/encoding.ts';
import type { RecordShape } from '../scan/shape.ts';
import { type FileReading, type ReadingOptions, readFile } from './file_reading.ts';
import type { LocatedFile } from './located_file.ts';

export interface Inspection {
  readonly type: 'inspection';
  readonly uri: string;
  readonly entry: string | null;
  /** Other files of data in the same zip. */
  readonly others: number;
  readonly sizeBytes: number;
  readonly layout: string;
  readonly layoutFrom: 'named' | 'name' | 'records' | 'draft';
  readonly container: string;
  readonly encoding: string;
  readonly delimiter: string;
  /** Line of the header, from 1; null where there is none. */
  readonly headerLine: number | null;
  readonly columns: readonly InspectedColumn[];
  readonly time: InspectedTime;
  readonly interval: Told;
  readonly grid: string;
  readonly session: string;
  readonly venue: Told;
  /** Null value: a column says. */
  readonly symbol: { readonly value: string | null; readonly from: string };
  /** What the name says of the time that the file covers. */
  readonly rangeFromTs: number | null;
  readonly rangeToTs: number | null;
  readonly notes: readonly string[];
  readonly reading: FileReading;
}

export interface InspectedColumn {
  /** As the header calls it; null without one. */
  readonly name: string | null;
  readonly role: string;
  /** Of the first record. */
  readonly example: string;
}

export interface InspectedTime {
  readonly unit: string;
  /** Pattern of text stamps; null for numbers. */
  readonly format: string | null;
  readonly zone: string;
  readonly stamps: 'open' | 'close';
}

/** A value, and what told it. */
export interface Told {
  readonly value: string;
  readonly from: string;
}

export interface InspectOptions extends Omit<ReadingOptions, 'signal'> {
  readonly interval: number | null;
  readonly venue: string | null;
}

/** Why no layout reads a file: it is of none that is known, though its bytes are sound. */
export interface NoLayout {
  readonly fault: Fault;
}

/**
 * Looks into a file by `layout`, or by the catalogue's where that is null. A file of no known layout is told as such;
 * anything else that keeps a load from planning it is thrown.
 */
export async function inspect(
  file: LocatedFile,
  layout: Layout | null,
  from: Inspection['layoutFrom'],
  options: InspectOptions,
  signal: AbortSignal,
): Promise<Inspection | NoLayout> {
  const notes: string[] = [];
  const counts = noCounts();
  const discoverOptions: DiscoverOptions = {
    ...LOAD_DEFAULTS,
    fromUs: null,
    toUs: null,
    symbols: null,
    intervals: null,
    interval: options.interval,
    venue: options.venue,
    counts,
    onNote: (note) => void notes.push(note),
  };
  for await (const task of discoverBy(layout, [file.source], discoverOptions, signal)) {
    // An export of several series is a task for each; the first will do.
    if (task.uri !== file.object.uri || (file.entry !== null && task.entry !== file.entry)) continue;
    if (task.plan === null) {
      if (task.fault.kind === 'not-a-bar-file' && layout === null) return { fault: task.fault };
      throw new BackhaulError(task.fault);
    }
    const known = layout ?? allLayouts().find(({ name }) => name === task.layout)!;
    const byRecords = counts.byRecords.map(({ what }) => what);
    return inspectionOf(file, task, known, layout === null ? layoutFrom(known, file) : from, {
      options,
      byRecords,
      notes,
      reading: await readFile(task, { ...options, signal }),
    });
  }
  throw new BackhaulError({
    kind: 'not-a-bar-file',
    message: 'by its name the file holds no bars',
    where: { uri: file.object.uri, ...(file.entry !== null && { entry: file.entry }) },
    hint: 'If it is a table of bars, say how to read it: --layout my.yaml.',
  });
}

function layoutFrom(layout: Layout, { path }: LocatedFile): 'name' | 'records' {
  return isNamedBy(layout, path) ? 'name' : 'records';
}

interface Found {
  readonly options: InspectOptions;
  readonly byRecords: readonly string[];
  readonly notes: readonly string[];
  readonly reading: FileReading;
}

function inspectionOf(
  { object, entry, others, head, storage }: LocatedFile,
  { plan, layout: name }: PlannedTask,
  layout: Layout,
  from: Inspection['layoutFrom'],
  { options, byRecords, notes, reading }: Found,
): Inspection {
  const { shape } = plan;
  const told = (what: 'venue' | 'interval', isGiven: boolean): string => {
    const origin = layout[what];
    if (isGiven) return `--${what}`;
    if (origin === undefined) return 'what trades are made into unless --intervals says otherwise';
    return byRecords.includes(what) ? 'the records' : originText(origin);
  };
  return {
    type: 'inspection',
    uri: object.uri,
    entry,
    others,
    sizeBytes: sizeOf(storage, object.sizeBytes),
    layout: name,
    layoutFrom: from,
    container: containerOf(storage),
    encoding: (head === null ? null : sniffEncoding(head.bytes)) ?? shape.encoding ?? 'utf-8',
    delimiter: shape.delimiter,
    ...(head === null ? { headerLine: null, columns: [] } : columnsOf(head, shape, plan.symbol !== null)),
    time: {
      unit: shape.time,
      format: reading.stampForm,
      zone: shape.timeZone,
      stamps: shape.stamps ?? 'open',
    },
    interval: { value: spelledInterval(plan.intervalS), from: told('interval', options.interval !== null) },
    grid: plan.grid,
    session: plan.sessionZone,
    venue: { value: plan.venue, from: told('venue', options.venue !== null) },
    symbol: { value: plan.symbol, from: originText(layout.symbol) },
    rangeFromTs: plan.fileFromUs,
    rangeToTs: plan.fileToUs,
    notes,
    reading,
  };
}

function originText(origin: Origin): string {
  if (origin.kind === 'constant') return 'the layout';
  if (origin.kind === 'column') return `the column ${origin.column}`;
  return origin.bySymbol.length > 0 ? 'the name, or else the first symbol' : 'the name';
}

function sizeOf(storage: LocatedFile['storage'], objectBytes: number): number {
  if (storage.kind === 'zip') return storage.compressedSize;
  return storage.kind === 'tar' ? storage.size : objectBytes;
}

function containerOf(storage: LocatedFile['storage']): string {
  if (storage.kind === 'tar') {
    const outside = storage.pack === 'plain' ? 'tar' : `tar, ${storage.pack}`;
    return storage.inner === 'plain' ? outside : `${storage.inner} in ${outside}`;
  }
  if (storage.kind !== 'zip') return storage.kind;
  return storage.method === 0 ? 'zip, stored' : 'zip, deflated';
}

/** The columns of a file as its header, or the layout, has them. */
function columnsOf(
  head: Head,
  shape: RecordShape,
  symbolIsFixed: boolean,
): { readonly headerLine: number | null; readonly columns: readonly InspectedColumn[] } {
  const { kind, first, records, roles } = fitHead(head, shape, symbolIsFixed);
  if (roles === null) return { headerLine: null, columns: [] };
  const isHeaded = kind === 'header';
  const lines = linesOf(head, shape);
  const header = lines.find(
    ({ fields }) => fields.length === first.length && fields.every((one, i) => one === first[i]),
  );
  const record = isHeaded ? records[0] : records.find((one) => one.length >= roles.roles.length);
  return {
    headerLine: isHeaded ? (header?.line ?? null) : null,
    columns: roles.roles.map((role, i) => ({
      // A header with a name too few does not tell which is whose.
      name: isHeaded && first.length === roles.roles.length ? first[i]! : null,
      role: role === 'extra' ? `extra ${roles.extras[i]?.name ?? ''}` : role,
      example: record?.[i] ?? '',
    })),
  };
}
