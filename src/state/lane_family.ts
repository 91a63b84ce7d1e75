/**
 * A venue's bars of one interval may come in two kinds of lanes: of files that hold all symbols, and of files of one
 * symbol. Both write the same series, so that they take turns: while tasks of the one are at work none of the other
 * begins, and that of all symbols goes first. SQL.
 */

/** The lane of all symbols that a task's series are in too, or its own; `alias` names its row. Agrees with `sharedLaneOf`. */
export function sharedLane(alias: string): string {
  return `((${alias}.plan->>'venue') || '/*/' || (${alias}.plan->>'intervalS'))`;
}

/** CTE of the lanes of all symbols whose series tasks of one symbol are at work on. */
export const SYMBOLS_AT_WORK = `symbols_at_work AS MATERIALIZED (
  SELECT ${sharedLane('r')} AS lane FROM backhaul.task r WHERE r.state = 'running' AND r.lane <> ${sharedLane('r')})`;

/** Condition on a pending task: no task of the other kind stands in its way; beside {@link SYMBOLS_AT_WORK}. */
export function hasItsTurn(alias: string): string {
  const shared = sharedLane(alias);
  return `CASE WHEN ${alias}.lane = ${shared} THEN ${alias}.lane NOT IN (SELECT lane FROM symbols_at_work)
    ELSE NOT coalesce((SELECT true FROM backhaul.task s WHERE s.lane = ${shared} AND s.state IN ('pending', 'running')
                       LIMIT 1), false) END`;
}

/**
 * The number of loaded tasks that have written series of a lane, its own and those of the other kind; `alias` names a row
 * with `lane` and `shared`, its {@link sharedLane}. Symbols' lanes lie beside the shared one in the order of bytes.
 */
export function loadedOfLane(alias: string): string {
  const loaded = (which: string): string =>
    `(SELECT count(*) FROM backhaul.task l WHERE ${which} AND l.rows_loaded IS NOT NULL AND l.state = 'loaded')`;
  const venue = `split_part(${alias}.shared, '/*/', 1)`;
  const suffix = `'/' || split_part(${alias}.shared, '/*/', 2)`;
  return `${loaded(`l.lane = ${alias}.lane`)} + CASE WHEN ${alias}.lane = ${alias}.shared
    THEN ${loaded(`l.lane > ${venue} || '/' AND l.lane < ${venue} || '0' AND l.lane <> ${alias}.lane
      AND right(l.lane, length(${suffix})) = ${suffix}`)}
    ELSE ${loaded(`l.lane = ${alias}.shared`)} END`;
}
