/** Rows of `bars` from columns to the bytes of binary COPY. Pure. */

import { type Bars, INDICATOR_NAMES } from '../bars/columns.ts';
import type { RowKernel } from '../bars/row_kernel.ts';
import { BARS_COLUMNS, EPOCH_2000_US, setInt64 } from './wire.ts';

/** One float8 field, NULL for NaN. Returns the position after it. */
function putFloat(view: DataView, pos: number, value: number): number {
  if (Number.isNaN(value)) {
    view.setInt32(pos, -1);
    return pos + 4;
  }
  view.setInt32(pos, 8);
  view.setFloat64(pos + 4, value);
  return pos + 12;
}

/** One int8 field, NULL for NaN. Returns the position after it. */
function putInteger(view: DataView, pos: number, value: number): number {
  if (Number.isNaN(value)) {
    view.setInt32(pos, -1);
    return pos + 4;
  }
  view.setInt32(pos, 8);
  setInt64(view, pos + 4, value);
  return pos + 12;
}

/**
 * Encodes rows of `bars`.
 *
 * 75 ns a row of 24 columns, where the server takes over 1,000 ns for the same row. Measured beside it
 * (Node 24, rows without NULL): length words laid beforehand as a template and values at fixed places 62 ns, but 140 ns
 * once a NULL breaks the pattern; a column at a time over blocks of 64 rows 72 ns; single bytes out of a Uint32Array
 * 2.5 times as slow as a DataView.
 */
export class BarEncoder {
  readonly #wanted: readonly boolean[] | null;
  readonly #kernel: RowKernel | null;
  /** Stands in for the columns that are not wanted. */
  #nothing = new Float64Array(0);

  /**
   * `indicatorMask`: one flag an indicator, in the order of the columns; where false, the column is written as NULL.
   * `kernel` does the work where both columns and `out` lie in its memory, to the same bytes.
   */
  constructor(indicatorMask?: readonly boolean[], kernel: RowKernel | null = null) {
    if (indicatorMask !== undefined && indicatorMask.length !== INDICATOR_NAMES.length) {
      throw new RangeError(`a mask of ${indicatorMask.length} for ${INDICATOR_NAMES.length} indicators`);
    }
    this.#kernel = kernel;
    this.#wanted = indicatorMask?.includes(false) ? [...indicatorMask] : null;
  }

  /**
   * Writes rows `rows[from … to-1]` of `cols`, or rows from … to-1 themselves where `rows` is null, to `out` from
   * `pos` on; returns the position after the last. `seriesIds` maps `cols.symbol` to series_id; null: it is the
   * series_id already. NaN becomes NULL. The caller owns `out` and grants {@link MAX_ROW_BYTES} a row.
   */
  encode(
    cols: Bars,
    seriesIds: Int32Array | null,
    from: number,
    to: number,
    rows: Int32Array | null,
    out: Uint8Array,
    pos: number,
  ): number {
    const kernel = this.#kernel;
    if (rows === null && kernel?.owns(out) && kernel.owns(cols.ts))
      return kernel.encode(cols, seriesIds, this.#wanted, from, to, out, pos);
    const view = new DataView(out.buffer, out.byteOffset, out.byteLength);
    const { symbol, ts, open, high, low, close, volume, trades } = cols;
    const indicators = this.#indicators(cols);
    let p = pos;
    for (let i = from; i < to; i++) {
      const row = rows === null ? i : rows[i]!;
      view.setInt16(p, BARS_COLUMNS.length);
      view.setInt32(p + 2, 4);
      view.setInt32(p + 6, seriesIds === null ? symbol[row]! : seriesIds[symbol[row]!]!);
      view.setInt32(p + 10, 8);
      setInt64(view, p + 14, ts[row]! - EPOCH_2000_US);
      p = putFloat(view, p + 22, open[row]!);
      p = putFloat(view, p, high[row]!);
      p = putFloat(view, p, low[row]!);
      p = putFloat(view, p, close[row]!);
      p = putFloat(view, p, volume[row]!);
      p = putInteger(view, p, trades[row]!);
      for (let k = 0; k < indicators.length; k++) p = putFloat(view, p, indicators[k]![row]!);
    }
    return p;
  }

  #indicators(cols: Bars): readonly Float64Array[] {
    const wanted = this.#wanted;
    if (wanted === null) return cols.indicators;
    if (this.#nothing.length < cols.ts.length)
      this.#nothing = new Float64Array(cols.ts.length).fill(Number.NaN);
    return cols.indicators.map((column, k) => (wanted[k] ? column : this.#nothing));
  }
}
