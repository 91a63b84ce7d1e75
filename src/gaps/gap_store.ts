/** All SQL of the table `gap`. Times are µs since 1970. */

import type { ClientBase, Pool } from 'pg';
import type { Range } from '../base/ranges.ts';
import { type Db, inTransaction } from '../database/connect.ts';
import { stampOf, usOf } from '../database/stamps.ts';
import type { Fault } from '../faults/fault.ts';
import { storableJson } from '../faults/safe_text.ts';
import type { SeriesFilter } from '../series/series.ts';
import { findSeries } from '../series/series.ts';
import { API_REACH, type Hole, reachOf } from './find_holes.ts';
import { fileSpan, publishedFiles, publishedName } from './published_files.ts';
import { type OpenGap, reconcile } from './reconcile.ts';
import type { SeriesScan } from './scan.ts';

export const GAP_STATES = ['detected', 'unfillable', 'filling', 'failed', 'filled'] as const;
export type GapState = (typeof GAP_STATES)[number];

/** A gap on record. */
export interface Gap extends Range {
  readonly gapId: number;
  readonly seriesId: number;
  readonly venue: string;
  readonly symbol: string;
  readonly intervalS: number;
  readonly candles: number;
  readonly state: GapState;
  readonly candlesFromNow: number;
  readonly overflow: number | null;
  /** The first published file that holds it, and how many do; null where the venue's names are not known. */
  readonly file: string | null;
  readonly files: number;
  readonly error: Fault | null;
  readonly detectedUs: number;
  readonly changedUs: number;
}

/** SQL of the state of an open gap at rest: where no API reaches its start, or none serves its series, a file must. */
function stateOf(overflow: string): string {
  return `CASE WHEN coalesce(${overflow} > 0, true) THEN 'unfillable' ELSE 'detected' END`;
}

/** Scans of the same series go one after another. */
const SCAN_LOCK = `pg_advisory_xact_lock(hashtextextended('backhaul.gap.scan', 0))`;
/** Held by a session as long as it fills gaps. */
const FILL_LOCK = `hashtextextended('backhaul.gap.fill', 0)`;

/** How long to wait for that right: a scan that looks whether anybody has it holds it for a moment. */
const FILL_LOCK_WAIT_MS = 2_000;

/** Takes the right to fill gaps, for as long as the session lives. False: another program has it. */
export async function lockFilling(client: ClientBase): Promise<boolean> {
  try {
    await inTransaction(client, async () => {
      await client.query(`SET LOCAL lock_timeout = ${FILL_LOCK_WAIT_MS}`);
      await client.query(`SELECT pg_advisory_lock(${FILL_LOCK})`);
    });
    return true;
  } catch (error) {
    if ((error as { code?: string }).code === '55P03') return false;
    throw error;
  }
}

/** Gaps a program that is gone was filling are open again. */
async function releaseForsaken(client: ClientBase): Promise<void> {
  const { rows } = await client.query<{ got: boolean }>(
    `SELECT pg_try_advisory_xact_lock(${FILL_LOCK}) AS got`,
  );
  if (!rows[0]!.got) return;
  await client.query(
    `UPDATE backhaul.gap SET state = ${stateOf('overflow')},
       changed_at = clock_timestamp() WHERE state = 'filling'`,
  );
}

interface OpenRow extends OpenGap {
  readonly seriesId: number;
}

async function readOpen(client: ClientBase, ids: readonly number[]): Promise<Map<number, OpenRow[]>> {
  const { rows } = await client.query<OpenRow>(
    `SELECT gap_id AS "gapId", series_id AS "seriesId", ${usOf('start_ts')} AS "fromUs", ${usOf('end_ts')} AS "toUs"
     FROM backhaul.gap WHERE series_id = ANY ($1) AND state <> 'filled' ORDER BY series_id, start_ts`,
    [ids],
  );
  return Map.groupBy(rows, (row) => row.seriesId);
}

