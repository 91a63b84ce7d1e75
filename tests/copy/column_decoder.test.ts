import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { ColumnDecoder, decodeColumns } from '../../src/copy/column_decoder.ts';

type Row = readonly [number | null, bigint | null, number | null, bigint, string | null];

/** COPY's binary form, written plainly after the PostgreSQL manual; the texts are in it where they are wanted. */
function wire(rows: readonly Row[], hasText = true): Buffer {
  const header = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1');
  const pieces: Uint8Array[] = [header];
  const field = (bytes: Uint8Array | null): void => {
    const length = Buffer.alloc(4);
    length.writeInt32BE(bytes === null ? -1 : bytes.length);
    pieces.push(length, ...(bytes === null ? [] : [bytes]));
  };
  const sized = (size: number, write: (bytes: Buffer) => void): Uint8Array => {
    const bytes = Buffer.alloc(size);
    write(bytes);
    return bytes;
  };
  for (const [int, long, float, stamp, text] of rows) {
    pieces.push(sized(2, (b) => b.writeInt16BE(hasText ? 5 : 4)));
    field(int === null ? null : sized(4, (b) => b.writeInt32BE(int)));
    field(long === null ? null : sized(8, (b) => b.writeBigInt64BE(long)));
    field(float === null ? null : sized(8, (b) => b.writeDoubleBE(float)));
    field(sized(8, (b) => b.writeBigInt64BE(stamp - 946_684_800_000_000n)));
    if (hasText) field(text === null ? null : Buffer.from(text));
  }
  pieces.push(sized(2, (b) => b.writeInt16BE(-1)));
  return Buffer.concat(pieces);
}

function* cut(bytes: Buffer, sizes: readonly number[]): Generator<Buffer> {
  let at = 0;
  for (let i = 0; at < bytes.length; i++) {
    const size = sizes[i % sizes.length]!;
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

async function decoded(
  bytes: Buffer,
  sizes: readonly number[],
  capacity: number,
  hasText = true,
): Promise<Row[]> {
  const kinds = ['int32', 'int64', 'float64', 'timestamp', 'text'] as const;
  const decoder = new ColumnDecoder(hasText ? kinds : kinds.slice(0, 4), capacity);
  const rows: Row[] = [];
  async function* pieces(): AsyncGenerator<Buffer> {
    yield* cut(bytes, sizes);
  }
  for await (const length of decodeColumns(pieces(), decoder)) {
    const [int, long, float, stamp, text] = decoder.columns;
    for (let row = 0; row < length; row++) {
      const has = (column: typeof int): boolean => (column!.validity[row >> 3]! & (1 << (row & 7))) !== 0;
      const bytesOf = (text?.values as Uint8Array | undefined)?.subarray(
        text!.offsets[row],
        text!.offsets[row + 1],
      );
      rows.push([
        has(int) ? (int!.values as Int32Array)[row]! : null,
        has(long) ? (long!.values as BigInt64Array)[row]! : null,
        has(float) ? (float!.values as Float64Array)[row]! : null,
        (stamp!.values as BigInt64Array)[row]!,
        hasText && has(text!) ? new TextDecoder().decode(bytesOf) : null,
      ]);
    }
  }
  return rows;
}

const row: fc.Arbitrary<Row> = fc.tuple(
  fc.option(fc.integer(), { nil: null }),
  fc.option(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), { nil: null }),
  fc.option(fc.double(), { nil: null }),
  fc.bigInt({ min: -(2n ** 52n), max: 2n ** 52n }),
  fc.option(fc.string({ unit: 'grapheme', maxLength: 40 }), { nil: null }),
);

it('gives the rows that were written, however the stream is cut', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(row, { maxLength: 30 }),
      fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 9 }),
      fc.integer({ min: 1, max: 12 }),
      // Rows whose longest is known are read another way than those with texts.
      fc.boolean(),
      async (rows, sizes, capacity, hasText) => {
        const right = hasText ? rows : rows.map((one) => one.with(4, null));
        expect(await decoded(wire(rows, hasText), sizes, capacity, hasText)).toEqual(right);
      },
    ),
  );
});

it('refuses what is no such stream, and one that ends early', async () => {
  const whole = wire([[1, 2n, 3, 4n, 'five']]);
  await expect(decoded(whole.subarray(0, -2), [64], 4)).rejects.toMatchObject({
    fault: { kind: 'database' },
  });
  await expect(decoded(Buffer.from('x'.repeat(40)), [64], 4)).rejects.toThrow('rows asked for');
  const wrong = Buffer.from(whole);
  wrong.writeInt32BE(5, 21);
  await expect(decoded(wrong, [64], 4)).rejects.toThrow('rows asked for');
});
