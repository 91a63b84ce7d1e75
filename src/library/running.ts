/** Something under way: awaited for its end, iterated for what it says on the way. */

/** Events nobody has taken yet. Beyond, the oldest go: whoever is so far behind wants what is new. */
const MOST_WAITING = 10_000;

/**
 * `await running` gives the end; `for await (const event of running)` gives events from the start of the iteration on,
 * until the end. Without an iteration no event is kept.
 */
export class Running<Event, End> implements AsyncIterable<Event>, PromiseLike<End> {
  readonly #end: Promise<End>;
  readonly #listeners = new Set<(event: Event) => void>();

  /** `start` is called at once and says events by its argument. */
  constructor(start: (say: (event: Event) => void) => Promise<End>) {
    this.#end = start((event) => {
      for (const listener of this.#listeners) listener(event);
    });
    // Whoever only iterates meets a failure there; whoever only waits, here.
    this.#end.catch(() => {});
  }

  // biome-ignore lint/suspicious/noThenProperty: it is meant to be awaited
  then<A = End, B = never>(
    done?: ((end: End) => A | PromiseLike<A>) | null,
    failed?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#end.then(done, failed);
  }

  [Symbol.asyncIterator](): AsyncIterator<Event, void> {
    const waiting: Event[] = [];
    let wake: () => void = () => {};
    const listener = (event: Event): void => {
      waiting.push(event);
      if (waiting.length > MOST_WAITING) waiting.shift();
      wake();
    };
    this.#listeners.add(listener);
    let ended = false;
    this.#end.then(
      () => {
        ended = true;
        wake();
      },
      () => {
        ended = true;
        wake();
      },
    );
    return {
      next: async () => {
        for (;;) {
          const event = waiting.shift();
          if (event !== undefined) return { done: false, value: event };
          if (ended) {
            this.#listeners.delete(listener);
            await this.#end;
            return { done: true, value: undefined };
          }
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      },
      return: async () => {
        this.#listeners.delete(listener);
        return { done: true, value: undefined };
      },
    };
  }
}
