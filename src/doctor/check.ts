/** What the doctor finds: one line a check, with the command that mends it. */

import type { Fault } from '../faults/fault.ts';
import { faultLine } from '../ui/fault_text.ts';

/** `warning`: a load works, but slowly or on the edge. `failure`: it would end in an error. */
export type CheckState = 'ok' | 'warning' | 'failure';

export interface Check {
  readonly group: 'machine' | 'database' | 'settings' | 'sources';
  readonly name: string;
  readonly state: CheckState;
  /** What was found, and what of it matters. Made safe to print by whoever prints it. */
  readonly message: string;
  /** The command that mends it, or what to do; null where nothing needs mending. */
  readonly fix: string | null;
}

/** Makes the checks of one group. */
export function checksOf(group: Check['group']): {
  ok(name: string, message: string): Check;
  warning(name: string, message: string, fix: string): Check;
  failure(name: string, message: string, fix: string): Check;
} {
  return {
    ok: (name, message) => ({ group, name, state: 'ok', message, fix: null }),
    warning: (name, message, fix) => ({ group, name, state: 'warning', message, fix }),
    failure: (name, message, fix) => ({ group, name, state: 'failure', message, fix }),
  };
}

/** A fault in a line, without what helps: that is the check's `fix`. */
export function foundText(fault: Fault): string {
  const { hint: _, found, message, ...rest } = fault;
  const what = message.replace(/\.$/, '');
  return faultLine({ ...rest, message: found === undefined ? what : `${what} (${found})` });
}

/** `16 GB`, `512 MB`, `64 kB`: as PostgreSQL writes and reads sizes, powers of 1024. */
export function pgSize(bytes: number): string {
  for (const [unit, size] of [
    ['GB', 2 ** 30],
    ['MB', 2 ** 20],
    ['kB', 2 ** 10],
  ] as const) {
    if (bytes >= size) return `${Number((bytes / size).toFixed(bytes % size === 0 ? 0 : 1))} ${unit}`;
  }
  return `${bytes} B`;
}
