/**
 * Random numbers that are the same on every machine and every version of Node: 32-bit integer arithmetic, and no
 * function (`log`, `cos`, `exp`) whose last digit a library may choose.
 */
export class Random {
  #state: number;

  /** The same words give the same numbers. */
  constructor(...words: readonly string[]) {
    this.#state = hash(words.join('/'));
  }

  /** Uniform in [0, 1): mulberry32 (Tommy Ettinger, public domain). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  }

  /** Whole, from 0 to `below - 1`. */
  whole(below: number): number {
    return Math.floor(this.next() * below);
  }

  /** Mean 0, deviation 1, within ±3.5: the sum of four uniforms, scaled. Near enough to normal for a price. */
  bell(): number {
    return (this.next() + this.next() + this.next() + this.next() - 2) * Math.sqrt(3);
  }

  /** Positive with a long tail, median about 1. */
  heavy(): number {
    const u = this.next();
    return (u + 0.02) / (1.02 - u);
  }
}

/** FNV-1a, 32 bits. */
function hash(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return h | 0;
}
