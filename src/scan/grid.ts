/** Whether a stamp is one at which a bar may open. */

import type { Zone } from '../base/zone.ts';
import { dayOfMonth } from './civil.ts';
import type { RecordShape, ScanChecks } from './shape.ts';

const DAY_US = 86_400_000_000;
/** 1970-01-05 was a Monday. */
const FIRST_MONDAY_US = 4 * DAY_US;

/** Whether `ts` is a multiple of `step`. Exact below 2^53: a quotient that rounds to a whole number does not multiply back. */
export function isMultiple(ts: number, step: number): boolean {
  return Math.floor(ts / step) * step === ts;
}

/** Whether a bar may open at `ts` (µs) on the series' grid. */
export function isOnGrid(ts: number, grid: ScanChecks['grid'], intervalUs: number, zone: Zone): boolean {
  switch (grid) {
    case 'none':
      return true;
    case 'epoch':
      return isMultiple(ts, intervalUs);
    case 'week':
      return isMultiple(ts - FIRST_MONDAY_US, 7 * DAY_US);
    case 'month':
      return isMultiple(ts, DAY_US) && dayOfMonth(ts / DAY_US) === 1;
    case 'zone-day':
      return zone.startsDay(ts);
  }
}

/** The zone whose days count: of a grid of its midnights, and for ends of days, weeks and months on whatever grid. */
export function gridZoneName(
  { grid, zone }: Pick<ScanChecks, 'grid' | 'zone'>,
  { stamps }: Pick<RecordShape, 'stamps'>,
): string {
  return grid === 'zone-day' || (grid === 'none' && stamps === 'close') ? zone : 'UTC';
}
