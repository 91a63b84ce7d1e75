/** Whether anything in the database is made of other series, and may be left to make behind a load. */

import type { Db } from '../../database/connect.ts';

/** False where there are neither longer bars on record nor companies with two names: nothing is left to make then. */
export async function isMadeOfOthers(db: Db): Promise<boolean> {
  const { rows } = await db.query<{ any: boolean }>(
    `SELECT EXISTS (SELECT FROM backhaul.rollup) OR EXISTS (SELECT FROM backhaul.event WHERE kind = 'rename') AS any`,
  );
  return rows[0]!.any;
}
