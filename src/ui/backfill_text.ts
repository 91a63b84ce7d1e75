/** The steps of a backfill in words. */

import type { BackfillSummary, StepOutcome, StepResult } from '../backfill/run_steps.ts';
import { count, counted, duration } from '../base/quantities.ts';
import { PLAIN, type Style } from './style.ts';
import { tableLines } from './table.ts';
import { sanitise } from './text.ts';

const WORDS: Readonly<Record<StepOutcome, string>> = {
  done: 'done',
  incomplete: 'finished, not all well',
  failed: 'failed',
  interrupted: 'interrupted',
  kept: 'done before',
  'not-run': 'not run',
};

/** One table for the whole, and what to do next. `file`: the file of jobs as the user named it. */
export function backfillLines(
  summary: BackfillSummary,
  file: string,
  width: number,
  style: Style = PLAIN,
): string[] {
  const rows = summary.steps.map((step) => [
    sanitise(step.step),
    WORDS[step.outcome],
    step.outcome === 'kept' || step.outcome === 'not-run' ? '' : duration(step.seconds),
    sanitise(resultText(step)),
  ]);
  const columns = [
    { title: 'step' },
    { title: '' },
    { title: 'took', align: 'right' as const },
    { title: '' },
  ];
  const goOn = `npx backhaul backfill ${sanitise(file)} --resume`;
  return [
    ...tableLines(columns, rows, width, style),
    '',
    summary.failed || summary.interrupted
      ? `${summary.interrupted ? 'Interrupted' : style.red('Failed')} after ${duration(summary.seconds)}. From there on:  ${goOn}`
      : `${summary.incomplete ? 'Finished, not all well' : 'All done'} in ${duration(summary.seconds)}.`,
  ];
}

/** What a step's sum comes to, by the type of its last line. */
export function resultText({ result }: StepResult): string {
  if (result === null) return '';
  const number = (...path: string[]): number => {
    let value: unknown = result;
    for (const key of path) value = (value as Record<string, unknown> | undefined)?.[key];
    return typeof value === 'number' ? value : 0;
  };
  switch (result['type']) {
    case 'summary': {
      const failed = number('tasks', 'failed');
      const rejected = number('rows', 'rejected');
      return [
        `${counted(number('rows', 'loaded'), 'row')} in ${counted(number('tasks', 'loaded'), 'file')}`,
        ...(rejected > 0 ? [counted(rejected, 'reject')] : []),
        ...(failed > 0 ? [`${count(failed)} failed`] : []),
      ].join(', ');
    }
    case 'scan':
      return counted(number('gaps'), 'gap');
    case 'fill':
      return `${counted(number('filled'), 'gap')} filled, ${count(number('remaining'))} left`;
    case 'validation':
      return counted(number('findings'), 'finding');
    case 'export':
      return `${counted(number('rows'), 'row')} in ${counted(number('files'), 'file')}`;
    default:
      return '';
  }
}
