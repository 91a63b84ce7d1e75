import { constants, deflateRawSync, gunzipSync, gzipSync, inflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BackhaulError } from '../../../src/faults/fault.ts';
import { gunzip, inflateRaw } from '../../../src/producer/archive/inflate.ts';

const METER = { read: () => {}, made: () => {}, waited: () => {}, end: () => {} };

async function* pieces(bytes: Uint8Array, size: number): AsyncIterable<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function inflated(bytes: Uint8Array, size: number, how = inflateRaw): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const piece of how(pieces(bytes, size), METER)) all.push(piece.slice());
  return Buffer.concat(all);
}

/** What zlib makes of it, or null where it finds it damaged. */
function byZlib(bytes: Uint8Array): Buffer | null {
  try {
    const { buffer, engine } = inflateRawSync(bytes, {
      info: true,
      maxOutputLength: 1 << 24,
    }) as unknown as { buffer: Buffer; engine: { bytesWritten: number } };
    return engine.bytesWritten === bytes.length ? buffer : null;
  } catch {
    return null;
  }
}

async function byUs(bytes: Uint8Array, size: number): Promise<Buffer | null> {
  try {
    return await inflated(bytes, size);
  } catch (error) {
    expect(error).toBeInstanceOf(BackhaulError);
    expect(['truncated', 'corrupt']).toContain((error as BackhaulError).fault.kind);
    return null;
  }
}

/** Bytes of every kind a compressor treats differently: runs, repeats near and far, numbers, noise. */
const content = fc
  .array(
    fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 20 }), fc.integer({ min: 1, max: 3000 })),
      fc.integer({ min: 1, max: 60_000 }),
    ),
    { maxLength: 12 },
  )
  .map((parts) =>
    Buffer.concat(
      parts.map((part) => {
        if (part instanceof Uint8Array) return part;
        if (Array.isArray(part)) return Buffer.alloc(part[0].length * part[1], part[0]);
        return Buffer.from(Array.from({ length: part / 8 }, (_, i) => `${part * i * 7919},`).join(''));
      }),
    ),
  );

const options = fc.record({
  level: fc.integer({ min: 0, max: 9 }),
  memLevel: fc.integer({ min: 1, max: 9 }),
  windowBits: fc.integer({ min: 9, max: 15 }),
  strategy: fc.constantFrom(
    constants.Z_DEFAULT_STRATEGY,
    constants.Z_FILTERED,
    constants.Z_HUFFMAN_ONLY,
    constants.Z_RLE,
    constants.Z_FIXED,
  ),
});

/** Many more, drawn anew, in a long run. */
const TIMES = process.env['BACKHAUL_LONG'] === '1' ? 20 : 1;

describe('inflate', () => {
  it('makes what zlib makes, of anything zlib has compressed in any way, in any pieces', async () => {
    await fc.assert(
      fc.asyncProperty(content, options, fc.integer({ min: 1, max: 200_000 }), async (bytes, how, size) => {
        expect((await inflated(deflateRawSync(bytes, how), size)).equals(bytes)).toBe(true);
      }),
      { numRuns: 60 * TIMES },
    );
  });

  it('finds damaged what zlib finds damaged, and makes the same of the rest', async () => {
    let good = 0;
    await fc.assert(
      fc.asyncProperty(
        content,
        options,
        fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })), { minLength: 1, maxLength: 3 }),
        fc.constantFrom(997, 1 << 20),
        async (bytes, how, flips, size) => {
          const bad = deflateRawSync(bytes, how);
          for (const [at, by] of flips) bad[at % bad.length]! ^= by;
          const expected = byZlib(bad);
          const found = await byUs(bad, size);
          expect(found === null).toBe(expected === null);
          if (expected !== null && found !== null) {
            good++;
            expect(found.equals(expected)).toBe(true);
          }
        },
      ),
      { numRuns: 300 * TIMES },
    );
    expect(good).toBeGreaterThan(10);
  });

  it('says of arbitrary bytes what zlib says of them', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
        const expected = byZlib(bytes);
        const found = await byUs(bytes, 17);
        expect(found === null).toBe(expected === null);
        if (expected !== null && found !== null) expect(found.equals(expected)).toBe(true);
      }),
      { numRuns: 500 * TIMES },
    );
  });

  it('finds every cut of a stream truncated', async () => {
    const whole = deflateRawSync(Buffer.from('1704067200,42000.1,42010,41990.5,42005,1.5\n'.repeat(40)));
    for (let length = 0; length < whole.length; length++) {
      await expect(inflated(whole.subarray(0, length), 7)).rejects.toMatchObject({
        fault: { kind: 'truncated' },
      });
    }
  });

  it('reads the headers gzip knows: names, comments, extra fields, sums', async () => {
    const plain = gzipSync('1,2,3\n');
    const body = plain.subarray(10);
    const header = (flags: number, ...more: readonly (readonly number[])[]): Buffer =>
      Buffer.concat([Buffer.from([0x1f, 0x8b, 8, flags, 0, 0, 0, 0, 0, 3, ...more.flat()]), body]);
    const name = [0x61, 0x62, 0];
    const extra = [3, 0, 1, 2, 3];
    for (const bytes of [
      header(8, name),
      header(16, name),
      header(4, extra),
      header(28, extra, name, name),
    ]) {
      expect(gunzipSync(bytes).toString()).toBe('1,2,3\n');
      for (const size of [1, 1000]) expect((await inflated(bytes, size, gunzip)).toString()).toBe('1,2,3\n');
    }
    for (const bytes of [header(2, [1, 1]), header(0x20)]) {
      expect(() => gunzipSync(bytes)).toThrow();
      await expect(inflated(bytes, 5, gunzip)).rejects.toMatchObject({ fault: { kind: 'corrupt' } });
    }
  });
});
