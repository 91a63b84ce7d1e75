/**
 * The embedded PostgreSQL of a project, under `./.backhaul/`. `database.json` says where it is and how to enter; the
 * server outlives the command that started it, and every command finds it. Who may stop it is settled in the server:
 * each command that uses it holds a shared advisory lock on a session of its own, so a `kill -9` needs no cleaning up.
 */

import { createHash, randomBytes } from 'node:crypto';
import { access, link, mkdir, readFile, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { Client } from 'pg';
import { pause } from '../base/pause.ts';
import { classify } from '../faults/classify.ts';
import { BackhaulError } from '../faults/fault.ts';
import { connect } from './connect.ts';
import {
  type Account,
  findBinaries,
  isReachable,
  ownFolder,
  SHARED_FOLDER,
  serverAccount,
} from './embedded_binaries.ts';
import {
  findServer,
  freePort,
  initialise,
  isInitialised,
  openToPass,
  type Postmaster,
  type ServerPlan,
  startServer,
  stopServer,
} from './embedded_server.ts';

/** `database.json`: made once, mode 0600. The port is the last one used; a running server tells its own. */
interface Cluster {
  readonly version: 1;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** Absolute path of the data folder: under `.backhaul` unless the server's account cannot reach that. */
  readonly data: string;
  /** Absolute path of the socket's folder; short, since a socket's path has 107 bytes. Null where there are none. */
  readonly sockets: string | null;
}

/** Where the embedded server is reached. Both URLs hold the password. */
export interface EmbeddedAddress {
  /** Over TCP on 127.0.0.1: for any client. */
  readonly url: string;
  /** Over the unix socket: for our own sessions, it is faster. The same as `url` where there are none. */
  readonly socketUrl: string;
}

/** The use of the embedded server by one command. */
export interface EmbeddedHandle extends EmbeddedAddress {
  readonly startedByUs: boolean;
  /** Ends the use; the last user of a server that nobody started by `db start` stops it. Close all sessions before. */
  release(): Promise<void>;
}

/** Server settings over those computed from the machine; they count when this call is the one that starts it. */
export interface EmbeddedOptions {
  readonly settings?: Readonly<Record<string, string>>;
  /** Aborted: a start that is under way is undone, and the call ends in a fault of kind `interrupted`. */
  readonly signal?: AbortSignal;
}

const USER = 'backhaul';
const DATABASE = 'backhaul';
/** Key of the advisory lock that users of the server share: "bckh". */
const USERS_LOCK = 0x62_63_6b_68;
const START_ATTEMPTS = 3;
/** `db start` leaves this file: the server stays until `db stop`. */
const KEEP_FILE = 'keep-running';

const paths = (dir: string): { dir: string; json: string; log: string; keep: string } => {
  const root = resolve(dir);
  return {
    dir: root,
    json: join(root, 'database.json'),
    log: join(root, 'postgres.log'),
    keep: join(root, KEEP_FILE),
  };
};

function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 12);
}

