import { performance } from 'node:perf_hooks';
import { pause } from '../base/pause.ts';
import { classify } from '../faults/classify.ts';

/** Between two tries. */
const AGAIN_MS = 250;

/** How long a server is waited for, and what ends the waiting early. */
export interface Patience {
  readonly leaseMs: number;
  readonly signal: AbortSignal;
}

/**
 * Does `work`, which may be done twice, again while the server restarts under it. A server that is gone is told by the
 * run's session, which aborts the signal after a lease; what fails for twice as long has another cause.
 */
export async function acrossRestarts<T>({ leaseMs, signal }: Patience, work: () => Promise<T>): Promise<T> {
  const started = performance.now();
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (signal.aborted || !classify(error).retry || performance.now() - started > 2 * leaseMs) throw error;
    }
    await pause(AGAIN_MS, signal);
  }
}

/** What `work` comes to; `aborted` as soon as the signal is, whether or not the server ever answers. */
export async function unlessAborted<T>(work: Promise<T>, abort: AbortSignal): Promise<T | 'aborted'> {
  let stop = (): void => {};
  const aborted = new Promise<'aborted'>((resolve) => {
    stop = () => resolve('aborted');
    abort.addEventListener('abort', stop);
    if (abort.aborted) stop();
  });
  work.catch(() => {});
  try {
    return await Promise.race([work, aborted]);
  } finally {
    abort.removeEventListener('abort', stop);
  }
}
