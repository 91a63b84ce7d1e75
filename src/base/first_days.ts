/** The first days of weeks and months. Days since 1970-01-01. Pure. */

/** 1970-01-01 was a Thursday: three days behind a Monday. */
const BEHIND_MONDAY = 3;

/** The Monday of the week that a day is in. */
export function mondayOf(day: number): number {
  return day - ((((day + BEHIND_MONDAY) % 7) + 7) % 7);
}

/** The first day of the month that a day is in, or of one `ahead`. */
export function firstOfMonth(day: number, ahead: number): number {
  const date = new Date(day * 86_400_000);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + ahead, 1) / 86_400_000;
}
