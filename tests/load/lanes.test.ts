import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type LanePosition, Lanes } from '../../src/load/lanes.ts';

const LANE = 'venue/*/60';

function position(taskId: number, sequence = taskId): LanePosition {
  return { taskId, lane: LANE, sequence, uri: `file:///${taskId}`, entry: '' };
}

/** States of one double; the database holds `stored`. */
function lanes(stored: Map<number, number> = new Map()) {
  const reads: number[][] = [];
  const made = new Lanes(1, async (ids) => {
    reads.push([...ids]);
    return new Map(ids.filter((id) => stored.has(id)).map((id) => [id, Float64Array.of(stored.get(id)!)]));
  });
  return { lanes: made, reads };
}

const ids = (...list: number[]): Int32Array => Int32Array.from(list);
const states = (...list: number[]): Float64Array => Float64Array.from(list);

/** The states of `seriesIds` as `one` gives them. */
async function statesOf(
  one: Lanes,
  taskId: number,
  lane: string,
  seriesIds: Int32Array,
  last: string,
): Promise<Float64Array> {
  const into = new Float64Array(seriesIds.length);
  await one.states(taskId, lane, seriesIds, last, into);
  return into;
}

async function settled(promise: Promise<unknown>): Promise<boolean> {
  const pending = Symbol('pending');
  return (await Promise.race([promise, new Promise((r) => setImmediate(() => r(pending)))])) !== pending;
}

