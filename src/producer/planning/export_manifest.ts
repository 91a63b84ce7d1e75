/** What an export of ours says of its files: in `manifest.json`, and inside of those that have a place for it. */

import type { CalendarRule } from '../../base/calendar_rule.ts';
import { BackhaulError } from '../../faults/fault.ts';
import type { ExtraColumn } from '../../scan/shape.ts';
import type { Source } from '../sources/source.ts';
import type { ExtraTypes, Manifest } from './export_schema.ts';

/** Keys of the metadata of Parquet and Arrow files. */
export const EXPORT_METADATA = {
  format: 'backhaul.format',
  venue: 'backhaul.venue',
  symbol: 'backhaul.symbol',
  groups: 'backhaul.groups',
  extra: 'backhaul.extra',
} as const;

/** A manifest of a million files has some 300 MB; what is larger is none. */
const MOST_BYTES = 512 << 20;

/** The series of a file that share venue and interval, and what their columns do not say of them. */
export interface ExportGroup {
  readonly venue: string;
  readonly interval_s: number;
  readonly session_zone: string;
  readonly grid: 'none' | 'epoch' | 'week' | 'month' | 'zone-day';
  readonly prices?: 'any';
  readonly calendar?: CalendarRule;
}

/** What is known of one exported file beside its columns. */
export interface ExportedFile {
  readonly groups: readonly ExportGroup[];
  /** Columns that layouts had added. */
  readonly extra: readonly ExtraColumn[];
  /** Of the manifest alone: null where it is not there. */
  readonly listed: {
    readonly rows: number;
    readonly sha256: string;
    /** µs since 1970. */
    readonly firstUs: number;
    readonly lastUs: number;
  } | null;
}

/** Names that exports give their files: folders of `key=value`, then `bars.<format>`. */
const PATH =
  /(?:^|\/)((?:(?:venue|symbol|interval|year|month)=[^/]*\/)*bars\.(?:parquet|arrow|csv(?:\.gz|\.zst)?))$/;

/** What metadata of a Parquet or Arrow file say; null where it is no export of ours. */
export async function exportedByMetadata(
  metadata: ReadonlyMap<string, string>,
): Promise<ExportedFile | null> {
  if (!metadata.has(EXPORT_METADATA.format)) return null;
  const { extra, groups } = await import('./export_schema.ts');
  const read = groups.safeParse(parsed(metadata.get(EXPORT_METADATA.groups)));
  const types = extra.safeParse(parsed(metadata.get(EXPORT_METADATA.extra)));
  if (!read.success || !types.success) return null;
  return { groups: read.data as readonly ExportGroup[], extra: columnsOf(types.data), listed: null };
}

function parsed(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? '');
  } catch {
    return null;
  }
}

function columnsOf(types: ExtraTypes): ExtraColumn[] {
  return Object.entries(types).map(([name, type]) => ({ name, type }));
}

/** The manifests of the exports that a listing meets, each read once. */
export class ExportManifests {
  readonly #source: Source;
  readonly #read = new Map<string, Promise<ReadonlyMap<string, ExportedFile> | null>>();

  constructor(source: Source) {
    this.#source = source;
  }

  /** What a manifest says of the file at `uri`; null where there is none that lists it. */
  async of(uri: string, signal?: AbortSignal): Promise<ExportedFile | null> {
    const path = PATH.exec(uri)?.[1];
    if (path === undefined) return null;
    const root = uri.slice(0, -path.length);
    let files = this.#read.get(root);
    if (files === undefined) {
      files = this.#files(root, signal);
      this.#read.set(root, files);
    }
    return (await files)?.get(plainPath(uri, path)) ?? null;
  }

  async #files(
    root: string,
    signal: AbortSignal | undefined,
  ): Promise<ReadonlyMap<string, ExportedFile> | null> {
    const found = await this.#manifest(`${root}manifest.json`, signal);
    if (found === null) return null;
    const columns = columnsOf(found.extra);
    return new Map(
      found.files.map(({ path, rows, sha256, first_ts, last_ts, groups: own }): [string, ExportedFile] => [
        path,
        {
          groups: own as readonly ExportGroup[],
          extra: columns,
          listed: { rows, sha256, firstUs: Date.parse(first_ts) * 1000, lastUs: Date.parse(last_ts) * 1000 },
        },
      ]),
    );
  }

  async #manifest(uri: string, signal: AbortSignal | undefined): Promise<Manifest | null> {
    const reader = await this.#source.openNamed?.(uri, signal);
    if (reader === undefined || reader === null) return null;
    try {
      if (reader.sizeBytes > MOST_BYTES) return null;
      const text = (await reader.read(0, reader.sizeBytes, signal)).toString('utf8');
      const { manifest } = await import('./export_schema.ts');
      const result = manifest.safeParse(parsed(text));
      return result.success ? result.data : null;
    } catch (error) {
      if (error instanceof BackhaulError && error.fault.kind === 'not-found') return null;
      throw error;
    } finally {
      await reader.close();
    }
  }
}

/** A path as the folder has it: in a file's address it is encoded once more, in a key of S3 it is not. */
function plainPath(uri: string, path: string): string {
  return uri.startsWith('s3:') ? path : decodeURIComponent(path);
}

/** What the folders that an exported file lies in say of it: `venue`, `symbol`, `interval`, `year`, `month`. */
export function saidByFolders(uri: string): ReadonlyMap<string, string> {
  const path = PATH.exec(uri)?.[1] ?? '';
  const parts = plainPath(uri, path).split('/').slice(0, -1);
  return new Map(
    parts.map((part): [string, string] => {
      const at = part.indexOf('=');
      return [part.slice(0, at), decodeURIComponent(part.slice(at + 1))];
    }),
  );
}
