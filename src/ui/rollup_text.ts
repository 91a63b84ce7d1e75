/** What `rollup` says. */

import { counted, instant, interval, percent } from '../base/quantities.ts';
import type { RollupSummary, RollupWork } from '../series/rollup.ts';
import { seriesText } from '../state/series/series_name.ts';
import { sanitise } from './text.ts';

function nameOf({ base, rollupS }: RollupWork): string {
  return `${sanitise(seriesText({ ...base, intervalS: rollupS }))} from ${interval(base.intervalS)}`;
}

/** How far a series is. */
export function rollupLine(work: RollupWork, share: number, bars: number): string {
  return `${nameOf(work)}: ${percent(share)}, ${counted(bars, 'bar')}`;
}

/** What a series would be made in. */
export function rollupWorkLine(work: RollupWork): string {
  if (work.todo.length === 0) return `${nameOf(work)}: up to date`;
  const { fromUs } = work.todo[0]!;
  const { toUs } = work.todo.at(-1)!;
  return `${nameOf(work)}: ${instant(fromUs)} to ${instant(toUs - 1)}`;
}

/** What was done. */
export function rollupSummary({ series, upToDate, bars, dryRun, interrupted }: RollupSummary): string {
  const all = counted(series, 'series', 'series');
  if (upToDate === series) return `${all} up to date: nothing to make.`;
  if (dryRun) return `${counted(series - upToDate, 'series', 'series')} to be made, ${upToDate} up to date.`;
  const rest = upToDate === 0 ? '' : `, ${upToDate} up to date`;
  const end = interrupted ? ' Interrupted: the same command goes on.' : '';
  return `${counted(bars, 'bar')} made in ${counted(series - upToDate, 'series', 'series')}${rest}.${end}`;
}
