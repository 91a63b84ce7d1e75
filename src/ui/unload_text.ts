/** What an unload takes out, in words. */

import { count, counted } from '../base/quantities.ts';
import type { UnloadSummary } from '../series/unload.ts';
import { fileText } from './fault_text.ts';
import { PLAIN, type Style } from './style.ts';
import { tableLines } from './table.ts';

/** A file of a dry run: the bars that no other file vouches for, and those it brought in all. */
export interface UnloadPlan {
  readonly uri: string;
  readonly entry: string | null;
  readonly bars: number;
  readonly rowsLoaded: number;
}

/** Files and series named, each; the sum counts all. */
const NAMED = 40;

/** `series`: bars of whole series that would go, by name. */
export function unloadPlanLines(
  files: readonly UnloadPlan[],
  series: readonly { readonly name: string; readonly bars: number }[],
  width: number,
  style: Style = PLAIN,
): string[] {
  const right = (title: string) => ({ title, align: 'right' as const });
  const rows = files
    .slice(0, NAMED)
    .map(({ uri, entry, bars, rowsLoaded }) => [
      fileText(uri, entry),
      count(bars),
      count(Math.max(0, rowsLoaded - bars)),
    ]);
  const bars = [...files, ...series].reduce((sum, one) => sum + one.bars, 0);
  return [
    ...(files.length === 0
      ? []
      : [
          ...tableLines(
            [{ title: 'file', cut: 'start' as const }, right('bars that go'), right('that stay')],
            rows,
            width,
            style,
          ),
          ...rest(files.length),
          '',
        ]),
    ...(series.length === 0
      ? []
      : [
          ...tableLines(
            [{ title: 'series', cut: 'start' as const }, right('bars that go')],
            series.slice(0, NAMED).map(({ name, bars: n }) => [name, count(n)]),
            width,
            style,
          ),
          ...rest(series.length),
          '',
        ]),
    `${counted(bars, 'bar')} would go. Nothing was changed.`,
  ];
}

function rest(all: number): string[] {
  return all > NAMED ? [`… and ${count(all - NAMED)} more: --json has all`] : [];
}

export function unloadLines(summary: UnloadSummary, style: Style = PLAIN): string[] {
  const { tasks, series, bars, recomputed, interrupted } = summary;
  const what = [
    ...(tasks > 0 ? [counted(tasks, 'file')] : []),
    ...(series > 0 ? [`${counted(series, 'series', 'series')}`] : []),
  ].join(' and ');
  const behind = recomputed > 0 ? `; indicators of ${counted(recomputed, 'bar')} behind computed again` : '';
  return [
    `${interrupted ? `${style.yellow('Interrupted.')} ` : ''}Taken out: ${what === '' ? 'nothing' : what}, ${counted(bars, 'bar')}${behind}.`,
    ...(tasks > 0
      ? ['Loads leave these files alone now; --reload, another layout or a changed file brings them back.']
      : []),
    ...(bars > 0 ? ['What is missing now: npx backhaul gaps scan.'] : []),
  ];
}
