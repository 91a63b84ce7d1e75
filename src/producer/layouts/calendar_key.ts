/** The key `calendar`: when the market of a file's series trades. */

import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { CalendarRule, Weekday } from '../../base/calendar_rule.ts';
import { hoursOf } from '../../calendar/own_sessions.ts';
import { BackhaulError } from '../../faults/fault.ts';
import { fileError } from '../../faults/file_fault.ts';
import type { Slip } from './layout_error.ts';
import type { LayoutCalendar } from './schema.ts';

const DATE = /^\d{4}-\d{2}-\d{2}$/;

function isDate(text: string): boolean {
  const ms = Date.parse(`${text}T00:00:00Z`);
  return DATE.test(text) && !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(text);
}

const listOf = (given: string | readonly string[] | undefined): readonly string[] =>
  given === undefined ? [] : typeof given === 'string' ? [given] : given;

/** `9:00 - 17:30` as `09:00-17:30`. */
const padded = (hours: string): string =>
  hours
    .split(/ *[-–] */)
    .map((time) => time.padStart(5, '0'))
    .join('-');

/** Hours and days that are none. */
export function calendarSlips(calendar: LayoutCalendar): Slip[] {
  if (calendar === undefined || typeof calendar === 'string') return [];
  const hours = Object.entries(calendar.week).flatMap(([day, given]) =>
    listOf(given)
      .filter((text) => hoursOf(padded(text)) === null)
      .map((text) => ({
        path: ['calendar', 'week', day],
        message: `${text} are no hours, such as 09:30-16:00 or 17:00-24:00`,
      })),
  );
  const days = listOf(calendar.holidays)
    .filter((text) => !isDate(text))
    .map((text) => ({ path: ['calendar', 'holidays'], message: `${text} is no day, such as 2024-12-25` }));
  return [...hours, ...days];
}

/** The key as plans and tables hold it. */
export function calendarRule(calendar: LayoutCalendar): CalendarRule | undefined {
  if (calendar === undefined || typeof calendar === 'string') return calendar;
  const week: Partial<Record<Weekday, readonly string[]>> = {};
  for (const [day, given] of Object.entries(calendar.week)) week[day as Weekday] = listOf(given).map(padded);
  const holidays = [...new Set(listOf(calendar.holidays))].sort();
  return { zone: calendar.zone, week, holidays };
}

/**
 * A layout as written in `file`, with the days of a file of holidays in place of its name, which is relative to the
 * layout's.
 * @throws BackhaulError `usage` when that cannot be read or a line of it is no day
 */
export async function withHolidays(text: unknown, file: string): Promise<unknown> {
  const calendar = (text as { calendar?: { holidays?: unknown } } | null)?.calendar;
  const name = calendar?.holidays;
  if (typeof name !== 'string' || DATE.test(name)) return text;
  const path = resolve(dirname(file), name);
  let lines: readonly string[];
  try {
    lines = (await readFile(path, 'utf8')).split(/\r?\n/);
  } catch (error) {
    const { fault } = fileError(error, path);
    throw new BackhaulError(
      {
        ...fault,
        kind: 'usage',
        message: `calendar.holidays of ${file}: ${name} cannot be read: ${fault.message}`,
      },
      { cause: error },
    );
  }
  const holidays: string[] = [];
  for (const [i, line] of lines.entries()) {
    const day = line.replace(/#.*/, '').trim();
    if (day === '') continue;
    // Further columns of a table of holidays, such as their names, say nothing here.
    const first = day.split(/[\s,;]/, 1)[0]!;
    if (!isDate(first)) {
      throw new BackhaulError({
        kind: 'usage',
        message: `calendar.holidays of ${file}: line ${i + 1} of ${name} is no day`,
        expected: 'YYYY-MM-DD',
        found: day.slice(0, 40),
      });
    }
    holidays.push(first);
  }
  return { ...(text as object), calendar: { ...calendar, holidays } };
}
