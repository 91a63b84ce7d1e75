/** Flags of the commands that look at series: which ones, in which range, and the tiers of `backhaul.yaml`. */

import { archiveSpelling, CURRENCIES } from '../../base/spellings.ts';
import { BackhaulError } from '../../faults/fault.ts';
import type { SeriesFilter } from '../../series/series.ts';
import { symbolsOfTiers, TIER_NAMES, type Tier, tiersOf } from '../../series/tiers.ts';
import { list, type Resolved, resolve, type Setting, type Surroundings, value } from './settings.ts';
import { parseIntervals, parseSymbols, parseTime } from './value_parsers.ts';

const WHICH = 'Which:';

export const SERIES_SETTINGS = {
  symbols: list(
    { group: WHICH, describe: 'Only these symbols (XBTUSD,ETHUSD)', otherwise: 'all' },
    parseSymbols,
  ),
  intervals: list(
    { group: WHICH, describe: 'Only these intervals (1m,1h,1d)', otherwise: 'all' },
    parseIntervals,
  ),
  tiers: list(
    { group: WHICH, describe: 'Only the symbols of these tiers of backhaul.yaml (TIER1,TIER2)' },
    parseSymbols,
  ),
};

export const RANGE_SETTINGS = {
  from: value(
    { group: WHICH, describe: 'From this instant on (2024, 2024-03, 2024-03-05T14:30Z)' },
    parseTime,
  ),
  to: value({ group: WHICH, describe: 'Before this instant' }, parseTime),
};

/** Keys of `backhaul.yaml`, no flags: `TIER1: [XBTUSD, ETHUSD]`. */
export const TIER_SETTINGS: Readonly<Record<string, Setting<readonly string[]>>> = Object.fromEntries(
  TIER_NAMES.map((name) => [
    name,
    list({ group: 'Tiers:', describe: `Symbols of ${name}` }, (texts): readonly string[] => texts),
  ]),
);

/** The tiers of the configuration. Fault `usage` for a symbol in two of them. */
export function configuredTiers(surroundings: Surroundings): Tier[] {
  return tiersOf(resolve(TIER_SETTINGS, {}, surroundings));
}

/** Which series the flags mean. Fault `usage` for a tier that is not set. */
export function seriesFilter(flags: Resolved<typeof SERIES_SETTINGS>, tiers: readonly Tier[]): SeriesFilter {
  const { symbols = null, intervals = null, tiers: names = null } = flags;
  return { symbols, intervals, tierSymbols: names === null ? null : symbolsOfTiers(tiers, names) };
}

/** Flags of `load` with the symbols of the tiers they name. Fault `usage` where `symbols` names none of them. */
export function withTiers<
  F extends {
    readonly symbols?: readonly string[] | null | undefined;
    readonly tiers?: readonly string[] | null | undefined;
  },
>(flags: F, tiers: readonly Tier[]): F {
  if (flags.tiers == null) return flags;
  const tiered = symbolsOfTiers(tiers, flags.tiers);
  const markets = new Set(tiered.map((symbol) => archiveSpelling(symbol, CURRENCIES)));
  const symbols =
    flags.symbols == null
      ? tiered
      : flags.symbols.filter((symbol) => markets.has(archiveSpelling(symbol, CURRENCIES)));
  if (symbols.length === 0)
    throw new BackhaulError({
      kind: 'usage',
      message: `no symbol of --symbols is in ${flags.tiers.join(', ')}`,
    });
  return { ...flags, symbols };
}

/** µs since 1970. */
export function nowUs(): number {
  return Date.now() * 1000;
}

/** Fault `usage` for flags that exclude each other. */
export function refuseBoth(flags: Readonly<Record<string, unknown>>, ...names: readonly string[]): void {
  const said = names.filter((name) => flags[name] !== undefined && flags[name] !== false);
  if (said.length < 2) return;
  throw new BackhaulError({
    kind: 'usage',
    message: `${said.map((name) => `--${name}`).join(' and ')} contradict each other`,
  });
}
