/** Counts of a scan, and the rejects on their way to whoever asked for it. */

import type { Reject } from './shape.ts';

const MAX_KEPT = 10_000;

/**
 * What a scanner has counted. `recordsRead` = rows pushed + `duplicates` + `rejected` + `empty`; `outside` is
 * beside it.
 */
export class ScanCounters {
  /** Records asked for, whatever became of them. */
  recordsRead = 0;
  /** Of those, equal to the row before. */
  duplicates = 0;
  /** Of those, set aside. */
  rejected = 0;
  /** Of those, without any price: there was no bar. */
  empty = 0;
  /** Records that were not asked for: another symbol, or outside the wanted range. */
  outside = 0;
}

/** Rejects on their way to the caller: the first 10,000 that wait are kept, of more there is only the count. */
export class RejectList {
  #waiting: Reject[] = [];

  add(reject: Reject): void {
    if (this.#waiting.length < MAX_KEPT) this.#waiting.push(reject);
  }

  take(): Reject[] {
    const taken = this.#waiting;
    this.#waiting = [];
    return taken;
  }
}
