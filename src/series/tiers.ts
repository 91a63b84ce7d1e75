/** Symbols in tiers: what matters most is loaded first and shown first. */

import type { Pool } from 'pg';
import { nearest } from '../base/nearest.ts';
import { archiveSpelling, CURRENCIES, spellings, undivided } from '../base/spellings.ts';
import { BackhaulError } from '../faults/fault.ts';
import { readSymbolTiers, type SymbolTier, storeSymbolTiers } from '../state/series/symbol_tiers.ts';

export interface Tier {
  /** `TIER1` … `TIER9`. */
  readonly name: string;
  /** The number in the name: lower ones go first. Symbols of no tier have 100. */
  readonly priority: number;
  readonly symbols: readonly string[];
}

export const TIER_NAMES = Array.from({ length: 9 }, (_, n) => `TIER${n + 1}`);

/** The tiers that name symbols, first first. Fault `usage` for a symbol in two of them. */
export function tiersOf(given: Readonly<Record<string, readonly string[] | undefined>>): Tier[] {
  const tiers = TIER_NAMES.map((name, n) => ({ name, priority: n + 1, symbols: given[name] ?? [] }));
  const named = tiers.filter((tier) => tier.symbols.length > 0);
  const seen = new Map<string, string>();
  for (const { name, symbols } of named) {
    for (const symbol of symbols) {
      const market = archiveSpelling(symbol, CURRENCIES);
      const other = seen.get(market);
      if (other !== undefined && other !== name)
        throw new BackhaulError({
          kind: 'usage',
          message: `${symbol} is in two tiers: ${other} and ${name}`,
        });
      seen.set(market, name);
    }
  }
  return named;
}

/** The symbols of the tiers with these names (`TIER1`, `tier1`, `1`). Fault `usage` for a tier that is not set. */
export function symbolsOfTiers(tiers: readonly Tier[], names: readonly string[]): string[] {
  return names.flatMap((name) => {
    const written = /^\d$/.test(name) ? `TIER${name}` : name.toUpperCase();
    const tier = tiers.find((one) => one.name === written);
    if (tier !== undefined) return tier.symbols;
    const there = tiers.map((one) => one.name);
    const near = nearest(written, there);
    throw new BackhaulError({
      kind: 'usage',
      message: `there is no tier ${name}`,
      hint:
        near !== null
          ? `did you mean ${near}?`
          : there.length > 0
            ? `there are ${there.join(', ')}`
            : 'backhaul.yaml names them: TIER1: [XBTUSD, ETHUSD]',
    });
  });
}

/**
 * Makes these the tiers by which tasks are claimed: those planned from now on, and those that wait. Most loads find them
 * as the one before left them.
 */
export async function setTiers(db: Pool, tiers: readonly Tier[]): Promise<void> {
  const wanted = tiers.flatMap(({ name, priority, symbols }) =>
    [
      ...new Set(
        symbols.flatMap((one) => [one, undivided(one)]).flatMap((one) => spellings(one, CURRENCIES)),
      ),
    ].map((symbol) => ({
      symbol,
      tier: name,
      priority,
    })),
  );
  const key = ({ symbol, tier, priority }: SymbolTier): string => JSON.stringify([symbol, tier, priority]);
  const there = new Set((await readSymbolTiers(db)).map(key));
  if (there.size === new Set(wanted.map(key)).size && wanted.every((row) => there.has(key(row)))) return;
  await storeSymbolTiers(db, wanted);
}
