/** The messages of an Arrow stream, whole, out of bytes that come in pieces. */

import { arrow } from '../../../bars/arrow.ts';
import { BackhaulError } from '../../../faults/fault.ts';
import type { LargeBatches } from './arrow_large.ts';

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
 * were. A batch that is too large is offered instead, and what comes behind it when it was read. (https://arrow.apache.org/docs/format/Columnar.html#encapsulated-message-format)
 */
export class ArrowMessages {
  /** What the source has thrown: Arrow may tell it otherwise. */
  failure: { readonly error: unknown } | null = null;
  readonly #open: (from: number) => AsyncIterable<Uint8Array>;
  readonly #large: LargeBatches | null;
  #source: AsyncIterator<Uint8Array>;
  /** Bytes of the file before what comes next. */
  #before = 0;
  #piece: Uint8Array = new Uint8Array(0);
  #at = 0;
  #rows: Uint8Array;

  /** `open`: the bytes from a place on. Unless there are `large` ones, it is the beginning. */
  constructor(open: (from: number) => AsyncIterable<Uint8Array>, large: LargeBatches | null) {
    this.#open = open;
    this.#large = large;
    this.#source = open(0)[Symbol.asyncIterator]();
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
        const message = new arrow.MessageReader(head).readMessage();
        const bytes = Number(message?.bodyLength ?? 0);
        if (message?.headerType === RECORD_BATCH && this.#large?.isOne(message.header(), bytes)) {
          // Arrow asks for a piece before it hands on the last one: by this it does, and what is offered is in its turn.
          yield new Uint8Array(0);
          const at = this.#before;
          await this.#skip(bytes);
          await this.#large.offer(message.header(), at, bytes);
          continue;
        }
        yield head;
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

  async #skip(bytes: number): Promise<void> {
    await this.#source.return?.();
    this.#before += bytes;
    this.#piece = new Uint8Array(0);
    this.#at = 0;
    this.#source = this.#open(this.#before)[Symbol.asyncIterator]();
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
      this.#before += some;
      at += some;
    }
  }
}
