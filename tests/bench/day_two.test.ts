import { expect, it } from 'vitest';
import { bottleneckOf, type Work } from '../../src/bench/day_two.ts';
import { dayTwoSpec } from '../../src/bench/day_two_chart.ts';
import { figureOf } from '../../src/bench/statistics.ts';
import { dayTwoLines } from '../../src/ui/day_two_text.ts';

function work(name: string, standing: number, seconds: number, append: number, server: number | null): Work {
  return {
    work: name,
    records: 1000,
    standing,
    seconds: figureOf([seconds, seconds * 1.1, seconds * 0.9]),
    appendSeconds: figureOf([append]),
    overAppend: figureOf([seconds / append]),
    cpuOverAppend: figureOf([2]),
    floorSeconds: null,
    cpuSeconds: 2,
    serverCpuSeconds: server,
    peakRssBytes: 3e8,
  };
}

const works = [
  work('4 day files again, under other names', 4000, 1.2, 1, 0.5),
  work('a quarter filled in a series of 4', 500_000, 3, 2, 6),
  work('a quarter filled in a series of 40', 5_000_000, 3.1, 2, 6),
];
const result = {
  type: 'day_two',
  version: 1,
  at: '2026-01-01T00:00:00.000Z',
  rounds: 3,
  server: '18.4',
  works,
  bottleneck: bottleneckOf(works),
} as const;

it('names the work that costs most over its append, and who uses the CPU there', () => {
  expect(result.bottleneck).toContain(
    '"a quarter filled in a series of 40", 1.55 times; PostgreSQL is the limit',
  );
  expect(result.bottleneck).toContain('75 %');
  expect(bottleneckOf([work('late', 1, 2, 1, 0.5)])).toContain('the loader is the limit there');
  expect(bottleneckOf([work('late', 1, 2, 1, null)])).toContain('the loader uses 2.0 s');
});

it('shows a line for each work, and a point of the chart for each length of what stands', () => {
  const lines = dayTwoLines(result, 200);
  expect(lines.filter((line) => /quarter|day files/.test(line))).toHaveLength(4);
  const { data } = dayTwoSpec(result) as { data: { values: { curve: string; standing: number }[] } };
  expect(data.values.filter(({ curve }) => curve === 'gaps fill').map(({ standing }) => standing)).toEqual([
    500_000, 5_000_000,
  ]);
});
