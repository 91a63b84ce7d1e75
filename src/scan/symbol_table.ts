/** Symbols of a file as small numbers, found by their bytes. */

import { type Aliases, marketOf } from '../base/spellings.ts';
import { isBlank } from './numbers.ts';

/** Longest symbol, in bytes. */
export const MAX_SYMBOL_BYTES = 64;

/** {@link SymbolTable.ordinal}: empty, longer than 64 bytes, not UTF-8, with control characters or blanks around it. */
export const SYMBOL_INVALID = -1;
/** {@link SymbolTable.ordinal}: a good symbol nobody asked for. */
export const SYMBOL_NOT_ASKED = -2;

const utf8 = new TextEncoder();
const text = new TextDecoder();

/**
 * The symbols of one file by ordinal, found by their bytes: no string is made of a symbol seen before. Memory
 * grows with the symbols kept, not with those passed over.
 */
export class SymbolTable {
  /** Ordinal → name to store. */
  readonly names: string[] = [];
  /** True when the file is of one symbol, known from its name: ordinal 0, and no field is read. */
  readonly isFixed: boolean;
  /** True when every good symbol of the file is taken. */
  readonly takesAll: boolean;
  readonly #wanted: Readonly<Record<string, string>> | null;
  readonly #aliases: Aliases;
  /** Ordinals by market, where one may have several spellings. */
  readonly #markets = new Map<string, number>();
  /** Open addressing; slot → index into the arrays below, plus one; 0 is free. */
  #slots = new Int32Array(256);
  /** The bytes of all entries, one after another, and where each begins: an array each would be garbage for thousands. */
  #bytes = Buffer.alloc(1024);
  readonly #starts: number[] = [0];
  readonly #hashes: number[] = [];
  /** The ordinal of an entry, or -1 for a wanted symbol that has not appeared yet. */
  readonly #ordinals: number[] = [];
  /** Ordinal → entry. */
  readonly #entries: number[] = [];

  /**
   * `fixed`: the one symbol of the file, or null when a column says. `wanted`: name in the file → name to store;
   * null for all, as they are. `aliases`: spellings of one currency; symbols that are one market by them have one
   * ordinal, and the name that comes first.
   */
  constructor(fixed: string | null, wanted: Readonly<Record<string, string>> | null, aliases: Aliases = []) {
    this.#aliases = aliases;
    this.isFixed = fixed !== null;
    this.takesAll = fixed === null && wanted === null;
    this.#wanted = wanted;
    if (fixed !== null) {
      this.names.push(fixed);
      return;
    }
    for (const name of Object.keys(wanted ?? {})) {
      const bytes = utf8.encode(name);
      if (bytes.length === 0 || !isSymbol(bytes, 0, bytes.length)) continue;
      this.#add(bytes, 0, bytes.length, hashOf(bytes, 0, bytes.length));
    }
  }

  /** The ordinal (0, 1, … in order of first appearance), {@link SYMBOL_INVALID} or {@link SYMBOL_NOT_ASKED}. */
  ordinal(bytes: Uint8Array, start: number, end: number): number {
    const length = end - start;
    if (length <= 0 || length > MAX_SYMBOL_BYTES) return SYMBOL_INVALID;
    const hash = hashOf(bytes, start, end);
    const mask = this.#slots.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const entry = this.#slots[slot]! - 1;
      if (entry < 0) break;
      if (this.#hashes[entry] === hash && this.#isSame(entry, bytes, start, length)) {
        const ordinal = this.#ordinals[entry]!;
        return ordinal >= 0 ? ordinal : this.#appear(entry);
      }
    }
    if (!isSymbol(bytes, start, end)) return SYMBOL_INVALID;
    if (this.#wanted !== null) return SYMBOL_NOT_ASKED;
    return this.#appear(this.#add(bytes, start, end, hash));
  }

  /** Below, equal to or above 0 as symbol `a` sorts before, with or after symbol `b` by the bytes of the file. */
  compare(a: number, b: number): number {
    if (a === b) return 0;
    const starts = this.#starts;
    const [one, other] = [this.#entries[a]!, this.#entries[b]!];
    return this.#bytes.compare(
      this.#bytes,
      starts[other]!,
      starts[other + 1]!,
      starts[one]!,
      starts[one + 1]!,
    );
  }

  #appear(entry: number): number {
    const name = text.decode(this.#bytes.subarray(this.#starts[entry]!, this.#starts[entry + 1]!));
    const stored = this.#wanted?.[name] ?? name;
    const market = this.#aliases.length === 0 ? null : marketOf(stored, this.#aliases);
    const known = market === null ? undefined : this.#markets.get(market);
    if (known !== undefined) {
      this.#ordinals[entry] = known;
      return known;
    }
    const ordinal = this.names.push(stored) - 1;
    if (market !== null) this.#markets.set(market, ordinal);
    this.#ordinals[entry] = ordinal;
    this.#entries.push(entry);
    return ordinal;
  }

  #isSame(entry: number, bytes: Uint8Array, start: number, length: number): boolean {
    const known = this.#bytes;
    const from = this.#starts[entry]!;
    if (this.#starts[entry + 1]! - from !== length) return false;
    for (let i = 0; i < length; i++) if (known[from + i] !== bytes[start + i]) return false;
    return true;
  }

  /** A symbol that has not appeared yet. */
  #add(bytes: Uint8Array, start: number, end: number, hash: number): number {
    const entry = this.#hashes.push(hash) - 1;
    const from = this.#starts[entry]!;
    const to = from + (end - start);
    if (to > this.#bytes.length) this.#bytes = Buffer.concat([this.#bytes], 2 * to);
    for (let i = start; i < end; i++) this.#bytes[from + i - start] = bytes[i]!;
    this.#starts.push(to);
    this.#ordinals.push(-1);
    if (2 * (entry + 1) > this.#slots.length) {
      this.#slots = new Int32Array(2 * this.#slots.length);
      for (let each = 0; each < entry; each++) this.#place(each);
    }
    this.#place(entry);
    return entry;
  }

  #place(entry: number): void {
    const mask = this.#slots.length - 1;
    let slot = this.#hashes[entry]! & mask;
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
    this.#slots[slot] = entry + 1;
  }
}

/** FNV-1a, with its high bits folded in: the table looks at the low ones. */
function hashOf(bytes: Uint8Array, start: number, end: number): number {
  let hash = 0x811c9dc5 | 0;
  for (let p = start; p < end; p++) hash = Math.imul(hash ^ bytes[p]!, 0x01000193);
  return (hash ^ (hash >>> 15)) & 0x3fffffff;
}

/** UTF-8 without control characters (C0, DEL, C1) and without blanks around it. Table 3-7 of the Unicode standard. */
function isSymbol(bytes: Uint8Array, start: number, end: number): boolean {
  if (isBlank(bytes[start]!) || isBlank(bytes[end - 1]!)) return false;
  let p = start;
  while (p < end) {
    const lead = bytes[p++]!;
    if (lead < 0x80) {
      if (lead < 0x20 || lead === 0x7f) return false;
      continue;
    }
    const more = lead < 0xc2 ? 0 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : lead < 0xf5 ? 3 : 0;
    if (more === 0 || p + more > end) return false;
    const next = bytes[p]!;
    const least = lead === 0xe0 || lead === 0xc2 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
    const most = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
    if (next < least || next > most) return false;
    for (let i = 1; i < more; i++) if ((bytes[p + i]! & 0xc0) !== 0x80) return false;
    p += more;
  }
  return true;
}
