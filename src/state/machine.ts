/**
 * The life of a task: states, and what moves it from one to another. Pure. The statements of `tasks` and of
 * `task_listing.ts` take their states from here, the database refuses illegal moves by itself, and README draws them:
 * tests hold all three together.
 *
 * Who moves a task on, and what a crash leaves behind:
 *
 * | state   | moved by                                                          | after a crash of its mover       |
 * |---------|-------------------------------------------------------------------|----------------------------------|
 * | pending | a claim (running), or a skip                                      | pending                          |
 * | running | its owner: finish, fail, retry; anyone once the lease is over or the owner gone: expire | running until it expires |
 * | loaded  | a listing that finds another content, or asks for more: replace   | loaded, with its rows            |
 * | failed  | `retry`, or a listing that finds another content or plan: requeue | failed                           |
 * | skipped | a listing that finds another content, or asks for more: restore   | skipped                          |
 *
 * A task is skipped when its bars were taken out again (`unload`): loads leave its file alone.
 */

/** All states, in the order in which they are shown. */
export const TASK_STATES = ['pending', 'running', 'loaded', 'failed', 'skipped'] as const;
export type TaskState = (typeof TASK_STATES)[number];

/**
 * The one table of transitions. Each leaves one state and leads to one other, so its name is all that a statement has to
 * say, and one that is not in the table cannot be written.
 */
export const TRANSITIONS = {
  claim: { from: 'pending', to: 'running' },
  skip: { from: 'pending', to: 'skipped' },
  finish: { from: 'running', to: 'loaded' },
  fail: { from: 'running', to: 'failed' },
  retry: { from: 'running', to: 'pending' },
  expire: { from: 'running', to: 'pending' },
  replace: { from: 'loaded', to: 'pending' },
  requeue: { from: 'failed', to: 'pending' },
  restore: { from: 'skipped', to: 'pending' },
} as const satisfies Readonly<Record<string, { readonly from: TaskState; readonly to: TaskState }>>;

export type Transition = keyof typeof TRANSITIONS;

/** The transitions that leave state `S`: what may be done to a task in it. */
export type TransitionFrom<S extends TaskState> = {
  [T in Transition]: (typeof TRANSITIONS)[T]['from'] extends S ? T : never;
}[Transition];