/** What the table stores of a hole. */
interface Record {
  readonly gap_id: number | null;
  readonly series_id: number;
  readonly from_us: number;
  readonly to_us: number;
  readonly candles: number;
  readonly candles_from_now: number;
  readonly overflow: number | null;
  readonly file: string | null;
  readonly files: number;
}

function recordOf(
  { series, lastFile, former }: SeriesScan,
  hole: Hole,
  gapId: number | null,
  nowUs: number,
): Record {
  const { candlesFromNow, overflow } = reachOf(series.venue, series.intervalS, hole.fromUs, nowUs);
  const { first, count } = fileSpan(publishedFiles(series, hole, nowUs, former));
  return {
    gap_id: gapId,
    series_id: series.seriesId,
    from_us: hole.fromUs,
    to_us: hole.toUs,
    candles: hole.candles,
    candles_from_now: candlesFromNow,
    overflow,
    // Where publishers' names are not known, a newer download of the same file is what can help.
    file: first === null ? lastFile : publishedName(first),
    files: first === null ? (lastFile === null ? 0 : 1) : count,
  };
}

const RECORDS = `jsonb_to_recordset($1::jsonb) AS r (gap_id bigint, series_id int, from_us bigint, to_us bigint,
  candles bigint, candles_from_now bigint, overflow bigint, file text, files int)`;
const STATE = stateOf('r.overflow');
/** Records of a statement, and about as many are held: 10 MB of them. */
const MOST_RECORDS = 50_000;
/** Series whose gaps on record are read at a time. */
const MOST_SERIES = 500;
/** Gaps read at a time where they are told one by one. */
const MOST_READ = 5_000;

/** Series that have an open gap. */
export async function seriesWithOpenGaps(db: Db): Promise<Set<number>> {
  const { rows } = await db.query<{ id: number }>(
    `SELECT DISTINCT series_id AS id FROM backhaul.gap WHERE state <> 'filled'`,
  );
  return new Set(rows.map((row) => row.id));
}

/** What a scan has done to the table. */
export interface RecordedScan {
  readonly added: number;
  readonly filled: number;
  readonly dropped: number;
  readonly open: number;
}

/**
 * Records what a scan found, in one transaction. `whole`: the scan looked at all that is expected of its series, so
 * gaps elsewhere are dropped; otherwise they are looked at again where they lie.
 */
export async function recordScan(
  db: Db,
  scans: readonly SeriesScan[],
  whole: boolean,
  nowUs: number,
): Promise<RecordedScan> {
  return inTransaction(db, async (client) => {
    await client.query(`SELECT ${SCAN_LOCK}`);
    await releaseForsaken(client);
    const sums = { added: 0, filled: 0, dropped: 0, open: 0 };
    let changes = new Changes();
    const write = async (): Promise<void> => {
      const { kept, added, filled, dropped } = changes;
      await store(client, changes);
      sums.added += added.length;
      sums.filled += filled.length;
      sums.dropped += dropped.length;
      sums.open += kept.length + added.length;
      changes = new Changes();
    };
    for (let at = 0; at < scans.length; at += MOST_SERIES) {
      const some = scans.slice(at, at + MOST_SERIES);
      const open = await readOpen(
        client,
        some.map((scan) => scan.series.seriesId),
      );
      for (const scan of some) {
        changes.look(scan, whole, open.get(scan.series.seriesId) ?? [], nowUs);
        // What makes room is written with what takes it: a series is never cut in two.
        if (changes.count >= MOST_RECORDS) await write();
      }
    }
    await write();
    return sums;
  });
}

/** What is to be written of some series. */
class Changes {
  readonly kept: Record[] = [];
  readonly added: Record[] = [];
  readonly filled: number[] = [];
  readonly dropped: number[] = [];

  get count(): number {
    return this.kept.length + this.added.length + this.filled.length + this.dropped.length;
  }

  look(scan: SeriesScan, whole: boolean, open: readonly OpenRow[], nowUs: number): void {
    const { expectedBars, window, covered } = scan;
    const found = reconcile(expectedBars, window, whole, covered, open);
    for (const { gapId, hole } of found.kept) this.kept.push(recordOf(scan, hole, gapId, nowUs));
    for (const hole of found.added) this.added.push(recordOf(scan, hole, null, nowUs));
    for (const gapId of found.filled) this.filled.push(gapId);
    for (const gapId of found.dropped) this.dropped.push(gapId);
  }
}

