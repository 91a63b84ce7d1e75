/** Rows out of the database by binary COPY: from the socket into columns, past the parser of `pg`. */

import type { ClientBase } from 'pg';
import type { ColumnDecoder } from './column_decoder.ts';

/** What a session of `pg` reads from. */
interface Stream extends NodeJS.EventEmitter {
  pause(): void;
  resume(): void;
  /** Of a socket that need not make a buffer for each piece, if whoever listens is done with it when it returns. */
  isDoneAtOnce?: boolean;
}

type Listener = (piece: Buffer) => void;

/**
 * The batches of `text`, a COPY … TO STDOUT BINARY whose fields are those of `decoder`: yields the number of rows
 * whenever the decoder is full, and at the end with what is left. The consumer is done with the columns when it asks for
 * more; until then the socket is not read. If it asks for no more, the session is good for nothing but to be ended.
 * @throws BackhaulError `database` for other bytes than rows; the server's errors as `pg` gives them
 */
export async function* copyOut(
  client: ClientBase,
  text: string,
  decoder: ColumnDecoder,
): AsyncGenerator<number> {
  const { stream } = (client as unknown as { readonly connection: { readonly stream: Stream } }).connection;
  // The session is idle: its parser holds no part of a message. Messages that are no rows it gets as ever.
  const parsers = stream.listeners('data') as Listener[];
  const parse = (bytes: Uint8Array): void => {
    const piece = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    for (const parser of parsers) parser.call(stream, piece);
  };
  let wake = (): void => {};
  let isFull = false;
  let isOver = false;
  let failure: { readonly error: unknown } | null = null;
  const advance = (): void => {
    if (isFull || failure !== null) return;
    try {
      let stop = decoder.take();
      for (; stop === 'message'; stop = decoder.take()) parse(decoder.message());
      isFull = stop === 'full';
    } catch (error) {
      failure = { error };
    }
    if (!isFull && failure === null) return;
    stream.pause();
    wake();
  };
  const take = (piece: Buffer): void => {
    decoder.put(piece);
    advance();
  };
  for (const parser of parsers) stream.off('data', parser);
  stream.on('data', take);
  // The decoder copies what it is given, and so does it with the messages it hands on.
  const couldBeInPlace = stream.isDoneAtOnce === false;
  if (couldBeInPlace) stream.isDoneAtOnce = true;
  decoder.clear();
  const done = client.query(text).then(
    () => {},
    (error: unknown) => {
      failure ??= { error };
    },
  );
  void done.finally(() => {
    isOver = true;
    wake();
  });
  const broken = (): Error | null => (failure === null ? null : (failure.error as Error));
  try {
    for (;;) {
      while (!isFull && !isOver && failure === null)
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      const error = broken();
      if (error !== null) throw error;
      if (!isFull) break;
      yield decoder.length;
      decoder.clear();
      isFull = false;
      advance();
      if (!isFull) stream.resume();
    }
  } finally {
    stream.off('data', take);
    if (couldBeInPlace) stream.isDoneAtOnce = false;
    for (const parser of parsers) stream.on('data', parser);
  }
  parse(decoder.rest());
  decoder.end();
  if (decoder.length > 0) yield decoder.length;
}
