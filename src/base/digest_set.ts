import { hash } from 'node:crypto';

/**
 * Which texts have been seen, at 16 bytes a text whatever its length: 64 bits of a digest of each. Of a million texts two
 * share theirs once in forty million sets; then the second counts as seen.
 */
export class DigestSet {
  /** Pairs of words, open addressing; a pair of zeros is a free place. */
  #places = new Uint32Array(2 * 1024);
  #size = 0;

  has(text: string): boolean {
    const at = this.#find(this.#places, ...digestOf(text));
    return this.#places[at] !== 0 || this.#places[at + 1] !== 0;
  }

  add(text: string): void {
    if (4 * (this.#size + 1) > this.#places.length) this.#grow();
    const [high, low] = digestOf(text);
    const at = this.#find(this.#places, high, low);
    if (this.#places[at] === 0 && this.#places[at + 1] === 0) this.#size++;
    this.#places[at] = high;
    this.#places[at + 1] = low;
  }

  /** Where the pair is, or the free place it belongs in. */
  #find(places: Uint32Array, high: number, low: number): number {
    const mask = places.length / 2 - 1;
    for (let place = low & mask; ; place = (place + 1) & mask) {
      const at = 2 * place;
      const isFree = places[at] === 0 && places[at + 1] === 0;
      if (isFree || (places[at] === high && places[at + 1] === low)) return at;
    }
  }

  #grow(): void {
    const before = this.#places;
    const places = new Uint32Array(2 * before.length);
    for (let i = 0; i < before.length; i += 2) {
      if (before[i] === 0 && before[i + 1] === 0) continue;
      const at = this.#find(places, before[i]!, before[i + 1]!);
      places[at] = before[i]!;
      places[at + 1] = before[i + 1]!;
    }
    this.#places = places;
  }
}

function digestOf(text: string): [number, number] {
  const digest = hash('sha256', text, 'buffer');
  return [digest.readUInt32LE(0) || 1, digest.readUInt32LE(4)];
}
