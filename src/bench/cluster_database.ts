/** A distributed database for a benchmark, on the nodes of the cluster that a named database is distributed over. */

import type { Client } from 'pg';
import { connect, createPool, endPool } from '../database/connect.ts';
import { distribute, distributionOf } from '../state/leaves/distribute.ts';
import { isDistributed } from '../state/schema/distributed.ts';
import { migrate } from '../state/schema/migrate.ts';
import { atNode } from '../state/schema/node_statements.ts';
import { serverCpuSeconds, serverPid, withDatabase } from './bench_database.ts';

interface Node {
  readonly host: string;
  readonly port: number;
  readonly isCoordinator: boolean;
  readonly takesShards: boolean;
}

/** A server of the cluster, on its database that was named. */
interface Server {
  readonly node: Node;
  readonly admin: Client;
  readonly url: string;
  /** Its first process, where it runs beside us. */
  readonly pid: number | null;
}

/** A database of one name on every node, until {@link ClusterDatabase.close}. */
export class ClusterDatabase {
  readonly #servers: readonly Server[];
  readonly #name: string;
  readonly #shards: number;

  private constructor(servers: readonly Server[], name: string, shards: number) {
    this.#servers = servers;
    this.#name = name;
    this.#shards = shards;
  }

  /** Null: the database at `named` is not a distributed one. Fails where we may not make databases with the extension. */
  static async open(named: string, name: string): Promise<ClusterDatabase | null> {
    const home = await connect(named, { applicationName: 'backhaul bench' });
    const servers: Server[] = [];
    let made: ClusterDatabase | null = null;
    try {
      if (!(await isDistributed(home))) return null;
      const shards = (await distributionOf(home)).shards!;
      const { rows } = await home.query<Node>(
        `SELECT nodename AS host, nodeport AS port, groupid = 0 AS "isCoordinator", shouldhaveshards AS "takesShards"
         FROM pg_dist_node WHERE isactive AND noderole = 'primary' ORDER BY groupid <> 0, nodeid`,
      );
      made = new ClusterDatabase(servers, name, shards);
      for (const node of rows) {
        const url = node.isCoordinator ? named : atNode(named, node.host, node.port);
        const admin = await connect(url, { applicationName: 'backhaul bench' });
        servers.push({ node, admin, url, pid: await serverPid(admin) });
      }
      await made.#make();
      return made;
    } catch (error) {
      await made?.close().catch(() => {});
      throw error;
    } finally {
      await home.end();
    }
  }

  /** Of the coordinator; holds the password. */
  get url(): string {
    return withDatabase(this.#servers[0]!.url, this.#name);
  }

  /** Nodes that take shards. */
  get nodes(): number {
    return this.#servers.filter(({ node }) => node.takesShards).length;
  }

  async #make(): Promise<void> {
    for (const { admin, url } of this.#servers) {
      await admin.query('SET client_min_messages = warning');
      await admin.query(`CREATE DATABASE ${this.#name}`);
      await within(withDatabase(url, this.#name), (client) => client.query('CREATE EXTENSION citus'));
    }
    await within(this.url, async (client) => {
      for (const { node } of this.#servers) {
        const { host, port, isCoordinator, takesShards } = node;
        const how = isCoordinator ? 'citus_set_coordinator_host' : 'citus_add_node';
        await client.query(`SELECT ${how}($1, $2)`, [host, port]);
        await client.query(`SELECT citus_set_node_property($1, $2, 'shouldhaveshards', $3)`, [
          ...[host, port, takesShards],
        ]);
      }
    });
  }

  /** Takes away what a run has left, and makes the tables anew, distributed as those of the named database. */
  async reset(): Promise<void> {
    await within(this.url, (client) => client.query('DROP SCHEMA IF EXISTS backhaul CASCADE'));
    const db = createPool(this.url, { applicationName: 'backhaul bench', max: 2 });
    try {
      await migrate(db);
      await distribute(db, { shards: this.#shards, dryRun: false, onStep: () => {} });
    } finally {
      await endPool(db);
    }
  }

  /** CPU seconds that the servers have used so far, all together; null where one of them runs elsewhere. */
  async cpuSeconds(): Promise<number | null> {
    const each = await Promise.all(this.#servers.map(({ pid }) => serverCpuSeconds(pid)));
    return each.includes(null) ? null : each.reduce<number>((sum, one) => sum + one!, 0);
  }

  /** Drops the database everywhere, with whoever is still in it. */
  async close(): Promise<void> {
    for (const { admin } of this.#servers)
      await admin.query(`DROP DATABASE IF EXISTS ${this.#name} WITH (FORCE)`).catch(() => {});
    for (const { admin } of this.#servers) await admin.end().catch(() => {});
  }
}

async function within(url: string, work: (client: Client) => Promise<unknown>): Promise<void> {
  const client = await connect(url, { applicationName: 'backhaul bench' });
  try {
    await client.query('SET client_min_messages = warning');
    await work(client);
  } finally {
    await client.end();
  }
}
