/** A price that walks at random, bar by bar, in whole ticks so that every number can be written exactly. */

import type { Random } from './random.ts';

/** One bar; prices in ticks, volume in its smallest unit. */
export interface SampleBar {
  open: number;
  high: number;
  low: number;
  close: number;
  volume: number;
  trades: number;
}

/** What a series is like. */
export interface Character {
  /** Relative deviation of the price over one step. */
  readonly volatility: number;
  /** Volume of a usual trade, in the smallest unit. */
  readonly tradeVolume: number;
  /** Trades of a usual bar. */
  readonly tradesPerBar: number;
}

/** Price moves within a bar: enough for a high and a low that are neither open nor close. */
const MOVES = 4;

/** The next bar of a walk that stands at `price` ticks; written into `bar`, which the caller owns and reuses. */
export function nextBar(random: Random, price: number, character: Character, bar: SampleBar): void {
  const trades = 1 + Math.floor(character.tradesPerBar * random.heavy() * 0.5);
  let at = move(random, price, character.volatility * 0.3);
  bar.open = at;
  bar.high = at;
  bar.low = at;
  const moves = Math.min(MOVES, trades - 1);
  for (let i = 0; i < moves; i++) {
    at = move(random, at, character.volatility / 2);
    if (at > bar.high) bar.high = at;
    if (at < bar.low) bar.low = at;
  }
  bar.close = at;
  bar.trades = trades;
  bar.volume = Math.max(1, Math.floor(character.tradeVolume * trades * (0.25 + random.heavy() * 0.5)));
}

function move(random: Random, price: number, deviation: number): number {
  return Math.max(1, Math.round(price * (1 + deviation * random.bell())));
}
