/** Incoming rows held against those that stand: new ones, equal ones, different ones. */

import type { ClientBase } from 'pg';
import type { BarColumns, Bars } from '../bars/columns.ts';
import { holds, type Range } from '../base/ranges.ts';
import { type BarRange, readRanges } from '../copy/copy_reader.ts';
import { copyRows } from '../copy/copy_writer.ts';
import { RowEncoder } from '../copy/row_encoder.ts';
import { stampOf } from '../database/stamps.ts';
import { CHECKPOINT_INTERVALS } from '../indicators/checkpoints.ts';
import { isDistributed } from '../state/schema/distributed.ts';
import { endsOpen } from '../state/series/coverage_rows.ts';
import { completes } from './unfinished.ts';

/** Differing rows kept as evidence, a task. All are counted. */
const CONFLICTS_KEPT = 1_000;

/** Between incoming rows further apart, as intervals, standing ones are not read. */
const APART_INTERVALS = 4 * CHECKPOINT_INTERVALS;

const NOWHERE: readonly Range[] = [];

const PRICES = ['open', 'high', 'low', 'close', 'volume', 'trades'] as const;

type Prices = Readonly<Record<string, number | string | null>>;

/** What becomes of an incoming row. */
export const NEW_ROW = 0;
export const EQUAL = 1;
export const KEPT = 2;
export const REPLACES = 3;

/** Rows [from, to) of a batch: all of one series in it, in the order of time. */
export interface SeriesRun {
  readonly seriesId: number;
  readonly from: number;
  readonly to: number;
}

/** What stands differs from what came. */
interface Difference {
  readonly seriesId: number;
  readonly row: number;
  readonly standing: Prices;
  /** The standing bar may be the incoming one at an earlier time. */
  readonly mayComplete: boolean;
}

/** Rows of a batch that were put together of what several files tell. */
export interface BarParts {
  /** Whether row `i` of what stands is some of the parts of row `row`. */
  areOf(row: number, standing: Bars, i: number): boolean;
}

export class Comparison {
  readonly #client: ClientBase;
  readonly #taskId: number;
  readonly #intervalUs: number;
  readonly #replaces: boolean;
  /** By series, where bars were made of shorter ones. */
  readonly #derived: ReadonlyMap<number, readonly Range[]>;
  /** Equal to what stands. */
  duplicates = 0;
  /** Different from what stands. */
  conflicts = 0;
  /** Of those, the ones that complete a bar which was unfinished. */
  completed = 0;
  /** Rows of which what stands is known to be a part: they take its place, and are in none of the above. */
  joined = 0;

  constructor(
    client: ClientBase,
    taskId: number,
    intervalUs: number,
    onConflict: 'keep' | 'replace',
    derived: ReadonlyMap<number, readonly Range[]> = new Map(),
  ) {
    this.#derived = derived;
    this.#client = client;
    this.#taskId = taskId;
    this.#intervalUs = intervalUs;
    this.#replaces = onConflict === 'replace';
  }

