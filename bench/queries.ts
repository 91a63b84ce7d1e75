/**
 * What the queries of docs/query.md cost: `node bench/queries.ts --database postgres://…/an_empty_database`.
 *
 * Makes a market of 60 monthly partitions in that database, which must not have schema backhaul yet, and runs every
 * query 26 times on one session: the first fills the caches and is not counted. Printed: the medians of planning and
 * execution as EXPLAIN (ANALYZE, TIMING OFF) tells them (a clock read twice a row and node would be most of it), rows,
 * pages touched, and how many partitions were read. The schema stays, to try queries of your own: DROP SCHEMA backhaul
 * CASCADE removes it.
 */
import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { connect } from '../src/database/connect.ts';
import { migrate } from '../src/state/schema/migrate.ts';
import { makeMarket, queriesIn } from './query_market.ts';

const ROUNDS = 25;
const MONTHS = 60;

const { values: flags } = parseArgs({ options: { database: { type: 'string' } } });
if (flags.database === undefined) throw new Error('--database postgres://…/an_empty_database');

interface Plan {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Actual Rows': number;
  readonly 'Actual Loops': number;
  readonly 'Shared Hit Blocks': number;
  readonly 'Shared Read Blocks': number;
  readonly Plans?: readonly Plan[];
}

interface Explained {
  readonly Plan: Plan;
  readonly 'Planning Time': number;
  readonly 'Execution Time': number;
}

function partitionsRead(plan: Plan): Set<string> {
  const own = plan['Relation Name'];
  const read = own?.startsWith('bars_') && plan['Actual Loops'] > 0 ? [own] : [];
  return new Set([...read, ...(plan.Plans ?? []).flatMap((one) => [...partitionsRead(one)])]);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}

const client = await connect(flags.database, { applicationName: 'backhaul bench' });
await migrate(client);
await makeMarket(client, MONTHS);
await client.query('SET search_path = backhaul, public; SET jit = off');
const page = await readFile(new URL('../docs/query.md', import.meta.url), 'utf8');
process.stdout.write('plan ms  run ms    rows   pages  partitions\n');
for (const { title, sql } of queriesIn(page)) {
  const runs: Explained[] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    const { rows } = await client.query(`EXPLAIN (ANALYZE, TIMING OFF, BUFFERS, FORMAT JSON) ${sql}`);
    if (round > 0) runs.push(rows[0]['QUERY PLAN'][0]);
  }
  const { Plan: plan } = runs[0]!;
  const cells = [
    median(runs.map((run) => run['Planning Time'])).toFixed(2),
    median(runs.map((run) => run['Execution Time'])).toFixed(2),
    plan['Actual Rows'],
    plan['Shared Hit Blocks'] + plan['Shared Read Blocks'],
    partitionsRead(plan).size,
  ];
  process.stdout.write(`${cells.map((cell) => String(cell).padStart(7)).join(' ')}     ${title}\n`);
}
await client.end();
