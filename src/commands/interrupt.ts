/** Ctrl-C: the first asks a load to drain, the second to stop at once. */

import type { LoadSignals } from '../workers/load_report.ts';

/**
 * Signals this close together are one. A terminal sends Ctrl-C to every program of the group, and npm and the launcher
 * pass on what they got: one press arrives here up to three times.
 */
const SAME_PRESS_MS = 250;

export interface Interrupt extends LoadSignals {
  /** Ctrl-C, SIGTERM or SIGHUP came. */
  readonly interrupted: boolean;
  /** Back to what signals do by default. */
  dispose(): void;
}

/** Listens until disposed. `onDrain` and `onAbort` say so to the user. */
export function listenForInterrupt(onDrain: () => void, onAbort: () => void): Interrupt {
  const drain = new AbortController();
  const abort = new AbortController();
  let last = Number.NEGATIVE_INFINITY;
  const press = (): void => {
    const now = performance.now();
    if (now - last < SAME_PRESS_MS) return;
    last = now;
    if (!drain.signal.aborted) {
      onDrain();
      drain.abort();
    } else if (!abort.signal.aborted) {
      onAbort();
      abort.abort();
    } else {
      process.exit(130);
    }
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, press);
  return {
    drain: drain.signal,
    abort: abort.signal,
    get interrupted() {
      return drain.signal.aborted;
    },
    dispose() {
      for (const signal of signals) process.off(signal, press);
    },
  };
}