async function store(client: ClientBase, { kept, added, filled, dropped }: Changes): Promise<void> {
  // First what makes room for starts that move.
  if (dropped.length > 0) await client.query('DELETE FROM backhaul.gap WHERE gap_id = ANY ($1)', [dropped]);
  if (filled.length > 0)
    await client.query(
      `UPDATE backhaul.gap SET state = 'filled', error = NULL, filled_at = clock_timestamp(), seen_at = clock_timestamp(),
         changed_at = clock_timestamp() WHERE gap_id = ANY ($1)`,
      [filled],
    );
  for (const some of portions(kept)) {
    await client.query(
      `UPDATE backhaul.gap g SET start_ts = ${stampOf('r.from_us')}, end_ts = ${stampOf('r.to_us')},
         candles = r.candles, candles_from_now = r.candles_from_now, overflow = r.overflow, file = r.file,
         files = r.files, seen_at = clock_timestamp(),
         state = CASE WHEN g.state IN ('failed', 'filling') THEN g.state ELSE ${STATE} END
       FROM ${RECORDS} WHERE g.gap_id = r.gap_id`,
      [some],
    );
  }
  for (const some of portions(added)) {
    await client.query(
      `INSERT INTO backhaul.gap (series_id, start_ts, end_ts, candles, state, candles_from_now, overflow, file, files)
       SELECT r.series_id, ${stampOf('r.from_us')}, ${stampOf('r.to_us')}, r.candles, ${STATE}, r.candles_from_now,
         r.overflow, r.file, r.files
       FROM ${RECORDS} ORDER BY r.series_id, r.from_us`,
      [some],
    );
  }
}

/** As JSON, so many at a time: the server takes no array above 256 MB, and holes of ten thousand series may be millions. */
function* portions(records: readonly Record[]): Iterable<string> {
  for (let at = 0; at < records.length; at += MOST_RECORDS)
    yield JSON.stringify(records.slice(at, at + MOST_RECORDS));
}

export interface GapFilter extends SeriesFilter {
  readonly states: readonly GapState[];
  /** Gaps that reach into the range; null: everywhere. */
  readonly fromUs: number | null;
  readonly toUs: number | null;
}

/** Gaps age: what an API could serve when it was found may be out of reach by now. */
export async function ageGaps(db: Db, nowUs: number): Promise<void> {
  // In two steps: on a cluster series is on every node and gaps are on one, and no UPDATE takes both.
  const { rows } = await db.query<{ id: number; venue: string; intervalS: number }>(
    `SELECT series_id AS id, venue, interval_s AS "intervalS" FROM backhaul.series
     WHERE series_id IN (SELECT series_id FROM backhaul.gap WHERE state <> 'filled')`,
  );
  const reach = new Map(API_REACH.map((one) => [`${one.venue} ${one.intervalS}`, one.candles]));
  await db.query(
    `UPDATE backhaul.gap g SET candles_from_now = a.candles, overflow = a.candles - a.most,
       state = CASE WHEN g.state = 'detected' THEN ${stateOf('(a.candles - a.most)')} ELSE g.state END
     FROM (SELECT gap_id, s.most,
             greatest(0, floor(($1::float8 - ${usOf('start_ts')}) / (s.interval_s * 1e6)))::bigint AS candles
           FROM backhaul.gap
           JOIN unnest($2::int[], $3::int[], $4::bigint[]) AS s (series_id, interval_s, most) USING (series_id)
           WHERE state <> 'filled') a
     WHERE g.gap_id = a.gap_id AND g.candles_from_now IS DISTINCT FROM a.candles`,
    [
      nowUs,
      rows.map(({ id }) => id),
      rows.map(({ intervalS }) => intervalS),
      rows.map(({ venue, intervalS }) => reach.get(`${venue} ${intervalS}`) ?? null),
    ],
  );
}

