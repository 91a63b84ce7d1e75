import fc from 'fast-check';
import type { Client } from 'pg';
import { describe, expect, it } from 'vitest';
import { BarColumns } from '../../src/bars/columns.ts';
import { toRecordBatch } from '../../src/bars/record_batch.ts';
import { BarEncoder } from '../../src/copy/bar_encoder.ts';
import { CopyWriter, MAX_COPY_BYTES } from '../../src/copy/copy_writer.ts';
import { monthLeaf } from '../../src/copy/leaf.ts';
import { MAX_ROW_BYTES } from '../../src/copy/wire.ts';
import { Partitions } from '../../src/state/leaves/partitions.ts';
import { testDatabase } from '../database.ts';

const database = await testDatabase();
const { pool } = database;
const never = new AbortController().signal;

const MINUTE_US = 60e6;
const MARCH_END_US = Date.UTC(2024, 2, 31, 23) * 1000;
const SERIES = Int32Array.of(7);

/** Bars of one series, a minute apart: from `MARCH_END_US` on they pass from March into April. */
function bars(count: number): BarColumns {
  const cols = new BarColumns(count);
  for (let i = 0; i < count; i++) {
    cols.ts[i] = MARCH_END_US + i * MINUTE_US;
    for (const column of [cols.open, cols.high, cols.low, cols.close, cols.volume]) column[i] = i / 7;
    cols.trades[i] = i;
    for (const column of cols.indicators) column[i] = i % 5 === 0 ? Number.NaN : i / 3;
  }
  cols.length = count;
  return cols;
}

/** Bars of one month with a value in every column, as wide as rows become: more than two COPYs hold. */
function wideBarsOfMay(count: number): BarColumns {
  const cols = bars(count);
  cols.ts.forEach((_, i, ts) => {
    ts[i] = Date.UTC(2024, 4, 1) * 1000 + i * 10e6;
  });
  for (const column of cols.indicators) column.fill(1 / 3);
  return cols;
}

/** A writer for bars, whose leaves are there, in a transaction of its own. */
async function writerFor(
  client: Client,
  cols: BarColumns,
  bufferBytes: number,
  maxCopyBytes: number,
): Promise<CopyWriter> {
  const partitions = new Partitions(pool, false, { drain: never, abort: never });
  await partitions.ensure([cols.ts[0]!, cols.ts[cols.length - 1]!]);
  await client.query('BEGIN');
  return new CopyWriter(client, new BarEncoder(), {
    buffers: [new Uint8Array(bufferBytes), new Uint8Array(bufferBytes)],
    hypertable: false,
    before: '',
    maxCopyBytes,
    leafOf: monthLeaf,
  });
}

/** Writes all bars, cut into batches at `cuts`; returns the rows the server has counted. */
async function write(
  client: Client,
  cols: BarColumns,
  cuts: readonly number[],
  bufferBytes: number,
  maxCopyBytes: number,
): Promise<number> {
  const writer = await writerFor(client, cols, bufferBytes, maxCopyBytes);
  let from = 0;
  for (const to of [...cuts.toSorted((a, b) => a - b), cols.length]) {
    if (to > from) await writer.write(toRecordBatch(cols, SERIES, from, to), () => {});
    from = Math.max(from, to);
  }
  return writer.end();
}

async function stored(client: Client): Promise<{ ts: number; close: number; trades: number }[]> {
  const { rows } = await client.query<{ ts: number; close: number; trades: number }>(
    `SELECT extract(epoch FROM ts)::float8 * 1e6 AS ts, close, trades::float8 AS trades FROM backhaul.bars_bare ORDER BY ts`,
  );
  return rows;
}

describe('bars on their way into their leaves', () => {
  it('arrive once each, wherever batches, buffers and COPYs end', async () => {
    const client = await database.client();
    const cols = bars(200);
    const expected = Array.from({ length: 200 }, (_, i) => ({
      ts: cols.ts[i]!,
      close: cols.close[i]!,
      trades: i,
    }));
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat(200), { maxLength: 6 }),
        fc.integer({ min: 2 * MAX_ROW_BYTES, max: 40 * MAX_ROW_BYTES }),
        fc.integer({ min: 1, max: 80 * MAX_ROW_BYTES }),
        async (cuts, bufferBytes, maxCopyBytes) => {
          try {
            expect(await write(client, cols, cuts, bufferBytes, maxCopyBytes)).toBe(200);
            expect(await stored(client)).toEqual(expected);
          } finally {
            await client.query('ROLLBACK');
          }
        },
      ),
      { numRuns: 40 },
    );
  });

  it('leave the session fit for more when a COPY is refused, the first or a later one', async () => {
    const client = await database.client();
    const whole = bars(60);
    await fc.assert(
      fc.asyncProperty(
        fc.nat(59),
        fc.integer({ min: 1, max: 20 * MAX_ROW_BYTES }),
        async (bad, maxCopyBytes) => {
          const cols = bars(60);
          const writer = await writerFor(client, cols, 4 * MAX_ROW_BYTES, maxCopyBytes);
          await client.query(
            `ALTER TABLE backhaul.bars_2024_03 ADD CONSTRAINT good CHECK (trades <> ${bad});
           ALTER TABLE backhaul.bars_2024_04 ADD CONSTRAINT good CHECK (trades <> ${bad})`,
          );
          const writing = writer.write(toRecordBatch(cols, SERIES, 0, 60), () => {}).then(() => writer.end());
          await expect(writing).rejects.toThrow(/violates check constraint "good"/);
          await writer.abort();
          await client.query('ROLLBACK');
          expect(await stored(client)).toEqual([]);
          expect(await write(client, whole, [], 4 * MAX_ROW_BYTES, maxCopyBytes)).toBe(60);
          expect(await stored(client)).toHaveLength(60);
          await client.query('ROLLBACK');
        },
      ),
      { numRuns: 30 },
    );
  });

  it.for([
    { what: 'come in COPYs that go no full round of their ring of buffers', maxCopyBytes: MAX_COPY_BYTES },
    { what: 'would else come in one that does', maxCopyBytes: Number.POSITIVE_INFINITY },
  ])('$what', async ({ maxCopyBytes }, { skip }) => {
    const client = await database.client();
    const { rows: servers } = await client.query<{ version: number; buffers: number }>(
      `SELECT current_setting('server_version_num')::int AS version,
         pg_size_bytes(current_setting('shared_buffers'))::float8 AS buffers`,
    );
    const { version, buffers } = servers[0]!;
    if (version < 180_000) skip('before version 18 nothing tells what one session has written');
    if (buffers < 128 << 20) skip('so small a server gives a COPY a smaller ring');
    const cols = wideBarsOfMay(120_000);
    expect(await write(client, cols, [], 512 * 1024, maxCopyBytes)).toBe(120_000);
    await client.query('ROLLBACK');
    await client.query('SELECT pg_stat_force_next_flush()');
    const { rows } = await client.query<{ reuses: number }>(
      `SELECT sum(reuses)::int AS reuses FROM pg_stat_get_backend_io(pg_backend_pid())
       WHERE object = 'relation' AND context = 'bulkwrite'`,
    );
    if (maxCopyBytes === MAX_COPY_BYTES) expect(rows).toEqual([{ reuses: 0 }]);
    else expect(rows[0]!.reuses).toBeGreaterThan(500);
  });
});
