/**
 * JSON that is an array of records, `[[1,2],[3,4]]` or `[{"a":1},{"a":3}]`, as the lines of a CSV. The array may stand
 * inside objects, as APIs answer: `{"code":0,"data":[[1,2]]}`; what stands around it is read over.
 */

import { BackhaulError } from '../faults/fault.ts';

const LF = 0x0a;
const BLANK = 0x20;
const COMMA = 0x2c;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** Of a record; more is none of bars. */
const MOST_BYTES = 1 << 20;

const ascii = new TextEncoder();
const NULL = ascii.encode('null');

/** Bytes that grow in number. An array of numbers in its place takes four times as long for a whole text. */
class ByteList {
  bytes = new Uint8Array(1024);
  length = 0;

  push(byte: number): void {
    if (this.length === this.bytes.length) this.#grow(this.length + 1);
    this.bytes[this.length++] = byte;
  }

  append({ bytes, length }: ByteList): void {
    if (this.length + length > this.bytes.length) this.#grow(this.length + length);
    this.bytes.set(bytes.subarray(0, length), this.length);
    this.length += length;
  }

  #grow(least: number): void {
    const more = new Uint8Array(Math.max(least, 2 * this.bytes.length));
    more.set(this.bytes);
    this.bytes = more;
  }
}

/** Turns pieces of such a text into pieces of lines, record by record. Keys of objects become the header, from the first. */
export class JsonRecords {
  /** Of objects (and arrays of no records) around the array, those that are open; 0 where the array is all there is. */
  #around = 0;
  /** What stands around the array is being read, before it or, once it was found, behind it. */
  #isAround = false;
  #isFound = false;
  /** Around it: an array has just been opened, and what comes first in it tells whether it is of records. */
  #isFirst = false;
  #depth = 0;
  #isObject = false;
  #inString = false;
  #isEscaped = false;
  /** Within an object, before the colon: bytes are of a key. */
  #inKey = false;
  /** Keys of the first object, until its end. */
  readonly #keys = new ByteList();
  #hasHeader = false;
  /** Bytes of the record under way, and where its last value starts. */
  readonly #record = new ByteList();
  readonly #out = new ByteList();
  #valueFrom = 0;
  #line = 1;

  /**
   * The lines that `bytes` complete.
   * @throws BackhaulError `not-a-bar-file` where it is no array of records, or two
   */
  push(bytes: Uint8Array): Uint8Array {
    const out = this.#out;
    out.length = 0;
    for (let i = 0; i < bytes.length; i++) this.#take(bytes[i]!);
    return out.bytes.slice(0, out.length);
  }

