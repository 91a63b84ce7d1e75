/** Periods that names tell: a year, a quarter, a month or a day of some zone. */

import { sessionStart, Zone } from '../../base/zone.ts';
import { sessionHours } from '../../calendar/us_exchange_days.ts';
import { daysFromCivil } from '../../scan/civil.ts';

/** µs since 1970, `[fromUs, toUs)`. */
export interface Period {
  readonly fromUs: number;
  readonly toUs: number;
}

const zones = new Map<string, Zone>();

/** Looking up a zone's offsets is slow, so there is one `Zone` a name. RangeError for an unknown one. */
export function zoneNamed(name: string): Zone {
  let zone = zones.get(name);
  if (zone === undefined) {
    zone = new Zone(name);
    zones.set(name, zone);
  }
  return zone;
}

/**
 * The period the groups `year` and `quarter`, or `year`, `month` and `day`, of a name tell; null when there is no
 * year or it is no date.
 */
export function periodOf(groups: Readonly<Record<string, string>>, zoneName: string): Period | null {
  const year = Number(groups['year'] ?? Number.NaN);
  if (!(year >= 1900 && year < 2255)) return null;
  const quarter = groups['quarter'];
  const month = Number(groups['month'] ?? (quarter === undefined ? 1 : 3 * Number(quarter) - 2));
  const day = Number(groups['day'] ?? 1);
  if (!(month >= 1 && month <= 12 && day >= 1 && day <= 31)) return null;
  const months = groups['month'] !== undefined ? 1 : quarter !== undefined ? 3 : 12;
  const first = daysFromCivil(year, month, day);
  const last = groups['day'] === undefined ? firstOfMonth(year, month + months) : first + 1;
  if (groups['day'] !== undefined && first >= firstOfMonth(year, month + 1)) return null;
  // A session that begins in an evening begins when the one before it ended: after a weekend or a holiday, days before.
  const begins = sessionStart(zoneName).aheadUs === 0 ? first : dayAfterTrading(first);
  return { fromUs: midnightUs(begins, zoneName), toUs: midnightUs(last, zoneName) };
}

/** The day that follows the last one before `day` on which US exchanges trade. */
function dayAfterTrading(day: number): number {
  let before = day - 1;
  while (sessionHours(before) === null && before > day - 10) before--;
  return before + 1;
}

function firstOfMonth(year: number, month: number): number {
  return daysFromCivil(year + Math.floor((month - 1) / 12), ((month - 1) % 12) + 1, 1);
}

/** The first instant of a day of the zone, given in days since 1970. */
function midnightUs(day: number, zoneName: string): number {
  return zoneNamed(zoneName).dayStartUs(day);
}
