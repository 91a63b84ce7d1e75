import fc from 'fast-check';
import { to as copyTo } from 'pg-copy-streams';
import { expect, it } from 'vitest';
import { StampArrays } from '../../src/series/stamp_arrays.ts';
import { testDatabase } from '../database.ts';

const { client } = await testDatabase();

async function bytesOf(select: string): Promise<Buffer> {
  const pieces: Buffer[] = [];
  const session = await client();
  for await (const piece of session.query(copyTo(`COPY (${select}) TO STDOUT (FORMAT binary)`)))
    pieces.push(piece as Buffer);
  return Buffer.concat(pieces);
}

/** Series and stamp, for each stamp that was handed on. */
function decoded(bytes: Uint8Array, cuts: readonly number[]): { pairs: string[]; count: number } {
  const pairs: string[] = [];
  const arrays = new StampArrays((seriesId, ts, rows) => {
    for (let row = 0; row < rows; row++) pairs.push(`${seriesId} ${ts[row]}`);
  });
  const ends = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  let from = 0;
  for (const to of [...ends, bytes.length]) {
    arrays.push(bytes.subarray(from, to));
    from = to;
  }
  return { pairs, count: arrays.end() };
}

it('gives every stamp with its series, however the bytes are cut', async () => {
  const bytes =
    await bytesOf(`SELECT s, array_agg(timestamptz '1969-12-31 23:59:59.999999+00' + n * interval '1 day' ORDER BY n)
    FROM generate_series(1, 4) s, generate_series(0, 20) n WHERE n < 5 * s GROUP BY s ORDER BY s`);
  const expected = [1, 2, 3, 4].flatMap((s) =>
    Array.from({ length: 5 * s }, (_, n) => `${s} ${n * 86_400e6 - 1}`),
  );
  fc.assert(
    fc.property(fc.array(fc.nat(), { maxLength: 30 }), (cuts) => {
      expect(decoded(bytes, cuts)).toEqual({ pairs: expected, count: 50 });
    }),
    { numRuns: 50 },
  );
  expect(() => decoded(bytes.subarray(0, bytes.length - 3), [])).toThrow('in the middle');
});

it('hands on a series of any length in pieces, and nothing of none', async () => {
  const long = await bytesOf(
    `SELECT 7, array_agg(to_timestamp(n) ORDER BY n) FROM generate_series(0, 39999) n`,
  );
  const { pairs, count } = decoded(long, [1000]);
  expect([count, pairs[0], pairs.at(-1)]).toEqual([40_000, '7 0', '7 39999000000']);
  expect(decoded(await bytesOf('SELECT 1, array_agg(now()) WHERE false GROUP BY 1'), [])).toEqual({
    pairs: [],
    count: 0,
  });
});
