/** Markets that stand as two series, under two spellings or under a name from before and one from behind, made one. */

import type { ClientBase, Pool } from 'pg';
import { INDICATOR_NAMES } from '../bars/columns.ts';
import { killPoint } from '../base/kill_points.ts';
import { type Aliases, archiveSpelling, CURRENCIES, marketOf } from '../base/spellings.ts';
import { calendarOf } from '../calendar/market_calendar.ts';
import { type Db, inTransaction } from '../database/connect.ts';
import { stampOf, usOf } from '../database/stamps.ts';
import { BackhaulError } from '../faults/fault.ts';
import { SessionClock } from '../indicators/session_clock.ts';
import { mergeMemory } from '../merge/merge_memory.ts';
import { Rewriter } from '../merge/rewriter.ts';
import { Deriver } from '../rollups/derive.ts';
import { Partitions } from '../state/leaves/partitions.ts';
import { CLAIM_LOCK } from '../state/moves.ts';
import { commitAsOne, isDistributed } from '../state/schema/distributed.ts';
import { readExtraColumns } from '../state/schema/extra_columns.ts';
import { isHypertable } from '../state/schema/migrate.ts';
import { readDerivations } from '../state/series/derivations.ts';
import { basesOf } from '../state/series/rollups.ts';
import type { SeriesName } from '../state/series/series_name.ts';
import { unfinished } from '../state/tasks/lane_standing.ts';
import { moveLane, spellingOfFiles } from '../state/tasks/market_lane.ts';
import { sessionZoneOf } from './coverage.ts';

/** One market under several names; `keep` is the name its files bear. */
export interface SplitMarket {
  readonly keep: SeriesName & { readonly seriesId: number };
  readonly others: readonly (SeriesName & { readonly seriesId: number })[];
  /**
   * Its bars under other names lie in [fromUs, untilUs), µs since 1970: what they have besides is another company's. Null
   * for open ends; all are its where both are.
   */
  readonly fromUs: number | null;
  readonly untilUs: number | null;
  /** The renames that make it one, which are on record as carried out then. */
  readonly eventIds?: readonly number[];
}

/** What became of the bars that stood under other names. */
export interface Mended {
  readonly moved: number;
  readonly equal: number;
  /** Bars that stood under both names with other values: that of the name kept stands. */
  readonly conflicts: number;
}

interface SeriesRow extends SeriesName {
  readonly seriesId: number;
}

/** The markets that stand under more than one of their spellings: everybody's, and those of their files' layouts. */
export async function splitMarkets(db: Db): Promise<SplitMarket[]> {
  const words = CURRENCIES.flat();
  const own = await ownAliases(db);
  const { rows } = await db.query<SeriesRow>(
    `SELECT series_id AS "seriesId", venue, symbol, interval_s AS "intervalS" FROM backhaul.series
     WHERE symbol ~ $1 OR venue = ANY ($2) ORDER BY venue, symbol, interval_s`,
    [`^(${words.join('|')})|(${words.join('|')})$`, [...own.keys()]],
  );
  const aliasesOf = (venue: string): Aliases => [
    // Elsewhere a symbol that begins with these letters is another company.
    ...(calendarOf(venue).sessions === null ? CURRENCIES : []),
    ...(own.get(venue) ?? []),
  ];
  const groups = Map.groupBy(
    rows,
    ({ venue, symbol, intervalS }) => `${venue}\n${intervalS}\n${marketOf(symbol, aliasesOf(venue))}`,
  );
  const split = [...groups.values()].filter((group) => group.length > 1);
  return Promise.all(
    split.map(async (group) => {
      const keep = await nameOfFiles(db, group, aliasesOf(group[0]!.venue));
      return { keep, others: group.filter((one) => one !== keep), fromUs: null, untilUs: null };
    }),
  );
}