async function readCluster(dir: string): Promise<Cluster | null> {
  const text = await readFile(paths(dir).json, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  if (text === null) return null;
  try {
    return JSON.parse(text) as Cluster;
  } catch (cause) {
    throw new BackhaulError(
      {
        kind: 'database-connect',
        message: `${paths(dir).json} is damaged.`,
        hint: 'Restore it, or move the folder away and load again.',
      },
      { cause },
    );
  }
}

/** Writes a file that others see whole or not at all; `create` fails with EEXIST if it is there. */
async function writeWhole(file: string, text: string, create: boolean): Promise<void> {
  const making = `${file}.new-${process.pid}-${randomBytes(4).toString('hex')}`;
  try {
    await writeFile(making, text, { mode: 0o600 });
    await (create ? link(making, file) : rename(making, file));
  } finally {
    await rm(making, { force: true });
  }
}

/** A folder under `parent` that is `account`'s alone; a second name if someone laid something there first. */
async function privateFolder(parent: string, name: string, account: Account | null): Promise<string> {
  const plain = join(parent, name);
  if (await ownFolder(plain, account)) return plain;
  const other = `${plain}-${randomBytes(4).toString('hex')}`;
  await ownFolder(other, account);
  return other;
}

async function socketFolder(dir: string, account: Account | null): Promise<string | null> {
  if (process.platform === 'win32') return null;
  const uid = account?.uid ?? process.getuid?.() ?? 0;
  return privateFolder('/tmp', `backhaul-${uid}-${shortHash(dir)}`, account);
}

/** Where the data go: beside `database.json`, or under `/var/tmp` where the server's account cannot get there. */
async function dataFolder(dir: string, account: Account | null): Promise<string> {
  if (account !== null) await openToPass(dir);
  if (await isReachable(dir, account)) return join(dir, 'data');
  // A random name each time: a removed `.backhaul` must not come back with its old data.
  const name = `backhaul-${shortHash(dir)}-${randomBytes(4).toString('hex')}`;
  return join(await privateFolder(SHARED_FOLDER, name, account), 'data');
}

async function readOrMakeCluster(dir: string, account: Account | null): Promise<Cluster> {
  const known = await readCluster(dir);
  if (known !== null) return known;
  await mkdir(dirname(dir), { recursive: true });
  await mkdir(dir, { recursive: true, mode: account === null ? 0o700 : 0o711 });
  const cluster: Cluster = {
    version: 1,
    port: await freePort(null),
    user: USER,
    password: randomBytes(16).toString('hex'),
    database: DATABASE,
    data: await dataFolder(dir, account),
    sockets: await socketFolder(dir, account),
  };
  try {
    await writeWhole(paths(dir).json, `${JSON.stringify(cluster, null, 2)}\n`, true);
    return cluster;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    // Another command was first: its password is the one.
    return (await readCluster(dir))!;
  }
}

function addressOf(cluster: Cluster, port: number): EmbeddedAddress {
  const enter = `postgres://${cluster.user}:${cluster.password}`;
  const url = `${enter}@127.0.0.1:${port}/${cluster.database}`;
  if (cluster.sockets === null) return { url, socketUrl: url };
  const host = encodeURIComponent(cluster.sockets);
  return { url, socketUrl: `${enter}@localhost/${cluster.database}?host=${host}&port=${port}` };
}

/** The plan of a start: a free port and a socket folder that is there (a cleaner of /tmp may have taken it). */
async function planStart(dir: string, cluster: Cluster, options: EmbeddedOptions): Promise<ServerPlan> {
  const account = await serverAccount();
  const port = await freePort(cluster.port);
  const kept = cluster.sockets !== null && (await ownFolder(cluster.sockets, account));
  const sockets = kept ? cluster.sockets : await socketFolder(dir, account);
  if (port !== cluster.port || sockets !== cluster.sockets)
    await writeWhole(paths(dir).json, `${JSON.stringify({ ...cluster, port, sockets }, null, 2)}\n`, false);
  const { data } = cluster;
  const binaries = await findBinaries(account);
  const { settings = {}, signal = null } = options;
  return { binaries, account, data, sockets, port, log: paths(dir).log, settings, signal };
}

/** Starts the server unless another command gets there first; returns whether it was us. */
async function start(dir: string, cluster: Cluster, options: EmbeddedOptions): Promise<boolean> {
  for (let attempt = 1; ; attempt++) {
    const plan = await planStart(dir, cluster, options);
    if (!(await isInitialised(plan.data, plan.binaries)))
      await initialise(plan, cluster.user, cluster.password);
    refuseInterrupted(options.signal);
    const log = await startServer(plan);
    if (log === null) return true;
    if ((await findServer(plan.data)) !== null) return false;
    if (attempt === START_ATTEMPTS)
      throw new BackhaulError({
        kind: 'database-connect',
        message: 'The embedded PostgreSQL does not start.',
        found: log,
        hint: `Its log is ${plan.log}. Check the room on the disk, or give --database postgres://…`,
      });
    // Worth another try: its port may have been taken just before it got there.
    await pause(200 * attempt);
  }
}

function refuseInterrupted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw new BackhaulError({ kind: 'interrupted', message: 'Interrupted.' });
}

/**
 * A session that holds the shared lock, so that nobody stops the server under us; null if it went down before we had
 * it. Waits behind a command that is stopping the server right now.
 */
async function tryEnter(cluster: Cluster, server: Postmaster): Promise<Client | null> {
  const address = addressOf({ ...cluster, database: 'postgres' }, server.port);
  for (const url of new Set([address.socketUrl, address.url])) {
    try {
      const client = await connect(url, { applicationName: 'backhaul user', lasting: true });
      try {
        await client.query(`SELECT pg_advisory_lock_shared(${USERS_LOCK})`);
        return client;
      } catch (error) {
        await client.end().catch(() => {});
        throw error;
      }
    } catch (error) {
      // On its way up or down, or so until just now.
      if (!classify(error).retry) throw error;
    }
  }
  return null;
}

async function createDatabase(client: Client, name: string): Promise<void> {
  const there = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [name]);
  if (there.rowCount !== 0) return;
  await client.query(`CREATE DATABASE "${name}"`).catch((error: { code?: string }) => {
    // 42P04 and 23505: another command made it at the same moment.
    if (error.code !== '42P04' && error.code !== '23505') throw error;
  });
}

