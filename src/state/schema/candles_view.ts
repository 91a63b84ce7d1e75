/**
 * What readers query: the view `candles` and the function `candles_of`, both of whatever columns `bars` has. They are
 * made anew by every migration, and by whoever adds a column to `bars`.
 */

import type { ClientBase } from 'pg';
import { isDistributed } from './distributed.ts';

/** Columns of a bar in their order, but for its series; each a safe name in quotes. */
async function barColumns(client: ClientBase): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT quote_ident(attname) AS name FROM pg_attribute
     WHERE attrelid = 'backhaul.bars'::regclass AND attnum > 0 AND NOT attisdropped AND attname <> 'series_id'
     ORDER BY attnum`,
  );
  return rows.map(({ name }) => name);
}

/** Columns in the scale of prices: divided by what a bar's prices are divided by. */
const IN_PRICES: ReadonlySet<string> = new Set([
  ...['open', 'high', 'low', 'close', 'sma_20', 'sma_50', 'ema_20', 'ema_50', 'ema_100', 'ema_200'],
  ...['macd', 'macd_signal', 'macd_hist', 'bb_upper', 'bb_lower', 'vwap', 'atr_14'],
]);

/** SQL: a column of `b` as it is, or in the scale of the newest bar; `a` is what `adjustments` gives. */
function adjusted(column: string): string {
  const bucket = 'width_bucket(b.ts, a.stamps) + 1';
  if (IN_PRICES.has(column))
    return `CASE WHEN $4 = 'none' THEN b.${column} ELSE b.${column} / a.prices[${bucket}] END`;
  if (column === 'volume')
    return `CASE WHEN $4 = 'none' THEN b.volume ELSE b.volume * a.volumes[${bucket}] END`;
  return `b.${column}`;
}

/**
 * Makes `candles` and `candles_of` again. In the transaction of what changed the columns; columns may only have been
 * added, at the end, for other views may stand on these.
 *
 * `candles_of` reads what has its key: its plan is an index scan a partition, the newest first, and as soon as there are
 * rows enough it stops. The series comes from a sub-select, which is run once and before the scan (a join with `series`
 * would sort all bars of the series). SQL of one SELECT, stable and not strict: PostgreSQL puts it in the place of the
 * call, so that conditions, orders and limits around it reach the index. Leaves of a load that are still without a key
 * are left out: they could only be read from end to end. `candles` has them.
 *
 * Adjusting keeps all of that: what to divide by is read once, as arrays, and looked up for each bar that is given. An
 * aggregate is one row for certain, so that without adjusting, where no column asks for it, the join is dropped when the
 * query is planned. A word for `adjust` that is none is refused by `adjustments` and by
 * `is_adjustment`, for the former may be dropped.
 */
export async function makeReadingAnew(client: ClientBase): Promise<void> {
  const columns = await barColumns(client);
  const list = columns.map((name) => `b.${name}`).join(', ');
  const all = ['series_id', ...columns].join(', ');
  const values = columns.map(adjusted).join(', ');
  const isSpread = await isDistributed(client);
  // Each by itself: Citus carries out but one at a time of what changes tables.
  await client.query(
    `CREATE OR REPLACE VIEW backhaul.candles AS
      SELECT s.venue, s.symbol, s.interval_s, ${list}
      FROM backhaul.series s
      JOIN (SELECT ${all} FROM backhaul.bars UNION ALL SELECT ${all} FROM backhaul.bars_bare) b USING (series_id)`,
  );
  await client.query(
    `CREATE OR REPLACE FUNCTION backhaul.candles_of(venue text, symbol text, "interval" text, adjust text DEFAULT 'none')
    RETURNS SETOF backhaul.candles ${isSpread ? afterLookUp(values) : inPlace(values)}`,
  );
  if (isSpread) await client.query(DERIVED_OF_NODES);
}

/** What derived bars are made of: on a cluster the ends of the series are asked of the nodes first, for Citus plans no LATERAL. */
const DERIVED_OF_NODES = `CREATE OR REPLACE VIEW backhaul.derived AS
  WITH ends AS MATERIALIZED (
    SELECT series_id, min(ts) AS first, max(ts) AS last FROM backhaul.bars GROUP BY series_id)
  SELECT s.venue, s.symbol, s.interval_s, f.interval_s AS from_interval_s,
    d.covered * tstzrange(e.first, e.last, '[]') AS covered, d.series_id, d.from_series_id
  FROM backhaul.derivation d
  JOIN ends e ON e.series_id = d.series_id
  JOIN backhaul.series s ON s.series_id = d.series_id
  JOIN backhaul.series f ON f.series_id = d.from_series_id
  WHERE d.covered && tstzrange(e.first, e.last, '[]')`;

/** As above. */
function inPlace(values: string): string {
  return `LANGUAGE sql STABLE AS $$
      SELECT (SELECT s.venue FROM backhaul.series s WHERE s.series_id = backhaul.series_named($1, $2, $3)),
        (SELECT s.symbol FROM backhaul.series s WHERE s.series_id = backhaul.series_named($1, $2, $3)),
        (SELECT s.interval_s FROM backhaul.series s WHERE s.series_id = backhaul.series_named($1, $2, $3)), ${values}
      FROM backhaul.bars b
      LEFT JOIN LATERAL (
        SELECT max(f.stamps) AS stamps, max(f.prices) AS prices, max(f.volumes) AS volumes
        FROM backhaul.adjustments(backhaul.series_named($1, $2, $3), $4) f) a ON true
      WHERE b.series_id =
        (SELECT CASE WHEN backhaul.is_adjustment($4) THEN backhaul.series_named($1, $2, $3) END)
    $$`;
}

/**
 * On a cluster, where Citus plans no SQL function over distributed tables: the series is looked up first, then its one
 * shard is asked. What stands around the call does not reach that shard: all bars of the series come.
 */
function afterLookUp(values: string): string {
  return `LANGUAGE plpgsql STABLE AS $$
    #variable_conflict use_column
    DECLARE
      id int := CASE WHEN backhaul.is_adjustment($4) THEN backhaul.series_named($1, $2, $3) END;
      s backhaul.series;
      a record;
    BEGIN
      SELECT * INTO s FROM backhaul.series WHERE series_id = id;
      SELECT f.stamps, f.prices, f.volumes INTO a FROM backhaul.adjustments(id, $4) f;
      RETURN QUERY SELECT s.venue, s.symbol, s.interval_s, ${values} FROM backhaul.bars b WHERE b.series_id = id;
    END $$`;
}
