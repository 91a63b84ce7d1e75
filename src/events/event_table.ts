/** Table `event`, and `event_change`, which has a row for every transaction that changed it. */

import type { ClientBase } from 'pg';
import type { Db } from '../database/connect.ts';
import type { MarketEvent } from './market_event.ts';

/** An event as it stands, and the file that told it last. */
export interface StandingEvent {
  readonly event: MarketEvent;
  readonly source: string;
}

interface EventRow {
  readonly venue: string;
  readonly symbol: string;
  readonly kind: MarketEvent['kind'];
  readonly day: number;
  readonly ratio: number | null;
  readonly amount: number | null;
  readonly currency: string | null;
  readonly isAdjusted: boolean;
  readonly newSymbol: string | null;
  readonly source: string;
}

const COLUMNS = `e.venue, e.symbol, e.kind, e.day - date '1970-01-01' AS day, e.ratio, e.amount, e.currency,
  e.is_adjusted AS "isAdjusted", e.new_symbol AS "newSymbol", e.source`;
const IN_ORDER = 'ORDER BY e.venue, e.symbol, e.day, e.kind';

function standing({
  source,
  kind,
  ratio,
  amount,
  newSymbol,
  currency,
  isAdjusted,
  ...dated
}: EventRow): StandingEvent {
  if (kind === 'split') return { source, event: { ...dated, kind, ratio: ratio! } };
  if (kind === 'rename') return { source, event: { ...dated, kind, newSymbol: newSymbol! } };
  return { source, event: { ...dated, kind, amount: amount!, currency, isAdjusted } };
}

/** All events, by venue, symbol and day. */
export async function readAllEvents(db: Db): Promise<StandingEvent[]> {
  const { rows } = await db.query<EventRow>(`SELECT ${COLUMNS} FROM backhaul.event e ${IN_ORDER}`);
  return rows.map(standing);
}

/** Those of symbols that their venue has no series of, while it has others. */
export async function eventsWithoutSeries(db: Db): Promise<StandingEvent[]> {
  const { rows } = await db.query<EventRow>(
    `SELECT ${COLUMNS} FROM backhaul.event e
     WHERE EXISTS (SELECT FROM backhaul.series s WHERE s.venue = e.venue)
       AND NOT EXISTS (SELECT FROM backhaul.series s WHERE (s.venue, s.symbol) = (e.venue, e.symbol)) ${IN_ORDER}`,
  );
  return rows.map(standing);
}

/** All that files have told last. */
export async function eventsOf(db: Db, sources: ReadonlySet<string>): Promise<StandingEvent[]> {
  const { rows } = await db.query<EventRow>(
    `SELECT ${COLUMNS} FROM backhaul.event e WHERE e.source = ANY ($1) ${IN_ORDER}`,
    [[...sources]],
  );
  return rows.map(standing);
}

/** The events of these symbols, and those that a file has told last. */
export async function eventsBeside(
  db: Db,
  events: readonly MarketEvent[],
  source: string,
): Promise<StandingEvent[]> {
  const { rows } = await db.query<EventRow>(
    `SELECT ${COLUMNS} FROM backhaul.event e
     WHERE e.source = $1 OR (e.venue, e.symbol) IN (SELECT * FROM unnest($2::text[], $3::text[])) ${IN_ORDER}`,
    [source, events.map(({ venue }) => venue), events.map(({ symbol }) => symbol)],
  );
  return rows.map(standing);
}

export interface EventChanges {
  readonly added: readonly MarketEvent[];
  readonly changed: readonly MarketEvent[];
  readonly removed: readonly MarketEvent[];
  /** Told again, by another file. */
  readonly takenOver: readonly MarketEvent[];
}

/** Makes the changes, in the caller's transaction. */
export async function writeEvents(client: ClientBase, source: string, changes: EventChanges): Promise<void> {
  const { added, changed, removed, takenOver } = changes;
  await client.query(
    `DELETE FROM backhaul.event e USING ${ROWS}
     WHERE (e.venue, e.symbol, e.kind, e.day) = (r.venue, r.symbol, r.kind, date '1970-01-01' + r.day)`,
    [JSON.stringify(removed.map(rowOf))],
  );
  await client.query(
    `INSERT INTO backhaul.event AS e (venue, symbol, kind, day, ratio, amount, currency, is_adjusted, new_symbol, source)
     SELECT r.venue, r.symbol, r.kind, date '1970-01-01' + r.day, r.ratio, r.amount, r.currency,
       coalesce(r.is_adjusted, false), r.new_symbol, $2
     FROM ${ROWS}
     ON CONFLICT ON CONSTRAINT event_key DO UPDATE SET ratio = excluded.ratio, amount = excluded.amount,
       currency = excluded.currency, is_adjusted = excluded.is_adjusted, new_symbol = excluded.new_symbol,
       source = excluded.source, loaded_at = clock_timestamp(),
       joined_at = CASE WHEN e.new_symbol = excluded.new_symbol THEN e.joined_at END`,
    [JSON.stringify([...added, ...changed, ...takenOver].map(rowOf)), source],
  );
  const differing = [added, changed, removed].map((events) => Map.groupBy(events, (one) => one.venue));
  for (const venue of new Set(differing.flatMap((byVenue) => [...byVenue.keys()])))
    await client.query(
      'INSERT INTO backhaul.event_change (source, venue, added, changed, removed) VALUES ($1, $2, $3, $4, $5)',
      [source, venue, ...differing.map((byVenue) => byVenue.get(venue)?.length ?? 0)],
    );
}

const ROWS = `jsonb_to_recordset($1::jsonb) AS r (venue text, symbol text, kind text, day int, ratio float8,
  amount float8, currency text, is_adjusted boolean, new_symbol text)`;

function rowOf(event: MarketEvent): object {
  const { venue, symbol, kind, day } = event;
  switch (event.kind) {
    case 'split':
      return { venue, symbol, kind, day, ratio: event.ratio };
    case 'rename':
      return { venue, symbol, kind, day, new_symbol: event.newSymbol };
    case 'dividend': {
      const { amount, currency, isAdjusted } = event;
      return { venue, symbol, kind, day, amount, currency, is_adjusted: isAdjusted };
    }
  }
}
