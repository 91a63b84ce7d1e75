import type { Pool } from 'pg';
import { nearest } from '../base/nearest.ts';
import { inTransaction } from '../database/connect.ts';
import { BackhaulError } from '../faults/fault.ts';
import { CLAIM_LOCK } from '../state/tasks/moves.ts';

/** Symbols in tiers: what matters most is loaded first and shown first. */

export interface Tier {
  /** `TIER1` … `TIER9`. */
  readonly name: string;
  /** The number in the name: lower ones go first. Symbols of no tier have 100. */
  readonly priority: number;
  readonly symbols: readonly string[];
}

export const TIER_NAMES = Array.from({ length: 9 }, (_, n) => `TIER${n + 1}`);

/** The tiers that name symbols, first first. Fault `usage` for a symbol in two of them. */
export function tiersOf(given: Readonly<Record<string, readonly string[] | undefined>>): Tier[] {
  const tiers = TIER_NAMES.map((name, n) => ({ name, priority: n + 1, symbols: given[name] ?? [] }));
  const named = tiers.filter((tier) => tier.symbols.length > 0);
  const seen = new Map<string, string>();
  for (const { name, symbols } of named) {
    for (const symbol of symbols) {
      const other = seen.get(symbol);
      if (other !== undefined && other !== name)
        throw new BackhaulError({
          kind: 'usage',
          message: `${symbol} is in two tiers: ${other} and ${name}`,
        });
      seen.set(symbol, name);
    }
  }
  return named;
}

/** The symbols of the tiers with these names (`TIER1`, `tier1`, `1`). Fault `usage` for a tier that is not set. */
export function symbolsOfTiers(tiers: readonly Tier[], names: readonly string[]): string[] {
  return names.flatMap((name) => {
    const written = /^\d$/.test(name) ? `TIER${name}` : name.toUpperCase();
    const tier = tiers.find((one) => one.name === written);
    if (tier !== undefined) return tier.symbols;
    const there = tiers.map((one) => one.name);
    const near = nearest(written, there);
    throw new BackhaulError({
      kind: 'usage',
      message: `there is no tier ${name}`,
      hint:
        near !== null
          ? `did you mean ${near}?`
          : there.length > 0
            ? `there are ${there.join(', ')}`
            : 'backhaul.yaml names them: TIER1: [XBTUSD, ETHUSD]',
    });
  });
}

/**
 * Makes these the tiers by which tasks are claimed: those planned from now on, and those that wait. The lock of claims
 * and listings is held, so that no task is planned with the priority of yesterday.
 */
export async function setTiers(db: Pool, tiers: readonly Tier[]): Promise<void> {
  const rows = tiers.flatMap(({ name, priority, symbols }) =>
    symbols.map((symbol) => ({ symbol, tier: name, priority })),
  );
  if (await areSet(db, rows)) return;
  await inTransaction(db, async (client) => {
    await client.query(`SELECT ${CLAIM_LOCK}`);
    await client.query('DELETE FROM backhaul.tier');
    await client.query(
      `INSERT INTO backhaul.tier (symbol, tier, priority)
       SELECT symbol, tier, priority FROM jsonb_to_recordset($1::jsonb) AS r (symbol text, tier text, priority smallint)
       ON CONFLICT DO NOTHING`,
      [JSON.stringify(rows)],
    );
    await client.query(
      `UPDATE backhaul.task t SET priority = w.priority
       FROM (SELECT task_id, coalesce(r.priority, 100) AS priority FROM backhaul.task
             LEFT JOIN backhaul.tier r ON r.symbol = plan->>'symbol' WHERE state IN ('pending', 'running', 'failed')) w
       WHERE t.task_id = w.task_id AND t.priority <> w.priority`,
    );
  });
}

interface TierRow {
  readonly symbol: string;
  readonly tier: string;
  readonly priority: number;
}

/** Most loads find the tiers as the one before left them. */
async function areSet(db: Pool, wanted: readonly TierRow[]): Promise<boolean> {
  const { rows } = await db.query<TierRow>('SELECT symbol, tier, priority FROM backhaul.tier');
  const key = ({ symbol, tier, priority }: TierRow): string => JSON.stringify([symbol, tier, priority]);
  const there = new Set(rows.map(key));
  return there.size === new Set(wanted.map(key)).size && wanted.every((row) => there.has(key(row)));
}
