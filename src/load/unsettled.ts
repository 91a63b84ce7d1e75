/** Tasks whose attempts have ended, and that somebody else keeps from being put where they belong. */

import type { ClaimedTask } from '../state/tasks/claim.ts';
import type { Moved } from '../state/tasks/give_up.ts';

/** Between two tries. */
const AGAIN_MS = 200;
/** How long a row may be locked before it is spoken of: a transaction of its own attempt that rolls back takes moments. */
const SILENT_MS = 2_000;

interface Left {
  readonly task: ClaimedTask;
  readonly move: () => Promise<Moved>;
  readonly tell: (moved: Moved) => void;
  readonly since: number;
  isBusy: boolean;
  isTold: boolean;
}

/**
 * A node of a cluster that dies between PREPARE and its own decision leaves the row of the task locked on the coordinator
 * until it is back: the task may come out loaded, or not. Whatever the load wanted to do with it is done then, guarded by
 * the attempt, and other tasks go on meanwhile. At most one task an attempt that has ended, so as many as are claimed.
 */
export class Unsettled {
  readonly #note: (message: string) => void;
  readonly #left = new Map<number, Left>();
  #triedAt = 0;

  constructor(note: (message: string) => void) {
    this.#note = note;
  }

  get tasks(): ClaimedTask[] {
    return [...this.#left.values()].map(({ task }) => task);
  }

  /** Since when the oldest of them waits, ms of `performance.now()`; Infinity without any. */
  get since(): number {
    return Math.min(Infinity, ...[...this.#left.values()].map(({ since }) => since));
  }

  isIn(lane: string): boolean {
    for (const { task } of this.#left.values()) if (task.lane === lane) return true;
    return false;
  }

  /** Moves a task, now or once its row is free; then `tell` hears of it. What the database fails of is the caller's. */
  async settle(
    task: ClaimedTask,
    move: () => Promise<Moved>,
    tell: (moved: Moved) => void = () => {},
  ): Promise<void> {
    const left = { task, move, tell, since: performance.now(), isBusy: false, isTold: false };
    this.#left.set(task.taskId, left);
    try {
      await this.#try(left);
    } catch (error) {
      this.#left.delete(task.taskId);
      throw error;
    }
  }

  /** Tries those that are left once more, but not more often than makes sense. */
  async again(): Promise<void> {
    if (performance.now() - this.#triedAt < AGAIN_MS) return;
    this.#triedAt = performance.now();
    for (const left of [...this.#left.values()]) if (!left.isBusy) await this.#try(left);
  }

  async #try(left: Left): Promise<void> {
    left.isBusy = true;
    try {
      const moved = await left.move();
      if (moved !== 'held') {
        if (this.#left.get(left.task.taskId) === left) this.#left.delete(left.task.taskId);
        left.tell(moved);
      } else if (!left.isTold && performance.now() - left.since > SILENT_MS) {
        left.isTold = true;
        this.#note(
          `the row of task ${left.task.taskId} is locked by another session, or by a prepared transaction of a node that is away: waiting for it while other files go on`,
        );
      }
    } finally {
      left.isBusy = false;
    }
  }
}
