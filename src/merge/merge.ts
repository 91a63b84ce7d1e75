import type { ClientBase } from 'pg';
import { type BarColumns, INDICATOR_NAMES } from '../bars/columns.ts';
import { RowKernel } from '../bars/row_kernel.ts';
import { killPoint } from '../base/kill_points.ts';
import { BarEncoder } from '../copy/bar_encoder.ts';
import { copyRows } from '../copy/copy_writer.ts';
import { RowEncoder } from '../copy/row_encoder.ts';
import { BARS_COLUMNS, MAX_ROW_BYTES } from '../copy/wire.ts';
import {
  decodeState,
  encodeState,
  IndicatorEngine,
  type SessionClock,
  STATE_LENGTH,
} from '../indicators/engine.ts';
import { endsOpen, vouchedByAlone } from '../state/coverage.ts';
import { StateRows, type StoredState } from '../state/indicator_states.ts';
import { dropOutcomes } from '../state/outcomes.ts';
import { completes } from './unfinished.ts';

/**
 * The second way into `bars`, for rows that are not simply newer than what stands: files that overlap, arrive late,
 * replace an earlier version, or are too large to sort in memory.
 *
 * Everything happens in the task's own transaction: the rows are staged in a temporary table, compared with what
 * stands, and the bars of each series that changed are read again from the nearest stored indicator state on, in the
 * order of time, through the same engine as ever. Only rows that are new or whose indicators changed are written.
 *
 * A load may ask for some indicators alone. Those it gives to its own rows and to the rows that follow them. The others
 * are NULL in its own rows; in rows that stand they are kept true where there is a value, and NULL stays NULL.
 * All leaves must be standing: the comparison needs their key.
 */

const PRICES = ['open', 'high', 'low', 'close', 'volume', 'trades'] as const;
const INCOMING = ['series_id', 'ts', ...PRICES, 'line', 'byte_offset'] as const;
/** Rows a cursor hands over at once: 24 columns of text, some 8 MB. */
const FETCH_ROWS = 20_000;

/** What indicators are computed with and in. */
export interface MergeMemory {
  readonly engine: IndicatorEngine;
  /** In the memory of the engine's kernel. */
  readonly cols: BarColumns;
}

/** For a thread that has no memory of its own for batches. */
export function mergeMemory(session: SessionClock): MergeMemory {
  const kernel = new RowKernel(1, FETCH_ROWS, 0, 0);
  return { engine: new IndicatorEngine(session, kernel), cols: kernel.columns(FETCH_ROWS) };
}
/** Differing rows kept as evidence, a task. All are counted. */
const CONFLICTS_KEPT = 1_000;

function same(a: string, b: string): string {
  return PRICES.map((name) => `${a}.${name} IS NOT DISTINCT FROM ${b}.${name}`).join(' AND ');
}

function asJson(alias: string): string {
  return `jsonb_build_object(${PRICES.map((name) => `'${name}', ${alias}.${name}`).join(', ')})`;
}

/** What became of the staged rows. */
export interface MergeCounts {
  /** Rows of the file that are in `bars` now because of it. */
  readonly loaded: number;
  /** Equal to a row of the same file or to what stood, and those where what stood was kept. */
  readonly duplicates: number;
  /** In-file conflicts, written to `reject`. */
  readonly rejected: number;
  /** Rows that differed from what stood, kept or replaced. */
  readonly conflicts: number;
  /** Of them, those that completed a bar which was unfinished: they count as duplicates, for the bar stood already. */
  readonly completed: number;
  /** Standing rows whose indicators changed. */
  readonly recomputed: number;
}

/** Opens the stage: tables that vanish with the transaction. */
export async function openStage(client: ClientBase): Promise<void> {
  await client.query(`
    CREATE TEMP TABLE incoming (series_id int NOT NULL, ts timestamptz NOT NULL, open float8, high float8, low float8,
      close float8, volume float8, trades int8, line int8 NOT NULL, byte_offset int8 NOT NULL) ON COMMIT DROP;
    CREATE TEMP TABLE fresh (LIKE pg_temp.incoming) ON COMMIT DROP;
    CREATE TEMP TABLE span (series_id int PRIMARY KEY, t0 timestamptz NOT NULL, from_ts timestamptz, state bytea)
      ON COMMIT DROP;
    CREATE TEMP TABLE outgoing (LIKE backhaul.bars) ON COMMIT DROP`);
}

/** Stages rows `[0, rows)` of a batch. */
export async function stageRows(
  client: ClientBase,
  cols: BarColumns,
  seriesIds: Int32Array,
  rows: number,
): Promise<void> {
  if (rows === 0) return;
  const encoder = new RowEncoder(INCOMING.length);
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
  }
  await copyRows(client, 'pg_temp.incoming', INCOMING, encoder.bytes());
}

