/**
 * Sessions on the nodes of a cluster, and what they say to its coordinator.
 *
 * A session on a node can write bars of all shards, but the tables of tasks, coverage, states and rejects lie on the
 * coordinator and are not there. One small table is: `node_statement`. A row into it is a statement, which a trigger
 * carries out on the coordinator by the rights of whoever inserts it, in the transaction of the bars; no row stays. Texts
 * are this program's own and come whole, so no function of another version stands between the two.
 */

import pg, { type ClientBase } from 'pg';
import { recoverPrepared } from '../../database/citus_nodes.ts';
import { connect, type Db, endSession, inTransaction, type SessionOptions } from '../../database/connect.ts';
import { asLibpq, whereIs } from '../../database/connect_fault.ts';
import { BackhaulError } from '../../faults/fault.ts';
import { CLAIM_LOCK } from '../moves.ts';
import { ONE_BY_ONE } from './distributed.ts';

/** SQLSTATE of our own: the coordinator has answered, and not as expected; its answer is the detail. */
const OTHER_ANSWER = 'BH001';

/** What makes the table, each statement to be sent by itself. The coordinator is known to the nodes. */
const TABLE = [
  'CREATE TABLE backhaul.node_statement (statement text NOT NULL, expected jsonb)',
  `CREATE OR REPLACE FUNCTION backhaul.carry_out() RETURNS trigger LANGUAGE plpgsql SECURITY INVOKER
   SET search_path = pg_catalog, pg_temp AS $$
   DECLARE found record;
   BEGIN
     IF NEW.expected IS NULL THEN
       EXECUTE NEW.statement;
     ELSE
       EXECUTE NEW.statement INTO found;
       IF to_jsonb(found) IS DISTINCT FROM NEW.expected THEN
         RAISE EXCEPTION USING ERRCODE = '${OTHER_ANSWER}', MESSAGE = 'the coordinator answers otherwise',
           DETAIL = coalesce(to_jsonb(found)::text, 'null');
       END IF;
     END IF;
     RETURN NULL;
   END $$`,
  `CREATE TRIGGER carry_out BEFORE INSERT ON backhaul.node_statement
   FOR EACH ROW EXECUTE FUNCTION backhaul.carry_out()`,
  `SELECT citus_add_local_table_to_metadata('backhaul.node_statement')`,
];

/** Who the server of a session is: no two databases have the same. */
const IDENTITY = `SELECT system_identifier || '/' || (SELECT oid FROM pg_catalog.pg_database
  WHERE datname = current_database()) AS id FROM pg_catalog.pg_control_system()`;

/** What sessions on the nodes of a cluster need; a database that an earlier version has distributed may lack it. */
export async function hasNodeStatements(db: Db): Promise<boolean> {
  const { rowCount } = await db.query(
    `SELECT 1 FROM pg_catalog.pg_dist_partition p JOIN pg_catalog.pg_class c ON c.oid = p.logicalrelid
     JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = 'backhaul' AND c.relname = 'node_statement'`,
  );
  return rowCount !== 0;
}

/** Whether the nodes know where the coordinator is: without that they can say nothing to it. */
export async function isCoordinatorKnown(db: Db): Promise<boolean> {
  const { rowCount } = await db.query('SELECT 1 FROM pg_catalog.pg_dist_node WHERE groupid = 0');
  return rowCount !== 0;
}

/** Makes what sessions on the nodes need. */
export async function makeNodeStatements(db: Db): Promise<void> {
  await inTransaction(db, async (client) => {
    await client.query(`SELECT ${CLAIM_LOCK}`);
    if (await hasNodeStatements(client)) return;
    for (const text of [ONE_BY_ONE, 'SET LOCAL client_min_messages = warning', ...TABLE])
      await client.query(text);
  });
}

/** The nodes that sessions can be opened on, and how a session there tells that it is one of this cluster. */
export interface NodeSessions {
  /** With password; at least one. */
  readonly urls: readonly string[];
  /** Who the coordinator is. */
  readonly coordinator: string;
}

/** How long a node may take to let somebody in, and to answer: it may have to open its ways to the others first. ms. */
const CONNECT_MS = 5_000;
const ANSWER_MS = 30_000;

/**
 * The nodes of the cluster of `db`, whose coordinator's address is `url`, that can be reached from here, by the addresses
 * that the coordinator has of them and with the user, the password and the settings of its own. Null: there are none.
 * `onRefused` hears of each that cannot, and why. What a node that crashed has left prepared, it ends.
 */
