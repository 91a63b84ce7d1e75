/** Where encoded bars go: by COPY into their leaves, over a session that is written to as fast as it takes. */

import type { Socket } from 'node:net';
import type { ClientBase } from 'pg';
import { type CopyStreamQuery, from as copyFrom } from 'pg-copy-streams';
import { type BarBatch, barsOf } from '../bars/record_batch.ts';
import type { BarEncoder } from './bar_encoder.ts';
import { type Leaf, splitByLeaf } from './leaf.ts';
import { BARS_COLUMNS, COPY_HEADER, COPY_TRAILER, MAX_ROW_BYTES } from './wire.ts';

/** Where encoded bars go: PostgreSQL, or nowhere for a benchmark of the stages before it. */
export interface BarSink {
  /** The batch's memory may be filled anew once this resolves. `took` hears of rows as they are encoded. */
  write(batch: BarBatch, took: (rows: number) => void): Promise<void>;
  /** All rows are with the server and counted by it. */
  end(): Promise<number>;
  /** Gives up what is under way, so that the connection can be used again: a COPY left open would block it. */
  abort(): Promise<void>;
}

/** One open `COPY … FROM STDIN`: resolves writes when the socket has taken the bytes, rejects on the server's error. */
class OpenCopy {
  readonly #stream: CopyStreamQuery;
  readonly #done: Promise<void>;
  #error: Error | null = null;

