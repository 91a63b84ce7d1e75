/** Where the bars of a series open. Pure; µs since 1970. */

import { Zone } from '../base/zone.ts';
import type { ScanChecks } from '../scan/shape.ts';

const DAY_US = 86_400_000_000;
/** 1970-01-05 was a Monday. */
const FIRST_MONDAY_US = 4 * DAY_US;

export interface BarGrid {
  /** The last opening at or before `us`. */
  floor(us: number): number;
  /** The opening after one. */
  next(openUs: number): number;
  /** Where openings are a constant step apart, that step: arithmetic then does for loops. */
  readonly stepUs: number | null;
  /** The files promise it: a bar that opens elsewhere is off the grid. */
  readonly promised: boolean;
}

class UniformGrid implements BarGrid {
  readonly stepUs: number;
  readonly promised: boolean;
  readonly #phaseUs: number;

  constructor(stepUs: number, phaseUs: number, promised = true) {
    this.stepUs = stepUs;
    this.promised = promised;
    this.#phaseUs = phaseUs;
  }

  floor(us: number): number {
    return Math.floor((us - this.#phaseUs) / this.stepUs) * this.stepUs + this.#phaseUs;
  }

  next(openUs: number): number {
    return openUs + this.stepUs;
  }
}

const MONTHS: BarGrid = {
  stepUs: null,
  promised: true,
  floor: (us) => {
    const date = new Date(Math.floor(us / 1000));
    return Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1) * 1000;
  },
  next: (openUs) => {
    const date = new Date(openUs / 1000);
    return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1) * 1000;
  },
};

/** The midnights of a zone. */
class ZoneDays implements BarGrid {
  readonly stepUs = null;
  readonly promised = true;
  readonly #zone: Zone;

  constructor(zone: Zone) {
    this.#zone = zone;
  }

  floor(us: number): number {
    return this.#zone.dayStartUs(Math.floor((us + this.#zone.offsetUs(us)) / DAY_US));
  }

  next(openUs: number): number {
    // A day has 23 to 25 hours.
    return this.#zone.dayStartUs(Math.floor((openUs + this.#zone.offsetUs(openUs)) / DAY_US) + 1);
  }
}

/**
 * The grid of a series. `kind` and `zone` are its files' plan; where that names no grid (`none`), bars follow `someUs`,
 * any bar of the series, a whole number of intervals away.
 */
export function barGrid(
  intervalS: number,
  kind: ScanChecks['grid'],
  zone: string,
  someUs: number | null,
): BarGrid {
  const stepUs = intervalS * 1e6;
  switch (kind) {
    case 'epoch':
      return new UniformGrid(stepUs, 0);
    case 'week':
      return new UniformGrid(stepUs, FIRST_MONDAY_US);
    case 'month':
      return MONTHS;
    case 'zone-day':
      return zone === 'UTC' ? new UniformGrid(stepUs, 0) : new ZoneDays(new Zone(zone));
    case 'none':
      return new UniformGrid(
        stepUs,
        someUs === null ? 0 : someUs - Math.floor(someUs / stepUs) * stepUs,
        false,
      );
  }
}
