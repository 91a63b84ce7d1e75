/**
 * The floor: how long the same server takes for the same rows when they come ready-made. Binary COPY files, brought
 * into the page cache before the clock starts and sent over as many connections as there are cores into bare tables of
 * the same layout; then the primary keys. Rows of one task and leaf go by one COPY; in the short floor by several, a
 * file each, as in a load (`copy_writer.ts`), which is the least for these rows that we know of.
 */

import { createReadStream } from 'node:fs';
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { BARS_COLUMNS, COPY_HEADER, COPY_TRAILER } from '../copy/wire.ts';
import { connect, createPool, endPool } from '../database/connect.ts';
import { BackhaulError, type Fault } from '../faults/fault.ts';
import type { LoadOptions } from '../load/load_events.ts';
import type { PlannedTask } from '../producer/planning/found_task.ts';
import { ALONE, type Keyless, keyBuilds } from '../state/leaves/key_builds.ts';
import { Pipeline } from './pipeline.ts';

/** Rows of one task and one leaf, as COPY takes them. */
export interface ReadyMade {
  /** A file a short COPY, in order. */
  readonly parts: readonly ReadyMadePart[];
  readonly leaf: string;
  /** Number of the task, from 1. */
  readonly task: number;
}

/** A COPY of its own, header and trailer included. */
export interface ReadyMadePart {
  readonly path: string;
  readonly bytes: number;
}

/** What of a part is sent. */
export interface Stretch {
  readonly path: string;
  readonly from: number;
  readonly to: number;
}

/** What each COPY is made of: of one part, or of all with the first one's header and the last one's trailer. */
export function copiesOf({ parts }: ReadyMade, short: boolean): Stretch[][] {
  if (short) return parts.map(({ path, bytes }) => [{ path, from: 0, to: bytes }]);
  return [
    parts.map(({ path, bytes }, i) => ({
      path,
      from: i === 0 ? 0 : COPY_HEADER.length,
      to: i === parts.length - 1 ? bytes : bytes - COPY_TRAILER.length,
    })),
  ];
}

/** What a pass took. */
export interface FloorRun {
  readonly connections: number;
  readonly rows: number;
  /** From the first COPY to the last key built. */
  readonly seconds: number;
  readonly copySeconds: number;
  readonly keySeconds: number;
  /** CPU of the senders. */
  readonly cpuSeconds: number;
}

/** Has the real pipeline write its rows into files under `folder`, instead of a database. */
export async function makeReadyMade(
  folder: string,
  tasks: readonly PlannedTask[],
  options: LoadOptions,
  workers: number,
  signal: AbortSignal,
): Promise<{ readonly files: readonly ReadyMade[]; readonly seriesIds: ReadonlyMap<string, number> }> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const pipeline = new Pipeline(options, workers, { folder }, signal);
  const { seriesIds } = await pipeline.run(tasks).finally(() => pipeline.close());
  const files = new Map<string, { leaf: string; task: number; parts: ReadyMadePart[] }>();
  for (const name of await readdir(folder)) {
    const [task, leaf, number] = name.split('.') as [string, string, string];
    const key = `${task}.${leaf}`;
    const file = files.get(key) ?? { leaf, task: Number(task), parts: [] };
    files.set(key, file);
    const path = join(folder, name);
    file.parts[Number(number)] = { path, bytes: (await stat(path)).size };
  }
  return { files: [...files.values()].sort((a, b) => a.task - b.task), seriesIds };
}

const COLUMN_TYPES: Readonly<Record<string, string>> = {
  series_id: 'int NOT NULL',
  ts: 'timestamptz NOT NULL',
  trades: 'int8',
};

/** A bare table with the columns of `bars`; autovacuum leaves it alone, as it does a loader's bare leaves. */
function tableSql(leaf: string): string {
  const columns = BARS_COLUMNS.map((name) => `${name} ${COLUMN_TYPES[name] ?? 'float8'}`);
  return `CREATE TABLE floor.${leaf} (${columns.join(', ')}) WITH (autovacuum_enabled = false)`;
}

/**
 * Sends `files`, which {@link intoPageCache} has read, over `connections` sessions into an empty database, then builds the
 * keys. `short`: by short COPYs.
 */
export async function runFloor(
  url: string,
  files: readonly ReadyMade[],
  connections: number,
  short: boolean,
  signal: AbortSignal,
): Promise<FloorRun> {
  signal.throwIfAborted();
  const leaves = [...new Set(files.map(({ leaf }) => leaf))].sort();
  const db = createPool(url, { applicationName: 'backhaul bench', max: connections });
  try {
    await db.query(`CREATE SCHEMA floor; ${leaves.map(tableSql).join('; ')}`);
    const senders = await Senders.connect(url, files, connections, short);
    const stop = (): void => void senders.end();
    signal.addEventListener('abort', stop);
    try {
      const cpu = process.cpuUsage();
      const started = performance.now();
      const rows = await senders.send();
      const copied = performance.now();
      signal.throwIfAborted();
      const { user, system } = process.cpuUsage(cpu);
      const next = keyBuilds(sizes(files), connections).values();
      const key = async (): Promise<void> => {
        for (const { name: leaf, alone } of next) {
          const build = `ALTER TABLE floor.${leaf} ADD PRIMARY KEY (series_id, ts)`;
          await db.query(alone ? `BEGIN; ${ALONE}; ${build}; COMMIT` : build);
        }
      };
      await Promise.all(Array.from({ length: connections }, key));
      const ended = performance.now();
      return {
        connections,
        rows,
        seconds: (ended - started) / 1000,
        copySeconds: (copied - started) / 1000,
        keySeconds: (ended - copied) / 1000,
        cpuSeconds: (user + system) / 1e6,
      };
    } finally {
      signal.removeEventListener('abort', stop);
      await senders.end();
    }
  } catch (error) {
    throw signal.aborted ? signal.reason : error;
  } finally {
    await endPool(db);
  }
}

