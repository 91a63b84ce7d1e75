/** Sessions with PostgreSQL: opened, named, given codes to decide by, ended; what is wrong with one, in words. */

import { isMainThread } from 'node:worker_threads';
import pg from 'pg';
import { BackhaulError } from '../faults/fault.ts';
import { codeOf as codeToldByCitus, commitEverywhere, isHalfCommitted } from './citus_nodes.ts';
import {
  asLibpq,
  codeOf,
  connectFault,
  isUnreached,
  sharedSessions,
  usage,
  whereIs,
} from './connect_fault.ts';
import { InPlaceSocket } from './in_place_socket.ts';
import { keepsSessions } from './pooler.ts';

/** Anything that runs a query: the functions of `src/state` take either. */
export type Db = pg.Pool | pg.ClientBase;

/** Settings of a session. Times are milliseconds; 0 is "no limit". */
export interface SessionOptions {
  /** Shown in `pg_stat_activity`; starts with `backhaul` so that the embedded server knows its users. */
  readonly applicationName?: string;
  readonly statementTimeoutMs?: number;
  readonly idleInTransactionTimeoutMs?: number;
  readonly connectTimeoutMs?: number;
  /** {@link breakAllSessions} leaves it alone. */
  readonly lasting?: boolean;
  /** Much will be read of it, by who takes what comes at once: see {@link InPlaceSocket}. */
  readonly readsInPlace?: boolean;
}

/** A setting of a session and its value, ms. */
type Setting = readonly [name: string, ms: number];

/** Every session of this program that is open or being opened, for {@link breakAllSessions}. */
const everySession = new Set<pg.ClientBase>();

/** Those of them that outlast the others. */
const lastingSessions = new WeakSet<pg.ClientBase>();

const CONNECT_TIMEOUT_MS = 10_000;

const KEEPALIVE_DELAY_MS = 10_000;

/**
 * How soon a server notices that the program behind a running statement is gone. It would go on building an index, or
 * waiting for a lock, for nobody. PostgreSQL can tell since version 14, where its system can.
 */
const ORPHAN_CHECK: Setting = ['client_connection_check_interval', 1000];

const ORPHAN_CHECK_SINCE = 14;

const INT8_OID = 20;

/** int8 as a number: our ids, counts and µs stay far below 2^53, and arithmetic on strings is how bugs begin. */
const types: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number, format?: 'text' | 'binary') =>
    oid === INT8_OID && format !== 'binary'
      ? Number
      : pg.types.getTypeParser(oid, format as 'text')) as typeof pg.types.getTypeParser,
};

/** Gives an error of `pg` that carries no code one, so that decisions need not read its message. */
function withCode(error: unknown, code: string): unknown {
  if (error instanceof Error && !('code' in error)) Object.assign(error, { code });
  return error;
}

interface Submittable {
  handleError(error: Error, connection: unknown): void;
}

function isSubmittable(query: unknown): query is Submittable {
  return typeof query === 'object' && query !== null && 'submit' in query && 'handleError' in query;
}

/**
 * `pg` reports a broken connection by errors without a code. This client gives each the SQLSTATE that libpq's drivers
 * use: 08001 could not connect, 08006 broke while in use (or one of a Citus coordinator to its node did), 08003 used
 * after it broke. It also swallows the `error` event of an idle connection (unheard, it would end the whole program);
 * the next query reports the loss.
 */
class CodedClient extends pg.Client {
  readonly #config: pg.ClientConfig;
  readonly #settings: readonly Setting[];
  #lost = false;
  /** A node of a Citus cluster has yet to commit what this session has committed. */
  #isHalfCommitted = false;
  #major = 0;

