import { expect, it } from 'vitest';
import { eachStamp } from '../../src/series/stamp_pass.ts';
import { Partitions } from '../../src/state/leaves/partitions.ts';
import { testDatabase } from '../database.ts';

const { pool: db, client } = await testDatabase();

const SERIES = 1_201;
const from = Date.UTC(2024, 0, 1) * 1000;
const to = Date.UTC(2024, 2, 1) * 1000;

/** Each series' stamps in the order they come, those of others left out. */
async function passed(through: Parameters<typeof eachStamp>[0], ids: readonly number[]): Promise<string[]> {
  const stamps = new Map<number, number[]>();
  await eachStamp(through, { seriesIds: ids, fromUs: from, toUs: to }, (id, ts, rows) => {
    stamps.set(id, [...(stamps.get(id) ?? []), ...ts.subarray(0, rows)]);
  });
  return ids.map((id) => `${id}: ${stamps.get(id)?.join(' ') ?? ''}`);
}

it('gives each series its stamps in the order of time, of leaves with a key and without, many series or few', async () => {
  const standing = new Partitions(db, false);
  await standing.ensure([from], { standing: true });
  const [bare] = await standing.ensure([to - 1]);
  await db.query(`INSERT INTO backhaul.series (venue, symbol, interval_s)
    SELECT 'acme', 'S' || n, 86400 FROM generate_series(1, ${SERIES}) n`);
  const some = (
    table: string,
    day: string,
  ): string => `INSERT INTO backhaul.${table} (series_id, ts, open, high, low, close)
    SELECT series_id, timestamptz '${day}' + (series_id * n % 28) * interval '1 day', 1, 1, 1, 1
    FROM backhaul.series, generate_series(1, 5) n WHERE series_id % 28 IN (1, 3, 5, 9) GROUP BY 1, 2`;
  await db.query(some('bars', '2024-01-01Z'));
  await db.query(some(bare!.name, '2024-02-01Z'));
  const { rows } = await db.query<{ line: string }>(
    `SELECT s.series_id || ': ' || coalesce(string_agg((extract(epoch FROM ts) * 1000000)::int8::text, ' ' ORDER BY ts), '') AS line
     FROM backhaul.series s LEFT JOIN (SELECT series_id, ts FROM backhaul.bars UNION ALL
       SELECT series_id, ts FROM backhaul.bars_bare) b USING (series_id)
     GROUP BY s.series_id ORDER BY s.series_id`,
  );
  const expected = rows.map(({ line }) => line);
  const all = Array.from({ length: SERIES }, (_, n) => n + 1);
  expect(expected.filter((line) => line.length > 10).length).toBeGreaterThan(100);
  expect(await passed(db, all)).toEqual(expected);
  expect(await passed(await client(), all)).toEqual(expected);
  expect(await passed(db, all.slice(0, 40))).toEqual(expected.slice(0, 40));
});
