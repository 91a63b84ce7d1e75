/** Brings what a listing found into the table: new tasks, changed ones, and those it says cannot be loaded. */

import { randomUUID } from 'node:crypto';
import type { ClientBase } from 'pg';
import { type Db, inTransaction } from '../../database/connect.ts';
import type { Fault } from '../../faults/fault.ts';
import { storableJson } from '../../faults/safe_text.ts';
import type { TaskState } from '../machine.ts';
import { becomes, CLAIM_LOCK, mayMove, noteEvent } from '../moves.ts';
import { rememberPlannedRules } from '../series/series_rules.ts';
import {
  asReadBefore,
  type Decision,
  decide,
  type FoundTask,
  type ListingWish,
  madeInterval,
  PLAIN_LISTING,
  type StandingTask,
  type Step,
  underStandingName,
} from './listing_decision.ts';

/** What a listing has led to; each find is in exactly one of the counts (of one found twice, the first). */
export interface ListingCounts {
  /** Pending now, unknown before. */
  readonly new: number;
  /** Pending now, loaded or failed before: another content, another plan, or more asked for. */
  readonly changed: number;
  /** Pending before and now. */
  readonly waiting: number;
  /** Some program is at work on it. */
  readonly running: number;
  /** Loaded, and nothing about it is new. */
  readonly unchanged: number;
  /** Failed: by this listing, or earlier and nothing about it is new. */
  readonly failed: number;
  readonly skipped: number;
  /** Sizes of the new, changed and waiting ones. */
  readonly bytesToDo: number;
}

/** What a find is to the table: unknown, changed, or the state it is in and stays in. */
export type FindState = 'new' | 'changed' | TaskState;

/** Rows a statement carries: bounds the memory of a listing, and how long claims wait for it. */
const BATCH = 5_000;
/** A table that has grown by more than this gets fresh statistics, so that claims keep to their index. */
const ANALYZE_AFTER = 1_000;

interface StandingRow extends StandingTask {
  readonly uri: string;
  readonly entry: string | null;
  readonly task_id: number;
  /** {@link madeInterval} */
  readonly interval_s: number | null;
}

/** A place may have several tasks: one an interval of the bars that are made of its trades. */
const placeOf = (task: { readonly uri: string; readonly entry: string | null }): string =>
  `${task.uri}\n${task.entry ?? ''}`;
const keyOf = (task: FoundTask): string => `${placeOf(task)}\n${madeInterval(task) ?? ''}`;

/** The tasks that have replaced bars, but for those of the sources $3. */
const OVERRULING = `
WITH overruling AS MATERIALIZED (
  SELECT task_id, finished_at FROM backhaul.task r
  WHERE rows_conflict > 0 AND state = 'loaded' AND plan ->> 'onConflict' = 'replace'
    AND NOT EXISTS (SELECT FROM unnest($3::text[]) AS s (uri)
      WHERE r.uri = s.uri OR starts_with(r.uri, rtrim(s.uri, '/') || '/')))`;
const IS_OVERRULED = `
  t.state = 'loaded' AND EXISTS (
    SELECT FROM overruling r JOIN backhaul.coverage b ON b.task_id = r.task_id
    JOIN backhaul.coverage a ON a.series_id = b.series_id AND a.covered && b.covered
    WHERE a.task_id = t.task_id AND r.finished_at > t.finished_at)`;

/** What stands at the places of the finds. */
async function readStanding(
  db: Db,
  found: readonly FoundTask[],
  { sources }: ListingWish,
): Promise<Map<string, StandingRow[]>> {
  const replaces = found.some(({ plan }) => plan?.onConflict === 'replace');
  const { rows } = await db.query<StandingRow>(
    `${replaces ? OVERRULING : ''}
     SELECT t.task_id, t.uri, t.entry, t.interval_s, t.state, t.etag, t.layout, t.lane, t.sequence, t.plan,
       t.rows_conflict AS "rowsConflict", ${replaces ? IS_OVERRULED : 'false'} AS "isOverruled"
     FROM (SELECT DISTINCT * FROM unnest($1::text[], $2::text[]) AS u (uri, entry)) f
     JOIN backhaul.task t ON t.uri = f.uri COLLATE "C" AND coalesce(t.entry, '') = f.entry COLLATE "C"
     ORDER BY t.task_id`,
    [found.map((task) => task.uri), found.map((task) => task.entry ?? ''), ...(replaces ? [sources] : [])],
  );
  return Map.groupBy(rows, placeOf);
}

