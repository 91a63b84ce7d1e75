/** Which session a bar belongs to: the anchor of VWAP. */

import { Zone } from '../base/zone.ts';

const DAY_US = 86_400_000_000;
/** A Date ends at 8.64e15 ms; two days less, so that a day's bounds are in range too. */
const MAX_US = 8.64e18 - 2 * DAY_US;
/** Local days remembered (230 years of them); beyond, the memory starts afresh, so it stays bounded on any input. */
const MAX_DAYS = 1 << 16;

/** Where a local day starts; `day` counts from 1970-01-01 in the zone's own calendar. */
type DayStart = (day: number) => number;

/**
 * Maps stamps to sessions. {@link session} answers for one stamp and leaves in {@link from} and {@link to} the
 * bounds (µs UTC, half open) within which the answer is the same, so a caller asks once a session, not once a bar.
 */
export class SessionClock {
  from = Number.POSITIVE_INFINITY;
  to = Number.NEGATIVE_INFINITY;
  #day = 0;
  readonly #start: DayStart;
  /** Local time minus UTC, µs, near enough to guess the day; the bounds correct the guess. */
  readonly #bias: number;

  private constructor(start: DayStart, bias: number) {
    this.#start = start;
    this.#bias = bias;
  }

  /** Sessions are the days of UTC. */
  static utcDay(): SessionClock {
    return new SessionClock((day) => day * DAY_US, 0);
  }

  /**
   * Sessions are the calendar days of an IANA zone, daylight saving included, or those that begin the evening before
   * (`America/Chicago 17:00`).
   * @throws RangeError for no such zone
   */
  static zone(iana: string): SessionClock {
    if (iana === 'UTC') return SessionClock.utcDay();
    const zone = new Zone(iana);
    return new SessionClock(remembered(zone), zone.offsetUs(0));
  }

  /** First instant of a session, µs UTC. */
  startOf(session: number): number {
    return this.#start(session);
  }

  /** The session's number: days since 1970-01-01 in the zone. `ts` in µs, within a Date's range. */
  session(ts: number): number {
    if (ts >= this.from && ts < this.to) return this.#day;
    if (!(Math.abs(ts) < MAX_US)) throw new RangeError(`no session at ${ts} µs`);
    let day = Math.floor((ts + this.#bias) / DAY_US);
    while (ts < this.#start(day)) day--;
    while (ts >= this.#start(day + 1)) day++;
    this.#day = day;
    this.from = this.#start(day);
    this.to = this.#start(day + 1);
    return day;
  }
}

/** Where a zone's days start, each looked for once. */
function remembered(zone: Zone): DayStart {
  const starts = new Map<number, number>();
  return (day) => {
    let start = starts.get(day);
    if (start !== undefined) return start;
    if (starts.size >= MAX_DAYS) starts.clear();
    start = zone.dayStartUs(day);
    starts.set(day, start);
    return start;
  };
}
