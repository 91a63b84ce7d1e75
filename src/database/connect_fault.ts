/** Why no session could be had, in words and with what to check; never with a password. */

import pg from 'pg';
import { causeOf } from '../faults/causes.ts';
import { BackhaulError, type Fault } from '../faults/fault.ts';

const DEFAULT_PORT = 5432;

/** SQLSTATE `feature_not_supported`: what a pooler without sessions amounts to. */
const UNSUPPORTED = '0A000';

/** Why a session will not do whose server connection others get as well. */
export function sharedSessions({ host, port }: Pick<pg.Client, 'host' | 'port'>): BackhaulError {
  return new BackhaulError({
    kind: 'database-connect',
    code: UNSUPPORTED,
    message: `The pooler at ${host}:${port} gives each transaction another connection of the server; Backhaul needs sessions: set pool_mode = session for this database (pgbouncer.ini), or give PostgreSQL's own address.`,
  });
}

/** The URL with its password, if any, taken out: fit for a message. */
export function redactUrl(url: string): string {
  try {
    const parsed = new URL(url);
    if (parsed.password !== '') parsed.password = '***';
    for (const name of ['password', 'sslpassword', 'sslkey'])
      if (parsed.searchParams.has(name)) parsed.searchParams.set(name, '***');
    return parsed.href;
  } catch {
    // `postgres://user:pw@/db?host=/socket` has no host, which WHATWG URLs do not allow.
    return url.replace(/^([a-z]+:\/\/[^:/@]*):[^@]*@/i, '$1:***@').replace(/(password=)[^&]*/gi, '$1***');
  }
}

export function usage(url: string, cause: unknown): BackhaulError {
  return new BackhaulError(
    {
      kind: 'usage',
      message: 'The database URL cannot be read.',
      found: redactUrl(url),
      expected: 'postgres://user:password@host:5432/database',
    },
    { cause },
  );
}

/**
 * The URL as `pg` has to be given it for `sslmode` to mean what it means to psql (`require` encrypts and does not verify):
 * on its own it takes `require` for `verify-full`, and URLs handed out by hosting providers then fail.
 */
export function asLibpq(url: string): string {
  return /[?&]sslmode=/i.test(url) && !/[?&]uselibpqcompat=/i.test(url) ? `${url}&uselibpqcompat=true` : url;
}

/** Where a URL points, as `pg` reads it: without password. */
export function whereIs(url: string): { host: string; port: number; database: string; user: string } {
  try {
    const client = new pg.Client({ connectionString: asLibpq(url) });
    const { host, port, database, user } = client;
    return { host, port: port || DEFAULT_PORT, database: database ?? user ?? '', user: user ?? '' };
  } catch (cause) {
    throw usage(url, cause);
  }
}

export function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : '';
}

/** What to check, by code; the rest is a server that is not there. */
function connectHint(
  code: string,
  at: { host: string; port: number; database: string; user: string },
): string {
  switch (code) {
    case '28P01':
    case '28000':
      return `Check the user name and password in the URL (user ${at.user}), and pg_hba.conf on the server.`;
    case '3D000':
      return `Create it first: createdb ${at.database}`;
    case '53300':
      return 'The server has no connection left: raise its max_connections or use --workers 1.';
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `Check the host name ${at.host}.`;
    case 'ENOENT':
      return 'There is no socket of a server there: check that it runs.';
    case '08P01':
      return `A pooler or proxy at ${at.host}:${at.port} refuses the session: its log says why.`;
    case '57P03':
      return 'The server is starting or stopping: try again in a moment.';
    default:
      return `Check that PostgreSQL runs and accepts connections on ${at.host}:${at.port}, or leave out --database for the embedded one.`;
  }
}

/** Why no session could be had, with what to check; never the password. */
export function connectFault(error: unknown, url: string): Fault {
  if (error instanceof BackhaulError) return error.fault;
  const at = whereIs(url);
  const code = codeOf(error);
  const place = at.host.startsWith('/') ? `${at.host}/.s.PGSQL.${at.port}` : `${at.host}:${at.port}`;
  const detail = error instanceof Error && error.message !== '' ? error.message : code;
  // It is the server itself that tells of a connection that broke: of one of its own.
  const isBehind = error instanceof pg.DatabaseError && code === '08006';
  return {
    kind: 'database-connect',
    message: isBehind
      ? `The server of the database ${at.database} at ${place} does not reach another one, a node of its cluster.`
      : `No connection to the database ${at.database} at ${place} as ${at.user}.`,
    found: detail.split('\n', 1)[0]!,
    hint: isBehind ? 'See that all nodes run; then the same command goes on.' : connectHint(code, at),
    ...(code === '' ? {} : { code }),
  };
}

/** No session to be had, or no longer: the network's own codes, a socket that is not there, a server coming up or going down. */
export function isUnreached(code: string): boolean {
  const kind = causeOf(code)?.kind;
  return (
    kind === 'database-connect' ||
    kind === 'network' ||
    kind === 'timeout' ||
    /^(ENOENT|57P0[123])$/.test(code)
  );
}
