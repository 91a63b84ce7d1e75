/**
 * How often and how long after a failure a transfer is tried again: exponential back-off with full jitter (a pause
 * drawn evenly from nothing to the ceiling, which doubles), as in AWS's "Exponential Backoff And Jitter".
 *
 * p-retry does what can be asked for again as a whole, and leaves the pause to `Retries`: a server may say how long, and
 * the gate hears of it. A body that goes on behind its last byte (`resumable_reader.ts`) is no call that could be made
 * again, for it has handed out what came before: it takes `Retries` alone.
 */

import pRetry from 'p-retry';
import { pause } from '../../../base/pause.ts';
import { BackhaulError } from '../../../faults/fault.ts';
import { abortError } from '../../../faults/file_fault.ts';
import type { RequestGate } from './request_gate.ts';
import { asBackhaulError, TransferError } from './transfer_error.ts';
import type { TransferLimits } from './transfer_limits.ts';

/** Tries where the address itself looks wrong. */
const FEW = 3;

/** What transfers from one place share. */
export interface TransferSettings {
  readonly limits: TransferLimits;
  readonly gate: RequestGate;
  /** The address has worked before, so a connection refused is an outage and no slip of the pen. */
  readonly addressKnown: boolean;
}

/** So much has to come before a transfer's time starts anew: one that trickles for ever is given up all the same. */
const PROGRESS_BYTES = 1 << 20;

/** The failures of one transfer. New bytes wipe the slate: only a transfer that stands still is given up. */
export class Retries {
  readonly #settings: TransferSettings;
  #failures = 0;
  #sinceMs = performance.now();
  #sinceBytes = 0;

  constructor(settings: TransferSettings) {
    this.#settings = settings;
  }

  /** So many new bytes came. */
  progress(bytes: number): void {
    this.#failures = 0;
    this.#sinceBytes += bytes;
    if (this.#sinceBytes < PROGRESS_BYTES) return;
    this.#sinceBytes = 0;
    this.#sinceMs = performance.now();
  }

  /**
   * Pauses before the next try after `error`.
   * @throws BackhaulError the error's fault, when it is not to be tried again; whatever else was thrown, as it is
   */
  async pause(error: unknown, signal: AbortSignal | undefined): Promise<void> {
    if (!(error instanceof TransferError)) throw error;
    if (signal?.aborted) throw abortError(signal);
    this.#failures += 1;
    const { limits, gate, addressKnown } = this.#settings;
    if (error.retry === 'slow-down') gate.slowDown();
    if (error.retry === 'no') throw asBackhaulError(error);
    const most = error.retry === 'few' && !addressKnown ? FEW : limits.maxAttempts;
    const lengthMs = this.#pauseMs(error);
    const lateMs = performance.now() + lengthMs - this.#sinceMs;
    if (this.#failures >= most || lateMs > limits.deadlineMs) throw this.#givenUp(error);
    await pause(lengthMs, signal);
    if (signal?.aborted) throw abortError(signal);
  }

  #pauseMs(error: TransferError): number {
    const { firstPauseMs, longestPauseMs } = this.#settings.limits;
    const ceiling = Math.min(longestPauseMs, firstPauseMs * 2 ** (this.#failures - 1));
    return Math.max(error.retryAfterMs ?? 0, Math.random() * ceiling);
  }

  #givenUp(error: TransferError): BackhaulError {
    const tries = this.#failures === 1 ? 'one try' : `${this.#failures} tries`;
    return new BackhaulError({ ...error.fault, message: `${error.fault.message}, given up after ${tries}` });
  }
}

/** `attempt`, again and again as {@link Retries} has it, each time with a place of the gate. */
export function retrying<T>(
  settings: TransferSettings,
  signal: AbortSignal | undefined,
  attempt: () => Promise<T>,
): Promise<T> {
  const retries = new Retries(settings);
  const placed = async (): Promise<T> => {
    const place = await settings.gate.enter(signal);
    try {
      return await attempt();
    } finally {
      place.leave();
    }
  };
  return pRetry(placed, {
    retries: Number.POSITIVE_INFINITY,
    minTimeout: 0,
    onFailedAttempt: ({ error }) => retries.pause(error, signal),
  });
}
