/** Ids of series that this thread has met, kept from file to file. */

import type { Aliases } from '../../base/spellings.ts';

/** What the series of a file have in common. */
export interface SeriesFamily {
  readonly venue: string;
  readonly intervalS: number;
  /** Spellings by which symbols of the file are one series. */
  readonly aliases?: Aliases;
}

/** Ids of the series this thread has met in its database, by family and symbol. */
const idsOfFamilies = new Map<string, Map<string, number>>();
/** More families, or symbols of one, are forgotten and asked for again: memory shall not grow with the number of files. */
const MOST_FAMILIES = 64;
const MOST_SYMBOLS = 200_000;

/** Of the events of venues, at the last attempt at one of their files. */
const revisions = new Map<string, number>();

/**
 * An attempt begins at a file of a venue whose events are of that revision. Between two of them names of one company may
 * have been made one series, and the others be gone.
 */
export function knowIdsAsOf(venue: string, revision: number): void {
  const before = revisions.get(venue);
  revisions.set(venue, revision);
  if (before !== undefined && before !== revision) idsOfFamilies.clear();
}

/** Of a family, by symbol: to be filled by who asks for more. */
export function knownIds({ venue, intervalS, aliases = [] }: SeriesFamily): Map<string, number> {
  const family = `${intervalS} ${aliases.join(' ')} ${venue}`;
  let ids = idsOfFamilies.get(family);
  if (ids !== undefined && ids.size < MOST_SYMBOLS) return ids;
  if (idsOfFamilies.size >= MOST_FAMILIES) idsOfFamilies.clear();
  ids = new Map();
  idsOfFamilies.set(family, ids);
  return ids;
}

/** The next load may be into another database. */
export function forgetIds(): void {
  idsOfFamilies.clear();
  revisions.clear();
}
