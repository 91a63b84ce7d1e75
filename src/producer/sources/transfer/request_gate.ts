/**
 * How many requests this process has open at a time: halved when a server says "slow down", then one more each
 * second (additive increase, multiplicative decrease, as TCP does).
 *
 * The count is one for the whole process, worker threads included, because it is the process a server slows down:
 * it lies in shared memory that `worker_threads`' environment data hands to every thread started after the first
 * use. A thread that dies with places in hand gives them back by no longer touching them.
 */

import { getEnvironmentData, isMainThread, setEnvironmentData } from 'node:worker_threads';
import { pause } from '../../../base/pause.ts';
import { abortError } from '../../../faults/file_fault.ts';
import { positiveInteger } from './transfer_limits.ts';

/** Also the number of places, so the most any setting can allow. */
const MOST_PLACES = 256;
const DEFAULT_PLACES = 64;
/** A burst of refusals to requests that were under way together is one refusal. */
const BURST_MS = 1_000;
const CLIMB_MS = 1_000;
/** Below this age a place is its holder's; a thread may well be busy for seconds between two touches. */
const ABANDONED_MS = 60_000;
const TOUCH_MS = 500;
/** A holder whose reader has not asked for more in this time gives its place away. */
const UNREAD_MS = 1_000;
const POLL_MS = 20;

const LIMIT = 0;
const SLOWED_AT = 1;
const FIRST_PLACE = 2;
const NEVER = -1_000_000;

/** A place held. Leave it when the request is over. */
export interface Place {
  /** The reader has been given bytes and has not come back for more: time in its hands is not the server's. */
  handingOver(): void;
  /** The reader came back. */
  takenUp(): void;
  /** May be called twice. */
  leave(): void;
}

/** Shared memory for a {@link RequestGate}: limit, when it was last lowered, and a touch stamp for each place. */
export function newGateMemory(places: number): SharedArrayBuffer {
  const memory = new SharedArrayBuffer((FIRST_PLACE + MOST_PLACES) * 4);
  const cells = new Int32Array(memory);
  cells[LIMIT] = Math.min(MOST_PLACES, places);
  cells[SLOWED_AT] = NEVER;
  return memory;
}

export class RequestGate {
  readonly #cells: Int32Array;
  readonly #most: number;
  readonly #held = new Set<HeldPlace>();
  readonly #nowMs: () => number;
  #touching: NodeJS.Timeout | null = null;

  /** `nowMs` is a clock all threads share; it stays below 2^31 for 24 days from the start of the process. */
  constructor(memory: SharedArrayBuffer, places: number, nowMs: () => number = sinceProcessStart) {
    this.#cells = new Int32Array(memory);
    this.#most = Math.min(MOST_PLACES, places);
    this.#nowMs = nowMs;
  }