/** Takes out the rows a task brought, where no other task vouches for them; resolves to their number. */
export async function removeOld(client: ClientBase, taskId: number): Promise<number> {
  const { rows } = await client.query<{ gone: number }>(
    `WITH old AS (
       DELETE FROM backhaul.bars b USING backhaul.coverage c WHERE ${vouchedByAlone('$1')}
       RETURNING b.series_id, b.ts),
     spans AS (INSERT INTO span (series_id, t0) SELECT series_id, min(ts) FROM old GROUP BY series_id)
     SELECT count(*)::int AS gone FROM old`,
    [taskId],
  );
  await dropOutcomes(client, taskId);
  return rows[0]!.gone;
}

/** Folds stamps that stand twice in the file itself: equal ones are duplicates, of differing ones the last wins. */
async function foldWithinFile(
  client: ClientBase,
  taskId: number,
): Promise<{ duplicates: number; rejected: number }> {
  const { rows } = await client.query<{ equal: string; differs: string }>(
    `WITH pair AS (
       SELECT i.ctid AS at, i.line, i.byte_offset, i.ts, i.open, i.high, i.low, i.close, i.volume, i.trades,
              ${same('i', 'n')} AS equal
       FROM (SELECT ctid, *, lead(line) OVER w AS next_line FROM pg_temp.incoming
             WINDOW w AS (PARTITION BY series_id, ts ORDER BY line)) i
       JOIN pg_temp.incoming n ON n.series_id = i.series_id AND n.ts = i.ts AND n.line = i.next_line),
     gone AS (DELETE FROM pg_temp.incoming USING pair WHERE incoming.ctid = pair.at),
     noted AS (INSERT INTO backhaul.reject (task_id, line, byte_offset, reason, field, record)
       SELECT $1, line, byte_offset, 'conflict', 'ts',
         concat_ws(',', to_char(ts AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), open, high, low, close, coalesce(volume::text, ''),
           coalesce(trades::text, ''))
       FROM pair WHERE NOT equal)
     SELECT count(*) FILTER (WHERE equal) AS equal, count(*) FILTER (WHERE NOT equal) AS differs FROM pair`,
    [taskId],
  );
  return { duplicates: Number(rows[0]?.equal ?? 0), rejected: Number(rows[0]?.differs ?? 0) };
}

/** Tells new rows from those that stand. Fills `fresh` and `span`. */
async function compareWithStanding(
  client: ClientBase,
  taskId: number,
  onConflict: 'keep' | 'replace',
): Promise<{ duplicates: number; conflicts: number; completed: number }> {
  await client.query('ANALYZE pg_temp.incoming');
  const range = await client.query<{ lo: Date | null; hi: Date | null }>(
    `SELECT min(ts) AS lo, max(ts) AS hi FROM pg_temp.incoming`,
  );
  const { lo, hi } = range.rows[0]!;
  if (lo === null || hi === null) return { duplicates: 0, conflicts: 0, completed: 0 };
  const { rows } = await client.query<{ equal: string; differs: string; completed: string }>(
    `WITH met AS (
       SELECT i.*, b.series_id IS NOT NULL AS stands, ${same('i', 'b')} AS equal,
              CASE WHEN b.series_id IS NOT NULL AND NOT (${same('i', 'b')}) THEN ${asJson('b')} END AS standing,
              CASE WHEN NOT $4 AND ${completes('i', 'b')}
                   THEN ${endsOpen('i.series_id', `(i.ts + s.interval_s * interval '1 second')`)} ELSE false END AS completes
       FROM pg_temp.incoming i JOIN backhaul.series s ON s.series_id = i.series_id
       LEFT JOIN backhaul.bars b ON b.series_id = i.series_id AND b.ts = i.ts AND b.ts >= $2 AND b.ts <= $3),
     new AS (INSERT INTO fresh SELECT ${INCOMING.join(', ')} FROM met
             WHERE NOT stands OR (NOT equal AND ($4 OR completes)) RETURNING 1),
     noted AS (INSERT INTO backhaul.conflict (task_id, series_id, ts, standing, incoming)
       SELECT $1, series_id, ts, standing, ${asJson('met')} FROM met WHERE stands AND NOT equal
       ORDER BY series_id, ts LIMIT ${CONFLICTS_KEPT})
     SELECT count(*) FILTER (WHERE stands AND equal) AS equal,
            count(*) FILTER (WHERE stands AND NOT equal) AS differs,
            count(*) FILTER (WHERE completes) AS completed FROM met`,
    [taskId, lo, new Date(hi.getTime() + 1), onConflict === 'replace'],
  );
  const { equal, differs, completed } = rows[0]!;
  return { duplicates: Number(equal), conflicts: Number(differs), completed: Number(completed) };
}

