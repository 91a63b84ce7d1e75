/** A benchmark of what comes after the first load, as a person reads it. */

import { bytes, count, counted, duration, short } from '../base/quantities.ts';
import type { DayTwoResult, DayTwoRun, Work } from '../bench/day_two.ts';
import { spread } from '../bench/statistics.ts';
import { PLAIN, type Style } from './style.ts';
import { type Column, tableLines } from './table.ts';

export function dayTwoNote({ work, round, seconds, appendSeconds }: DayTwoRun): string {
  return `round ${round}: ${work}: ${duration(seconds)}, appended ${duration(appendSeconds)}`;
}

const COLUMNS: readonly Column[] = [
  { title: 'work' },
  { title: 'records', align: 'right' },
  { title: 'stand', align: 'right' },
  { title: 'seconds', align: 'right' },
  { title: 'spread', align: 'right' },
  { title: 'append', align: 'right' },
  { title: 'x append', align: 'right' },
  { title: 'x CPU', align: 'right' },
  { title: 'SQL', align: 'right' },
  { title: 'CPU s', align: 'right' },
  { title: 'server s', align: 'right' },
  { title: 'peak RSS', align: 'right' },
];

function row(one: Work): string[] {
  return [
    one.work,
    count(one.records),
    short(one.standing),
    one.seconds.median.toFixed(2),
    `${Math.round(spread(one.seconds) * 100)} %`,
    one.appendSeconds.median.toFixed(2),
    one.overAppend.median.toFixed(2),
    one.cpuOverAppend.median.toFixed(2),
    one.floorSeconds === null ? '' : one.floorSeconds.median.toFixed(2),
    one.cpuSeconds.toFixed(1),
    one.serverCpuSeconds === null ? '' : one.serverCpuSeconds.toFixed(1),
    bytes(one.peakRssBytes),
  ];
}

/** The result as lines. `width` is the terminal's. */
export function dayTwoLines(result: DayTwoResult, width: number, style: Style = PLAIN): string[] {
  return [
    `PostgreSQL ${result.server}, medians of ${counted(result.rounds, 'round')}; seconds of the whole command`,
    '',
    ...tableLines(COLUMNS, result.works.map(row), width, style),
    '',
    style.bold(result.bottleneck),
  ];
}