/** By venue, the pairs that its layouts have told of; an older database holds none. */
async function ownAliases(db: Db): Promise<ReadonlyMap<string, Aliases>> {
  const { rowCount } = await db.query(
    `SELECT FROM pg_attribute WHERE attrelid = to_regclass('backhaul.series_rule') AND attname = 'aliases'`,
  );
  if (rowCount === 0) return new Map();
  const { rows } = await db.query<{ venue: string; pairs: Aliases }>(
    `SELECT s.venue, jsonb_agg(DISTINCT p.pair) AS pairs
     FROM backhaul.series_rule r JOIN backhaul.series s USING (series_id)
     CROSS JOIN LATERAL jsonb_array_elements(r.aliases) AS p (pair)
     GROUP BY s.venue`,
  );
  return new Map(rows.map(({ venue, pairs }) => [venue, pairs]));
}

/** The series of the spelling that most of the market's files bear; Kraken's own where none does. */
async function nameOfFiles(db: Db, group: readonly SeriesRow[], aliases: Aliases): Promise<SeriesRow> {
  const spelling = await spellingOfFiles(db, group);
  const named = group.find((one) => one.symbol === spelling);
  const archive = archiveSpelling(group[0]!.symbol, aliases);
  return named ?? group.find((one) => one.symbol === archive) ?? group[0]!;
}

/**
 * Makes one series of a split market, in one transaction: its bars, what files vouch for, its tasks, and the indicators
 * of all that follows. What stands under the name kept is kept; a bar that differs is noted in `conflict`. Fault
 * `database` while a load is at work.
 */
export async function mendMarket(db: Pool, market: SplitMarket): Promise<Mended> {
  // Bars are found by their key, and written through it.
  await new Partitions(db, await isHypertable(db)).promoteAll(1, () => {}, true);
  return inTransaction(db, async (client) => {
    await refuseWhileLoading(client);
    await noteJoined(client, market);
    await noteLongerBars(client, market);
    const sum = { moved: 0, equal: 0, conflicts: 0 };
    let fromUs = Number.POSITIVE_INFINITY;
    const seams: number[] = [];
    for (const other of market.others) {
      seams.push(...(await seamsOf(client, other, market)));
      const done = await takeOver(client, market.keep, other, market);
      sum.moved += done.moved;
      sum.equal += done.equal;
      sum.conflicts += done.conflicts;
      fromUs = Math.min(fromUs, done.fromUs ?? fromUs);
    }
    if (Number.isFinite(fromUs)) await computeAgain(client, market.keep, fromUs);
    if (seams.length > 0) await makeAcross(db, client, market.keep, seams);
    killPoint('market.joined');
    return sum;
  });
}

/**
 * The renames are carried out; and whoever remembers series of the venue by name, or their states, is to ask again: some
 * are gone when this commits.
 */
async function noteJoined(client: ClientBase, { keep, eventIds = [] }: SplitMarket): Promise<void> {
  await client.query(
    'UPDATE backhaul.event SET joined_at = clock_timestamp() WHERE event_id = ANY ($1) AND joined_at IS NULL',
    [eventIds],
  );
  await client.query(
    `INSERT INTO backhaul.event_change (source, venue, added, changed, removed) VALUES ('joined names', $1, 0, 0, 0)`,
    [keep.venue],
  );
}

/**
 * Longer bars that were asked for of the name kept, and not of the others, are still to be made of what moves: by whoever
 * makes what is behind, which leaves alone what is made already.
 */
async function noteLongerBars(client: ClientBase, { keep, others }: SplitMarket): Promise<void> {
  await client.query(
    `UPDATE backhaul.rollup r SET behind = true
     WHERE r.venue = $1 AND r.symbol = $2 AND r.interval_s = $3
       AND EXISTS (SELECT FROM unnest($4::text[]) AS o (symbol)
         WHERE NOT EXISTS (SELECT FROM backhaul.rollup x WHERE x.venue = r.venue AND x.rollup_s = r.rollup_s
           AND x.symbol IN (o.symbol COLLATE "C", '*') AND x.interval_s = r.interval_s))`,
    [keep.venue, keep.symbol, keep.intervalS, others.map(({ symbol }) => symbol)],
  );
}

async function refuseWhileLoading(client: ClientBase): Promise<void> {
  await client.query(`SELECT ${CLAIM_LOCK}`);
  if ((await unfinished(client)).running !== 0)
    throw new BackhaulError({
      kind: 'database',
      message: 'A load is at work in this database.',
      hint: 'Wait for it to end; npx backhaul status shows it.',
    });
}

