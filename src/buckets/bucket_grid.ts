/**
 * Where the longer bars of a venue begin and end, µs since 1970. Parts of a day are counted from UTC's midnight, as
 * vendors stamp them; a day is the venue's own, from midnight to midnight of its zone (or from the evening before,
 * `America/Chicago 17:00`); a week begins on Monday, a month on its first, both at the beginning of that day.
 */

import { firstOfMonth, mondayOf } from '../base/first_days.ts';
import { Zone } from '../base/zone.ts';

const DAY_US = 86_400_000_000;
const DAY_S = 86_400;
const WEEK_S = 604_800;

export interface BucketGrid {
  /** Seconds, as series are named by them. */
  readonly intervalS: number;
  /**
   * Buckets that begin at multiples of so many µs since 1970; NaN: they do not. For loops: a call returns each instant
   * in memory of its own, which was a fifth of what such a load left to the collector.
   */
  readonly stepUs: number;
  /** The beginning of the bucket that holds an instant. */
  floor(us: number): number;
  /** The end of the bucket that begins there. */
  endOf(startUs: number): number;
}

class Uniform implements BucketGrid {
  readonly intervalS: number;
  readonly stepUs: number;

  constructor(intervalS: number) {
    this.intervalS = intervalS;
    this.stepUs = intervalS * 1e6;
  }

  floor(us: number): number {
    return Math.floor(us / this.stepUs) * this.stepUs;
  }

  endOf(startUs: number): number {
    return startUs + this.stepUs;
  }
}

/** Whole days of a zone: `first` of the ones that a day is in, and of the ones behind them. Days since 1970. */
class Days implements BucketGrid {
  readonly intervalS: number;
  readonly stepUs = Number.NaN;
  readonly #zone: Zone;
  readonly #firstOf: (day: number) => number;
  readonly #nextOf: (first: number) => number;

  constructor(
    intervalS: number,
    zone: Zone,
    firstOf: (day: number) => number,
    nextOf: (first: number) => number,
  ) {
    this.intervalS = intervalS;
    this.#zone = zone;
    this.#firstOf = firstOf;
    this.#nextOf = nextOf;
  }

  floor(us: number): number {
    return this.#zone.dayStartUs(this.#firstOf(this.#dayOf(us)));
  }

  endOf(startUs: number): number {
    return this.#zone.dayStartUs(this.#nextOf(this.#dayOf(startUs)));
  }

  #dayOf(us: number): number {
    return Math.floor((us + this.#zone.offsetUs(us)) / DAY_US);
  }
}

/** The days of a zone, as buckets. */
export function dayGrid(sessionZone: string): BucketGrid {
  return bucketGrid(DAY_S, sessionZone);
}

/**
 * The buckets of an interval (`isRollup`) at a venue whose days are those of a zone.
 * @throws RangeError for no such zone
 */
export function bucketGrid(intervalS: number, sessionZone: string): BucketGrid {
  if (intervalS < DAY_S || (intervalS === DAY_S && sessionZone === 'UTC')) return new Uniform(intervalS);
  const zone = new Zone(sessionZone);
  if (intervalS === DAY_S)
    return new Days(
      intervalS,
      zone,
      (day) => day,
      (day) => day + 1,
    );
  if (intervalS === WEEK_S) return new Days(intervalS, zone, mondayOf, (first) => first + 7);
  return new Days(
    intervalS,
    zone,
    (day) => firstOfMonth(day, 0),
    (first) => firstOfMonth(first, 1),
  );
}