/**
 * The task that each find is: of the same interval; else, for a file that was not known to hold trades, or is not any
 * more, one that its place has and no other find is.
 */
function standingOf(
  finds: readonly FoundTask[],
  places: ReadonlyMap<string, readonly StandingRow[]>,
): Map<FoundTask, StandingRow> {
  const standing = new Map<FoundTask, StandingRow>();
  const taken = new Set<StandingRow>();
  const take = (find: FoundTask, isIt: (row: StandingRow) => boolean): void => {
    const row = places.get(placeOf(find))?.find((one) => !taken.has(one) && isIt(one));
    if (row === undefined || standing.has(find)) return;
    standing.set(find, row);
    taken.add(row);
  };
  for (const find of finds) take(find, ({ interval_s }) => interval_s === madeInterval(find));
  for (const find of finds)
    take(find, ({ interval_s }) => interval_s === null || madeInterval(find) === null);
  return standing;
}

/** A find with what is to be done about it. */
interface Judged extends Decision {
  readonly found: FoundTask;
  readonly standing: StandingRow | undefined;
}

async function judge(db: Db, tasks: readonly FoundTask[], wish: ListingWish): Promise<Judged[]> {
  const firsts = new Map<string, FoundTask>();
  for (const task of tasks) if (!firsts.has(keyOf(task))) firsts.set(keyOf(task), task);
  const unique = [...firsts.values()];
  const standing = standingOf(unique, await readStanding(db, unique, wish));
  return unique.map((found) => {
    const row = standing.get(found);
    const named = row === undefined ? found : underStandingName(row, asReadBefore(row, found, wish));
    return { found: named, standing: row, ...decide(row, named, wish) };
  });
}

const RECORD = `jsonb_to_recordset($1::jsonb) AS f (task_id bigint, uri text, entry text, etag text, size_bytes bigint,
  modified_ms float8, layout text, lane text, sequence bigint, plan jsonb, interval_s int)`;

/** The columns a listing sets on a task that is there already. */
const PLANNED = `etag = f.etag, size_bytes = f.size_bytes, modified = to_timestamp(f.modified_ms / 1000),
  layout = f.layout, lane = f.lane, sequence = f.sequence, plan = nullif(f.plan, 'null'::jsonb),
  interval_s = f.interval_s, run_id = $2`;

const ADD = `
INSERT INTO backhaul.task (uri, entry, etag, size_bytes, modified, layout, lane, sequence, plan, interval_s, run_id)
SELECT uri, entry, etag, size_bytes, to_timestamp(modified_ms / 1000), layout, lane, sequence, nullif(plan, 'null'::jsonb), interval_s, $2
FROM ${RECORD} ORDER BY coalesce(sequence, 0), uri, entry
RETURNING task_id, uri, entry`;

const REFRESH = `
UPDATE backhaul.task t SET ${PLANNED} FROM ${RECORD}
WHERE t.task_id = f.task_id AND t.state = 'pending'
RETURNING t.task_id, t.uri, t.entry`;

/** Back to pending with the new plan; `more` sets further columns. */
function moveBack(transition: Exclude<Step, 'add' | 'keep' | 'refresh'>, more = ''): string {
  return `
WITH moved AS (
  UPDATE backhaul.task t
  SET ${becomes(transition)}, finished_at = NULL, failures = 0, not_before = statement_timestamp(), ${PLANNED}${more}
  FROM ${RECORD}
  WHERE t.task_id = f.task_id AND ${mayMove(transition, 't')}
  RETURNING t.task_id, t.uri, t.entry, t.attempt, t.owner, t.etag),
${noteEvent(transition, `jsonb_build_object('etag', etag)`)}
SELECT task_id, uri, entry FROM moved`;
}

