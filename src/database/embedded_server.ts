/** Making, starting and stopping one PostgreSQL server on one data folder. Knows nothing of databases in it. */

import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmod,
  chown,
  mkdir,
  open,
  readdir,
  readFile,
  readlink,
  realpath,
  rename,
  rm,
  stat,
  statfs,
  writeFile,
} from 'node:fs/promises';
import { createServer } from 'node:net';
import { totalmem } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { pause } from '../base/pause.ts';
import { BackhaulError } from '../faults/fault.ts';
import type { Account, Binaries } from './embedded_binaries.ts';

/** What a running server says of itself in `postmaster.pid`. */
export interface Postmaster {
  readonly pid: number;
  readonly port: number;
  readonly ready: boolean;
}

/** How a server is to be started. */
export interface ServerPlan {
  readonly binaries: Binaries;
  readonly account: Account | null;
  readonly data: string;
  /** Private folder of the unix socket; null where there are none. */
  readonly sockets: string | null;
  readonly port: number;
  readonly log: string;
  /** Server settings over the computed ones. */
  readonly settings: Readonly<Record<string, string>>;
  /** Aborted: what is being made or started is given up, and nothing of it stays. */
  readonly signal: AbortSignal | null;
}

const MB = 2 ** 20;
const GB = 2 ** 30;

const POLL_MS = 20;
/** A start may have to replay all of `max_wal_size` first. */
const START_LIMIT_MS = 15 * 60_000;
/** A stop writes out all of `shared_buffers` first. */
const STOP_LIMIT_MS = 5 * 60_000;
/** How long sessions of a killed server get to notice by themselves. */
const ORPHAN_PATIENCE_MS = 2_000;
const LOG_LIMIT_BYTES = 10 * MB;

/** Nothing of our own environment matters to the server, and some of it (PGDATA, LD_LIBRARY_PATH) would do harm. */
const ENVIRONMENT = { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' };

function clamp(bytes: number, least: number, most: number): string {
  return `${Math.floor(Math.min(Math.max(bytes, least), most) / MB)}MB`;
}

/** Memory we may use: the machine's, or our control group's where that is less (2^64-ish: no limit). */
function memoryBytes(): number {
  const constrained = process.constrainedMemory();
  const total = totalmem();
  return constrained > 0 && constrained < total ? constrained : total;
}

/** Settings for loading on this machine: big buffers, few checkpoints, no replication, and fsync as it should be. */
export function tuning(memory: number, freeDisk: number): Readonly<Record<string, string>> {
  return {
    shared_buffers: clamp(memory / 4, 128 * MB, 8 * GB),
    maintenance_work_mem: clamp(memory / 16, 64 * MB, 2 * GB),
    // The log may grow to this between checkpoints: on a small disk it must not take the room of the data.
    max_wal_size: clamp(freeDisk / 5, 1 * GB, 16 * GB),
    checkpoint_timeout: '30min',
    wal_level: 'minimal',
    max_wal_senders: '0',
    jit: 'off',
    max_connections: '200',
    timezone: 'UTC',
    log_timezone: 'UTC',
    // A statement that fails is told by its fault; in the log it would only bury what the server itself has to say.
    log_min_error_statement: 'panic',
    log_checkpoints: 'off',
  };
}

async function freeDiskBytes(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

/** Runs a program to its end; resolves to its exit code and the end of what it said. */
async function runProgram(
  file: string,
  args: readonly string[],
  account: Account | null,
  signal: AbortSignal | null,
): Promise<{ code: number | null; said: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      cwd: '/',
      env: ENVIRONMENT,
      stdio: ['ignore', 'pipe', 'pipe'],
      // Ctrl-C at our terminal is for us: we tell it.
      detached: true,
      ...account,
    });
    const stop = (): void => void child.kill('SIGTERM');
    if (signal?.aborted === true) stop();
    signal?.addEventListener('abort', stop);
    let said = '';
    const listen = (piece: Buffer): void => {
      said = (said + piece.toString()).slice(-4_000);
    };
    child.stdout.on('data', listen);
    child.stderr.on('data', listen);
    child.on('error', reject);
    child.on('close', (code) => {
      signal?.removeEventListener('abort', stop);
      resolve({ code, said });
    });
  });
}

function lastLines(text: string, count: number): string {
  return text.trim().split('\n').slice(-count).join('\n');
}

/** Removes what initialisations that were killed have left beside `data`. */
async function removeHalfMade(data: string): Promise<void> {
  const prefix = `${basename(data)}.new-`;
  for (const name of await readdir(dirname(data))) {
    if (!name.startsWith(prefix)) continue;
    const pid = Number.parseInt(name.slice(prefix.length), 10);
    if (pid !== process.pid && !isAlive(pid))
      await rm(join(dirname(data), name), { recursive: true, force: true });
  }
}