/** The leaves, with the bytes of their ready-made rows. */
function sizes(files: readonly ReadyMade[]): Keyless[] {
  const sizes = new Map<string, number>();
  for (const { leaf, parts } of files)
    for (const { bytes } of parts) sizes.set(leaf, (sizes.get(leaf) ?? 0) + bytes);
  return [...sizes].map(([name, bytes]) => ({ name, bytes }));
}

/**
 * Reads the files once: a system short of memory, or one that gives cold pages back, drops them between two rounds, and
 * the floor would be the disk's.
 */
export async function intoPageCache(files: readonly ReadyMade[], signal: AbortSignal): Promise<void> {
  for (const { path } of files.flatMap(({ parts }) => parts))
    for await (const _ of createReadStream(path, { highWaterMark: 1 << 20, signal }));
}

/** Counts the rows of the floor's tables and their trades: what a load must have too. */
export async function floorSums(url: string, files: readonly ReadyMade[]): Promise<TableSums> {
  const leaves = [...new Set(files.map(({ leaf }) => leaf))];
  return tableSums(url, `(${leaves.map((leaf) => `SELECT trades FROM floor.${leaf}`).join(' UNION ALL ')})`);
}

/** A sum over a table that tells whether the same rows are in it; exact whatever the order. */
export interface TableSums {
  readonly rows: number;
  readonly trades: number;
}

/** Sums of a table, a view or a query in parentheses. */
export async function tableSums(url: string, from: string): Promise<TableSums> {
  const client = await connect(url, { applicationName: 'backhaul bench' });
  try {
    const { rows } = await client.query<{ rows: number; trades: string }>(
      `SELECT count(*) AS rows, coalesce(sum(trades), 0) AS trades FROM ${from} t`,
    );
    return { rows: rows[0]!.rows, trades: Number(rows[0]!.trades) };
  } finally {
    await client.end();
  }
}

/** Rows of one task and leaf: sent in a transaction of their own, by these COPYs. */
export interface SentFile {
  readonly leaf: string;
  readonly copies: readonly (readonly Stretch[])[];
}

/** What a sender thread is given. */
export interface SenderData {
  readonly url: string;
  readonly files: readonly SentFile[];
  /** Index of the next file to be taken, shared by all senders. */
  readonly next: Int32Array<SharedArrayBuffer>;
}

/** What it says: `ready` once connected, then how it ended. */
export type SenderWord = 'ready' | { readonly rows: number } | { readonly fault: Fault };

/** A thread a connection. */
class Senders {
  readonly #threads: readonly Worker[];

  private constructor(threads: readonly Worker[]) {
    this.#threads = threads;
  }

  /** Resolves when all are connected and wait for the start. */
  static async connect(
    url: string,
    files: readonly ReadyMade[],
    connections: number,
    short: boolean,
  ): Promise<Senders> {
    const next = new Int32Array(new SharedArrayBuffer(4));
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
    const module = fileURLToPath(new URL(`./floor_sender.${extension}`, import.meta.url));
    const sent = files.map((file) => ({ leaf: file.leaf, copies: copiesOf(file, short) }));
    const workerData: SenderData = { url, files: sent, next };
    const threads = Array.from({ length: connections }, () => new Worker(module, { workerData }));
    const senders = new Senders(threads);
    try {
      await Promise.all(threads.map((thread) => wordOf(thread)));
      return senders;
    } catch (error) {
      await senders.end();
      throw error;
    }
  }

  /** Sends everything; resolves to the rows the server has counted. */
  async send(): Promise<number> {
    const ends = this.#threads.map((thread) => wordOf(thread));
    for (const thread of this.#threads) thread.postMessage('go');
    let rows = 0;
    for (const end of await Promise.all(ends)) if (typeof end === 'object' && 'rows' in end) rows += end.rows;
    return rows;
  }

  async end(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.terminate()));
  }
}

function wordOf(thread: Worker): Promise<SenderWord> {
  return new Promise((resolve, reject) => {
    const listen = (word: SenderWord): void => {
      done();
      if (typeof word === 'object' && 'fault' in word) reject(new BackhaulError(word.fault));
      else resolve(word);
    };
    const gone = (): void => {
      done();
      reject(new BackhaulError({ kind: 'interrupted', message: 'a sender of the floor was ended' }));
    };
    const fail = (error: Error): void => {
      done();
      reject(error);
    };
    const done = (): void => {
      thread.off('message', listen).off('exit', gone).off('error', fail);
    };
    thread.on('message', listen).on('exit', gone).on('error', fail);
  });
}
