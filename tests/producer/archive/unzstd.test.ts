import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { constants, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { unzstd } from '../../../src/producer/archive/unzstd.ts';
import { testDatabase } from '../../database.ts';
import { load, scratchFolder } from '../../e2e/loading.ts';
import { krakenCsv, walk } from '../../e2e/market.ts';

const METER = { read: () => {}, made: () => {}, waited: () => {}, end: () => {} };

/** Pieces in one buffer that is used again, as a reader's are. */
async function* pieces(bytes: Uint8Array, size: number): AsyncIterable<Uint8Array> {
  const shared = new Uint8Array(size);
  for (let at = 0; at < bytes.length; at += size) {
    const part = bytes.subarray(at, at + size);
    shared.set(part);
    yield shared.subarray(0, part.length);
  }
}

async function whole(bytes: Uint8Array, size: number): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const piece of unzstd(pieces(bytes, size), METER)) all.push(piece.slice());
  return Buffer.concat(all);
}

const checked = (text: Uint8Array): Buffer =>
  zstdCompressSync(text, { params: { [constants.ZSTD_c_checksumFlag]: 1 } });
const SKIPPABLE = Buffer.from([0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]);

describe('Zstandard', () => {
  it('gives all frames of a file, skippable and empty ones among them, however it is cut', async () => {
    const frame = fc.oneof(fc.uint8Array({ maxLength: 3000 }), fc.constant(null));
    await fc.assert(
      fc.asyncProperty(
        fc.array(frame, { minLength: 1, maxLength: 6 }),
        fc.integer({ min: 1, max: 400 }),
        async (frames, size) => {
          const file = Buffer.concat(frames.map((one) => (one === null ? SKIPPABLE : checked(one))));
          const text = Buffer.concat(frames.map((one) => one ?? new Uint8Array(0)));
          expect((await whole(file, size)).equals(text)).toBe(true);
        },
      ),
      { numRuns: 40 },
    );
  });

  it('says what is wrong with one that is cut off, damaged or followed by something else', async () => {
    const file = checked(Buffer.from('1704067200,1,2,1,2,5,3\n'.repeat(5000)));
    const flipped = Buffer.from(file);
    flipped[file.length - 1]! ^= 1;
    const kindOf = (bytes: Uint8Array) =>
      whole(bytes, 64).then(
        () => 'none',
        (error: { fault: { kind: string } }) => error.fault.kind,
      );
    expect(await kindOf(file.subarray(0, -1))).toBe('truncated');
    expect(await kindOf(Buffer.concat([file, file.subarray(0, 9)]))).toBe('truncated');
    expect(await kindOf(flipped)).toBe('corrupt');
    expect(await kindOf(Buffer.concat([file, Buffer.from('more')]))).toBe('corrupt');
  });

  it('passes on what the source failed of', async () => {
    const file = checked(Buffer.alloc(100_000, 'x'));
    async function* failing(): AsyncIterable<Uint8Array> {
      yield file.subarray(0, 8);
      throw new Error('the network');
    }
    const read = async () => {
      for await (const _ of unzstd(failing(), METER));
    };
    await expect(read()).rejects.toThrow('the network');
  });

  it('is loaded by the name of what is in it, as a file of several frames too', async () => {
    const { url, pool } = await testDatabase();
    const folder = scratchFolder();
    const from = Date.UTC(2024, 0, 1) / 1000;
    const csv = Buffer.from(krakenCsv(walk('XBTUSD', from, from + 3000 * 3600, 3600, 3)));
    const cut = csv.indexOf('\n', csv.length / 2) + 1;
    writeFileSync(
      join(folder, 'XBTUSD_60.csv.zst'),
      Buffer.concat([checked(csv.subarray(0, cut)), checked(csv.subarray(cut))]),
    );
    const summary = await load(url, [folder], { workers: 1 });
    const lines = csv.toString().trim().split('\n').length;
    expect(summary).toMatchObject({ rows: { loaded: lines }, tasks: { loaded: 1, failed: 0 } });
    const { rows } = await pool.query('SELECT DISTINCT symbol, interval_s FROM backhaul.candles');
    expect(rows).toEqual([{ symbol: 'XBTUSD', interval_s: 3600 }]);
  });
});