/** Where each changed series has to be computed again from, and the state to start with. */
async function planSpans(client: ClientBase): Promise<void> {
  await client.query(`
    INSERT INTO span (series_id, t0) SELECT series_id, min(ts) FROM fresh GROUP BY series_id
      ON CONFLICT (series_id) DO UPDATE SET t0 = least(span.t0, excluded.t0);
    UPDATE span SET from_ts = s.ts, state = s.state
      FROM (SELECT sp.series_id, x.ts, x.state FROM span sp CROSS JOIN LATERAL (
              SELECT i.ts, i.state FROM backhaul.indicator_state i
              WHERE i.series_id = sp.series_id AND i.ts < sp.t0 ORDER BY i.ts DESC LIMIT 1) x) s
      WHERE s.series_id = span.series_id`);
}

/** A row of the cursor: series, µs, the six prices, 1 for a new row, the stored indicators. */
type MergedRow = readonly (number | null)[];

/**
 * Computes the indicators of every series in `span` again, from its stored state to its end, and writes the rows that
 * are new or changed. `asked` says of each of `INDICATOR_NAMES` whether rows get it that have none yet. Leaves the
 * stored states as a load from scratch would have left them at the series' end.
 */
export async function recomputeSpans(
  client: ClientBase,
  { engine, cols }: MergeMemory,
  asked: readonly boolean[],
  taskId: number,
): Promise<{ recomputed: number }> {
  await planSpans(client);
  const spans = await client.query<{ series_id: number; state: Buffer | null }>(
    'SELECT series_id, state FROM span ORDER BY series_id',
  );
  if (spans.rowCount === 0) return { recomputed: 0 };
  const startStates = new Map(spans.rows.map((row) => [row.series_id, row.state]));
  const recompute = new Recomputation(client, { engine, cols }, asked, startStates);
  await client.query('ANALYZE pg_temp.fresh; ANALYZE pg_temp.span');
  await client.query(`
    DECLARE merged NO SCROLL CURSOR FOR
    SELECT series_id, round(extract(epoch FROM ts) * 1000000)::float8, ${PRICES.join(', ')}, fresh, ${INDICATOR_NAMES.join(', ')}
    FROM (
      SELECT b.series_id, b.ts, ${PRICES.map((p) => `b.${p}`).join(', ')}, 0 AS fresh, ${INDICATOR_NAMES.map((n) => `b.${n}`).join(', ')}
      FROM span s JOIN backhaul.bars b ON b.series_id = s.series_id AND b.ts > coalesce(s.from_ts, '-infinity')
      WHERE NOT EXISTS (SELECT 1 FROM fresh f WHERE f.series_id = b.series_id AND f.ts = b.ts)
      UNION ALL
      SELECT series_id, ts, ${PRICES.join(', ')}, 1, ${INDICATOR_NAMES.map(() => 'NULL::float8').join(', ')} FROM fresh
    ) u ORDER BY series_id, ts`);
  for (;;) {
    const { rows } = await client.query<(number | null)[]>({
      text: `FETCH ${Math.min(FETCH_ROWS, cols.capacity)} FROM merged`,
      rowMode: 'array',
    });
    if (rows.length === 0) break;
    await recompute.take(rows);
  }
  await client.query('CLOSE merged');
  recompute.finish();
  await recompute.write(taskId);
  return { recomputed: recompute.changed };
}

/** The rows of one cursor on their way through the engine. */
class Recomputation {
  readonly #client: ClientBase;
  readonly #engine: IndicatorEngine;
  readonly #encoder = new BarEncoder();
  /** Indicators that were not asked for, by their place in `INDICATOR_NAMES`. */
  readonly #unasked: readonly number[];
  readonly #starts: ReadonlyMap<number, Buffer | null>;
  readonly #cols: BarColumns;
  readonly #ids: Int32Array;
  readonly #state = new Float64Array(STATE_LENGTH);
  readonly #ends: StoredState[] = [];
  #series: number | null = null;
  /** Standing rows whose indicators changed. */
  changed = 0;

  constructor(
    client: ClientBase,
    { engine, cols }: MergeMemory,
    asked: readonly boolean[],
    starts: ReadonlyMap<number, Buffer | null>,
  ) {
    this.#client = client;
    this.#engine = engine;
    this.#cols = cols;
    this.#ids = new Int32Array(cols.capacity);
    this.#unasked = asked.flatMap((isAsked, k) => (isAsked ? [] : [k]));
    this.#starts = starts;
  }

