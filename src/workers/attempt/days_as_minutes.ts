/** Days in the folder of minutes: vendors name the files of both by their day alone. */

import { Zone } from '../../base/zone.ts';
import { BackhaulError } from '../../faults/fault.ts';
import type { Assignment } from '../link/assignment.ts';
import type { FileScan } from './file_scan.ts';

/** An hour, s: what is as long is near enough to a day to be anything. */
const HOUR_S = 3600;
/** Symbols that one and the same midnight is no accident of. */
const LEAST_SYMBOLS = 3;
/** The shortest day, when clocks are put forward, µs. */
const SHORTEST_DAY_US = 23 * 3_600_000_000;

/** What a whole file has brought: its first and last bar, µs, null without any, and how many symbols have bars. */
interface Brought {
  readonly firstUs: number | null;
  readonly lastUs: number | null;
  readonly symbols: number;
}

/**
 * Fails for a file of days that its name says to be of minutes: all symbols have one bar, at midnight, in a file that is
 * named for a day or more, and nothing of it was left out.
 */
export function refuseDays(
  { intervalS, fileFromUs, fileToUs, sessionZone }: Assignment['plan'],
  { trades, scanner }: Pick<FileScan, 'trades' | 'scanner'>,
  { firstUs, lastUs, symbols }: Brought,
): void {
  if (intervalS >= HOUR_S || trades !== null || scanner.counters.outside > 0) return;
  if (fileFromUs === null || fileToUs === null || fileToUs - fileFromUs < SHORTEST_DAY_US) return;
  if (firstUs === null || firstUs !== lastUs || symbols < LEAST_SYMBOLS) return;
  if (!new Zone(sessionZone).startsDay(firstUs)) return;
  throw new BackhaulError({
    kind: 'not-a-bar-file',
    message: 'its name says bars of minutes, and its records are days',
    expected: `bars of ${intervalS} s`,
    found: `one bar of each of ${symbols} symbols, all at midnight`,
    hint: 'Is it in the folder of another dataset? Move it to that of days.',
  });
}
