/**
 * Named instants of a task's life at which the program can be made to end as by `kill -9`: the crash tests of
 * `tests/survive` go through all of them. Nothing happens unless the environment says
 * `BACKHAUL_KILL_AT=<name>[:<n>]`: at the n-th passage (of a thread, from 1) the program is gone, with no goodbye to
 * anyone; or `BACKHAUL_FREEZE_AT`: then it stops there until somebody thaws it (SIGCONT). Nothing else can be asked
 * for, so the variables can do no more than a key at the terminal.
 */

/** Of a load, in the order in which one that is alone passes them. */
export const LOAD_POINTS = [
  'run.started',
  'discovery.listed',
  'discovery.stored',
  'claim.made',
  'task.claimed',
  'series.made',
  'attempt.begun',
  'bytes.first',
  'leaf.made',
  'leaf.committed',
  'copy.opened',
  'copy.written',
  'merge.needed',
  'merge.opened',
  'merge.removed',
  'merge.compared',
  'merge.reading',
  'merge.deleted',
  'merge.copied',
  'merge.taken',
  'merge.joined',
  'merge.recomputed',
  'lane.asked',
  'lane.turn',
  'beside.written',
  'task.finished',
  'commit.sent',
  'commit.answered',
  'task.settled',
  'leaf.keyed',
  'leaf.attached',
  'leaf.standing',
  'states.pruned',
  'run.finishing',
  'run.finished',
] as const;

/** Of a fill of gaps, from files or from an API. */
export const FILL_POINTS = ['fill.begun', 'api.merged', 'fill.done', 'fill.checked'] as const;

/** Of a recomputation. */
export const RECOMPUTE_POINTS = ['recompute.written', 'recompute.committed'] as const;

/** Of longer bars made of those that stand. */
export const ROLLUP_POINTS = ['rollup.written', 'rollup.committed'] as const;

/** Of an unload. */
export const UNLOAD_POINTS = ['unload.removed', 'unload.recomputed', 'unload.committed'] as const;

/** Of a load of events. */
export const EVENT_POINTS = ['events.written', 'events.recomputed', 'events.committed'] as const;

/** Of two names made one series, in the transaction that makes them. */
export const JOIN_POINTS = ['market.joined'] as const;

export const KILL_POINTS = [
  'schema.made',
  ...LOAD_POINTS,
  ...FILL_POINTS,
  ...RECOMPUTE_POINTS,
  ...EVENT_POINTS,
  ...ROLLUP_POINTS,
  ...UNLOAD_POINTS,
  ...JOIN_POINTS,
] as const;

export type KillPoint = (typeof KILL_POINTS)[number];

/** `<name>[:<n>]` of a variable: here, at the n-th passage. */
function asked(variable: string): (here: KillPoint) => boolean {
  const [name = '', passage = '1'] = (process.env[variable] ?? '').split(':', 2);
  let left = Number(passage);
  return (here) => here === name && --left === 0;
}

const toKill = asked('BACKHAUL_KILL_AT');
const toFreeze = asked('BACKHAUL_FREEZE_AT');

/** Ends or stops the program here if that was asked for. */
export function killPoint(here: KillPoint): void {
  if (toFreeze(here)) process.kill(process.pid, 'SIGSTOP');
  if (!toKill(here)) return;
  process.kill(process.pid, 'SIGKILL');
  // The signal ends every thread at once; should it come to this one a moment later, it must not have gone on.
  for (;;);
}
