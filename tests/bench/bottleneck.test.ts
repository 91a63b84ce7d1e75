import { describe, expect, it } from 'vitest';
import { bottleneck, type Evidence } from '../../src/bench/bottleneck.ts';
import type { Series } from '../../src/bench/result.ts';
import { figureOf } from '../../src/bench/statistics.ts';

function series(of: Partial<Series> & { readonly took: number }): Series {
  return {
    workers: 2,
    seconds: figureOf([of.took]),
    recordsPerSecond: figureOf([1e6 / of.took]),
    cpuUsPerRecord: 1,
    serverCpuUsPerRecord: 3,
    busy: 0.99,
    others: 0,
    startupSeconds: null,
    keySeconds: null,
    peakWorkers: null,
    peakRssBytes: null,
    overFloor: null,
    overShortFloor: null,
    overPlain: null,
    ...of,
  };
}

/** A load of 10 s: `over` its short floor, and what it used. */
function evidence(over: number, load: Partial<Series>, alone = 4): Evidence {
  return {
    cores: 2,
    stages: { inflate: 200, scan: 270, encode: 120 },
    pipeline: [series({ took: alone })],
    shared: {
      floor: series({ took: 12 / over, busy: 0.5 }),
      shortFloor: series({ took: 10 / over }),
      loads: [
        series({ took: 10, overShortFloor: figureOf([over]), ...load }),
        series({ took: 15, overShortFloor: figureOf([1.5 * over]), workers: 1, busy: 0.1, others: 0.9 }),
      ],
    },
  };
}

describe('the bottleneck', () => {
  it('is PostgreSQL where the load is about as fast as the floor', () => {
    expect(bottleneck(evidence(1.05, {}))).toBe(
      'PostgreSQL is the limit: it takes the same rows ready-made in 95 % of the time of the whole load.',
    );
  });

  it('is whoever uses most of the CPU where all cores are busy', () => {
    expect(bottleneck(evidence(1.35, { cpuUsPerRecord: 1.4, serverCpuUsPerRecord: 3.7 }))).toBe(
      "PostgreSQL is the limit: all 2 cores are busy, and 73 % of a load's CPU is the server's " +
        '(PostgreSQL uses 3.70 µs a record and the loader 1.40 µs, most of it for scan (270 ns a record)).',
    );
    expect(bottleneck(evidence(2, { cpuUsPerRecord: 6, serverCpuUsPerRecord: 3 }))).toContain(
      "The loader's CPU is the limit: all 2 cores are busy, and 67 % of a load's CPU is the loader's",
    );
  });

  it('is no waiting of the load where the floor leaves the cores as idle', () => {
    const idle = evidence(1.2, { busy: 0.84, cpuUsPerRecord: 1, serverCpuUsPerRecord: 5 });
    const shortFloor = { ...idle.shared!.shortFloor, busy: 0.82 };
    expect(bottleneck({ ...idle, shared: { ...idle.shared!, shortFloor } })).toContain(
      "PostgreSQL is the limit: 2 cores are busy for 84 % of the time, for the short floor's it is 82 %, and 83 % of a load's CPU is the server's",
    );
    const busier = { ...shortFloor, busy: 0.9 };
    expect(bottleneck({ ...idle, shared: { ...idle.shared!, shortFloor: busier } })).toContain(
      'Waiting is the limit',
    );
  });

  it('is CPU where that of the server is not seen', () => {
    expect(bottleneck(evidence(1.5, { serverCpuUsPerRecord: null }))).toContain('CPU is the limit:');
  });

  it('is the loader where it takes as long without a database', () => {
    expect(bottleneck(evidence(1.5, { busy: 0.5 }, 9.5))).toContain(
      'The loader is the limit: without a database it takes 95 % of the time',
    );
  });

  it('is waiting where nobody is busy', () => {
    expect(bottleneck(evidence(1.5, { busy: 0.4 }))).toContain(
      'Waiting is the limit: cores are busy for 40 % of the time only, and the load takes 1.50 times as long as its rows ready-made',
    );
  });

  it('is told of the fastest load, and with what else the machine did', () => {
    expect(bottleneck(evidence(1.05, { others: 0.25 }))).toContain(
      '(Other programs took 25 % of the cores: this holds with them.)',
    );
    expect(bottleneck(evidence(1.05, { others: 0.05 }))).not.toContain('Other programs');
  });

  it('is the largest stage where there was no database', () => {
    expect(bottleneck({ ...evidence(1, {}), shared: null })).toBe(
      "Without a database scan (270 ns a record) takes most of the loader's CPU.",
    );
  });
});