  constructor(client: ClientBase, sql: string) {
    const stream = copyFrom(sql);
    this.#stream = stream;
    gatherFirst(stream);
    client.query(stream);
    this.#done = new Promise((resolve, reject) => {
      this.#stream.once('finish', resolve);
      this.#stream.on('error', (error) => {
        this.#error ??= error;
        reject(error);
        // It would go on handing what it has buffered to a connection it no longer holds, and end the thread by that.
        this.#stream.destroy();
      });
    });
    this.#done.catch(() => {});
  }

  /** Resolves when the bytes have left `chunk`, which may then be reused. */
  write(chunk: Uint8Array): Promise<void> {
    if (this.#error !== null) return Promise.reject(this.#error);
    return Promise.race([
      this.#done, // rejects when the server refuses; never resolves before end()
      new Promise<void>((resolve, reject) => {
        this.#stream.write(chunk, (error) => (error ? reject(error) : resolve()));
      }),
    ]);
  }

  /** Writes `last` too, and resolves to the rows the server has taken. */
  async end(last?: Uint8Array): Promise<number> {
    if (this.#error !== null) throw this.#error;
    if (last === undefined) this.#stream.end();
    else this.#stream.end(last);
    await this.#done;
    return this.#stream.rowCount;
  }

  /** Tells the server that the COPY has failed, and waits until it has taken note. */
  async abort(): Promise<void> {
    if (this.#error !== null) return;
    this.#stream.destroy(new Error('the load was given up'));
    await this.#done.catch(() => {});
  }
}

/** What `pg` calls on a COPY whose server is ready for bytes. */
interface Responding {
  handleCopyInResponse(connection: { readonly stream: Socket }): void;
}

/**
 * What is there to be sent when the server asks for bytes goes out in one write: of a small COPY that is all of it, and
 * each write would wake the server.
 */
function gatherFirst(stream: CopyStreamQuery): void {
  const responding = stream as unknown as Responding;
  const respond = responding.handleCopyInResponse.bind(stream);
  responding.handleCopyInResponse = (connection) => {
    connection.stream.cork();
    setImmediate(() => connection.stream.uncork());
    respond(connection);
  };
}

/** COPYs one already encoded set of rows into a table, for the small tables beside `bars`. */
export async function copyRows(
  client: ClientBase,
  table: string,
  columns: readonly string[],
  rows: Uint8Array,
): Promise<number> {
  const copy = new OpenCopy(client, `COPY ${table} (${columns.join(', ')}) FROM STDIN BINARY`);
  await copy.write(COPY_HEADER);
  await copy.write(rows);
  return copy.end(COPY_TRAILER);
}

/**
 * A COPY is ended at the first buffer's end from here on, and the next one begun. The server gives each COPY a ring of
 * 16 MB of its buffers (`BAS_BULKWRITE`; an eighth of `shared_buffers` where that is less); once round, the session
 * writes out its own pages, and before each waits until its log is on the disk. A COPY that ends before leaves that to
 * the checkpointer, and the pages where the key's build finds them. A row takes less room in a table than in a COPY
 * (221 bytes and 286); what is left of the ring is for the blocks a table is extended by. 31 M records into a server
 * with 6 GB of buffers, two runs each, before and after in turns: 76 and 75 s by a COPY a file, 69 and 60 s so. Of 63
 * M, as of 10 M into a server with 128 MB, no difference could be told from the order of the runs.
 */
export const MAX_COPY_BYTES = 15 * 1024 * 1024;

/** What a {@link CopyWriter} goes by. */
export interface CopyWriterSettings {
  /** Two or more of several rows ({@link MAX_ROW_BYTES}) each, the writer's alone until `end` or `abort` is done. */
  readonly buffers: readonly Uint8Array[];
  /** Rows go to `bars` itself, whose extension routes them. */
  readonly hypertable: boolean;
  /** Statements to be sent with the first COPY, each with its semicolon. */
  readonly before: string;
  /** A COPY is ended at the first buffer's end from here on. */
  readonly maxCopyBytes: number;
  /** The leaf of a bar that opens at `tsUs`; it stands. One object a leaf. */
  readonly leafOf: (tsUs: number) => Leaf;
}

/**
 * Writes bars into the leaf partitions they belong to, by binary COPY, one COPY open at a time.
 * The buffers take turns: one is filled while the socket drains another; none is filled again before it is drained.
 */
export class CopyWriter implements BarSink {
  readonly #client: ClientBase;
  readonly #encoder: BarEncoder;
  readonly #hypertable: boolean;
  readonly #maxCopyBytes: number;
  readonly #leafOf: (tsUs: number) => Leaf;
  #before: string;
  readonly #buffers: readonly Uint8Array[];
  readonly #sent: Promise<void>[];
  #turn = 0;
  #position = 0;
  #leaf: Leaf | null = null;
  #copy: OpenCopy | null = null;
  /** Bytes of the open COPY that have left the buffers. */
  #copyBytes = 0;
  #rows = 0;

  constructor(client: ClientBase, encoder: BarEncoder, settings: CopyWriterSettings) {
    const { buffers, hypertable, before, maxCopyBytes, leafOf } = settings;
    this.#client = client;
    this.#before = before;
    this.#encoder = encoder;
    this.#hypertable = hypertable;
    this.#maxCopyBytes = maxCopyBytes;
    this.#leafOf = leafOf;
    this.#buffers = buffers;
    this.#sent = buffers.map(() => Promise.resolve());
  }

  async write(batch: BarBatch, took: (rows: number) => void): Promise<void> {
    const { bars, seriesIds } = barsOf(batch);
    for (const part of splitByLeaf(bars.ts, batch.numRows, this.#leafOf)) {
      await this.#open(part.leaf);
      let row = part.from;
      while (row < part.to) {
        const buffer = this.#buffers[this.#turn]!;
        const room = Math.floor((buffer.length - this.#position) / MAX_ROW_BYTES);
        if (room === 0) {
          if (this.#copyBytes + this.#position < this.#maxCopyBytes) await this.#send();
          else await this.#reopen(part.leaf);
          continue;
        }
        const until = Math.min(part.to, row + room);
        this.#position = this.#encoder.encode(bars, seriesIds, row, until, part.rows, buffer, this.#position);
        took(until - row);
        row = until;
      }
    }
  }

  async end(): Promise<number> {
    await this.#close();
    return this.#rows;
  }

  async abort(): Promise<void> {
    const copy = this.#copy;
    this.#copy = null;
    await copy?.abort();
  }

  async #open(leaf: Leaf): Promise<void> {
    if (this.#copy !== null && (this.#hypertable || leaf === this.#leaf)) return;
    await this.#reopen(leaf);
  }

  /** Ends the open COPY and begins another. */
  async #reopen(leaf: Leaf): Promise<void> {
    await this.#close();
    this.#leaf = leaf;
    this.#copyBytes = 0;
    const table = this.#hypertable ? 'bars' : leaf.name;
    this.#copy = new OpenCopy(
      this.#client,
      `${this.#before} COPY backhaul.${table} (${BARS_COLUMNS.join(', ')}) FROM STDIN BINARY`,
    );
    this.#before = '';
    this.#buffers[this.#turn]!.set(COPY_HEADER, 0);
    this.#position = COPY_HEADER.length;
  }

  /** Hands the filled buffer to the socket and turns to the other one, once the socket is done with that. */
  async #send(): Promise<void> {
    const chunk = this.#buffers[this.#turn]!.subarray(0, this.#position);
    // A chunk below the socket's own buffer limit may still be referenced after its callback: send a copy of it.
    const sending = this.#copy!.write(chunk.length < 65_536 ? chunk.slice() : chunk);
    sending.catch(() => {}); // awaited below or at the next turn
    this.#sent[this.#turn] = sending;
    this.#turn = (this.#turn + 1) % this.#buffers.length;
    this.#copyBytes += this.#position;
    this.#position = 0;
    await this.#sent[this.#turn];
  }

  async #close(): Promise<void> {
    const copy = this.#copy;
    if (copy === null) return;
    if (this.#buffers[this.#turn]!.length - this.#position < COPY_TRAILER.length) await this.#send();
    this.#buffers[this.#turn]!.set(COPY_TRAILER, this.#position);
    this.#position += COPY_TRAILER.length;
    const last = this.#buffers[this.#turn]!.subarray(0, this.#position);
    this.#position = 0;
    // However small, it need not be copied: nothing is written to the buffer before the server has taken all rows.
    const ended = copy.end(last);
    ended.catch(() => {}); // awaited below
    await Promise.all(this.#sent);
    this.#rows += await ended;
    this.#copy = null;
    this.#leaf = null;
  }
}