const PRICES = ['open', 'high', 'low', 'close', 'volume', 'trades'] as const;
const differ = PRICES.map((name) => `o.${name} IS DISTINCT FROM k.${name}`).join(' OR ');
const asJson = (alias: string): string =>
  `jsonb_build_object(${PRICES.map((name) => `'${name}', ${alias}.${name}`).join(', ')})`;

/**
 * `fromUs`: the first bar that moved, µs since 1970; null: none has. Bars of both names go by tables of the session: on a
 * cluster they lie on different nodes.
 */
async function takeOver(
  client: ClientBase,
  keep: SeriesRow,
  other: SeriesRow,
  { fromUs, untilUs }: Pick<SplitMarket, 'fromUs' | 'untilUs'>,
): Promise<Mended & { readonly fromUs: number | null }> {
  const isAll = fromUs === null && untilUs === null;
  const ids = [keep.seriesId, other.seriesId];
  if (await isDistributed(client)) await commitAsOne(client);
  const kept = [
    ...PRICES,
    ...(await readExtraColumns(client)).map(({ name }) => client.escapeIdentifier(name)),
  ];
  const names = kept.join(', ');
  const values = kept.map((name) => `o.${name}`).join(', ');
  await client.query('DROP TABLE IF EXISTS pg_temp.moving, pg_temp.standing');
  for (const table of ['moving', 'standing'])
    await client.query(`CREATE TEMP TABLE ${table} (LIKE backhaul.bars) ON COMMIT DROP`);
  await client.query(
    `INSERT INTO pg_temp.moving (series_id, ts, ${names}) SELECT series_id, ts, ${names} FROM backhaul.bars
     WHERE series_id = $1 AND ${within('ts', '$2', '$3')}`,
    [other.seriesId, fromUs, untilUs],
  );
  const { rows: ends } = await client.query<{ from: number | null; to: number | null }>(
    `SELECT ${usOf('min(ts)')} AS from, ${usOf('max(ts)')} AS to FROM pg_temp.moving`,
  );
  await client.query(
    `INSERT INTO pg_temp.standing (series_id, ts, ${names}) SELECT series_id, ts, ${names} FROM backhaul.bars
     WHERE series_id = $1 AND ts >= ${stampOf('$2')} AND ts <= ${stampOf('$3')}`,
    [keep.seriesId, ends[0]!.from, ends[0]!.to],
  );
  await client.query('ANALYZE pg_temp.moving, pg_temp.standing');
  const { rows } = await client.query<Mended & { readonly fromUs: number | null }>(
    `SELECT count(*) FILTER (WHERE NOT stands)::int AS moved, ${usOf('min(ts) FILTER (WHERE NOT stands)')} AS "fromUs",
       count(*) FILTER (WHERE stands AND NOT differs)::int AS equal, count(*) FILTER (WHERE differs)::int AS conflicts
     FROM (SELECT o.ts, k.series_id IS NOT NULL AS stands, k.series_id IS NOT NULL AND (${differ}) AS differs
           FROM pg_temp.moving o LEFT JOIN pg_temp.standing k ON k.ts = o.ts) met`,
  );
  await client.query(
    `INSERT INTO backhaul.conflict (task_id, series_id, ts, standing, incoming)
     SELECT c.task_id, $1, o.ts, ${asJson('k')}, ${asJson('o')}
     FROM pg_temp.moving o JOIN pg_temp.standing k ON k.ts = o.ts CROSS JOIN LATERAL (
       SELECT c.task_id FROM backhaul.coverage c JOIN backhaul.task t USING (task_id)
       WHERE c.series_id = $2 AND c.covered @> o.ts LIMIT 1) c
     WHERE ${differ}`,
    ids,
  );
  await client.query(
    `INSERT INTO backhaul.bars (series_id, ts, ${names}) SELECT $1::int, o.ts, ${values} FROM pg_temp.moving o
     WHERE NOT EXISTS (SELECT FROM pg_temp.standing k WHERE k.ts = o.ts)`,
    [keep.seriesId],
  );
  for (const table of ['bars', 'indicator_state'])
    await client.query(`DELETE FROM backhaul.${table} WHERE series_id = $1 AND ${within('ts', '$2', '$3')}`, [
      other.seriesId,
      fromUs,
      untilUs,
    ]);
  // What was missing of the name kept is filled or still missing: for the next look to say, as of what is left of the other.
  await client.query(`DELETE FROM backhaul.gap WHERE series_id = $1 AND state <> 'filled'`, [other.seriesId]);
  await moveRanges(client, keep.seriesId, other.seriesId, fromUs, untilUs);
  const { rowCount } = await client.query('SELECT FROM backhaul.bars WHERE series_id = $1 LIMIT 1', [
    other.seriesId,
  ]);
  if (rowCount !== 0) await computeAgain(client, other, untilUs!);
  else {
    // Files of a name that was right in its time stay known by it.
    if (isAll) await moveLane(client, other, keep);
    await closeDown(client, keep, other);
  }
  return rows[0]!;
}

