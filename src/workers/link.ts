import type { MessagePort } from 'node:worker_threads';
import { BackhaulError, type Fault } from '../faults/fault.ts';
import type { InflateLimits } from '../producer/archive/entry_stream.ts';
import type { SourceOptions } from '../producer/sources/source.ts';
import type { TaskPlan } from '../state/task_plan.ts';

/**
 * The words a worker and the main thread exchange about one task, over a port of its own. States do not go through the
 * port: a million of them an hour, handed over as buffers, would keep the collector of the main thread busy.
 */

/** Memory of a worker that the main thread reads and writes as well, in turns: a message says whose it is. */
export type SharedDoubles = Float64Array<SharedArrayBuffer>;

/** Everything a worker needs for one attempt at one task; plain data but for the port. */
export interface Assignment {
  readonly taskId: number;
  readonly attempt: number;
  readonly uri: string;
  readonly entry: string | null;
  readonly etag: string;
  readonly sizeBytes: number;
  readonly plan: TaskPlan;
  /** The task was loaded before and its object has changed: its old rows go in the same transaction. */
  readonly replaces: boolean;
  /** Go straight to the merge: an attempt of this run has found rows older than what stands. */
  readonly merge: boolean;
  readonly settings: WorkerSettings;
  /** What is known already; null: everything has to be asked. */
  readonly foretold: Foretold | null;
  readonly port: MessagePort;
}

/**
 * What goes along with the assignment of a task that is alone in its lane, so that a small file need not ask: the
 * series of its symbol, and whether that has no state yet, for certain. Its turn it asks for like any other: by the
 * answer it knows that the main thread has read all it has published, which a port drops when it is closed.
 */
export interface Foretold {
  readonly symbol: string;
  readonly id: number;
  readonly isNew: boolean;
}

/** Settings of a run that workers share. */
export interface WorkerSettings {
  readonly databaseUrl: string;
  readonly hypertable: boolean;
  readonly source: SourceOptions;
  readonly batchRows: number;
  readonly copyBytes: number;
  /** Rows of a file in no usable order that are sorted in memory; larger ones are sorted by the database. */
  readonly sortRows: number;
  readonly maxRecordBytes: number;
  /** What a compressed file may become. */
  readonly inflate: InflateLimits;
  /** Which of the default indicators are stored, in their order. */
  readonly indicators: readonly boolean[];
  /** Stamps after this are outside all reason, µs. */
  readonly latestUs: number;
  /** Benchmarks need no database. `null`: encode and throw away; a folder: what COPY would get, a file a task and leaf. */
  readonly sink: 'postgres' | 'null' | { readonly folder: string };
}

/** What a worker asks. */
export type Question =
  | { readonly kind: 'series'; readonly symbols: readonly string[] }
  | { readonly kind: 'partitions'; readonly stamps: readonly number[] }
  /** The states of these series as the task's predecessors leave them; `last` is the greatest of their symbols. */
  | {
      readonly kind: 'states';
      readonly seriesIds: Int32Array;
      readonly last: string;
      /** Where they are wanted: `STATE_LENGTH` doubles a series; NaN in the first: the series has no state yet. */
      readonly into: SharedDoubles;
    }
  /** Wait until every earlier task of the lane that runs in this process has committed or gone. */
  | { readonly kind: 'turn' };

/** What it tells, without waiting. */
export type Notice =
  | {
      readonly kind: 'publish';
      readonly seriesIds: Int32Array;
      /** `STATE_LENGTH` doubles a series, in the order of `seriesIds`; they stay as they are until the attempt ends. */
      readonly states: SharedDoubles;
      /** Every series whose symbol sorts before this one is final in this task; null: nothing can be said yet. */
      readonly frontier: string | null;
      /** All rows of the task have been computed. */
      readonly complete: boolean;
    }
  /** What was published is void: the attempt starts again another way. */
  | { readonly kind: 'withdraw' }
  | {
      readonly kind: 'progress';
      readonly bytes: number;
      readonly records: number;
      readonly waits: PhaseSeconds;
    };

/** Where an attempt's time went, seconds. */
export interface PhaseSeconds {
  /** Waiting for bytes from the source; they may have been on their way while others were worked on. */
  source: number;
  /** Waiting for a predecessor's states or its commit. */
  lane: number;
  /** Waiting for PostgreSQL to take rows. */
  copy: number;
}

/** Replies, by the question's kind. */
export interface Answers {
  series: Int32Array;
  partitions: null;
  /** They are where they were wanted. */
  states: null;
  /** Tasks of the lane that must be loaded when this one commits; any other number: its states are stale. */
  turn: number;
}

type Frame =
  | { readonly id: number; readonly question: Question }
  | { readonly notice: Notice }
  | { readonly id: number; readonly answer: unknown }
  | { readonly id: number; readonly fault: Fault }
  | { readonly abort: Fault };

/** The worker's end. */
export class WorkerLink {
  readonly #port: MessagePort;
  readonly #open = new Map<number, { resolve: (value: never) => void; reject: (error: Error) => void }>();
  readonly #abort = new AbortController();
  readonly #foretold: Foretold | null;
  #id = 0;

  constructor(port: MessagePort, foretold: Foretold | null) {
    this.#port = port;
    this.#foretold = foretold;
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
    const foretold = this.#foretold;
    if (foretold === null) return undefined;
    if (question.kind === 'series')
      return question.symbols.every((symbol) => symbol === foretold.symbol)
        ? new Int32Array(question.symbols.length).fill(foretold.id)
        : undefined;
    if (
      question.kind !== 'states' ||
      !foretold.isNew ||
      !question.seriesIds.every((id) => id === foretold.id)
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

/** What an answer may take along instead of having it copied: arrays are made for their answer. */
function memoryOf(answer: Answers[Question['kind']]): ArrayBuffer[] {
  return ArrayBuffer.isView(answer) ? [answer.buffer as ArrayBuffer] : [];
}

/** How the main thread serves a worker's questions. */
export interface LinkHandler {
  /** An array is handed over, memory and all. */
  answer(question: Question): Promise<Answers[Question['kind']]>;
  notice(notice: Notice): void;
  fault(error: unknown): Fault;
}

/** The main thread's end. */
export class MainLink {
  readonly #port: MessagePort;

  constructor(port: MessagePort, handler: LinkHandler) {
    this.#port = port;
    port.on('message', (frame: Frame) => {
      if ('notice' in frame) handler.notice(frame.notice);
      else if ('question' in frame) {
        handler.answer(frame.question).then(
          (answer) => port.postMessage({ id: frame.id, answer } satisfies Frame, memoryOf(answer)),
          (error: unknown) => port.postMessage({ id: frame.id, fault: handler.fault(error) } satisfies Frame),
        );
      }
    });
    port.unref();
  }

  abort(fault: Fault): void {
    this.#port.postMessage({ abort: fault } satisfies Frame);
  }

  close(): void {
    this.#port.close();
  }
}