  /** `settings` are made once the session stands: poolers refuse a start-up parameter that they do not know. */
  constructor(config: pg.ClientConfig, settings: readonly Setting[]) {
    super({ connectionTimeoutMillis: CONNECT_TIMEOUT_MS, ...config });
    this.#config = config;
    this.#settings = settings;
    this.on('error', (error) => {
      this.#lost = true;
      withCode(error, '08006');
    });
    this.on('end', () => {
      this.#lost = true;
      everySession.delete(this);
    });
    everySession.add(this);
    const { connection } = this as unknown as { readonly connection: NodeJS.EventEmitter };
    connection.on('errorMessage', (told: { readonly routine?: string; code?: string }) => {
      const code = codeToldByCitus(told);
      if (code !== undefined) told.code = code;
    });
    this.on('notice', (told) => {
      this.#isHalfCommitted ||= isHalfCommitted(told);
    });
    connection.on('parameterStatus', (told: { readonly parameterName: string; parameterValue: string }) => {
      if (told.parameterName === 'server_version') this.#major = Number.parseInt(told.parameterValue, 10);
    });
  }

  // Both overrides pass on what they are given: `never` is how TypeScript lets one signature stand for all overloads.
  override connect(...args: never[]): never {
    const [callback] = args as readonly unknown[] as readonly [((error?: unknown) => void)?];
    const coded = this.#open().then(
      () => this,
      (error: unknown) => {
        everySession.delete(this);
        if (typeof error === 'object' && error !== null && isRefusal(codeOf(error))) refusals.add(error);
        throw withCode(error, '08001');
      },
    );
    if (callback === undefined) return coded as never;
    coded.then(() => callback(), callback);
    return undefined as never;
  }

  async #open(): Promise<void> {
    await super.connect();
    const check = this.#major >= ORPHAN_CHECK_SINCE ? [ORPHAN_CHECK] : [];
    const { processID } = this as unknown as { readonly processID: number | null };
    try {
      await this.#begin([...this.#settings, ...check], processID);
    } catch (error) {
      // A system that cannot tell refuses the check, which is no reason not to work there.
      if (check.length === 0 || codeOf(error) !== INVALID_VALUE) throw error;
      await this.#begin(this.#settings, processID);
    }
  }

  /** Makes the settings; through a pooler, once it is known to keep a session together. */
  async #begin(settings: readonly Setting[], told: number | null): Promise<void> {
    const made = settings.map(([name, ms]) => `set_config('${name}', '${ms}', false)`);
    // What the server itself has told at the start is its process; a pooler tells a number of its own.
    const own = `pg_backend_pid() = ${told ?? 0}`;
    const pid = await this.#ask(made.map((one) => `CASE WHEN ${own} THEN ${one} END`));
    backendPids.set(this, pid);
    if (pid === told) return;
    const { host, port, database, user } = this;
    const place = JSON.stringify([host, port, database, user]);
    // Threads come to places where the main thread has been.
    if (isMainThread && !sessionPlaces.has(place)) {
      const other = new pg.Client({ connectionTimeoutMillis: CONNECT_TIMEOUT_MS, ...this.#config });
      if (!(await keepsSessions(this, other))) throw sharedSessions(this);
      sessionPlaces.add(place);
    }
    await this.#ask(made);
  }

  /** Says `calls` to the server, and returns the process there that took them. */
  async #ask(calls: readonly string[]): Promise<number> {
    const text = `SELECT ${['pg_backend_pid() AS pid', ...calls].join(', ')}`;
    const query = { text, query_timeout: CONNECT_TIMEOUT_MS } as unknown as pg.QueryConfig;
    try {
      return (await super.query<{ pid: number }>(query)).rows[0]!.pid;
    } catch (error) {
      if (codeOf(error) !== '') throw error;
      const limit = CONNECT_TIMEOUT_MS / 1000;
      const message = `connected, but no query was answered within ${limit} s: a pooler waits so for a free connection (default_pool_size)`;
      throw this.#lost ? error : Object.assign(new Error(message, { cause: error }), { code: '08001' });
    }
  }

  /** An answer, held back until what it has committed is committed everywhere. */
  async #whole<T>(answer: T): Promise<T> {
    if (!this.#isHalfCommitted) return answer;
    this.#isHalfCommitted = false;
    await commitEverywhere(this);
    return answer;
  }

  /** The same of a callback, which is how a pool asks. */
  #holdingBack(args: readonly unknown[]): readonly unknown[] {
    const at = args.findLastIndex((arg) => typeof arg === 'function');
    if (at === -1) return args;
    const answer = args[at] as (error: unknown, result?: unknown) => void;
    return args.with(at, (error: unknown, result?: unknown) => {
      if (!this.#isHalfCommitted) return answer(error, result);
      this.#whole(null).then(
        () => answer(error, result),
        (why: unknown) => answer(error ?? why),
      );
    });
  }

  override query(...args: never[]): never {
    if (!this.#lost) {
      const run = super.query as (...args: never[]) => never;
      const answer: unknown = run.apply(this, this.#holdingBack(args) as never[]);
      return (answer instanceof Promise ? answer.then((rows) => this.#whole(rows)) : answer) as never;
    }
    const error = Object.assign(new Error('The connection to the database is gone.'), { code: '08003' });
    const given = args as readonly unknown[];
    if (isSubmittable(given[0])) {
      const query = given[0];
      process.nextTick(() => query.handleError(error, null));
      return query as never;
    }
    const callback = given.findLast((arg) => typeof arg === 'function');
    if (callback === undefined) return Promise.reject(error) as never;
    process.nextTick(() => callback(error));
    return undefined as never;
  }
}

/** SQLSTATE of a setting that a server knows and cannot make. */
const INVALID_VALUE = '22023';

/** The server's process behind each session, for `pg_cancel_backend`: the protocol's number may be a pooler's. */
const backendPids = new WeakMap<pg.ClientBase, number>();

/** Where a pooler stands that keeps sessions together. */
const sessionPlaces = new Set<string>();

/** Errors by which a server or a pooler has refused a session. */
const refusals = new WeakSet<object>();

/** The process of the server that works for this session; it must have been opened here. */
export function backendPid(client: pg.ClientBase): number {
  return backendPids.get(client)!;
}

/** A session was answered, and refused: the same will be refused again until somebody mends it. */
export function wasRefused(error: unknown): boolean {
  return typeof error === 'object' && error !== null && refusals.has(error);
}

/** A SQLSTATE of the other side's own, but for "starting" and "stopping", which pass. */
function isRefusal(code: string): boolean {
  return /^(?=.*\d)[0-9A-Z]{5}$/.test(code) && !/^(0800\d|57P0\d)$/.test(code);
}

/** What `pg` needs for one session. */
function clientConfig(url: string, options: SessionOptions): pg.ClientConfig {
  if (!/^postgres(ql)?:\/\//i.test(url)) throw usage(url, undefined);
  return {
    connectionString: asLibpq(url),
    application_name: options.applicationName ?? 'backhaul',
    connectionTimeoutMillis: options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEPALIVE_DELAY_MS,
    types,
    ...(options.readsInPlace === true && { stream: () => new InPlaceSocket() }),
  };
}

/** Those that are asked for; the others stay as the server has them. */
function sessionSettings(options: SessionOptions): Setting[] {
  const all: readonly Setting[] = [
    ['statement_timeout', options.statementTimeoutMs ?? 0],
    ['idle_in_transaction_session_timeout', options.idleInTransactionTimeoutMs ?? 0],
  ];
  return all.filter(([, ms]) => ms > 0);
}

/** The fault of a work that found no server, or lost it: the driver says neither which database nor what to do. */
export function namedConnectError(error: unknown, url: string): unknown {
  if (error instanceof BackhaulError) return error;
  const code = codeOf(error);
  return isUnreached(code) || wasRefused(error)
    ? new BackhaulError(connectFault(error, url), { cause: error })
    : error;
}

/**
 * Opens one session. The caller ends it.
 * @throws BackhaulError `database-connect` after at most 10 s (`connectTimeoutMs`), or when `signal` is aborted
 */
export async function connect(
  url: string,
  options: SessionOptions = {},
  signal: AbortSignal | null = null,
): Promise<pg.Client> {
  const client = makeClient(url, options);
  if (options.lasting === true) lastingSessions.add(client);
  const giveUp = (): void => breakSession(client);
  signal?.addEventListener('abort', giveUp);
  try {
    if (signal?.aborted === true) throw new Error('The connection was given up.');
    await client.connect();
    return client;
  } catch (error) {
    // A half-open connection would keep the program alive.
    client.end().catch(() => {});
    throw new BackhaulError(connectFault(error, url), { cause: error });
  } finally {
    signal?.removeEventListener('abort', giveUp);
  }
}

function makeClient(url: string, options: SessionOptions): pg.Client {
  const config = clientConfig(url, options);
  try {
    return new CodedClient(config, sessionSettings(options)) as pg.Client;
  } catch (cause) {
    throw usage(url, cause);
  }
}

/**
 * A pool of sessions. Nothing is opened until the first query; a query that finds no server fails with the code of
 * the connection's error ({@link connectFault} words it).
 */
export function createPool(url: string, options: SessionOptions & { readonly max?: number } = {}): pg.Pool {
  // The connect timeout belongs to the client alone: given to the pool, it would also bound the wait for a free one.
  const { connectionTimeoutMillis = CONNECT_TIMEOUT_MS, ...config } = clientConfig(url, options);
  whereIs(url);
  const settings = sessionSettings(options);
  class PoolClient extends CodedClient {
    constructor(given?: pg.ClientConfig) {
      super({ ...given, connectionTimeoutMillis }, settings);
      poolOf.set(this, pool);
    }
  }
  const pool: pg.Pool = new pg.Pool({
    ...config,
    max: options.max ?? 10,
    Client: PoolClient,
  } as pg.PoolConfig);
  // An idle session that breaks is replaced by the pool; whoever needs one next learns of it if that fails too.
  pool.on('error', () => {});
  return pool;
}

/** Which pool a session belongs to, also one that is still being opened. */
const poolOf = new WeakMap<pg.ClientBase, pg.Pool>();

/** Closing a session says goodbye to the server and waits for its answer; of a silent one no longer than this. */
const FAREWELL_MS = 3_000;

/** Closes the socket under a session: whatever waits on it fails now. */
function breakSession(client: pg.ClientBase): void {
  (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
}

async function farewell(leaving: Promise<void>, patienceMs: number, insist: () => void): Promise<void> {
  const limit = setTimeout(insist, patienceMs);
  try {
    await leaving.catch(() => {});
  } finally {
    clearTimeout(limit);
  }
}

/** Ends a session, also one whose server no longer answers. */
export async function endSession(client: pg.Client, patienceMs = FAREWELL_MS): Promise<void> {
  await farewell(client.end(), patienceMs, () => breakSession(client));
}

/** Ends a pool, also one whose server no longer answers; sessions in use are waited for, but not for ever. */
export async function endPool(pool: pg.Pool): Promise<void> {
  if (!pool.ended && !pool.ending) await farewell(pool.end(), FAREWELL_MS, () => breakPool(pool));
}

/** Breaks all sessions of a pool: what waits on them fails now, and what asks for another one is refused. */
export function breakPool(pool: pg.Pool): void {
  if (!pool.ended && !pool.ending) pool.end().catch(() => {});
  for (const client of everySession) if (poolOf.get(client) === pool) breakSession(client);
}

/** Breaks the sessions of this program, but for lasting ones: its end. The server rolls back what they were at. */
export function breakAllSessions(): void {
  for (const client of everySession) if (!lastingSessions.has(client)) breakSession(client);
}

/** Runs `work` in a transaction on a session of its own (of a pool) or on this one (which must not be in one already). */
export async function inTransaction<T>(db: Db, work: (client: pg.ClientBase) => Promise<T>): Promise<T> {
  if (!(db instanceof pg.Pool)) return runTransaction(db, work);
  const client = await db.connect();
  try {
    const result = await runTransaction(client, work);
    client.release();
    return result;
  } catch (error) {
    // A session of unknown state is not given to the next: it is closed.
    client.release(true);
    throw error;
  }
}

async function runTransaction<T>(
  client: pg.ClientBase,
  work: (client: pg.ClientBase) => Promise<T>,
): Promise<T> {
  await client.query('BEGIN');
  try {
    const result = await work(client);
    await client.query('COMMIT');
    return result;
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {});
    throw error;
  }
}
