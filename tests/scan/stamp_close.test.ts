import { describe, expect, it } from 'vitest';
import type { ScanChecks } from '../../src/scan/shape.ts';
import { checksOf, scan, shapeOf } from './scan_run.ts';

const DAY_S = 86_400;
const MONTH_S = 30 * DAY_S;

/** The opens of bars stamped at their ends, as local text of the zone, as ISO 8601. */
function opens(ends: readonly string[], seconds: number, zone: string, grid: ScanChecks['grid']): string[] {
  const bytes = Buffer.from(ends.map((end) => `${end},1,1,1,1,1\n`).join(''));
  const shape = shapeOf(['time', 'open', 'high', 'low', 'close', 'volume'], {
    time: 'text',
    timeZone: zone,
    stamps: 'close',
  });
  const { rows } = scan({
    bytes,
    shape,
    checks: checksOf({ intervalUs: seconds * 1e6, grid, zone }),
    fixed: 'X',
    wanted: null,
    order: 'any',
  });
  return rows.map(({ ts }) => new Date(ts / 1000).toISOString().slice(0, 16));
}

describe('a bar stamped at its end', () => {
  it.each([
    [['2022-03-01', '2022-04-01'], MONTH_S, 'UTC', 'month', ['2022-02-01T00:00', '2022-03-01T00:00']],
    [['2022-02-28', '2022-03-31'], MONTH_S, 'UTC', 'month', ['2022-02-01T00:00', '2022-03-01T00:00']],
    // Months and weeks of a zone begin with its midnights, on either side of a change of its clocks.
    [
      ['2022-04-01 00:00', '2022-11-30 17:00'],
      MONTH_S,
      'Europe/Berlin',
      'none',
      ['2022-02-28T23:00', '2022-10-31T23:00'],
    ],
    [
      ['2022-03-28 00:00', '2022-04-04 00:00'],
      7 * DAY_S,
      'Europe/Berlin',
      'none',
      ['2022-03-20T23:00', '2022-03-27T22:00'],
    ],
    [['2022-03-07', '2022-03-11'], 7 * DAY_S, 'UTC', 'week', ['2022-02-28T00:00', '2022-03-07T00:00']],
    [
      ['2022-03-27 22:00', '2022-03-28 22:00'],
      DAY_S,
      'Europe/Berlin',
      'none',
      ['2022-03-26T21:00', '2022-03-27T20:00'],
    ],
    [['2022-03-28 00:00'], DAY_S, 'Europe/Berlin', 'zone-day', ['2022-03-26T23:00']],
    [['2022-03-28 04:00'], 4 * 3600, 'Europe/Berlin', 'none', ['2022-03-27T22:00']],
    [['2022-03-28 03:59:59'], 4 * 3600, 'UTC', 'epoch', ['2022-03-28T00:00']],
  ] as const)('%j of %i s, %s, %s', (ends, seconds, zone, grid, expected) => {
    expect(opens(ends, seconds, zone, grid)).toEqual(expected);
  });
});