const GAPS = `SELECT gap_id AS "gapId", series_id AS "seriesId", venue, symbol, interval_s AS "intervalS",
       ${usOf('start_ts')} AS "fromUs", ${usOf('end_ts')} AS "toUs", candles, g.state,
       candles_from_now AS "candlesFromNow", overflow, file, files, error, ${usOf('detected_at')} AS "detectedUs",
       ${usOf('changed_at')} AS "changedUs"
     FROM backhaul.gap g JOIN backhaul.series s USING (series_id)
     WHERE series_id = ANY ($1) AND g.state = ANY ($2)
       AND ($3::float8 IS NULL OR end_ts > ${stampOf('$3')}) AND ($4::float8 IS NULL OR start_ts < ${stampOf('$4')})
     ORDER BY venue, symbol, interval_s, start_ts`;

async function asked(db: Db, filter: GapFilter): Promise<unknown[]> {
  const series = await findSeries(db, filter);
  return [series.map((one) => one.seriesId), filter.states, filter.fromUs, filter.toUs];
}

/**
 * Gaps on record, by series and start.
 * @throws BackhaulError `usage` for an unknown symbol or interval
 */
export async function listGaps(db: Db, filter: GapFilter): Promise<Gap[]> {
  return (await db.query<Gap>(GAPS, await asked(db, filter))).rows;
}

/** The same one by one: of millions of gaps a few thousand are held. */
export async function eachGap(db: Db, filter: GapFilter, take: (gap: Gap) => void): Promise<void> {
  const values = await asked(db, filter);
  await inTransaction(db, async (client) => {
    await client.query(`DECLARE backhaul_gaps NO SCROLL CURSOR FOR ${GAPS}`, values);
    for (;;) {
      const { rows } = await client.query<Gap>(`FETCH ${MOST_READ} FROM backhaul_gaps`);
      for (const gap of rows) take(gap);
      if (rows.length < MOST_READ) return;
    }
  });
}

/** Notes that gaps are being filled. */
export async function startFilling(db: Db, gapIds: readonly number[]): Promise<void> {
  await db.query(
    `UPDATE backhaul.gap SET state = 'filling', error = NULL WHERE gap_id = ANY ($1) AND state <> 'filled'`,
    [gapIds],
  );
}

/** What became of gaps that are still open after an attempt: `failures` says why of some, the others wait again. */
export async function endFilling(
  db: Db,
  gapIds: readonly number[],
  failures: ReadonlyMap<number, Fault>,
): Promise<void> {
  await db.query(
    `UPDATE backhaul.gap g SET error = f.fault,
       changed_at = CASE WHEN f.fault IS NULL THEN changed_at ELSE clock_timestamp() END,
       state = CASE WHEN f.fault IS NOT NULL THEN 'failed' ELSE ${stateOf('g.overflow')} END
     FROM unnest($1::bigint[]) AS w (gap_id)
     LEFT JOIN jsonb_to_recordset($2::jsonb) AS f (gap_id bigint, fault jsonb) USING (gap_id)
     WHERE g.gap_id = w.gap_id AND g.state = 'filling'`,
    [gapIds, storableJson([...failures].map(([gap_id, fault]) => ({ gap_id, fault })))],
  );
}

/** Removes filled and failed gaps that have not changed for so many days. Unfillable and detected ones stay. */
export async function cleanUp(
  db: Pool | ClientBase,
  days: number,
): Promise<{ readonly filled: number; readonly failed: number }> {
  const { rows } = await db.query<{ filled: number; failed: number }>(
    `WITH gone AS (
       DELETE FROM backhaul.gap WHERE state IN ('filled', 'failed')
         AND changed_at < statement_timestamp() - $1 * interval '1 day' RETURNING state)
     SELECT count(*) FILTER (WHERE state = 'filled')::int AS filled,
            count(*) FILTER (WHERE state = 'failed')::int AS failed FROM gone`,
    [days],
  );
  return rows[0]!;
}
