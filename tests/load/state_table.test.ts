import fc from 'fast-check';
import { expect, test } from 'vitest';
import { StateTable } from '../../src/load/lane_states.ts';

const LENGTH = 3;
const SLOTS = 100;

/** Null: the series is known to have no state. */
type Known = Map<number, number | null>;

const known = fc
  .array(fc.tuple(fc.nat(SLOTS - 1), fc.option(fc.double({ noNaN: true }))), { maxLength: 60 })
  .map((entries): Known => new Map(entries));

function fill(table: StateTable, known: Known): void {
  for (const [slot, value] of known)
    table.put(slot, value === null ? null : Float64Array.of(value, -value, slot), 0);
}

function contents(table: StateTable): Known {
  const found: Known = new Map();
  for (let slot = 0; slot < 2 * SLOTS; slot++) {
    const state = new Float64Array(LENGTH);
    if (!table.copyTo(slot, state, 0)) continue;
    if (Number.isNaN(state[0])) found.set(slot, null);
    else {
      expect([...state.subarray(1)]).toEqual([-state[0]!, slot]);
      found.set(slot, state[0]!);
    }
  }
  return found;
}

function sorted(known: Known): [number, number | null][] {
  return [...known].sort(([a], [b]) => a - b);
}

test('a table knows what it has taken over from others, the last one first, whatever they lacked', () => {
  fc.assert(
    fc.property(fc.array(known, { maxLength: 6 }), (tables) => {
      const committed = new StateTable(LENGTH);
      const published = new StateTable(LENGTH);
      const expected: Known = new Map();
      for (const one of tables) {
        fill(published, one);
        committed.take(published);
        for (const [slot, value] of one) expected.set(slot, value);
        expect(sorted(contents(committed))).toEqual(sorted(expected));
        expect(published.isEmpty).toBe(true);
        expect(contents(published).size).toBe(0);
      }
    }),
  );
});

test('states are put and copied by the piece as they are one by one, wherever pages and gaps are', () => {
  const slots = fc.uniqueArray(fc.nat(SLOTS - 1), { maxLength: 80 }).chain((some) =>
    // In order of themselves, as of a sorted file, or in any.
    fc.constantFrom(
      some,
      some.toSorted((a, b) => a - b),
    ),
  );
  fc.assert(
    fc.property(known, slots, slots, fc.nat(80), (before, put, asked, from) => {
      const pieces = new StateTable(LENGTH);
      const single = new StateTable(LENGTH);
      for (const table of [pieces, single]) fill(table, before);
      const states = Float64Array.from(put.flatMap((slot) => [slot / 2, -slot / 2, slot]));
      pieces.putAll(Int32Array.from(put), states);
      put.forEach((slot, i) => void single.put(slot, states, i * LENGTH));
      expect(sorted(contents(pieces))).toEqual(sorted(contents(single)));

      const blank = Float64Array.from({ length: asked.length * LENGTH }, () => 7);
      const [found, expected] = [blank.slice(), blank.slice()];
      const count = pieces.copyKnown(Int32Array.from(asked), from, found);
      let i = from;
      while (i < asked.length && single.copyTo(asked[i]!, expected, i * LENGTH)) i++;
      expect(count).toBe(i - Math.min(from, i));
      expect(found).toEqual(expected);
    }),
  );
});

test('what a table has given away is not changed by what it is filled with next', () => {
  const committed = new StateTable(LENGTH);
  const published = new StateTable(LENGTH);
  const first: Known = new Map(Array.from({ length: SLOTS }, (_, slot) => [slot, slot]));
  fill(published, first);
  committed.take(published);
  fill(published, new Map([[5, 7]]));
  expect(sorted(contents(committed))).toEqual(sorted(first));
  expect(sorted(contents(published))).toEqual([[5, 7]]);
});
