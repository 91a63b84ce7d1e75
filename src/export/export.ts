/** Bars out of the database as files: all in one snapshot, a file a thread, whole files only. */

import { mkdir, readdir, rmdir, unlink } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MessageChannel } from 'node:worker_threads';
import type { Pool } from 'pg';
import { Piscina } from 'piscina';
import { INDICATOR_NAMES, type IndicatorName } from '../bars/columns.ts';
import type { ColumnKind } from '../copy/column_decoder.ts';
import { connect } from '../database/connect.ts';
import { BackhaulError } from '../faults/fault.ts';
import { EXPORT_METADATA, type ExportGroup } from '../producer/planning/export_manifest.ts';
import type { ExtraColumn } from '../scan/shape.ts';
import { type Coverage, readCoverage } from '../series/coverage.ts';
import { readSeries, type Series, type SeriesFilter } from '../series/series.ts';
import { readExtraColumns } from '../state/schema/extra_columns.ts';
import type { ExportColumn } from './export_batch.ts';
import type { FileOrder, FileResult } from './export_worker.ts';
import { type ExportTerms, Manifest, type ManifestFile, UNFINISHED } from './manifest.ts';
import { noRoom } from './no_room.ts';
import {
  type ExportFile,
  type ExportFormat,
  type PartitionKey,
  planFiles,
  saidByPath,
} from './partition_plan.ts';

export interface ExportOptions {
  readonly url: string;
  readonly folder: string;
  readonly format: ExportFormat;
  readonly by: readonly PartitionKey[];
  readonly filter: SeriesFilter;
  /** µs since 1970; null for open ends. */
  readonly fromUs: number | null;
  readonly toUs: number | null;
  /** Those that the files have a column of. */
  readonly indicators: readonly IndicatorName[];
  readonly workers: number;
  /** Once aborted, no further file is begun. */
  readonly drain: AbortSignal;
}

export interface ExportProgress {
  readonly type: 'progress';
  readonly files: number;
  readonly filesDone: number;
  readonly rows: number;
  readonly seconds: number;
}

export interface ExportSummary {
  readonly type: 'export';
  readonly folder: string;
  readonly format: ExportFormat;
  readonly series: number;
  /** Files with rows, those kept of an interrupted export included. */
  readonly files: number;
  readonly filesKept: number;
  readonly rows: number;
  readonly bytes: number;
  readonly seconds: number;
  readonly interrupted: boolean;
}

export interface ExportReporter {
  file(file: ManifestFile): void;
  progress(progress: ExportProgress): void;
}

const IDLE_MS = 2_000;

/**
 * Exports the bars of the series asked for.
 * @throws BackhaulError `usage` for a folder that is not empty, `database` while a load is under way, and what stopped
 * a file (`disk`, `database-connect`)
 */
export async function runExport(
  db: Pool,
  options: ExportOptions,
  reporter: ExportReporter,
): Promise<ExportSummary> {
  const began = performance.now();
  await refuseUnattached(db);
  const series = (await readSeries(db, options.filter)).filter(({ firstUs }) => firstUs !== null);
  const range = { fromUs: options.fromUs ?? -Infinity, toUs: options.toUs ?? Infinity };
  const files = planFiles(series, options.by, options.format, range);
  const columns = await readColumns(db, options.indicators);
  const extra = await readExtraColumns(db);
  const { facts } = await readCoverage(db, series);
  const { folder } = options;
  await makeFolder(folder);
  const manifest = await Manifest.begin(folder, termsOf(options)).catch((error: unknown) => {
    throw noRoom(error, folder) ?? error;
  });
  const kept = manifest.files.size;
  let interrupted: boolean;
  try {
    const due = files.filter(({ path }) => !manifest.files.has(path));
    await removeUnfinished(folder);
    const run = new Run(options, columns, extra, facts, manifest, reporter, files.length, began);
    await run.all(due);
    interrupted = run.left > 0;
    if (!interrupted) await manifest.finish(extra);
  } catch (error) {
    // The other threads were in the middle of files too.
    await removeUnfinished(folder).catch(() => {});
    throw noRoom(error, folder) ?? error;
  }
  const whole = [...manifest.files.values()];
  return {
    type: 'export',
    folder,
    format: options.format,
    series: series.length,
    files: whole.length,
    filesKept: kept,
    rows: whole.reduce((sum, file) => sum + file.rows, 0),
    bytes: whole.reduce((sum, file) => sum + file.bytes, 0),
    seconds: (performance.now() - began) / 1000,
    interrupted,
  };
}

