const LF = 0x0a;
const LEAST_FEED = 4096;

/** The bytes of a record that began in one push and ends in a later one, and what had to be read to find its end. */
export class PendingBytes {
  bytes = new Uint8Array(LEAST_FEED);
  /** What is pending lies in `bytes[start,end)`. */
  start = 0;
  end = 0;
  /** Byte offset in the file of `bytes[start]`. */
  offset = 0;
  /** Whether the bytes may hold a whole record now. */
  isReady = false;
  readonly #maxRecordBytes: number;
  #hasStalled = false;

  constructor(maxRecordBytes: number) {
    this.#maxRecordBytes = maxRecordBytes;
  }

  get length(): number {
    return this.end - this.start;
  }

  /** Keeps `source[from,to)`, which begins at byte `offset` of the file; nothing else must be pending. */
  hold(source: Uint8Array, from: number, to: number, offset: number): void {
    this.start = 0;
    this.end = 0;
    this.offset = offset;
    this.#hasStalled = false;
    this.isReady = false;
    this.#append(source, from, to);
  }

  /**
   * Adds what may end the record: the rest of the line, or when that did not help (a newline inside quotes) as much
   * again as there is, so that looking for the end stays linear. Never more than shows a record to be too long.
   * Returns how many bytes of `source[from,to)` were taken.
   */
  feed(source: Uint8Array, from: number, to: number): number {
    const most = Math.max(this.#maxRecordBytes + 1 - this.length, 4);
    let end = Math.min(to, from + most);
    if (this.#hasStalled) end = Math.min(end, from + Math.max(LEAST_FEED, this.length));
    else {
      const newline = source.indexOf(LF, from);
      if (newline >= 0 && newline < end) end = newline + 1;
    }
    this.#append(source, from, end);
    this.isReady = true;
    return end - from;
  }

  /** All before `bytes[next]` is done with. `again`: there may be a whole record among the rest. */
  consume(next: number, again: boolean): void {
    this.#hasStalled = next === this.start && !again;
    this.offset += next - this.start;
    this.start = next;
    this.isReady = again;
  }

  /** The input has ended: gives its last line the newline it may lack. */
  close(): void {
    if (this.length > 0 && this.bytes[this.end - 1] !== LF) this.#append(Uint8Array.of(LF), 0, 1);
  }

  #append(source: Uint8Array, from: number, to: number): void {
    const length = this.length;
    const needed = length + to - from;
    if (needed > this.bytes.length) {
      const larger = new Uint8Array(2 ** Math.ceil(Math.log2(needed)));
      larger.set(this.bytes.subarray(this.start, this.end));
      this.bytes = larger;
    } else if (this.start > 0) this.bytes.copyWithin(0, this.start, this.end);
    this.bytes.set(source.subarray(from, to), length);
    this.start = 0;
    this.end = needed;
  }
}
