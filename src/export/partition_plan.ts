/** Which files an export consists of: the series cut by venue, symbol, interval and time. Pure. */

import { interval as intervalText } from '../base/quantities.ts';
import type { Series } from '../series/series.ts';

/** What files may be cut by, coarse to fine. */
export const PARTITION_KEYS = ['venue', 'symbol', 'interval', 'year', 'month'] as const;
export type PartitionKey = (typeof PARTITION_KEYS)[number];

export const FORMATS = ['parquet', 'arrow', 'csv', 'csv.gz', 'csv.zst'] as const;
export type ExportFormat = (typeof FORMATS)[number];

/** One file to be written. */
export interface ExportFile {
  /** Below the export's folder, `/` between its parts: `venue=kraken/interval=1m/year=2024/bars.parquet`. */
  readonly path: string;
  /** By symbol, interval and venue: the order of the file's rows, within each by time. */
  readonly series: readonly Series[];
  /** µs since 1970, [from, to). */
  readonly fromUs: number;
  readonly toUs: number;
}

/** Stretches of time to cut by: [from, to) in µs, with the parts of a path that name them. */
interface Slice {
  readonly fromUs: number;
  readonly toUs: number;
  readonly parts: readonly string[];
}

/**
 * The files of an export, in the order of their paths. Series without a bar in the range have none; whether one of
 * those with bars around a hole has rows in a stretch is seen when it is read.
 */
export function planFiles(
  series: readonly Series[],
  by: readonly PartitionKey[],
  format: ExportFormat,
  range: { readonly fromUs: number; readonly toUs: number },
): ExportFile[] {
  const groups = new Map<string, { readonly parts: Map<PartitionKey, string>; readonly series: Series[] }>();
  for (const one of series) {
    if (one.firstUs === null || one.lastUs === null) continue;
    const parts = new Map<PartitionKey, string>();
    for (const key of by) {
      if (key === 'venue') parts.set(key, part(key, one.venue));
      if (key === 'symbol') parts.set(key, part(key, one.symbol));
      if (key === 'interval') parts.set(key, part(key, intervalText(one.intervalS)));
    }
    const name = [...parts.values()].join('/');
    const group = groups.get(name);
    if (group === undefined) groups.set(name, { parts, series: [one] });
    else group.series.push(one);
  }
  const files: ExportFile[] = [];
  for (const { parts, series: members } of groups.values()) {
    const first = members.reduce((least, { firstUs }) => Math.min(least, firstUs!), Infinity);
    const last = members.reduce((most, { lastUs }) => Math.max(most, lastUs!), -Infinity);
    const fromUs = Math.max(range.fromUs, first);
    const toUs = Math.min(range.toUs, last + 1);
    members.sort(bySymbol);
    for (const slice of slices(fromUs, toUs, by)) {
      const within = members.filter((one) => one.firstUs! < slice.toUs && one.lastUs! >= slice.fromUs);
      if (within.length === 0) continue;
      const folders = by.flatMap(
        (key) => parts.get(key) ?? slice.parts.filter((p) => p.startsWith(`${key}=`)),
      );
      files.push({
        path: [...folders, `bars.${format}`].join('/'),
        series: within,
        fromUs: slice.fromUs,
        toUs: slice.toUs,
      });
    }
  }
  return files.sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
}

/** Columns that a file does not hold because its path says them. */
export function saidByPath(by: readonly PartitionKey[]): ReadonlySet<string> {
  return new Set(by.filter((key) => key === 'venue' || key === 'symbol'));
}

/** `venue=kraken`: a name as Hive writes it, so that readers find the column again. */
function part(key: string, value: string): string {
  // encodeURIComponent leaves dots alone, and a folder called `..` would lead out.
  const text = encodeURIComponent(value).replace(/^\.+$/, (dots) => '%2E'.repeat(dots.length));
  return `${key}=${text}`;
}

function bySymbol(a: Series, b: Series): number {
  if (a.symbol !== b.symbol) return a.symbol < b.symbol ? -1 : 1;
  if (a.intervalS !== b.intervalS) return a.intervalS - b.intervalS;
  return a.venue < b.venue ? -1 : a.venue > b.venue ? 1 : 0;
}

/** Calendar years or months (UTC) that [fromUs, toUs) touches. */
function* slices(fromUs: number, toUs: number, by: readonly PartitionKey[]): Generator<Slice> {
  if (fromUs >= toUs) return;
  const monthly = by.includes('month');
  if (!monthly && !by.includes('year')) {
    yield { fromUs, toUs, parts: [] };
    return;
  }
  const start = new Date(fromUs / 1000);
  let year = start.getUTCFullYear();
  let month = monthly ? start.getUTCMonth() : 0;
  for (;;) {
    const from = Date.UTC(year, month, 1) * 1000;
    const to = (monthly ? Date.UTC(year, month + 1, 1) : Date.UTC(year + 1, 0, 1)) * 1000;
    if (from >= toUs) return;
    const parts = [`year=${year}`];
    // Beside its year a month is told by its number, by itself with the year: January comes every year.
    const number = String(month + 1).padStart(2, '0');
    if (monthly) parts.push(`month=${by.includes('year') ? number : `${year}-${number}`}`);
    yield { fromUs: Math.max(from, fromUs), toUs: Math.min(to, toUs), parts };
    if (monthly) month++;
    else year++;
    if (month === 12) {
      month = 0;
      year++;
    }
  }
}
