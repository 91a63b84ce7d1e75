/** The messages of an Arrow stream, whole, out of bytes that come in pieces. */

import { arrow } from '../../../bars/arrow.ts';
import { BackhaulError } from '../../../faults/fault.ts';

/** Of a message that holds rows (Message.fbs). */
const RECORD_BATCH = 3;
/** The mark of a file, padded. */
const MARK_BYTES = 8;
/** Rows' bytes that are kept for the next file: memory that was touched is cheaper than new one. */
const MOST_SPARE_BYTES = 64 << 20;

let spare: Uint8Array | null = null;

/**
 * The messages of Arrow's streaming format, cut out of pieces of bytes: of each its head and its body, in a piece of its
 * own, as Arrow's reader takes them without joining or copying. The rows of a batch lie where those of the one before
 * were. (https://arrow.apache.org/docs/format/Columnar.html#encapsulated-message-format)
 */
export class ArrowMessages {
  /** What the source has thrown: Arrow may tell it otherwise. */
  failure: { readonly error: unknown } | null = null;
  readonly #source: AsyncIterator<Uint8Array>;
  #piece: Uint8Array = new Uint8Array(0);
  #at = 0;
  #rows: Uint8Array;

  constructor(bytes: AsyncIterable<Uint8Array>) {
    this.#source = bytes[Symbol.asyncIterator]();
    this.#rows = spare ?? new Uint8Array(0);
    spare = null;
  }

  async *pieces(isFile: boolean): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      if (isFile) await this.#fill(new Uint8Array(MARK_BYTES));
      for (;;) {
        const start = new Uint8Array(8);
        await this.#fill(start);
        const words = new Int32Array(start.buffer);
        // Before 2019 the length came first, without a mark of its own.
        const isMarked = words[0] === -1;
        const length = isMarked ? words[1]! : words[0]!;
        if (length <= 0) {
          yield start;
          return;
        }
        const head = new Uint8Array((isMarked ? 8 : 4) + length);
        head.set(start.subarray(0, head.length));
        await this.#fill(head.subarray(Math.min(8, head.length)));
        yield head;
        const message = new arrow.MessageReader(head).readMessage();
        const bytes = Number(message?.bodyLength ?? 0);
        if (bytes === 0) continue;
        const body = message?.headerType === RECORD_BATCH ? this.#room(bytes) : new Uint8Array(bytes);
        await this.#fill(body);
        yield body;
      }
    } catch (error) {
      this.failure = { error };
      throw error;
    }
  }

  /** No more rows are asked for; if they are `whole`, what follows them is read over. */
  async end(isWhole: boolean): Promise<void> {
    if (this.#rows.length <= MOST_SPARE_BYTES) spare = this.#rows;
    if (isWhole)
      for (let next = await this.#source.next(); next.done !== true; ) next = await this.#source.next();
    await this.#source.return?.();
  }

  #room(bytes: number): Uint8Array {
    if (this.#rows.length < bytes) this.#rows = new Uint8Array(bytes);
    return this.#rows.subarray(0, bytes);
  }

  async #fill(into: Uint8Array): Promise<void> {
    for (let at = 0; at < into.length; ) {
      if (this.#at === this.#piece.length) {
        const next = await this.#source.next();
        if (next.done === true)
          throw new BackhaulError({
            kind: 'truncated',
            message: 'the Arrow file ends too early',
            expected: `${into.length} bytes of a message`,
            found: `${at}`,
            hint: 'Download or write the file again.',
          });
        this.#piece = next.value;
        this.#at = 0;
      }
      const some = Math.min(into.length - at, this.#piece.length - this.#at);
      into.set(this.#piece.subarray(this.#at, this.#at + some), at);
      this.#at += some;
      at += some;
    }
  }
}
