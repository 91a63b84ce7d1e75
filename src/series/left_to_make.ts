/** Whether anything in the database is made of other series, and left to make behind a load. */

import { makes } from '../buckets/rollup_rule.ts';
import type { Db } from '../database/connect.ts';
import { isSomeBehind, noteOtherBases } from '../state/series/rollups.ts';

/**
 * False where neither longer bars nor companies with two names are left to be made. Notes which bars have come that make
 * longer ones.
 */
export async function isLeftToMake(db: Db): Promise<boolean> {
  const { rows } = await db.query<{ rollups: boolean; renames: boolean }>(
    `SELECT EXISTS (SELECT FROM backhaul.rollup) AS rollups,
       EXISTS (SELECT FROM backhaul.event WHERE kind = 'rename') AS renames`,
  );
  const { rollups, renames } = rows[0]!;
  if (renames || !rollups) return renames;
  await noteOtherBases(db, makes);
  return isSomeBehind(db);
}
