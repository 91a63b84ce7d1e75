import type { ClientBase } from 'pg';
import { copyRows } from '../copy/copy_writer.ts';
import { RowEncoder } from '../copy/row_encoder.ts';
import type { Db } from '../database/connect.ts';
import { stampOf } from '../database/stamps.ts';

/** Table `indicator_state`: what the indicators of a series go on from, behind its last bar and at the ends of months. */

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
    this.#rows = new RowEncoder(4, MOST_BYTES, ROW_BYTES * expected);
  }

  /** The state's bytes may be used again at once. */
  add({ seriesId, tsUs, state }: StoredState): void {
    this.#rows.row();
    this.#rows.int4(seriesId);
    this.#rows.timestamptz(tsUs);
    this.#rows.int8(this.#taskId);
    this.#rows.bytea(state);
  }

  async write(client: ClientBase): Promise<void> {
    await copyRows(
      client,
      'backhaul.indicator_state',
      ['series_id', 'ts', 'task_id', 'state'],
      this.#rows.bytes(),
    );
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

/** The last state of each of the series that have one, as the engine encoded it. */
export async function lastStates(db: Db, seriesIds: readonly number[]): Promise<Map<number, Buffer>> {
  const { rows } = await db.query<{ series_id: number; state: Buffer }>(
    `SELECT w.series_id, i.state FROM unnest($1::int[]) AS w (series_id) CROSS JOIN LATERAL (
       SELECT state FROM backhaul.indicator_state s WHERE s.series_id = w.series_id ORDER BY ts DESC LIMIT 1) i`,
    [seriesIds],
  );
  return new Map(rows.map(({ series_id: id, state }) => [id, state]));
}

/**
 * Drops indicator states that nobody needs to start from: of each series its last state stays, and the last of every
 * month, from which a file that arrives late is recomputed. A year of day files of 10,000 symbols would otherwise keep
 * 1.3 GB of them. Returns the number of states dropped.
 */
export async function pruneStates(db: Db, seriesIds: readonly number[]): Promise<number> {
  if (seriesIds.length === 0) return 0;
  const { rowCount } = await db.query(
    // By their place in the table: found by their key once more they would take half as long again. States are inserted
    // and deleted, never moved, and a place is not used again while a statement that has seen it runs.
    `DELETE FROM backhaul.indicator_state WHERE ctid = ANY (ARRAY(
       SELECT ctid FROM (
         SELECT ctid, ts, lead(ts) OVER (PARTITION BY series_id ORDER BY ts) AS next
         FROM backhaul.indicator_state WHERE series_id = ANY ($1::int[])) n
       WHERE date_trunc('month', n.next AT TIME ZONE 'UTC') = date_trunc('month', n.ts AT TIME ZONE 'UTC')))`,
    [seriesIds],
  );
  return rowCount ?? 0;
}
