/** `finish`: running → loaded. */

import type { ClientBase } from 'pg';
import { stampOf } from '../../database/stamps.ts';
import { BackhaulError } from '../../faults/fault.ts';
import { becomes, noteEvent, OWNED } from '../moves.ts';
import { askCoordinator, isOnNode } from '../schema/node_statements.ts';
import { withRevision } from '../series/event_revision.ts';
import type { FilesOf } from '../series/rollup_roles.ts';
import { endValues, INSERT_ENDS, type SeriesEnd } from '../series/series_ends.ts';
import { isBefore } from '../task_order.ts';
import type { Attempt } from './attempt.ts';
import { laneTurn } from './lane_family.ts';

/** What a worker has done, to be committed with it. Counts are records of the file; stamps µs since 1970. */
export interface Finished extends Attempt {
  readonly rowsRead: number;
  readonly rowsLoaded: number;
  readonly rowsRejected: number;
  readonly rowsDuplicate: number;
  readonly rowsEmpty: number;
  readonly rowsConflict: number;
  readonly rowsOutside: number;
  /**
   * Of a file of trades: how many of its records are in bars, and in how many bars; then `rowsLoaded` and `rowsDuplicate`
   * count those. Absent or null: of any other file.
   */
  readonly trades?: { readonly used: number; readonly made: number } | null;
  readonly firstTsUs: number | null;
  readonly lastTsUs: number | null;
  /**
   * Turn of the lane that must be its last one for the indicator states this attempt started from to be right; null
   * where it read none, with the revision of its venue's events put in front. Another number means that somebody moved
   * the lane on meanwhile, or changed its events.
   */
  readonly laneLoaded: number | null;
  /** What is on record of rollups for its files; another number means that somebody has begun to make longer bars of them. */
  readonly rollups?: FilesOf & { readonly onRecord: number };
  /** Ends of series to be stored with it, if they are few; many are better copied. */
  readonly ends?: readonly SeriesEnd[];
}

const FINISH = `
WITH me AS MATERIALIZED (SELECT task_id, owner, lane, sequence, uri, entry, plan->>'venue' AS venue, family
  FROM backhaul.task WHERE ${OWNED} FOR UPDATE),
ahead AS MATERIALIZED (
  SELECT e.task_id FROM backhaul.task e JOIN me ON e.lane = me.lane
  WHERE e.state IN ('pending', 'running') AND ${isBefore('e', 'me')} LIMIT 1),
lane AS MATERIALIZED (SELECT me.venue, ${laneTurn('me')} AS turn FROM me),
moved AS (
  UPDATE backhaul.task t
  SET ${becomes('finish')}, owner = NULL, lease_until = NULL, finished_at = clock_timestamp(), error = NULL, replaces = NULL,
      rows_read = $3, rows_loaded = $4, rows_rejected = $5, rows_duplicate = $6, rows_conflict = $7, rows_outside = $8,
      rows_empty = $17, lane_turn = (SELECT turn + 1 FROM lane), trades_used = $22, bars_made = $23, first_ts = ${stampOf('$9')}, last_ts = ${stampOf('$10')}
  FROM me WHERE t.task_id = me.task_id AND NOT EXISTS (SELECT FROM ahead)
    AND ($11::bigint IS NULL OR $11 = (SELECT ${withRevision('turn', 'lane.venue')} FROM lane))
    AND ($18::int IS NULL OR $18 = (SELECT count(*) FROM backhaul.rollup r
      WHERE r.venue = $19::text COLLATE "C" AND $21::int IN (r.interval_s, r.rollup_s)
        AND ($20::text IS NULL OR r.symbol IN ($20::text COLLATE "C", '*'))))
  RETURNING t.task_id, t.attempt, me.owner),${INSERT_ENDS},
${noteEvent('finish')}
SELECT (SELECT count(*) FROM me)::int AS owned, (SELECT count(*) FROM moved)::int AS moved,
       (SELECT task_id FROM ahead) AS ahead`;

/**
 * Moves a running task to loaded, inside the transaction that loads its rows; to be the last statement before COMMIT.
 * @throws BackhaulError `lost-lease` if the attempt is no longer the task's, `predecessor` if an earlier task of the
 * lane is not final, `reconcile` if the counts do not add up: roll back then
 */
export async function finish(client: ClientBase, done: Finished): Promise<void> {
  const {
    taskId,
    attempt,
    rowsRead,
    rowsLoaded,
    rowsRejected,
    rowsDuplicate,
    rowsEmpty,
    trades = null,
  } = done;
  const bars = rowsLoaded + rowsDuplicate;
  if (rowsRead !== (trades?.used ?? bars) + rowsRejected + rowsEmpty || (trades?.made ?? bars) !== bars)
    throw new BackhaulError({
      kind: 'reconcile',
      message: `Records read are not those loaded, rejected, duplicate and empty together.`,
      expected: trades === null ? `${rowsRead} read` : `${rowsRead} read, and ${trades.made} bars made`,
      found: `${trades === null ? '' : `${trades.used} in bars, `}${rowsLoaded} loaded + ${rowsRejected} rejected + ${rowsDuplicate} duplicate + ${rowsEmpty} empty`,
    });
  const { ends = [] } = done;
  const values = [
    taskId,
    attempt,
    rowsRead,
    rowsLoaded,
    rowsRejected,
    rowsDuplicate,
    done.rowsConflict,
    done.rowsOutside,
    done.firstTsUs,
    done.lastTsUs,
    done.laneLoaded,
    ...endValues(ends),
    rowsEmpty,
    done.rollups?.onRecord ?? null,
    done.rollups?.venue ?? null,
    done.rollups?.symbol ?? null,
    done.rollups?.intervalS ?? null,
    trades?.used ?? null,
    trades?.made ?? null,
  ];
  const answer = await said(client, values);
  if (answer === null) return;
  const { owned, ahead } = answer;
  if (owned === 1)
    throw new BackhaulError({
      kind: 'predecessor',
      message:
        ahead === null
          ? 'Another program has moved the lane on, or makes other bars of it: it is to be computed again.'
          : `Task ${ahead} of the same lane must go first.`,
    });
  throw new BackhaulError({
    kind: 'lost-lease',
    message: `Attempt ${attempt} no longer owns task ${taskId}.`,
  });
}

interface Answer {
  readonly owned: number;
  readonly moved: number;
  /** A task of the lane that must go first. */
  readonly ahead: number | null;
}

/** What the database answers; null: the task has been moved. */
async function said(client: ClientBase, values: readonly unknown[]): Promise<Answer | null> {
  if (isOnNode(client))
    return askCoordinator<Answer>(client, FINISH, values, { owned: 1, moved: 1, ahead: null });
  // Named, so that a session plans it once: that takes longer than the statement itself.
  const { rows } = await client.query<Answer>({ name: 'backhaul finish', text: FINISH, values: [...values] });
  return rows[0]!.moved === 1 ? null : rows[0]!;
}
