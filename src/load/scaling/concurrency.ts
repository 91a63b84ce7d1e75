/** How many tasks may run at once, for now: the gate in front of the pool. */
export class ConcurrencyLimit {
  #value: number;
  #onChange: () => void = () => {};

  constructor(value: number) {
    this.#value = value;
  }

  get value(): number {
    return this.#value;
  }

  set(value: number): void {
    if (value === this.#value) return;
    this.#value = value;
    this.#onChange();
  }

  onChange(listener: () => void): void {
    this.#onChange = listener;
  }
}

/** Looks at the first tasks until further ones start in any case: a second, at a look each progress. */
const FIRST_LOOKS = 4;

/**
 * More threads than cores would hold the first ones up while they start: they follow when rows are on their way. The
 * limit begins below `most`, and is raised to it once.
 */
export class Followers {
  readonly #limit: ConcurrencyLimit;
  readonly #most: number;
  #looks = 0;

  constructor(limit: ConcurrencyLimit, most: number) {
    this.#limit = limit;
    this.#most = most;
  }

  /** `running`: tasks at work; `records`: read so far. */
  look(running: number, records: number): void {
    if (running > 0) this.#looks++;
    if (records > 0 || this.#looks > FIRST_LOOKS) this.#limit.set(this.#most);
  }
}
