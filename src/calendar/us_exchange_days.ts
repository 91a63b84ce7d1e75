/**
 * The days of the United States' equity exchanges (NYSE Rule 7.2, which Nasdaq follows): weekdays but holidays, some
 * of them short. Holidays come from `nyse-holidays`; early closes, which no kept library has, are rules, and closings
 * nobody could plan for are listed. Exact from 1998 on, when Martin Luther King Jr. Day became a holiday. Pure; days
 * count from 1970-01-01.
 */

import { getHolidays } from 'nyse-holidays';

const DAY_MS = 86_400_000;

/** Minutes after New York's midnight. */
export interface SessionHours {
  readonly openMinute: number;
  readonly closeMinute: number;
}

const REGULAR: SessionHours = { openMinute: 9 * 60 + 30, closeMinute: 16 * 60 };
const SHORT: SessionHours = { openMinute: 9 * 60 + 30, closeMinute: 13 * 60 };

/** Closed for a whole day: 11 September 2001, state funerals, Hurricane Sandy. */
const CLOSINGS = new Set(
  [
    ['2001-09-11', '2001-09-12', '2001-09-13', '2001-09-14'],
    ['2004-06-11', '2007-01-02', '2018-12-05', '2025-01-09'],
    ['2012-10-29', '2012-10-30'],
  ]
    .flat()
    .map(dayOf),
);

/** Closed at 13:00 beyond the rules: around the turn of the year and Christmas. */
const EARLY_CLOSES = new Set(['1999-12-31', '2003-12-26'].map(dayOf));

const MONDAY = 1;
const THURSDAY = 4;
const FRIDAY = 5;

function dayOf(date: string): number {
  return Date.parse(`${date}T00:00:00Z`) / DAY_MS;
}

function civil(year: number, month: number, date: number): number {
  return Date.UTC(year, month - 1, date) / DAY_MS;
}

/** 0 for Sunday. 1970-01-01 was a Thursday. */
export function weekday(day: number): number {
  return (((day + THURSDAY) % 7) + 7) % 7;
}

/** The n-th of a weekday in a month, from 1. */
function nth(year: number, month: number, which: number, n: number): number {
  const first = civil(year, month, 1);
  return first + ((which - weekday(first) + 7) % 7) + 7 * (n - 1);
}

function holidaysOf(year: number): Map<number, string> {
  // New Year's Day on a Saturday is not made up for; the library tells the year's own days only.
  return new Map(getHolidays(year).map(({ dateString, name }) => [dayOf(dateString), name]));
}

/** Days that end at 13:00 by rule; those that are holidays themselves are none. */
function shortDaysOf(year: number): Set<number> {
  const third = civil(year, 7, 3);
  const eve = civil(year, 12, 24);
  const short = [nth(year, 11, THURSDAY, 4) + 1];
  if (weekday(third) === 3 && year < 2013) short.push(civil(year, 7, 5));
  else if (weekday(third) >= MONDAY && weekday(third) <= THURSDAY) short.push(third);
  if (weekday(eve) >= MONDAY && weekday(eve) <= FRIDAY) short.push(eve);
  return new Set(short);
}

interface Year {
  /** With their names. */
  readonly holidays: ReadonlyMap<number, string>;
  readonly short: ReadonlySet<number>;
}

const years = new Map<number, Year>();

function yearOf(year: number): Year {
  let known = years.get(year);
  if (known === undefined) {
    known = { holidays: holidaysOf(year), short: shortDaysOf(year) };
    years.set(year, known);
  }
  return known;
}

/** The regular session of a day, as New York's clocks have it; null when the exchanges are closed. */
export function sessionHours(day: number): SessionHours | null {
  const which = weekday(day);
  if (which === 0 || which === 6 || CLOSINGS.has(day)) return null;
  const { holidays } = yearOf(new Date(day * DAY_MS).getUTCFullYear());
  if (holidays.has(day)) return null;
  return isShortDay(day) ? SHORT : REGULAR;
}

/** Holidays on which other markets are closed as well; on the others they halt early. */
const REST = /good friday|christmas|new year/i;

/** Whether a day is a holiday of the exchanges, on which others close, or halt. */
export function isHoliday(day: number): 'closed' | 'halt' | null {
  const name = yearOf(new Date(day * DAY_MS).getUTCFullYear()).holidays.get(day);
  if (name === undefined) return null;
  return REST.test(name) ? 'closed' : 'halt';
}

/** Whether the exchanges close early on a day. */
export function isShortDay(day: number): boolean {
  return yearOf(new Date(day * DAY_MS).getUTCFullYear()).short.has(day) || EARLY_CLOSES.has(day);
}
