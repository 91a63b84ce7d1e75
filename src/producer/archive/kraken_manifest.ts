/** The `MANIFEST.json` of Kraken's zips, read as far as it is understood: its shape is documented nowhere. */

import { printable } from '../../faults/safe_text.ts';

export interface Manifest {
  /** What the zip covers, µs since 1970, `[from, to)`; null where it does not say. */
  readonly fromUs: number | null;
  readonly toUs: number | null;
  /** Rows by the file's name, in lower case and without folders; empty when no files are listed. */
  readonly rows: ReadonlyMap<string, { readonly name: string; readonly rows: number | null }>;
}

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

const DAY_US = 86_400_000_000;
const MINUTE_US = 60_000_000;

/** Null when the text is no JSON object, or says nothing that is understood. */
export function parseManifest(text: string): Manifest | null {
  let json: Json;
  try {
    json = JSON.parse(text) as Json;
  } catch {
    return null;
  }
  if (!isObject(json)) return null;
  const coverage = json['coverage'] ?? json['range'] ?? json['period'] ?? json;
  const [from, to] = endsOf(coverage);
  const fromUs = instantUs(from, false);
  const toUs = instantUs(to, true);
  const rows = rowsOf(json['files'] ?? null);
  const isRange = fromUs === null || toUs === null || fromUs < toUs;
  if ((fromUs === null && toUs === null && rows.size === 0) || !isRange) return null;
  return { fromUs, toUs, rows };
}

/** What files are called in manifests and zips alike: the one may spell an accent as a letter of its own, the other not. */
export function manifestKey(name: string): string {
  return name
    .slice(name.lastIndexOf('/') + 1)
    .normalize('NFC')
    .toLowerCase();
}

function isObject(json: Json | undefined): json is { readonly [key: string]: Json } {
  return typeof json === 'object' && json !== null && !Array.isArray(json);
}

/** `{from, to}` under several names, `[from, to]`, or `"from..to"`. */
function endsOf(coverage: Json): readonly [Json, Json] {
  if (typeof coverage === 'string') {
    const [from = null, to = null] = coverage.split(/\s*(?:\.\.|\/|–|\bto\b)\s*/);
    return [from, to];
  }
  if (Array.isArray(coverage)) return [coverage[0] ?? null, coverage[1] ?? null];
  if (!isObject(coverage)) return [null, null];
  const first = (...keys: string[]): Json =>
    keys.map((key) => coverage[key]).find((value) => value != null) ?? null;
  return [
    first('from', 'start', 'begin', 'first', 'coverage_start', 'start_date'),
    first('to', 'end', 'until', 'last', 'coverage_end', 'end_date'),
  ];
}

/** µs of a date or an instant (Unix seconds or text). The end of a range includes the day or the minute it names. */
function instantUs(value: Json, isEnd: boolean): number | null {
  if (typeof value === 'number') return value > 0 && value < 4e9 ? endUs(value * 1e6, isEnd) : null;
  if (typeof value !== 'string' || !/^\d{4}-\d{2}-\d{2}/.test(value)) return null;
  const isDay = value.length === 10;
  const hasZone = /(?:Z|[+-]\d{2}:?\d{2})$/i.test(value);
  const ms = Date.parse(isDay || hasZone ? value : `${value.replace(' ', 'T')}Z`);
  if (Number.isNaN(ms)) return null;
  return isDay && isEnd ? ms * 1000 + DAY_US : endUs(ms * 1000, isEnd);
}

/** As an end, midnight is where the next period starts; any other instant lies in the last minute covered. */
function endUs(us: number, isEnd: boolean): number {
  return !isEnd || us % DAY_US === 0 ? us : (Math.floor(us / MINUTE_US) + 1) * MINUTE_US;
}

/** `[{name, rows}]`, `{name: {rows}}` or `{name: rows}`. */
function rowsOf(files: Json): Manifest['rows'] {
  const rows = new Map<string, { name: string; rows: number | null }>();
  const add = (name: Json | undefined, count: Json | undefined): void => {
    if (typeof name !== 'string') return;
    const known = typeof count === 'number' && Number.isSafeInteger(count) && count >= 0 ? count : null;
    // A missing one becomes a task of this name: it must be one that can be stored and shown.
    rows.set(manifestKey(name), { name: printable(name.toWellFormed(), 1000), rows: known });
  };
  const countOf = (file: { readonly [key: string]: Json }): Json | undefined =>
    file['rows'] ?? file['row_count'] ?? file['records'];
  if (Array.isArray(files)) {
    for (const file of files as readonly Json[]) {
      if (typeof file === 'string') add(file, undefined);
      if (isObject(file))
        add(file['name'] ?? file['file'] ?? file['filename'] ?? file['path'], countOf(file));
    }
  } else if (isObject(files)) {
    for (const [name, file] of Object.entries(files)) add(name, isObject(file) ? countOf(file) : file);
  }
  return rows;
}
