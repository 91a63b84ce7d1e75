/** `--log-file`: what a load says, as a JSON line an event with its time, for whoever looks at it the next day. */

import { closeSync, openSync, writeSync } from 'node:fs';
import { classify } from '../../faults/classify.ts';
import { BackhaulError } from '../../faults/fault.ts';
import type { LoadEvent } from '../../load/load_events.ts';
import { eventLine } from '../../ui/json_lines.ts';

/** How far a load is comes several times a second: of those lines one in so many ms is kept. */
const PROGRESS_EVERY_MS = 10_000;

export class LogFile {
  readonly #file: number;
  #nextMs = Number.NEGATIVE_INFINITY;

  /**
   * Goes on at the end of a file that is there.
   * @throws BackhaulError `usage` where it cannot be written to
   */
  constructor(path: string) {
    try {
      this.#file = openSync(path, 'a');
    } catch (error) {
      const { code = 'unknown' } = error as NodeJS.ErrnoException;
      const fault = {
        kind: 'usage' as const,
        message: `--log-file: ${path} cannot be written to`,
        found: code,
      };
      throw new BackhaulError(fault, { cause: error });
    }
  }

  event(event: LoadEvent | { readonly type: string }): void {
    if (event.type === 'progress' || event.type === 'discovering') {
      const now = performance.now();
      if (now < this.#nextMs) return;
      this.#nextMs = now + PROGRESS_EVERY_MS;
    }
    this.#write(event);
  }

  /** Why there is no summary. */
  fault(error: unknown): void {
    this.#write({ type: 'fault', ...classify(error).fault });
  }

  close(): void {
    closeSync(this.#file);
  }

  #write(event: { readonly type: string }): void {
    const { type, ...rest } = event;
    try {
      writeSync(this.#file, `${eventLine({ type, ...{ at: new Date().toISOString() }, ...rest })}\n`);
    } catch {
      // A log that cannot be kept, on a full disk say, is no reason to end a load.
    }
  }
}
