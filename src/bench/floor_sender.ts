/**
 * One connection of the floor: reads ready-made COPY files and hands them to the socket, nothing else.
 *
 * Pieces are framed by hand and written to the socket under `pg`: on two cores shared with the server, going through a
 * stream of pg-copy-streams costs a copy and a tick a piece more. 64 KiB a message is where larger ones gain nothing.
 */

import { type FileHandle, open } from 'node:fs/promises';
import { parentPort, workerData } from 'node:worker_threads';
import type { Client } from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { connect } from '../database/connect.ts';
import { faultOf } from '../state/task.ts';
import type { ReadyMade, SenderData, SenderWord } from './floor.ts';

const PIECE_BYTES = 1 << 18;

const { url, files, next } = workerData as SenderData;
const port = parentPort!;

function tell(word: SenderWord): void {
  port.postMessage(word);
}

async function send(client: Client, file: ReadyMade, buffers: readonly Buffer[]): Promise<number> {
  const handle = await open(file.path, 'r');
  try {
    await client.query('BEGIN; SET LOCAL synchronous_commit = off');
    const copy = client.query(copyFrom(`COPY floor.${file.leaf} FROM STDIN (FORMAT binary)`));
    const ended = new Promise<void>((resolve, reject) => copy.once('finish', resolve).once('error', reject));
    await Promise.all([ended, pour(handle, copy, buffers)]);
    await client.query('COMMIT');
    return copy.rowCount;
  } finally {
    await handle.close();
  }
}

/** Two buffers take turns: one is read into while the socket drains the other. */
async function pour(
  handle: FileHandle,
  copy: NodeJS.WritableStream,
  buffers: readonly Buffer[],
): Promise<void> {
  let sent = Promise.resolve();
  for (let turn = 0; ; turn = 1 - turn) {
    const { bytesRead } = await handle.read(buffers[turn]!, 0, PIECE_BYTES, null);
    await sent;
    if (bytesRead === 0) break;
    const piece = buffers[turn]!.subarray(0, bytesRead);
    sent = new Promise((resolve, reject) => {
      copy.write(piece, (error) => (error ? reject(error) : resolve()));
    });
    sent.catch(() => {}); // awaited at the next turn
  }
  copy.end();
}

async function run(): Promise<void> {
  const client = await connect(url, { applicationName: 'backhaul bench' });
  const buffers = [Buffer.allocUnsafeSlow(PIECE_BYTES), Buffer.allocUnsafeSlow(PIECE_BYTES)];
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