/**
 * Makes the data folder of a new cluster with one superuser. It appears whole or not at all; of several who make it at
 * once, one wins (they must have agreed on the password).
 */
export async function initialise(plan: ServerPlan, user: string, password: string): Promise<void> {
  const { data, account, binaries } = plan;
  await removeHalfMade(data);
  const making = `${data}.new-${process.pid}-${randomBytes(4).toString('hex')}`;
  const passwordFile = `${making}.password`;
  try {
    await mkdir(making, { mode: 0o700 });
    await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
    if (account !== null) {
      await chown(making, account.uid, account.gid);
      await chown(passwordFile, account.uid, account.gid);
    }
    const args = [
      `--pgdata=${making}`,
      `--username=${user}`,
      `--pwfile=${passwordFile}`,
      '--auth=scram-sha-256',
    ];
    args.push('--encoding=UTF8', '--locale=C', '--no-sync', '--no-instructions');
    const { code, said } = await runProgram(binaries.initdb, args, account, plan.signal);
    if (plan.signal?.aborted === true) throw givenUp();
    if (code !== 0)
      throw new BackhaulError({
        kind: 'database-connect',
        message: 'The embedded PostgreSQL could not be initialised.',
        found: lastLines(said, 5),
        hint: `Check that ${dirname(data)} has room and may be written, or give --database postgres://…`,
      });
    await rename(making, data).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
    });
  } finally {
    await rm(passwordFile, { force: true });
    await rm(making, { recursive: true, force: true });
  }
}

/** Whether the data folder holds a cluster; a fault if it is one of another major version. */
export async function isInitialised(data: string, binaries: Binaries): Promise<boolean> {
  const version = await readFile(join(data, 'PG_VERSION'), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  if (version === null) return false;
  if (Number(version) === binaries.major) return true;
  throw new BackhaulError({
    kind: 'database-connect',
    message: `The data in ${data} were made by another version of PostgreSQL.`,
    expected: `PostgreSQL ${binaries.major}`,
    found: `PostgreSQL ${version.trim()}`,
    hint: 'Install the version of Backhaul that made them, or move the folder away and load again.',
  });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Whether `pid` is the server of `data`, and not a stranger that got the number of one killed long ago. */
async function isServerOf(pid: number, data: string): Promise<boolean> {
  if (!isAlive(pid)) return false;
  if (process.platform !== 'linux') return true;
  // A server works in its data folder.
  const cwd = await readlink(`/proc/${pid}/cwd`).catch(() => '');
  return cwd === (await realpath(data).catch(() => data));
}

async function readPidFile(data: string): Promise<string[]> {
  const text = await readFile(join(data, 'postmaster.pid'), 'utf8').catch(() => '');
  return text.split('\n');
}

/** The server that runs on `data`, if one does. */
export async function findServer(data: string): Promise<Postmaster | null> {
  const [pid = '', , , port = '', , , , status = ''] = await readPidFile(data);
  if (!/^\d+$/.test(pid) || !(await isServerOf(Number(pid), data))) return null;
  return { pid: Number(pid), port: Number(port), ready: status.trim() === 'ready' };
}

/** Processes of a server that work in the data folder. */
async function serverProcesses(data: string): Promise<number[]> {
  const folder = await realpath(data);
  const found: number[] = [];
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name) || (await readlink(`/proc/${name}/cwd`).catch(() => '')) !== folder) continue;
    // Not somebody's shell that happens to be there.
    if ((await readFile(`/proc/${name}/comm`, 'utf8').catch(() => '')).trim() === 'postgres')
      found.push(Number(name));
  }
  return found;
}

/**
 * Clears away what a server that was killed leaves. Its sessions notice within a moment, unless they compute: after a
 * while those are ended as a crash would end them. Its pid file may by now name a stranger, or a zombie that nobody has
 * waited for (a container without an init), for either of which PostgreSQL would refuse to start; the file goes once
 * nothing of the old server runs. Does nothing where a server runs.
 */
async function clearRemains(data: string): Promise<void> {
  if (process.platform !== 'linux') return;
  const patienceUntil = Date.now() + ORPHAN_PATIENCE_MS;
  for (;;) {
    if ((await findServer(data)) !== null) return;
    const orphans = await serverProcesses(data);
    if (orphans.length === 0) break;
    if (Date.now() > patienceUntil) for (const pid of orphans) signal(pid, 'SIGQUIT');
    await pause(POLL_MS);
  }
  const [pid = ''] = await readPidFile(data);
  if (/^\d+$/.test(pid) && isAlive(Number(pid)) && (await findServer(data)) === null)
    await rm(join(data, 'postmaster.pid'), { force: true });
}

