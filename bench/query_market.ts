import type { ClientBase } from 'pg';

/** The database that the queries of docs/query.md are tried on, and those queries. */

/** A query of the page with the heading it stands under. */
export interface PageQuery {
  readonly title: string;
  readonly sql: string;
}

/** The queries of a page of Markdown, in their order. */
export function queriesIn(markdown: string): PageQuery[] {
  const found = markdown.matchAll(/^## ([^\n]+)\n(?:(?!^## |^```)[^\n]*\n)*```sql\n([\s\S]*?)```/gm);
  return [...found].map(([, title, sql]) => ({ title: title!, sql: sql!.trim() }));
}

const SYMBOLS = ['XBTUSD', 'ETHUSD', 'XDGXBT'];

/**
 * Fills the migrated, empty tables: a partition for each of the months before 2025, hours and days of three symbols
 * since the first of them, and what covers them.
 */
export async function makeMarket(client: ClientBase, months: number): Promise<void> {
  await client.query(
    `INSERT INTO backhaul.series (venue, symbol, interval_s)
     SELECT 'kraken', symbol, interval_s FROM unnest($1::text[]) AS s (symbol), unnest('{3600,86400}'::int[]) AS i (interval_s)`,
    [SYMBOLS],
  );
  for (let month = 0; month < months; month++) {
    const from = new Date(Date.UTC(2025, month - months, 1)).toISOString();
    const to = new Date(Date.UTC(2025, month - months + 1, 1)).toISOString();
    const name = `bars_${from.slice(0, 4)}_${from.slice(5, 7)}`;
    await client.query(
      `CREATE TABLE backhaul.${name} PARTITION OF backhaul.bars FOR VALUES FROM ('${from}') TO ('${to}')`,
    );
    await client.query(`INSERT INTO backhaul.partition VALUES ('${name}', '${from}', '${to}', 'standing')`);
    await client.query(
      `INSERT INTO backhaul.bars (series_id, ts, open, high, low, close, volume, trades, sma_20, sma_50, rsi_14, log_return)
       SELECT series_id, ts, p, p + 1, p - 1, p + 0.5, 10, 3, p, 100, 50, sin(extract(epoch FROM ts)) / 100
       FROM backhaul.series,
         generate_series('${from}'::timestamptz, '${to}'::timestamptz - interval '1 second', make_interval(secs => interval_s)) ts,
         LATERAL (SELECT 100 + 10 * sin(extract(epoch FROM ts) / 1e6)) AS w (p)`,
    );
  }
  const from = new Date(Date.UTC(2025, -months, 1)).toISOString();
  await client.query(
    `INSERT INTO backhaul.coverage (series_id, covered, task_id)
     SELECT series_id, tstzrange($1, '2025-01-01Z'), 1 FROM backhaul.series`,
    [from],
  );
  await client.query('ANALYZE backhaul.bars; ANALYZE backhaul.series; ANALYZE backhaul.coverage');
}
