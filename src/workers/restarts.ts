/** Work that is tried again while the server restarts. */

import pRetry from 'p-retry';
import { classify } from '../faults/classify.ts';
import type { Fault } from '../faults/fault.ts';

/** Between two tries. */
const AGAIN_MS = 250;

/** How long a server is waited for, and what ends the waiting early. */
export interface Patience {
  readonly leaseMs: number;
  readonly signal: AbortSignal;
  /** Told why, when a wait begins. */
  readonly waiting: (why: Fault) => void;
  /** What no waiting mends. */
  readonly isFinal?: (error: unknown) => boolean;
}

/**
 * Does `work`, which may be done twice, again while the server restarts under it. A server that is gone is told by the
 * run's session, which aborts the signal after a lease; what fails for twice as long has another cause.
 */
export function acrossRestarts<T>(patience: Patience, work: () => Promise<T>): Promise<T> {
  const { leaseMs, signal, waiting, isFinal = () => false } = patience;
  let isTold = false;
  return pRetry(work, {
    retries: Number.POSITIVE_INFINITY,
    minTimeout: AGAIN_MS,
    factor: 1,
    maxRetryTime: 2 * leaseMs,
    // The signal itself is not handed on: what work said is the error, not that somebody stopped waiting.
    shouldRetry: ({ error }) => {
      const { retry, fault } = classify(error);
      if (signal.aborted || !retry || isFinal(error)) return false;
      if (!isTold) waiting(fault);
      isTold = true;
      return true;
    },
  });
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
