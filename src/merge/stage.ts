/** Rows of a file too large to be sorted in memory, put into order by the database. */

import type { ClientBase } from 'pg';
import type { BarColumns } from '../bars/columns.ts';
import { readBars, stampLiteral } from '../copy/copy_reader.ts';
import { copyRows } from '../copy/copy_writer.ts';
import { RowEncoder } from '../copy/row_encoder.ts';
import { usOf } from '../database/stamps.ts';
import type { ExtraColumn } from '../scan/shape.ts';
import { quoted } from '../state/schema/extra_columns.ts';
import { sameExtras } from './extra_values.ts';

const PRICES = ['open', 'high', 'low', 'close', 'volume', 'trades'] as const;
const INCOMING = ['series_id', 'ts', ...PRICES, 'line', 'byte_offset'] as const;

function same(a: string, b: string, extras: readonly ExtraColumn[]): string {
  const prices = PRICES.map((name) => `${a}.${name} IS NOT DISTINCT FROM ${b}.${name}`).join(' AND ');
  return `${prices}${sameExtras(a, b, extras)}`;
}

/**
 * Opens the stage: a table that vanishes with the transaction. What a layout keeps beside the bars is staged as text, and
 * cast where it is looked at.
 */
export async function openStage(client: ClientBase, extras: readonly ExtraColumn[] = []): Promise<void> {
  const more = extras.map(({ name }) => `, ${quoted(name)} text`).join('');
  // The file before in the same transaction may have had one.
  await client.query(`DROP TABLE IF EXISTS pg_temp.incoming;
    CREATE TEMP TABLE incoming (series_id int NOT NULL, ts timestamptz NOT NULL, open float8, high float8, low float8,
      close float8, volume float8, trades int8, line int8 NOT NULL, byte_offset int8 NOT NULL${more}) ON COMMIT DROP`);
}

/** Stages rows `[0, rows)` of a batch. */
export async function stageRows(
  client: ClientBase,
  cols: BarColumns,
  seriesIds: Int32Array,
  rows: number,
  extras: readonly ExtraColumn[] = [],
): Promise<void> {
  if (rows === 0) return;
  const columns = [...INCOMING, ...extras.map(({ name }) => quoted(name))];
  const encoder = new RowEncoder(columns.length);
  for (let i = 0; i < rows; i++) {
    encoder.row();
    encoder.int4(seriesIds[cols.symbol[i]!]!);
    encoder.timestamptz(cols.ts[i]!);
    encoder.float8(cols.open[i]!);
    encoder.float8(cols.high[i]!);
    encoder.float8(cols.low[i]!);
    encoder.float8(cols.close[i]!);
    if (Number.isNaN(cols.volume[i]!)) encoder.null();
    else encoder.float8(cols.volume[i]!);
    if (Number.isNaN(cols.trades[i]!)) encoder.null();
    else encoder.int8(cols.trades[i]!);
    encoder.int8(cols.line[i]!);
    encoder.int8(cols.offset[i]!);
    for (let k = 0; k < extras.length; k++) encoder.text(cols.extras[k]?.[i] ?? null);
  }
  await copyRows(client, 'pg_temp.incoming', columns, encoder.bytes());
}

/**
 * Sorts what was staged, and folds stamps that stand twice in the file itself: equal ones are duplicates, of differing
 * ones the last wins and the others are noted as rejects. Parts of bars of trades are joined by {@link joinStage}.
 */
export async function sortStage(
  client: ClientBase,
  taskId: number,
  extras: readonly ExtraColumn[] = [],
): Promise<{ readonly duplicates: number; readonly rejected: number }> {
  await client.query('CREATE INDEX ON pg_temp.incoming (series_id, ts); ANALYZE pg_temp.incoming');
  const { rows } = await client.query<{ equal: number; differs: number }>(
    `WITH pair AS (
       SELECT i.ctid AS at, i.line, i.byte_offset, i.ts, i.open, i.high, i.low, i.close, i.volume, i.trades,
              ${same('i', 'n', extras)} AS equal
       FROM (SELECT ctid, *, lead(line) OVER w AS next_line FROM pg_temp.incoming
             WINDOW w AS (PARTITION BY series_id, ts ORDER BY line)) i
       JOIN pg_temp.incoming n ON n.series_id = i.series_id AND n.ts = i.ts AND n.line = i.next_line),
     gone AS (DELETE FROM pg_temp.incoming USING pair WHERE incoming.ctid = pair.at),
     noted AS (INSERT INTO backhaul.reject (task_id, line, byte_offset, reason, field, record)
       SELECT $1, line, byte_offset, 'conflict', 'ts',
         concat_ws(',', to_char(ts AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), open, high, low, close, coalesce(volume::text, ''),
           coalesce(trades::text, ''))
       FROM pair WHERE NOT equal)
     SELECT count(*) FILTER (WHERE equal)::int AS equal, count(*) FILTER (WHERE NOT equal)::int AS differs FROM pair`,
    [taskId],
  );
  return { duplicates: rows[0]!.equal, rejected: rows[0]!.differs };
}

