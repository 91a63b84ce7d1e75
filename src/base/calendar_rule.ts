/** When a market trades, as a layout says it: a calendar by its name, or hours of one's own. Plain data. */

export const CALENDAR_NAMES = ['crypto', 'us-equities', 'forex', 'cme', 'none'] as const;
export type CalendarName = (typeof CALENDAR_NAMES)[number];

/** In the order of JavaScript's days of the week. */
export const WEEKDAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const;
export type Weekday = (typeof WEEKDAYS)[number];

/** Hours of trading by the day they begin on, by the clocks of a zone. */
export interface OwnCalendar {
  /** IANA zone. */
  readonly zone: string;
  /** `HH:MM-HH:MM`; where the end is not later than the start, it is the next day's. */
  readonly week: Readonly<Partial<Record<Weekday, readonly string[]>>>;
  /** Days on which nothing begins, `YYYY-MM-DD`, sorted. */
  readonly holidays: readonly string[];
}

export type CalendarRule = CalendarName | OwnCalendar;
