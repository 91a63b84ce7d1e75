/** The main thread's end of its link with a worker. */

import type { MessagePort, Transferable } from 'node:worker_threads';
import type { Fault } from '../../faults/fault.ts';
import type { Answers, Frame, Notice, Question } from './messages.ts';

/** What an answer takes along instead of having it copied: arrays are made for their answer, ports for their task. */
function takenAlong(answer: Answers[Question['kind']]): Transferable[] {
  if (ArrayBuffer.isView(answer)) return [answer.buffer as ArrayBuffer];
  return Array.isArray(answer)
    ? answer.flatMap((one: object) => ('port' in one ? [one.port as MessagePort] : []))
    : [];
}

/** How the main thread serves a worker's questions. */
export interface LinkHandler {
  /** An array is handed over, memory and all. */
  answer(question: Question): Promise<Answers[Question['kind']]>;
  notice(notice: Notice): void;
  fault(error: unknown): Fault;
}

export class MainLink {
  readonly #port: MessagePort;

  /** `met`: hears of a thread that has its first task, and of the line to it. */
  constructor(
    port: MessagePort,
    handler: LinkHandler,
    met: (thread: number, line: MessagePort) => void = () => {},
  ) {
    this.#port = port;
    port.on('message', (frame: Frame) => {
      if ('line' in frame) met(frame.thread, frame.line);
      else if ('notice' in frame) handler.notice(frame.notice);
      else if ('question' in frame) {
        handler.answer(frame.question).then(
          (answer) => port.postMessage({ id: frame.id, answer } satisfies Frame, takenAlong(answer)),
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
