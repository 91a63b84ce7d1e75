import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool } from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { connect, createPool } from '../../src/database/connect.ts';
import { distribute } from '../../src/state/leaves/distribute.ts';
import { migrate } from '../../src/state/schema/migrate.ts';
import { load, scratchFolder, wipe } from '../e2e/loading.ts';
import { CITUS_URL, cluster, databaseAt, say } from '../servers.ts';
import { differences, snapshot } from '../survive/copies.ts';
import { type Ended, type Program, startLoad, thawed, untilFrozen } from '../survive/program.ts';
import { openProxy, type Proxy as Way } from '../survive/proxy.ts';
import { freshWorld } from '../survive/worlds.ts';

/**
 * Nodes of a Citus cluster go away in the midst of a load and come back. No server is stopped: the ways of the cluster
 * and of the load to each of the nodes, that of the nodes to the coordinator, and the load's, lead through proxies that fall, and what was connected to the
 * coordinator is ended. To each side that is what it sees of a server that dies; a node that lost what it had not
 * written to its disk would be another matter, and PostgreSQL's.
 */

const folder = scratchFolder();
const world = freshWorld(join(folder, 'world'), 2, false);
/** Long enough to be away for a moment, short enough to wait for. */
const LEASE = ['--lease-seconds', '30'] as const;

