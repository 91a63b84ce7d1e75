/** One market under all its spellings, and which of them were asked for. */

/** Pairs of spellings of one currency, such as XBT and BTC; of each the archive's own first. */
export type Aliases = readonly (readonly [string, string])[];

/** Currencies that vendors spell in two ways: Kraken's archive, and everybody else. */
export const CURRENCIES: Aliases = [
  ['XBT', 'BTC'],
  ['XDG', 'DOGE'],
];

/** The spellings of a symbol: with each alias put in at its start and at its end, itself first. */
export function spellings(symbol: string, aliases: Aliases): string[] {
  const all = new Set([symbol]);
  // Each spelling is met again by the loop that adds it, so both ends of DOGEXBT are replaced.
  for (const spelling of all) {
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

/** The spelling of the archive: with each alias put in place of what it stands for. */
export function archiveSpelling(symbol: string, aliases: Aliases): string {
  let name = symbol;
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

/** The symbols a user asked for. It selects and never renames: what is stored is what the file says. */
export class SymbolFilter {
  /** All spellings of what was asked for; and those of its capitals. Null: every symbol. */
  readonly #asked: ReadonlySet<string> | null;
  readonly #upper: ReadonlySet<string>;

  constructor(asked: readonly string[] | null, aliases: Aliases) {
    const words = asked ?? [];
    const all = words.flatMap((symbol) => spellings(symbol, aliases));
    const upper = words.flatMap((symbol) => spellings(symbol.toUpperCase(), aliases));
    this.#asked = asked === null ? null : new Set(all);
    this.#upper = new Set([...all.map((symbol) => symbol.toUpperCase()), ...upper]);
  }

  /** Whether the one symbol of a file was asked for, in whichever case. */
  wants(symbol: string): boolean {
    return this.#asked === null || this.#upper.has(symbol.toUpperCase());
  }

  /** For a file of many symbols: name in the file → name to store, which is the same; null for all. */
  wanted(): Readonly<Record<string, string>> | null {
    return this.#asked === null ? null : Object.fromEntries([...this.#asked].map((name) => [name, name]));
  }
}