/** Finds or starts the server and enters it. */
async function enter(
  dir: string,
  options: EmbeddedOptions,
): Promise<{ cluster: Cluster; server: Postmaster; client: Client; startedByUs: boolean }> {
  const root = paths(dir).dir;
  const account = await serverAccount();
  let startedByUs = false;
  const deadline = Date.now() + 60_000;
  for (;;) {
    // A server that we have started is entered first, so that it can be left in good order.
    if (!startedByUs) refuseInterrupted(options.signal);
    await readOrMakeCluster(root, account);
    const cluster = (await readCluster(root))!;
    const server = await findServer(cluster.data);
    if (server === null) {
      startedByUs = await start(root, cluster, options);
      continue;
    }
    const client = await tryEnter(cluster, server);
    if (client !== null) {
      await createDatabase(client, cluster.database);
      if (options.signal?.aborted === true) {
        await leave(root, cluster, server, client);
        refuseInterrupted(options.signal);
      }
      return { cluster, server, client, startedByUs };
    }
    if (Date.now() > deadline)
      throw new BackhaulError({
        kind: 'database-connect',
        message: `The embedded PostgreSQL (process ${server.pid}) takes no connections.`,
        hint: `See ${paths(dir).log}; npx backhaul db stop ends it.`,
      });
    await pause(50);
  }
}

/** Looks for sessions that were just closed and are going: one that was broken off in a statement takes two seconds. */
const LOOKS = 100;

/** Whether this session, the last with the lock, is also the last of ours at all. */
async function isAlone(client: Client): Promise<boolean> {
  for (let look = 0; look < LOOKS; look++) {
    const { rows } = await client.query<{ others: number }>(
      `SELECT count(*)::int AS others FROM pg_stat_activity
       WHERE application_name LIKE 'backhaul%' AND backend_type = 'client backend' AND pid <> pg_backend_pid()`,
    );
    if (rows[0]!.others === 0) return true;
    await pause(25);
  }
  return false;
}

async function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}

/** Stops the server and removes the folder of its socket, which is empty then. */
async function stop(cluster: Cluster, server: Postmaster): Promise<void> {
  await stopServer(cluster.data, server);
  // Not ours to insist: the next start makes it again, or is just using it.
  if (cluster.sockets !== null) await rmdir(cluster.sockets).catch(() => {});
}

/** Stops the server if we are its last user. While we hold the lock alone, newcomers wait, see it go and start it anew. */
async function leave(dir: string, cluster: Cluster, server: Postmaster, client: Client): Promise<void> {
  try {
    if (await exists(paths(dir).keep)) return;
    const { rows } = await client.query<{ last: boolean }>(
      `SELECT pg_advisory_unlock_shared(${USERS_LOCK}), pg_try_advisory_lock(${USERS_LOCK}) AS last`,
    );
    if (rows[0]!.last && (await isAlone(client)) && !(await exists(paths(dir).keep)))
      await stop(cluster, server);
  } catch (error) {
    // The server is gone already: there is nothing to stop.
    if (!classify(error).retry) throw error;
  } finally {
    await client.end().catch(() => {});
  }
}

/**
 * Makes the embedded server of `dir` (a project's `.backhaul`) run, unless it does, for as long as this command needs
 * it. Any number of commands may call this at once.
 * @throws BackhaulError `database-connect` with the end of the server's log
 */
export async function ensureEmbedded(dir: string, options: EmbeddedOptions = {}): Promise<EmbeddedHandle> {
  const { cluster, server, client, startedByUs } = await enter(dir, options);
  let leaving: Promise<void> | null = null;
  return {
    ...addressOf(cluster, server.port),
    startedByUs,
    release: () => {
      leaving ??= leave(dir, cluster, server, client);
      return leaving;
    },
  };
}

/** `db start`: starts the server unless it runs, and keeps it running until {@link stopEmbedded}. */
export async function startEmbedded(
  dir: string,
  options: EmbeddedOptions = {},
): Promise<EmbeddedAddress & { readonly startedByUs: boolean }> {
  const { cluster, server, client, startedByUs } = await enter(dir, options);
  // Written while we hold the shared lock: nobody can be stopping it.
  await writeFile(paths(dir).keep, '');
  await client.end();
  return { ...addressOf(cluster, server.port), startedByUs };
}

/** `db stop`: ends the server; open transactions are rolled back. Returns false if it did not run. */
export async function stopEmbedded(dir: string): Promise<boolean> {
  await rm(paths(dir).keep, { force: true });
  const cluster = await readCluster(dir);
  const server = cluster === null ? null : await findServer(cluster.data);
  if (cluster === null || server === null) return false;
  await stop(cluster, server);
  return true;
}

/** `db url`: where the server of `dir` is reached and whether it runs; null if there has never been one. */
export async function embeddedUrl(
  dir: string,
): Promise<(EmbeddedAddress & { readonly running: boolean }) | null> {
  const cluster = await readCluster(dir);
  if (cluster === null) return null;
  const server = await findServer(cluster.data);
  return { ...addressOf(cluster, server?.port ?? cluster.port), running: server !== null };
}
