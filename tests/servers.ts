import { connect } from '../src/database/connect.ts';

/** The servers that tests make their databases on: a plain one, TimescaleDB, or a Citus cluster, each given by its address. */

export type Engine = 'plain' | 'timescale' | 'citus';

/** A server with TimescaleDB among its `shared_preload_libraries`. */
export const TIMESCALE_URL = process.env['TEST_TIMESCALE_URL'] ?? '';
/** The coordinator of a Citus cluster; its nodes are those that its own database `postgres` (or the one given) knows. */
export const CITUS_URL = process.env['TEST_CITUS_URL'] ?? '';

export interface TestServer {
  readonly engine: Engine;
  /** A database to make others from; holds the password. */
  readonly url: string;
  /** An empty database with the engine's extension in it, or a copy of one that nobody is connected to. */
  create(name: string, template?: string | null): Promise<void>;
  drop(name: string): Promise<void>;
}

/** URL of database `name` on the server of `url`, or on another one for the same user. */
export function databaseAt(url: string, name: string, host?: string, port?: number): string {
  const other = new URL(url);
  other.pathname = `/${name}`;
  if (host !== undefined) other.hostname = host;
  if (port !== undefined) other.port = String(port);
  return other.href;
}

export async function say(url: string, statements: readonly string[]): Promise<void> {
  const client = await connect(url, { applicationName: 'test admin' });
  try {
    await client.query('SET client_min_messages = warning');
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}

/** FILE_COPY writes no WAL: twice as fast for a database of this size. Servers before 15 know no other way. */
async function copying(url: string): Promise<string> {
  const client = await connect(url, { applicationName: 'test admin' });
  const { rows } = await client.query<{ version: number }>(
    `SELECT current_setting('server_version_num')::int AS version`,
  );
  await client.end();
  return rows[0]!.version >= 150_000 ? 'STRATEGY file_copy' : '';
}

/** What an extension runs in a database of its own accord keeps it from being copied: it ends, and nobody comes any more. */
const alone = (name: string): string[] => [
  `ALTER DATABASE ${name} ALLOW_CONNECTIONS false`,
  `SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '${name}'`,
];

async function createAt(
  url: string,
  name: string,
  template: string | null,
  extension: string | null,
): Promise<void> {
  if (template === null) {
    await say(url, [
      `CREATE DATABASE ${name} TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'`,
    ]);
    if (extension !== null) await say(databaseAt(url, name), [`CREATE EXTENSION ${extension}`]);
    return;
  }
  await say(url, [`CREATE DATABASE ${name} TEMPLATE ${template} ${await copying(url)}`]);
}

const dropped = (name: string): string[] => [`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`];

function single(engine: Engine, url: string, extension: string | null): TestServer {
  return {
    engine,
    url,
    create: async (name, template = null) => {
      if (template !== null && extension !== null) await say(url, alone(template));
      await createAt(url, name, template, extension);
    },
    drop: (name) => say(url, dropped(name)),
  };
}

interface Node {
  readonly host: string;
  readonly port: number;
  readonly group: number;
}

async function nodesOf(url: string): Promise<Node[]> {
  const client = await connect(url, { applicationName: 'test admin' });
  try {
    const { rows } = await client.query<Node>(
      'SELECT nodename AS host, nodeport AS port, groupid AS group FROM pg_dist_node ORDER BY groupid',
    );
    return rows;
  } finally {
    await client.end();
  }
}

/** Where a node is to be looked for by the others, instead of where it is. */
export type Detour = (
  host: string,
  port: number,
  isCoordinator: boolean,
) => Promise<{ readonly host: string; readonly port: number }>;

/**
 * Databases are made under one name on all nodes, which know each other in it: by the addresses that `detour`
 * gives.
 */
export function cluster(
  url: string,
  detour: Detour = (host, port) => Promise.resolve({ host, port }),
): TestServer {
  const nodes = nodesOf(url);
  const own = new URL(url).pathname.slice(1);
  const everywhere = async (): Promise<string[]> => [
    url,
    ...(await nodes)
      .filter(({ group }) => group !== 0)
      .map(({ host, port }) => databaseAt(url, own, host, port)),
  ];
  return {
    engine: 'citus',
    url,
    create: async (name, template = null) => {
      // Each node looks into the others: all are left alone before the first is copied.
      if (template !== null) for (const node of await everywhere()) await say(node, alone(template));
      for (const node of await everywhere()) await createAt(node, name, template, 'citus');
      if (template !== null) return;
      for (const node of await nodes) {
        const isFirst = node.group === 0;
        const { host, port } = await detour(node.host, node.port, isFirst);
        const how = isFirst ? 'citus_set_coordinator_host' : 'citus_add_node';
        await say(databaseAt(url, name), [`SELECT ${how}('${host}', ${port})`]);
      }
    },
    drop: async (name) => {
      for (const node of await everywhere()) await say(node, dropped(name));
    },
  };
}

export function serverOf(engine: Engine, url: string): TestServer {
  if (engine === 'citus') return cluster(url);
  return engine === 'timescale' ? single(engine, url, 'timescaledb') : single(engine, url, null);
}

/**
 * The engine that the databases of this run's test files are to be on, by `BACKHAUL_TEST_ENGINE`, with the address of its
 * server; null: a plain server.
 */
export function askedEngine(name: string | undefined): TestServer | null {
  if (name === undefined || name === '' || name === 'plain') return null;
  const url = name === 'citus' ? CITUS_URL : name === 'timescale' ? TIMESCALE_URL : null;
  if (url === null) throw new Error(`BACKHAUL_TEST_ENGINE is ${name}: citus and timescale are known`);
  if (url === '') throw new Error(`BACKHAUL_TEST_ENGINE=${name} needs TEST_${name.toUpperCase()}_URL`);
  return serverOf(name as Engine, url);
}
