/**
 * Bars out of the database by binary COPY, a series after the other, each by time: one pass in the order of the key
 * feeds whatever looks at all bars. Six times as fast as rows by the query protocol, and the memory is that of a piece.
 * Times are µs since 1970.
 */

import type { ClientBase } from 'pg';
import { to as copyTo } from 'pg-copy-streams';
import { stampOf } from '../database/stamps.ts';

/** Columns that can be asked for beside the stamp. */
export type PriceColumn = 'open' | 'high' | 'low' | 'close' | 'volume';

/** Which bars. */
export interface BarQuery {
  /** Null: of every series. */
  readonly seriesIds: readonly number[] | null;
  readonly columns: readonly PriceColumn[];
  readonly fromUs: number | null;
  readonly toUs: number | null;
}

/** Bars of one series in a row. The arrays belong to the stream: what is to be kept is copied. */
export interface BarPiece {
  readonly seriesId: number;
  /** Rows `[0, rows)` of the arrays; the first `repeated` were in the piece before too. */
  readonly rows: number;
  readonly repeated: number;
  /** The series ends with this piece. */
  readonly last: boolean;
  readonly ts: Float64Array;
  /** In the order asked for. NULL is NaN here; `nulls` has the bit `1 << column` set. */
  readonly values: readonly Float64Array[];
  readonly nulls: Uint8Array;
}

/** `rows`: most of a piece; `overlap`: rows at the end of a piece that begin the next one of the same series. */
export interface PieceSize {
  readonly rows: number;
  readonly overlap: number;
}

const EPOCH_2000_US = 946_684_800_000_000;
/** `PGCOPY\n\377\r\n\0`, flags, length of what follows. */
const HEADER_BYTES = 19;
const TWO_32 = 4_294_967_296;

/**
 * Hands every bar of a query to `onPiece`, by series and time. One statement on a session of its own, which the caller
 * lends. Rejects with the server's error; what `onPiece` throws ends the stream.
 */
export async function streamBars(
  client: ClientBase,
  query: BarQuery,
  size: PieceSize,
  onPiece: (piece: BarPiece) => void,
): Promise<void> {
  if (query.seriesIds?.length === 0) return;
  const decoder = new PieceDecoder(query.columns.length, size, onPiece);
  const stream = client.query(copyTo(`COPY (${textOf(query)}) TO STDOUT (FORMAT binary)`));
  for await (const chunk of stream) decoder.push(chunk as Uint8Array);
  decoder.end();
}

/** COPY takes no parameters: numbers are checked and written out. */
function textOf({ seriesIds, columns, fromUs, toUs }: BarQuery): string {
  const list = ['series_id', 'ts', ...columns].join(', ');
  const conditions = [
    ...(seriesIds === null ? [] : [`series_id IN (${seriesIds.map(whole).join(',')})`]),
    ...(fromUs === null ? [] : [`ts >= ${stampOf(whole(fromUs))}`]),
    ...(toUs === null ? [] : [`ts < ${stampOf(whole(toUs))}`]),
  ];
  const where = conditions.length === 0 ? '' : ` WHERE ${conditions.join(' AND ')}`;
  const part = (table: string): string => `SELECT ${list} FROM backhaul.${table}${where}`;
  return `${part('bars')} UNION ALL ${part('bars_bare')} ORDER BY series_id, ts`;
}

function whole(number: number): string {
  if (!Number.isSafeInteger(number)) throw new RangeError(`${number} is no whole number`);
  return String(number);
}

/** Takes COPY's bytes in any pieces and fills columns. */
class PieceDecoder {
  readonly #size: PieceSize;
  readonly #onPiece: (piece: BarPiece) => void;
  readonly #ts: Float64Array;
  readonly #values: readonly Float64Array[];
  readonly #nulls: Uint8Array;
  #seriesId = 0;
  #rows = 0;
  #repeated = 0;
  #skip = HEADER_BYTES;
  #rest: Uint8Array = new Uint8Array(0);

  constructor(columns: number, size: PieceSize, onPiece: (piece: BarPiece) => void) {
    this.#size = size;
    this.#onPiece = onPiece;
    this.#ts = new Float64Array(size.rows);
    this.#values = Array.from({ length: columns }, () => new Float64Array(size.rows));
    this.#nulls = new Uint8Array(size.rows);
  }

  push(chunk: Uint8Array): void {
    let bytes = chunk;
    if (this.#rest.length > 0) {
      bytes = new Uint8Array(this.#rest.length + chunk.length);
      bytes.set(this.#rest);
      bytes.set(chunk, this.#rest.length);
    }
    let at = 0;
    if (this.#skip > 0) {
      if (bytes.length < this.#skip) {
        this.#rest = bytes.slice();
        return;
      }
      at = this.#skip;
      this.#skip = 0;
    }
    at = this.#decode(bytes, at);
    this.#rest = bytes.slice(at);
  }

  end(): void {
    // Nothing but the trailer, a -1 in place of a count of fields, may be left.
    if (this.#skip > 0 || this.#rest.length !== 2) throw new RangeError('COPY ended in the middle of a row');
    if (this.#rows > 0) this.#emit(true);
  }

  /** Decodes whole rows from `at` on; returns where the first one begins that is not there whole. */
  #decode(bytes: Uint8Array, start: number): number {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const ts = this.#ts;
    const values = this.#values;
    const nulls = this.#nulls;
    const columns = values.length;
    // The stamp is never NULL, values may be: rows differ in length.
    const longest = 22 + 12 * columns;
    let at = start;
    for (;;) {
      const left = bytes.length - at;
      if (left < longest && (left < 22 || left < this.#lengthOf(view, at, left))) return at;
      const seriesId = view.getInt32(at + 6);
      if (seriesId !== this.#seriesId || this.#rows === this.#size.rows) this.#turn(seriesId);
      const row = this.#rows++;
      ts[row] = view.getInt32(at + 14) * TWO_32 + view.getUint32(at + 18) + EPOCH_2000_US;
      at += 22;
      let missing = 0;
      for (let j = 0; j < columns; j++) {
        if (view.getInt32(at) < 0) {
          values[j]![row] = Number.NaN;
          missing |= 1 << j;
          at += 4;
        } else {
          values[j]![row] = view.getFloat64(at + 4);
          at += 12;
        }
      }
      nulls[row] = missing;
    }
  }

  /** Bytes of the row at `at`; Infinity where even its lengths are not there. */
  #lengthOf(view: DataView, at: number, left: number): number {
    let length = 22;
    for (let j = 0; j < this.#values.length; j++) {
      if (length + 4 > left) return Number.POSITIVE_INFINITY;
      length += view.getInt32(at + length) < 0 ? 4 : 12;
    }
    return length;
  }

  /** Another series begins, or the piece is full. */
  #turn(seriesId: number): void {
    const goesOn = seriesId === this.#seriesId;
    if (this.#rows > 0) this.#emit(!goesOn);
    if (goesOn) {
      const from = this.#rows - this.#size.overlap;
      for (const column of [this.#ts, ...this.#values, this.#nulls]) column.copyWithin(0, from, this.#rows);
      this.#rows = this.#size.overlap;
      this.#repeated = this.#size.overlap;
    } else {
      this.#seriesId = seriesId;
      this.#rows = 0;
      this.#repeated = 0;
    }
  }

  #emit(last: boolean): void {
    this.#onPiece({
      seriesId: this.#seriesId,
      rows: this.#rows,
      repeated: this.#repeated,
      last,
      ts: this.#ts,
      values: this.#values,
      nulls: this.#nulls,
    });
  }
}
