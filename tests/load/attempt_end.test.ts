import { describe, expect, it } from 'vitest';
import type { Fault } from '../../src/faults/fault.ts';
import { endOf } from '../../src/load/attempt_end.ts';

function fault(kind: Fault['kind'], code?: string): Fault {
  return { kind, message: 'm', ...(code === undefined ? {} : { code }) };
}

const TAKEN = fault('database', '23505');

describe('an attempt that has not loaded its task', () => {
  it.each([
    ['another owns the task', fault('lost-lease'), { kind: 'lost' }],
    ['an earlier file goes first', fault('predecessor'), { kind: 'release' }],
    ['it was interrupted', fault('interrupted'), { kind: 'release' }],
    ['its bars were brought by another file', TAKEN, { kind: 'merge' }],
    ['the file is bad', fault('corrupt'), { kind: 'fail' }],
    ['the disk of the server is full', fault('database', '53100'), { kind: 'stop' }],
    ['the server only reads', fault('database', '25006'), { kind: 'stop' }],
    ['the server cannot read its disk', fault('database', '58030'), { kind: 'stop' }],
    ['a token has expired', fault('credentials'), { kind: 'stop' }],
  ] as const)('because %s', (_, why, end) => {
    expect(endOf(why, { retry: false, failures: 0, isMerging: false })).toMatchObject(end);
  });

  it('is tried again where that may help, later each time, and five times at the most', () => {
    const delays = [0, 1, 2, 3].map((failures) => {
      const end = endOf(fault('network'), { retry: true, failures, isMerging: false });
      return end.kind === 'retry' ? end.delayMs : Number.NaN;
    });
    for (const [failures, ms] of delays.entries()) {
      expect(ms).toBeGreaterThanOrEqual(500 * 2 ** failures);
      expect(ms).toBeLessThanOrEqual(1500 * 2 ** failures);
    }
    expect(endOf(fault('network'), { retry: true, failures: 4, isMerging: false })).toEqual({ kind: 'fail' });
  });

  it('is tried again for a minute while a server behind the database is away', () => {
    const gone = fault('database-connect', '08006');
    const ends = Array.from({ length: 10 }, (_, failures) =>
      endOf(gone, { retry: true, failures, isMerging: false }),
    );
    expect(ends.at(-1)).toEqual({ kind: 'fail' });
    const least = ends.reduce((sum, end) => sum + (end.kind === 'retry' ? end.delayMs : 0), 0);
    expect(least).toBeGreaterThan(30_000);
    expect(Math.max(...ends.map((end) => (end.kind === 'retry' ? end.delayMs : 0)))).toBeLessThanOrEqual(
      15_000,
    );
  });

  it('is tried again where a merge met bars that came meanwhile', () => {
    expect(endOf(TAKEN, { retry: false, failures: 0, isMerging: true })).toMatchObject({ kind: 'retry' });
  });

  it('ends the run with what the server needs', () => {
    const end = endOf(fault('database', '53100'), { retry: true, failures: 0, isMerging: false });
    expect(end).toMatchObject({
      error: { fault: { hint: expect.stringContaining('make room on the disk') } },
    });
  });
});