  /**
   * The text has ended.
   * @throws BackhaulError `truncated` before the end of what is open, `not-a-bar-file` where no records were found
   */
  end(): void {
    if (this.#depth > 0 || this.#around > 0 || this.#inString) {
      throw new BackhaulError({
        kind: 'truncated',
        message: this.#depth > 1 ? 'the JSON ends within a record' : 'the JSON ends too early',
        where: { line: this.#line },
        hint: 'Download the file again.',
      });
    }
    if (this.#isAround && !this.#isFound) throw this.#noRecords();
  }

  #take(byte: number): void {
    if (this.#isAround) this.#readOver(byte);
    else if (this.#inString) this.#string(byte);
    else if (byte === QUOTE) this.#openString();
    else if (byte === OPEN_ARRAY || byte === OPEN_OBJECT) this.#open(byte === OPEN_OBJECT);
    else if (byte === CLOSE_ARRAY || byte === CLOSE_OBJECT) this.#close();
    else if (byte === COMMA) this.#comma();
    else if (byte === COLON) this.#inKey = false;
    else if (byte > BLANK) {
      if (this.#depth < 2) throw this.#noRecords();
      this.#record.push(byte);
      if (this.#record.length > MOST_BYTES) throw this.#noRecords();
    }
  }

  /** Of what stands around the array of records strings and brackets count alone. */
  #readOver(byte: number): void {
    if (this.#inString) {
      if (this.#isEscaped) this.#isEscaped = false;
      else if (byte === BACKSLASH) this.#isEscaped = true;
      else if (byte === QUOTE) this.#inString = false;
      return;
    }
    if (byte <= BLANK) return;
    const isOpening = byte === OPEN_ARRAY || byte === OPEN_OBJECT;
    if (isOpening && this.#around === 0) throw this.#noRecords();
    if (isOpening && this.#isFirst) {
      if (this.#isFound) throw this.#noRecords('more than one array of records');
      this.#isFound = true;
      this.#isAround = false;
      this.#around--;
      this.#depth = 1;
      this.#open(byte === OPEN_OBJECT);
      return;
    }
    this.#isFirst = byte === OPEN_ARRAY;
    if (isOpening) this.#around++;
    else if (byte === CLOSE_ARRAY || byte === CLOSE_OBJECT) this.#around--;
    else if (byte === QUOTE) this.#inString = true;
  }

  #openString(): void {
    this.#inString = true;
    if (this.#depth < 2) throw this.#noRecords();
    if (!this.#inKey) this.#record.push(QUOTE);
    else if (!this.#hasHeader) this.#keys.push(QUOTE);
  }

  #comma(): void {
    if (this.#depth < 2) return;
    this.#endValue();
    this.#record.push(COMMA);
    this.#valueFrom = this.#record.length;
    if (this.#isObject && !this.#hasHeader) this.#keys.push(COMMA);
    this.#inKey = this.#isObject;
  }

  #string(byte: number): void {
    const target = this.#inKey ? (this.#hasHeader ? null : this.#keys) : this.#record;
    if (this.#isEscaped) {
      this.#isEscaped = false;
      if (byte === QUOTE) target?.push(QUOTE);
      target?.push(byte);
    } else if (byte === BACKSLASH) this.#isEscaped = true;
    else {
      if (byte === QUOTE) this.#inString = false;
      target?.push(byte);
    }
  }

  #open(isObject: boolean): void {
    if (this.#depth === 0 && isObject && !this.#isFound) {
      this.#isAround = true;
      this.#around = 1;
      return;
    }
    this.#depth++;
    if (this.#depth === 1 && !isObject) return;
    if (this.#depth !== 2) throw this.#noRecords();
    this.#isObject = isObject;
    this.#inKey = isObject;
    this.#record.length = 0;
    this.#valueFrom = 0;
    if (isObject && !this.#hasHeader) this.#keys.length = 0;
  }

  #close(): void {
    const out = this.#out;
    this.#depth--;
    if (this.#depth === 0 && this.#around > 0) this.#isAround = true;
    if (this.#depth !== 1) return;
    this.#endValue();
    if (this.#isObject && !this.#hasHeader) {
      out.append(this.#keys);
      out.push(LF);
      this.#hasHeader = true;
    }
    out.append(this.#record);
    out.push(LF);
    this.#line++;
    this.#inKey = false;
  }

  /** null is an empty field. */
  #endValue(): void {
    const from = this.#valueFrom;
    if (
      this.#record.length - from === NULL.length &&
      NULL.every((byte, i) => this.#record.bytes[from + i] === byte)
    )
      this.#record.length = from;
  }

  #noRecords(found: string | null = null): BackhaulError {
    return new BackhaulError({
      kind: 'not-a-bar-file',
      message: 'the JSON is no array of records',
      where: { line: this.#line },
      expected: 'one array that holds an array of fields, or an object, for each record',
      ...(found !== null && { found }),
    });
  }
}

/** The same of a stream. */
export async function* jsonLines(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const records = new JsonRecords();
  for await (const piece of pieces) {
    const lines = records.push(piece);
    if (lines.length > 0) yield lines;
  }
  records.end();
}
