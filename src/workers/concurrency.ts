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
