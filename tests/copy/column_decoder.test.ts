import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  ColumnDecoder,
  type DecodedColumn,
  NO_VALUE,
  type WireField,
} from '../../src/copy/column_decoder.ts';
import { copyOut } from '../../src/copy/copy_out.ts';
import { backendPid, connect } from '../../src/database/connect.ts';
import { testDatabase } from '../database.ts';

type Row = readonly [number | null, bigint | null, number | null, bigint, string | null, number[]];

const NULL_OF_FOUR = Buffer.from('fff8000000000000', 'hex');

function message(kind: string, ...pieces: Uint8Array[]): Buffer {
  const said = Buffer.concat(pieces);
  const head = Buffer.alloc(5);
  head.write(kind);
  head.writeInt32BE(4 + said.length, 1);
  return Buffer.concat([head, said]);
}

const HEADER = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1');
const TRAILER = Buffer.from([255, 255]);

/**
 * What a server sends for COPY in binary, written plainly after the PostgreSQL manual; the texts are in it where they are
 * wanted, and the header is before the first row or by itself. NaN is the NULL of four.
 */
function wire(rows: readonly Row[], hasText = true, headerAlone = false): Buffer {
  const sized = (size: number, write: (bytes: Buffer) => void): Uint8Array => {
    const bytes = Buffer.alloc(size);
    write(bytes);
    return bytes;
  };
  const records = rows.map(([int, long, float, stamp, text, four]) => {
    const pieces: Uint8Array[] = [];
    const field = (bytes: Uint8Array | null): void => {
      const length = Buffer.alloc(4);
      length.writeInt32BE(bytes === null ? -1 : bytes.length);
      pieces.push(length, ...(bytes === null ? [] : [bytes]));
    };
    pieces.push(sized(2, (b) => b.writeInt16BE(hasText ? 6 : 5)));
    field(int === null ? null : sized(4, (b) => b.writeInt32BE(int)));
    field(long === null ? null : sized(8, (b) => b.writeBigInt64BE(long)));
    field(float === null ? null : sized(8, (b) => b.writeDoubleBE(float)));
    field(sized(8, (b) => b.writeBigInt64BE(stamp - 946_684_800_000_000n)));
    field(
      Buffer.concat(four.map((x) => (Number.isNaN(x) ? NULL_OF_FOUR : sized(8, (b) => b.writeDoubleBE(x))))),
    );
    if (hasText) field(text === null ? null : Buffer.from(text));
    return Buffer.concat(pieces);
  });
  const messages = records.map((record, i) =>
    i === 0 && !headerAlone ? message('d', HEADER, record) : message('d', record),
  );
  const isApart = headerAlone || rows.length === 0;
  return Buffer.concat([...(isApart ? [message('d', HEADER)] : []), ...messages, message('d', TRAILER)]);
}

function* cut(bytes: Buffer, sizes: readonly number[]): Generator<Buffer> {
  let at = 0;
  for (let i = 0; at < bytes.length; i++) {
    const size = sizes[i % sizes.length]!;
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

const KINDS: readonly WireField[] = ['int32', 'int64', 'float64', 'timestamp', 'four', 'text'];

const has = ({ validity }: DecodedColumn, row: number): boolean =>
  (validity[row >> 3]! & (1 << (row & 7))) !== 0;

function rowsOf(decoder: ColumnDecoder, hasText: boolean): Row[] {
  const [int, long, float, stamp, ...others] = decoder.columns;
  const fours = others.slice(0, 4);
  const text = others[4];
  return Array.from({ length: decoder.length }, (_, row): Row => {
    const bytesOf = (text?.values as Uint8Array | undefined)?.subarray(
      text!.offsets[row],
      text!.offsets[row + 1],
    );
    return [
      has(int!, row) ? (int!.values as Int32Array)[row]! : null,
      has(long!, row) ? (long!.values as BigInt64Array)[row]! : null,
      has(float!, row) ? (float!.values as Float64Array)[row]! : null,
      (stamp!.values as BigInt64Array)[row]!,
      hasText && has(text!, row) ? new TextDecoder().decode(bytesOf) : null,
      fours.map((one) => (has(one, row) ? (one.values as Float64Array)[row]! : Number.NaN)),
    ];
  });
}

/** The rows of a stream that comes in pieces, and the messages that were none. */
function decoded(
  bytes: Buffer,
  sizes: readonly number[],
  capacity: number,
  hasText = true,
): { readonly rows: Row[]; readonly others: string } {
  const decoder = new ColumnDecoder(hasText ? KINDS : KINDS.slice(0, 5), capacity);
  const rows: Row[] = [];
  let others = '';
  for (const piece of cut(bytes, sizes)) {
    decoder.put(piece);
    for (let stop = decoder.take(); stop !== 'more'; stop = decoder.take()) {
      if (stop === 'message') others += Buffer.from(decoder.message()).toString('latin1');
      else {
        rows.push(...rowsOf(decoder, hasText));
        decoder.clear();
      }
    }
  }
  decoder.end();
  rows.push(...rowsOf(decoder, hasText));
  return { rows, others };
}

const row: fc.Arbitrary<Row> = fc.tuple(
  fc.option(fc.integer(), { nil: null }),
  fc.option(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), { nil: null }),
  fc.option(fc.double(), { nil: null }),
  fc.bigInt({ min: -(2n ** 52n), max: 2n ** 52n }),
  fc.option(fc.string({ unit: 'grapheme', maxLength: 40 }), { nil: null }),
  fc.array(fc.double(), { minLength: 4, maxLength: 4 }),
);

it('gives the rows that were written, however the stream is cut, and every other message', () => {
  void fc.assert(
    fc.property(
      fc.array(row, { maxLength: 30 }),
      fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 9 }),
      fc.integer({ min: 1, max: 12 }),
      fc.boolean(),
      fc.boolean(),
      (rows, sizes, capacity, hasText, headerAlone) => {
        const right = hasText ? rows : rows.map((one) => one.with(4, null));
        const before = message('H', Buffer.from('\x01\0\x05'));
        const behind = Buffer.concat([message('c'), message('C', Buffer.from('COPY 7\0'))]);
        const bytes = Buffer.concat([before, wire(rows, hasText, headerAlone), behind]);
        expect(decoded(bytes, sizes, capacity, hasText)).toEqual({
          rows: right,
          others: Buffer.concat([before, behind]).toString('latin1'),
        });
      },
    ),
  );
});

