/** Records and fields as RFC 4180 has them, for records the fast path does not vouch for. */

import { parse } from 'csv-parse/sync';

const LF = 0x0a;
const CR = 0x0d;
const QUOTE = 0x22;

/** {@link recordEnd}: the record goes on behind the bytes in hand. */
export const UNFINISHED = -1;
/** {@link recordEnd}: a quote where RFC 4180 allows none. */
export const BAD_QUOTING = -2;
/** {@link recordEnd}: more than `maxBytes` bytes before the record's newline. */
export const TOO_LONG = -3;

/**
 * Index of the newline that ends the record at `bytes[start]`, looked for before `end`; newlines inside quotes do not
 * count. Otherwise a negative code. The answer for a record is the same however many bytes lie behind it, but for
 * UNFINISHED: its first line is measured before its quotes are looked at.
 */
export function recordEnd(
  bytes: Uint8Array,
  start: number,
  end: number,
  delimiter: number,
  maxBytes: number,
): number {
  const last = Math.min(end, start + maxBytes + 1);
  const newline = indexOf(bytes, LF, start, last);
  if (newline < 0) return last - start > maxBytes ? TOO_LONG : UNFINISHED;
  const quote = indexOf(bytes, QUOTE, start, newline);
  if (quote < 0) return newline;
  for (let p = start; ; ) {
    const close = fieldEnd(bytes, p, last, delimiter);
    if (close === UNFINISHED) return last - start > maxBytes ? TOO_LONG : UNFINISHED;
    if (close === BAD_QUOTING) return BAD_QUOTING;
    if (bytes[close] === LF) return close;
    p = close + 1;
  }
}

/** Index of the delimiter or newline that ends the field at `bytes[start]`, or UNFINISHED or BAD_QUOTING. */
function fieldEnd(bytes: Uint8Array, start: number, end: number, delimiter: number): number {
  let p = start;
  if (p < end && bytes[p] === QUOTE) {
    for (p++; ; p++) {
      while (p < end && bytes[p] !== QUOTE) p++;
      if (++p >= end) return UNFINISHED;
      if (bytes[p] !== QUOTE) break;
    }
    if (bytes[p] === CR && p + 1 >= end) return UNFINISHED;
    if (bytes[p] === CR && bytes[p + 1] === LF) return p + 1;
    return bytes[p] === LF || bytes[p] === delimiter ? p : BAD_QUOTING;
  }
  while (p < end && bytes[p] !== LF && bytes[p] !== delimiter) {
    if (bytes[p] === QUOTE) return BAD_QUOTING;
    p++;
  }
  return p < end ? p : UNFINISHED;
}

/** Index of `byte` within `[start,end)`, or -1. (`bytes.indexOf` knows no end: it would look through all that follows.) */
export function indexOf(bytes: Uint8Array, byte: number, start: number, end: number): number {
  for (let p = start; p < end; p++) if (bytes[p] === byte) return p;
  return -1;
}

const utf8 = new TextEncoder();
const text = new TextDecoder();

/** The fields of one record: those of the record's own bytes, or of a copy without its quotes. */
export class FieldList {
  bytes: Uint8Array = new Uint8Array(0);
  /** Number of fields; the arrays hold at least that many. */
  count = 0;
  starts = new Int32Array(64);
  ends = new Int32Array(64);

  /** A record of these fields. */
  static of(values: readonly string[]): FieldList {
    const fields = new FieldList();
    fields.#set(values.map((value) => utf8.encode(value)));
    return fields;
  }

  /**
   * Splits `bytes[start,end)`, a record without its line end.
   * @throws csv-parse's error for what it refuses
   */
  split(bytes: Uint8Array, start: number, end: number, delimiter: number): void {
    this.count = 0;
    this.bytes = bytes;
    if (indexOf(bytes, QUOTE, start, end) >= 0) {
      if (this.#splitInQuotes(bytes, start, end, delimiter)) return;
      this.count = 0;
      this.#splitQuoted(bytes.subarray(start, end), delimiter);
      return;
    }
    let from = start;
    for (let p = start; p < end; p++) {
      if (bytes[p] !== delimiter) continue;
      this.#add(from, p);
      from = p + 1;
    }
    this.#add(from, end);
  }

  /** The fields as text. */
  texts(): string[] {
    return Array.from({ length: this.count }, (_, i) =>
      text.decode(this.bytes.subarray(this.starts[i], this.ends[i])),
    );
  }

  /** Whether field `i` has no bytes. */
  isEmpty(i: number): boolean {
    return this.starts[i] === this.ends[i];
  }

  /** Fields in quotes that hold none themselves, where they lie; false where one does, or quotes stand elsewhere. */
  #splitInQuotes(bytes: Uint8Array, start: number, end: number, delimiter: number): boolean {
    for (let p = start; ; p++) {
      const isQuoted = p < end && bytes[p] === QUOTE;
      const from = isQuoted ? p + 1 : p;
      const close = isQuoted ? QUOTE : delimiter;
      for (p = from; p < end && bytes[p] !== close; p++) if (bytes[p] === QUOTE) return false;
      if (isQuoted && p >= end) return false;
      this.#add(from, p);
      if (isQuoted) p++;
      if (p >= end) return true;
      if (bytes[p] !== delimiter) return false;
    }
  }

  #splitQuoted(record: Uint8Array, delimiter: number): void {
    const records = parse(record, {
      bom: false,
      // Fields as bytes: a symbol that is not UTF-8 must be seen as such.
      encoding: null,
      delimiter: String.fromCharCode(delimiter),
      record_delimiter: '\n',
      relax_column_count: true,
    }) as unknown as Uint8Array[][];
    if (records.length !== 1) throw new Error(`one record expected, csv-parse found ${records.length}`);
    this.#set(records[0]!);
  }

  #set(fields: readonly Uint8Array[]): void {
    this.bytes = Buffer.concat(fields);
    let from = 0;
    for (const field of fields) {
      this.#add(from, from + field.length);
      from += field.length;
    }
  }

  #add(start: number, end: number): void {
    if (this.count === this.starts.length) {
      this.starts = grown(this.starts);
      this.ends = grown(this.ends);
    }
    this.starts[this.count] = start;
    this.ends[this.count] = end;
    this.count++;
  }
}

function grown(array: Int32Array): Int32Array<ArrayBuffer> {
  const twice = new Int32Array(2 * array.length);
  twice.set(array);
  return twice;
}
