import fc from 'fast-check';
import { expect, test } from 'vitest';
import { keyBuilds } from '../../src/state/leaves/key_builds.ts';

const named = (...bytes: number[]) => bytes.map((size, i) => ({ name: `bars_${i}`, bytes: size }));

test('one leaf has helpers, two on two cores have none', () => {
  expect(keyBuilds(named(5), 2)).toEqual([{ name: 'bars_0', alone: false }]);
  expect(keyBuilds(named(5, 6), 2)).toEqual([
    { name: 'bars_1', alone: true },
    { name: 'bars_0', alone: true },
  ]);
});

test('what is left over after full turns has helpers, and comes last', () => {
  expect(keyBuilds(named(1, 20, 17), 2)).toEqual([
    { name: 'bars_1', alone: true },
    { name: 'bars_2', alone: true },
    { name: 'bars_0', alone: false },
  ]);
});

test('a leaf that all others would wait for has helpers', () => {
  const builds = keyBuilds(named(1, 1, 100, 1), 4);
  expect(builds[0]).toEqual({ name: 'bars_2', alone: false });
  expect(builds.slice(1).every(({ alone }) => alone)).toBe(true);
});

test('every leaf is built once, largest first, whatever their order', () => {
  const leaves = fc.uniqueArray(
    fc.record({ name: fc.stringMatching(/^bars_\d{4}_\d\d$/), bytes: fc.nat(1e9) }),
    { selector: ({ name }) => name },
  );
  fc.assert(
    fc.property(leaves, fc.integer({ min: 1, max: 64 }), (given, concurrency) => {
      const builds = keyBuilds(given, concurrency);
      const size = new Map(given.map(({ name, bytes }) => [name, bytes]));
      expect(builds.map(({ name }) => name).toSorted()).toEqual(given.map(({ name }) => name).toSorted());
      const sizes = builds.map(({ name }) => size.get(name)!);
      expect(sizes).toEqual(sizes.toSorted((a, b) => b - a));
      expect(keyBuilds(given.toReversed(), concurrency)).toEqual(builds);
      // Fewer leaves than may be built at a time leave cores over: none goes without helpers then.
      if (given.length < concurrency) expect(builds.some(({ alone }) => alone)).toBe(false);
    }),
  );
});
