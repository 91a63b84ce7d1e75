/** A series that is known to have no state. */
const NONE = -1;

/**
 * Indicator states by series, side by side in one array: a series takes the same room however often its state changes,
 * and nothing is kept of the messages the states came in.
 */
export class StateTable {
  readonly #length: number;
  /** Series → place of its state, in states, or {@link NONE}. */
  readonly #places = new Map<number, number>();
  #states = new Float64Array(0);
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
    else this.#copy(this.#states, place * this.#length, to, at);
    return true;
  }

  /** The state at `states[at …]`; null: the series has none. */
  put(seriesId: number, states: Float64Array | null, at: number): void {
    if (states === null) {
      this.#places.set(seriesId, NONE);
      return;
    }
    const place = this.#placeFor(seriesId);
    this.#copy(states, at, this.#states, place * this.#length);
  }

  /** The states of `seriesIds`, in their order. */
  putAll(seriesIds: Int32Array, states: Float64Array): void {
    this.#makeRoom(seriesIds.length);
    for (let i = 0; i < seriesIds.length; i++) this.put(seriesIds[i]!, states, i * this.#length);
  }

  /** All another table knows. */
  take(other: StateTable): void {
    other.#places.forEach((place, seriesId) => {
      this.put(seriesId, place === NONE ? null : other.#states, place * this.#length);
    });
  }

  #placeFor(seriesId: number): number {
    const known = this.#places.get(seriesId);
    if (known !== undefined && known !== NONE) return known;
    this.#makeRoom(1);
    const place = this.#taken++;
    this.#places.set(seriesId, place);
    return place;
  }

  /** Room for `more` states, and some of those after them. */
  #makeRoom(more: number): void {
    const least = (this.#taken + more) * this.#length;
    if (least <= this.#states.length) return;
    const larger = new Float64Array(Math.max(least, Math.ceil(1.25 * this.#taken) * this.#length));
    larger.set(this.#states.subarray(0, this.#taken * this.#length));
    this.#states = larger;
  }

  #copy(from: Float64Array, fromAt: number, to: Float64Array, toAt: number): void {
    for (let i = 0; i < this.#length; i++) to[toAt + i] = from[fromAt + i]!;
  }
}