describe.skipIf(CITUS_URL === '')('a load on a Citus cluster (TEST_CITUS_URL)', async () => {
  if (CITUS_URL === '') return;
  const name = `backhaul_nodes_${process.pid}`;
  const nodes: Way[] = [];
  const addresses: string[] = [];
  /** By which nodes go to the coordinator. */
  let home!: Way;
  const server = cluster(CITUS_URL, async (host, port, isCoordinator) => {
    const proxy = await openProxy(`postgres://${host}:${port}/`);
    if (isCoordinator) home = proxy;
    else {
      nodes.push(proxy);
      addresses.push(databaseAt(CITUS_URL, name, host, port));
    }
    return { host: '127.0.0.1', port: Number(new URL(proxy.url).port) };
  });
  const url = databaseAt(CITUS_URL, name);
  const coordinator = await openProxy(url);
  await server.create(name);
  const db = createPool(url, { applicationName: 'test pool', max: 2, statementTimeoutMs: 20_000 });
  let undisturbed: Record<string, string>;
  beforeAll(async () => {
    await migrate(db);
    await distribute(db, { shards: 4, dryRun: false, onStep: () => {} });
    await world.prepare(url);
    await load(url, [world.source]);
    undisturbed = await snapshot(db);
    await wipe(db);
    await world.prepare(url);
  });
  afterEach(async () => {
    for (const way of [coordinator, home, ...nodes]) way.rise();
    for (const address of [url, ...addresses]) await say(address, ['SELECT recover_prepared_transactions()']);
    await afresh(wipe);
    await world.prepare(url);
  });
  afterAll(async () => {
    await db.end();
    await server.drop(name);
  });

  /** On a session that has no connection to a node yet, which may have broken meanwhile. */
  async function afresh<T>(work: (pool: Pool) => Promise<T>): Promise<T> {
    const pool = createPool(url, { applicationName: 'test pool', max: 1 });
    try {
      return await work(pool);
    } finally {
      await pool.end();
    }
  }

  /** On which node the load's worker has its session, in a transaction or just out of it, and one where it has none. */
  async function sides(): Promise<{ readonly own: Way; readonly other: Way }> {
    const counts: number[] = [];
    for (const address of addresses) {
      const node = await connect(address, { applicationName: 'test admin' });
      const { rows } = await node.query<{ n: number }>(
        `SELECT count(*)::int AS n FROM pg_stat_activity
         WHERE datname = current_database() AND application_name ~ '^backhaul (worker|[0-9]+/[0-9]+)$'`,
      );
      await node.end();
      counts.push(rows[0]!.n);
    }
    expect(counts.toSorted().slice(-2)).toEqual([0, 1]);
    return { own: nodes[counts.indexOf(1)]!, other: nodes[counts.indexOf(0)]! };
  }

  /** Transactions that a node holds prepared and nobody has settled. */
  async function prepared(): Promise<number> {
    let sum = 0;
    for (const address of [url, ...addresses]) {
      const node = await connect(address, { applicationName: 'test admin' });
      const { rows } = await node.query<{ n: number }>(
        'SELECT count(*)::int AS n FROM pg_prepared_xacts WHERE database = current_database()',
      );
      await node.end();
      sum += rows[0]!.n;
    }
    return sum;
  }

  /**
   * The load knows that somebody is away: its file is to be done again; or, where the program stopped a moment later than
   * it was told to, its COMMIT is being held back.
   */
  async function noticed(program: Program): Promise<void> {
    let isSaid = false;
    const said = program.said('"outcome":"retry"').then(() => {
      isSaid = true;
    });
    while (!isSaid && (await prepared()) === 0) await Promise.race([said, sleep(250)]);
    said.catch(() => {});
  }

  const begin = (through: string, env: Readonly<Record<string, string>> = {}): Program =>
    startLoad(through, [world.source], { flags: [...LEASE, '--json'], env, workers: 1 });

  /** The load has ended by itself and well, the table is whole, and nothing is left between the nodes. */
  async function endsWell(ending: Promise<Ended>): Promise<void> {
    const { code, stdout, stderr, hung } = await ending;
    expect({ code, hung }, stdout + stderr).toEqual({ code: 3, hung: false });
    expect(await prepared()).toBe(0);
    expect(differences(await afresh(snapshot), undisturbed)).toEqual([]);
  }

  it.each([
    ['copy.written', 'own'],
    ['copy.written', 'other'],
    ['task.finished', 'own'],
    ['task.finished', 'other'],
  ] as const)(
    'waits for a node that dies at %s, the one it writes to or another: %s',
    async (point, which) => {
      const program = begin(url, { BACKHAUL_FREEZE_AT: point });
      await untilFrozen(program);
      const { [which]: node } = await sides();
      node.fall();
      const ending = thawed(program);
      await noticed(program);
      node.rise();
      await endsWell(ending);
    },
  );

  it.each(['task.finished'])('waits for a coordinator that its nodes do not reach at %s', async (point) => {
    const program = begin(url, { BACKHAUL_FREEZE_AT: point });
    await untilFrozen(program);
    home.fall();
    const ending = thawed(program);
    await noticed(program);
    home.rise();
    await endsWell(ending);
  });

  describe.skipIf(!(await isReadable()))('where nodes speak plainly to each other', () => {
    const WHO = ['another node', 'the coordinator'] as const;
    const wayTo = async (who: (typeof WHO)[number]): Promise<Way> =>
      who === 'the coordinator' ? home : (await sides()).other;

    it.each(WHO)('does a file again before whose PREPARE %s dies', async (who) => {
      const program = begin(url, { BACKHAUL_FREEZE_AT: 'task.finished' });
      await untilFrozen(program);
      const way = await wayTo(who);
      const fallen = way.fallsBefore('PREPARE TRANSACTION');
      const ending = thawed(program);
      await fallen;
      await program.said('"outcome":"retry"');
      way.rise();
      await endsWell(ending);
    });

    it.each(WHO)('brings to its end what is prepared when %s dies', async (who) => {
      const program = begin(url, { BACKHAUL_FREEZE_AT: 'task.finished' });
      await untilFrozen(program);
      const way = await wayTo(who);
      const fallen = way.fallsBefore('COMMIT PREPARED');
      const ending = thawed(program);
      await fallen;
      expect(await prepared()).toBeGreaterThan(0);
      way.rise();
      await endsWell(ending);
    });
  });

  it.each(['copy.written', 'task.finished', 'leaf.attached'])(
    'waits for a coordinator that restarts at %s, and goes on',
    async (point) => {
      const program = begin(coordinator.url, { BACKHAUL_FREEZE_AT: point });
      await untilFrozen(program);
      coordinator.fall();
      await db.query(
        `SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
         WHERE datname = current_database() AND backend_type = 'client backend'
           AND (application_name LIKE 'backhaul%' OR application_name LIKE 'citus_internal%')`,
      );
      const ending = thawed(program);
      await program.said('waiting for the database');
      coordinator.rise();
      await endsWell(ending);
    },
  );
});

/** Nodes speak plainly to each other, so that a proxy sees what they say. */
async function isReadable(): Promise<boolean> {
  const client = await connect(CITUS_URL, { applicationName: 'test admin' });
  const { rows } = await client.query<{ how: string }>(
    `SELECT current_setting('citus.node_conninfo') AS how`,
  );
  await client.end();
  return /sslmode=(disable|allow)/.test(rows[0]!.how.replaceAll(' ', ''));
}

afterAll(() => {
  if (CITUS_URL === '') process.stderr.write('TEST_CITUS_URL is not given: no node of Citus dies\n');
});
