/** The worker's end of its link with the main thread. */

import type { MessagePort } from 'node:worker_threads';
import { BackhaulError } from '../../faults/fault.ts';
import type { KnownSeries } from './assignment.ts';
import type { Answers, Frame, Notice, Question } from './messages.ts';

export class WorkerLink {
  readonly #port: MessagePort;
  readonly #open = new Map<number, { resolve: (value: never) => void; reject: (error: Error) => void }>();
  readonly #abort = new AbortController();
  readonly #knownSeries: KnownSeries | null;
  #id = 0;

  constructor(port: MessagePort, knownSeries: KnownSeries | null) {
    this.#port = port;
    this.#knownSeries = knownSeries;
    port.on('message', (frame: Frame) => this.#receive(frame));
  }

  /** Aborted, with the fault as reason, when the main thread wants the attempt to end. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  ask<K extends Question['kind']>(question: Extract<Question, { kind: K }>): Promise<Answers[K]> {
    this.#abort.signal.throwIfAborted();
    const known = this.#known(question);
    if (known !== undefined) return Promise.resolve(known as Answers[K]);
    return new Promise((resolve, reject) => {
      const id = ++this.#id;
      this.#open.set(id, { resolve, reject });
      this.#port.postMessage({ id, question } satisfies Frame);
    });
  }

  /** The answer, where it came with the assignment. */
  #known(question: Question): Answers[Question['kind']] | undefined {
    const knownSeries = this.#knownSeries;
    if (knownSeries === null) return undefined;
    if (question.kind === 'series')
      return question.rollupS === undefined &&
        question.symbols.every((symbol) => symbol === knownSeries.symbol)
        ? new Int32Array(question.symbols.length).fill(knownSeries.id)
        : undefined;
    if (
      question.kind !== 'states' ||
      !knownSeries.isNew ||
      !question.seriesIds.every((id) => id === knownSeries.id)
    )
      return undefined;
    question.into.fill(Number.NaN);
    return null;
  }

  tell(notice: Notice): void {
    this.#port.postMessage({ notice } satisfies Frame);
  }

  close(): void {
    this.#port.close();
  }

  #receive(frame: Frame): void {
    if ('abort' in frame) {
      const error = new BackhaulError(frame.abort);
      this.#abort.abort(error);
      for (const { reject } of this.#open.values()) reject(error);
      this.#open.clear();
      return;
    }
    if (!('id' in frame)) return;
    const open = this.#open.get(frame.id);
    if (open === undefined) return;
    this.#open.delete(frame.id);
    if ('fault' in frame) open.reject(new BackhaulError(frame.fault));
    else if ('answer' in frame) open.resolve(frame.answer as never);
  }
}
