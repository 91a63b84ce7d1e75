import { expect, it } from 'vitest';
import { Zone } from '../../src/base/zone.ts';

const DAY_US = 86_400_000_000;
const MINUTE_US = 60_000_000;

/** What a calendar on the wall shows there. */
function dayShown(format: Intl.DateTimeFormat, us: number): string {
  return format.format(us / 1000);
}

it.each([
  ['America/Sao_Paulo', '2018-11-04'], // forward at midnight
  ['America/Sao_Paulo', '2018-02-18'], // back at midnight
  ['Asia/Beirut', '2023-03-30'],
  ['Africa/Cairo', '2010-09-09'],
  ['America/New_York', '2024-03-10'],
  ['America/St_Johns', '2011-03-13'], // at 00:01
  ['Pacific/Apia', '2011-12-31'], // the day before was left out
  ['UTC', '2024-02-29'],
])('%s: a day begins at the first instant that bears its date, %s', (name, date) => {
  const zone = new Zone(name);
  const format = new Intl.DateTimeFormat('sv-SE', { timeZone: name, dateStyle: 'short' });
  for (let ahead = -2; ahead <= 2; ahead++) {
    const day = Date.parse(`${date}T00:00:00Z`) / 86_400_000 + ahead;
    const wanted = new Date(day * 86_400_000).toISOString().slice(0, 10);
    const start = zone.dayStartUs(day);
    expect(dayShown(format, start) >= wanted, `${wanted} has not begun`).toBe(true);
    expect(dayShown(format, start - MINUTE_US) < wanted, `${wanted} had begun before`).toBe(true);
  }
});

it('a time that clocks skip is come to when they do so', () => {
  const zone = new Zone('America/New_York');
  const local = Date.parse('2024-03-10T02:30:00Z') * 1000;
  expect(new Date(zone.reachesUs(local) / 1000).toISOString()).toBe('2024-03-10T07:30:00.000Z');
  expect(zone.instantUs(local)).toBeNaN();
  expect(zone.reachesUs(local - DAY_US)).toBe(zone.instantUs(local - DAY_US));
});
