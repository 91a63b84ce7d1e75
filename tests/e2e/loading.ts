import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Pool } from 'pg';
import { afterAll } from 'vitest';
import { INDICATOR_NAMES } from '../../src/bars/columns.ts';
import { runLoad } from '../../src/load/load.ts';
import type { LoadEvent, LoadOptions, LoadSummary } from '../../src/load/load_events.ts';

/** What the command line asks for by itself, on one thread: where it is about company, a test asks for more. */
export const LOAD_DEFAULTS: Omit<LoadOptions, 'sources' | 'databaseUrl'> = {
  sourceOptions: {},
  layout: 'auto',
  fromUs: null,
  toUs: null,
  symbols: null,
  intervals: null,
  indicators: INDICATOR_NAMES,
  workers: 1,
  cpuTarget: 0.9,
  maxRejects: 1000,
  maxRejectShare: 0.01,
  onInvalid: 'reject',
  onConflict: 'keep',
  dryRun: false,
  batchBytes: null,
  leaseMs: 60_000,
  drainMs: 10_000,
};

/** Loads in this process, as the command line would. */
export async function load(
  url: string,
  sources: readonly string[],
  options: Partial<LoadOptions> = {},
  onEvent: (event: LoadEvent) => void = () => {},
): Promise<LoadSummary> {
  const never = new AbortController().signal;
  return runLoad(
    {
      ...LOAD_DEFAULTS,
      sources,
      databaseUrl: url,
      ...options,
    },
    onEvent,
    { drain: never, abort: never },
  );
}

/** The whole of `candles`, a line a row, in order: two databases hold the same if and only if these are equal. */
export async function candles(db: Pool): Promise<string> {
  const { rows } = await db.query<{ line: string }>(
    'SELECT c::text AS line FROM backhaul.candles c ORDER BY venue, symbol, interval_s, ts',
  );
  return rows.map((row) => row.line).join('\n');
}

/** What refers to others comes before them. */
const TABLES = [
  ...['task_event', 'reject', 'conflict', 'gap', 'coverage', 'indicator_state', 'trade_edge', 'rollup_state'],
  ...['rollup', 'derivation', 'series_rule', 'series', 'task', 'run', 'partition'],
];

/** Empties every table, so that one database serves many loads. Of few rows, a seventh of the cost of TRUNCATE. */
export async function wipe(db: Pool): Promise<void> {
  const { rows } = await db.query<{ name: string }>('SELECT name FROM backhaul.partition');
  for (const { name } of rows) await db.query(`DROP TABLE backhaul.${name}`);
  await db.query('TRUNCATE backhaul.bars');
  for (const name of TABLES) await db.query(`DELETE FROM backhaul.${name}`);
}

/** A folder that is removed at the end of the test file. */
export function scratchFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'backhaul-test-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
