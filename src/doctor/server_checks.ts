/** The server: its version, rights, connections and extensions, and whether a load can work with it. */

import type { ClientBase } from 'pg';
import { type Check, checksOf, mendable } from './check.ts';

const LEAST_VERSION = 130_000;

export interface ServerFacts {
  readonly version: number;
  readonly shown: string;
  readonly encoding: string;
  readonly standby: boolean;
  readonly readOnly: boolean;
  readonly connections: number;
  readonly limit: number;
  readonly role: string;
  readonly database: string;
  readonly mayCreate: boolean;
  readonly mayStage: boolean;
  /** Schema `backhaul`: who owns it, and whether this role may act as the owner of its tables; null: not there yet. */
  readonly owner: string | null;
  readonly actsAsOwner: boolean;
  readonly statementTimeout: string;
  readonly transactionTimeout: string;
}

/** Asks the server for all that the checks of it need. */
export async function readServer(client: ClientBase): Promise<ServerFacts> {
  const { rows } = await client.query<ServerFacts>(`
    SELECT current_setting('server_version_num')::int AS version, current_setting('server_version') AS shown,
      current_setting('server_encoding') AS encoding, pg_is_in_recovery() AS standby,
      current_setting('default_transaction_read_only')::bool AS "readOnly",
      (SELECT count(*)::int FROM pg_stat_activity WHERE backend_type = 'client backend') AS connections,
      current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
        - coalesce(current_setting('reserved_connections', true)::int, 0) AS limit,
      current_user AS role, current_database() AS database,
      has_database_privilege(current_database(), 'CREATE') AS "mayCreate",
      has_database_privilege(current_database(), 'TEMPORARY') AS "mayStage",
      (SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = 'backhaul') AS owner,
      coalesce((SELECT pg_has_role(nspowner, 'USAGE') FROM pg_namespace WHERE nspname = 'backhaul'), true)
        AND coalesce((SELECT bool_and(pg_has_role(c.relowner, 'USAGE')) FROM pg_class c
                      JOIN pg_namespace n ON n.oid = c.relnamespace
                      WHERE n.nspname = 'backhaul' AND c.relkind IN ('r', 'p')), true) AS "actsAsOwner",
      current_setting('statement_timeout') AS "statementTimeout",
      coalesce(current_setting('transaction_timeout', true), '0') AS "transactionTimeout"`);
  return rows[0]!;
}

/** Version, encoding, and that it takes writes. */
export function checkVersion(server: ServerFacts): Check[] {
  const { ok, failure } = checksOf('database');
  const found: Check[] = [];
  if (server.version < LEAST_VERSION)
    found.push(
      failure('version', `PostgreSQL ${server.shown} is too old`, 'upgrade to PostgreSQL 13 or newer'),
    );
  else found.push(ok('version', `PostgreSQL ${server.shown}; 13 or newer is needed`));
  if (server.encoding !== 'UTF8')
    found.push(
      failure(
        'encoding',
        `the database is in ${server.encoding}, not in UTF8`,
        'createdb --encoding=UTF8 --template=template0 <name>',
      ),
    );
  if (server.standby)
    found.push(
      failure('writes', 'the server is a standby: it only reads', 'give the address of the primary'),
    );
  else if (server.readOnly)
    found.push(
      mendable(
        failure(
          'writes',
          'transactions only read here (default_transaction_read_only)',
          ownSetting(server, 'default_transaction_read_only', 'off'),
        ),
      ),
    );
  return found;
}

/** What the role may do: make the schema or act as its owner, and stage rows in temporary tables. */
export function checkRights(server: ServerFacts): Check[] {
  const { ok, failure } = checksOf('database');
  const { role, database, owner } = server;
  const found: Check[] = [];
  if (owner !== null && !server.actsAsOwner)
    found.push(
      failure(
        'rights',
        `schema backhaul and its tables are ${owner}'s: ${role} cannot add partitions to them`,
        `GRANT ${quoted(owner)} TO ${quoted(role)};`,
      ),
    );
  else if (owner === null && !server.mayCreate)
    found.push(
      failure(
        'rights',
        `${role} may not make schema backhaul in database ${database}`,
        `GRANT CREATE ON DATABASE ${quoted(database)} TO ${quoted(role)};`,
      ),
    );
  if (!server.mayStage)
    found.push(
      failure(
        'rights',
        `${role} may make no temporary tables: files that overlap cannot be merged`,
        `GRANT TEMPORARY ON DATABASE ${quoted(database)} TO ${quoted(role)};`,
      ),
    );
  if (found.length > 0) return found;
  const made = owner === null ? 'may make schema backhaul' : 'owns schema backhaul, or may act as its owner';
  return [ok('rights', `${role} ${made}`)];
}

/** Sessions of a load beside those of its workers. */
const BASE_SESSIONS = 10;

/** Connections left, against what a load opens; and limits of time that would cut its statements off. */
export function checkSessions(server: ServerFacts, workers: number): Check[] {
  const { ok, warning, failure } = checksOf('database');
  const needed = BASE_SESSIONS + workers;
  const left = server.limit - server.connections;
  const needs = `${workers} workers need ${needed}`;
  const found =
    left >= needed
      ? ok('connections', `${left} of ${server.limit} are free; ${needs}`)
      : failure(
          'connections',
          `${left} of ${server.limit} are free, but ${needs}`,
          left > BASE_SESSIONS
            ? `--workers ${left - BASE_SESSIONS}, or: ALTER SYSTEM SET max_connections = ${server.limit + needed};   (then restart the server)`
            : `ALTER SYSTEM SET max_connections = ${server.limit + needed};   (then restart the server)`,
        );
  const limits = (
    [
      ['statement_timeout', server.statementTimeout, 'a key, or a COPY that waits for an earlier file,'],
      ['transaction_timeout', server.transactionTimeout, 'a large file, or a key,'],
    ] as const
  )
    .filter(([, value]) => value !== '0')
    .map(([name, value, what]) =>
      mendable(
        warning(name, `${value}: ${what} that takes longer is cut off`, ownSetting(server, name, '0')),
      ),
    );
  return [found, ...limits];
}

/** A role may set its own; in this database alone, and over what stands for the role or the database. */
function ownSetting({ role, database }: ServerFacts, name: string, value: string): string {
  return `ALTER ROLE ${quoted(role)} IN DATABASE ${quoted(database)} SET ${name} = ${value};`;
}

function quoted(name: string): string {
  return /^[a-z_][a-z0-9_]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`;
}
