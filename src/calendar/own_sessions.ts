/** Trading hours as a layout writes them. Pure. */

import { type OwnCalendar, WEEKDAYS } from '../base/calendar_rule.ts';
import type { Range } from '../base/ranges.ts';
import { Zone } from '../base/zone.ts';

const MINUTE_US = 60_000_000;
const DAY_US = 86_400_000_000;
const DAY_MINUTES = 1440;

interface Hours {
  readonly fromMinute: number;
  /** Beyond a day's minutes where they end on the next. */
  readonly toMinute: number;
}

/** `HH:MM-HH:MM` in minutes after midnight; null for what is none. `24:00` is the end of a day. */
export function hoursOf(text: string): Hours | null {
  const match = /^(\d\d):(\d\d)-(\d\d):(\d\d)$/.exec(text);
  if (match === null) return null;
  const [fromHour, fromRest, toHour, toRest] = match.slice(1).map(Number) as [number, number, number, number];
  const [from, to] = [fromHour * 60 + fromRest, toHour * 60 + toRest];
  if (fromRest > 59 || toRest > 59 || from >= DAY_MINUTES || to > DAY_MINUTES) return null;
  return { fromMinute: from, toMinute: to > from ? to : to + DAY_MINUTES };
}

/** The open times of a calendar of one's own that reach into a range, oldest first. */
export function ownSessions(calendar: OwnCalendar): (fromUs: number, toUs: number) => Iterable<Range> {
  const zone = new Zone(calendar.zone);
  const holidays = new Set(calendar.holidays.map((date) => Date.parse(`${date}T00:00:00Z`) * 1000));
  const week = WEEKDAYS.map((day) =>
    (calendar.week[day] ?? []).map((text) => hoursOf(text)!).sort((a, b) => a.fromMinute - b.fromMinute),
  );
  /** The instant the zone's clocks show a minute of a day; one that they skip is that of the change. */
  const instant = (day: number, minute: number): number => zone.reachesUs(day * DAY_US + minute * MINUTE_US);
  return function* (fromUs, toUs) {
    // Local days are up to 14 hours off, and hours may reach into the next day.
    const last = Math.floor(toUs / DAY_US) + 1;
    for (let day = Math.floor(fromUs / DAY_US) - 2; day <= last; day++) {
      if (holidays.has(day * DAY_US)) continue;
      // 1970-01-01 was a Thursday.
      for (const { fromMinute, toMinute } of week[(((day + 4) % 7) + 7) % 7]!) {
        const session = { fromUs: instant(day, fromMinute), toUs: instant(day, toMinute) };
        if (session.toUs > fromUs && session.fromUs < toUs && session.fromUs < session.toUs) yield session;
      }
    }
  };
}
