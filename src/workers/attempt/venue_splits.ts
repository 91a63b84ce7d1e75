/** The splits of a file's symbols. */

import type { ClientBase } from 'pg';
import type { Splits } from '../../indicators/engine.ts';
import { readVenueSplits } from '../../state/venue_splits.ts';
import type { Assignment } from '../link/assignment.ts';

/** By symbol; null: the venue has no events. */
export type SymbolSplits = ReadonlyMap<string, Splits> | null;

/** What this thread read last: the files of a folder are of one venue, and events change once in a while. */
let kept: { readonly key: string; readonly splits: SymbolSplits } | null = null;

/** Reads them, where the venue has any and this thread has not read that revision. Before anything is sent by COPY. */
export async function splitsOfVenue(
  client: ClientBase | null,
  { eventRevision, plan, settings }: Assignment,
): Promise<SymbolSplits> {
  if (eventRevision === 0 || client === null) return null;
  const key = `${eventRevision} ${settings.databaseUrl}\n${plan.venue}`;
  if (kept?.key !== key) kept = { key, splits: await readVenueSplits(client, plan.venue) };
  return kept.splits;
}

/** The next load may be into another database. */
export function forgetSplits(): void {
  kept = null;
}
