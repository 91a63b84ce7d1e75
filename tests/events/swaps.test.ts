import { expect, it } from 'vitest';
import type { MarketEvent } from '../../src/events/market_event.ts';
import { swapsOf } from '../../src/events/swaps.ts';

const DAY = Date.UTC(2024, 1, 1) / 86_400_000;

function rename(symbol: string, newSymbol: string, day = DAY, venue = 'own'): MarketEvent {
  return { kind: 'rename', venue, symbol, newSymbol, day };
}

it('names that go round on one day are a swap, told once from its first name on', () => {
  expect(swapsOf([rename('B', 'A'), rename('A', 'B')])).toEqual([
    { venue: 'own', symbols: ['A', 'B'], day: '2024-02-01' },
  ]);
  const three = [rename('C', 'A'), rename('A', 'B'), rename('B', 'C'), rename('X', 'A')];
  expect(swapsOf(three)).toEqual([{ venue: 'own', symbols: ['A', 'B', 'C'], day: '2024-02-01' }]);
});

it('a chain, another day and another venue are none', () => {
  expect(swapsOf([rename('A', 'B'), rename('B', 'C')])).toEqual([]);
  expect(swapsOf([rename('A', 'B'), rename('B', 'A', DAY + 1)])).toEqual([]);
  expect(swapsOf([rename('A', 'B'), rename('B', 'A', DAY, 'other')])).toEqual([]);
});
