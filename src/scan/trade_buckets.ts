/** In which bar an instant falls. */

import type { Zone } from '../base/zone.ts';
import { dayOfMonth } from './civil.ts';
import type { ScanChecks } from './shape.ts';

const DAY_US = 86_400_000_000;
/** 1970-01-05 was a Monday. */
const FIRST_MONDAY_US = 4 * DAY_US;

/** The stretches of time that the bars of a series are of. Half open: a trade at the end of one is the next one's. */
export class Buckets {
  /** Of the stretch found last, µs. */
  start = Number.NaN;
  end = Number.NaN;
  readonly #grid: ScanChecks['grid'];
  readonly #intervalUs: number;
  readonly #zone: Zone;

  constructor(grid: ScanChecks['grid'], intervalUs: number, zone: Zone) {
    this.#grid = grid;
    this.#intervalUs = intervalUs;
    this.#zone = zone;
  }

  /** Finds the stretch that `us` is in: {@link start} and {@link end}. */
  find(us: number): void {
    switch (this.#grid) {
      case 'week':
        this.start = Math.floor((us - FIRST_MONDAY_US) / (7 * DAY_US)) * 7 * DAY_US + FIRST_MONDAY_US;
        this.end = this.start + 7 * DAY_US;
        break;
      case 'month': {
        const day = Math.floor(us / DAY_US);
        const first = day - dayOfMonth(day) + 1;
        // The 32nd day from the first is always in the next month.
        const next = first + 31;
        this.start = first * DAY_US;
        this.end = (next - dayOfMonth(next) + 1) * DAY_US;
        break;
      }
      case 'zone-day':
        this.start = this.#zone.dayStartUs(Math.floor((us + this.#zone.offsetUs(us)) / DAY_US));
        this.end = this.#zone.dayStartUs(Math.floor((us + this.#zone.offsetUs(us)) / DAY_US) + 1);
        break;
      default:
        this.start = Math.floor(us / this.#intervalUs) * this.#intervalUs;
        this.end = this.start + this.#intervalUs;
    }
  }

  /** The least start of a stretch that is not before `us`; infinities stay what they are. */
  ceil(us: number): number {
    if (!Number.isFinite(us)) return us;
    this.find(us);
    return this.start === us ? us : this.end;
  }
}