it('finds room for long texts, and for pieces longer than the connection gives as a rule', () => {
  const long = 'an ä'.repeat(70_000);
  const rows = ['a', long, null, '', `${long}!`, 'b'].map(
    (text, i): Row => [i, BigInt(i), i / 3, BigInt(i), text, [i, Number.NaN, -0, Number.NaN]],
  );
  for (const size of [1000, 65_536, 1 << 20]) expect(decoded(wire(rows), [size], 4).rows).toEqual(rows);
});

it('refuses what is no such stream, and one that ends early', () => {
  const whole = wire([[1, 2n, 3, 4n, 'five', [1, 2, 3, 4]]]);
  expect(() => decoded(whole.subarray(0, -7), [64], 4)).toThrow('rows asked for');
  expect(() => decoded(message('d', Buffer.from('x'.repeat(40))), [64], 4)).toThrow('rows asked for');
  expect(() => decoded(Buffer.from(`d\xff${'x'.repeat(40)}`, 'latin1'), [64], 4)).toThrow('rows asked for');
  // The lengths of the first field and of the last, and of the whole row.
  for (const at of [5 + 19 + 2, whole.length - 7 - 8, 1]) {
    const wrong = Buffer.from(whole);
    wrong.writeInt32BE(wrong.readInt32BE(at) - 1, at);
    expect(() => decoded(wrong, [64], 4)).toThrow('rows asked for');
  }
});

const database = await testDatabase();

const SELECT = `SELECT i::int4, NULLIF(i, 7), i / 3.0::float8, to_timestamp(i), lseg(point(i, ${NO_VALUE}), point('NaN', '-0')),
  repeat('x', (i % 50)::int4) FROM generate_series(1, 2500::int8) i`;

it('reads a server, which answers as ever afterwards', async () => {
  const client = await connect(database.url, { readsInPlace: true });
  try {
    for (const capacity of [500, 700]) {
      const decoder = new ColumnDecoder(KINDS, capacity);
      const rows: Row[] = [];
      for await (const _ of copyOut(client, `COPY (${SELECT}) TO STDOUT BINARY`, decoder))
        rows.push(...rowsOf(decoder, true));
      expect(rows).toHaveLength(2500);
      rows.forEach(([int, long, float, stamp, text, four], k) => {
        const i = k + 1;
        expect([int, long, float, stamp, text]).toEqual([
          ...[i, i === 7 ? null : BigInt(i), i / 3, BigInt(i) * 1_000_000n, 'x'.repeat(i % 50)],
        ]);
        expect(four).toEqual([i, Number.NaN, Number.NaN, -0]);
      });
      expect(decoder.columns.slice(4, 8).map(({ nullCount }) => nullCount)).toEqual([
        ...[0, decoder.length, 0, 0],
      ]);
    }
    // 2,000 rows come before the server's error.
    const broken = SELECT.replace('i::int4', '(i / (i - 2000))::int4');
    const before: number[] = [];
    const reading = async (): Promise<void> => {
      const decoder = new ColumnDecoder(KINDS, 100);
      for await (const rows of copyOut(client, `COPY (${broken}) TO STDOUT BINARY`, decoder))
        before.push(rows);
    };
    await expect(reading()).rejects.toMatchObject({ code: '22012' });
    expect(before.length).toBeGreaterThan(10);
    expect((await client.query('SELECT 2 AS two')).rows).toEqual([{ two: 2 }]);
  } finally {
    await client.end();
  }
});

it('of a session that is ended in the middle throws, and one that is left in the middle can be ended', async () => {
  // More than sockets hold, so that the server is in the middle whenever nobody reads.
  const text = `COPY (${SELECT.replace('2500', '300000')}) TO STDOUT BINARY`;
  const client = await connect(database.url, { readsInPlace: true });
  const rows = copyOut(client, text, new ColumnDecoder(KINDS, 100));
  expect((await rows.next()).value).toBe(100);
  await database.pool.query('SELECT pg_terminate_backend($1)', [backendPid(client)]);
  const rest = async (): Promise<void> => {
    for await (const _ of rows);
  };
  await expect(rest()).rejects.toMatchObject({ code: expect.stringMatching(/^(57P01|08006)$/) });
  await client.end().catch(() => {});
  const other = await connect(database.url, { readsInPlace: true });
  for await (const _ of copyOut(other, text, new ColumnDecoder(KINDS, 100))) break;
  await other.end();
});