/**
 * The same where the rows are parts of bars made of trades: `line` and `byte_offset` are the instants of their first and
 * last trade. Volumes are summed as the decimals they are written as.
 */
export async function joinStage(
  client: ClientBase,
): Promise<{ readonly joined: number; readonly duplicates: number; readonly rejected: number }> {
  const { rows } = await client.query<{ parts: number; whole: number }>(
    `WITH part AS (
       SELECT ctid AS at, i.* FROM pg_temp.incoming i
       JOIN (SELECT series_id, ts FROM pg_temp.incoming GROUP BY series_id, ts HAVING count(*) > 1) m USING (series_id, ts)),
     gone AS (DELETE FROM pg_temp.incoming USING part WHERE incoming.ctid = part.at),
     whole AS (INSERT INTO pg_temp.incoming (series_id, ts, open, high, low, close, volume, trades, line, byte_offset)
       SELECT series_id, ts, (array_agg(open ORDER BY line, at))[1], max(high), min(low),
         (array_agg(close ORDER BY byte_offset DESC, at DESC))[1], sum(volume::text::numeric)::float8, sum(trades)::int8,
         min(line), max(byte_offset)
       FROM part GROUP BY series_id, ts RETURNING 1)
     SELECT (SELECT count(*) FROM part)::int AS parts, (SELECT count(*) FROM whole)::int AS whole`,
  );
  await client.query('CREATE INDEX ON pg_temp.incoming (series_id, ts); ANALYZE pg_temp.incoming');
  return { joined: rows[0]!.parts - rows[0]!.whole, duplicates: 0, rejected: 0 };
}

/** The instants of the first and last trade of the first and the last bar of each series that is staged. */
export interface StagedEnds {
  /** Writes them to the `line` and `offset` of the rows that have them; the others are taken to be whole bars. */
  put(cols: BarColumns, rows: number, intervalUs: number): void;
}

/** Reads them, by what {@link joinStage} has left. */
export async function stagedEnds(client: ClientBase): Promise<StagedEnds> {
  const { rows: ends } = await client.query<{ id: number; ts: number; first: number; last: number }>(
    `SELECT i.series_id AS id, ${usOf('i.ts')} AS ts, i.line::float8 AS first, i.byte_offset::float8 AS last
     FROM (SELECT series_id, min(ts) AS least, max(ts) AS most FROM pg_temp.incoming GROUP BY series_id) e
     JOIN pg_temp.incoming i ON i.series_id = e.series_id AND i.ts IN (e.least, e.most)`,
  );
  const known = new Map(ends.map((end) => [`${end.id} ${end.ts}`, end]));
  return {
    put: (cols, rows, intervalUs) => {
      for (let row = 0; row < rows; row++) {
        const ts = cols.ts[row]!;
        cols.line[row] = ts;
        cols.offset[row] = ts + intervalUs - 1;
        const isEnd = row === 0 || row === rows - 1 || cols.symbol[row] !== cols.symbol[row - 1];
        const isLast = row + 1 < rows && cols.symbol[row] !== cols.symbol[row + 1];
        const end = isEnd || isLast ? known.get(`${cols.symbol[row]} ${ts}`) : undefined;
        if (end === undefined) continue;
        cols.line[row] = end.first;
        cols.offset[row] = end.last;
      }
    },
  };
}

/** The rows of the stage, in the order of series and time, as often as `cols` is full. `cols.symbol` is the series_id. */
export async function eachBatch(
  client: ClientBase,
  cols: BarColumns,
  take: (cols: BarColumns, rows: number) => Promise<void>,
): Promise<void> {
  const names = ['series_id', 'ts', ...PRICES].join(', ');
  let behind = 'true';
  for (;;) {
    let last: string | null = null;
    const select = `SELECT ${names} FROM pg_temp.incoming WHERE ${behind} ORDER BY series_id, ts LIMIT ${cols.capacity}`;
    const rows = await readBars(client, select, cols, ({ symbol, ts, length }) => {
      last = `(series_id, ts) > (${symbol[length - 1]!}, '${stampLiteral(ts[length - 1]!)}'::timestamptz)`;
    });
    if (last === null) return;
    cols.length = rows;
    await take(cols, rows);
    behind = last;
  }
}
