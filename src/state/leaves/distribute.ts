/**
 * A standing database becomes a distributed one: `bars` by series over the nodes of a Citus cluster, `series` on all of
 * them, everything else on the coordinator, where tasks are claimed and finished.
 */

import type { ClientBase, Pool } from 'pg';
import { type Db, inTransaction } from '../../database/connect.ts';
import { BackhaulError } from '../../faults/fault.ts';
import { CLAIM_LOCK } from '../moves.ts';
import { makeReadingAnew } from '../schema/candles_view.ts';
import { isDistributed, ONE_BY_ONE } from '../schema/distributed.ts';
import { isHypertable } from '../schema/migrate.ts';
import { hasNodeStatements, isCoordinatorKnown, makeNodeStatements } from '../schema/node_statements.ts';
import { Partitions } from './partitions.ts';

/** As far back as it has been tried. */
const OLDEST_CITUS = [13, 0] as const;
/** Shards a node: room to move some to nodes that come later, and few enough that a leaf a month stays cheap. */
const SHARDS_A_NODE = 4;

export interface DistributeOptions {
  /** Null: chosen by the number of nodes. */
  readonly shards: number | null;
  /** Looks at everything, and changes nothing. */
  readonly dryRun: boolean;
  /** Hears what is being done, in the order of doing. */
  readonly onStep: (text: string) => void;
}

export interface Distribution {
  readonly type: 'distribute';
  /** The database was a distributed one already. */
  readonly already: boolean;
  readonly dryRun: boolean;
  readonly citus: string;
  readonly nodes: readonly string[];
  readonly shards: number;
  readonly leaves: number;
}

/**
 * Distributes the bars. Tables are up to date. In one transaction: it is done, or nothing has changed.
 * @throws BackhaulError `database`: no Citus or one that is too old, a cluster without nodes that take shards, a load
 * at work, tables that somebody else has distributed otherwise, a hypertable
 */
export async function distribute(db: Pool, options: DistributeOptions): Promise<Distribution> {
  const citus = await checkCitus(db);
  const nodes = await shardNodes(db);
  const said = { type: 'distribute', dryRun: options.dryRun, citus, nodes } as const;
  if (await isDistributed(db)) {
    const { shards, leaves } = await checkOurs(db);
    await seeToNodes(db, options);
    return { ...said, already: true, shards, leaves };
  }
  await checkStrangers(db);
  if (nodes.length === 0)
    throw new BackhaulError({
      kind: 'database',
      message: 'No node of the cluster takes shards.',
      hint: `On the coordinator: SELECT citus_add_node('<worker>', 5432); for each worker, with extension citus in a database of the same name.`,
    });
  const shards = options.shards ?? SHARDS_A_NODE * nodes.length;
  const { rows } = await db.query<{ leaves: number; rows: number; running: number }>(
    `SELECT (SELECT count(*)::int FROM backhaul.partition) AS leaves,
       (SELECT coalesce(sum(greatest(c.reltuples, 0)), 0)::float8 FROM backhaul.partition p
        JOIN pg_class c ON c.relname = p.name AND c.relnamespace = 'backhaul'::regnamespace) AS rows,
       (SELECT count(*)::int FROM backhaul.task WHERE state = 'running') AS running`,
  );
  const standing = rows[0]!;
  if (standing.running > 0)
    throw new BackhaulError({
      kind: 'database',
      message: 'A load is at work in this database.',
      found: `${standing.running} tasks at work`,
      hint: 'Wait for it to end; npx backhaul status shows it. Of one that was killed, the next load takes them back.',
    });
  const { leaves } = standing;
  const { onStep } = options;
  onStep(`bars: by series_id over ${shards} shards on ${nodes.join(', ')}; ${leaves} partitions move there`);
  onStep('series: on every node, so that joins with bars stay there');
  onStep('tasks, coverage, states, rejects, gaps, runs: stay on the coordinator');
  onStep('gap, conflict: no foreign keys to series any more');
  if (!options.dryRun) {
    // Rows lie in their last place before they move.
    await new Partitions(db, false).promoteAll(1, () => {}, true);
    await inTransaction(db, (client) => spread(client, shards));
  }
  await seeToNodes(db, options);
  return { ...said, already: false, shards, leaves };
}

