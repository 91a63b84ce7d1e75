import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openBytes } from '../../../src/producer/archive/entry_stream.ts';
import { MemoryReader } from './memory_reader.ts';

/** What bzip2 packs, its own program where this machine has it, is what it was; a file it packed stands here for all others. */

/** `bzip2 -1` of 'abcd' and a line end, of nothing, and of 300 times 'a'. */
const PACKED: readonly (readonly [string, string])[] = [
  ['abcd\n', 'QlpoMTFBWSZTWTexNt4AAADBAAAQPAAgACGDQZoCXHF3JFOFCQN7E23g'],
  ['', 'QlpoMRdyRThQkAAAAAA='],
  ['a'.repeat(300), 'QlpoMTFBWSZTWadK4RsAAAKRAIAgIAAACCAAIKptQZjFR4u5IpwoSFOlcI2A'],
];
const RUNS = Number(process.env['SCAN_RUNS'] ?? 12);

async function unpacked(bytes: Uint8Array, pieceBytes?: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of openBytes(new MemoryReader(bytes, pieceBytes), { kind: 'bz2' }))
    pieces.push(Buffer.from(piece));
  return Buffer.concat(pieces);
}

function packed(bytes: Uint8Array, level: number): Buffer | null {
  try {
    return execFileSync('bzip2', [`-${level}`, '-c'], { input: bytes, maxBuffer: 1 << 28 });
  } catch {
    return null;
  }
}
const hasProgram = packed(Buffer.of(0), 1) !== null;

describe('bzip2', () => {
  it.each(PACKED)('of %j is unpacked, whole and byte by byte', async (text, base64) => {
    const bytes = Buffer.from(base64, 'base64');
    expect((await unpacked(bytes)).toString()).toBe(text);
    expect((await unpacked(bytes, 1)).toString()).toBe(text);
  });

  it('that is cut anywhere, or has a bit that is another, is named and never other text', async () => {
    const whole = Buffer.from(PACKED[2]![1], 'base64');
    const kind = (bytes: Buffer): Promise<string> =>
      unpacked(bytes).then(
        (made) => `unpacked ${made.toString()}`,
        (error: { fault: { kind: string } }) => error.fault.kind,
      );
    for (let size = 0; size < whole.length; size++)
      expect(await kind(whole.subarray(0, size))).toBe('truncated');
    // Some bits say nothing: those of the level of a small file, of codes that no symbol has, behind the end.
    for (let bit = 0; bit < 8 * whole.length; bit++) {
      const bad = Buffer.from(whole);
      bad[bit >> 3]! ^= 128 >> (bit & 7);
      expect(['corrupt', 'truncated', `unpacked ${PACKED[2]![0]}`]).toContain(await kind(bad));
    }
    expect(await kind(Buffer.concat([whole, Buffer.from('more of it')]))).toBe('corrupt');
    expect(await kind(Buffer.from('no bzip2'))).toBe('corrupt');
  });

  /** Texts with long runs, few letters, or any bytes. */
  const texts = fc.oneof(
    fc.uint8Array({ maxLength: 3000, size: 'max' }),
    fc
      .array(fc.tuple(fc.constantFrom(48, 49, 44, 10), fc.integer({ min: 1, max: 700 })), { maxLength: 300 })
      .map((runs) => Buffer.concat(runs.map(([byte, times]) => Buffer.alloc(times, byte)))),
    fc
      .tuple(fc.integer({ min: 0, max: 12_000 }), fc.integer({ min: 1, max: 99_991 }))
      .map(([lines, step]) =>
        Buffer.from(
          Array.from({ length: lines }, (_, i) => `${1_700_000_000 + 60 * i},${(i * step) % 9973}\n`).join(
            '',
          ),
        ),
      ),
  );

  it.skipIf(!hasProgram)('of any text, level, streams and pieces is that text', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(texts, { minLength: 1, maxLength: 3 }),
        fc.integer({ min: 1, max: 9 }),
        fc.constantFrom(1000, 4099, 1 << 19),
        async (parts, level, pieceBytes) => {
          const bytes = Buffer.concat(parts.map((part) => packed(part, level)!));
          const text = Buffer.concat(parts);
          expect((await unpacked(bytes, pieceBytes)).equals(text)).toBe(true);
        },
      ),
      { numRuns: RUNS },
    );
  });
});
