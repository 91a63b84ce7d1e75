/** A series that is known to have no state. */
const NONE = -1;

/** States a page holds: a lane of one series is not to take much, one of 10,000 not to have much copied as it grows. */
const PAGE = 32;

/**
 * Indicator states by series: a series takes the same room however often its state changes, and nothing is kept of the
 * messages the states came in.
 */
export class StateTable {
  readonly #length: number;
  /** Series → place of its state, or {@link NONE}. */
  readonly #places = new Map<number, number>();
  /** Places 0 … PAGE-1, the next PAGE, and so on: what is there is never moved. */
  readonly #pages: Float64Array[] = [];
  /** Places taken. */
  #taken = 0;

  /** `length`: doubles a state. */
  constructor(length: number) {
    this.#length = length;
  }

  /** Series it knows something of. */
  get size(): number {
    return this.#places.size;
  }

  /**
   * Copies a series' state to `to[at …]`, or NaN into `to[at]` where it is known to have none. Returns false, and
   * leaves `to` alone, where nothing is known.
   */
  copyTo(seriesId: number, to: Float64Array, at: number): boolean {
    const place = this.#places.get(seriesId);
    if (place === undefined) return false;
    if (place === NONE) to[at] = Number.NaN;
    else this.#copy(this.#pageOf(place), this.#at(place), to, at);
    return true;
  }

  /** The state at `states[at …]`; null: the series has none. */
  put(seriesId: number, states: Float64Array | null, at: number): void {
    if (states === null) {
      this.#places.set(seriesId, NONE);
      return;
    }
    const place = this.#placeFor(seriesId);
    this.#copy(states, at, this.#pageOf(place), this.#at(place));
  }

  /** The states of `seriesIds`, in their order. */
  putAll(seriesIds: Int32Array, states: Float64Array): void {
    for (let i = 0; i < seriesIds.length; i++) this.put(seriesIds[i]!, states, i * this.#length);
  }

  /** Forgets all series, and keeps their room. */
  clear(): void {
    this.#places.clear();
    this.#taken = 0;
  }

  /** All another table knows. */
  take(other: StateTable): void {
    other.#places.forEach((place, seriesId) => {
      if (place === NONE) this.put(seriesId, null, 0);
      else this.put(seriesId, other.#pageOf(place), other.#at(place));
    });
  }

  #placeFor(seriesId: number): number {
    const known = this.#places.get(seriesId);
    if (known !== undefined && known !== NONE) return known;
    const place = this.#taken++;
    if (place === this.#pages.length * PAGE) this.#pages.push(new Float64Array(PAGE * this.#length));
    this.#places.set(seriesId, place);
    return place;
  }

  #pageOf(place: number): Float64Array {
    return this.#pages[Math.floor(place / PAGE)]!;
  }

  /** Where the state of a place begins in its page. */
  #at(place: number): number {
    return (place % PAGE) * this.#length;
  }

  #copy(from: Float64Array, fromAt: number, to: Float64Array, toAt: number): void {
    for (let i = 0; i < this.#length; i++) to[toAt + i] = from[fromAt + i]!;
  }
}
