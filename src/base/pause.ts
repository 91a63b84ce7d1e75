import { setTimeout as sleep } from 'node:timers/promises';
import { abortError } from '../faults/file_fault.ts';

/** Resolves after `ms`. Fault `interrupted` when the signal aborts before. */
export async function pauseFor(ms: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(ms, undefined, signal === undefined ? {} : { signal });
  } catch (error) {
    throw signal?.aborted ? abortError(signal) : error;
  }
}
