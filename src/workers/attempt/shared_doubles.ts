/** Shared memory in which states go from thread to thread. */

import type { SharedDoubles } from '../link/messages.ts';

export function sharedDoubles(length: number): SharedDoubles {
  return new Float64Array(new SharedArrayBuffer(length * Float64Array.BYTES_PER_ELEMENT));
}

/**
 * Shared memory for the states of a thread's file. Kept from file to file: it is not in the collector's count, so that
 * it would let a buffer a file pile up. All a file has told of it has been read before its attempt ends.
 */
export class SharedRoom {
  #doubles = sharedDoubles(0);

  /** Room for so many; what is in it stays. */
  grown(length: number): SharedDoubles {
    if (this.#doubles.length < length) {
      const larger = sharedDoubles(Math.max(length, 2 * this.#doubles.length));
      larger.set(this.#doubles);
      this.#doubles = larger;
    }
    return this.#doubles;
  }

  /** The same for a new file: what one of many series has needed is not kept for those of a few. */
  fresh(length: number): SharedDoubles {
    if (this.#doubles.length > 4 * length) this.#doubles = sharedDoubles(0);
    return this.grown(length);
  }
}

/** Whether each slot is the one after the last: in a file sorted by symbol they are. */
export function isRun(slots: readonly number[]): boolean {
  if (slots.length === 0) return false;
  for (let i = 1; i < slots.length; i++) if (slots[i] !== slots[i - 1]! + 1) return false;
  return true;
}
