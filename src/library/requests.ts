/** What a program asks for, in its own terms, as the engine's options. */

import { isRollup } from '../buckets/rollup_rule.ts';
import { BackhaulError } from '../faults/fault.ts';
import { LOAD_DEFAULTS } from '../load/defaults.ts';
import type { LoadOptions } from '../load/load_events.ts';
import { intervalSeconds } from '../producer/layouts/interval_words.ts';
import type { SeriesFilter } from '../series/series.ts';

/** An instant: a Date, or ISO 8601 (`2024`, `2024-03`, `2024-03-05T14:30Z`). */
export type Instant = Date | string;
/** Seconds, or `1m`, `4h`, `1d`. */
export type Interval = number | string;

/** Which series and which time, `[from, to)`. */
export interface Wanted {
  readonly symbols?: readonly string[];
  readonly intervals?: readonly Interval[];
  readonly from?: Instant;
  readonly to?: Instant;
}

export interface LoadRequest
  extends Wanted,
    Partial<
      Pick<
        LoadOptions,
        | 'layout'
        | 'indicators'
        | 'workers'
        | 'prices'
        | 'maxRejects'
        | 'maxRejectShare'
        | 'onInvalid'
        | 'onConflict'
        | 'dryRun'
        | 'sourceOptions'
        | 'drainMs'
      >
    > {
  /** Folders, files, zips, `s3://…`, `https://…`. */
  readonly sources: readonly string[];
  /** `postgres://…`: 13 or newer. */
  readonly database: string;
  readonly venue?: string;
  /** What files are that do not tell. */
  readonly interval?: Interval;
  /** Longer bars to be made as well, and by later loads of the same markets: `['5m', '1h', '1d']`. */
  readonly rollups?: readonly Interval[];
  /** Aborted once: files at work end, for at most `drainMs`; then the load resolves as interrupted. */
  readonly signal?: AbortSignal;
}

/**
 * The engine's options.
 * @throws BackhaulError `usage` for a text that cannot be meant
 */
export function loadOptionsOf(request: LoadRequest): LoadOptions {
  const { sources, database, from, to, intervals, interval, rollups = [], signal: _, ...rest } = request;
  const given = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined));
  return {
    ...LOAD_DEFAULTS,
    ...given,
    sources,
    databaseUrl: database,
    fromUs: from === undefined ? null : microseconds(from),
    toUs: to === undefined ? null : microseconds(to),
    intervals: intervals === undefined ? null : intervals.map(seconds),
    interval: interval === undefined ? null : seconds(interval),
    rollups: rollups.map(rollupSeconds),
  };
}

/** Which series are meant; null for all. */
export function filterOf({ symbols, intervals }: Wanted): SeriesFilter {
  return {
    symbols: symbols ?? null,
    tierSymbols: null,
    intervals: intervals === undefined ? null : intervals.map(seconds),
  };
}

/** µs since 1970. */
export function microseconds(instant: Instant): number {
  const text = typeof instant === 'string' ? instant : null;
  const ms =
    instant instanceof Date
      ? instant.getTime()
      : Date.parse(/^\d{4}(-\d\d)?$/.test(text!) ? `${text}Z` : text!);
  if (!Number.isNaN(ms)) return ms * 1000;
  throw new BackhaulError({
    kind: 'usage',
    message: `"${String(instant)}" is no instant`,
    expected: 'a Date, or ISO 8601',
  });
}

/** Of bars that shorter ones can make. */
function rollupSeconds(interval: Interval): number {
  const found = seconds(interval);
  if (isRollup(found)) return found;
  throw new BackhaulError({
    kind: 'usage',
    message: `no shorter bars fill "${interval}"`,
    expected: 'a part of a day, 1d, 1w or 1mo',
  });
}

function seconds(interval: Interval): number {
  const found = typeof interval === 'number' ? interval : intervalSeconds(interval);
  if (found !== null && Number.isInteger(found) && found > 0) return found;
  throw new BackhaulError({
    kind: 'usage',
    message: `"${interval}" is no interval`,
    expected: 'seconds, or 1m, 4h, 1d',
  });
}
