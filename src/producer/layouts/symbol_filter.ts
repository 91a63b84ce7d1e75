/** Which symbols were asked for, under whichever spelling. */

import { type Aliases, spellings, undivided } from '../../base/spellings.ts';

/** The symbols a user asked for. It selects and never renames: what is stored is what the file says. */
export class SymbolFilter {
  /** All spellings of what was asked for; and those of its capitals. Null: every symbol. */
  readonly #asked: ReadonlySet<string> | null;
  readonly #upper: ReadonlySet<string>;

  constructor(asked: readonly string[] | null, aliases: Aliases) {
    const words = (asked ?? []).flatMap((word) => [...new Set([word, undivided(word)])]);
    const all = words.flatMap((symbol) => spellings(symbol, aliases));
    const upper = words.flatMap((symbol) => spellings(symbol.toUpperCase(), aliases));
    this.#asked = asked === null ? null : new Set(all);
    this.#upper = new Set([...all.map((symbol) => symbol.toUpperCase()), ...upper]);
  }

  /** Whether the one symbol of a file was asked for, in whichever case. */
  wants(symbol: string): boolean {
    return (
      this.#asked === null || [symbol, undivided(symbol)].some((one) => this.#upper.has(one.toUpperCase()))
    );
  }

  /** For a file of many symbols: name in the file → name to store, which is the same; null for all. */
  wanted(): Readonly<Record<string, string>> | null {
    return this.#asked === null ? null : Object.fromEntries([...this.#asked].map((name) => [name, name]));
  }
}
