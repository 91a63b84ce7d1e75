/**
 * Columns that layouts ask to keep beside a bar: real columns of `bars`, added when they are first asked for, so that
 * they cost nothing where nobody did. `backhaul.extra_column` lists them.
 */

import { BARS_COLUMNS } from '../../copy/wire.ts';
import { type Db, inTransaction } from '../../database/connect.ts';
import { BackhaulError } from '../../faults/fault.ts';
import { keptColumns } from '../../scan/kept_columns.ts';
import type { ExtraColumn } from '../../scan/shape.ts';
import type { TaskPlan } from '../task_plan.ts';
import { makeReadingAnew } from './candles_view.ts';
import { isDistributed, ONE_BY_ONE } from './distributed.ts';

/** Names a column of `bars` or `candles` has already. */
const TAKEN: ReadonlySet<string> = new Set([
  ...BARS_COLUMNS,
  'venue',
  'symbol',
  'interval_s',
  'line',
  'byte_offset',
]);
/** What PostgreSQL keeps of a name, in bytes. */
const MOST_BYTES = 63;

/**
 * The column a header's name, already normalised, gets: the same, or with `vendor_` before it where `bars` has a column
 * of that name (a vendor's `vwap` beside ours). Null for a name that no column can have.
 */
export function extraColumnName(normalised: string): string | null {
  if (normalised === '') return null;
  const name = TAKEN.has(normalised) || /^\p{N}/u.test(normalised) ? `vendor_${normalised}` : normalised;
  return Buffer.byteLength(name) > MOST_BYTES ? null : name;
}

/** The columns a plan's file brings beside its bars. */
export function extraColumnsOf({ shape }: Pick<TaskPlan, 'shape'>): ExtraColumn[] {
  return keptColumns(shape);
}

/** All that were ever asked for, in the order they were added in. */
export async function readExtraColumns(db: Db): Promise<ExtraColumn[]> {
  const { rows } = await db.query<ExtraColumn>(
    'SELECT name, type FROM backhaul.extra_column ORDER BY added_at, name',
  );
  return rows;
}

/**
 * Adds the columns that plans ask for and that are not there. Fault `usage` where one is there with another type. Waits
 * for loads that write: `bars` and its leaves are locked for as long as the catalogue takes.
 */
export async function ensureExtraColumns(db: Db, plans: readonly TaskPlan[]): Promise<void> {
  const wanted = plans.flatMap(extraColumnsOf);
  if (wanted.length === 0) return;
  if (missingOf(wanted, await readExtraColumns(db)).length === 0) return;
  await inTransaction(db, async (client) => {
    await client.query(`SELECT pg_advisory_xact_lock(hashtextextended('backhaul.extra_column', 0))`);
    const missing = missingOf(wanted, await readExtraColumns(client));
    if (missing.length === 0) return;
    if (await isDistributed(client)) await client.query(ONE_BY_ONE);
    for (const { name, type } of missing) {
      const column = quoted(name);
      await client.query(`ALTER TABLE backhaul.bars ADD COLUMN IF NOT EXISTS ${column} ${type}`);
      await client.query(`ALTER TABLE backhaul.bars_bare ADD COLUMN IF NOT EXISTS ${column} ${type}`);
      await client.query('INSERT INTO backhaul.extra_column (name, type) VALUES ($1, $2)', [name, type]);
    }
    await makeReadingAnew(client);
  });
}

/** Those of `wanted` that are not there, each once. */
function missingOf(wanted: readonly ExtraColumn[], there: readonly ExtraColumn[]): ExtraColumn[] {
  const types = new Map(there.map(({ name, type }) => [name, type]));
  const missing: ExtraColumn[] = [];
  for (const { name, type } of wanted) {
    const standing = types.get(name);
    if (standing !== undefined && standing !== type)
      throw new BackhaulError({
        kind: 'usage',
        message: `the layout keeps an extra column ${name} as ${type}, but the database has it as ${standing}`,
        expected: `extra: { ${name}: ${standing} }`,
        hint: `Give it another name in the layout, or the type ${standing}.`,
      });
    if (standing === undefined) missing.push({ name, type });
    types.set(name, type);
  }
  return missing;
}

/** The name as SQL has it; normalised names hold letters, digits and `_` alone. */
export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
