/** The database a benchmark works in: one of its own, on a server of its own or one that was named. */

import { join } from 'node:path';
import type { Client } from 'pg';
import { connect } from '../database/connect.ts';
import { ensureEmbedded } from '../database/embedded.ts';
import { familyCpuSeconds, parentOfSameName, sharesOurPids } from '../load/scaling/process_cpu.ts';

const PREFIX = 'backhaul_bench_';

/** Settings that decide how fast a server takes rows. */
const TOLD_SETTINGS = [
  'fsync',
  'full_page_writes',
  'synchronous_commit',
  'wal_level',
  'shared_buffers',
  'max_wal_size',
  'checkpoint_timeout',
  'maintenance_work_mem',
  'max_parallel_maintenance_workers',
  'jit',
];

/** What is known of the server. */
export interface ServerFacts {
  readonly version: string;
  /** Started by the benchmark, with the settings any embedded server gets. */
  readonly embedded: boolean;
  readonly settings: Readonly<Record<string, string>>;
}

/** The URL of another database of the same server. */
export function withDatabase(url: string, name: string): string {
  return url.replace(/^(postgres(?:ql)?:\/\/[^/?]*)(?:\/[^?]*)?/i, `$1/${name}`);
}

/** A database that is there until {@link BenchDatabase.close}. */
export class BenchDatabase {
  /** Both hold the password, and are the same where a server was named. */
  readonly url: string;
  /** Over TCP, as between machines. */
  readonly tcpUrl: string;
  readonly facts: ServerFacts;
  /** The server's first process, where it runs beside us. */
  readonly serverPid: number | null;
  readonly name: string;
  readonly #admin: Client;
  readonly #release: () => Promise<void>;
  #mayCheckpoint = true;

  private constructor(
    admin: Client,
    urls: { readonly url: string; readonly tcpUrl: string },
    name: string,
    facts: ServerFacts,
    serverPid: number | null,
    release: () => Promise<void>,
  ) {
    this.#admin = admin;
    this.#release = release;
    this.url = urls.url;
    this.tcpUrl = urls.tcpUrl;
    this.name = name;
    this.facts = facts;
    this.serverPid = serverPid;
  }

  /** `named`: URL of a server to use; null: an embedded one under `folder`. */
  static async open(folder: string, named: string | null): Promise<BenchDatabase> {
    const handle = named === null ? await ensureEmbedded(join(folder, 'server')) : null;
    const release = async (): Promise<void> => handle?.release();
    const server = handle?.socketUrl ?? named!;
    let admin: Client | null = null;
    try {
      admin = await connect(server, { applicationName: 'backhaul bench' });
      const name = `${PREFIX}${process.pid}`;
      // On a server of our own, whatever a killed benchmark has left behind is nobody's.
      if (handle !== null) await dropLeftovers(admin);
      await admin.query(`CREATE DATABASE ${name}`);
      const facts = await factsOf(admin, handle !== null);
      const urls = {
        url: withDatabase(server, name),
        tcpUrl: withDatabase(handle?.url ?? server, name),
      };
      return new BenchDatabase(admin, urls, name, facts, await serverPid(admin), release);
    } catch (error) {
      await admin?.end().catch(() => {});
      await release();
      throw error;
    }
  }

  /** Takes away what a run has left, and lets the server write out what it holds, so that each run starts alike. */
  async reset(): Promise<void> {
    const client = await connect(this.url, { applicationName: 'backhaul bench' });
    try {
      await client.query(`SET client_min_messages = warning`);
      await client.query('DROP SCHEMA IF EXISTS backhaul CASCADE; DROP SCHEMA IF EXISTS floor CASCADE');
    } finally {
      await client.end();
    }
    await this.#checkpoint();
  }

  /**
   * Lets the server do at once what it owes to what was loaded: vacuum, statistics, and its write to disk. On a second day
   * all that is long done; left undone it would be paid for by whatever is timed next.
   */
  async settle(): Promise<void> {
    const client = await connect(this.url, { applicationName: 'backhaul bench' });
    try {
      await client.query('VACUUM (ANALYZE)');
    } finally {
      await client.end();
    }
    await this.#checkpoint();
  }

  async #checkpoint(): Promise<void> {
    if (!this.#mayCheckpoint) return;
    await this.#admin.query('CHECKPOINT').catch((error: { code?: string }) => {
      // 42501: only a superuser or pg_checkpoint may.
      if (error.code !== '42501') throw error;
      this.#mayCheckpoint = false;
    });
  }

  /** CPU seconds the server has used so far; null where it runs elsewhere. */
  async cpuSeconds(): Promise<number | null> {
    return serverCpuSeconds(this.serverPid);
  }

  /** Drops the database, with whoever is still in it, and stops the server if it is ours. */
  async close(): Promise<void> {
    try {
      await this.#admin.query(`DROP DATABASE IF EXISTS ${this.name} WITH (FORCE)`);
    } finally {
      await this.#admin.end().catch(() => {});
      await this.#release();
    }
  }
}

async function dropLeftovers(admin: Client): Promise<void> {
  const { rows } = await admin.query<{ datname: string }>(
    `SELECT datname FROM pg_database d WHERE starts_with(datname, $1)
       AND NOT EXISTS (SELECT FROM pg_stat_activity a WHERE a.datid = d.oid)`,
    [PREFIX],
  );
  for (const { datname } of rows) {
    if (isAlive(Number(datname.slice(PREFIX.length)))) continue;
    await admin.query(`DROP DATABASE IF EXISTS ${admin.escapeIdentifier(datname)}`);
  }
}

function isAlive(pid: number): boolean {
  try {
    return pid !== process.pid && process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

async function factsOf(admin: Client, embedded: boolean): Promise<ServerFacts> {
  const { rows } = await admin.query<{ name: string; value: string }>(
    'SELECT name, current_setting(name) AS value FROM pg_settings WHERE name = ANY ($1) ORDER BY name',
    [TOLD_SETTINGS],
  );
  const version = await admin.query<{ server_version: string }>('SHOW server_version');
  return {
    version: version.rows[0]!.server_version,
    embedded,
    settings: Object.fromEntries(rows.map(({ name, value }) => [name, value])),
  };
}

/** The server's pid where its processes are seen from here: the session's own process must be a child of it. */
export async function serverPid(admin: Client): Promise<number | null> {
  const { rows } = await admin.query<{ pid: number; local: boolean }>(
    `SELECT pg_backend_pid() AS pid,
       inet_server_addr() IS NULL OR inet_server_addr() = inet_client_addr() AS local`,
  );
  const { pid, local } = rows[0]!;
  if (!local || process.platform !== 'linux' || !(await sharesOurPids(pid))) return null;
  return parentOfSameName(pid);
}

/** CPU seconds that a server with this first process has used so far; null: it runs elsewhere. */
export async function serverCpuSeconds(pid: number | null): Promise<number | null> {
  return pid === null ? null : familyCpuSeconds(pid);
}
