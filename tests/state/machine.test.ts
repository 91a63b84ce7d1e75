import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BackhaulError, type FaultKind } from '../../src/faults/fault.ts';
import {
  classify,
  faultOf,
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

const coded = (code: string, message = 'anything at all'): Error =>
  Object.assign(new Error(message), { code });

describe('classify', () => {
  test.each<[string, FaultKind, boolean]>([
    // SQLSTATE
    ['08006', 'database-connect', true],
    ['08001', 'database-connect', true],
    ['40001', 'database', true],
    ['40P01', 'database', true],
    ['53100', 'database', true],
    ['53300', 'database', true],
    ['55P03', 'database', true],
    ['57P01', 'database', true],
    ['57P02', 'database', true],
    ['57P03', 'database', true],
    ['57014', 'database', false],
    ['57P04', 'database', false],
    ['55000', 'database', false],
    ['23505', 'database', false],
    ['22P04', 'database', false],
    ['42P01', 'database', false],
    ['XX001', 'database', false],
    ['28P01', 'database-connect', false],
    ['3D000', 'database-connect', false],
    // errno
    ['ECONNRESET', 'network', true],
    ['ECONNREFUSED', 'network', true],
    ['EPIPE', 'network', true],
    ['ENOTFOUND', 'network', true],
    ['EAI_AGAIN', 'network', true],
    ['ETIMEDOUT', 'timeout', true],
    ['EMFILE', 'limit', true],
    ['ENOSPC', 'limit', false],
    ['ENOENT', 'not-found', false],
    ['EACCES', 'forbidden', false],
    ['Z_DATA_ERROR', 'corrupt', false],
    ['Z_BUF_ERROR', 'truncated', false],
    ['ABORT_ERR', 'interrupted', false],
    ['ERR_SOMETHING_NEW', 'internal', false],
  ])('code %s is a fault of kind %s, retried: %s', (code, kind, retry) => {
    expect(classify(coded(code))).toEqual({ retry, fault: { kind, message: 'anything at all', code } });
  });

  test.each<[number, FaultKind, boolean]>([
    [404, 'not-found', false],
    [401, 'credentials', false],
    [403, 'forbidden', false],
    [408, 'timeout', true],
    [412, 'source-changed', false],
    [429, 'network', true],
    [500, 'network', true],
    [503, 'network', true],
    [400, 'internal', false],
  ])('HTTP status %d is a fault of kind %s, retried: %s', (status, kind, retry) => {
    const verdict = classify(Object.assign(new Error('x'), { $metadata: { httpStatusCode: status } }));
    expect(verdict).toEqual({ retry, fault: { kind, message: 'x', code: String(status) } });
  });

  test.each<[FaultKind, boolean]>([
    ['usage', false],
    ['not-found', false],
    ['forbidden', false],
    ['credentials', false],
    ['source-changed', false],
    ['network', true],
    ['timeout', true],
    ['truncated', false],
    ['corrupt', false],
    ['checksum', false],
    ['encrypted', false],
    ['unsupported', false],
    ['limit', false],
    ['not-a-bar-file', false],
    ['timestamp', false],
    ['too-many-rejects', false],
    ['reconcile', false],
    ['database-connect', true],
    ['database', false],
    ['lost-lease', false],
    ['predecessor', false],
    ['interrupted', false],
    ['internal', false],
  ])('a fault of kind %s without a code is retried: %s', (kind, retry) => {
    const fault = { kind, message: 'm' } as const;
    expect(classify(fault)).toEqual({ retry, fault });
    expect(classify(new BackhaulError(fault))).toEqual({ retry, fault });
    // What is left of an error after it has crossed threads.
    expect(classify({ name: 'Error', message: 'm', fault })).toEqual({ retry, fault });
  });

  test('a code decides where a database fault has one', () => {
    expect(classify({ kind: 'database', message: 'm', code: '40P01' }).retry).toBe(true);
    expect(classify({ kind: 'database', message: 'm', code: 'ECONNRESET' }).retry).toBe(true);
    expect(classify({ kind: 'database', message: 'm', code: 'EPIPE' }).retry).toBe(true);
    expect(classify({ kind: 'database-connect', message: 'm', code: '28P01' }).retry).toBe(false);
    expect(classify({ kind: 'database-connect', message: 'm', code: 'ECONNREFUSED' }).retry).toBe(true);
  });

  test('no message changes a verdict', () => {
    const code = fc.constantFrom('40001', '23505', 'ECONNRESET', 'ENOENT', 'WHATEVER');
    fc.assert(
      fc.property(code, fc.string(), fc.string(), (one, a, b) => {
        expect(classify(coded(one, a)).retry).toBe(classify(coded(one, b)).retry);
        expect(classify(coded(one, a)).fault.kind).toBe(classify(coded(one, b)).fault.kind);
      }),
    );
  });

  test('whatever was thrown becomes a fault of one line without control characters', () => {
    fc.assert(
      fc.property(fc.anything(), fc.string({ unit: 'binary' }), (thrown, message) => {
        for (const fault of [faultOf(thrown), faultOf(new Error(message))]) {
          expect(typeof fault.kind).toBe('string');
          if (fault !== thrown) expect(fault.message).not.toMatch(/[\p{Cc}\n]/u);
        }
        expect(faultOf(new Error(message)).message).not.toBe('');
      }),
      { numRuns: 25 },
    );
  });
});