/** Lets loads write to the nodes without a way through the coordinator: what that needs is made where it is not there. */
async function seeToNodes(db: Pool, { dryRun, onStep }: DistributeOptions): Promise<void> {
  if (await hasNodeStatements(db)) return;
  if (!(await isCoordinatorKnown(db))) {
    onStep(
      `loads go through the coordinator, whose address its nodes do not know: SELECT citus_set_coordinator_host('<host>', 5432); and say this again`,
    );
    return;
  }
  onStep(
    'node_statement: known to all nodes, so that loads write to them without a way through the coordinator',
  );
  if (!dryRun) await makeNodeStatements(db);
}

/** The moves themselves. Claims wait meanwhile, and with them every load that begins. */
async function spread(client: ClientBase, shards: number): Promise<void> {
  for (const text of [
    `SELECT ${CLAIM_LOCK}`,
    ONE_BY_ONE,
    `SET LOCAL client_min_messages = warning`,
    `SET LOCAL synchronous_commit = on`,
    // A table on the coordinator alone may not refer to one that is on all nodes without being moved into its care.
    'ALTER TABLE backhaul.gap DROP CONSTRAINT IF EXISTS gap_series_id_fkey',
    'ALTER TABLE backhaul.conflict DROP CONSTRAINT IF EXISTS conflict_series_id_fkey',
    `SELECT create_reference_table('backhaul.series')`,
  ])
    await client.query(text);
  await client.query(
    `SELECT create_distributed_table('backhaul.bars', 'series_id', shard_count => $1, colocate_with => 'none')`,
    [shards],
  );
  for (const text of [
    // Citus distributes no table that others inherit from: leaves without a key hang below it as partitions instead.
    'ALTER TABLE backhaul.bars_bare RENAME TO bars_bare_before',
    `CREATE TABLE backhaul.bars_bare (LIKE backhaul.bars INCLUDING DEFAULTS INCLUDING STORAGE) PARTITION BY RANGE (ts)`,
    `SELECT create_distributed_table('backhaul.bars_bare', 'series_id', colocate_with => 'backhaul.bars')`,
  ])
    await client.query(text);
  await makeReadingAnew(client);
  await client.query('DROP TABLE backhaul.bars_bare_before');
}

/**
 * How the tables stand on a cluster, the extension being there: its version, and in how many shards the bars lie, null where
 * they are not distributed; `takesSessions`: loads may write from sessions on its nodes. Faults as {@link distribute}: a worker's address, too old a version, other hands.
 */
export async function distributionOf(
  db: Db,
): Promise<{ readonly citus: string; readonly shards: number | null; readonly takesSessions: boolean }> {
  const citus = await checkCitus(db);
  if (await isDistributed(db)) {
    const { shards } = await checkOurs(db);
    return { citus, shards, takesSessions: await hasNodeStatements(db) };
  }
  await checkStrangers(db);
  return { citus, shards: null, takesSessions: false };
}

