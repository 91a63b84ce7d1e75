/** Names that companies take from each other on one day. Pure. */

import { dayText, type MarketEvent, type Rename } from './market_event.ts';

/** Each of the symbols is called as the next one was from that day on, the last one as the first. */
export interface Swap {
  readonly venue: string;
  readonly symbols: readonly string[];
  /** As in `2024-02-01`. */
  readonly day: string;
}

/** The swaps among events, each once, from the first of its symbols on. */
export function swapsOf(events: readonly MarketEvent[]): Swap[] {
  const renames = events.filter((event): event is Rename => event.kind === 'rename');
  const swaps: Swap[] = [];
  for (const some of Map.groupBy(renames, ({ venue, day }) => `${day} ${venue}`).values()) {
    const next = new Map(some.map(({ symbol, newSymbol }) => [symbol, newSymbol]));
    for (const { venue, symbol, day } of some) {
      const symbols = [symbol];
      let name = next.get(symbol);
      while (name !== undefined && !symbols.includes(name)) {
        symbols.push(name);
        name = next.get(name);
      }
      if (symbols.length > 1 && name === symbol && symbols.every((one) => one >= symbol))
        swaps.push({ venue, symbols, day: dayText(day) });
    }
  }
  return swaps;
}
