import { describe, expect, it } from 'vitest';
import { detect } from '../../../src/producer/layouts/detect.ts';
import { knownLayouts } from '../../../src/producer/layouts/known_layouts.ts';
import { SAMPLES } from './samples.ts';

const named = (name: string) => knownLayouts().find((layout) => layout.name === name)!;

describe('a sample', () => {
  it.each(
    SAMPLES.filter(({ layout }) => layout !== 'backhaul-export').map(
      (sample) => [sample.layout, sample.path, sample] as const,
    ),
  )('of %s is told from all others: %s', (layout, path, { text }) => {
    const head = { bytes: Buffer.from(text), complete: true };
    expect(detect(knownLayouts(), false, path, head, {}).layout.name).toBe(layout);
    const others = knownLayouts().filter((one) => {
      if (one.vendor === named(layout).vendor) return false;
      try {
        return detect([one], false, path, head, {}).layout === one;
      } catch {
        return false;
      }
    });
    expect(others.map(({ name }) => name)).toEqual([]);
  });

  it('is there of every layout', () => {
    expect(
      knownLayouts()
        .map(({ name }) => name)
        .filter((name) => !SAMPLES.some(({ layout }) => layout === name)),
    ).toEqual([]);
    expect(SAMPLES.every(({ layout }) => named(layout) !== undefined)).toBe(true);
  });
});
