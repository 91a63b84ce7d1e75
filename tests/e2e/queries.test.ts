import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { makeMarket, queriesIn } from '../../bench/query_market.ts';
import { inTransaction } from '../../src/database/connect.ts';
import { READER } from '../../src/database/reader.ts';
import { testDatabase } from '../database.ts';

const database = await testDatabase();
const db = database.pool;

beforeAll(() => inTransaction(db, (client) => makeMarket(client, 12)));

/** Rows of a query as a reader gets them. */
async function read(sql: string): Promise<Record<string, unknown>[]> {
  return inTransaction(db, async (client) => {
    await client.query(`SET LOCAL search_path = backhaul, public; SET LOCAL ROLE ${READER}`);
    return (await client.query(sql)).rows;
  });
}

const { rows: servers } = await db.query<{ version: number }>(
  `SELECT current_setting('server_version_num')::int AS version`,
);
/** Two of them need what came with 14, as the page says. */
const runs = (sql: string): boolean => servers[0]!.version >= 140_000 || !/date_bin|range_agg/.test(sql);
const queries = queriesIn(readFileSync('docs/query.md', 'utf8'));

describe('the queries of docs/query.md', () => {
  it('are ten', () => {
    expect(queries.map(({ title }) => title.split('.')[0])).toEqual(
      Array.from({ length: 10 }, (_, n) => String(n + 1)),
    );
  });

  // The second asks for a month before the first partition of this small market.
  it.each(queries.filter(({ title, sql }) => !title.startsWith('2.') && runs(sql)))(
    '$title: has an answer',
    async ({ sql }) => {
      expect((await read(sql)).length).toBeGreaterThan(0);
    },
  );

  it('that ask for the last bars or a range read no partition beside', async () => {
    const leaves = async (sql: string): Promise<Set<string>> => {
      const plan = await read(`EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) ${sql}`);
      const lines = plan
        .map((row) => String(row['QUERY PLAN']))
        .filter((line) => !/never executed/.test(line));
      return new Set(lines.flatMap((line) => line.match(/(?<=on )bars_\d{4}_\d\d(?!\w)/g) ?? []));
    };
    expect(await leaves(queries[0]!.sql)).toEqual(new Set(['bars_2024_12']));
    if (runs(queries[4]!.sql)) expect(await leaves(queries[4]!.sql)).toEqual(new Set(['bars_2024_11']));
  });
});

interface Dashboard {
  readonly templating: {
    readonly list: readonly { readonly name: string; readonly type: string; readonly query: string }[];
  };
  readonly panels: readonly {
    readonly title: string;
    readonly targets: readonly { readonly rawSql: string }[];
  }[];
}

describe('the Grafana dashboard', () => {
  const dashboard = JSON.parse(readFileSync('deploy/grafana/candles.json', 'utf8')) as Dashboard;

  /** As Grafana fills it in. */
  const filled = (sql: string): string =>
    sql
      .replace(/\$__timeFilter\((\w+)\)/g, "$1 BETWEEN '2024-06-01T00:00:00Z' AND '2024-12-31T00:00:00Z'")
      .replace(/\$\{venue\}/g, 'kraken')
      .replace(/\$\{symbol\}/g, 'XBTUSD')
      .replace(/\$\{interval\}/g, '1h');

  it('offers what is loaded', async () => {
    const [venue, symbol, interval] = dashboard.templating.list.filter(({ type }) => type === 'query');
    const first = async (one: typeof venue): Promise<unknown[]> =>
      (await read(filled(one!.query))).map((row) => Object.values(row)[0]);
    expect(await first(venue)).toEqual(['kraken']);
    expect(await first(symbol)).toEqual(['ETHUSD', 'XBTUSD', 'XDGXBT']);
    expect(await first(interval)).toEqual(['1h', '1d']);
  });

  it.each(dashboard.panels)('$title: its query runs for a reader', async ({ title, targets }) => {
    for (const { rawSql } of targets) {
      const sql = filled(rawSql);
      expect(sql).not.toMatch(/\$[_{]/);
      const rows = await read(sql);
      if (!title.startsWith('Open gaps')) expect(rows.length).toBeGreaterThan(0);
    }
  });
});
