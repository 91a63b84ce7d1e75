/**
 * Reads what a server sends for `COPY (SELECT …) TO STDOUT BINARY` of any columns of a few types into Arrow-shaped
 * memory: a typed array (or bytes and offsets) and a validity bitmap a column, a batch of rows at a time. It is given the
 * bytes of the connection as they come; a message of the server that is no row is handed back. Pure; the loop is
 * `wasm/copied.ts`.
 *
 * Formats: https://www.postgresql.org/docs/current/sql-copy.html#SQL-COPY-FILE-FORMATS, and for the messages
 * https://www.postgresql.org/docs/current/protocol-message-formats.html (CopyData: a server sends one a row).
 */

import { BackhaulError } from '../faults/fault.ts';
import { WASM } from './copied_module.ts';
import { COPY_HEADER } from './wire.ts';

/** What a column holds: `timestamp` is µs since 1970 UTC in an int64, `text` is UTF-8. */
export type ColumnKind = 'int32' | 'int64' | 'float64' | 'timestamp' | 'text';

/**
 * A field of a row as it comes: of a column, or `four` columns of doubles in one of PostgreSQL's `lseg`, in which
 * {@link NO_VALUE} stands for NULL.
 */
export type WireField = ColumnKind | 'four';

/** SQL of the double that is NULL in a field of four: a NaN with its sign, which no bar of ours has. */
export const NO_VALUE = `-'NaN'::float8`;

/** One column of a batch; rows `0 … length-1` of the batch are in use. */
export interface DecodedColumn {
  readonly kind: ColumnKind;
  /** `Int32Array`, `BigInt64Array` or `Float64Array` by kind; for `text` the UTF-8 of all values, one behind another. */
  readonly values: Int32Array | BigInt64Array | Float64Array | Uint8Array;
  /** Where each text begins, one more than there are rows; empty for other kinds. */
  readonly offsets: Int32Array;
  /** A bit a row, least significant first, 1 where there is a value. */
  readonly validity: Uint8Array;
  readonly nullCount: number;
}

/** Where {@link ColumnDecoder.take} has stopped. */
export type Stop =
  /** The batch is full. */
  | 'full'
  /** What has come is taken, but for a message that is not whole. */
  | 'more'
  /** A message of the server that is no row is next: {@link ColumnDecoder.message}. */
  | 'message';

/** What `wasm/copied.ts` exports. */
interface Exports {
  readonly stopped: WebAssembly.Global;
  readonly rows: WebAssembly.Global;
  readonly field: WebAssembly.Global;
  readonly length: WebAssembly.Global;
  take(fields: number, end: number, from: number, to: number, row: number, capacity: number): number;
}

const CODES: Readonly<Record<WireField, number>> = {
  int32: 0,
  int64: 1,
  float64: 2,
  timestamp: 3,
  text: 4,
  four: 5,
};
/** Bytes of a value, by kind; of a text what a batch has room for at first. */
const BYTES: Readonly<Record<ColumnKind, number>> = {
  int32: 4,
  int64: 8,
  float64: 8,
  timestamp: 8,
  text: 16,
};

const OTHER_MESSAGE = 1;
const NO_ROW = 2;
const STRANGE = 3;
const NO_ROOM = 4;

const PAGE = 65_536;
const ALIGNMENT = 64;
const FIELD_BYTES = 8;
const COLUMN_BYTES = 24;
/** The word of a column that counts its NULLs. */
const COUNT = 2;
/** Bytes of a message before what it says: its kind and its length. */
const BEFORE = 5;
const COPY_DATA = 0x64;
/** Bytes of the connection that are held at first: what Node reads at once, and what is left of what came before. */
const INPUT_BYTES = 2 * PAGE;
const LEAST_TEXT_BYTES = 4096;
/** A message longer than this is no row of bars. */
const MAX_MESSAGE_BYTES = 1 << 24;

let compiled: WebAssembly.Module | null = null;

function moduleOf(): WebAssembly.Module {
  compiled ??= new WebAssembly.Module(Uint8Array.from(atob(WASM), (char) => char.charCodeAt(0)));
  return compiled;
}

/** A column's place in the memory: addresses are bytes. */
interface Place {
  readonly kind: ColumnKind;
  values: number;
  bytes: number;
  readonly nulls: number;
  readonly offsets: number;
  /** Address of its words. */
  readonly words: number;
}

/** Collects rows of a stream until a batch is full. */
export class ColumnDecoder {
  readonly #memory: WebAssembly.Memory;
  readonly #exports: Exports;
  readonly #places: Place[] = [];
  readonly #fields: number;
  readonly #fieldsEnd: number;
  readonly #capacity: number;
  /** The validity of a column without NULLs. */
  readonly #all: Uint8Array;
  /** Bytes of memory that are in use. */
  #used = 0;
  /** The connection's bytes that are not taken: addresses. */
  #input: number;
  #inputBytes: number;
  #from: number;
  #to: number;
  #started = false;
  #finished = false;
  /** Rows in use. */
  length = 0;

