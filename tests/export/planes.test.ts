/** Doubles by the places of their bytes, and frames that are packed in part. */

import { zstdDecompressSync } from 'node:zlib';
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { Arena, Packer, PlaceSplitter } from '../../src/export/planes.ts';

it('puts the first bytes of all before the second, and knows the bounds, NaN aside', () => {
  const splitter = new PlaceSplitter();
  void fc.assert(
    fc.property(fc.array(fc.double(), { maxLength: 100 }), fc.nat(40), (numbers, levels) => {
      const values = Float64Array.from(numbers);
      const whole = new Uint8Array(values.buffer);
      const { bytes, least, most } = splitter.split(values, levels);
      const right = Array.from({ length: 8 * values.length }, (_, k) => {
        const place = Math.floor(k / values.length);
        return whole[8 * (k - place * values.length) + place]!;
      });
      expect([...bytes.subarray(levels)]).toEqual(right);
      const told = numbers.filter((value) => !Number.isNaN(value));
      expect([least + 0, most + 0]).toEqual([Math.min(...told) + 0, Math.max(...told) + 0]);
    }),
  );
});

it('tells random places from those that are worth packing', () => {
  const count = 40_000;
  let seed = 1;
  const random = (): number => {
    seed = (seed * 16_807) % 2_147_483_647;
    return seed / 2_147_483_647;
  };
  const splitter = new PlaceSplitter();
  const worth = (make: (row: number) => number): number[] => {
    const { from, to } = splitter.split(
      Float64Array.from({ length: count }, (_, row) => make(row)),
      10,
    );
    return [(from - 10) / count, (to - 10) / count];
  };
  let drift = 100;
  expect(worth(() => 5)).toEqual([0, 8]);
  expect(worth((row) => Math.floor(row / 5000))).toEqual([0, 8]);
  // A walk whose steps are small: sign, exponent and the first digits come again and again.
  const [from, to] = worth(() => {
    drift *= 1 + (random() - 0.5) * 1e-5;
    return drift;
  });
  expect(from).toBeGreaterThanOrEqual(5);
  expect(to).toBe(8);
});

it('is one frame, whatever part of it is packed', () => {
  const kinds = [
    () => 7,
    (k: number) => (k * k * 2_654_435_761) >>> 24,
    (k: number) => k >> 9,
    (k: number) => k % 5,
  ];
  const content = (bytes: number, shift: number): Uint8Array =>
    Uint8Array.from({ length: bytes }, (_, k) => kinds[((k >> 13) + shift) % kinds.length]!(k));
  const arena = new Arena();
  const packer = new Packer();
  const sizes = [0, 1, 4096, 70_001, 131_072, 131_073, 400_000];
  for (const bytes of sizes) {
    const whole = content(bytes, bytes % 4);
    arena.clear();
    for (const from of sizes)
      for (const to of sizes) {
        if (from > to || to > bytes) continue;
        const unpacked = zstdDecompressSync(packer.packed(whole, from, to, arena));
        expect([bytes, from, to, Buffer.compare(unpacked, whole)]).toEqual([bytes, from, to, 0]);
      }
  }
});