  async take(rows: readonly MergedRow[]): Promise<void> {
    const cols = this.#cols;
    let start = 0;
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i]!;
      const series = row[0]!;
      if (series !== this.#series) {
        if (i > start) this.#engine.run(cols, start, i);
        start = i;
        this.#begin(series);
      }
      this.#ids[i] = series;
      cols.symbol[i] = i;
      cols.ts[i] = row[1]!;
      cols.open[i] = row[2] ?? Number.NaN;
      cols.high[i] = row[3] ?? Number.NaN;
      cols.low[i] = row[4] ?? Number.NaN;
      cols.close[i] = row[5] ?? Number.NaN;
      cols.volume[i] = row[6] ?? Number.NaN;
      cols.trades[i] = row[7] ?? Number.NaN;
    }
    this.#engine.run(cols, start, rows.length);
    await this.#writeChanged(rows);
  }

  finish(): void {
    this.#keepEnd();
  }

  #begin(series: number): void {
    this.#keepEnd();
    this.#series = series;
    const bytes = this.#starts.get(series);
    if (bytes === null || bytes === undefined) {
      this.#engine.reset();
    } else {
      decodeState(bytes, this.#state, 0);
      this.#engine.load(this.#state, 0);
    }
  }

  #keepEnd(): void {
    if (this.#series === null || this.#engine.lastTs === Number.NEGATIVE_INFINITY) return;
    this.#engine.store(this.#state, 0);
    this.#ends.push({
      seriesId: this.#series,
      tsUs: this.#engine.lastTs,
      state: encodeState(this.#state, 0).slice(),
    });
  }

  async #writeChanged(rows: readonly MergedRow[]): Promise<void> {
    const changed = new Int32Array(rows.length);
    let count = 0;
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i]!;
      const fresh = row[8] === 1;
      this.#withhold(row, i);
      if (!fresh && this.#unchanged(row, i)) continue;
      if (!fresh) this.changed++;
      changed[count++] = i;
    }
    if (count === 0) return;
    const buffer = new Uint8Array(count * MAX_ROW_BYTES);
    const end = this.#encoder.encode(this.#cols, this.#ids, 0, count, changed, buffer, 0);
    await copyRows(this.#client, 'pg_temp.outgoing', BARS_COLUMNS, buffer.subarray(0, end));
  }

  /** What was not asked for does not appear where it was not; new rows have none of it. */
  #withhold(row: MergedRow, i: number): void {
    for (const k of this.#unasked) {
      if (row[9 + k] === null) this.#cols.indicators[k]![i] = Number.NaN;
    }
  }

  #unchanged(row: MergedRow, i: number): boolean {
    for (let k = 0; k < INDICATOR_NAMES.length; k++) {
      if (!Object.is(row[9 + k] ?? Number.NaN, this.#cols.indicators[k]![i]!)) return false;
    }
    return true;
  }

  async write(taskId: number): Promise<void> {
    const set = BARS_COLUMNS.slice(2)
      .map((name) => `${name} = excluded.${name}`)
      .join(', ');
    await this.#client.query(
      `INSERT INTO backhaul.bars (${BARS_COLUMNS.join(', ')}) SELECT ${BARS_COLUMNS.join(', ')} FROM pg_temp.outgoing
       ON CONFLICT (series_id, ts) DO UPDATE SET ${set}`,
    );
    await this.#client.query(
      `DELETE FROM backhaul.indicator_state i USING span s WHERE i.series_id = s.series_id AND i.ts >= s.t0`,
    );
    const states = new StateRows(taskId, this.#ends.length);
    for (const end of this.#ends) states.add(end);
    await states.write(this.#client);
  }
}

/** Merges what was staged. Counts say what became of every staged row. `asked`: of each indicator, whether to give it. */
export async function mergeStaged(
  client: ClientBase,
  taskId: number,
  { engine, cols }: MergeMemory,
  asked: readonly boolean[],
  onConflict: 'keep' | 'replace',
): Promise<MergeCounts> {
  const within = await foldWithinFile(client, taskId);
  const across = await compareWithStanding(client, taskId, onConflict);
  killPoint('merge.compared');
  const { rows } = await client.query<{ n: string }>('SELECT count(*) AS n FROM fresh');
  const loaded = Number(rows[0]!.n) - across.completed;
  const { recomputed } = await recomputeSpans(client, { engine, cols }, asked, taskId);
  return {
    loaded,
    duplicates: within.duplicates + across.duplicates + (onConflict === 'keep' ? across.conflicts : 0),
    rejected: within.rejected,
    conflicts: across.conflicts,
    completed: across.completed,
    recomputed,
  };
}
