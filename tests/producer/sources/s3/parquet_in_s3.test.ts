import * as arrow from 'apache-arrow';
import { parquetMetadata } from 'hyparquet';
import * as parquet from 'parquet-wasm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openTable } from '../../../../src/producer/archive/table/open_table.ts';
import { openObject } from '../../../../src/producer/open_source.ts';
import { S3Server } from '../../../s3_server/s3_server.ts';
import { testOptions, useTestCredentials } from './s3_setup.ts';

useTestCredentials();
let server: S3Server;
beforeEach(async () => {
  server = await new S3Server().start();
});
afterEach(() => server.stop());

const ROWS = 30_000;
const GROUP_ROWS = 12_000;
const WANTED = ['time', 'close'];
const OTHERS = ['bid', 'ask', 'note'];

/** Two columns that are wanted, between others that are not, in three row groups. */
function bytesOf(): Buffer {
  const numbers = (from: number): arrow.Vector =>
    arrow.makeVector(Float64Array.from({ length: ROWS }, (_, i) => from + Math.sin(i)));
  const table = new arrow.Table({
    bid: numbers(1),
    time: arrow.makeVector(BigInt64Array.from({ length: ROWS }, (_, i) => BigInt(1_700_000_000 + 60 * i))),
    ask: numbers(2),
    close: numbers(3),
    note: numbers(4),
  });
  const properties = new parquet.WriterPropertiesBuilder().setMaxRowGroupSize(GROUP_ROWS).build();
  return Buffer.from(
    parquet.writeParquet(parquet.Table.fromIPCStream(arrow.tableToIPC(table, 'stream')), properties),
  );
}

describe('a Parquet file in S3', () => {
  it('gives its columns for its directory and their own bytes, and no byte of others', async () => {
    const bytes = bytesOf();
    server.put('b', 'bars/all.parquet', bytes);
    const reader = await openObject('s3://b/bars/all.parquet', bytes.length, null, testOptions(server));
    const table = await openTable(reader, { kind: 'parquet' }, undefined);
    let rows = 0;
    let sum = 0;
    const places = WANTED.map((name) => table.fields.findIndex((field) => field.name === name));
    for await (const batch of table.batches(places)) {
      rows += batch.rows;
      const [, close] = batch.columns;
      if (close?.kind === 'number') for (let i = 0; i < batch.rows; i++) sum += close.values[i]!;
    }
    await reader.close();
    expect(rows).toBe(ROWS);
    expect(sum).toBeCloseTo(
      Array.from({ length: ROWS }, (_, i) => 3 + Math.sin(i)).reduce((a, b) => a + b),
      6,
    );
    const gets = server.requests.filter(({ operation }) => operation === 'get');
    const ranges = gets.map(({ range }) => {
      const [, from, last] = /^bytes=(\d+)-(\d+)$/.exec(range ?? '')!;
      return { from: Number(from), to: Number(last) + 1 };
    });
    const { row_groups: groups } = parquetMetadata(bytes);
    expect(groups).toHaveLength(3);
    const directory = bytes.length - 65_536;
    for (const { columns } of groups) {
      for (const { meta_data: meta } of columns) {
        const start = Number(meta!.dictionary_page_offset ?? meta!.data_page_offset);
        const end = start + Number(meta!.total_compressed_size);
        const isWanted = WANTED.includes(meta!.path_in_schema[0]!);
        expect(isWanted || OTHERS.includes(meta!.path_in_schema[0]!)).toBe(true);
        const own = ranges.filter(({ from, to }) => from < Math.min(end, directory) && to > start);
        expect(own.length > 0 || start >= directory).toBe(isWanted || start >= directory);
      }
    }
    // The first four bytes, the end with the directory, and two columns of each row group.
    expect(ranges).toHaveLength(2 + 2 * groups.length);
  });
});
