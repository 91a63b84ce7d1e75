import { expect, it } from 'vitest';
import { BarColumns } from '../../src/bars/columns.ts';
import { eachBatch, openStage, sortStage, stageRows } from '../../src/merge/stage.ts';
import { testDatabase } from '../database.ts';
import { randomOf } from '../indicators/series.ts';

const database = await testDatabase();

it('a stage hands rows on in the order of series and time, those that stand twice once', async () => {
  const client = await database.client();
  await client.query(
    `INSERT INTO backhaul.task (task_id, uri, etag, size_bytes) OVERRIDING SYSTEM VALUE VALUES (7, 'file', 'x', 1)`,
  );
  const ids = Int32Array.of(40, 9, 23);
  const random = randomOf(5);
  const rows = Array.from({ length: 500 }, (_, i) => ({
    symbol: Math.floor(random() * 3),
    ts: 1_700_000_000_000_001 + Math.floor(random() * 150) * 1_000_000,
    close: 1 + Math.floor(random() * 2),
    line: i + 1,
  }));
  await client.query('BEGIN');
  await openStage(client);
  const cols = new BarColumns(64, false);
  for (let at = 0; at < rows.length; at += 64) {
    cols.length = 0;
    for (const { symbol, ts, close, line } of rows.slice(at, at + 64)) {
      const i = cols.length++;
      cols.symbol[i] = symbol;
      cols.ts[i] = ts;
      for (const name of ['open', 'high', 'low', 'close', 'volume'] as const) cols[name][i] = close;
      cols.trades[i] = Number.NaN;
      cols.line[i] = line;
      cols.offset[i] = line * 10;
    }
    await stageRows(client, cols, ids, cols.length);
  }
  // The last of those at one place wins; the ones before it are duplicates of the next, or rejects.
  const last = new Map<string, (typeof rows)[number]>();
  let duplicates = 0;
  for (const row of rows) {
    const key = `${row.symbol} ${row.ts}`;
    if (last.get(key)?.close === row.close) duplicates++;
    last.set(key, row);
  }
  const rejected = rows.length - last.size - duplicates;
  expect(await sortStage(client, 7)).toEqual({ duplicates, rejected });
  const noted = await client.query('SELECT count(*)::int AS n FROM backhaul.reject WHERE task_id = 7');
  expect(noted.rows).toEqual([{ n: rejected }]);
  const batch = new BarColumns(37);
  const found: number[][] = [];
  await eachBatch(client, batch, async (some, count) => {
    expect(count).toBeLessThanOrEqual(37);
    for (let i = 0; i < count; i++)
      found.push([some.symbol[i]!, some.ts[i]!, some.close[i]!, some.trades[i]!]);
  });
  const expected = [...last.values()]
    .map(({ symbol, ts, close }) => [ids[symbol]!, ts, close, Number.NaN])
    .sort(([a, s], [b, t]) => a! - b! || s! - t!);
  expect(found).toEqual(expected);
  await client.query('ROLLBACK');
});