/** One run over the files that are due. */
class Run {
  readonly #options: ExportOptions;
  readonly #columns: readonly ExportColumn[];
  readonly #extra: readonly ExtraColumn[];
  readonly #facts: Coverage['facts'];
  readonly #manifest: Manifest;
  readonly #reporter: ExportReporter;
  readonly #files: number;
  readonly #began: number;
  #rows = 0;
  #done = 0;
  /** Files that were not begun. */
  left = 0;

  constructor(
    options: ExportOptions,
    columns: readonly ExportColumn[],
    extra: readonly ExtraColumn[],
    facts: Coverage['facts'],
    manifest: Manifest,
    reporter: ExportReporter,
    files: number,
    began: number,
  ) {
    this.#options = options;
    this.#columns = columns;
    this.#extra = extra;
    this.#facts = facts;
    this.#manifest = manifest;
    this.#reporter = reporter;
    this.#files = files;
    this.#began = began;
    this.#done = manifest.files.size;
  }

  /** Writes the files on `workers` threads; the first failure ends all. */
  async all(due: readonly ExportFile[]): Promise<void> {
    if (due.length === 0) return;
    // Holds the snapshot the threads read in: what is loaded or recomputed meanwhile is in no file, or in all.
    const holder = await connect(this.#options.url, { applicationName: 'backhaul export' });
    const pool = this.#pool();
    try {
      await holder.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
      const { rows } = await holder.query<{ id: string }>('SELECT pg_export_snapshot() AS id');
      const queue = [...due];
      const next = async (): Promise<void> => {
        for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
          if (this.#options.drain.aborted) {
            this.left += 1 + queue.length;
            queue.length = 0;
            return;
          }
          await this.#one(pool, file, rows[0]!.id);
        }
      };
      await Promise.all(Array.from({ length: this.#options.workers }, next));
    } finally {
      await pool.destroy();
      await holder.end().catch(() => {});
    }
  }

  #pool(): Piscina<FileOrder, FileResult> {
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
    return new Piscina({
      filename: fileURLToPath(new URL('../../bin/worker.js', import.meta.url)),
      argv: [new URL(`./export_worker.${extension}`, import.meta.url).href],
      minThreads: 0,
      maxThreads: this.#options.workers,
      idleTimeout: IDLE_MS,
      atomics: 'disabled',
    });
  }

  async #one(pool: Piscina<FileOrder, FileResult>, file: ExportFile, snapshot: string): Promise<void> {
    const { port1, port2 } = new MessageChannel();
    port1.on('message', (rows: number) => {
      this.#rows += rows;
      this.#tell();
    });
    const result = await pool
      .run(this.#order(file, snapshot, port2), { transferList: [port2] })
      .finally(() => port1.close());
    if (result.kind === 'failed') throw new BackhaulError(result.fault);
    this.#done++;
    if (result.kind === 'written') {
      await this.#manifest.add(result.file);
      this.#reporter.file(result.file);
    }
    this.#tell();
  }

  #order(file: ExportFile, snapshot: string, port: FileOrder['port']): FileOrder {
    const { url, folder, format, by } = this.#options;
    const said = saidByPath(by);
    const { series } = file;
    const groups = this.#groupsOf(series);
    const types = Object.fromEntries(this.#extra.map(({ name, type }) => [name, type]));
    // What path and manifest alone say is lost with a file that is moved: kept inside as well, where a format has a place.
    const metadata = new Map<string, string>([
      [EXPORT_METADATA.format, '1'],
      [EXPORT_METADATA.groups, JSON.stringify(groups)],
      [EXPORT_METADATA.extra, JSON.stringify(types)],
    ]);
    if (said.has('venue')) metadata.set(EXPORT_METADATA.venue, series[0]!.venue);
    if (said.has('symbol')) metadata.set(EXPORT_METADATA.symbol, series[0]!.symbol);
    return {
      url,
      snapshot,
      folder,
      path: file.path,
      format,
      columns: this.#columns,
      seriesIds: Int32Array.from(series, ({ seriesId }) => seriesId),
      series: {
        venue: said.has('venue') ? null : series.map(({ venue }) => venue),
        symbol: said.has('symbol') ? null : series.map(({ symbol }) => symbol),
        intervalS: series.map(({ intervalS }) => intervalS),
      },
      from: isoUs(file.fromUs),
      to: isoUs(file.toUs),
      metadata,
      groups,
      port,
    };
  }

  /** The venues and intervals of a file's series. What its layout said of one series of a group it said of all. */
  #groupsOf(series: readonly Series[]): ExportGroup[] {
    const groups = new Map<string, ExportGroup>();
    for (const { seriesId, venue, intervalS, prices, calendar } of series) {
      const key = `${venue}\n${intervalS}`;
      if (groups.has(key)) continue;
      const { grid, sessionZone } = this.#facts.get(seriesId)!;
      groups.set(key, {
        venue,
        interval_s: intervalS,
        session_zone: sessionZone,
        grid,
        ...(prices !== undefined && { prices }),
        ...(calendar !== undefined && { calendar }),
      });
    }
    return [...groups.values()];
  }

  #tell(): void {
    this.#reporter.progress({
      type: 'progress',
      files: this.#files,
      filesDone: this.#done,
      rows: this.#rows,
      seconds: (performance.now() - this.#began) / 1000,
    });
  }
}

