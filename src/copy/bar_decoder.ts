/** Rows of `bars` from the bytes of binary COPY back to columns. Pure. */

import type { BarColumns } from '../bars/columns.ts';
import { BackhaulError } from '../faults/fault.ts';
import { BAR_FIELDS, BARS_COLUMNS, COPY_HEADER, EPOCH_2000_US, getInt64, MAX_ROW_BYTES } from './wire.ts';

/**
 * Reads what `COPY (SELECT <columns of bars>) TO STDOUT BINARY` sends, in pieces of any size. The columns must be all
 * 24 of {@link BARS_COLUMNS}, or the first 8 (then the indicators are NaN).
 */
export class BarDecoder {
  readonly #cols: BarColumns;
  readonly #prices: readonly Float64Array[];
  /** Bytes of a header or a row that is not whole yet. */
  readonly #held = new Uint8Array(MAX_ROW_BYTES);
  readonly #heldView = new DataView(this.#held.buffer);
  #heldLength = 0;
  #started = false;
  #finished = false;

  /** Rows are appended to `cols`; `symbol` becomes the series_id, NULL becomes NaN, `line` and `offset` 0. */
  constructor(cols: BarColumns) {
    this.#cols = cols;
    this.#prices = [cols.open, cols.high, cols.low, cols.close, cols.volume];
  }

  /** The trailer was read. */
  get finished(): boolean {
    return this.#finished;
  }

  /**
   * Appends rows from `piece[from …]` until `cols` is full or the piece is used up. Returns the position after what was
   * consumed: less than `piece.length` only when `cols` is full; set `cols.length` to 0 and call again from there.
   * @throws BackhaulError `database` when the bytes are not rows of bars
   */
  push(piece: Uint8Array, from = 0): number {
    let at = from;
    if (this.#heldLength > 0 && !this.#full()) {
      at = this.#pushHeld(piece, at);
      if (this.#heldLength > 0) return at;
    }
    const view = new DataView(piece.buffer, piece.byteOffset, piece.byteLength);
    while (at < piece.length && !this.#full()) {
      const next = this.#read(view, at, piece.length);
      if (next === at) {
        this.#held.set(piece.subarray(at));
        this.#heldLength = piece.length - at;
        return piece.length;
      }
      at = next;
    }
    return at;
  }

  /** Completes what is held with bytes of the piece; what is still not whole has used up the piece. */
  #pushHeld(piece: Uint8Array, at: number): number {
    const held = this.#heldLength;
    const more = Math.min(MAX_ROW_BYTES - held, piece.length - at);
    this.#held.set(piece.subarray(at, at + more), held);
    const end = this.#read(this.#heldView, 0, held + more);
    this.#heldLength = end === 0 ? held + more : 0;
    return end === 0 ? at + more : at + end - held;
  }

  /** Call at the end of the stream: throws a Fault of kind `database` when the trailer has not come. */
  end(): void {
    if (this.#finished) return;
    throw new BackhaulError({
      kind: 'database',
      message: 'the rows from the database end before their trailer',
    });
  }

  #full(): boolean {
    return this.#cols.length === this.#cols.capacity;
  }

  /** Reads one header, row or trailer of bytes at … end-1; returns the position after it, `at` when it is not whole. */
  #read(view: DataView, at: number, end: number): number {
    if (this.#finished) throw strange('nothing after the trailer', `${end - at} bytes`);
    if (!this.#started) return this.#header(view, at, end);
    if (end - at < 2) return at;
    const fields = view.getInt16(at);
    if (fields === -1) {
      this.#finished = true;
      return at + 2;
    }
    if (fields !== BARS_COLUMNS.length && fields !== BAR_FIELDS) {
      throw strange(`${BARS_COLUMNS.length} or ${BAR_FIELDS} fields`, `${fields}`);
    }
    const after = rowEnd(view, at, end, fields);
    if (after === 0) return at;
    this.#row(view, at + 2, fields);
    return after;
  }

  #header(view: DataView, at: number, end: number): number {
    if (end - at < COPY_HEADER.length) return at;
    for (let i = 0; i < COPY_HEADER.length; i++) {
      const byte = view.getUint8(at + i);
      if (byte !== COPY_HEADER[i]) throw strange('the header of binary COPY', `byte ${byte} at ${i}`);
    }
    this.#started = true;
    return at + COPY_HEADER.length;
  }

  #row(view: DataView, at: number, fields: number): void {
    const cols = this.#cols;
    const row = cols.length++;
    cols.line[row] = 0;
    cols.offset[row] = 0;
    cols.symbol[row] = view.getInt32(at + 4);
    cols.ts[row] = getInt64(view, at + 12) + EPOCH_2000_US;
    let pos = at + 20;
    for (let k = 0; k < this.#prices.length; k++) pos = getFloat(view, pos, this.#prices[k]!, row);
    const noTrades = view.getInt32(pos) === -1;
    cols.trades[row] = noTrades ? Number.NaN : getInt64(view, pos + 4);
    pos += noTrades ? 4 : 12;
    const { indicators } = cols;
    for (let k = 0; k < indicators.length; k++) {
      if (fields === BAR_FIELDS) indicators[k]![row] = Number.NaN;
      else pos = getFloat(view, pos, indicators[k]!, row);
    }
  }
}

function getFloat(view: DataView, pos: number, column: Float64Array, row: number): number {
  if (view.getInt32(pos) === -1) {
    column[row] = Number.NaN;
    return pos + 4;
  }
  column[row] = view.getFloat64(pos + 4);
  return pos + 12;
}

/** The position after the row of bytes at … end-1, 0 when it is not whole; checks every length on the way. */
function rowEnd(view: DataView, at: number, end: number, fields: number): number {
  let pos = at + 2;
  for (let field = 0; field < fields; field++) {
    if (pos + 4 > end) return 0;
    const length = view.getInt32(pos);
    const expected = field === 0 ? 4 : 8;
    if (length !== expected && (length !== -1 || field < 2)) {
      throw strange(`${expected} bytes in ${BARS_COLUMNS[field]}`, `${length}`);
    }
    pos += 4 + (length === -1 ? 0 : length);
  }
  return pos <= end ? pos : 0;
}

function strange(expected: string, found: string): BackhaulError {
  return new BackhaulError({
    kind: 'database',
    message: 'the database sent something else than rows of bars',
    expected,
    found,
  });
}
