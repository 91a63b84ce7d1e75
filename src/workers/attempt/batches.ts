/** Batches of columns between the scanner and what takes them: filled ahead, at most so many. */

import { setImmediate } from 'node:timers/promises';
import type { BarColumns } from '../../bars/columns.ts';
import { carryLast } from '../../scan/scanner.ts';
import type { TableBatch } from '../../scan/table/table_columns.ts';
import type { TableScanner } from '../../scan/table/table_scanner.ts';
import type { FileScanner } from '../../scan/trade_scanner.ts';

/** Takes rows `[0, rows)` of a batch; the columns are free again when the promise resolves. */
export type BatchConsumer = (cols: BarColumns, rows: number) => Promise<void>;

/**
 * Lets the scanner run ahead of the stages behind it by as many batches as there are column sets: while one batch
 * waits for its lane or for COPY, the next ones are parsed. Batches are consumed one at a time, in order.
 */
export class BatchQueue {
  readonly #free: BarColumns[];
  readonly #consume: BatchConsumer;
  readonly #onQueued: (rows: number) => void;
  #tail: Promise<void> = Promise.resolve();
  #failure: { error: unknown } | null = null;
  #wake: (() => void) | null = null;

  /** `onQueued` hears of every batch when it is queued. */
  constructor(
    columns: readonly BarColumns[],
    consume: BatchConsumer,
    onQueued: (rows: number) => void = () => {},
  ) {
    this.#free = [...columns];
    this.#consume = consume;
    this.#onQueued = onQueued;
  }

  /**
   * An empty column set; waits until one is free.
   * @throws what a consumer has thrown
   */
  async take(): Promise<BarColumns> {
    for (;;) {
      this.check();
      const cols = this.#free.pop();
      if (cols !== undefined) {
        cols.length = 0;
        return cols;
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Queues rows `[0, rows)` of a taken set for the consumer, who gives it back. */
  put(cols: BarColumns, rows: number): void {
    this.#onQueued(rows);
    this.#tail = this.#tail
      .then(() => (this.#failure === null ? this.#consume(cols, rows) : undefined))
      .catch((error: unknown) => {
        this.#failure ??= { error };
      })
      .then(() => {
        this.#free.push(cols);
        this.#wake?.();
        this.#wake = null;
      });
  }

  check(): void {
    if (this.#failure !== null) throw this.#failure.error;
  }

  /** Nothing queued will be consumed any more, and nothing is being consumed, when this resolves. */
  async stop(error: unknown): Promise<void> {
    this.#failure ??= { error };
    await this.#tail;
  }

  /**
   * All queued batches are consumed.
   * @throws what a consumer has thrown
   */
  async drain(): Promise<void> {
    await this.#tail;
    this.check();
  }
}

/**
 * Scans a whole stream of bytes into batches. `onChunk` is called with the size of each piece of bytes before it is
 * scanned and may throw. Resolves when the last batch is consumed; stops early when the scanner finds the file out of order.
 */
export async function scanInto(
  bytes: AsyncIterable<Uint8Array>,
  scanner: FileScanner,
  queue: BatchQueue,
  onChunk: (bytes: number) => void,
): Promise<void> {
  let out = await queue.take();
  const hand = async (): Promise<void> => {
    const next = await queue.take();
    carryLast(out, next);
    queue.put(out, out.length - 1);
    out = next;
  };
  for await (const chunk of bytes) {
    onChunk(chunk.length);
    let at = 0;
    while (at < chunk.length) {
      at += scanner.push(chunk, at, chunk.length, out);
      if (scanner.hasStopped) return;
      if (out.length === out.capacity) await hand();
    }
    queue.check();
    // Sockets get their turn: inflating and scanning go from promise to promise, and what a Unix socket holds lasts a
    // server 2.6 ms. One on a core of its own was idle for 1.9 s of a load instead of 2.7 s; the pipeline alone took the same.
    await setImmediate();
  }
  while (!scanner.finish(out)) {
    if (scanner.hasStopped) return;
    await hand();
  }
  if (scanner.hasStopped) return;
  queue.put(out, out.length);
  await queue.drain();
}

/** The same of the rows of a table; `onBatch` is called before each of its batches is looked at. */
export async function scanTable(
  batches: AsyncIterable<TableBatch>,
  scanner: TableScanner,
  queue: BatchQueue,
  onBatch: (batch: TableBatch) => void,
): Promise<void> {
  let out = await queue.take();
  for await (const batch of batches) {
    onBatch(batch);
    for (let at = 0; at < batch.rows; ) {
      at += scanner.push(batch, at, out);
      if (scanner.hasStopped) return;
      if (out.length < out.capacity) continue;
      const next = await queue.take();
      carryLast(out, next);
      queue.put(out, out.length - 1);
      out = next;
    }
    scanner.passed(batch);
    queue.check();
    await setImmediate();
  }
  scanner.finish();
  if (scanner.hasStopped) return;
  queue.put(out, out.length);
  await queue.drain();
}
