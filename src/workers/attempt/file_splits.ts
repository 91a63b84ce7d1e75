/** The splits of a file's symbols. */

import type { ClientBase } from 'pg';
import { NO_SPLITS, SessionClock, type SplitDays, type Splits, splitsOf } from '../../indicators/engine.ts';
import { readVenueSplits } from '../../state/series/venue_splits.ts';
import type { Assignment } from '../link/assignment.ts';

/** Those of a venue, by symbol: empty where it has no events. */
export class VenueSplits {
  readonly #days: ReadonlyMap<string, SplitDays>;
  readonly #clock: SessionClock;

  constructor(days: ReadonlyMap<string, SplitDays>, sessionZone: string) {
    this.#days = days;
    this.#clock = SessionClock.zone(sessionZone);
  }

  /** Those that bars of a symbol meet. */
  of(symbol: string, intervalS: number): Splits {
    const days = this.#days.size === 0 ? undefined : this.#days.get(symbol);
    return days === undefined ? NO_SPLITS : splitsOf(days, intervalS * 1e6, this.#clock);
  }
}

/** What this thread read last: the files of a folder are of one venue, and events change once in a while. */
let kept: { readonly key: string; readonly days: ReadonlyMap<string, SplitDays> } | null = null;

const NONE: ReadonlyMap<string, SplitDays> = new Map();

/** Reads them, where the venue has any and this thread has not read that revision. Before anything is sent by COPY. */
export async function splitsOfVenue(
  client: ClientBase | null,
  { eventRevision, plan, settings }: Assignment,
): Promise<VenueSplits> {
  if (eventRevision === 0 || client === null) return new VenueSplits(NONE, plan.sessionZone);
  const key = `${eventRevision} ${settings.databaseUrl}\n${plan.venue}`;
  if (kept?.key !== key) kept = { key, days: await readVenueSplits(client, plan.venue) };
  return new VenueSplits(kept.days, plan.sessionZone);
}

/** The next load may be into another database. */
export function forgetSplits(): void {
  kept = null;
}
