import { describe, expect, it } from 'vitest';
import { Scaling, type ScalingSample } from '../../../src/load/scaling/scaling.ts';

/** A machine as a formula: what `workers` of them do in one second, at second `at`. */
type Model = (workers: number, at: number) => Omit<ScalingSample, 'seconds' | 'running' | 'memory' | 'cores'>;

interface Outcome {
  readonly rates: readonly number[];
  readonly workers: readonly number[];
  readonly reasons: readonly string[];
}

function run(model: Model, cores: number, options: { cpuTarget?: number; ceiling?: number } = {}): Outcome {
  const scaling = new Scaling({
    start: cores,
    ceiling: options.ceiling ?? 64,
    cpuTarget: options.cpuTarget ?? 0.9,
  });
  const rates: number[] = [];
  const workers: number[] = [];
  const reasons: string[] = [];
  for (let at = 0; at < 120; at++) {
    const measured = model(scaling.workers, at);
    rates.push(measured.records);
    workers.push(scaling.workers);
    const decision = scaling.observe({
      ...measured,
      seconds: 1,
      running: scaling.workers,
      memory: 0.3,
      cores,
    });
    if (decision !== null) reasons.push(decision.reason);
  }
  return { rates, workers, reasons };
}

/** What the best fixed number of workers gets second by second, and over all. */
function best(model: Model): { readonly total: number; readonly rates: readonly number[] } {
  let found: { total: number; rates: number[] } = { total: 0, rates: [] };
  for (let workers = 1; workers <= 64; workers++) {
    const rates = Array.from({ length: 120 }, (_, at) => model(workers, at).records);
    const total = rates.reduce((sum, rate) => sum + rate, 0);
    if (total > found.total) found = { total, rates };
  }
  return found;
}

function holds(model: Model, cores: number): Outcome {
  const outcome = run(model, cores);
  const ideal = best(model);
  const after = (rates: readonly number[]): number => rates.slice(10).reduce((sum, rate) => sum + rate, 0);
  expect(after(outcome.rates)).toBeGreaterThan(0.95 * after(ideal.rates));
  for (let at = 10; at < 120; at++)
    expect(outcome.rates[at]!, `second ${at}, ${outcome.workers[at]} workers`).toBeGreaterThan(
      0.8 * ideal.rates[at]!,
    );
  return outcome;
}

/** Workers that wait `latency` seconds for each of their records' `cpu` seconds of work, on `cores`. */
function latencyBound(cores: number, cpu: number, latency: number, on: 'source' | 'copy'): Model {
  return (workers) => {
    const rate = Math.min(workers / (cpu + latency), cores / cpu);
    const busy = rate * cpu;
    const waiting = Math.max(0, workers - busy);
    const waits = { source: 0, copy: 0, lane: 0 };
    waits[on] = waiting;
    return {
      records: rate * 1e5,
      utilisation: busy / workers,
      waits,
      busy,
      own: busy,
      server: 0,
      pressure: busy >= cores ? 0.5 : 0,
    };
  };
}

const cpuBound =
  (cores: number): Model =>
  (workers) => ({
    records: 1e6 * Math.min(workers, cores) * (workers > cores ? 0.95 : 1),
    utilisation: 0.9,
    waits: { source: 0, copy: 0.1 * workers, lane: 0 },
    busy: Math.min(workers, cores),
    own: 0.3 * Math.min(workers, cores),
    server: 0.7 * Math.min(workers, cores),
    pressure: 0.6,
  });

