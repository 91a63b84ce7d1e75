/** What the doctor found, for a person. */

import { counted } from '../base/quantities.ts';
import type { Check, CheckState } from '../doctor/check.ts';
import type { Fault } from '../faults/fault.ts';
import { faultLine } from './fault_text.ts';
import { eventLine } from './json_lines.ts';
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

function linesOf(check: Check, width: number, style: Style): string[] {
  const { name, state, fix } = check;
  const word = coloured(state, state.padEnd(STATE_WIDTH), style);
  const safe = sanitise(name);
  const gap = ' '.repeat(Math.max(0, width - displayWidth(safe)));
  const line = `  ${word}  ${safe}${gap}  ${sanitise(messageOf(check))}`;
  return fix === null ? [line] : [line, `  ${' '.repeat(STATE_WIDTH)}  ${style.cyan(`→ ${sanitise(fix)}`)}`];
}

/** What was found, with the fault that tells why. */
function messageOf({ message, fault }: Pick<Check, 'message' | 'fault'>): string {
  if (fault === null) return message;
  return message === '' ? foundText(fault) : `${message}: ${foundText(fault)}`;
}

/** A fault in a line, without what helps: that is the check's `fix`. */
function foundText(fault: Fault): string {
  const { hint: _, found, message, ...rest } = fault;
  const what = message.replace(/\.$/, '');
  return faultLine({ ...rest, message: found === undefined ? what : `${what} (${found})` });
}

const STATE_WIDTH = 'failure'.length;

function coloured(state: CheckState, text: string, style: Style): string {
  if (state === 'ok') return style.green(text);
  return state === 'warning' ? style.yellow(text) : style.red(text);
}

/** A check as a line of JSON. */
export function checkEvent({ fault, message, mend: _, ...check }: Check): string {
  const event = { type: 'check', ...check, message: messageOf({ message, fault }) };
  return eventLine(event);
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
