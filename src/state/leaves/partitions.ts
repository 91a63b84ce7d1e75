/** Leaves of `bars`, made when rows come for them, and given key and place when a load ends. */

import pRetry from 'p-retry';
import type { ClientBase, Pool, PoolClient } from 'pg';
import { killPoint } from '../../base/kill_points.ts';
import { cutLeaf, KnownLeaves, type Leaf, type LeafMonths, wideLeaf } from '../../copy/leaf.ts';
import { backendPid, type Db } from '../../database/connect.ts';
import { isDistributed, ON_NODES_TOO } from '../schema/distributed.ts';
import { chunksWithin, createChunk } from './chunks.ts';
import { ALONE, type KeyBuild, type Keyless, keyBuilds } from './key_builds.ts';
import { boundsOf, keyStatements, leafStatements, standingStatements } from './leaf_statements.ts';

/** A bare leaf that got its key and its place in `bars`. */
export interface Promotion {
  readonly name: string;
  readonly seconds: number;
}

/** When to stop giving keys: the first begins no more of them, the second cancels those under way. */
export interface PromotionSignals {
  readonly drain: AbortSignal;
  readonly abort: AbortSignal;
}

const CHECK_VIOLATION_OF_LOCK = new Set(['55P03', '40P01']);

/** Waiting longer for a leaf's lock would queue every loader behind us: give up and come again. */
const LOCK_TIMEOUT_MS = 2_000;
const PROMOTE_ATTEMPTS = 30;

/** Whether some leaf has no key yet. */
export async function hasBareLeaf(db: Db): Promise<boolean> {
  const { rowCount } = await db.query(`SELECT 1 FROM backhaul.partition WHERE state = 'bare' LIMIT 1`);
  return rowCount !== 0;
}

/**
 * Makes, keys and attaches the leaves of `bars`. A new leaf is *bare*: no key, so that COPY runs at the heap's own
 * speed; it gets its key in one sort when the load is done. Which leaves stand is recorded in `backhaul.partition`,
 * each change in the transaction that makes it true.
 */
export class Partitions {
  readonly #db: Pool;
  readonly #known = new KnownLeaves();
  /** Settles when the leaf under way has been made, or has not. */
  #making: Promise<unknown> = Promise.resolve();
  readonly #hypertable: boolean;
  readonly #signals: PromotionSignals | null;
  /** New leaves are made standing from now on: set once a load has met overlapping files, which need the key. */
  standingFromBirth = false;

  constructor(db: Pool, hypertable: boolean, signals: PromotionSignals | null = null) {
    this.#db = db;
    this.#hypertable = hypertable;
    this.#signals = signals;
  }

