import { type TaskState, TRANSITIONS, type Transition } from '../../src/state/machine.ts';
import type { TaskPlan } from '../../src/state/task_plan.ts';
import type { FoundTask } from '../../src/state/tasks/listing_decision.ts';

/** A plan as the producer makes it for one Kraken file; `over` changes what a test is about. */
export function samplePlan(over: Partial<TaskPlan> = {}): TaskPlan {
  return {
    venue: 'kraken',
    symbol: 'XBTUSD',
    intervalS: 3600,
    shape: {
      delimiter: ',',
      header: 'none',
      preamble: 0,
      columns: (['time', 'open', 'high', 'low', 'close', 'volume', 'trades'] as const).map((role) => ({
        role,
        names: [role],
      })),
      time: 's',
      timeZone: 'UTC',
    },
    storage: { kind: 'plain' },
    order: 'time',
    grid: 'epoch',
    sessionZone: 'UTC',
    fileFromUs: null,
    fileToUs: null,
    wantFromUs: null,
    wantToUs: null,
    wantSymbols: null,
    onInvalid: 'reject',
    onConflict: 'keep',
    maxRejects: 1000,
    maxRejectShare: 0.01,
    expectedRows: null,
    sha256: null,
    ...over,
  };
}

/** Task number `n` of a lane: `file:///<lane>/<n>.csv`, sequence `n`. */
export function sampleTask(n: number, over: Partial<FoundTask> = {}): FoundTask {
  const lane = over.lane ?? 'kraken/XBTUSD/3600';
  return {
    uri: `file:///data/${lane}/${String(n).padStart(6, '0')}.csv`,
    entry: null,
    etag: `1-${n}`,
    sizeBytes: 1000,
    modifiedMs: 1_700_000_000_000,
    layout: 'kraken-ohlcvt',
    lane,
    sequence: n,
    plan: samplePlan(),
    ...over,
  };
}

export const TRANSITION_NAMES = Object.keys(TRANSITIONS) as readonly Transition[];

/** Where a transition leads from `state`, or null: nowhere, it does not leave that state. */
export function nextState(state: TaskState, transition: Transition): TaskState | null {
  const { from, to } = TRANSITIONS[transition];
  return from === state ? to : null;
}
