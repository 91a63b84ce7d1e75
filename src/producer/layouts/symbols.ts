/** Which symbols were asked for, under all their spellings. */

/** Pairs of spellings of one currency, such as XBT and BTC. */
export type Aliases = readonly (readonly [string, string])[];

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

/** The symbols a user asked for. */
export class SymbolFilter {
  /** Spelling → the name as asked for, which is the one to store. Null: every symbol, as it is. */
  readonly #stored: Map<string, string> | null;
  readonly #upper = new Set<string>();

  constructor(asked: readonly string[] | null, aliases: Aliases) {
    this.#stored = asked === null ? null : new Map(asked.map((symbol) => [symbol, symbol]));
    for (const symbol of asked ?? []) {
      for (const spelling of spellings(symbol, aliases)) {
        if (!this.#stored!.has(spelling)) this.#stored!.set(spelling, symbol);
        this.#upper.add(spelling.toUpperCase());
      }
    }
  }

  /** The name to store a file's one symbol under, or null when nobody asked for it. */
  stored(symbol: string): string | null {
    if (this.#stored === null) return symbol;
    const asked = this.#stored.get(symbol);
    if (asked !== undefined) return asked;
    // `--symbols xbtusd`: what differs in case alone keeps the file's spelling.
    return this.#upper.has(symbol.toUpperCase()) ? symbol : null;
  }

  /** For a file of many symbols: name in the file → name to store; null for all. */
  wanted(): Readonly<Record<string, string>> | null {
    return this.#stored === null ? null : Object.fromEntries(this.#stored);
  }
}
