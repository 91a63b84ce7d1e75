/** Offsets of time zones. */

const DAY_US = 86_400_000_000;
const HOUR_US = 3_600_000_000;
const MINUTE_US = 60_000_000;
const QUARTER_HOUR_US = 900_000_000;
const MAX_CACHED = 4096;
const UTC_NAMES: ReadonlySet<string> = new Set(['UTC', 'GMT', 'Z', 'Etc/UTC', 'Etc/GMT', 'Zulu', 'Etc/Zulu']);

/** How far ahead of `zone` the days are that begin at `zone HH:MM`, an afternoon's hour: `America/Chicago 17:00`. */
export function sessionStart(name: string): { readonly zone: string; readonly aheadUs: number } {
  const match = /^(\S+) (1[2-9]|2[0-3]):([0-5]\d)$/.exec(name);
  if (match === null) return { zone: name, aheadUs: 0 };
  return { zone: match[1]!, aheadUs: DAY_US - Number(match[2]) * HOUR_US - Number(match[3]) * MINUTE_US };
}

/**
 * Offsets of one IANA zone, in µs to be added to UTC. Looked up through `Intl` once a day of the zone, or once a
 * quarter of an hour on a day with a transition (all since 1973 fall on one), and remembered. A zone may be put ahead, so
 * that its days begin in the evening before ({@link sessionStart}).
 */
export class Zone {
  readonly name: string;
  readonly isUtc: boolean;
  readonly #format: Intl.DateTimeFormat | null;
  readonly #aheadUs: number;
  /** Offset by quarter of an hour (as `2 * n + 1`) and by UTC day (as `2 * n`; NaN on a day with a transition). */
  readonly #cache = new Map<number, number>();
  #lastDay = Number.NaN;
  #lastOffset = 0;

  /** @throws RangeError when `Intl` does not know the zone */
  constructor(name: string) {
    this.name = name;
    this.isUtc = UTC_NAMES.has(name);
    const { zone, aheadUs } = sessionStart(name);
    this.#format = this.isUtc ? null : dateTimeFormat(zone);
    this.#aheadUs = aheadUs;
  }

  /** Offset in force at `ts` (µs UTC), in µs. */
  offsetUs(ts: number): number {
    if (this.isUtc) return 0;
    const day = Math.floor(ts / DAY_US);
    if (day === this.#lastDay) return this.#lastOffset;
    let offset = this.#remember(2 * day, () => this.#offsetOfDay(day));
    if (Number.isNaN(offset)) {
      const quarter = Math.floor(ts / QUARTER_HOUR_US);
      offset = this.#remember(2 * quarter + 1, () => this.#lookUp(quarter * QUARTER_HOUR_US));
    } else {
      this.#lastDay = day;
      this.#lastOffset = offset;
    }
    return offset;
  }

  /**
   * The instant at which clocks of the zone show `localUs` (µs, as if it were UTC). The earlier one where clocks
   * show it twice, NaN where they never do. A zone changes its offset at most once in any two days.
   */
  instantUs(localUs: number): number {
    if (this.isUtc) return localUs;
    const before = this.offsetUs(localUs - DAY_US);
    const after = this.offsetUs(localUs + DAY_US);
    if (before === after) return localUs - before;
    const earlier = Math.max(before, after);
    if (this.offsetUs(localUs - earlier) === earlier) return localUs - earlier;
    const later = Math.min(before, after);
    return this.offsetUs(localUs - later) === later ? localUs - later : Number.NaN;
  }

  /** Whether `ts` is the first instant of a day of the zone: midnight, or what a transition put in its place. */
  startsDay(ts: number): boolean {
    const today = Math.floor((ts + this.offsetUs(ts)) / DAY_US);
    return today !== Math.floor((ts - 1 + this.offsetUs(ts - 1)) / DAY_US);
  }

  #offsetOfDay(day: number): number {
    const first = this.#lookUp(day * DAY_US);
    return this.#lookUp((day + 1) * DAY_US) === first ? first : Number.NaN;
  }

  #remember(key: number, find: () => number): number {
    const known = this.#cache.get(key);
    if (known !== undefined) return known;
    if (this.#cache.size >= MAX_CACHED) this.#cache.clear();
    const offset = find();
    this.#cache.set(key, offset);
    return offset;
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
