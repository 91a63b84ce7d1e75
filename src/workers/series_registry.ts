import type { Pool } from 'pg';
import { inTransaction } from '../database/connect.ts';
import { killPoint } from '../kill_points.ts';

/**
 * Ids of series, made on first sight. In transactions of their own: a task that held an uncommitted series would make
 * every other task that meets the symbol wait for it. A series without bars is harmless.
 */
export class SeriesRegistry {
  readonly #db: Pool;
  readonly #known = new Map<string, Map<string, number>>();

  constructor(db: Pool) {
    this.#db = db;
  }

  /** Ids in the order of `symbols`. */
  async resolve(venue: string, intervalS: number, symbols: readonly string[]): Promise<Int32Array> {
    const key = `${intervalS} ${venue}`;
    let known = this.#known.get(key);
    if (known === undefined) {
      known = new Map();
      this.#known.set(key, known);
    }
    const missing = symbols.filter((symbol) => !known.has(symbol));
    if (missing.length > 0) {
      await this.#read(known, venue, intervalS, missing);
      const unborn = missing.filter((symbol) => !known.has(symbol));
      if (unborn.length > 0) {
        await this.#make(venue, intervalS, unborn);
        killPoint('series.made');
        await this.#read(known, venue, intervalS, unborn);
      }
    }
    return Int32Array.from(symbols, (symbol) => known.get(symbol)!);
  }

  async #make(venue: string, intervalS: number, symbols: readonly string[]): Promise<void> {
    await inTransaction(this.#db, async (client) => {
      // We remember the ids: no crash of a server that commits asynchronously may give them to other symbols.
      await client.query('SET LOCAL synchronous_commit = on');
      // In one order, so that two loaders cannot wait for each other.
      await client.query(
        `INSERT INTO backhaul.series (venue, symbol, interval_s)
         SELECT $1, s, $2 FROM unnest($3::text[]) s ORDER BY s ON CONFLICT DO NOTHING`,
        [venue, intervalS, symbols],
      );
    });
  }

  async #read(
    known: Map<string, number>,
    venue: string,
    intervalS: number,
    symbols: readonly string[],
  ): Promise<void> {
    const { rows } = await this.#db.query<{ symbol: string; series_id: number }>(
      'SELECT symbol, series_id FROM backhaul.series WHERE venue = $1 AND interval_s = $2 AND symbol = ANY ($3)',
      [venue, intervalS, symbols],
    );
    for (const row of rows) known.set(row.symbol, row.series_id);
  }
}
