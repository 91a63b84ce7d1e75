import type { Fault } from '../faults/fault.ts';

/**
 * The life of a task: states, events and moves. Pure. `tasks` has one SQL statement
 * an event; the database refuses the same illegal moves by itself.
 *
 * Who moves a task on, and what a crash leaves behind:
 *
 * | state   | moved by                                                          | after a crash of its mover       |
 * |---------|-------------------------------------------------------------------|----------------------------------|
 * | pending | a claim (running), or a skip                                      | pending                          |
 * | running | its owner: finish, fail, retry; anyone once the lease is over or the owner gone: expire | running until it expires |
 * | loaded  | a listing that finds another content, or asks for more: replace   | loaded, with its rows            |
 * | failed  | `retry`, or a listing that finds another content or plan: requeue | failed                           |
 * | skipped | nobody                                                            | skipped                          |
 */

/** All states, in the order in which they are shown. */
export const TASK_STATES = ['pending', 'running', 'loaded', 'failed', 'skipped'] as const;
export type TaskState = (typeof TASK_STATES)[number];

export const TASK_EVENTS = [
  'claim',
  'skip',
  'finish',
  'fail',
  'retry',
  'expire',
  'replace',
  'requeue',
] as const;
export type TaskEvent = (typeof TASK_EVENTS)[number];

/** The one table of moves: event → from → to. */
export const TRANSITIONS = {
  claim: { pending: 'running' },
  skip: { pending: 'skipped' },
  finish: { running: 'loaded' },
  fail: { running: 'failed' },
  retry: { running: 'pending' },
  expire: { running: 'pending' },
  replace: { loaded: 'pending' },
  requeue: { failed: 'pending' },
} as const satisfies Readonly<Record<TaskEvent, Readonly<Partial<Record<TaskState, TaskState>>>>>;

/** The only state an event may come from, and the one it leads to. */
export type From<E extends TaskEvent> = keyof (typeof TRANSITIONS)[E] & TaskState;
export type To<E extends TaskEvent> = (typeof TRANSITIONS)[E][keyof (typeof TRANSITIONS)[E]] & TaskState;

interface Counts {
  readonly rowsRead: number;
  readonly rowsLoaded: number;
  readonly rowsRejected: number;
  readonly rowsDuplicate: number;
  readonly rowsEmpty: number;
}

/** A task by its state: only a running one has an owner and a lease, only a loaded one its counts for certain. */
export type Task =
  | { readonly state: 'pending'; readonly attempt: number; readonly notBefore: Date }
  | {
      readonly state: 'running';
      readonly attempt: number;
      readonly owner: string;
      readonly leaseUntil: Date;
    }
  | ({ readonly state: 'loaded'; readonly attempt: number } & Counts)
  | { readonly state: 'failed'; readonly attempt: number; readonly fault: Fault }
  | { readonly state: 'skipped'; readonly attempt: number };

/** Where `event` leads from `state`, or null: not allowed. */
export function nextState(state: TaskState, event: TaskEvent): TaskState | null {
  const row: Readonly<Partial<Record<TaskState, TaskState>>> = TRANSITIONS[event];
  return row[state] ?? null;
}

/** Nothing moves a task in such a state while a load runs; the next task of its lane may commit. */
export function isFinal(state: TaskState): boolean {
  return state === 'loaded' || state === 'failed' || state === 'skipped';
}
