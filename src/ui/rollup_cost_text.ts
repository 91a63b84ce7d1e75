/** What longer bars cost, as a person reads it. */

import { bytes, count, counted, duration, interval } from '../base/quantities.ts';
import type { RollupCost, RollupCostResult, RollupCostRun } from '../bench/rollup_cost.ts';
import { PLAIN, type Style } from './style.ts';
import { type Column, tableLines } from './table.ts';

export function rollupCostNote({ files, round, plainCpuSeconds, cpuSeconds }: RollupCostRun): string {
  return `round ${round}: ${files}: ${duration(plainCpuSeconds)} of CPU, with longer bars ${duration(cpuSeconds)}`;
}

const COLUMNS: readonly Column[] = [
  { title: 'files' },
  { title: 'records', align: 'right' },
  { title: 'longer', align: 'right' },
  { title: 'CPU us', align: 'right' },
  { title: 'with', align: 'right' },
  { title: 'added', align: 'right' },
  { title: 'spread', align: 'right' },
  { title: 'server us a row', align: 'right' },
  { title: 'a longer one', align: 'right' },
  { title: 'seconds', align: 'right' },
  { title: 'with', align: 'right' },
  { title: 'peak RSS', align: 'right' },
];

const percent = (share: number): string => `${Math.round(100 * share)} %`;

function row(one: RollupCost): string[] {
  const { median, least, most } = one.addedShare;
  return [
    one.files,
    count(one.records),
    count(one.made),
    one.plainCpuUs.toFixed(2),
    one.cpuUs.toFixed(2),
    percent(median),
    `${percent(least)} to ${percent(most)}`,
    one.serverRowUs?.toFixed(2) ?? '',
    one.serverMadeUs?.toFixed(2) ?? '',
    one.plainSeconds.median.toFixed(2),
    one.seconds.median.toFixed(2),
    bytes(one.peakRssBytes),
  ];
}

/** The result as lines. `width` is the terminal's. */
export function rollupCostLines(result: RollupCostResult, width: number, style: Style = PLAIN): string[] {
  return [
    `PostgreSQL ${result.server}, ${result.rollups.map(interval).join(', ')}, medians of ${counted(result.rounds, 'round')}; CPU of the loader a record, its start included`,
    '',
    ...tableLines(COLUMNS, result.costs.map(row), width, style),
  ];
}