  /**
   * What becomes of each row of a batch, by row; `runs` in its order. `standing` is memory to read into. Conflicts are
   * noted. `parts`: what is known of rows that were put together.
   */
  async compare(
    cols: BarColumns,
    runs: readonly SeriesRun[],
    standing: BarColumns,
    parts: BarParts | null = null,
  ): Promise<Uint8Array> {
    const became = new Uint8Array(runs.at(-1)!.to);
    const differences: Difference[] = [];
    let at = 0;
    let row = 0;
    await readRanges(
      this.#client,
      rangesOf(cols, runs, this.#intervalUs),
      'prices',
      Number.POSITIVE_INFINITY,
      standing,
      (found) => {
        for (let i = 0; i < found.length; i++) {
          while (runs[at]!.seriesId !== found.symbol[i]) row = runs[++at]!.from;
          const ts = found.ts[i]!;
          // No bar is read that is behind the last row of its run.
          while (cols.ts[row]! < ts) row++;
          if (cols.ts[row] !== ts) continue;
          if (holds(this.#derived.get(runs[at]!.seriesId) ?? NOWHERE, ts)) {
            became[row] = REPLACES;
            continue;
          }
          became[row] = EQUAL;
          if (!isEqual(cols, row, found, i)) {
            if (parts?.areOf(row, found, i) === true) {
              became[row] = REPLACES;
              this.joined++;
              continue;
            }
            became[row] = this.#replaces ? REPLACES : KEPT;
            differences.push({
              seriesId: runs[at]!.seriesId,
              row,
              standing: pricesOf(found, i),
              mayComplete: !this.#replaces && completes(cols, row, found, i),
            });
          } else this.duplicates++;
        }
      },
      await isDistributed(this.#client),
    );
    if (differences.length > 0) await this.#settle(cols, differences, became);
    return became;
  }

  /** Conflicts that may still be noted. */
  get evidenceLeft(): number {
    return Math.max(0, CONFLICTS_KEPT - this.conflicts);
  }

  async #settle(cols: BarColumns, differences: readonly Difference[], became: Uint8Array): Promise<void> {
    await this.#note(cols, differences.slice(0, this.evidenceLeft));
    this.conflicts += differences.length;
    for (const { row } of await this.#completing(
      cols,
      differences.filter((one) => one.mayComplete),
    )) {
      became[row] = REPLACES;
      this.completed++;
    }
  }

  /** Those whose bar was the last of a file that may have been cut in the middle of it. */
  async #completing(cols: BarColumns, some: readonly Difference[]): Promise<Difference[]> {
    if (some.length === 0) return [];
    const { rows } = await this.#client.query<{ n: number }>(
      `SELECT n::int AS n FROM unnest($1::int[], $2::float8[]) WITH ORDINALITY AS u (series_id, end_us, n)
       WHERE ${endsOpen('u.series_id', stampOf('u.end_us'))}`,
      [some.map((one) => one.seriesId), some.map(({ row }) => cols.ts[row]! + this.#intervalUs)],
    );
    return rows.map(({ n }) => some[n - 1]!);
  }

  async #note(cols: BarColumns, differences: readonly Difference[]): Promise<void> {
    if (differences.length === 0) return;
    const rows = new RowEncoder(5);
    for (const { seriesId, row, standing } of differences) {
      rows.row();
      rows.int8(this.#taskId);
      rows.int4(seriesId);
      rows.timestamptz(cols.ts[row]!);
      rows.jsonb(standing);
      rows.jsonb(pricesOf(cols, row));
    }
    const columns = ['task_id', 'series_id', 'ts', 'standing', 'incoming'];
    await copyRows(this.#client, 'backhaul.conflict', columns, rows.bytes());
  }
}

/** The parts of the series that the rows of the runs are in. */
function rangesOf(cols: BarColumns, runs: readonly SeriesRun[], intervalUs: number): BarRange[] {
  const ranges: BarRange[] = [];
  const apart = APART_INTERVALS * intervalUs;
  for (const { seriesId, from, to } of runs) {
    let start = from;
    for (let row = from + 1; row <= to; row++) {
      if (row < to && cols.ts[row]! - cols.ts[row - 1]! <= apart) continue;
      ranges.push({ seriesId, afterUs: cols.ts[start]! - 1, toUs: cols.ts[row - 1]! });
      start = row;
    }
  }
  return ranges;
}

/** Whether two bars say the same; NULL is equal to NULL. */
export function isEqual(a: Bars, i: number, b: Bars, j: number): boolean {
  for (const name of PRICES) {
    const x = a[name][i]!;
    const y = b[name][j]!;
    if (x !== y && !(Number.isNaN(x) && Number.isNaN(y))) return false;
  }
  return true;
}

/** The six prices as the server writes them in JSON: what is no number there is a string, what is not there null. */
function pricesOf(bars: Bars, i: number): Prices {
  return Object.fromEntries(
    PRICES.map((name) => {
      const value = bars[name][i]!;
      if (Number.isNaN(value)) return [name, null];
      return [name, Number.isFinite(value) ? value : String(value)];
    }),
  );
}
