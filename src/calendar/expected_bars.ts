/**
 * Which bars a series ought to have: those openings of its grid whose bar reaches into a time in which its market is
 * open. Pure; µs since 1970.
 */

import type { BarGrid } from './bar_grid.ts';
import type { MarketCalendar } from './market_calendar.ts';

/** Expected openings in a row, `stepUs` apart, from `firstUs` to `lastUs` inclusive; `endUs` is where the last bar ends. */
export interface Stretch {
  readonly firstUs: number;
  readonly lastUs: number;
  readonly endUs: number;
  readonly count: number;
}

export class ExpectedBars {
  readonly calendar: MarketCalendar;
  readonly #grid: BarGrid;

  constructor(calendar: MarketCalendar, grid: BarGrid) {
    this.calendar = calendar;
    this.#grid = grid;
  }

  /** The expected openings in `[fromUs, toUs)`, oldest first, none twice. */
  *stretches(fromUs: number, toUs: number): Iterable<Stretch> {
    if (!(fromUs < toUs)) return;
    if (this.calendar.sessions === null) {
      yield* this.#between(this.#ceil(fromUs), toUs);
      return;
    }
    let next = this.#ceil(fromUs);
    for (const session of this.calendar.sessions(fromUs, this.#reach(toUs))) {
      // The bar that is open when the session begins belongs to it, unless the one before had it too.
      const first = Math.max(next, this.#grid.floor(session.fromUs));
      const end = Math.min(toUs, session.toUs);
      if (first >= end) continue;
      for (const stretch of this.#between(first, end)) {
        yield stretch;
        next = stretch.endUs;
      }
    }
  }

  /** How many openings are expected in `[fromUs, toUs)`. */
  count(fromUs: number, toUs: number): number {
    let sum = 0;
    for (const { count } of this.stretches(fromUs, toUs)) sum += count;
    return sum;
  }

  /** The end of the last bar that is over at `nowUs`: openings before it can be expected to be there. */
  completeUntil(nowUs: number): number {
    return this.#grid.floor(nowUs);
  }

  /** Where the bar that opens at `openUs` ends. */
  endOf(openUs: number): number {
    return this.#grid.next(openUs);
  }

  /** Whether a bar may open there: where files promise no grid, anywhere. */
  mayOpenAt(us: number): boolean {
    return !this.#grid.promised || this.#grid.floor(us) === us;
  }

  /** A bar that opens before `toUs` may reach beyond it, into a session that begins only there. */
  #reach(toUs: number): number {
    const last = this.#grid.floor(toUs - 1);
    return Math.max(toUs, this.#grid.next(last));
  }

  #ceil(us: number): number {
    const floor = this.#grid.floor(us);
    return floor === us ? us : this.#grid.next(floor);
  }

  /** Openings from one of them, `firstUs`, up to `toUs`. */
  *#between(firstUs: number, toUs: number): Iterable<Stretch> {
    if (firstUs >= toUs) return;
    const { stepUs } = this.#grid;
    if (stepUs !== null) {
      const count = Math.ceil((toUs - firstUs) / stepUs);
      const lastUs = firstUs + (count - 1) * stepUs;
      yield { firstUs, lastUs, endUs: lastUs + stepUs, count };
      return;
    }
    for (let at = firstUs; at < toUs; at = this.#grid.next(at)) {
      yield { firstUs: at, lastUs: at, endUs: this.#grid.next(at), count: 1 };
    }
  }
}
