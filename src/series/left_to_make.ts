/** Whether anything in the database is made of other series, and left to make behind a load. */

import { makes } from '../buckets/rollup_rule.ts';
import type { Db } from '../database/connect.ts';
import { isSomeBehind, noteOtherBases } from '../state/series/rollups.ts';

/**
 * False where neither longer bars nor companies with two names are left to be made, and no event is of a symbol without
 * bars, which may have come under another spelling. Notes which bars have come that make
 * longer ones.
 */
export async function isLeftToMake(db: Db): Promise<boolean> {
  const { rows } = await db.query<{ rollups: boolean; events: boolean }>(
    `SELECT EXISTS (SELECT FROM backhaul.rollup) AS rollups,
       EXISTS (
         SELECT FROM backhaul.event e
         WHERE kind = 'rename' OR (EXISTS (SELECT FROM backhaul.series s WHERE s.venue = e.venue)
           AND NOT EXISTS (SELECT FROM backhaul.series s WHERE (s.venue, s.symbol) = (e.venue, e.symbol)))
       ) AS events`,
  );
  const { rollups, events } = rows[0]!;
  if (events || !rollups) return events;
  await noteOtherBases(db, makes);
  return isSomeBehind(db);
}
