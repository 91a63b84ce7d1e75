/** The first and last bars that a file of trades makes of its series: those that its ends may have cut. */

import type { ClientBase } from 'pg';
import type { BarColumns } from '../../bars/columns.ts';
import { Zone } from '../../base/zone.ts';
import { Buckets } from '../../scan/trade_buckets.ts';
import { type TradeEdge, writeEdges } from '../../state/series/trade_edges.ts';
import type { Assignment } from '../link/assignment.ts';
import type { FileScan } from './file_scan.ts';

interface SeriesEdges {
  first: TradeEdge;
  last: TradeEdge;
}

export class EdgeBars {
  readonly #plan: Assignment['plan'];
  readonly #file: Pick<FileScan, 'beginsBefore'>;
  readonly #bySeries = new Map<number, SeriesEdges>();

  constructor(plan: Assignment['plan'], file: Pick<FileScan, 'beginsBefore'>) {
    this.#plan = plan;
    this.#file = file;
  }

  /**
   * Rows `[0, rows)` of a batch come, each series in order of time; `line` and `offset` hold the instants of their first
   * and last trade. `seriesIds` maps `cols.symbol` to series_id; null: it is that already.
   */
  see(cols: BarColumns, seriesIds: Int32Array | null, rows: number): void {
    for (let from = 0; from < rows; ) {
      const symbol = cols.symbol[from]!;
      let to = from + 1;
      while (to < rows && cols.symbol[to] === symbol) to++;
      const seriesId = seriesIds === null ? symbol : seriesIds[symbol]!;
      const last = edgeAt(cols, to - 1, seriesId);
      const known = this.#bySeries.get(seriesId);
      if (known === undefined) this.#bySeries.set(seriesId, { first: edgeAt(cols, from, seriesId), last });
      else known.last = last;
      from = to;
    }
  }

  /** Of the first bar that has come of a series and that the start of the file may have cut, µs. */
  readonly firstOf = (seriesId: number): number =>
    this.#file.beginsBefore
      ? Number.NEGATIVE_INFINITY
      : (this.#bySeries.get(seriesId)?.first.ts ?? Number.POSITIVE_INFINITY);

  /** Stores those that the file may not hold whole, in the place of those the task had. */
  async write(client: ClientBase, taskId: number): Promise<void> {
    const { fileFromUs, fileToUs, grid, intervalS, sessionZone } = this.#plan;
    const buckets = new Buckets(grid, intervalS * 1e6, new Zone(grid === 'zone-day' ? sessionZone : 'UTC'));
    const isWhole = ({ ts }: TradeEdge): boolean => {
      buckets.find(ts);
      return (fileFromUs ?? Infinity) <= ts && (fileToUs ?? -Infinity) >= buckets.end;
    };
    const edges = [...this.#bySeries.values()].flatMap(({ first, last }) =>
      first.ts === last.ts || this.#file.beginsBefore ? [last] : [first, last],
    );
    await writeEdges(
      client,
      taskId,
      edges.filter((edge) => !isWhole(edge)),
    );
  }
}

function edgeAt(cols: BarColumns, row: number, seriesId: number): TradeEdge {
  return {
    seriesId,
    ts: cols.ts[row]!,
    first: cols.line[row]!,
    last: cols.offset[row]!,
    open: cols.open[row]!,
    high: cols.high[row]!,
    low: cols.low[row]!,
    close: cols.close[row]!,
    volume: cols.volume[row]!,
    trades: cols.trades[row]!,
  };
}
