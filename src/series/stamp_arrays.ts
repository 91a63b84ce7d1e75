/** Decodes what COPY BINARY gives of rows `(series_id int, stamps timestamptz[])`. Pure. */

/** Stamps `[0, rows)` of one series, ascending, and behind those it was told before. The array belongs to the pass. */
export type TakeStamps = (seriesId: number, ts: Float64Array, rows: number) => void;

const EPOCH_2000_US = 946_684_800_000_000;
const TWO_32 = 4_294_967_296;
/** `PGCOPY\n\377\r\n\0`, flags, length of what follows. */
const FILE_HEADER = 19;
/** Count of fields; length, series id; length, then of the array: dimensions, flags, type; its length and lower bound. */
const ROW_HEADER = 2 + 4 + 4 + 4 + 12 + 8;
const SERIES_AT = 6;
const STAMPS_AT = ROW_HEADER - 8;
/** Length and value. */
const STAMP = 12;
/** Handed on at a time. */
const PIECE_STAMPS = 1 << 14;

/** Takes the bytes in any pieces; an array of any length needs the room of a piece of its stamps. */
export class StampArrays {
  readonly #take: TakeStamps;
  readonly #ts = new Float64Array(PIECE_STAMPS);
  #rest: Uint8Array = new Uint8Array(0);
  #hasBegun = false;
  #seriesId = 0;
  /** Stamps of the row at hand that have not come yet. */
  #left = 0;
  #held = 0;
  #stamps = 0;

  constructor(take: TakeStamps) {
    this.#take = take;
  }

  push(piece: Uint8Array): void {
    let bytes = piece;
    if (this.#rest.length > 0) {
      bytes = new Uint8Array(this.#rest.length + piece.length);
      bytes.set(this.#rest);
      bytes.set(piece, this.#rest.length);
    }
    const at = this.#decode(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    this.#rest = bytes.slice(at);
  }

  /** Returns how many stamps there were. */
  end(): number {
    // Nothing but the trailer, a -1 in place of a count of fields, may be left.
    if (!this.#hasBegun || this.#left > 0 || this.#rest.length !== 2)
      throw new RangeError('COPY ended in the middle of a row');
    return this.#stamps;
  }

  /** Returns where something begins that is not there whole. */
  #decode(view: DataView): number {
    let at = 0;
    if (!this.#hasBegun) {
      if (view.byteLength < FILE_HEADER) return 0;
      at = FILE_HEADER;
      this.#hasBegun = true;
    }
    for (;;) {
      if (this.#left === 0) {
        if (view.byteLength - at < ROW_HEADER) return at;
        this.#seriesId = view.getInt32(at + SERIES_AT);
        this.#left = view.getInt32(at + STAMPS_AT);
        at += ROW_HEADER;
      }
      const here = Math.min(this.#left, Math.floor((view.byteLength - at) / STAMP));
      this.#stampsFrom(view, at, here);
      at += here * STAMP;
      if (this.#left === 0) this.#hand();
      else return at;
    }
  }

  #stampsFrom(view: DataView, start: number, count: number): void {
    const ts = this.#ts;
    for (let i = 0, at = start + 4; i < count; i++, at += STAMP) {
      if (this.#held === ts.length) this.#hand();
      ts[this.#held++] = view.getInt32(at) * TWO_32 + view.getUint32(at + 4) + EPOCH_2000_US;
    }
    this.#left -= count;
  }

  #hand(): void {
    this.#stamps += this.#held;
    if (this.#held > 0) this.#take(this.#seriesId, this.#ts, this.#held);
    this.#held = 0;
  }
}
