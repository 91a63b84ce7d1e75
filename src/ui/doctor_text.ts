/** What the doctor found, for a person. */

import { counted } from '../base/quantities.ts';
import type { Check, CheckState } from '../doctor/check.ts';
import { PLAIN, type Style } from './style.ts';
import { displayWidth, sanitise } from './text.ts';

const TITLES: Readonly<Record<Check['group'], string>> = {
  machine: 'This machine',
  database: 'Database',
  settings: 'Settings of the server',
  sources: 'Sources',
};

/** Names are padded to the longest, unless that is longer than this. */
const MOST_NAME = 24;

/** The title of a group, and a line a check; below it, what mends it. */
export function checkLines(group: Check['group'], checks: readonly Check[], style: Style = PLAIN): string[] {
  if (checks.length === 0) return [];
  const width = Math.min(MOST_NAME, Math.max(...checks.map((check) => displayWidth(sanitise(check.name)))));
  return [style.bold(TITLES[group]), ...checks.flatMap((check) => linesOf(check, width, style)), ''];
}

function linesOf({ name, state, message, fix }: Check, width: number, style: Style): string[] {
  const word = coloured(state, state.padEnd(STATE_WIDTH), style);
  const safe = sanitise(name);
  const gap = ' '.repeat(Math.max(0, width - displayWidth(safe)));
  const line = `  ${word}  ${safe}${gap}  ${sanitise(message)}`;
  return fix === null ? [line] : [line, `  ${' '.repeat(STATE_WIDTH)}  ${style.cyan(`→ ${sanitise(fix)}`)}`];
}

const STATE_WIDTH = 'failure'.length;

function coloured(state: CheckState, text: string, style: Style): string {
  if (state === 'ok') return style.green(text);
  return state === 'warning' ? style.yellow(text) : style.red(text);
}

/** How many of each. */
export function countsOf(checks: readonly Check[]): Readonly<Record<CheckState, number>> {
  const counts = { ok: 0, warning: 0, failure: 0 };
  for (const { state } of checks) counts[state]++;
  return counts;
}

/** The last line: whether a load would go well. */
export function verdictLine(checks: readonly Check[], style: Style = PLAIN): string {
  const { ok, warning, failure } = countsOf(checks);
  const sums = `${counted(failure, 'failure')}, ${counted(warning, 'warning')}, ${ok} ok`;
  if (failure > 0) return style.red(`Not ready: ${sums}`);
  return style.green(warning > 0 ? `Ready, but it could be better: ${sums}` : `Ready: ${sums}`);
}
