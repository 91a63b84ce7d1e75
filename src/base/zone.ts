/** Offsets of time zones. */

const DAY_US = 86_400_000_000;
const HOUR_US = 3_600_000_000;
const MINUTE_US = 60_000_000;
const SECOND_US = 1_000_000;
const MAX_CACHED = 4096;
const UTC_NAMES: ReadonlySet<string> = new Set(['UTC', 'GMT', 'Z', 'Etc/UTC', 'Etc/GMT', 'Zulu', 'Etc/Zulu']);

/** How far ahead of `zone` the days are that begin at `zone HH:MM`, an afternoon's hour: `America/Chicago 17:00`. */
export function sessionStart(name: string): { readonly zone: string; readonly aheadUs: number } {
  const match = /^(\S+) (1[2-9]|2[0-3]):([0-5]\d)$/.exec(name);
  if (match === null) return { zone: name, aheadUs: 0 };
  return { zone: match[1]!, aheadUs: DAY_US - Number(match[2]) * HOUR_US - Number(match[3]) * MINUTE_US };
}

/** Offsets of a UTC day: `before` until `changeUs`, `after` from it on. */
interface DayOffsets {
  readonly changeUs: number;
  readonly before: number;
  readonly after: number;
}

/**
 * Offsets of one IANA zone, in µs to be added to UTC. Looked up through `Intl` once a UTC day, and remembered, on a day
 * with a transition with its instant: not all fall on a quarter of an hour (Newfoundland's were at 00:01 until 2011). A
 * zone may be put ahead, so that its days begin in the evening before ({@link sessionStart}).
 */
export class Zone {
  readonly name: string;
  readonly isUtc: boolean;
  /** After {@link resolve}: the instants at which clocks show a local time; one and the same where they do so once, NaN where never. */
  first = Number.NaN;
  second = Number.NaN;
  /** Of a zone that is an offset, µs. */
  readonly #fixed: number;
  readonly #format: Intl.DateTimeFormat | null;
  readonly #aheadUs: number;
  readonly #days = new Map<number, DayOffsets>();
  #lastDay = Number.NaN;
  #lastOffset = 0;

  /** @throws RangeError when `Intl` does not know the zone */
  constructor(name: string) {
    this.name = name;
    const { zone, aheadUs } = sessionStart(name);
    this.#fixed = UTC_NAMES.has(name) ? 0 : fixedOffset(name);
    this.isUtc = this.#fixed === 0;
    this.#format = Number.isNaN(this.#fixed) ? dateTimeFormat(zone) : null;
    this.#aheadUs = aheadUs;
  }

  /** Offset in force at `ts` (µs UTC), in µs. */
  offsetUs(ts: number): number {
    if (this.#format === null) return this.#fixed;
    const day = Math.floor(ts / DAY_US);
    if (day === this.#lastDay) return this.#lastOffset;
    const { changeUs, before, after } = this.#offsetsOf(day);
    if (before === after) {
      this.#lastDay = day;
      this.#lastOffset = before;
    }
    return ts < changeUs ? before : after;
  }

  /**
   * The instant at which clocks of the zone show `localUs` (µs, as if it were UTC). The earlier one where clocks
   * show it twice, NaN where they never do.
   */
  instantUs(localUs: number): number {
    this.resolve(localUs);
    return this.first;
  }

  /**
   * The instant at which clocks of the zone come to `localUs`: they show it, or skip it, as midnight where they go
   * forward at midnight. The earlier one where they show it twice.
   */
  reachesUs(localUs: number): number {
    const shown = this.instantUs(localUs);
    return Number.isNaN(shown) ? localUs - this.offsetUs(localUs - DAY_US) : shown;
  }

  /** The first instant of a day of the zone, counted from 1970-01-01. */
  dayStartUs(day: number): number {
    return this.reachesUs(day * DAY_US);
  }

  /** Finds {@link first} and {@link second} for `localUs`. A zone changes its offset at most once in any two days. */
  resolve(localUs: number): void {
    if (this.#format === null) {
      this.first = localUs - this.#fixed;
      this.second = this.first;
      return;
    }
    const before = this.offsetUs(localUs - DAY_US);
    const after = this.offsetUs(localUs + DAY_US);
    const early = localUs - Math.max(before, after);
    const late = localUs - Math.min(before, after);
    // Where clocks are put back, the time they show twice was, and will be: with the offset before, and with that after.
    const isEarly = early === late || this.offsetUs(early) === localUs - early;
    const isLate = early === late || this.offsetUs(late) === localUs - late;
    this.first = isEarly ? early : isLate ? late : Number.NaN;
    this.second = isLate ? late : this.first;
  }

  /** Whether `ts` is the first instant of a day of the zone: midnight, or what a transition put in its place. */
  startsDay(ts: number): boolean {
    const today = Math.floor((ts + this.offsetUs(ts)) / DAY_US);
    return today !== Math.floor((ts - 1 + this.offsetUs(ts - 1)) / DAY_US);
  }

  #offsetsOf(day: number): DayOffsets {
    const known = this.#days.get(day);
    if (known !== undefined) return known;
    if (this.#days.size >= MAX_CACHED) this.#days.clear();
    const offsets = this.#lookUpDay(day);
    this.#days.set(day, offsets);
    return offsets;
  }

  #lookUpDay(day: number): DayOffsets {
    let from = day * DAY_US;
    let to = from + DAY_US;
    const before = this.#lookUp(from);
    const after = this.#lookUp(to);
    if (before === after) return { changeUs: from, before, after };
    // Transitions are at whole seconds; `from` is before it, `to` is not.
    while (to - from > SECOND_US) {
      const middle = from + Math.floor((to - from) / 2 / SECOND_US) * SECOND_US;
      if (this.#lookUp(middle) === before) from = middle;
      else to = middle;
    }
    return { changeUs: to, before, after };
  }

  #lookUp(ts: number): number {
    const ms = ts / 1000;
    if (this.#format === null || Math.abs(ms) > 8.64e15) return 0;
    const part: Record<string, number> = {};
    for (const { type, value } of this.#format.formatToParts(ms)) part[type] = Number(value);
    const local = Date.UTC(
      part['year']!,
      part['month']! - 1,
      part['day']!,
      part['hour']!,
      part['minute']!,
      part['second']!,
    );
    return (local - Math.floor(ms / 1000) * 1000) * 1000 + this.#aheadUs;
  }
}

let newYork: Zone | null = null;

/** The zone of the US exchanges. Made when it is asked for: a program's first zone takes it 25 ms. */
export function newYorkZone(): Zone {
  newYork ??= new Zone('America/New_York');
  return newYork;
}

/** The offset of a zone that is named `±HH:MM`, µs; NaN for other names. */
function fixedOffset(name: string): number {
  const match = /^([+-])(\d\d):(\d\d)$/.exec(name);
  if (match === null || Number(match[2]) > 23 || Number(match[3]) > 59) return Number.NaN;
  const offset = (Number(match[2]) * 60 + Number(match[3])) * 60e6;
  return match[1] === '-' ? -offset : offset;
}

function dateTimeFormat(timeZone: string): Intl.DateTimeFormat {
  return new Intl.DateTimeFormat('en-US', {
    timeZone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  });
}
