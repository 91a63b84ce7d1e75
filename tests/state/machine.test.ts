import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  isFinal,
  nextState,
  TASK_EVENTS,
  TASK_STATES,
  type TaskEvent,
  type TaskState,
  TRANSITIONS,
} from '../../src/state/machine.ts';

/** The picture in DESIGN, written out once more. */
const DRAWN: readonly (readonly [TaskState, TaskEvent, TaskState])[] = [
  ['pending', 'claim', 'running'],
  ['pending', 'skip', 'skipped'],
  ['running', 'finish', 'loaded'],
  ['running', 'fail', 'failed'],
  ['running', 'retry', 'pending'],
  ['running', 'expire', 'pending'],
  ['loaded', 'replace', 'pending'],
  ['failed', 'requeue', 'pending'],
];

const state = fc.constantFrom(...TASK_STATES);
const event = fc.constantFrom(...TASK_EVENTS);

describe('the table of moves', () => {
  test('is the one drawn, and no more', () => {
    const moves = TASK_EVENTS.flatMap((name) =>
      TASK_STATES.flatMap((from) => {
        const to = nextState(from, name);
        return to === null ? [] : [`${from} ${name} ${to}`];
      }),
    );
    expect(moves.toSorted()).toEqual(DRAWN.map((move) => move.join(' ')).toSorted());
  });

  test('an event leaves one state only, so that one guard is enough', () => {
    for (const name of TASK_EVENTS) expect(Object.keys(TRANSITIONS[name])).toHaveLength(1);
  });

  test('no sequence of events loads a task that was not claimed for it', () => {
    fc.assert(
      fc.property(state, fc.array(event, { maxLength: 30 }), (start, events) => {
        let at = start;
        let claimed = start === 'running';
        for (const one of events) {
          const next = nextState(at, one);
          if (next === null) continue;
          if (next === 'loaded') expect(claimed).toBe(true);
          claimed = next === 'running';
          at = next;
        }
      }),
    );
  });

  test('every state but skipped can reach loaded', () => {
    const reaches = (from: TaskState, seen: ReadonlySet<TaskState>): boolean =>
      from === 'loaded' ||
      TASK_EVENTS.some((name) => {
        const to = nextState(from, name);
        return to !== null && !seen.has(to) && reaches(to, new Set([...seen, to]));
      });
    expect(TASK_STATES.filter((from) => !reaches(from, new Set([from])))).toEqual(['skipped']);
    expect(TASK_STATES.filter(isFinal)).toEqual(['loaded', 'failed', 'skipped']);
  });
});
