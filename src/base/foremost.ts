/** The `most` greatest of what passes by, by a measure; of equal ones those that came first. Holds twice as many. */
export class Foremost<T> {
  readonly #most: number;
  readonly #measure: (one: T) => number;
  #held: T[] = [];

  constructor(most: number, measure: (one: T) => number) {
    this.#most = most;
    this.#measure = measure;
  }

  take(one: T): void {
    this.#held.push(one);
    if (this.#held.length >= 2 * this.#most) this.#held = this.sorted();
  }

  /** The greatest first. */
  sorted(): T[] {
    return this.#held.toSorted((a, b) => this.#measure(b) - this.#measure(a)).slice(0, this.#most);
  }
}
