/** Shows a load on its way: a bar on a terminal, else one plain line every ten seconds. */

import { MultiBar, type SingleBar } from 'cli-progress';
import type { DiscoveringEvent, ProgressEvent } from '../load/events.ts';
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

/** The progress for a stream: drawn where it is a terminal that can, else plain. */
export function progressOn(
  stream: ProgressStream,
  environment: Readonly<Record<string, string | undefined>>,
  nowMs: () => number,
): Progress {
  const drawn = stream.isTTY === true && environment['TERM'] !== 'dumb';
  return drawn ? new DrawnProgress(stream, environment) : new PlainProgress(stream, nowMs);
}

class DrawnProgress implements Progress {
  readonly #rate = new RecentRate();
  readonly #bars: MultiBar;
  #bar: SingleBar | null = null;
  #line: (width: number) => string = () => '';

  constructor(stream: ProgressStream, environment: Readonly<Record<string, string | undefined>>) {
    this.#style = styleFor(stream, environment);
    this.#bars = new MultiBar({
      stream,
      // One column stays free: some terminals wrap when the last one is written.
      format: () => this.#line(Math.max(10, (stream.columns ?? 80) - 1)),
      clearOnComplete: true,
      hideCursor: true,
      forceRedraw: true,
      // The command decides what Ctrl-C does and stops the bar itself.
      gracefulExit: false,
      fps: 8,
    });
  }
  readonly #style;

  discovering(event: DiscoveringEvent): void {
    this.#show((width) => discoveringLine(event, width, this.#style));
  }

  progress(event: ProgressEvent): void {
    this.#rate.add(event);
    this.#show((width) => drawnLine(event, this.#rate, width, this.#style));
  }

  say(line: string): void {
    this.#show(this.#line);
    this.#bars.log(`${line}\n`);
  }

  stop(): void {
    if (this.#bar === null) return;
    // What was said since the last redraw is written by a redraw alone.
    this.#bars.update();
    this.#bars.stop();
    this.#bar = null;
  }

  #show(line: (width: number) => string): void {
    this.#line = line;
    this.#bar ??= this.#bars.create(1, 0);
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
