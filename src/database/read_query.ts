/**
 * One query of the user's, read-only. The transaction is one fence: whatever the text is, nothing it does is kept. The
 * text is always sent as a single statement of the extended protocol, so none can end the transaction and go on. The
 * role is the other: on the embedded server the session logs in as a reader, and there is no way back to more rights
 * than that. On a server of the user's own it is the login they gave, which puts the reader's role on for the
 * transaction; a statement made for it could take that off again (`set_config('role', …)`), and be what the login is.
 */

import type { Client, QueryArrayResult } from 'pg';
import { to as copyTo } from 'pg-copy-streams';
import { BackhaulError } from '../faults/fault.ts';
import { backendPid, connect } from './connect.ts';
import { connectAsReader, READER } from './reader.ts';

/** A column of a result; `type` is its OID. */
export interface Column {
  readonly name: string;
  readonly type: number;
}

/** A read-only session with one query. Values come as PostgreSQL's own texts. */
export interface ReadQuery {
  readonly columns: readonly Column[];
  /** The next rows, at most `most`; none at the end. Memory is bounded by them. */
  fetch(most: number): Promise<readonly (readonly (string | null)[])[]>;
  /** All rows as CSV with a header, by COPY; null where the statement (SHOW, EXPLAIN) cannot be copied. Before any fetch. */
  csv(): NodeJS.ReadableStream | null;
  /** What an error of {@link csv}'s stream stands for. */
  faultOf(error: unknown): unknown;
  /** Stops what runs on the server now; nothing is fetched after that. */
  cancel(): Promise<void>;
  close(): Promise<void>;
}

/** The cursor of the query. */
const CURSOR = 'backhaul_query';

/** pg's own parsers give dates and numbers that are not what the server said. */
const TEXTS = { getTypeParser: () => (text: string) => text };

/**
 * Prepares a query; `embedded`: on our own server, where we may make the reader a login.
 * @throws BackhaulError `database-connect`, and `database` with the position for what the server refuses
 */
export async function openReadQuery(
  database: { readonly url: string; readonly embedded: boolean },
  sql: string,
  timeoutMs: number,
): Promise<ReadQuery> {
  const session = { applicationName: 'backhaul query', statementTimeoutMs: timeoutMs };
  const { client, url } = database.embedded
    ? await connectAsReader(database.url, session)
    : { client: await connect(database.url, session), url: database.url };
  try {
    await beginReading(client);
    return await prepare(client, url, sql);
  } catch (error) {
    await client.end().catch(() => {});
    throw error;
  }
}

/**
 * Read-only, and as the role that sees schema backhaul alone. Not so where Citus is: it would log in to its other nodes as
 * that role, which cannot.
 */
async function beginReading(client: Client): Promise<void> {
  const { rows } = await client.query<{ reader: boolean }>(
    `SELECT to_regnamespace('backhaul') IS NOT NULL AND EXISTS (
       SELECT FROM pg_roles WHERE rolname = $1 AND pg_has_role(current_user, oid, 'member'))
       AND to_regclass('pg_catalog.pg_dist_node') IS NULL AS reader`,
    [READER],
  );
  await client.query(`BEGIN READ ONLY`);
  await client.query(`SET LOCAL TimeZone = 'UTC'`);
  await client.query(`SET LOCAL DateStyle = 'ISO'`);
  await client.query(`SET LOCAL search_path = backhaul, "$user", public`);
  if (rows[0]!.reader) await client.query(`SET LOCAL ROLE ${READER}`);
}

