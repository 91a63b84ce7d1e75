import { expect, it } from 'vitest';
import { costOf } from '../../src/bench/rollup_cost.ts';
import { rollupCostLines } from '../../src/ui/rollup_cost_text.ts';

const pair = (plainCpu: number, madeCpu: number, server: number | null) => ({
  plain: { seconds: 3, cpuSeconds: plainCpu, serverCpuSeconds: server, peakRssBytes: 1, bars: 1_000_000 },
  made: {
    seconds: 4,
    cpuSeconds: madeCpu,
    serverCpuSeconds: server === null ? null : server + 0.5,
    peakRssBytes: 2 ** 28,
    bars: 1_250_000,
  },
});

it('tells what longer bars add to the CPU of a load, pair by pair, and what the server takes for each', () => {
  const cost = costOf('files', [pair(2, 2.4, 1), pair(2, 2.6, 1), pair(4, 5, 1)]);
  expect(cost).toMatchObject({ records: 1_000_000, made: 250_000, plainCpuUs: 2, cpuUs: 2.6 });
  expect(cost.addedShare.median).toBeCloseTo(0.25);
  expect(cost.serverMadeUs).toBeCloseTo(2);
  const result = {
    type: 'rollup_cost' as const,
    version: 1 as const,
    at: '2026-01-01T00:00:00Z',
    rounds: 3,
    server: '18.4',
    rollups: [300, 86_400],
    costs: [cost, costOf('elsewhere', [pair(1, 2, null)])],
  };
  const text = rollupCostLines(result, 200).join('\n');
  expect(text).toContain('5m, 1d');
  expect(text).toMatch(/files +1,000,000 +250,000 +2\.00 +2\.60 +25 % +20 % to 30 % +1\.00 +2\.00/);
  expect(text).toMatch(/elsewhere .* 100 %/);
});
