import { kill, pid } from 'node:process';

/**
 * Named instants of a task's life at which the program can be made to end as by `kill -9`: the crash tests of
 * `tests/survive` go through all of them. Nothing happens unless the environment says
 * `BACKHAUL_KILL_AT=<name>[:<n>]`: at the n-th passage (of a thread, from 1) the program is gone, with no goodbye to
 * anyone. Nothing else can be asked for, so the variable can do no more than Ctrl-\ could.
 */
export const KILL_POINTS = [
  'run.started',
  'discovery.listed',
  'discovery.stored',
  'task.claimed',
  'attempt.begun',
  'series.made',
  'leaf.made',
  'leaf.committed',
  'copy.opened',
  'copy.written',
  'lane.turn',
  'beside.written',
  'task.finished',
  'commit.sent',
  'commit.answered',
  'task.settled',
  'merge.needed',
  'leaf.keyed',
  'leaf.attached',
  'leaf.standing',
  'merge.opened',
  'merge.removed',
  'merge.staged',
  'merge.compared',
  'merge.recomputed',
  'run.finishing',
] as const;

export type KillPoint = (typeof KILL_POINTS)[number];

const [name = '', passage = '1'] = (process.env['BACKHAUL_KILL_AT'] ?? '').split(':', 2);
let left = Number(passage);

/** Ends the program here if that was asked for. */
export function killPoint(here: KillPoint): void {
  if (here !== name || --left > 0) return;
  kill(pid, 'SIGKILL');
  // The signal ends every thread at once; should this one come to it a moment later, it must not go on.
  for (;;);
}
