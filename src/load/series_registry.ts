/** Ids of series, by name: known ones from memory, others asked for or made, a claim's worth at a time. */

import type { Pool } from 'pg';
import { killPoint } from '../base/kill_points.ts';
import { type Aliases, spellings } from '../base/spellings.ts';
import { BackhaulError } from '../faults/fault.ts';
import { findOrMakeSeries } from '../state/series/series_ids.ts';
import type { SeriesName } from '../state/series/series_name.ts';
import { standingSymbols } from '../state/series/series_rows.ts';

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
  /** Of the events of venues that tasks were claimed of. */
  readonly #revisions = new Map<string, number>();

  constructor(db: Pool) {
    this.#db = db;
  }

  /**
   * A task was claimed while the events of its venue were of that revision. Between two of them names of one company may
   * have been made one series, and what was known of the others is gone.
   */
  asOf(venue: string, revision: number): void {
    const before = this.#revisions.get(venue);
    this.#revisions.set(venue, revision);
    if (before === undefined || before === revision) return;
    this.#known.clear();
    this.#born.clear();
  }

  /** Ids in the order of `symbols`. */
  async resolve(venue: string, intervalS: number, symbols: readonly string[]): Promise<Int32Array> {
    const wanted = symbols.map((symbol) => ({ venue, intervalS, symbol }));
    await this.ensure(wanted);
    return Int32Array.from(wanted, (name) => this.#known.get(keyOf(name))!);
  }

  /**
   * The names under which markets stand that a file may spell otherwise, in the order of `symbols`; the file's own where
   * there is none yet. `turn` waits until whatever comes before the file has made its series: so the first file of a
   * market names it, however many are read at once.
   */
  async standingNames(
    venue: string,
    intervalS: number,
    symbols: readonly string[],
    aliases: Aliases,
    turn: () => Promise<void>,
  ): Promise<readonly string[]> {
    const named = symbols.map((symbol) => ({ symbol, all: spellings(symbol, aliases) }));
    const several = named.filter(
      ({ symbol, all }) => all.length > 1 && !this.#isKnown(venue, intervalS, symbol),
    );
    if (several.length === 0) return symbols;
    const wanted = several.flatMap(({ all }) => all);
    const look = (): Promise<ReadonlySet<string>> => standingSymbols(this.#db, venue, intervalS, wanted);
    let stands = await look();
    if (several.some(({ all }) => !all.some((one) => stands.has(one)))) {
      await turn();
      stands = await look();
    }
    return named.map(({ symbol, all }) =>
      stands.has(symbol) ? symbol : (all.find((one) => stands.has(one)) ?? symbol),
    );
  }

  #isKnown(venue: string, intervalS: number, symbol: string): boolean {
    return this.#known.has(keyOf({ venue, intervalS, symbol }));
  }

  /**
   * Makes series that will be asked for: one transaction for many is one wait for the disk for many. What is asked for
   * while one is under way goes into the next, all of it.
   */
  async ensure(wanted: readonly SeriesName[]): Promise<void> {
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
    await this.#findOrMake(names);
    killPoint('series.made');
    // Another loader was quicker.
    const missed = this.#unknown(names);
    if (missed.length > 0) await this.#findOrMake(missed);
    const [lost] = this.#unknown(missed);
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

  /** In one statement: whoever waits for an id waits for one answer of a busy server, not for five. */
  async #findOrMake(names: readonly SeriesName[]): Promise<void> {
    const rows = await findOrMakeSeries(this.#db, names);
    for (const row of rows) this.#known.set(keyOf(row), row.id);
    const made = rows.filter(({ isNew }) => isNew);
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
}

function keyOf({ venue, symbol, intervalS }: SeriesName): string {
  return `${intervalS} ${venue}\n${symbol}`;
}
