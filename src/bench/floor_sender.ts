/**
 * One connection of the floor: hands ready-made COPY files to the socket, nothing else. Pieces are read synchronously
 * (they come from the page cache) behind the five bytes that make them a message, and go to the socket under `pg` as
 * they are: 0.18 µs a row, where streams in between cost 0.31 and psql's \copy 0.22, side by side on cores the server
 * shares.
 */

import { closeSync, openSync, readSync } from 'node:fs';
import type { Socket } from 'node:net';
import { parentPort, workerData } from 'node:worker_threads';
import type { Client } from 'pg';
import { connect } from '../database/connect.ts';
import { faultOf } from '../faults/classify.ts';
import type { SenderData, SenderWord, SentFile, Stretch } from './floor.ts';

/** The server's CPU is the same for psql's 8 KiB and for 256 KiB a message. */
const PIECE_BYTES = 1 << 16;
/** Pieces that go to the socket in one write. */
const PIECES = 4;
/** A type byte and a length that counts itself: "Message Formats" in PostgreSQL's manual. */
const HEADER_BYTES = 5;
const COPY_DATA = 0x64;
const COPY_DONE = Uint8Array.of(0x63, 0, 0, 0, 4);

const { url, files, next } = workerData as SenderData;
const port = parentPort!;

function tell(word: SenderWord): void {
  port.postMessage(word);
}

/** The part of `pg`'s connection that is used here. */
interface Connection {
  readonly stream: Socket;
  query(text: string): void;
}

/** A COPY as a query of `pg`: it calls the handlers as the server's messages come. */
class RawCopy {
  readonly #sql: string;
  readonly #stretches: readonly Stretch[];
  readonly #buffers: readonly [Buffer, Buffer];
  readonly #settle: { resolve: (rows: number) => void; reject: (error: Error) => void };
  #rows = 0;

  constructor(
    sql: string,
    stretches: readonly Stretch[],
    buffers: readonly [Buffer, Buffer],
    settle: { resolve: (rows: number) => void; reject: (error: Error) => void },
  ) {
    this.#sql = sql;
    this.#stretches = stretches;
    this.#buffers = buffers;
    this.#settle = settle;
  }

  submit(connection: Connection): void {
    connection.query(this.#sql);
  }

  handleCopyInResponse({ stream }: Connection): void {
    let turn = 0;
    const bytes = new Bytes(this.#stretches);
    // One write is under way while the next is read; its callback means that the kernel has taken it.
    const pour = (): void => {
      const buffer = this.#buffers[turn]!;
      turn = 1 - turn;
      const length = fill(bytes, buffer);
      if (length > 0) stream.write(buffer.subarray(0, length), pour);
      else stream.write(COPY_DONE);
    };
    pour();
  }

  handleCommandComplete({ text }: { readonly text: string }): void {
    this.#rows = Number(text.replace('COPY ', ''));
  }

  handleReadyForQuery(): void {
    this.#settle.resolve(this.#rows);
  }

  handleError(error: Error): void {
    this.#settle.reject(error);
  }
}

/** The bytes of stretches, one after the other; a file is closed when its last ones are read. */
class Bytes {
  readonly #left: Stretch[];
  #fd: number | null = null;
  #at = 0;

  constructor(stretches: readonly Stretch[]) {
    this.#left = [...stretches];
  }

  /** Reads up to `length` bytes to `buffer[at …]`; returns how many, 0 at the end. */
  read(buffer: Buffer, at: number, length: number): number {
    for (;;) {
      const stretch = this.#left[0];
      if (stretch === undefined) return 0;
      if (this.#fd === null) {
        this.#fd = openSync(stretch.path, 'r');
        this.#at = stretch.from;
      }
      const read = readSync(this.#fd, buffer, at, Math.min(length, stretch.to - this.#at), this.#at);
      this.#at += read;
      if (read > 0) return read;
      closeSync(this.#fd);
      this.#fd = null;
      this.#left.shift();
    }
  }
}

/** Fills a buffer with messages of the next bytes; returns their length. */
function fill(bytes: Bytes, buffer: Buffer): number {
  let at = 0;
  for (let piece = 0; piece < PIECES; piece++) {
    const read = bytes.read(buffer, at + HEADER_BYTES, PIECE_BYTES);
    if (read === 0) break;
    buffer[at] = COPY_DATA;
    buffer.writeUInt32BE(read + 4, at + 1);
    at += HEADER_BYTES + read;
  }
  return at;
}

async function send(client: Client, file: SentFile, buffers: readonly [Buffer, Buffer]): Promise<number> {
  const sql = `COPY floor.${file.leaf} FROM STDIN (FORMAT binary)`;
  await client.query('BEGIN; SET LOCAL synchronous_commit = off');
  let rows = 0;
  for (const stretches of file.copies) {
    rows += await new Promise<number>((resolve, reject) => {
      client.query(new RawCopy(sql, stretches, buffers, { resolve, reject }) as never);
    });
  }
  await client.query('COMMIT');
  return rows;
}

async function run(): Promise<void> {
  const client = await connect(url, { applicationName: 'backhaul bench' });
  const buffer = (): Buffer => Buffer.allocUnsafeSlow(PIECES * (HEADER_BYTES + PIECE_BYTES));
  const buffers: readonly [Buffer, Buffer] = [buffer(), buffer()];
  const go = new Promise<void>((resolve) => port.once('message', () => resolve()));
  tell('ready');
  await go;
  let rows = 0;
  for (;;) {
    const file = files[Atomics.add(next, 0, 1)];
    if (file === undefined) break;
    rows += await send(client, file, buffers);
  }
  tell({ rows });
  await client.end();
}

run().catch((error: unknown) => tell({ fault: faultOf(error) }));
