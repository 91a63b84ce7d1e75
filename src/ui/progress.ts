/** Shows a load on its way: a bar on a terminal, else one plain line every ten seconds. */

import type { createLogUpdate } from 'log-update';
import type { DiscoveringEvent, ProgressEvent } from '../load/load_events.ts';
import { discoveringLine, drawnLine, plainLine, RecentRate } from './progress_line.ts';
import { styleFor } from './style.ts';

/** Where progress goes: stderr, or a stand-in. */
export type ProgressStream = NodeJS.WritableStream & { readonly isTTY?: boolean; readonly columns?: number };

export interface Progress {
  discovering(event: DiscoveringEvent): void;
  progress(event: ProgressEvent): void;
  /** A line that stays. */
  say(line: string): void;
  /** Takes away what is drawn; nothing may be said after it. */
  stop(): void;
}

const PLAIN_EVERY_MS = 10_000;
/** Eight times a second is as often as an eye can use. */
const DRAWN_EVERY_MS = 125;

/** The progress for a stream: drawn where it is a terminal that can, else plain. What draws is loaded for that alone. */
export async function progressOn(
  stream: ProgressStream,
  environment: Readonly<Record<string, string | undefined>>,
  nowMs: () => number,
): Promise<Progress> {
  if (stream.isTTY !== true || environment['TERM'] === 'dumb') return new PlainProgress(stream, nowMs);
  const { createLogUpdate } = await import('log-update');
  return new DrawnProgress(stream, environment, nowMs, createLogUpdate(stream, { showCursor: true }));
}

class DrawnProgress implements Progress {
  readonly #rate = new RecentRate();
  readonly #stream: ProgressStream;
  readonly #style;
  /** The cursor stays as it is: nothing has to be put right when the program is killed. */
  readonly #drawn: ReturnType<typeof createLogUpdate>;
  readonly #nowMs: () => number;
  #line: ((width: number) => string) | null = null;
  #lastMs = Number.NEGATIVE_INFINITY;

  constructor(
    stream: ProgressStream,
    environment: Readonly<Record<string, string | undefined>>,
    nowMs: () => number,
    drawn: ReturnType<typeof createLogUpdate>,
  ) {
    this.#stream = stream;
    this.#style = styleFor(stream, environment);
    this.#drawn = drawn;
    this.#nowMs = nowMs;
  }

  discovering(event: DiscoveringEvent): void {
    this.#show((width) => discoveringLine(event, width, this.#style));
  }

  progress(event: ProgressEvent): void {
    this.#rate.add(event);
    this.#show((width) => drawnLine(event, this.#rate, width, this.#style));
  }

  say(line: string): void {
    this.#drawn.clear();
    this.#stream.write(`${line}\n`);
    this.#draw();
  }

  stop(): void {
    this.#line = null;
    this.#drawn.clear();
    this.#drawn.done();
  }

  #show(line: (width: number) => string): void {
    this.#line = line;
    const now = this.#nowMs();
    if (now - this.#lastMs < DRAWN_EVERY_MS) return;
    this.#lastMs = now;
    this.#draw();
  }

  #draw(): void {
    // One column stays free: some terminals wrap when the last one is written.
    if (this.#line !== null) this.#drawn(this.#line(Math.max(10, (this.#stream.columns ?? 80) - 1)));
  }
}

class PlainProgress implements Progress {
  readonly #stream: ProgressStream;
  readonly #nowMs: () => number;
  readonly #rate = new RecentRate();
  #lastMs: number;

  constructor(stream: ProgressStream, nowMs: () => number) {
    this.#stream = stream;
    this.#nowMs = nowMs;
    this.#lastMs = nowMs();
  }

  discovering(event: DiscoveringEvent): void {
    if (this.#due()) this.say(discoveringLine(event, Number.POSITIVE_INFINITY));
  }

  progress(event: ProgressEvent): void {
    this.#rate.add(event);
    if (this.#due()) this.say(plainLine(event, this.#rate));
  }

  say(line: string): void {
    this.#stream.write(`${line}\n`);
  }

  stop(): void {}

  #due(): boolean {
    const now = this.#nowMs();
    if (now - this.#lastMs < PLAIN_EVERY_MS) return false;
    this.#lastMs = now;
    return true;
  }
}
