/** Table `rollup_state`: what longer bars are continued from. µs since 1970. */

import type { ClientBase } from 'pg';
import { copyRows } from '../../copy/copy_writer.ts';
import { RowEncoder } from '../../copy/row_encoder.ts';
import { arrayText } from '../../database/array_text.ts';
import type { Db } from '../../database/connect.ts';
import { stampOf, usOf } from '../../database/stamps.ts';
import { readDerivations } from './derivations.ts';

/** What a series goes on from. */
export interface RollupState {
  readonly seriesId: number;
  readonly fromSeriesId: number;
  /** The last of the shorter bars. */
  readonly atUs: number;
  /** Without a hole, the shorter bars are known between these. */
  readonly knownFromUs: number;
  readonly knownToUs: number;
  /** The beginning of the bucket that is open, and its bar so far; NaN: none is. */
  readonly ts: number;
  readonly open: number;
  readonly high: number;
  readonly low: number;
  readonly close: number;
  readonly volume: number;
  readonly trades: number;
}

const VALUES = ['open', 'high', 'low', 'close', 'volume'] as const;

/** Bytes of a row as a rule. */
const ROW_BYTES = 150;

/** Writes states by COPY, about `expected` of them; each holds until the next is asked for. */
async function writeRollupStates(
  client: ClientBase,
  states: Iterable<RollupState>,
  expected: number,
): Promise<void> {
  const orNull = (value: number): number | null => (Number.isNaN(value) ? null : value);
  const rows = RowEncoder.lent(12, 1 << 28, ROW_BYTES * expected);
  for (const state of states) {
    rows.row();
    rows.int4(state.seriesId);
    rows.timestamptz(state.atUs);
    rows.int4(state.fromSeriesId);
    rows.timestamptz(state.knownFromUs);
    rows.timestamptz(state.knownToUs);
    rows.timestamptz(orNull(state.ts));
    for (const name of VALUES) rows.float8(orNull(state[name]));
    rows.int8(orNull(state.trades));
  }
  const columns = ['series_id', 'at', 'from_series_id', 'known_from', 'known_to', 'ts', ...VALUES, 'trades'];
  await copyRows(client, 'backhaul.rollup_state', columns, rows.bytes());
  rows.giveBack();
}

/** The states of series, by id: of those that have one, as made of `fromSeriesIds`. */
async function readRollupStates(db: Db, seriesIds: readonly number[]): Promise<Map<number, RollupState>> {
  const { rows } = await db.query<Record<keyof RollupState, number | null>>(
    `SELECT w.id AS "seriesId", l.from_series_id AS "fromSeriesId", ${usOf('l.at')} AS "atUs",
       ${usOf('l.known_from')} AS "knownFromUs", ${usOf('l.known_to')} AS "knownToUs", ${usOf('l.ts')} AS ts,
       l.open, l.high, l.low, l.close, l.volume, l.trades
     FROM unnest($1::int[]) AS w (id) CROSS JOIN LATERAL (
       SELECT * FROM backhaul.rollup_state r WHERE r.series_id = w.id ORDER BY r.at DESC LIMIT 1) l`,
    [seriesIds],
  );
  const states = rows.map(
    (row) =>
      Object.fromEntries(
        Object.entries(row).map(([name, value]) => [name, value ?? Number.NaN]),
      ) as unknown as RollupState,
  );
  return new Map(states.map((state) => [state.seriesId, state]));
}

/**
 * Makes these, about `expected` of them, the states of their series, and of `gone` none. Each holds until the next is
 * asked for.
 */
export async function replaceRollupStates(
  client: ClientBase,
  gone: readonly number[] | Int32Array,
  states: Iterable<RollupState>,
  expected: number,
): Promise<void> {
  await client.query('DELETE FROM backhaul.rollup_state WHERE series_id = ANY ($1)', [arrayText(gone)]);
  if (expected > 0) await writeRollupStates(client, states, expected);
}

/** Whether any of the series goes on from elsewhere than was seen: behind another of the shorter bars, or of none (NaN). */
export async function haveMovedOn(db: Db, seriesIds: Int32Array, atUs: Float64Array): Promise<boolean> {
  const { rows } = await db.query<{ moved: boolean }>(
    `SELECT EXISTS (SELECT FROM unnest($1::int[], $2::bigint[]) AS w (id, us)
       LEFT JOIN LATERAL (SELECT r.at FROM backhaul.rollup_state r WHERE r.series_id = w.id
                          ORDER BY r.at DESC LIMIT 1) l ON true
       WHERE l.at IS DISTINCT FROM ${stampOf('w.us')}) AS moved`,
    [arrayText(seriesIds), arrayText(atUs)],
  );
  return rows[0]!.moved;
}

/** What is on record of the longer bars that series make, by the series they are made of. */
export async function readStatesMadeOf(
  db: Db,
  fromSeriesIds: readonly number[],
): Promise<Map<number, (RollupState & { readonly rollupS: number })[]>> {
  const made = new Map(
    (await readDerivations(db, fromSeriesIds, 'from')).map((one) => [
      `${one.fromSeriesId} ${one.seriesId}`,
      one,
    ]),
  );
  const states = await readRollupStates(db, [...new Set([...made.values()].map(({ seriesId }) => seriesId))]);
  const found = new Map<number, (RollupState & { readonly rollupS: number })[]>();
  for (const { fromSeriesId, seriesId, rollupS } of made.values()) {
    const state = states.get(seriesId);
    if (state?.fromSeriesId !== fromSeriesId) continue;
    const some = found.get(fromSeriesId) ?? [];
    some.push({ ...state, rollupS });
    found.set(fromSeriesId, some);
  }
  return found;
}
