/** Events that were told before any bar of their market was there, when nobody knew how its files would spell it. */

import type { Pool } from 'pg';
import { changeEvents } from './change_events.ts';
import { eventsOf, eventsWithoutSeries } from './event_table.ts';
import { namesAt } from './standing_names.ts';

/**
 * Puts such events under the names that their markets stand under by now, as if their file were loaded again, with the
 * indicators behind them. Returns how many there were. Fault `database` while a load is at work on one of the venues.
 */
export async function takeStandingNames(db: Pool, signal: AbortSignal): Promise<number> {
  const nameless = await eventsWithoutSeries(db);
  if (nameless.length === 0) return 0;
  const nameOf = await namesAt(db, new Set(nameless.map(({ event }) => event.venue)));
  const named = nameless.filter(({ event }) => nameOf(event.venue, event.symbol) !== event.symbol);
  const sources = new Set(named.map(({ source }) => source));
  const all = sources.size === 0 ? [] : await eventsOf(db, sources);
  for (const [source, own] of Map.groupBy(all, (one) => one.source)) {
    if (signal.aborted) break;
    const events = own.map(({ event }) => event);
    await changeEvents(db, { source, events }, { dryRun: false, signal, onProgress: () => {} });
  }
  return named.length;
}