async function prepare(client: Client, url: string, sql: string): Promise<ReadQuery> {
  const cancelled = new AbortController();
  const ends = {
    faultOf: (error: unknown) => sqlFault(error, sql),
    cancel: () => {
      // The server stops a statement that runs; between two of them there is none, and the next would run to its end.
      cancelled.abort();
      return cancel(client, url);
    },
    close: () => client.end(),
  };
  await client.query('SAVEPOINT prepared');
  try {
    await statement(client, `DECLARE ${CURSOR} NO SCROLL CURSOR FOR ${sql}`);
  } catch (error) {
    if (!isRefusal(error)) throw sqlFault(error, sql);
    // No SELECT (SHOW, EXPLAIN), or one that is wrong: run as it is, it says which.
    await client.query('ROLLBACK TO prepared');
    return { ...ends, ...(await runWhole(client, sql)) };
  }
  // Zero rows tell the columns.
  const { fields } = await statement(client, `FETCH 0 FROM ${CURSOR}`);
  return {
    ...ends,
    columns: columnsOf(fields),
    fetch: async (most) => {
      cancelled.signal.throwIfAborted();
      try {
        return (await statement(client, `FETCH ${most} FROM ${CURSOR}`)).rows;
      } catch (error) {
        throw sqlFault(error, sql);
      }
    },
    // The server took the text for one SELECT as it stands, so between these brackets it is one as well.
    csv: () => {
      cancelled.signal.throwIfAborted();
      return client.query(copyTo(`COPY (\n${sql.replace(/[;\s]+$/, '')}\n) TO STDOUT (FORMAT csv, HEADER)`));
    },
  };
}

async function runWhole(client: Client, sql: string): Promise<Pick<ReadQuery, 'columns' | 'fetch' | 'csv'>> {
  try {
    const { fields, rows } = await statement(client, sql);
    return { columns: columnsOf(fields), fetch: async (most) => rows.splice(0, most), csv: () => null };
  } catch (error) {
    throw sqlFault(error, sql);
  }
}

/** One statement by the extended protocol, which takes no more than one. */
function statement(client: Client, text: string): Promise<QueryArrayResult<(string | null)[]>> {
  return client.query({ text, rowMode: 'array', types: TEXTS, queryMode: 'extended' } as never) as never;
}

function columnsOf(fields: QueryArrayResult['fields']): Column[] {
  return fields.map((field) => ({ name: field.name, type: field.dataTypeID }));
}

/** Class 42 and the like: the statement is refused before it does anything. */
function isRefusal(error: unknown): boolean {
  const code = (error as { code?: unknown }).code;
  return (
    typeof code === 'string' && (code.startsWith('42') || code.startsWith('0A') || code.startsWith('25'))
  );
}

async function cancel(client: Client, url: string): Promise<void> {
  const other = await connect(url, { applicationName: 'backhaul cancel' });
  await other.query('SELECT pg_cancel_backend($1)', [backendPid(client)]).finally(() => other.end());
}

/** What a server says of a statement. */
interface ServerError {
  readonly code?: string;
  readonly message: string;
  readonly position?: string;
  readonly hint?: string;
  readonly detail?: string;
}

/** The fault of a refused or failed statement, with where in `sql` it is. */
function sqlFault(error: unknown, sql: string): unknown {
  const { code, message, position, hint, detail } = error as ServerError;
  if (typeof code !== 'string' || !/^[0-9A-Z]{5}$/.test(code)) return error;
  const at = position === undefined ? '' : placeIn(sql, Number(position));
  const help = hint ?? detail ?? hintOf(code);
  return new BackhaulError(
    {
      kind: 'database',
      message: `${message}${at}`,
      code,
      ...(help === undefined ? {} : { hint: help }),
    },
    { cause: error },
  );
}

function hintOf(code: string): string | undefined {
  if (code === '25006')
    return 'query only reads; a client of your own may write: psql "$(npx backhaul db url)"';
  if (code === '57014') return 'it ran out of time: --timeout-seconds';
  if (code === '42501') return `query reads as role ${READER}, which sees schema backhaul alone`;
  return undefined;
}

/** ` at line 1, column 8, before "foo FROM"`. PostgreSQL counts characters from 1. */
function placeIn(sql: string, position: number): string {
  const characters = [...sql];
  const before = characters
    .slice(0, position - 1)
    .join('')
    .split('\n');
  const after = characters
    .slice(position - 1, position + 19)
    .join('')
    .split('\n', 1)[0]!;
  return ` at line ${before.length}, column ${[...before.at(-1)!].length + 1}, before "${after}"`;
}