/** SQL: whether an instant lies in a range of parameters, µs since 1970, NULL for an open end. */
function within(ts: string, from: string, until: string): string {
  return `(${from}::bigint IS NULL OR ${ts} >= ${stampOf(from)}) AND (${until}::bigint IS NULL OR ${ts} < ${stampOf(until)})`;
}

/** What files vouch for, what was made of shorter bars, and what was told otherwise: as far as the bars have moved. */
async function moveRanges(
  client: ClientBase,
  keepId: number,
  otherId: number,
  fromUs: number | null,
  untilUs: number | null,
): Promise<void> {
  const from = stampOf('$3');
  const until = stampOf('$4');
  const moved = `tstzrange(${from}, ${until})`;
  for (const [table, column] of [
    ['coverage', 'task_id'],
    ['derivation', 'from_series_id'],
  ]) {
    await client.query(
      `WITH gone AS (
         DELETE FROM backhaul.${table} WHERE series_id = $2 AND covered && ${moved} RETURNING covered, ${column}),
       part AS (
         SELECT $1::int AS series_id, covered * ${moved} AS covered, ${column} FROM gone
         UNION ALL SELECT $2, covered * tstzrange(NULL, ${from}), ${column} FROM gone WHERE $3::bigint IS NOT NULL
         UNION ALL SELECT $2, covered * tstzrange(${until}, NULL), ${column} FROM gone WHERE $4::bigint IS NOT NULL)
       INSERT INTO backhaul.${table} (series_id, covered, ${column})
       SELECT series_id, covered, ${column} FROM part WHERE NOT isempty(covered)`,
      [keepId, otherId, fromUs, untilUs],
    );
  }
  await client.query(
    `UPDATE backhaul.derivation SET from_series_id = $1 WHERE from_series_id = $2 AND covered <@ ${moved}`,
    [keepId, otherId, fromUs, untilUs],
  );
  await client.query(
    `UPDATE backhaul.conflict SET series_id = $1 WHERE series_id = $2 AND ${within('ts', '$3', '$4')}`,
    [keepId, otherId, fromUs, untilUs],
  );
}

/** Nothing is left under the other name. */
async function closeDown(client: ClientBase, keep: SeriesRow, other: SeriesRow): Promise<void> {
  const ids = [keep.seriesId, other.seriesId];
  await client.query('UPDATE backhaul.conflict SET series_id = $1 WHERE series_id = $2', ids);
  await client.query('UPDATE backhaul.gap SET series_id = $1 WHERE series_id = $2', ids);
  await client.query('UPDATE backhaul.derivation SET from_series_id = $1 WHERE from_series_id = $2', ids);
  await client.query('DELETE FROM backhaul.rollup_state WHERE series_id = $1', [other.seriesId]);
  // What a layout has said of the market stays said, its spellings above all.
  await client.query(
    `UPDATE backhaul.series_rule SET series_id = $1 WHERE series_id = $2
       AND NOT EXISTS (SELECT FROM backhaul.series_rule k WHERE k.series_id = $1)`,
    ids,
  );
  await client.query('DELETE FROM backhaul.series_rule WHERE series_id = $1', [other.seriesId]);
  await client.query('DELETE FROM backhaul.series WHERE series_id = $1', [other.seriesId]);
}

