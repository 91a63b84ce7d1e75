import { describe, expect, it } from 'vitest';
import { figureOf, median, spread } from '../../src/bench/statistics.ts';

describe('medians', () => {
  it('are the middle value, whatever the order', () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([10])).toBe(10);
    expect(median([100, 9, 20])).toBe(20);
  });

  it('lie between the two middle values of an even number', () => {
    expect(median([4, 1, 3, 2])).toBe(2.5);
  });

  it('of nothing are no number', () => {
    expect(median([])).toBeNaN();
  });

  it('leave the rounds in their order', () => {
    const rounds = [3, 1, 2];
    expect(figureOf(rounds)).toEqual({ median: 2, least: 1, most: 3, rounds: [3, 1, 2] });
    expect(rounds).toEqual([3, 1, 2]);
  });

  it('have a spread relative to themselves', () => {
    expect(spread(figureOf([9, 10, 12]))).toBeCloseTo(0.3, 12);
  });
});