  /** `capacity`: rows of a batch. */
  constructor(fields: readonly WireField[], capacity: number) {
    this.#memory = new WebAssembly.Memory({ initial: 1 });
    const env = { memory: this.#memory };
    this.#exports = new WebAssembly.Instance(moduleOf(), { env }).exports as unknown as Exports;
    this.#capacity = capacity;
    this.#all = new Uint8Array(Math.ceil(capacity / 8)).fill(255);
    const kinds = fields.flatMap((one) => (one === 'four' ? FOUR_DOUBLES : [one]));
    this.#fields = this.#room(FIELD_BYTES * fields.length);
    this.#fieldsEnd = this.#fields + FIELD_BYTES * fields.length;
    const columns = this.#room(COLUMN_BYTES * kinds.length);
    kinds.forEach((kind, k) => {
      const bytes = Math.max(BYTES[kind] * capacity, kind === 'text' ? LEAST_TEXT_BYTES : 0);
      this.#places.push({
        kind,
        values: this.#room(bytes),
        bytes,
        nulls: this.#room(Math.ceil(capacity / 8)),
        offsets: kind === 'text' ? this.#room(4 * (capacity + 1)) : 0,
        words: columns + COLUMN_BYTES * k,
      });
    });
    this.#inputBytes = INPUT_BYTES;
    this.#input = this.#room(this.#inputBytes + this.#slack);
    this.#from = this.#input;
    this.#to = this.#input;
    let column = 0;
    const words = new Uint32Array(this.#memory.buffer);
    fields.forEach((field, k) => {
      words.set([CODES[field], this.#places[column]!.words], this.#fields / 4 + 2 * k);
      column += field === 'four' ? 4 : 1;
    });
    for (const place of this.#places) this.#tell(place);
  }

  /** What may be read behind the bytes that have come. */
  get #slack(): number {
    return 48 * ((this.#fieldsEnd - this.#fields) / FIELD_BYTES);
  }

  /** Takes memory; its address. */
  #room(bytes: number): number {
    const at = Math.ceil(this.#used / ALIGNMENT) * ALIGNMENT;
    this.#used = at + bytes;
    const lacking = this.#used - this.#memory.buffer.byteLength;
    if (lacking > 0) this.#memory.grow(Math.ceil(lacking / PAGE));
    return at;
  }

  #tell({ words, values, nulls, offsets, bytes }: Place): void {
    const places = new Uint32Array(this.#memory.buffer, words, COLUMN_BYTES / 4);
    places.set([values, nulls, places[COUNT]!, offsets, bytes]);
  }

  /** The columns of the batch, over memory that the next batch is written into. */
  get columns(): readonly DecodedColumn[] {
    const { buffer } = this.#memory;
    return this.#places.map(({ kind, values, bytes, nulls, offsets, words }) => {
      const nullCount = new Uint32Array(buffer, words, COLUMN_BYTES / 4)[COUNT]!;
      // What is marked there is what has no value.
      const marks = new Uint8Array(buffer, nulls, this.#all.length);
      return {
        kind,
        values:
          kind === 'float64'
            ? new Float64Array(buffer, values, this.#capacity)
            : kind === 'int32'
              ? new Int32Array(buffer, values, this.#capacity)
              : kind === 'text'
                ? new Uint8Array(buffer, values, bytes)
                : new BigInt64Array(buffer, values, this.#capacity),
        offsets: new Int32Array(buffer, offsets, kind === 'text' ? this.#capacity + 1 : 0),
        validity: nullCount === 0 ? this.#all : marks.map((byte) => ~byte),
        nullCount,
      };
    });
  }

  /** Begins the next batch. */
  clear(): void {
    this.length = 0;
    const { buffer } = this.#memory;
    for (const { nulls, words } of this.#places) {
      const told = new Uint32Array(buffer, words, COLUMN_BYTES / 4);
      if (told[COUNT] === 0) continue;
      told[COUNT] = 0;
      new Uint8Array(buffer, nulls, this.#all.length).fill(0);
    }
  }

  /** Appends bytes of the connection; they are copied. */
  put(piece: Uint8Array): void {
    const held = this.#to - this.#from;
    if (this.#to + piece.length > this.#input + this.#inputBytes) {
      let to = this.#input;
      if (held + piece.length > this.#inputBytes) {
        this.#inputBytes = 2 * (held + piece.length);
        to = this.#room(this.#inputBytes + this.#slack);
      }
      new Uint8Array(this.#memory.buffer).copyWithin(to, this.#from, this.#to);
      this.#input = to;
      this.#from = to;
      this.#to = to + held;
    }
    new Uint8Array(this.#memory.buffer, this.#to, piece.length).set(piece);
    this.#to += piece.length;
  }

  /**
   * Takes rows of what has come.
   * @throws BackhaulError `database` for other bytes
   */
  take(): Stop {
    for (;;) {
      if (this.length === this.#capacity) return 'full';
      this.#from = this.#exports.take(
        this.#fields,
        this.#fieldsEnd,
        this.#from,
        this.#to,
        this.length,
        this.#capacity,
      );
      this.length = this.#exports.rows.value as number;
      const stopped = this.#exports.stopped.value as number;
      if (stopped === STRANGE) throw this.#strange();
      if (stopped === NO_ROOM) this.#enlarge();
      else if (stopped === NO_ROW) this.#noRow();
      else if (stopped === OTHER_MESSAGE) return this.#isWhole() ? 'message' : 'more';
      else if (this.length < this.#capacity) {
        this.#isWhole();
        return 'more';
      }
    }
  }

  /** The next message is there to its end. */
  #isWhole(): boolean {
    if (this.#to - this.#from < BEFORE) return false;
    const bytes = this.#view().getInt32(1);
    if (bytes < 4 || bytes > MAX_MESSAGE_BYTES)
      throw strange(`a message of at most ${MAX_MESSAGE_BYTES} bytes`, `${bytes}`);
    return this.#from + 1 + bytes <= this.#to;
  }

  #view(): DataView {
    return new DataView(this.#memory.buffer, this.#from, this.#to - this.#from);
  }

  /** The message that stopped {@link take}, with its kind and length: a copy. */
  message(): Uint8Array {
    const from = this.#from;
    this.#from += 1 + this.#view().getInt32(1);
    return new Uint8Array(this.#memory.buffer).slice(from, this.#from);
  }

  /** All that has come and is not taken: a copy. */
  rest(): Uint8Array {
    const from = this.#from;
    this.#from = this.#to;
    return new Uint8Array(this.#memory.buffer).slice(from, this.#to);
  }

  /** A message of data that is not a row alone: the header, with the first row behind it or by itself, or the trailer. */
  #noRow(): void {
    const view = this.#view();
    const bytes = view.getInt32(1) - 4;
    if (this.#started) {
      const fields = bytes < 2 ? Number.NaN : view.getInt16(BEFORE);
      if (fields !== -1 || bytes !== 2)
        throw strange(`${(this.#fieldsEnd - this.#fields) / FIELD_BYTES} fields`, `${fields}`);
      if (this.#finished) throw strange('nothing behind the trailer', `${bytes} bytes`);
      this.#finished = true;
      this.#from += BEFORE + bytes;
      return;
    }
    COPY_HEADER.forEach((byte, i) => {
      if (bytes < COPY_HEADER.length || view.getUint8(BEFORE + i) !== byte)
        throw strange('the header of binary COPY', `${bytes} other bytes`);
    });
    this.#started = true;
    if (bytes === COPY_HEADER.length) {
      this.#from += BEFORE + bytes;
      return;
    }
    // The row behind it becomes a message of its own.
    this.#from += COPY_HEADER.length;
    view.setUint8(COPY_HEADER.length, COPY_DATA);
    view.setInt32(COPY_HEADER.length + 1, 4 + bytes - COPY_HEADER.length);
  }

  /** Twice the room for the column of texts that has stopped {@link take}, at the least. */
  #enlarge(): void {
    const field = this.#exports.field.value as number;
    const words = new Uint32Array(this.#memory.buffer, this.#fields + FIELD_BYTES * field, 2)[1]!;
    const place = this.#places.find((one) => one.words === words)!;
    const { values, bytes } = place;
    place.bytes = 2 * (bytes + (this.#exports.length.value as number));
    place.values = this.#room(place.bytes);
    new Uint8Array(this.#memory.buffer).copyWithin(place.values, values, values + bytes);
    this.#tell(place);
  }

  #strange(): BackhaulError {
    return strange(
      'fields as long as their types are',
      `${this.#exports.length.value as number} bytes in field ${(this.#exports.field.value as number) + 1}`,
    );
  }

  /** Call at the end of the stream: throws a Fault of kind `database` when the trailer has not come. */
  end(): void {
    if (!this.#finished) throw strange('the trailer of binary COPY', 'the end of the stream');
  }
}

const FOUR_DOUBLES: readonly ColumnKind[] = ['float64', 'float64', 'float64', 'float64'];

function strange(expected: string, found: string): BackhaulError {
  return new BackhaulError({
    kind: 'database',
    message: 'the database sent something else than the rows asked for',
    expected,
    found,
  });
}