describe('lanes', () => {
  it('give a series the state its nearest running predecessor published', async () => {
    const { lanes: one } = lanes(new Map([[7, 1]]));
    one.enter(position(1));
    one.enter(position(2));
    one.enter(position(3));
    one.publish(1, LANE, ids(7), states(10), null, true);
    one.publish(2, LANE, ids(7), states(20), null, true);
    expect([...(await statesOf(one, 3, LANE, ids(7), 'A'))]).toEqual([20]);
    expect([...(await statesOf(one, 2, LANE, ids(7), 'A'))]).toEqual([10]);
  });

  it('give many series at once each the state of the nearest that has it, whoever else has its neighbours', async () => {
    const someIds = fc.uniqueArray(fc.integer({ min: 1, max: 12 })).chain((list) =>
      fc.constantFrom(
        list,
        list.toSorted((a, b) => a - b),
      ),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(someIds, { maxLength: 4 }),
        someIds,
        someIds,
        async (published, kept, asked) => {
          const stored = new Map(kept.map((id) => [id, id]));
          const { lanes: one } = lanes(stored);
          const last = published.length + 1;
          for (let taskId = 1; taskId <= last; taskId++) one.enter(position(taskId));
          const expected = new Map(stored);
          published.forEach((list, i) => {
            for (const id of list) expected.set(id, 1_000 * (i + 1) + id);
            const values = list.map((id) => expected.get(id)!);
            one.publish(i + 1, LANE, ids(...list), states(...values), null, true);
          });
          const found = await statesOf(one, last, LANE, ids(...asked), 'Z');
          expect([...found]).toEqual(asked.map((id) => expected.get(id) ?? Number.NaN));
        },
      ),
    );
  });

  it('read from the database what nobody ahead has, and say NaN for a series without a state', async () => {
    const { lanes: one, reads } = lanes(new Map([[7, 1]]));
    one.enter(position(1));
    expect([...(await statesOf(one, 1, LANE, ids(7, 8), 'B'))]).toEqual([1, Number.NaN]);
    await statesOf(one, 1, LANE, ids(7, 8), 'B');
    expect(reads).toEqual([[7, 8]]); // the second time from memory
  });

  it('make a task wait until every predecessor is past the symbols it asks for, and no longer', async () => {
    const { lanes: one } = lanes();
    one.enter(position(1));
    one.enter(position(2));
    const asked = statesOf(one, 2, LANE, ids(7), 'M');
    expect(await settled(asked)).toBe(false);
    one.publish(1, LANE, ids(7), states(5), 'M', false); // M itself is still open in task 1
    expect(await settled(asked)).toBe(false);
    one.publish(1, LANE, ids(), states(), 'N', false);
    expect([...(await asked)]).toEqual([5]);
  });

  it('give the turn to commit in order, whatever the order of asking', async () => {
    const { lanes: one } = lanes();
    for (const id of [3, 1, 2]) one.enter(position(id));
    const done: number[] = [];
    const turns = [3, 2, 1].map((id) =>
      one.turn(id, LANE).then(() => {
        done.push(id);
        one.commit(id, LANE, false);
      }),
    );
    await Promise.all(turns);
    expect(done).toEqual([1, 2, 3]);
  });

  it('name the tasks behind one that fails after it has published, and only then', () => {
    const { lanes: one } = lanes();
    for (const id of [1, 2, 3]) one.enter(position(id));
    expect(one.leave(1, LANE)).toEqual([]);
    one.publish(2, LANE, ids(7), states(1), null, false);
    expect(one.leave(2, LANE)).toEqual([3]);
  });

  it('name the tasks behind an earlier one that arrives late', () => {
    const { lanes: one } = lanes();
    one.enter(position(5));
    one.enter(position(9));
    expect(one.enter(position(7))).toEqual([9]);
    expect(one.enter(position(1))).toEqual([5, 7, 9]);
  });

  it('drop what is remembered when the database has another number of loaded tasks', async () => {
    const stored = new Map([[7, 1]]);
    const { lanes: one, reads } = lanes(stored);
    one.enter(position(1));
    one.align(LANE, 4, []);
    await statesOf(one, 1, LANE, ids(7), 'A');
    one.commit(1, LANE, false);
    one.enter(position(2));
    one.align(LANE, 5, []); // ours
    await statesOf(one, 2, LANE, ids(7), 'A');
    expect(reads.length).toBe(1);
    stored.set(7, 2);
    one.commit(2, LANE, false);
    one.enter(position(3));
    one.align(LANE, 7, []); // ours and somebody else's
    expect([...(await statesOf(one, 3, LANE, ids(7), 'A'))]).toEqual([2]);
  });

  it('do not remember what was being read when what is remembered was dropped', async () => {
    let stored: number | null = null;
    let answer = (): void => {};
    const one = new Lanes(1, async () => {
      const seen = stored;
      await new Promise<void>((resolve) => {
        answer = resolve;
      });
      return new Map(seen === null ? [] : [[7, Float64Array.of(seen)]]);
    });
    one.enter(position(1));
    one.align(LANE, 0, []);
    const stale = statesOf(one, 1, LANE, ids(7), 'A');
    await new Promise(setImmediate);
    stored = 5;
    one.align(LANE, 1, []);
    answer();
    await stale;
    const fresh = statesOf(one, 1, LANE, ids(7), 'A');
    await new Promise(setImmediate);
    answer();
    expect([...(await fresh)]).toEqual([5]);
  });

  it("write nothing for a task that has left, whose memory may be another one's by then", async () => {
    let answer = (): void => {};
    const one = new Lanes(1, async () => {
      await new Promise<void>((resolve) => {
        answer = resolve;
      });
      return new Map([[7, Float64Array.of(5)]]);
    });
    one.enter(position(1));
    const into = states(0);
    const asked = one.states(1, LANE, ids(7), 'A', into);
    await new Promise(setImmediate);
    one.leave(1, LANE);
    one.enter(position(1));
    answer();
    await expect(asked).rejects.toThrow('the attempt has ended');
    expect([...into]).toEqual([0]);
  });

  it('end in the same states for any interleaving of publishing, committing and failing', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ adds: fc.integer({ min: 1, max: 9 }), fails: fc.boolean() }), {
          minLength: 1,
          maxLength: 8,
        }),
        fc.scheduler(),
        async (tasks, scheduler) => {
          // Each task adds to the one series; one that fails, or is aborted because of it, starts again.
          const { lanes: one } = lanes();
          const aborted = new Set<number>();
          const abort = (behind: number[]): void => {
            for (const id of behind) aborted.add(id);
          };
          const run = async (id: number): Promise<void> => {
            let fails = tasks[id]!.fails;
            for (;;) {
              aborted.delete(id);
              abort(one.enter(position(id)));
              const read = (await statesOf(one, id, LANE, ids(7), 'A'))[0]!;
              const mine = (Number.isNaN(read) ? 0 : read) + tasks[id]!.adds;
              one.publish(id, LANE, ids(7), states(mine), null, true);
              await scheduler.schedule(Promise.resolve());
              if (!aborted.has(id) && !fails) await one.turn(id, LANE);
              if (!aborted.has(id) && !fails) return one.commit(id, LANE, false);
              fails = false;
              abort(one.leave(id, LANE));
            }
          };
          // Entered in order, as claims are.
          const runs = tasks.map((_, id) => run(id));
          await scheduler.waitFor(Promise.all(runs));
          one.enter(position(99));
          const sum = tasks.reduce((total, task) => total + task.adds, 0);
          expect((await statesOf(one, 99, LANE, ids(7), 'A'))[0]).toBe(sum);
        },
      ),
      { numRuns: 100 },
    );
  });
});