const STEPS: Readonly<Record<Exclude<Step, 'keep'>, string>> = {
  add: ADD,
  refresh: REFRESH,
  // The counts of the load before stay until the next one has its own; what its bars came from goes to `replaces`.
  replace: moveBack(
    'replace',
    `,
    replaces = jsonb_build_object('etag', t.etag, 'layout', t.layout, 'lane', t.lane, 'plan', t.plan,
      'rowsLoaded', t.rows_loaded, 'firstTsUs', (extract(epoch FROM t.first_ts) * 1000000)::bigint,
      'lastTsUs', (extract(epoch FROM t.last_ts) * 1000000)::bigint)`,
  ),
  requeue: moveBack('requeue'),
  restore: moveBack('restore'),
};

interface Placed {
  readonly task_id: number;
  readonly uri: string;
  readonly entry: string | null;
}

async function carryOut(
  client: ClientBase,
  runId: number | null,
  step: Exclude<Step, 'keep'>,
  judged: readonly Judged[],
): Promise<Placed[]> {
  if (judged.length === 0) return [];
  const records = judged.map(({ found, standing, plan }) => ({
    task_id: standing?.task_id ?? null,
    uri: found.uri,
    entry: found.entry,
    etag: found.etag,
    size_bytes: found.sizeBytes,
    modified_ms: found.modifiedMs ?? null,
    layout: found.layout ?? (found.fault == null ? null : (standing?.layout ?? null)),
    lane: found.lane ?? (found.fault == null ? null : (standing?.lane ?? null)),
    sequence: found.sequence,
    plan,
    interval_s: found.fault == null ? madeInterval(found) : (standing?.interval_s ?? null),
  }));
  return (await client.query<Placed>(STEPS[step], [storableJson(records), runId])).rows;
}

/** The listing claims what it found to be broken and fails it: the same two moves as of any other attempt. */
async function failBroken(
  client: ClientBase,
  owner: string,
  broken: ReadonlyMap<number, Fault>,
): Promise<void> {
  if (broken.size === 0) return;
  const ids = [...broken.keys()];
  await client.query(
    `WITH moved AS (
       UPDATE backhaul.task
       SET ${becomes('claim')}, attempt = attempt + 1, owner = $2, claimed_at = statement_timestamp(),
         lease_until = statement_timestamp()
       WHERE task_id = ANY ($1) AND ${mayMove('claim')} RETURNING task_id, attempt, owner),
     ${noteEvent('claim')}
     SELECT FROM moved`,
    [ids, owner],
  );
  const faults = storableJson(ids.map((id) => ({ task_id: id, fault: broken.get(id) })));
  await client.query(
    `WITH moved AS (
       UPDATE backhaul.task t
       SET ${becomes('fail')}, owner = NULL, lease_until = NULL, finished_at = clock_timestamp(), error = f.fault,
         failures = t.failures + 1
       FROM jsonb_to_recordset($1::jsonb) AS f (task_id bigint, fault jsonb)
       WHERE t.task_id = f.task_id AND ${mayMove('fail', 't')} AND t.owner = $2
       RETURNING t.task_id, t.attempt, $2::uuid AS owner, t.error),
     ${noteEvent('fail', 'error')}
     SELECT FROM moved`,
    [faults, owner],
  );
}

function stateAfter({ step, standing, found }: Judged): FindState {
  if (step !== 'keep' && found.fault != null) return 'failed';
  if (step === 'add') return 'new';
  if (step !== 'keep' && step !== 'refresh') return 'changed';
  return standing!.state;
}

function count(judged: readonly Judged[]): ListingCounts {
  const counts = {
    new: 0,
    changed: 0,
    waiting: 0,
    running: 0,
    unchanged: 0,
    failed: 0,
    skipped: 0,
    bytesToDo: 0,
  };
  for (const one of judged) {
    const state = stateAfter(one);
    const name = state === 'pending' ? 'waiting' : state === 'loaded' ? 'unchanged' : state;
    counts[name]++;
    if (name === 'new' || name === 'changed' || name === 'waiting') counts.bytesToDo += one.found.sizeBytes;
  }
  return counts;
}