export async function findNodes(
  db: Db,
  url: string,
  onRefused: (node: string, why: unknown) => void,
): Promise<NodeSessions | null> {
  if (!(await hasNodeStatements(db))) return null;
  const { rows: nodes } = await db.query<{ host: string; port: number }>(
    `SELECT nodename AS host, nodeport AS port FROM pg_catalog.pg_dist_node
     WHERE isactive AND noderole = 'primary' AND groupid <> 0 AND shouldhaveshards AND hasmetadata AND metadatasynced
     ORDER BY nodeid`,
  );
  const { rows } = await db.query<{ id: string }>(IDENTITY);
  const coordinator = rows[0]!.id;
  const urls = await Promise.all(
    nodes.map(async ({ host, port }) => {
      try {
        const there = atNode(url, host, port);
        const client = await connectToNode(there, coordinator, {
          applicationName: 'backhaul load',
          connectTimeoutMs: CONNECT_MS,
          statementTimeoutMs: ANSWER_MS,
        });
        await recoverPrepared(client).finally(() => endSession(client));
        return there;
      } catch (error) {
        onRefused(`${host}:${port}`, error);
        return null;
      }
    }),
  );
  const reached = urls.filter((one) => one !== null);
  return reached.length === 0 ? null : { urls: reached, coordinator };
}

/** The URL of a node, by that of its coordinator. */
export function atNode(url: string, host: string, port: number): string {
  const { database, user } = whereIs(url);
  const { password } = new pg.Client({ connectionString: asLibpq(url) });
  const query = /\?(.*)$/.exec(url)?.[1] ?? '';
  const settings = new URLSearchParams(query);
  for (const name of ['host', 'port', 'user', 'password', 'dbname', 'hostaddr']) settings.delete(name);
  const secret = typeof password === 'string' && password !== '' ? `:${encodeURIComponent(password)}` : '';
  const place = host.includes(':') ? `[${host}]` : encodeURIComponent(host);
  const rest = settings.size === 0 ? '' : `?${settings}`;
  return `postgres://${encodeURIComponent(user)}${secret}@${place}:${port}/${encodeURIComponent(database)}${rest}`;
}

/** Sessions that were opened on a node. */
const onNodes = new WeakSet<ClientBase>();

/** Whether tables of the coordinator have to be written to by {@link sayToCoordinator}. */
export function isOnNode(client: ClientBase): boolean {
  return onNodes.has(client);
}

/**
 * Opens a session on a node, once that has shown to speak to the coordinator it is taken for: behind an address that the
 * coordinator has of a node, another server may stand where we are.
 * @throws BackhaulError `database-connect`
 */
export async function connectToNode(
  url: string,
  coordinator: string,
  options: SessionOptions,
): Promise<pg.Client> {
  const client = await connect(url, options);
  try {
    onNodes.add(client);
    const found = await askCoordinator(client, IDENTITY, [], { id: coordinator });
    if (found === null) return client;
    throw new BackhaulError({
      kind: 'database-connect',
      message: 'A node of another cluster stands at the address of one of this.',
      expected: coordinator,
      found: `${found.id}`,
    });
  } catch (error) {
    await endSession(client, 0);
    throw error;
  }
}

/** Says a statement to the coordinator: on a session of its own, or from one on a node, in the transaction of that. */
export async function sayToCoordinator(
  client: ClientBase,
  text: string,
  values: readonly unknown[],
): Promise<void> {
  if (isOnNode(client)) await tell(client, written(text, values), null);
  else await client.query(text, [...values]);
}

/**
 * From a session on a node: a statement that answers with one row. Null: it is as `expected`. The answer, where it is
 * another: the transaction has then failed.
 */
export async function askCoordinator<Row extends object>(
  client: ClientBase,
  text: string,
  values: readonly unknown[],
  expected: Row,
): Promise<Row | null> {
  try {
    await tell(client, written(text, values), JSON.stringify(expected));
    return null;
  } catch (error) {
    const { code, detail } = error as { code?: string; detail?: string };
    if (code !== OTHER_ANSWER) throw error;
    return JSON.parse(detail!) as Row;
  }
}

async function tell(client: ClientBase, statement: string, expected: string | null): Promise<void> {
  await client.query('INSERT INTO backhaul.node_statement (statement, expected) VALUES ($1, $2)', [
    statement,
    expected,
  ]);
}

/** A statement with its parameters in it, as literals whose types it decides as it does those of parameters. */
export function written(text: string, values: readonly unknown[]): string {
  return text.replaceAll(/\$(\d+)/g, (_, n: string) => {
    const i = Number(n) - 1;
    if (i >= values.length) throw new RangeError(`a statement asks for parameter $${n} of ${values.length}`);
    const value = textOf(values[i]);
    return value === null ? 'NULL' : literal(value);
  });
}

/** As `escapeLiteral` of `pg`, which goes from character to character: a second for the states of a million bars. */
function literal(value: string): string {
  const quoted = `'${value.replaceAll("'", "''")}'`;
  return value.includes('\\') ? ` E${quoted.replaceAll('\\', '\\\\')}` : quoted;
}

function textOf(value: unknown): string | null {
  if (value === null || value === undefined) return null;
  if (value instanceof Uint8Array) return bytesText(value);
  return Array.isArray(value) ? `{${value.map(memberOf).join()}}` : String(value);
}

function bytesText(bytes: Uint8Array): string {
  return `\\x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex')}`;
}

/** Of an array. */
function memberOf(value: unknown): string {
  if (typeof value === 'number') return String(value);
  if (value instanceof Uint8Array) return `"\\${bytesText(value)}"`;
  const text = textOf(value);
  return text === null ? 'NULL' : `"${text.replaceAll(/["\\]/g, '\\$&')}"`;
}
