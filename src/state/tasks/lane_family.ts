/**
 * A venue's bars of one interval may come in two kinds of lanes: of files that hold all symbols, and of files of one
 * symbol. Both write the same series and are one *family*, named as its lane of all symbols (column `family` of a task).
 * They take turns: while tasks of the one kind are at work none of the other begins, and that of all symbols goes first.
 * SQL.
 *
 * Each look-up here names what one index leads to and no other does, whatever the planner believes of the table.
 */

/**
 * CTEs of the families that have something pending, and of `turns(family, is_shared)`: which of its kinds of lanes may
 * begin, of those families where one may. To come first, after WITH RECURSIVE.
 */
export const TURNS = `families AS (
  (SELECT t.family FROM backhaul.task t WHERE t.state = 'pending' ORDER BY t.family LIMIT 1)
  UNION ALL
  SELECT (SELECT t.family FROM backhaul.task t WHERE t.state = 'pending' AND t.family > f.family ORDER BY t.family LIMIT 1)
  FROM families f WHERE f.family IS NOT NULL),
kinds AS MATERIALIZED (
  SELECT f.family, coalesce((SELECT true FROM backhaul.task s WHERE s.lane = f.family AND s.state IN ('pending', 'running')
                             LIMIT 1), false) AS is_shared
  FROM families f WHERE f.family IS NOT NULL),
turns AS MATERIALIZED (
  SELECT k.family, k.is_shared FROM kinds k
  WHERE NOT (k.is_shared AND coalesce((SELECT true FROM backhaul.task r WHERE r.family = k.family AND (r.lane = r.family) = false
                                         AND r.owner IS NOT NULL LIMIT 1), false)))`;

/**
 * The last turn of a lane, 0 before the first: each task that is loaded raises by one that of its lane and that of
 * lanes of the other kind, and nothing lowers it. `alias` names a row with `lane` and `family`.
 */
export function laneTurn(alias: string): string {
  const last = (which: string): string =>
    `(SELECT l.lane_turn FROM backhaul.task l WHERE ${which} AND l.lane_turn IS NOT NULL ORDER BY l.lane_turn DESC LIMIT 1)`;
  return `greatest(0, ${last(`l.lane = ${alias}.lane`)}, CASE WHEN ${alias}.lane = ${alias}.family
    THEN ${last(`l.family = ${alias}.family`)} ELSE ${last(`l.lane = ${alias}.family`)} END)`;
}
