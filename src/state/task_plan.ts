/** How a task is to be read and what its bars are: decided when it is listed, and all that a worker is told of it. */

import type { CalendarRule } from '../base/calendar_rule.ts';
import type { Aliases } from '../base/spellings.ts';
import type { OnInvalid, RecordShape } from '../scan/shape.ts';

/** How an object's bytes become the CSV's bytes. */
export type Storage =
  | { readonly kind: Packing }
  | { readonly kind: TableKind }
  | {
      readonly kind: 'zip';
      /** Size and etag of the zip itself: the task's own are those of the entry. */
      readonly objectBytes: number;
      readonly objectEtag: string;
      /** Where the entry's local header starts in the zip. */
      readonly headerOffset: number;
      readonly compressedSize: number;
      readonly uncompressedSize: number;
      readonly crc32: number;
      /** 0 stored, 8 deflated. */
      readonly method: number;
      /** Present: the entry is no CSV. */
      readonly table?: TableKind;
    }
  | {
      readonly kind: 'tar';
      /** Size and etag of the tar itself. */
      readonly objectBytes: number;
      readonly objectEtag: string;
      /** What the whole tar is packed by. */
      readonly pack: Packing;
      /** Where the entry's bytes lie in the unpacked tar. */
      readonly offset: number;
      readonly size: number;
      /** What the entry is packed by, or is. */
      readonly inner: Packing | TableKind;
    };

/** What a file by itself is packed by. */
export type Packing = 'plain' | 'gzip' | 'zstd' | 'xz' | 'bz2';

/** Files of columns, whose rows are no text. */
export type TableKind = 'parquet' | 'arrow';

export function tableIn(storage: Storage): TableKind | null {
  if (storage.kind === 'zip') return storage.table ?? null;
  const kind = storage.kind === 'tar' ? storage.inner : storage.kind;
  return kind === 'parquet' || kind === 'arrow' ? kind : null;
}

/**
 * What a worker must know to load one task: plain data, stored as `task.plan`, made once by the producer.
 * Times are µs since 1970, ranges `[from, to)`; null is "unbounded" or "unknown" (JSON has no Infinity).
 */
export interface TaskPlan {
  readonly venue: string;
  /** Null: the file's symbol column says. */
  readonly symbol: string | null;
  readonly intervalS: number;
  readonly shape: RecordShape;
  readonly storage: Storage;
  /**
   * `time`: one series, oldest first. `symbol-time`: by symbol (bytes ascending), then time.
   * `any`: anything else (newest first too); such a file is sorted before its indicators are computed.
   */
  readonly order: 'time' | 'symbol-time' | 'any';
  readonly grid: 'none' | 'epoch' | 'week' | 'month' | 'zone-day';
  /** IANA zone whose midnight anchors VWAP and `zone-day` grids. */
  readonly sessionZone: string;
  /** The file's own range, from its name or its manifest. */
  readonly fileFromUs: number | null;
  readonly fileToUs: number | null;
  /** What was asked for by `--from` and `--to`. */
  readonly wantFromUs: number | null;
  readonly wantToUs: number | null;
  /** Symbols asked for out of a file of many: name in the file → name to store; null for all, as they are. */
  readonly wantSymbols: Readonly<Record<string, string>> | null;
  /** Spellings of one currency, where its symbols are in a column or its layout knows others than everybody. */
  readonly aliases?: Aliases;
  /** When the market of its series trades, where the layout says so. */
  readonly calendar?: CalendarRule;
  /** A layout, a venue or an interval was named for it: how it is read is the user's word, and no guess of ours. */
  readonly named?: true;
  readonly onInvalid: OnInvalid;
  readonly onConflict: 'keep' | 'replace';
  /** Absolute limit of rejects, and a share of the records read; null where the user set only the other. */
  readonly maxRejects: number | null;
  readonly maxRejectShare: number | null;
  /** What a compressed file may become, bytes and times its size, where somebody said so. */
  readonly inflate?: { readonly bytes: number; readonly ratio: number };
  /** Rows a manifest promises for this file. */
  readonly expectedRows: number | null;
  /** Published SHA-256 of the object, lower-case hex. */
  readonly sha256: string | null;
}
