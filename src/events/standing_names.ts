/** Events under the names that their markets stand under: one market is one series, whatever a file of events calls it. */

import { type Aliases, CURRENCIES, spellings } from '../base/spellings.ts';
import type { Db } from '../database/connect.ts';
import { ALL_SERIES, findSeries } from '../series/series.ts';
import { keyOfEvent, type MarketEvent } from './market_event.ts';
import type { EventScope } from './read_events.ts';

export interface NamedEvents {
  readonly events: readonly MarketEvent[];
  /** Left out: it speaks of all its file ever told. */
  readonly scope?: EventScope;
}

/**
 * The events, each under the symbol of its venue's series: its own, or else the one that stands in another case or by
 * another spelling of a currency. A symbol of which nothing stands keeps its name.
 */
export async function underStandingNames(db: Db, { events, scope }: NamedEvents): Promise<NamedEvents> {
  const nameOf = await namesAt(db, new Set(events.map(({ venue }) => venue)));
  const named = new Map<string, MarketEvent>();
  for (const event of events) {
    const one = { ...event, symbol: nameOf(event.venue, event.symbol) };
    // Of a market told under two spellings, what is said first counts.
    if (!named.has(keyOfEvent(one))) named.set(keyOfEvent(one), one);
  }
  if (scope === undefined || scope.venue === null || scope.symbol === null)
    return { events: [...named.values()], ...(scope !== undefined && { scope }) };
  const { venue } = scope;
  return { events: [...named.values()], scope: { venue, symbol: nameOf(venue, scope.symbol) } };
}

/** What symbols of these venues are called in their series; what has none keeps its name. */
export async function namesAt(
  db: Db,
  venues: ReadonlySet<string>,
): Promise<(venue: string, symbol: string) => string> {
  const names = (await findSeries(db, ALL_SERIES)).filter(({ venue }) => venues.has(venue));
  const byVenue = new Map(
    [...Map.groupBy(names, ({ venue }) => venue)].map(([venue, own]) => [venue, naming(own)]),
  );
  return (venue, symbol) => byVenue.get(venue)?.(symbol) ?? symbol;
}

/** What the symbols of one venue are called in its series. */
function naming(
  series: readonly { readonly symbol: string; readonly aliases?: Aliases }[],
): (symbol: string) => string | undefined {
  const known = new Set(series.map(({ symbol }) => symbol));
  const byUpper = new Map(series.map(({ symbol }) => [symbol.toUpperCase(), symbol]));
  const pairs = series
    .flatMap(({ aliases = [] }) => aliases)
    .map(([a, b]) => [a.toUpperCase(), b.toUpperCase()] as const);
  const aliases = [...CURRENCIES, ...new Map(pairs.map((pair) => [pair.join(' '), pair])).values()];
  return (symbol) => {
    if (known.has(symbol)) return symbol;
    const spelled = spellings(symbol.toUpperCase(), aliases).find((one) => byUpper.has(one));
    return spelled === undefined ? undefined : byUpper.get(spelled);
  };
}
