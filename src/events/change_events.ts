import type { Pool } from 'pg';
import { type Db, inTransaction } from '../database/connect.ts';
import { type EventChanges, eventsBeside, type StandingEvent, writeEvents } from './event_table.ts';
import { keyOfEvent, type MarketEvent, sameEvent } from './market_event.ts';

/** What a file of events says, made to stand. */

export interface EventLoad {
  /** The file, by which its next version is known. */
  readonly source: string;
  readonly events: readonly MarketEvent[];
}

export interface EventSummary {
  readonly type: 'events';
  readonly source: string;
  readonly events: number;
  readonly added: number;
  readonly changed: number;
  readonly removed: number;
  readonly equal: number;
  /** Symbols of the file of which no series is there, as `venue symbol`: their events are kept. */
  readonly unknownSymbols: readonly string[];
}

/** What of a file's events is new against what stands, and what it told before and no longer does. */
export function changesOf(
  { source, events }: EventLoad,
  standing: readonly StandingEvent[],
): EventChanges & {
  readonly equal: number;
} {
  const stands = new Map(standing.map((one) => [keyOfEvent(one.event), one]));
  const told = new Set(events.map(keyOfEvent));
  const added: MarketEvent[] = [];
  const changed: MarketEvent[] = [];
  const takenOver: MarketEvent[] = [];
  let equal = 0;
  for (const event of events) {
    const before = stands.get(keyOfEvent(event));
    if (before === undefined) added.push(event);
    else if (!sameEvent(before.event, event)) changed.push(event);
    else {
      equal++;
      if (before.source !== source) takenOver.push(event);
    }
  }
  const removed = standing
    .filter((one) => one.source === source && !told.has(keyOfEvent(one.event)))
    .map((one) => one.event);
  return { added, changed, removed, takenOver, equal };
}

/** Makes what a file says stand. */
export async function changeEvents(db: Pool, load: EventLoad, dryRun: boolean): Promise<EventSummary> {
  const changes = changesOf(load, await eventsBeside(db, load.events, load.source));
  if (!dryRun) await inTransaction(db, (client) => writeEvents(client, load.source, changes));
  return {
    type: 'events',
    source: load.source,
    events: load.events.length,
    added: changes.added.length,
    changed: changes.changed.length,
    removed: changes.removed.length,
    equal: changes.equal,
    unknownSymbols: await symbolsWithoutSeries(db, load.events),
  };
}

async function symbolsWithoutSeries(db: Db, events: readonly MarketEvent[]): Promise<string[]> {
  const { rows } = await db.query<{ name: string }>(
    `SELECT DISTINCT n.venue || ' ' || n.symbol AS name FROM unnest($1::text[], $2::text[]) AS n (venue, symbol)
     WHERE NOT EXISTS (SELECT FROM backhaul.series s WHERE s.venue = n.venue AND s.symbol = n.symbol) ORDER BY name`,
    [events.map(({ venue }) => venue), events.map(({ symbol }) => symbol)],
  );
  return rows.map(({ name }) => name);
}