/** The version of Citus. Faults where it is not there, too old, or we are not on its coordinator. */
async function checkCitus(db: Db): Promise<string> {
  const { rows } = await db.query<{ version: string }>(
    `SELECT extversion AS version FROM pg_extension WHERE extname = 'citus'`,
  );
  const installed = rows[0]?.version;
  const expected = `Citus ${OLDEST_CITUS.join('.')} or newer`;
  if (installed === undefined)
    throw new BackhaulError({
      kind: 'database',
      message: 'Bars can be distributed only where the extension Citus is installed.',
      expected,
      found: 'none',
      hint: `CREATE EXTENSION citus; in this database on every node, with shared_preload_libraries = 'citus'. Without it a load needs no db distribute.`,
    });
  const [major = 0, minor = 0] = installed.split(/[.-]/).map(Number);
  if (major < OLDEST_CITUS[0] || (major === OLDEST_CITUS[0] && minor < OLDEST_CITUS[1]))
    throw new BackhaulError({
      kind: 'database',
      message: 'The extension Citus is too old.',
      expected,
      found: `Citus ${installed}`,
      hint: 'Install a newer one, then ALTER EXTENSION citus UPDATE; on every node.',
    });
  const { rows: place } = await db.query<{ here: boolean }>('SELECT citus_is_coordinator() AS here');
  if (!place[0]!.here)
    throw new BackhaulError({
      kind: 'database',
      message: 'This is a worker node of a Citus cluster.',
      expected: 'the address of its coordinator',
      hint: 'SELECT nodename, nodeport FROM pg_dist_node WHERE groupid = 0; tells it.',
    });
  return installed;
}

async function shardNodes(db: Db): Promise<string[]> {
  const { rows } = await db.query<{ node: string }>(
    `SELECT nodename || ':' || nodeport AS node FROM pg_dist_node
     WHERE isactive AND shouldhaveshards AND noderole = 'primary' ORDER BY nodename, nodeport`,
  );
  return rows.map(({ node }) => node);
}

/** Bars are distributed: as we do it? Resolves to how. */
async function checkOurs(db: Db): Promise<{ readonly shards: number; readonly leaves: number }> {
  const { rows } = await db.query<{
    bars: string | null;
    series: string | null;
    bare: string | null;
    shards: number;
    leaves: number;
    local: number;
  }>(
    `SELECT (SELECT distribution_column FROM citus_tables WHERE table_name = 'backhaul.bars'::regclass) AS bars,
       (SELECT citus_table_type FROM citus_tables WHERE table_name = 'backhaul.series'::regclass) AS series,
       (SELECT distribution_column FROM citus_tables WHERE table_name = 'backhaul.bars_bare'::regclass) AS bare,
       (SELECT shard_count::int FROM citus_tables WHERE table_name = 'backhaul.bars'::regclass) AS shards,
       (SELECT count(*)::int FROM backhaul.partition) AS leaves,
       (SELECT count(*)::int FROM backhaul.partition
        WHERE to_regclass('backhaul.' || name) NOT IN (SELECT logicalrelid FROM pg_dist_partition)) AS local`,
  );
  const { bars, series, bare, shards, leaves, local } = rows[0]!;
  if (bars === 'series_id' && series === 'reference' && bare === 'series_id' && local === 0)
    return { shards, leaves };
  const found = [
    `bars by ${bars ?? 'nothing'}`,
    `series ${series ?? 'local'}`,
    `bars_bare by ${bare ?? 'nothing'}`,
    ...(local > 0 ? [`${local} local partitions`] : []),
  ];
  throw notOurs(found.join(', '));
}

/** Bars are not distributed: is anything else of ours, or the schema as a whole? */
async function checkStrangers(db: Db): Promise<void> {
  if (await isHypertable(db))
    throw new BackhaulError({
      kind: 'database',
      message: 'The bars of this database are a TimescaleDB hypertable.',
      hint: 'Distribute another database, without the extension timescaledb.',
    });
  const { rows } = await db.query<{ name: string }>(
    `SELECT c.relname AS name FROM pg_dist_partition p JOIN pg_class c ON c.oid = p.logicalrelid
     WHERE c.relnamespace = to_regnamespace('backhaul') ORDER BY c.relname LIMIT 5`,
  );
  if (rows.length > 0) throw notOurs(rows.map(({ name }) => name).join(', '));
}

function notOurs(found: string): BackhaulError {
  return new BackhaulError({
    kind: 'database',
    message: 'Tables of this database are distributed by other hands, in another way.',
    expected: 'bars and bars_bare by series_id, series as a reference table, the rest on the coordinator',
    found,
    hint: `Take that back first: SELECT undistribute_table('backhaul.<table>');`,
  });
}