/** Indicators of the market from the first bar that moved on: those that any of its bars has. */
async function computeAgain(client: ClientBase, keep: SeriesRow, fromUs: number): Promise<void> {
  const { rows } = await client.query<{
    bars: number;
    has: boolean[];
    taskId: number | null;
  }>(
    `SELECT (SELECT task_id FROM backhaul.coverage WHERE series_id = $1 ORDER BY upper(covered) DESC LIMIT 1)::int AS "taskId",
       (SELECT count(*)::int FROM backhaul.bars WHERE series_id = $1) AS bars,
       (SELECT array[${INDICATOR_NAMES.map((name) => `count(${name}) > 0`).join(', ')}] FROM backhaul.bars
        WHERE series_id = $1) AS has`,
    [keep.seriesId],
  );
  const { bars, has, taskId } = rows[0]!;
  const zone = await sessionZoneOf(client, keep.seriesId);
  // Every series with all indicators has returns; of a short one the longest averages are not there yet.
  const all = has[INDICATOR_NAMES.indexOf('log_return')]! || bars < 2;
  const rewriter = new Rewriter(client, mergeMemory(), {
    session: SessionClock.zone(zone),
    hypertable: await isHypertable(client),
    asked: all ? has.map(() => true) : has,
    taskId,
    toTheEnd: true,
  });
  const { seriesId, intervalS } = keep;
  const none = new Int32Array(0);
  const changed = { seriesId, intervalUs: intervalS * 1e6, fromUs, goneUntilUs: -Infinity, rows: none };
  await rewriter.rewrite(null, [changed], 'none');
}

/**
 * Where bars that are to move may meet others of the market, µs since 1970: the day itself, and the ends of what files of
 * the other name have told.
 */
async function seamsOf(
  client: ClientBase,
  other: SeriesRow,
  { fromUs, untilUs }: Pick<SplitMarket, 'fromUs' | 'untilUs'>,
): Promise<number[]> {
  const { rows } = await client.query<{ seam: number }>(
    `SELECT DISTINCT ${usOf('e.seam')} AS seam FROM backhaul.coverage c
     CROSS JOIN LATERAL (VALUES (lower(c.covered)), (upper(c.covered))) e (seam)
     WHERE c.series_id = $1 AND isfinite(e.seam) AND ${within('e.seam', '$2', '$3')}`,
    [other.seriesId, fromUs, untilUs],
  );
  const ends = rows.map(({ seam }) => seam);
  return untilUs === null ? ends : [...ends, untilUs];
}

/** Longer bars in which both names' bars are, made of those by which the series is made elsewhere. */
async function makeAcross(
  db: Pool,
  client: ClientBase,
  keep: SeriesRow,
  seams: readonly number[],
): Promise<void> {
  const zone = await sessionZoneOf(client, keep.seriesId);
  const hypertable = await isHypertable(client);
  const made = await readDerivations(client, [keep.seriesId], 'from');
  const targets = new Map(made.map(({ seriesId, rollupS }) => [seriesId, rollupS]));
  const bases = new Map((await basesOf(client, [...targets.keys()])).map((one) => [one.seriesId, one.bases]));
  const deriver = new Deriver(client, mergeMemory(), {
    session: SessionClock.zone(zone),
    sessionZone: zone,
    hypertable,
    asked: INDICATOR_NAMES.map(() => true),
    taskId: null,
    leavesFor: (stamps) => new Partitions(db, hypertable).ensure(stamps, { standing: true }),
  });
  const touched = [...new Set(seams)]
    .sort((a, b) => a - b)
    .map((seamUs) => ({ fromUs: seamUs - 1, toUs: seamUs + 1 }));
  await deriver.derive({
    base: keep,
    targets: [...targets].map(([seriesId, intervalS]) => ({
      target: { seriesId, intervalS },
      others: (bases.get(seriesId) ?? []).filter((one) => one.seriesId !== keep.seriesId),
      touched,
    })),
    known: [],
    claims: true,
  });
}
