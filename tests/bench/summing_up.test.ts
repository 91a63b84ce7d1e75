import { describe, expect, it } from 'vitest';
import type { RunEvent } from '../../src/bench/result.ts';
import { comparisonOf, distributedOf, othersOf, pipelineOf } from '../../src/bench/summing_up.ts';

function run(
  what: RunEvent['what'],
  workers: RunEvent['workers'],
  round: number,
  seconds: number,
  more: Partial<RunEvent> = {},
): RunEvent {
  return {
    type: 'run',
    what,
    workers,
    round,
    pinned: false,
    records: 1_000_000,
    seconds,
    cpuSeconds: 2,
    serverCpuSeconds: 4,
    busy: 1,
    others: 0,
    startupSeconds: null,
    keySeconds: null,
    peakWorkers: null,
    peakRssBytes: null,
    ...more,
  };
}

describe('the runs of a benchmark', () => {
  it('are held against the floor of their own round, in whatever order they came', () => {
    const runs = [
      run('floor', 2, 1, 10),
      run('short_floor', 2, 1, 8),
      run('load', 2, 1, 12),
      run('load', 2, 2, 30, { peakRssBytes: 300 }),
      run('short_floor', 2, 2, 25),
      run('floor', 2, 2, 20),
      run('short_floor', 2, 3, 11),
      run('load', 2, 3, 11, { peakRssBytes: 200 }),
      run('floor', 2, 3, 10),
    ];
    const { floor, shortFloor, loads } = comparisonOf(runs, [2], false)!;
    expect(floor.seconds.median).toBe(10);
    expect(loads).toHaveLength(1);
    expect(loads[0]!.overFloor!.rounds).toEqual([1.2, 1.5, 1.1]);
    expect(loads[0]!.overFloor!.median).toBe(1.2);
    expect(loads[0]!.overShortFloor!.rounds).toEqual([1.5, 1.2, 1]);
    expect(shortFloor.overFloor!.rounds).toEqual([0.8, 1.25, 1.1]);
    expect([floor.overFloor, floor.overShortFloor, shortFloor.overShortFloor]).toEqual([null, null, null]);
    expect(loads[0]!).toMatchObject({ cpuUsPerRecord: 2, serverCpuUsPerRecord: 4, peakRssBytes: 300 });
    expect(loads[0]!.recordsPerSecond.median).toBeCloseTo(1e6 / 12, 6);
  });

  it('of a cluster are held against the load of as many workers into a plain database in their own round', () => {
    const runs = [
      run('load', 1, 1, 20),
      run('load', 2, 1, 10),
      run('load', 2, 1, 99, { pinned: true }),
      run('distributed_load', 2, 1, 15),
      run('distributed_load', 2, 2, 30),
      run('load', 2, 2, 10),
      run('distributed_load', 1, 1, 30),
    ];
    const loads = distributedOf(runs, [1, 2]);
    expect(loads.map(({ workers, overPlain }) => [workers, overPlain!.rounds])).toEqual([
      [1, [1.5]],
      [2, [1.5, 3]],
    ]);
    expect(distributedOf([run('load', 2, 1, 10)], [2])).toEqual([]);
  });

  it('are kept apart by what they are, by workers and by pinning', () => {
    const runs = [
      run('floor', 2, 1, 10),
      run('short_floor', 2, 1, 10),
      run('load', 1, 1, 20),
      run('load', 'auto', 1, 15),
      run('pipeline', 1, 1, 5),
      run('floor', 2, 1, 16, { pinned: true }),
      run('short_floor', 2, 1, 16, { pinned: true }),
      run('load', 1, 1, 32, { pinned: true }),
    ];
    const shared = comparisonOf(runs, [1, 'auto'], false)!;
    expect(shared.loads.map(({ workers, overFloor }) => [workers, overFloor!.median])).toEqual([
      [1, 2],
      ['auto', 1.5],
    ]);
    const pinned = comparisonOf(runs, [1, 'auto'], true)!;
    expect(pinned.loads.map(({ workers, overFloor }) => [workers, overFloor!.median])).toEqual([[1, 2]]);
    expect(pipelineOf(runs, [1, 'auto']).map(({ seconds }) => seconds.median)).toEqual([5]);
    expect(comparisonOf([run('pipeline', 1, 1, 5)], [1], false)).toBeNull();
  });

  it('say what others had of the cores at the worst, and nothing where that is not known', () => {
    const runs = [
      run('floor', 2, 1, 10, { others: 0.1 }),
      run('short_floor', 2, 1, 10, { others: 0.2 }),
      run('load', 1, 1, 20, { others: 0.4 }),
    ];
    expect(othersOf([comparisonOf(runs, [1], false), null])).toBe(0.4);
    const blind = runs.map((one) => ({ ...one, others: null }));
    expect(othersOf([comparisonOf(blind, [1], false)])).toBeNull();
  });
});