  /**
   * The leaves that bars at these µs stamps belong to; they stand when this resolves. New ones are of so many `months`,
   * less where others stand, and with `standing` have their key. Of a hypertable they are its chunks.
   */
  async ensure(
    stamps: readonly number[],
    { months = 1, standing = false }: { readonly months?: LeafMonths; readonly standing?: boolean } = {},
  ): Promise<Leaf[]> {
    const leaves = new Set<Leaf>();
    for (const stamp of stamps) {
      const making = this.#making.then(
        () => this.#known.at(stamp) ?? this.#make(stamp, months, standing || this.standingFromBirth),
      );
      this.#making = making.catch(() => {});
      leaves.add(await making);
    }
    return [...leaves];
  }

  /** The leaf of a stamp as another loader has made it, or a new one. */
  async #make(stamp: number, months: LeafMonths, isStanding: boolean): Promise<Leaf> {
    const client = await this.#db.connect();
    try {
      // Workers rely on the leaf from now on: it must outlive a crash of a server that commits asynchronously.
      await client.query('BEGIN; SET LOCAL synchronous_commit = on');
      await client.query(`SELECT pg_advisory_xact_lock(hashtext('backhaul.partition'))`);
      const wide = wideLeaf(stamp, months);
      const standing = await (this.#hypertable ? chunksWithin(client, wide) : leavesWithin(client, wide));
      let leaf = standing.find(({ fromUs, toUs }) => fromUs <= stamp && stamp < toUs);
      if (leaf === undefined && this.#hypertable) leaf = await createChunk(client, wide, stamp, standing);
      else if (leaf === undefined) {
        leaf = cutLeaf(wide, stamp, standing);
        await createLeaf(client, leaf, isStanding ? 'standing' : 'bare');
      }
      killPoint('leaf.made');
      await client.query('COMMIT');
      killPoint('leaf.committed');
      this.#known.add(leaf);
      return leaf;
    } catch (error) {
      await client.query('ROLLBACK').catch(() => {});
      throw error;
    } finally {
      client.release();
    }
  }

  /** Names of the leaves that are still bare, oldest first. */
  async bare(): Promise<string[]> {
    const { rows } = await this.#db.query<{ name: string }>(
      `SELECT name FROM backhaul.partition WHERE state = 'bare' ORDER BY from_ts`,
    );
    return rows.map((row) => row.name);
  }

  /**
   * Gives every bare leaf its primary key and attaches it to `bars`, `concurrency` at a time, largest first. Another loader that is
   * writing into a leaf keeps it bare: the last one out keys it. Returns what was done; throws on a duplicate key. An
   * interrupt leaves bare what has no key yet.
   */
  async promoteAll(
    concurrency: number,
    onDone: (promotion: Promotion) => void,
    mustAll: boolean,
  ): Promise<Promotion[]> {
    const { rows } = await this.#db.query<Keyless>(
      `SELECT name, pg_relation_size(('backhaul.' || name)::regclass)::float8 AS bytes
       FROM backhaul.partition WHERE state = 'bare'`,
    );
    const done: Promotion[] = [];
    const next = keyBuilds(rows, concurrency).values();
    const work = async (): Promise<void> => {
      for (const build of next) {
        if (this.#signals?.drain.aborted === true) return;
        const promotion = await this.#promote(build, mustAll);
        if (promotion === null) continue;
        done.push(promotion);
        onDone(promotion);
      }
    };
    await Promise.all(Array.from({ length: Math.min(concurrency, rows.length) }, work));
    return done;
  }

  async #promote(build: KeyBuild, must: boolean): Promise<Promotion | null> {
    const isLocked = (error: unknown): boolean =>
      CHECK_VIOLATION_OF_LOCK.has((error as { code?: string }).code ?? '');
    const isOver = (): boolean =>
      this.#signals?.abort.aborted === true || this.#signals?.drain.aborted === true;
    try {
      return await pRetry(() => this.#tryPromote(build), {
        retries: (must ? PROMOTE_ATTEMPTS : 3) - 1,
        minTimeout: 200,
        factor: 1,
        randomize: true,
        shouldRetry: ({ error }) => isLocked(error) && !isOver(),
      });
    } catch (error) {
      if (this.#signals?.abort.aborted === true) return null;
      if (isLocked(error) && (isOver() || !must)) return null;
      throw error;
    }
  }

  async #tryPromote({ name, alone }: KeyBuild): Promise<Promotion | null> {
    const started = performance.now();
    const client = await this.#db.connect();
    const cancel = (): void => void this.#cancel(client).catch(() => {});
    this.#signals?.abort.addEventListener('abort', cancel);
    try {
      this.#signals?.abort.throwIfAborted();
      const isSpread = await isDistributed(client);
      await client.query('BEGIN');
      if (isSpread) await client.query(ON_NODES_TOO);
      await client.query(`SET LOCAL lock_timeout = ${LOCK_TIMEOUT_MS}; SET LOCAL statement_timeout = 0`);
      const { rows } = await client.query<{ from_ts: Date; to_ts: Date }>(
        `SELECT from_ts, to_ts FROM backhaul.partition WHERE name = $1 AND state = 'bare' FOR UPDATE`,
        [name],
      );
      const range = rows[0];
      if (range !== undefined) {
        const bounds = { name, ...boundsOf(1000 * range.from_ts.getTime(), 1000 * range.to_ts.getTime()) };
        if (alone) await client.query(ALONE);
        await sayEach(client, keyStatements(bounds, isSpread));
        killPoint('leaf.keyed');
        await sayEach(client, standingStatements(bounds, isSpread));
        await client.query(`UPDATE backhaul.partition SET state = 'standing' WHERE name = $1`, [name]);
        killPoint('leaf.attached');
      }
      await client.query('COMMIT');
      killPoint('leaf.standing');
      return range === undefined ? null : { name, seconds: (performance.now() - started) / 1000 };
    } catch (error) {
      await client.query('ROLLBACK').catch(() => {});
      throw error;
    } finally {
      this.#signals?.abort.removeEventListener('abort', cancel);
      client.release();
    }
  }

  /** Stops the statement under way: an index of a large leaf takes minutes. */
  async #cancel(client: PoolClient): Promise<void> {
    await this.#db.query('SELECT pg_cancel_backend($1)', [backendPid(client)]);
  }
}

/** Adds the leaves of the first `rows` of these stamps to `known`, where it has not all of them. They stand. */
export async function findLeaves(
  client: ClientBase,
  known: KnownLeaves,
  ts: Float64Array,
  rows: number,
): Promise<void> {
  let leaf: Leaf | undefined;
  for (let row = 0; row < rows; row++) {
    const stamp = ts[row]!;
    if (leaf !== undefined && stamp >= leaf.fromUs && stamp < leaf.toUs) continue;
    leaf = known.at(stamp);
    if (leaf !== undefined) continue;
    for (const one of await leavesWithin(client, wideLeaf(stamp, 120))) known.add(one);
    leaf = known.at(stamp);
  }
}

/** The leaves that stand anywhere in the range of this one. */
async function leavesWithin(client: ClientBase, { fromUs, toUs }: Leaf): Promise<Leaf[]> {
  const { rows } = await client.query<{ name: string; from_ts: Date; to_ts: Date }>(
    'SELECT name, from_ts, to_ts FROM backhaul.partition WHERE from_ts < $2 AND to_ts > $1',
    [new Date(fromUs / 1000), new Date(toUs / 1000)],
  );
  return rows.map((row) => ({
    name: row.name,
    fromUs: row.from_ts.getTime() * 1000,
    toUs: row.to_ts.getTime() * 1000,
  }));
}

async function createLeaf(client: PoolClient, leaf: Leaf, state: 'bare' | 'standing'): Promise<void> {
  const bounds = { name: leaf.name, ...boundsOf(leaf.fromUs, leaf.toUs) };
  await sayEach(client, leafStatements(bounds, state === 'standing', await isDistributed(client)));
  await client.query('INSERT INTO backhaul.partition (name, from_ts, to_ts, state) VALUES ($1, $2, $3, $4)', [
    leaf.name,
    new Date(leaf.fromUs / 1000),
    new Date(leaf.toUs / 1000),
    state,
  ]);
}

/** Statement by statement: on a distributed table Citus carries out one that changes tables only if it comes alone. */
async function sayEach(client: PoolClient, statements: readonly string[]): Promise<void> {
  for (const statement of statements) await client.query(statement);
}
