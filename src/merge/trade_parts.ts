import type { ClientBase } from 'pg';
import { BarColumns, type Bars } from '../bars/columns.ts';
import { joinBars } from '../scan/trade_bars.ts';
import { type EdgeRange, readEdges, type StoredEdge } from '../state/series/trade_edges.ts';
import { type BarParts, isEqual } from './comparison.ts';

/**
 * Bars that the end of a file of trades has cut, put together from the parts that files tell. Each file keeps the first
 * and the last bar it told of a series, so that it does not matter which of two files is loaded first, nor whether one
 * of them is loaded again.
 *
 * Parts follow each other when the last trade of one is no later than the first of the other; of trades of one instant
 * those of the file that is first in its lane came first. A part that lies within another says nothing new. Two that
 * overlap otherwise are left to the comparison: nobody can tell which trades are in both.
 */
export class TradeParts implements BarParts {
  readonly #client: ClientBase;
  readonly #taskId: number;
  /** Of the batch at hand: by row, what may stand in its place. */
  readonly #mayStand = new Map<number, { readonly bars: BarColumns; readonly count: number }>();

  constructor(client: ClientBase, taskId: number) {
    this.#client = client;
    this.#taskId = taskId;
  }

  /**
   * Joins to rows `[0, rows)` of a batch what other files tell of the same bars; `line` and `offset` hold the instants of
   * a row's first and last trade. `seriesIds` maps `cols.symbol` to series_id; null: it is that already. `firstOf`: the
   * first bar that the file makes of a series; between it and the last a file tells bars whole.
   */
  async join(
    cols: BarColumns,
    seriesIds: Int32Array | null,
    rows: number,
    firstOf: (seriesId: number) => number,
  ): Promise<void> {
    this.#mayStand.clear();
    const seriesOf = (row: number): number =>
      seriesIds === null ? cols.symbol[row]! : seriesIds[cols.symbol[row]!]!;
    const ranges: EdgeRange[] = [];
    const firstRows: number[] = [];
    for (let from = 0; from < rows; ) {
      let to = from + 1;
      while (to < rows && cols.symbol[to] === cols.symbol[from]) to++;
      ranges.push({ seriesId: seriesOf(from), fromUs: cols.ts[from]!, toUs: cols.ts[to - 1]! });
      firstRows.push(from);
      from = to;
    }
    const edges = await readEdges(this.#client, this.#taskId, ranges);
    if (edges.length === 0) return;
    const byBar = Map.groupBy(edges, ({ seriesId, ts }) => `${seriesId} ${ts}`);
    const starts = new Map(ranges.map(({ seriesId }, i) => [seriesId, firstRows[i]!]));
    for (const some of byBar.values()) {
      const { seriesId, ts } = some[0]!;
      let row = starts.get(seriesId)!;
      while (row < rows && seriesOf(row) === seriesId && cols.ts[row]! < ts) row++;
      if (row >= rows || seriesOf(row) !== seriesId || cols.ts[row] !== ts) continue;
      starts.set(seriesId, row);
      const goesOn = row + 1 < rows && seriesOf(row + 1) === seriesId;
      this.#joinRow(cols, row, some, goesOn && ts > firstOf(seriesId));
    }
  }

  areOf(row: number, standing: Bars, i: number): boolean {
    const known = this.#mayStand.get(row);
    if (known === undefined) return false;
    for (let one = 0; one < known.count; one++) if (isEqual(known.bars, one, standing, i)) return true;
    return false;
  }

  #joinRow(cols: BarColumns, row: number, edges: readonly StoredEdge[], isWhole: boolean): void {
    const bars = new BarColumns(edges.length + 4, false);
    for (const edge of edges) put(bars, bars.length++, edge);
    // What stands is a part, or some of them together: all, or all but what this task has told when it was last loaded.
    const all = edges.map((_, part) => part);
    const others = all.filter((part) => edges[part]!.taskId !== this.#taskId);
    together(bars, all);
    together(bars, others);
    this.#mayStand.set(row, { bars, count: bars.length });
    if (isWhole || others.length === 0) return;
    const own = bars.length++;
    copyPart(bars, own, cols, row);
    const behind = others.findIndex((part) => isBefore(bars, own, part, edges[part]!.isAhead));
    const inOrder = others.toSpliced(behind < 0 ? others.length : behind, 0, own);
    const joined = together(bars, inOrder);
    // Of a part that reaches beyond what it overlaps with, the comparison is to tell.
    if (bars.offset[joined]! >= bars.offset[own]!) copyPart(cols, row, bars, joined);
  }
}

/** The bar that parts of it, in the order of their trades, make together; at least one. */
export function partsTogether(
  edges: readonly StoredEdge[],
): Pick<StoredEdge, 'open' | 'high' | 'low' | 'close' | 'volume' | 'trades'> {
  const bars = new BarColumns(edges.length + 1, false);
  for (const edge of edges) put(bars, bars.length++, edge);
  const at = together(
    bars,
    edges.map((_, part) => part),
  );
  return {
    open: bars.open[at]!,
    high: bars.high[at]!,
    low: bars.low[at]!,
    close: bars.close[at]!,
    volume: bars.volume[at]!,
    trades: bars.trades[at]!,
  };
}

/**
 * Adds the row that some parts, in their order, make together, and returns its place; none: -1. A part that lies within
 * those before it, or overlaps with them, is left out; one that holds all of them stands for them.
 */
function together(bars: BarColumns, parts: readonly number[]): number {
  if (parts.length === 0) return -1;
  const at = bars.length++;
  copyPart(bars, at, bars, parts[0]!);
  for (const part of parts.slice(1)) {
    const [first, last] = [bars.line[at]!, bars.offset[at]!];
    const [partFirst, partLast] = [bars.line[part]!, bars.offset[part]!];
    if (first === partFirst && last === partLast && isEqual(bars, at, bars, part)) continue;
    if (last <= partFirst) joinBars(bars, at, bars, part);
    else if (partFirst === first && partLast > last) copyPart(bars, at, bars, part);
  }
  return at;
}

/** Whether part `a` comes before part `b`; `isAhead`: the file of `b` is before that of `a` in their lane. */
function isBefore(
  { line: first, offset: last }: BarColumns,
  a: number,
  b: number,
  isAhead: boolean,
): boolean {
  if (first[a] !== first[b]) return first[a]! < first[b]!;
  return last[a] === last[b] ? !isAhead : last[a]! < last[b]!;
}

function put(bars: BarColumns, row: number, edge: StoredEdge): void {
  bars.ts[row] = edge.ts;
  bars.open[row] = edge.open;
  bars.high[row] = edge.high;
  bars.low[row] = edge.low;
  bars.close[row] = edge.close;
  bars.volume[row] = edge.volume;
  bars.trades[row] = edge.trades;
  bars.line[row] = edge.first;
  bars.offset[row] = edge.last;
}

function copyPart(to: BarColumns, row: number, from: BarColumns, part: number): void {
  for (const name of ['open', 'high', 'low', 'close', 'volume', 'trades', 'line', 'offset'] as const)
    to[name][row] = from[name][part]!;
}