/** Signals a process, if it is still there. */
function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Binds a port to see whether it is free; 0 asks for any. Resolves to the port, or null. */
function tryPort(port: number): Promise<number | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.unref();
    server.on('error', () => resolve(null));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : null));
    });
  });
}

/** `preferred` if nobody listens there, else another port of 127.0.0.1 that is free now. */
export async function freePort(preferred: number | null): Promise<number> {
  const port = (preferred === null ? null : await tryPort(preferred)) ?? (await tryPort(0));
  if (port === null)
    throw new BackhaulError({ kind: 'database-connect', message: 'No port of 127.0.0.1 is free.' });
  return port;
}

async function serverArguments(plan: ServerPlan): Promise<string[]> {
  const settings: Record<string, string> = {
    ...tuning(memoryBytes(), await freeDiskBytes(plan.data)),
    listen_addresses: '127.0.0.1',
    port: String(plan.port),
    unix_socket_directories: plan.sockets ?? '',
    ...plan.settings,
  };
  return [
    '-D',
    plan.data,
    ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  ];
}

async function rotateLog(log: string): Promise<number> {
  const size = (await stat(log).catch(() => null))?.size ?? 0;
  if (size <= LOG_LIMIT_BYTES) return size;
  await rename(log, `${log}.1`);
  return 0;
}

async function logSince(log: string, offset: number): Promise<string> {
  const bytes = await readFile(log).catch(() => Buffer.alloc(0));
  return lastLines(bytes.subarray(Math.min(offset, bytes.length)).toString(), 5);
}

/**
 * Starts a server that outlives us and waits until it takes connections. Resolves to null once that is so, else (it
 * ended: another start won, a full disk, a port just taken) to the end of its log.
 */
export async function startServer(plan: ServerPlan): Promise<string | null> {
  await clearRemains(plan.data);
  const offset = await rotateLog(plan.log);
  const log = await open(plan.log, 'a', 0o600);
  let ended = false;
  try {
    const child = spawn(plan.binaries.postgres, await serverArguments(plan), {
      cwd: '/',
      env: ENVIRONMENT,
      // A session of its own: Ctrl-C at our terminal is not for the server.
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
      ...plan.account,
    });
    const failed = new Promise<never>((_, reject) => child.on('error', reject));
    failed.catch(() => {});
    child.on('exit', () => {
      ended = true;
    });
    child.unref();
    // Fast: what connects meanwhile is sent away.
    const stop = (): void => void child.kill('SIGINT');
    if (plan.signal?.aborted === true) stop();
    plan.signal?.addEventListener('abort', stop);
    try {
      await Promise.race([failed, untilReady(plan.data, child.pid ?? 0, () => ended)]);
      if (plan.signal?.aborted === true) {
        while (!ended) await pause(POLL_MS);
        throw givenUp();
      }
    } finally {
      plan.signal?.removeEventListener('abort', stop);
    }
  } finally {
    await log.close();
  }
  return ended ? await logSince(plan.log, offset) : null;
}

function givenUp(): BackhaulError {
  return new BackhaulError({ kind: 'interrupted', message: 'Interrupted.' });
}

async function untilReady(data: string, pid: number, ended: () => boolean): Promise<void> {
  const deadline = Date.now() + START_LIMIT_MS;
  while (!ended()) {
    const server = await findServer(data);
    if (server?.ready === true && server.pid === pid) return;
    if (Date.now() > deadline)
      throw new BackhaulError({
        kind: 'timeout',
        message: `The embedded PostgreSQL is not ready after ${START_LIMIT_MS / 60_000} minutes.`,
      });
    await pause(POLL_MS);
  }
}

/** Ends a server in good order (open transactions are rolled back) and waits until it is gone. */
export async function stopServer(data: string, server: Postmaster): Promise<void> {
  signal(server.pid, 'SIGINT');
  const deadline = Date.now() + STOP_LIMIT_MS;
  while (await isServerOf(server.pid, data)) {
    if (Date.now() > deadline)
      throw new BackhaulError({
        kind: 'timeout',
        message: `The embedded PostgreSQL (process ${server.pid}) has not ended after ${STOP_LIMIT_MS / 60_000} minutes.`,
      });
    await pause(POLL_MS);
  }
}

/** Lets `account` pass through a folder of ours. */
export async function openToPass(folder: string): Promise<void> {
  const { mode } = await stat(folder);
  if ((mode & 0o001) === 0) await chmod(folder, (mode & 0o777) | 0o011);
}
