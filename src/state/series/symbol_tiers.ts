/** Table `tier`, and the priorities that tasks have by it. */

import type { Pool } from 'pg';
import { type Db, inTransaction } from '../../database/connect.ts';
import { CLAIM_LOCK } from '../moves.ts';

export interface SymbolTier {
  readonly symbol: string;
  /** `TIER1` … `TIER9`. */
  readonly tier: string;
  /** Lower ones are claimed first. */
  readonly priority: number;
}

export async function readSymbolTiers(db: Db): Promise<SymbolTier[]> {
  return (await db.query<SymbolTier>('SELECT symbol, tier, priority FROM backhaul.tier')).rows;
}

/**
 * Stores these and no others, and gives waiting tasks their priority. The lock of claims and listings is held, so that no
 * task is planned with the priority of yesterday.
 */
export async function storeSymbolTiers(db: Pool, tiers: readonly SymbolTier[]): Promise<void> {
  await inTransaction(db, async (client) => {
    await client.query(`SELECT ${CLAIM_LOCK}`);
    await client.query('DELETE FROM backhaul.tier');
    await client.query(
      `INSERT INTO backhaul.tier (symbol, tier, priority)
       SELECT symbol, tier, priority FROM jsonb_to_recordset($1::jsonb) AS r (symbol text, tier text, priority smallint)
       ON CONFLICT DO NOTHING`,
      [JSON.stringify(tiers)],
    );
    await client.query(
      `UPDATE backhaul.task t SET priority = w.priority
       FROM (SELECT task_id, coalesce(r.priority, 100) AS priority FROM backhaul.task
             LEFT JOIN backhaul.tier r ON r.symbol = plan->>'symbol' WHERE state IN ('pending', 'running', 'failed')) w
       WHERE t.task_id = w.task_id AND t.priority <> w.priority`,
    );
  });
}
