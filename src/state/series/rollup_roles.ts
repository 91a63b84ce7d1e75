/** What rollups mean for files that are loaded: which longer bars theirs make, and whether theirs are made themselves. */

import type { Db } from '../../database/connect.ts';

/** Files of a market, or of all of a venue's symbols. */
export interface FilesOf {
  readonly venue: string;
  readonly symbol: string | null;
  readonly intervalS: number;
}

/** What rollups mean for a task. */
export interface RollupRole {
  /** The longer bars its bars make, ascending, s. */
  readonly makes: readonly number[];
  /** Of a file of many symbols: what bars of some of them make besides, s. */
  readonly makesOfSome: readonly number[];
  /** Some of those have another origin too, the vendor's own files or other bars: they are settled bar by bar. */
  readonly isContested: boolean;
  /** Its own series is made of shorter bars as well. */
  readonly isMade: boolean;
  /** Rollups on record that this was read from: another number when it commits, and it is to be read again. */
  readonly onRecord: number;
}

/** Of a task without any. */
export const NO_ROLE: RollupRole = {
  makes: [],
  makesOfSome: [],
  isContested: false,
  isMade: false,
  onRecord: 0,
};

/** SQL: rollup `r` is of the files `a`, of a market or of all symbols. */
const OF_THE_FILES = `r.venue = a.venue COLLATE "C" AND (a.symbol IS NULL OR r.symbol IN (a.symbol COLLATE "C", '*'))`;

/** SQL: task `t` writes bars that `m` makes too. */
const IN_LANES = `t.family = m.venue || '/*/' || m.rollup_s
  AND (m.symbol IS NULL OR t.lane IN (m.venue || '/' || m.symbol || '/' || m.rollup_s, t.family))`;

const ROLES = `
WITH a AS MATERIALIZED (
  SELECT * FROM unnest($1::text[], $2::text[], $3::int[]) WITH ORDINALITY AS a (venue, symbol, interval_s, n)
  WHERE EXISTS (SELECT FROM backhaul.rollup)),
makes AS MATERIALIZED (
  SELECT a.n, a.venue, a.symbol, a.interval_s, r.rollup_s, bool_or(a.symbol IS NOT NULL OR r.symbol = '*') AS of_all
  FROM a JOIN backhaul.rollup r ON r.interval_s = a.interval_s AND ${OF_THE_FILES}
  GROUP BY a.n, a.venue, a.symbol, a.interval_s, r.rollup_s)
SELECT a.n::int - 1 AS n,
  (SELECT array_agg(m.rollup_s ORDER BY m.rollup_s) FROM makes m WHERE m.n = a.n AND m.of_all) AS makes,
  (SELECT array_agg(m.rollup_s ORDER BY m.rollup_s) FROM makes m WHERE m.n = a.n AND NOT m.of_all) AS some,
  coalesce((SELECT bool_or(
      EXISTS (SELECT FROM backhaul.rollup r WHERE r.rollup_s = m.rollup_s AND r.interval_s <> m.interval_s
                AND r.venue = m.venue COLLATE "C" AND (m.symbol IS NULL OR r.symbol IN (m.symbol COLLATE "C", '*')))
      OR EXISTS (SELECT FROM backhaul.task t WHERE t.state = 'pending' AND ${IN_LANES})
      OR EXISTS (SELECT FROM backhaul.task t WHERE t.owner IS NOT NULL AND ${IN_LANES})
      OR EXISTS (SELECT FROM backhaul.task t WHERE t.lane_turn IS NOT NULL AND t.state = 'loaded' AND ${IN_LANES}))
    FROM makes m WHERE m.n = a.n), false) AS contested,
  EXISTS (SELECT FROM backhaul.rollup r WHERE r.rollup_s = a.interval_s AND ${OF_THE_FILES}) AS made,
  (SELECT count(*)::int FROM backhaul.rollup r WHERE a.interval_s IN (r.interval_s, r.rollup_s) AND ${OF_THE_FILES}) AS known
FROM a`;

/** What rollups mean for the files, in their order. */
export async function rollupRoles(db: Db, files: readonly FilesOf[]): Promise<RollupRole[]> {
  if (files.length === 0) return [];
  const { rows } = await db.query<{
    n: number;
    makes: number[] | null;
    some: number[] | null;
    contested: boolean;
    made: boolean;
    known: number;
  }>({
    name: 'backhaul rollup roles',
    text: ROLES,
    values: [
      files.map(({ venue }) => venue),
      files.map(({ symbol }) => symbol),
      files.map(({ intervalS }) => intervalS),
    ],
  });
  const roles: RollupRole[] = files.map(() => NO_ROLE);
  for (const { n, makes, some, contested, made, known } of rows)
    roles[n] = {
      makes: makes ?? [],
      makesOfSome: some ?? [],
      isContested: contested || some !== null,
      isMade: made,
      onRecord: known,
    };
  return roles;
}
