/** What is known of a slot: nothing, that its series has no state, or its state. */
const UNKNOWN = 0;
const NONE = 1;
const HELD = 2;

/** States a page holds: a lane of one series is not to take much, one of 10,000 not to have much copied as it grows. */
const PAGE = 32;

/**
 * Slots of series: small numbers in the order in which the series come up. One lookup a series then serves all tables
 * of a lane.
 */
export class SlotIndex {
  readonly #slots = new Map<number, number>();

  slotOf(seriesId: number): number {
    let slot = this.#slots.get(seriesId);
    if (slot === undefined) {
      slot = this.#slots.size;
      this.#slots.set(seriesId, slot);
    }
    return slot;
  }

  slotsOf(seriesIds: Int32Array): Int32Array {
    const slots = new Int32Array(seriesIds.length);
    for (let i = 0; i < slots.length; i++) slots[i] = this.slotOf(seriesIds[i]!);
    return slots;
  }
}

/** How many of `slots[from …]` follow each other inside a page. */
function neighbours(slots: Int32Array, from: number): number {
  const first = slots[from]!;
  const most = Math.min(slots.length - from, PAGE - (first % PAGE));
  let count = 1;
  while (count < most && slots[from + count] === first + count) count++;
  return count;
}

/**
 * Indicator states by slot: a series takes the same room however often its state changes, and nothing is kept of the
 * messages the states came in.
 */
export class StateTable {
  readonly #length: number;
  /** By slot. */
  #known = new Uint8Array(PAGE);
  /** Slots 0 … PAGE-1, the next PAGE, and so on: what is there is never moved. Those nobody has put to are missing. */
  #pages: (Float64Array | undefined)[] = [];
  /** No slot from here on is known. */
  #end = 0;
  /** Slots that are known. */
  #count = 0;

  /** `length`: doubles a state. */
  constructor(length: number) {
    this.#length = length;
  }

  /** Whether it knows nothing of any series. */
  get isEmpty(): boolean {
    return this.#end === 0;
  }

  /**
   * Copies a slot's state to `to[at …]`, or NaN into `to[at]` where its series is known to have none. Returns false,
   * and leaves `to` alone, where nothing is known.
   */
  copyTo(slot: number, to: Float64Array, at: number): boolean {
    if (slot >= this.#end) return false;
    const known = this.#known[slot]!;
    if (known === UNKNOWN) return false;
    if (known === NONE) to[at] = Number.NaN;
    else this.#copy(this.#pageOf(slot), this.#at(slot), to, at);
    return true;
  }

  /** The state at `states[at …]`; null: the series has none. */
  put(slot: number, states: Float64Array | null, at: number): void {
    this.#reach(slot);
    if (this.#known[slot] === UNKNOWN) this.#count++;
    this.#known[slot] = states === null ? NONE : HELD;
    if (states !== null) this.#copy(states, at, this.#pageOf(slot), this.#at(slot));
  }

  /** The states of `slots`, in their order. Those of neighbours, as of a file sorted by symbol, in one piece. */
  putAll(slots: Int32Array, states: Float64Array): void {
    for (let i = 0, count = 0; i < slots.length; i += count) {
      const slot = slots[i]!;
      count = neighbours(slots, i);
      this.#reach(slot + count - 1);
      for (let one = slot; one < slot + count; one++) {
        if (this.#known[one] === UNKNOWN) this.#count++;
        this.#known[one] = HELD;
      }
      const from = i * this.#length;
      this.#pageOf(slot).set(states.subarray(from, from + count * this.#length), this.#at(slot));
    }
  }

  /**
   * Copies the states of `slots[from …]`, in their order, to `to`, where that of `slots[i]` lies at `i * length`, until
   * one comes of which nothing is known. Returns how many it has copied, those without a state (NaN) among them.
   */
  copyKnown(slots: Int32Array, from: number, to: Float64Array): number {
    let i = from;
    while (i < slots.length) {
      const slot = slots[i]!;
      const held = this.#held(slot, neighbours(slots, i));
      if (held === 0) {
        if (!this.copyTo(slot, to, i * this.#length)) break;
        i++;
        continue;
      }
      const at = this.#at(slot);
      to.set(this.#pageOf(slot).subarray(at, at + held * this.#length), i * this.#length);
      i += held;
    }
    return i - from;
  }

  /** Forgets all series, and keeps their room. */
  clear(): void {
    this.#known.fill(UNKNOWN, 0, this.#end);
    this.#end = 0;
    this.#count = 0;
  }

  /** All another table of the same slots knows; that one then knows nothing. */
  take(other: StateTable): void {
    // A day file has nearly every series of its lane: what it lacks is then less to copy than what it has.
    const isMost = 2 * other.#count > this.#count;
    if (isMost) this.#swap(other);
    for (let slot = 0; slot < other.#end; slot++) {
      const known = other.#known[slot]!;
      if (known === UNKNOWN || (isMost && this.#knows(slot))) continue;
      if (known === HELD) this.put(slot, other.#pageOf(slot), other.#at(slot));
      else this.put(slot, null, 0);
    }
    other.clear();
  }

  #swap(other: StateTable): void {
    [this.#known, other.#known] = [other.#known, this.#known];
    [this.#pages, other.#pages] = [other.#pages, this.#pages];
    [this.#end, other.#end] = [other.#end, this.#end];
    [this.#count, other.#count] = [other.#count, this.#count];
  }

  /** Of `count` slots from `slot` on, how many, from the first, have a state here. */
  #held(slot: number, count: number): number {
    const end = Math.min(slot + count, this.#end);
    let at = slot;
    while (at < end && this.#known[at] === HELD) at++;
    return at - slot;
  }

  #knows(slot: number): boolean {
    return slot < this.#end && this.#known[slot] !== UNKNOWN;
  }

  #reach(slot: number): void {
    if (slot < this.#end) return;
    this.#end = slot + 1;
    if (slot < this.#known.length) return;
    const larger = new Uint8Array(Math.max(slot + 1, 2 * this.#known.length));
    larger.set(this.#known);
    this.#known = larger;
  }

  #pageOf(slot: number): Float64Array {
    const index = Math.floor(slot / PAGE);
    let page = this.#pages[index];
    if (page === undefined) {
      while (this.#pages.length < index) this.#pages.push(undefined);
      page = new Float64Array(PAGE * this.#length);
      this.#pages[index] = page;
    }
    return page;
  }

  /** Where the state of a slot begins in its page. */
  #at(slot: number): number {
    return (slot % PAGE) * this.#length;
  }

  #copy(from: Float64Array, fromAt: number, to: Float64Array, toAt: number): void {
    for (let i = 0; i < this.#length; i++) to[toAt + i] = from[fromAt + i]!;
  }
}