describe('the number of workers', () => {
  it.each([2, 16])('stays at a worker a core where the CPU is the limit (%i cores)', (cores) => {
    expect(new Set(holds(cpuBound(cores), cores).workers)).toEqual(new Set([cores]));
  });

  it.each([
    [2, 0.1, 1],
    [2, 0.02, 0.5],
    [8, 0.05, 0.4],
  ])('climbs where the source is slow (%i cores, %f s of work, %f s of waiting)', (cores, cpu, latency) => {
    const { workers } = holds(latencyBound(cores, cpu, latency, 'source'), cores);
    expect(workers.at(-1)).toBeGreaterThan(cores);
  });

  it('begins with more where small files come from afar, as many as it may', () => {
    const beginning = (files: { isRemote: boolean; meanBytes: number }, ceiling = 64): number => {
      const scaling = new Scaling({ start: 2, ceiling, cpuTarget: 0.9 });
      const decision = scaling.begin(files, 2);
      expect(decision === null ? 2 : decision.workers).toBe(scaling.workers);
      return scaling.workers;
    };
    expect(beginning({ isRemote: true, meanBytes: 4e5 })).toBe(6);
    expect(beginning({ isRemote: true, meanBytes: 4e5 }, 5)).toBe(5);
    expect(beginning({ isRemote: true, meanBytes: 1e7 })).toBe(2);
    expect(beginning({ isRemote: false, meanBytes: 4e5 })).toBe(2);
  });

  it('does not think twice where workers clearly wait for the source', () => {
    const { workers } = run(latencyBound(2, 0.1, 2, 'source'), 2);
    expect(workers[1]).toBe(2);
    expect(workers[2]).toBeGreaterThan(2);
  });

  it('does not hold the start of their threads against more workers', () => {
    const steady = latencyBound(2, 0.1, 1, 'source');
    let before = 2;
    let raised = Number.NEGATIVE_INFINITY;
    const model: Model = (workers, at) => {
      if (workers > before) raised = at;
      before = workers;
      const measured = steady(workers, at);
      // Three seconds of hardly anything: longer than a trial takes to settle.
      return at - raised < 3 ? { ...measured, records: measured.records / 8 } : measured;
    };
    const { workers } = run(model, 2);
    expect(workers[20]).toBeGreaterThanOrEqual(8);
  });

  it('climbs where each connection is slow, and PostgreSQL is not', () => {
    const { workers } = run(latencyBound(8, 0.1, 0.4, 'copy'), 8);
    expect(workers.at(-1)).toBeGreaterThan(16);
  });

  it.each([2, 4])('goes back to where it was when PostgreSQL takes no more (%i cores)', (cores) => {
    const model: Model = (workers) => ({
      records: 5e5,
      utilisation: 0.2,
      waits: { source: 0, copy: 0.8 * workers, lane: 0 },
      busy: 0.4,
      own: 0.2,
      server: 0.2,
      pressure: 0,
    });
    const { workers, reasons } = holds(model, cores);
    expect(workers.at(-1)).toBe(cores);
    expect(reasons.some((reason) => reason.includes('gained'))).toBe(true);
    // What did not help is not tried again and again.
    expect(workers.filter((count) => count > cores).length).toBeLessThan(20);
  });

  it('thins a crowd in front of a busy PostgreSQL as far as nothing is lost', () => {
    const model: Model = (workers) => ({
      records: 1e6 * Math.min(1, workers / 20),
      utilisation: 0.3,
      waits: { source: 0, copy: 0.7 * workers, lane: 0 },
      busy: 31,
      own: 8,
      server: 23,
      pressure: 0.3,
    });
    const { workers } = holds(model, 32);
    expect(workers.at(-1)).toBeLessThan(28);
    expect(workers.at(-1)).toBeGreaterThanOrEqual(20);
  });

  it('does not climb where files wait for the files before them', () => {
    const model: Model = (workers) => ({
      records: 1e6,
      utilisation: 0.3,
      waits: { source: 0, copy: 0, lane: 0.7 * workers },
      busy: 1,
      own: 1,
      server: 0,
      pressure: 0,
    });
    expect(new Set(run(model, 4).workers)).toEqual(new Set([4]));
  });

  /** A neighbour who runs `threads` from second 30 to 70; the CPU is shared out thread by thread. */
  const neighbour =
    (cores: number, threads: number): Model =>
    (workers, at) => {
      const others = at >= 30 && at < 70 ? threads : 0;
      const wanted = Math.min(workers, cores);
      const share = Math.min(1, cores / (wanted + others));
      const ours = wanted * share;
      return {
        records: 1e6 * ours,
        utilisation: 0.9,
        waits: { source: 0, copy: 0.1 * workers, lane: 0 },
        busy: ours + others * share,
        own: 0.3 * ours,
        server: 0.7 * ours,
        pressure: share < 1 ? 0.8 : 0.05,
      };
    };

  it('gives way to a neighbour on a large machine, and comes back when he has gone', () => {
    const { workers, reasons } = run(neighbour(32, 8), 32);
    expect(workers[29]).toBe(32);
    expect(workers[60]).toBeLessThan(25);
    expect(workers[60]).toBeGreaterThan(18);
    expect(workers[85]).toBe(32);
    expect(reasons[0]).toContain('others use');
  });

  it('does not give half a machine of two cores away to a neighbour who wants one', () => {
    holds(neighbour(2, 1), 2);
  });

  it('leaves more room where it is told to', () => {
    expect(run(neighbour(32, 8), 32, { cpuTarget: 0.5 }).workers[60]).toBeLessThan(12);
  });

  it('goes down while memory is short, and not below one', () => {
    const scaling = new Scaling({ start: 4, ceiling: 8, cpuTarget: 0.9 });
    const counts = Array.from({ length: 6 }, () => {
      scaling.observe({ ...cpuBound(4)(4, 0), seconds: 1, running: 4, memory: 0.9, cores: 4 });
      return scaling.workers;
    });
    expect(counts).toEqual([3, 2, 1, 1, 1, 1]);
  });

  it('is never above its ceiling', () => {
    const { workers } = run(latencyBound(2, 0.01, 1, 'source'), 2, { ceiling: 7 });
    expect(Math.max(...workers)).toBe(7);
  });
});
