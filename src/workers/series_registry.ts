import type { Pool } from 'pg';
import { inTransaction } from '../database/connect.ts';
import { BackhaulError } from '../errors.ts';
import { killPoint } from '../kill_points.ts';

/** So long another loader cannot have loaded a series that we have made; if we were frozen meanwhile, it is over. */
const NEW_MS = 2_000;
/** More series at once are not those of a claim. */
const MOST_BORN = 1_000;

/**
 * Ids of series, made on first sight. In transactions of their own: a task that held an uncommitted series would make
 * every other task that meets the symbol wait for it. A series without bars is harmless.
 */
export class SeriesRegistry {
  readonly #db: Pool;
  readonly #known = new Map<string, number>();
  /** When those were made that were made by us and have not been told of. */
  readonly #born = new Map<number, number>();
  /** For the next transaction. */
  readonly #wanted = new Map<string, SeriesName>();
  #making: Promise<void> | null = null;

  constructor(db: Pool) {
    this.#db = db;
  }

  /** Ids in the order of `symbols`. */
  async resolve(venue: string, intervalS: number, symbols: readonly string[]): Promise<Int32Array> {
    const wanted = symbols.map((symbol) => ({ venue, intervalS, symbol }));
    await this.foresee(wanted);
    return Int32Array.from(wanted, (name) => this.#known.get(keyOf(name))!);
  }

  /**
   * Makes series that will be asked for: one transaction for many is one wait for the disk for many. What is asked for
   * while one is under way goes into the next, all of it.
   */
  async foresee(wanted: readonly SeriesName[]): Promise<void> {
    for (;;) {
      const missing = this.#unknown(wanted);
      if (missing.length === 0) return;
      for (const name of missing) this.#wanted.set(keyOf(name), name);
      this.#making ??= this.#makeWanted().finally(() => {
        this.#making = null;
      });
      await this.#making;
    }
  }

  async #makeWanted(): Promise<void> {
    const names = [...this.#wanted.values()];
    this.#wanted.clear();
    await this.#read(names);
    const unborn = this.#unknown(names);
    if (unborn.length === 0) return;
    await this.#make(unborn);
    killPoint('series.made');
    // Another loader was quicker.
    await this.#read(this.#unknown(unborn));
    const [lost] = this.#unknown(unborn);
    if (lost !== undefined)
      throw new BackhaulError({
        kind: 'internal',
        message: 'a series was stored under another name',
        expected: `${lost.venue} ${lost.symbol}`,
      });
  }

  #unknown(names: readonly SeriesName[]): SeriesName[] {
    return names.filter((name) => !this.#known.has(keyOf(name)));
  }

  async #make(names: readonly SeriesName[]): Promise<void> {
    const made = await inTransaction(this.#db, async (client) => {
      // We remember the ids: no crash of a server that commits asynchronously may give them to other symbols.
      await client.query('SET LOCAL synchronous_commit = on');
      // In one order, so that two loaders cannot wait for each other.
      const { rows } = await client.query<SeriesRow>(
        `INSERT INTO backhaul.series (venue, symbol, interval_s)
         SELECT DISTINCT v, s, i FROM unnest($1::text[], $2::text[], $3::int[]) AS n (v, s, i) ORDER BY v, s, i
         ON CONFLICT DO NOTHING RETURNING venue, symbol, interval_s AS interval, series_id AS id`,
        columnsOf(names),
      );
      return rows;
    });
    this.#learn(made);
    // Of a large file nobody asks one by one.
    if (made.length > MOST_BORN) return;
    for (const { id } of made) this.#born.set(id, performance.now());
  }

  /** A series, if its id is known. `isNew`, told once: we have made it, a moment ago, so that it has no bars. */
  known(name: SeriesName): { readonly symbol: string; readonly id: number; readonly isNew: boolean } | null {
    const id = this.#known.get(keyOf(name));
    if (id === undefined) return null;
    const born = this.#born.get(id) ?? Number.NEGATIVE_INFINITY;
    this.#born.delete(id);
    return { symbol: name.symbol, id, isNew: performance.now() - born < NEW_MS };
  }

  async #read(names: readonly SeriesName[]): Promise<void> {
    if (names.length === 0) return;
    const { rows } = await this.#db.query<SeriesRow>(
      `SELECT s.venue, s.symbol, s.interval_s AS interval, s.series_id AS id
       FROM unnest($1::text[], $2::text[], $3::int[]) AS n (venue, symbol, interval_s)
       JOIN backhaul.series s USING (venue, symbol, interval_s)`,
      columnsOf(names),
    );
    this.#learn(rows);
  }

  #learn(rows: readonly SeriesRow[]): void {
    for (const { venue, symbol, interval, id } of rows)
      this.#known.set(keyOf({ venue, symbol, intervalS: interval }), id);
  }
}

interface SeriesRow {
  readonly venue: string;
  readonly symbol: string;
  readonly interval: number;
  readonly id: number;
}

/** What tells a series from all others. */
export interface SeriesName {
  readonly venue: string;
  readonly symbol: string;
  readonly intervalS: number;
}

function keyOf({ venue, symbol, intervalS }: SeriesName): string {
  return `${intervalS} ${venue}\n${symbol}`;
}

function columnsOf(names: readonly SeriesName[]): [string[], string[], number[]] {
  return [
    names.map(({ venue }) => venue),
    names.map(({ symbol }) => symbol),
    names.map(({ intervalS }) => intervalS),
  ];
}
