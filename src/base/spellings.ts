/** One market under all its spellings. */

/** Pairs of spellings of one currency, such as XBT and BTC; of each the archive's own first. */
export type Aliases = readonly (readonly [string, string])[];

/** Currencies that vendors spell in two ways: Kraken's archive, and everybody else. */
export const CURRENCIES: Aliases = [
  ['XBT', 'BTC'],
  ['XDG', 'DOGE'],
];

/**
 * The spellings of a symbol: with each alias put in at its start and at its end; itself first. A layout's own may stand
 * for a whole symbol too (GER40 and DAX): a currency alone is none.
 */
export function spellings(symbol: string, aliases: Aliases): string[] {
  const all = new Set([symbol]);
  const own = aliasesBeside(aliases);
  // Each spelling is met again by the loop that adds it, so both ends of DOGEXBT are replaced.
  for (const spelling of all) {
    for (const [a, b] of own) {
      if (spelling === a) all.add(b);
      if (spelling === b) all.add(a);
    }
    for (const [a, b] of aliases) {
      for (const [from, to] of [
        [a, b],
        [b, a],
      ] as const) {
        if (spelling.length < from.length + 2) continue;
        if (spelling.startsWith(from)) all.add(to + spelling.slice(from.length));
        if (spelling.endsWith(from)) all.add(spelling.slice(0, -from.length) + to);
      }
    }
    if (all.size > 64) break;
  }
  return [...all];
}

/**
 * A pair of currencies as one word: BTC/USD, BTC-USD and BTC_USD are BTCUSD. For what users ask; a series is called what its
 * files say. Anything else stays as it is: BRK-B.
 */
export function undivided(symbol: string): string {
  return symbol.replace(/^([A-Z0-9]{2,10})[/_-]([A-Z]{3,5})$/i, '$1$2');
}

/** The spelling of the archive: with each alias put in place of what it stands for. */
export function archiveSpelling(symbol: string, aliases: Aliases): string {
  let name = symbol;
  for (const [archive, other] of aliasesBeside(aliases)) if (name === other) name = archive;
  for (const [archive, other] of aliases) {
    if (name.length < other.length + 2) continue;
    if (name.startsWith(other)) name = archive + name.slice(other.length);
    if (name.endsWith(other)) name = name.slice(0, -other.length) + archive;
  }
  return name;
}

/** All spellings of a symbol, the archive's own first; empty where there is but one. */
export function otherwiseSpelled(symbol: string, aliases: Aliases): readonly string[] {
  const all = aliases.length === 0 ? [] : spellings(symbol, aliases);
  if (all.length < 2) return ONE_SPELLING;
  const archive = archiveSpelling(symbol, aliases);
  return [archive, ...all.filter((one) => one !== archive)];
}

const ONE_SPELLING: readonly string[] = [];

/** One word for all spellings of a symbol: the least of them. */
export function marketOf(symbol: string, aliases: Aliases): string {
  return spellings(symbol, aliases).reduce((least, one) => (one < least ? one : least));
}

/** The aliases that only a layout tells of: everybody knows the others. */
export function aliasesBeside(aliases: Aliases): Aliases {
  return aliases.filter(
    ([a, b]) => !CURRENCIES.some(([one, other]) => (a === one && b === other) || (a === other && b === one)),
  );
}
