/** Table `indicator_state`: what the indicators of a series go on from, behind its last bar and behind others on the way. */

import type { ClientBase } from 'pg';
import { type BarRange, rangeRows } from '../../copy/copy_reader.ts';
import { copyRows } from '../../copy/copy_writer.ts';
import { RowEncoder } from '../../copy/row_encoder.ts';
import { arrayText } from '../../database/array_text.ts';
import type { Db } from '../../database/connect.ts';
import { stampOf, usOf } from '../../database/stamps.ts';
import { isOnNode, sayToCoordinator } from '../schema/node_statements.ts';
import type { RecordedSplits } from './venue_splits.ts';

/** The state behind a bar, as the engine encodes it. µs since 1970. */
export interface StoredState {
  readonly seriesId: number;
  readonly tsUs: number;
  readonly state: Uint8Array;
}

/** What the rows of a task may take in a COPY, and what one takes as a rule. */
const MOST_BYTES = 1 << 28;
const ROW_BYTES = 600;

/** Rows of a task on their way into the table by COPY. */
export class StateRows {
  readonly #taskId: number;
  readonly #rows: RowEncoder;

  /** `expected`: how many they are likely to be. */
  constructor(taskId: number, expected: number) {
    this.#taskId = taskId;
    this.#rows = RowEncoder.lent(4, MOST_BYTES, ROW_BYTES * expected);
  }

  /** The state's bytes may be used again at once. */
  add({ seriesId, tsUs, state }: StoredState): void {
    this.#rows.row();
    this.#rows.int4(seriesId);
    this.#rows.timestamptz(tsUs);
    this.#rows.int8(this.#taskId);
    this.#rows.bytea(state);
  }

  /** Once: what was added is gone then. */
  async write(client: ClientBase): Promise<void> {
    await copyRows(
      client,
      'backhaul.indicator_state',
      ['series_id', 'ts', 'task_id', 'state'],
      this.#rows.bytes(),
    );
    this.#rows.giveBack();
  }
}

/**
 * A statement that writes the states of the one task in CTE `moved`, to be a CTE itself. Parameters: arrays of series, of
 * stamps and of states; a state that is null is none.
 */
export function insertStates(seriesIds: string, tsUs: string, states: string): string {
  return `INSERT INTO backhaul.indicator_state (series_id, ts, task_id, state)
  SELECT u.series_id, ${stampOf('u.last_us')}, moved.task_id, u.state
  FROM unnest(${seriesIds}::int[], ${tsUs}::bigint[], ${states}::bytea[]) AS u (series_id, last_us, state), moved
  WHERE u.state IS NOT NULL`;
}

/** Writes the states of a task: a COPY, or, from a node, a statement. */
export async function writeStates(
  client: ClientBase,
  taskId: number,
  states: readonly StoredState[],
): Promise<void> {
  if (isOnNode(client))
    return sayToCoordinator(client, TELL_STATES, [
      taskId,
      states.map(({ seriesId }) => seriesId),
      states.map(({ tsUs }) => tsUs),
      states.map(({ state }) => state),
    ]);
  const rows = new StateRows(taskId, states.length);
  for (const state of states) rows.add(state);
  await rows.write(client);
}

const TELL_STATES = `WITH moved AS (SELECT $1::bigint AS task_id) ${insertStates('$2', '$3', '$4')}`;

/** The last state of each of the series that have one, as the engine encoded it. */
export async function lastStates(db: Db, seriesIds: readonly number[]): Promise<Map<number, Buffer>> {
  const { rows } = await db.query<{ series_id: number; state: Buffer }>(
    `SELECT w.series_id, i.state FROM unnest($1::int[]) AS w (series_id) CROSS JOIN LATERAL (
       SELECT state FROM backhaul.indicator_state s WHERE s.series_id = w.series_id ORDER BY ts DESC LIMIT 1) i`,
    [seriesIds],
  );
  return new Map(rows.map(({ series_id: id, state }) => [id, state]));
}

/** What is known of a series before it is computed from somewhere on. */
export interface StartOfSeries {
  /** Behind which bar the nearest state before that lies, and the state as the engine encoded it; -Infinity and null: there is none. */
  readonly atUs: number;
  readonly state: Uint8Array | null;
  /** Behind which bar its last state lies: its last bar. */
  readonly lastUs: number;
  /** Indicators that some of its rows may lack, a bit each. */
  readonly withheld: number;
  /** The task its last state came with. */
  readonly taskId: number;
  readonly splits: RecordedSplits;
}

/**
 * SQL: the days and the ratios of the splits of series `s`, in the order of time, as `p`; NULL where there are none. Only
 * for a series that has had other names is asked what was told of those: that costs more than all the rest.
 */
const SPLITS_OF_SERIES = `LATERAL (
  SELECT array_agg(e.day - date '1970-01-01' ORDER BY e.day) AS days, array_agg(e.ratio ORDER BY e.day) AS ratios
  FROM (SELECT o.day, o.ratio FROM backhaul.event o
        WHERE o.venue = s.venue AND o.symbol = s.symbol AND o.kind = 'split'
        UNION
        SELECT o.day, o.ratio FROM backhaul.event r CROSS JOIN LATERAL backhaul.events_of(s.series_id) o
        WHERE r.venue = s.venue AND r.new_symbol = s.symbol AND r.kind = 'rename' AND r.joined_at IS NOT NULL
          AND o.kind = 'split') e) p`;