  /** How many requests may be open now. */
  limit(): number {
    const since = this.#now() - Atomics.load(this.#cells, SLOWED_AT);
    return Math.min(this.#most, Atomics.load(this.#cells, LIMIT) + Math.floor(since / CLIMB_MS));
  }

  /** How many are. */
  open(): number {
    let open = 0;
    for (let i = 0; i < MOST_PLACES; i++) if (this.#taken(i)) open += 1;
    return open;
  }

  /** Waits for a place. Fault `interrupted` when aborted. */
  async enter(signal?: AbortSignal): Promise<Place> {
    for (;;) {
      if (signal?.aborted) throw abortError(signal);
      const place = this.#tryEnter();
      if (place !== null) return place;
      await pause(POLL_MS * (0.5 + Math.random()), signal);
    }
  }

  /** A server asked for fewer requests. */
  slowDown(): void {
    const now = this.#now();
    const before = Atomics.load(this.#cells, SLOWED_AT);
    if (now - before < BURST_MS) return;
    const halved = Math.max(1, Math.floor(Math.min(this.limit(), this.open() + 1) / 2));
    if (Atomics.compareExchange(this.#cells, SLOWED_AT, before, now) === before) {
      Atomics.store(this.#cells, LIMIT, halved);
    }
  }

  /** Only the first `limit` places can be taken, so no race lets in more; nor while holders from before sit behind. */
  #tryEnter(): Place | null {
    const limit = this.limit();
    if (this.open() >= limit) return null;
    for (let i = 0; i < limit; i++) {
      if (this.#taken(i)) continue;
      const cell = FIRST_PLACE + i;
      const before = Atomics.load(this.#cells, cell);
      const stamp = this.#now();
      if (this.#taken(i) || Atomics.compareExchange(this.#cells, cell, before, stamp) !== before) continue;
      return this.#hold(cell, stamp);
    }
    return null;
  }

  #taken(place: number): boolean {
    const stamp = Atomics.load(this.#cells, FIRST_PLACE + place);
    return stamp !== 0 && this.#now() - stamp < ABANDONED_MS;
  }

  #hold(cell: number, stamp: number): Place {
    const place = new HeldPlace(this.#cells, cell, stamp, this.#nowMs, () => this.#held.delete(place));
    this.#held.add(place);
    this.#touching ??= setInterval(() => this.#touch(), TOUCH_MS).unref();
    return place;
  }

  #touch(): void {
    const now = this.#now();
    for (const place of this.#held) place.touch(now);
    if (this.#held.size > 0 || this.#touching === null) return;
    clearInterval(this.#touching);
    this.#touching = null;
  }

  /** Never 0, which means "free". */
  #now(): number {
    return Math.max(1, Math.floor(this.#nowMs()));
  }
}

class HeldPlace implements Place {
  readonly #cells: Int32Array;
  readonly #cell: number;
  readonly #nowMs: () => number;
  readonly #gone: () => void;
  #stamp: number;
  #handedOverMs: number | null = null;

  constructor(cells: Int32Array, cell: number, stamp: number, nowMs: () => number, gone: () => void) {
    this.#cells = cells;
    this.#cell = cell;
    this.#stamp = stamp;
    this.#nowMs = nowMs;
    this.#gone = gone;
  }

  handingOver(): void {
    this.#handedOverMs = this.#nowMs();
  }

  takenUp(): void {
    this.#handedOverMs = null;
  }

  touch(now: number): void {
    // A reader may wait for another task, which may be waiting for this very place.
    if (this.#handedOverMs !== null && now - this.#handedOverMs > UNREAD_MS) {
      this.leave();
      return;
    }
    if (Atomics.compareExchange(this.#cells, this.#cell, this.#stamp, now) === this.#stamp) this.#stamp = now;
  }

  leave(): void {
    // Compared, because a place given up for abandoned may be another's by now.
    if (this.#stamp !== 0) Atomics.compareExchange(this.#cells, this.#cell, this.#stamp, 0);
    this.#stamp = 0;
    this.#gone();
  }
}

const STARTED = 'backhaul.request-gate.started-ms';
const MEMORY = 'backhaul.request-gate.memory';

/** `performance.now()` counts from a thread's start and `Date.now()` jumps; this does neither. */
function sinceProcessStart(): number {
  return monotonicMs() - startedMs;
}

function monotonicMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1000 + nanoseconds / 1e6;
}

let startedMs = 0;
let gate: RequestGate | null = null;

/** The gate of this process. */
export function requestGate(): RequestGate {
  if (gate !== null) return gate;
  const places = positiveInteger('BACKHAUL_MAX_REQUESTS') ?? DEFAULT_PLACES;
  let memory = getEnvironmentData(MEMORY) as SharedArrayBuffer | undefined;
  startedMs = (getEnvironmentData(STARTED) as number | undefined) ?? monotonicMs();
  if (memory === undefined) {
    memory = newGateMemory(places);
    if (isMainThread) {
      setEnvironmentData(MEMORY, memory as unknown as Parameters<typeof setEnvironmentData>[1]);
      setEnvironmentData(STARTED, startedMs);
    }
  }
  gate = new RequestGate(memory, places);
  return gate;
}