/** Rows of partitions that wait for their key are in no index: a load is at work, or was cut off. */
async function refuseUnattached(db: Pool): Promise<void> {
  const { rowCount } = await db.query(`SELECT FROM backhaul.partition WHERE state = 'bare' LIMIT 1`);
  if (rowCount === 0) return;
  throw new BackhaulError({
    kind: 'database',
    message: 'a load is under way, or was cut off before its partitions had their keys',
    hint: 'wait until it ends, or run the same load again; then export',
  });
}

const KINDS: Readonly<Record<string, ColumnKind>> = {
  float8: 'float64',
  int8: 'int64',
  int4: 'int32',
  timestamptz: 'timestamp',
  numeric: 'text',
  text: 'text',
};

/** The columns of `candles` that `bars` holds, `ts` first: prices, those indicators, and what a layout added. */
async function readColumns(db: Pool, indicators: readonly string[]): Promise<ExportColumn[]> {
  const { rows } = await db.query<{ name: string; type: string }>(
    `SELECT b.attname AS name, t.typname AS type
     FROM pg_attribute b
     JOIN pg_attribute c ON c.attrelid = 'backhaul.candles'::regclass AND c.attname = b.attname AND NOT c.attisdropped
     JOIN pg_type t ON t.oid = b.atttypid
     WHERE b.attrelid = 'backhaul.bars'::regclass AND b.attnum > 0 AND NOT b.attisdropped
     ORDER BY b.attname <> 'ts', b.attnum`,
  );
  const isLeftOut = (name: string): boolean =>
    (INDICATOR_NAMES as readonly string[]).includes(name) && !indicators.includes(name);
  return rows.flatMap(({ name, type }) => {
    const kind = KINDS[type];
    return kind === undefined || isLeftOut(name) ? [] : [{ name, kind }];
  });
}

function termsOf({ format, by, filter, fromUs, toUs, indicators }: ExportOptions): ExportTerms {
  const { symbols, tierSymbols, intervals } = filter;
  return {
    format,
    by,
    symbols: symbols === null && tierSymbols === null ? null : [...(symbols ?? []), ...(tierSymbols ?? [])],
    intervals,
    fromTs: fromUs === null ? null : isoUs(fromUs),
    toTs: toUs === null ? null : isoUs(toUs),
    ...(indicators.length < INDICATOR_NAMES.length && { indicators }),
  };
}

async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    throw new BackhaulError({
      kind: 'usage',
      message: `the folder ${folder} cannot be made`,
      code,
      hint:
        code === 'EEXIST' || code === 'ENOTDIR' ? 'a file of that name stands there' : 'look at its rights',
    });
  }
}

/** What an export that was stopped had begun, and the folders it had made for it. */
async function removeUnfinished(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !entry.name.endsWith(UNFINISHED)) continue;
    await unlink(join(entry.parentPath, entry.name));
    await removeEmpty(folder, relative(folder, entry.parentPath));
  }
}

/** Folders of the path below `folder`, the innermost first, as long as they are empty. */
async function removeEmpty(folder: string, path: string): Promise<void> {
  for (let inner = path; inner !== '' && inner !== '.'; inner = dirname(inner)) {
    try {
      await rmdir(join(folder, inner));
    } catch {
      return;
    }
  }
}

/** ISO 8601 with microseconds. */
function isoUs(us: number): string {
  const ms = Math.floor(us / 1000);
  return `${new Date(ms).toISOString().slice(0, -1)}${String(us - ms * 1000).padStart(3, '0')}Z`;
}