/** Of each series, by id, the nearest state before an instant. */
export async function readStarts(
  db: Db,
  wanted: readonly { readonly seriesId: number; readonly beforeUs: number }[],
): Promise<Map<number, StartOfSeries>> {
  const ranges = wanted.map(({ seriesId, beforeUs }) => ({ seriesId, afterUs: -Infinity, toUs: beforeUs }));
  const { rows } = await db.query<{
    id: number;
    at: number | null;
    state: Buffer | null;
    last: number | null;
    withheld: number;
    task: number | null;
    days: number[] | null;
    ratios: number[] | null;
  }>(
    `SELECT r.series_id AS id, ${usOf('a.ts')} AS at, a.state, ${usOf('l.ts')} AS last, s.withheld, l.task_id AS task,
       p.days, p.ratios
     FROM ${rangeRows(ranges)} JOIN backhaul.series s ON s.series_id = r.series_id CROSS JOIN ${SPLITS_OF_SERIES}
     LEFT JOIN LATERAL (SELECT ts, state FROM backhaul.indicator_state i
                        WHERE i.series_id = r.series_id AND i.ts < r.to_ts ORDER BY i.ts DESC LIMIT 1) a ON true
     LEFT JOIN LATERAL (SELECT ts, task_id FROM backhaul.indicator_state i
                        WHERE i.series_id = r.series_id ORDER BY i.ts DESC LIMIT 1) l ON true`,
  );
  return new Map(
    rows.map(({ id, at, state, last, withheld, task, days, ratios }) => [
      id,
      {
        atUs: at ?? Number.NEGATIVE_INFINITY,
        state,
        lastUs: last ?? Number.NEGATIVE_INFINITY,
        withheld,
        taskId: task ?? 0,
        splits: { days: days ?? [], ratios: ratios ?? [] },
      },
    ]),
  );
}

/** The states stored in ranges: by series, then by the stamp of their bar. */
export async function readStates(
  db: Db,
  ranges: readonly BarRange[],
): Promise<Map<number, Map<number, Uint8Array>>> {
  const found = new Map<number, Map<number, Uint8Array>>();
  if (ranges.length === 0) return found;
  const { rows } = await db.query<{ id: number; at: number; state: Buffer }>(
    `SELECT i.series_id AS id, ${usOf('i.ts')} AS at, i.state FROM ${rangeRows(ranges)}
     JOIN backhaul.indicator_state i ON i.series_id = r.series_id AND i.ts > r.after_ts AND i.ts <= r.to_ts`,
  );
  for (const { id, at, state } of rows) {
    let states = found.get(id);
    if (states === undefined) {
      states = new Map();
      found.set(id, states);
    }
    states.set(at, state);
  }
  return found;
}

/** Makes `written` the states of the ranges: what was stored in them goes. */
export async function replaceStates(
  client: ClientBase,
  ranges: readonly BarRange[],
  written: readonly (StoredState & { readonly taskId: number })[],
): Promise<void> {
  if (ranges.length > 0)
    await client.query(
      `DELETE FROM backhaul.indicator_state i USING ${rangeRows(ranges)}
       WHERE i.series_id = r.series_id AND i.ts > r.after_ts AND i.ts <= r.to_ts`,
    );
  for (const [taskId, states] of Map.groupBy(written, (one) => one.taskId))
    await writeStates(client, taskId, states);
}

/**
 * Drops indicator states that nobody needs to start from, of these series and of those that are made of them. Of each
 * stay its last state, those of its checkpoints (see `src/indicators/checkpoints.ts`; `intervals` is how far apart they
 * are), and the last of every month, or of as long as checkpoints are apart, for a series with so few bars that
 * checkpoints are rare. Without this a year of day files of 10,000 symbols would keep 1.3 GB of them. Returns the number
 * of states dropped.
 */
export async function pruneStates(db: Db, seriesIds: readonly number[], intervals: number): Promise<number> {
  if (seriesIds.length === 0) return 0;
  // In two steps: on a cluster series is on every node and states are on one, and no DELETE takes both. As texts of
  // arrays, which go back as they came: longer series are thousands where files hold many symbols.
  const { rows } = await db.query<{ ids: string; lengths: string }>(
    `SELECT array_agg(s.series_id)::text AS ids, array_agg(s.interval_s)::text AS lengths FROM backhaul.series s
     WHERE s.series_id = ANY ($1)
       OR s.series_id IN (SELECT d.series_id FROM backhaul.derivation d WHERE d.from_series_id = ANY ($1))`,
    [arrayText(seriesIds)],
  );
  const { ids, lengths } = rows[0]!;
  const { rowCount } = await db.query(
    // By their place in the table: found by their key once more they would take half as long again. States are inserted
    // and deleted, never moved, and a place is not used again while a statement that has seen it runs.
    `DELETE FROM backhaul.indicator_state WHERE ctid = ANY (ARRAY(
       SELECT place FROM (
         SELECT ctid AS place, at, interval_s, period, lead(period) OVER (PARTITION BY series_id ORDER BY at) AS next
         FROM (SELECT i.ctid, i.series_id, s.interval_s, extract(epoch FROM i.ts)::numeric AS at,
                      floor(extract(epoch FROM i.ts)::numeric / greatest($2 * s.interval_s, 2592000)) AS period
               FROM unnest($1::int[], $3::int[]) AS s (series_id, interval_s)
               JOIN backhaul.indicator_state i USING (series_id)) p) n
       WHERE n.next = n.period AND floor(n.at / n.interval_s) % $2 <> 0))`,
    [ids, intervals, lengths],
  );
  return rowCount ?? 0;
}
