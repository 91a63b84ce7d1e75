import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BackhaulError } from '../../../src/faults/fault.ts';
import { lz4Frame } from '../../../src/producer/archive/table/lz4.ts';
import { PageKernel } from '../../../src/producer/archive/table/page_kernel.ts';
import { pagePieces, SNAPPY_BACK_BYTES } from '../../../src/producer/archive/table/page_pieces.ts';

/** What packs by literals and copies, LZ4 and Snappy: of any literals and copies comes what a byte at a time makes of them. */

interface Step {
  readonly literal: Uint8Array;
  /** How far back, as a share of what there is. */
  readonly back: number;
  readonly length: number;
}

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.record({
    literal: fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 20 }),
      fc.uint8Array({ minLength: 270, maxLength: 600 }),
    ),
    back: fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 2000 })),
    length: fc.oneof(fc.integer({ min: 4, max: 20 }), fc.integer({ min: 4, max: 900 })),
  }),
  { minLength: 1, maxLength: 30 },
);

/** What comes of literals and copies, a byte at a time. `begun`: what is there already. */
function slowly(parts: readonly Step[], begun: readonly number[] = []): number[] {
  const out = [...begun];
  for (const { literal, back, length } of parts) {
    out.push(...literal);
    const distance = Math.min(back, out.length);
    for (let k = 0; k < length; k++) out.push(out[out.length - distance]!);
  }
  return out.slice(begun.length);
}

/** A length in LZ4: what goes into four bits, and what follows. */
function lz4Length(length: number): [number, number[]] {
  if (length < 15) return [length, []];
  const more: number[] = [];
  for (let left = length - 15; ; left -= 255) {
    more.push(Math.min(left, 255));
    if (left < 255) return [15, more];
  }
}

/** A block, which ends in a literal. */
function lz4Block(parts: readonly Step[], before: number): number[] {
  const bytes: number[] = [];
  let made = before;
  for (const { literal, back, length } of parts) {
    made += literal.length;
    const [few, fewMore] = lz4Length(literal.length);
    const [copy, copyMore] = lz4Length(length - 4);
    const distance = Math.min(back, made);
    bytes.push((few << 4) | copy, ...fewMore, ...literal, distance & 255, distance >> 8, ...copyMore);
    made += length;
  }
  return [...bytes, 1 << 4, 33];
}

const word = (value: number): number[] => [
  value & 255,
  (value >> 8) & 255,
  (value >> 16) & 255,
  value >>> 24,
];

describe('LZ4', () => {
  it('frames of pyarrow are unpacked', () => {
    const frame = Buffer.from(
      'BCJNGGBAgt4AAAA/YWJjAwACvzAxMjM0NTY3ODkgCwADH3oBABTxejAxNDkxNjI1MzY0OTY0ODExMDAxMjExNDQxNjkxOTYyMjUyNTYyODkzMjQzNjE0MDA0NDE0ODQ1Mjk1NzY2MjU2NzY3Mjk3ODQ4NDE5MDA5NjExMDI0MTA4OTExNTYxMjI1MTI5NjEzNjkxNDQ0MTUyMTE2MDAxNjgxMTc2NDE4NDkxOTM2MjAyGgDwJTIyMDkyMzA0MjQwMTI1MDAyNjAxMjcwNDI4MDkyOTE2MzAyNTMxMzYzMjQ5MzM2NDM0ODEAAAAA',
      'base64',
    );
    const squares = Array.from({ length: 60 }, (_, i) => i * i).join('');
    const text = `${'abc'.repeat(8)}${'0123456789 '.repeat(3)}${'z'.repeat(40)}${squares}`;
    expect(Buffer.from(lz4Frame(frame)).toString()).toBe(text);
  });

  it('blocks that refer to those before them are unpacked, and damaged ones end in an error', () => {
    fc.assert(
      fc.property(
        steps,
        steps,
        fc.boolean(),
        fc.option(fc.tuple(fc.nat(4000), fc.nat(255))),
        (a, b, isStored, change) => {
          const first = [...slowly(a), 33];
          const second = [...slowly(b, first), 33];
          const blocks = [
            isStored ? [...word((first.length | 0x80000000) >>> 0), ...first] : sized(lz4Block(a, 0)),
            sized(lz4Block(b, first.length)),
          ];
          const head = [...word(0x184d2204), 0x40, 0x40, 0];
          const frame = Uint8Array.from([...head, ...blocks.flat(), ...word(0)]);
          if (change === null) {
            expect([...lz4Frame(frame)]).toEqual([...first, ...second]);
            return;
          }
          frame[7 + (change[0] % (frame.length - 7))] = change[1];
          try {
            lz4Frame(frame);
          } catch (error) {
            expect(error).toBeInstanceOf(BackhaulError);
          }
        },
      ),
      { numRuns: Number(process.env['SCAN_RUNS'] ?? 100) },
    );
  });
});

const sized = (block: readonly number[]): number[] => [...word(block.length), ...block];

/** Snappy's elements: copies of at most 64 bytes, told in one, two or four bytes. */
function snappyOf(parts: readonly Step[], wide: boolean): Uint8Array {
  const bytes: number[] = [];
  let made = 0;
  for (const { literal, back, length } of parts) {
    const few = literal.length - 1;
    if (few < 60) bytes.push(few << 2);
    else if (few < 256) bytes.push(60 << 2, few);
    else bytes.push(61 << 2, few & 255, few >> 8);
    bytes.push(...literal);
    made += literal.length;
    const distance = Math.min(back, made);
    for (let left = length; left > 0; ) {
      const some = Math.min(left, 64);
      if (wide) bytes.push(((some - 1) << 2) | 3, ...word(distance));
      else if (some >= 4 && some <= 11 && distance < 2048)
        bytes.push(((distance >> 8) << 5) | ((some - 4) << 2) | 1, distance & 255);
      else bytes.push(((some - 1) << 2) | 2, distance & 255, distance >> 8);
      left -= some;
    }
    made += length;
  }
  const size: number[] = [];
  for (let left = made; ; left >>= 7) {
    size.push(left < 128 ? left : (left & 127) | 128);
    if (left < 128) break;
  }
  return Uint8Array.from([...size, ...bytes]);
}

it('Snappy is unpacked on from wherever its pieces and its window end', async () => {
  await fc.assert(
    fc.asyncProperty(
      steps,
      fc.boolean(),
      fc.integer({ min: 1, max: 40 }),
      fc.integer({ min: 1, max: 5000 }),
      async (parts, wide, piece, room) => {
        const packed = snappyOf(parts, wide);
        const kernel = PageKernel.take();
        const window = kernel.place(SNAPPY_BACK_BYTES + room);
        const places = { packed: kernel.place(0), state: kernel.place(64) };
        const page = {
          codec: 'SNAPPY' as const,
          bytes: (from: number, to: number) => packed.subarray(from, to),
          from: 0,
          to: packed.length,
        };
        const pieces = pagePieces(kernel, places, page, piece);
        const out: number[] = [];
        for (let at = window.at; ; ) {
          if (at - window.at > SNAPPY_BACK_BYTES) {
            kernel.bytes.copyWithin(window.at, at - SNAPPY_BACK_BYTES, at);
            at = window.at + SNAPPY_BACK_BYTES;
          }
          const end = await pieces.fill(window.at, at, at + room);
          if (end === at) break;
          out.push(...kernel.bytes.subarray(at, end));
          at = end;
        }
        kernel.giveBack();
        expect(out).toEqual(slowly(parts));
      },
    ),
    { numRuns: Number(process.env['SCAN_RUNS'] ?? 100) },
  );
});
