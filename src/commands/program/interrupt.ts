/** Ctrl-C, SIGTERM and SIGHUP: who gets them, and what a command that is ended by one leaves behind (nothing). */

import { pause } from '../../base/pause.ts';
import type { LoadSignals } from '../../load/load_events.ts';
import { EXIT } from './exit_codes.ts';

/**
 * Signals this close together are one. A terminal sends Ctrl-C to every program of the group, and npm and the launcher
 * pass on what they got: one press arrives here up to three times.
 */
const SAME_PRESS_MS = 250;
/** A command that ends takes no longer than this to leave things in order; then it goes as it is. */
const FAREWELL_MS = 20_000;

export interface Interrupt extends LoadSignals {
  /** Ctrl-C, SIGTERM or SIGHUP came. */
  readonly interrupted: boolean;
  /** As if a first one had come, without a word to the user. */
  drainNow(): void;
  /** Back to what signals do by default. */
  dispose(): void;
}

type Press = () => void;

/** Who gets the next press: the last one that listens. */
const listeners: Press[] = [];
const farewells = new Set<() => Promise<void>>();
let leaving = false;

/** From now on a signal reaches whoever listens; where nobody does, it ends the program in good order ({@link quit}). */
export function takeSignals(): void {
  let last = Number.NEGATIVE_INFINITY;
  const press = (): void => {
    const now = performance.now();
    if (now - last < SAME_PRESS_MS) return;
    last = now;
    (listeners.at(-1) ?? quit)();
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, press);
}

/** What has to be done before the program may end, by whatever signal; call the result to take it back. */
export function beforeQuitting(farewell: () => Promise<void>): () => void {
  farewells.add(farewell);
  return () => void farewells.delete(farewell);
}

/** Ends the program: sessions are broken off, so that the server rolls back, and servers of ours are stopped. */
export function quit(): void {
  if (leaving) process.exit(EXIT.interrupted);
  leaving = true;
  listeners.length = 0;
  void leave().finally(() => process.exit(EXIT.interrupted));
}

/** {@link quit} is at work: what fails now fails because of it. */
export function isQuitting(): boolean {
  return leaving;
}

async function leave(): Promise<void> {
  const { breakAllSessions } = await import('../../database/connect.ts');
  breakAllSessions();
  const done = Promise.allSettled([...farewells].map((farewell) => farewell()));
  await Promise.race([done, pause(FAREWELL_MS)]);
}

/** Has presses go to `press` until the result is called. */
export function onPress(press: Press): () => void {
  listeners.push(press);
  return () => {
    const at = listeners.lastIndexOf(press);
    if (at !== -1) listeners.splice(at, 1);
  };
}

/**
 * Listens until disposed. `onDrain` and `onAbort` say so to the user; whoever cannot be aborted from within leaves
 * `onAbort` away: the second press then ends the program.
 */
export function listenForInterrupt(onDrain: () => void, onAbort: () => void = quit): Interrupt {
  const drain = new AbortController();
  const abort = new AbortController();
  const press = (): void => {
    if (!drain.signal.aborted) {
      // Whoever drains tells first what is at work right now; what the user is told goes by that.
      drain.abort();
      onDrain();
    } else if (!abort.signal.aborted) {
      onAbort();
      abort.abort();
    } else {
      quit();
    }
  };
  const dispose = onPress(press);
  return {
    drain: drain.signal,
    abort: abort.signal,
    get interrupted() {
      return drain.signal.aborted;
    },
    drainNow: () => drain.abort(),
    dispose,
  };
}
