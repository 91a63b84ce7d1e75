/** What share of the CPU was busy during a run, and what share others had of it. */

import { cpus } from 'node:os';

/** How busy the machine was. */
export interface Busyness {
  /** Share of all cores that did anything, 0 … 1. */
  readonly busy: number;
  /** Share of all cores that neither we nor the server used: other programs, and what nobody is billed for. */
  readonly others: number;
}

/** Starts to watch the machine; the returned function tells of the time since. */
export function watchMachine(): (ownCpuSeconds: number) => Busyness {
  const before = machineSeconds();
  return (ownCpuSeconds) => {
    const now = machineSeconds();
    const all = now.all - before.all;
    if (all <= 0) return { busy: 0, others: 0 };
    const busy = now.busy - before.busy;
    return { busy: busy / all, others: Math.max(0, busy - ownCpuSeconds) / all };
  };
}

/** CPU seconds of all cores since the machine was started. */
function machineSeconds(): { busy: number; all: number } {
  let busy = 0;
  let all = 0;
  for (const { times } of cpus()) {
    const sum = times.user + times.nice + times.sys + times.irq;
    busy += sum / 1000;
    all += (sum + times.idle) / 1000;
  }
  return { busy, all };
}
