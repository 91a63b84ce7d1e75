import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TASK_STATES, type TaskState, TRANSITIONS, type Transition } from '../../src/state/machine.ts';
import { nextState, TRANSITION_NAMES } from './sample_tasks.ts';

/** Written out once more. */
const DRAWN: readonly (readonly [TaskState, Transition, TaskState])[] = [
  ['pending', 'claim', 'running'],
  ['pending', 'skip', 'skipped'],
  ['running', 'finish', 'loaded'],
  ['running', 'fail', 'failed'],
  ['running', 'retry', 'pending'],
  ['running', 'expire', 'pending'],
  ['loaded', 'replace', 'pending'],
  ['failed', 'requeue', 'pending'],
  ['skipped', 'restore', 'pending'],
];

const state = fc.constantFrom(...TASK_STATES);
const transition = fc.constantFrom(...TRANSITION_NAMES);

describe('the table of transitions', () => {
  test('is the one drawn, and no more', () => {
    const table = TRANSITION_NAMES.map((name) => [TRANSITIONS[name].from, name, TRANSITIONS[name].to]);
    expect(table).toEqual(DRAWN);
  });

  test('is the picture in README', () => {
    const picture = /stateDiagram-v2\n([\s\S]*?)```/.exec(readFileSync('README.md', 'utf8'))![1]!;
    const arrows = [...picture.matchAll(/^ *(\S+) --> (\w+)/gm)].map(([, from, to]) => `${from} ${to}`);
    const table = TRANSITION_NAMES.map((name) => `${TRANSITIONS[name].from} ${TRANSITIONS[name].to}`);
    expect(arrows.toSorted()).toEqual(['[*] pending', ...new Set(table)].toSorted());
  });

  test('no sequence of events loads a task that was not claimed for it', () => {
    fc.assert(
      fc.property(state, fc.array(transition, { maxLength: 30 }), (start, names) => {
        let at = start;
        let claimed = start === 'running';
        for (const one of names) {
          const next = nextState(at, one);
          if (next === null) continue;
          if (next === 'loaded') expect(claimed).toBe(true);
          claimed = next === 'running';
          at = next;
        }
      }),
    );
  });

  test('every state can reach loaded', () => {
    const reaches = (from: TaskState, seen: ReadonlySet<TaskState>): boolean =>
      from === 'loaded' ||
      TRANSITION_NAMES.some((name) => {
        const to = nextState(from, name);
        return to !== null && !seen.has(to) && reaches(to, new Set([...seen, to]));
      });
    expect(TASK_STATES.filter((from) => !reaches(from, new Set([from])))).toEqual([]);
  });
});
