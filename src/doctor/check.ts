/** What the doctor finds: one line a check, with the command that mends it. */

import type { Fault } from '../faults/fault.ts';

/** `warning`: a load works, but slowly or on the edge. `failure`: it would end in an error. */
export type CheckState = 'ok' | 'warning' | 'failure';

export interface Check {
  readonly group: 'machine' | 'database' | 'settings' | 'sources';
  readonly name: string;
  readonly state: CheckState;
  /** What was found, and what of it matters. Made safe to print by whoever prints it. */
  readonly message: string;
  /** Why, where a fault tells; `message` leads up to it, or is empty. */
  readonly fault: Fault | null;
  /** The command that mends it, or what to do; null where nothing needs mending. */
  readonly fix: string | null;
  /** SQL that does it with the rights at hand and touches nobody else: `--fix` runs it. */
  readonly mend?: string;
}

/** A check whose `fix` is SQL that `--fix` may run. */
export function mendable(check: Check): Check {
  return check.fix === null ? check : { ...check, mend: check.fix };
}

/** Makes the checks of one group. */
export function checksOf(group: Check['group']): {
  ok(name: string, message: string): Check;
  warning(name: string, message: string, fix: string, fault?: Fault): Check;
  failure(name: string, message: string, fix: string, fault?: Fault): Check;
} {
  return {
    ok: (name, message) => ({ group, name, state: 'ok', message, fault: null, fix: null }),
    warning: (name, message, fix, fault) => ({
      group,
      name,
      state: 'warning',
      message,
      fault: fault ?? null,
      fix,
    }),
    failure: (name, message, fix, fault) => ({
      group,
      name,
      state: 'failure',
      message,
      fault: fault ?? null,
      fix,
    }),
  };
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