async function upsertBatch(
  client: ClientBase,
  runId: number | null,
  tasks: readonly FoundTask[],
  wish: ListingWish,
): Promise<ListingCounts> {
  // No claim while we look and write: what was read pending is still so, and no lane is seen half planned.
  await client.query(`SELECT ${CLAIM_LOCK}`);
  const judged = await judge(client, tasks, wish);
  await rememberPlannedRules(
    client,
    tasks.flatMap(({ plan }) => plan ?? []),
  );
  const faults = new Map(
    judged.filter(({ step }) => step !== 'keep').map(({ found }) => [placeOf(found), found.fault ?? null]),
  );
  const broken = new Map<number, Fault>();
  for (const step of ['add', 'refresh', 'replace', 'requeue', 'restore'] as const) {
    const placed = await carryOut(
      client,
      runId,
      step,
      judged.filter((one) => one.step === step),
    );
    for (const row of placed) {
      const fault = faults.get(placeOf(row));
      if (fault != null) broken.set(row.task_id, fault);
    }
  }
  await failBroken(client, randomUUID(), broken);
  return count(judged);
}

const sum = (a: ListingCounts, b: ListingCounts): ListingCounts => ({
  new: a.new + b.new,
  changed: a.changed + b.changed,
  waiting: a.waiting + b.waiting,
  running: a.running + b.running,
  unchanged: a.unchanged + b.unchanged,
  failed: a.failed + b.failed,
  skipped: a.skipped + b.skipped,
  bytesToDo: a.bytesToDo + b.bytesToDo,
});

/**
 * Adds what is new, puts back to pending what has changed, fails what the listing found broken, and leaves the rest.
 * Idempotent but for a reload; several programs may list the same source at once. 10,000 finds take less than a second.
 */
export async function upsertTasks(
  db: Db,
  runId: number | null,
  tasks: readonly FoundTask[],
  wish = PLAIN_LISTING,
): Promise<ListingCounts> {
  let counts = count([]);
  for (let from = 0; from < tasks.length; from += BATCH) {
    const batch = tasks.slice(from, from + BATCH);
    counts = sum(counts, await inTransaction(db, (client) => upsertBatch(client, runId, batch, wish)));
  }
  if (counts.new > ANALYZE_AFTER)
    await db.query('ANALYZE backhaul.task (state, lane, sequence, uri, entry, not_before)');
  return counts;
}

/** What {@link upsertTasks} would make of each, in the same order; writes nothing. */
export async function previewTasks(
  db: Db,
  tasks: readonly FoundTask[],
  wish = PLAIN_LISTING,
): Promise<FindState[]> {
  const states: FindState[] = [];
  for (let from = 0; from < tasks.length; from += BATCH) {
    const batch = tasks.slice(from, from + BATCH);
    const judged = new Map((await judge(db, batch, wish)).map((one) => [keyOf(one.found), stateAfter(one)]));
    for (const task of batch) states.push(judged.get(keyOf(task))!);
  }
  return states;
}

/** A find that stands as failed. */
export interface FailedFind {
  readonly taskId: number;
  readonly uri: string;
  readonly entry: string | null;
  readonly fault: Fault;
}

/** Those of a listing that stand as failed: by this listing, or from before. */
export async function failedAmong(db: Db, tasks: readonly FoundTask[]): Promise<FailedFind[]> {
  const { rows } = await db.query<FailedFind>(
    `SELECT t.task_id AS "taskId", t.uri, t.entry, t.error AS fault FROM backhaul.task t
     JOIN (SELECT DISTINCT * FROM unnest($1::text[], $2::text[]) AS u (uri, entry)) f
       ON t.uri = f.uri COLLATE "C" AND coalesce(t.entry, '') = f.entry COLLATE "C"
     WHERE t.state = 'failed' ORDER BY t.uri, t.entry`,
    [tasks.map((task) => task.uri), tasks.map((task) => task.entry ?? '')],
  );
  return rows;
}

/**
 * Finds of a listing that cannot be read as it was asked for, of which the table keeps what was loaded from the same
 * bytes: they stand as loaded, and have failed for whoever asked. Where nobody has said how they are to be read, they
 * stand as they were read before, and nothing is amiss.
 */
export async function refusedAmong<T extends FoundTask>(
  db: Db,
  tasks: readonly T[],
  { isNamed }: ListingWish,
): Promise<T[]> {
  const faulty = isNamed ? tasks.filter((task) => task.fault != null) : [];
  if (faulty.length === 0) return [];
  const standing = standingOf(faulty, await readStanding(db, faulty, PLAIN_LISTING));
  return faulty.filter((task) => standing.get(task)?.state === 'loaded');
}
