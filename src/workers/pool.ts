/** The threads of a load: started, given tasks, kept for the next load for a while, ended. */

import type { EventLoopUtilization } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { Piscina } from 'piscina';
import { requestGate } from '../producer/sources/transfer/request_gate.ts';
import type { Assignment } from './link/assignment.ts';
import type { LinkHandler } from './link/main_link.ts';
import { MainLink } from './link/main_link.ts';
import type { PoolWord, ThreadResult } from './link/pool_word.ts';
import type { TaskResult } from './link/task_result.ts';

/** Threads there may be at most, whatever is asked for. */
export const MAX_WORKERS = 512;
/**
 * Half of a thread's nursery. One that begins with 1 MB, as V8 has it, is collected 3 to 4 times a day file and drops
 * so much into the old generation that this is collected too: with 8 MB two workers are 4 % faster (20 day files,
 * bench without a database), with 16 MB no more than that.
 */
const SEMI_SPACE_MB = 8;
/** Two halves, and as much again where V8 keeps what is large. */
const YOUNG_MB = 3 * SEMI_SPACE_MB;
/** An idle thread lives this long: long enough to meet the next task, short enough to follow a smaller limit. */
const IDLE_MS = 2_000;
/** How long threads have to end by themselves when the pool is closed. */
const CLOSE_MS = 10_000;
/** How long what a load leaves is kept for the next load of this process. */
const KEPT_MS = 10_000;
/** Pools kept at most: loads that were at work at the same time, and ended at the same time, leave several. */
const KEPT_POOLS = 2;
/** How long threads have to part with what belongs to a load; a thread closes its session, at the worst, in 5 s. */
const PART_MS = 6_000;

/** A running attempt, as the main thread sees it. */
export interface Running {
  readonly link: MainLink;
  readonly result: Promise<TaskResult>;
}

/** The assignment with the worker's end of a link; whoever has the other closes it. */
export function linkedTo(
  assignment: Omit<Assignment, 'port'>,
  handler: LinkHandler,
  met?: (thread: number, line: MessagePort) => void,
): { readonly link: MainLink; readonly linked: Assignment } {
  const { port1, port2 } = new MessageChannel();
  return { link: new MainLink(port1, handler, met), linked: { ...assignment, port: port2 } };
}

/** Pools without work, the one left last at the end. */
const waiting: { readonly pool: WorkerPool; readonly timer: NodeJS.Timeout }[] = [];

/** What a thread is made with, and keeps: threads made with something else are no use. */
function makingOf(warm: number): string {
  return JSON.stringify([warm, process.execArgv, Object.entries(process.env).sort()]);
}

/**
 * Worker threads, one task each at a time. How many tasks run at once is decided outside: Piscina cannot change its
 * own limit, so its `maxThreads` is only the ceiling and whoever calls {@link WorkerPool.start} keeps the count.
 */
export class WorkerPool {
  readonly #pool: Piscina<Assignment, ThreadResult>;
  readonly #seen = new WeakMap<object, EventLoopUtilization>();
  readonly #making: string;
  /** To each thread that has had a task. (A broadcast channel makes events of the web, which cost a thread 35 ms to load.) */
  readonly #lines = new Map<number, MessagePort>();
  /** Threads that may hold something of the load's. */
  readonly #used = new Set<number>();
  #running = 0;
  /** A thread has ended in the middle of a task. */
  #isBroken = false;
  #state: 'in use' | 'waiting' | 'ended' = 'in use';

  /** A pool that a load of this process has left a moment ago, its threads started; otherwise a new one. */
  static take(warm: number): WorkerPool {
    const making = makingOf(warm);
    const index = waiting.findLastIndex(({ pool }) => pool.#making === making);
    if (index < 0) return new WorkerPool(warm);
    const [{ pool, timer }] = waiting.splice(index, 1) as [(typeof waiting)[number]];
    clearTimeout(timer);
    pool.#state = 'in use';
    return pool;
  }

  /** `warm`: threads that are started at once and stay, for the tasks that are about to come. */
  constructor(warm = 0) {
    this.#making = makingOf(warm);
    // Threads get it when they are made: one gate for all of the process, whatever the first load reads.
    requestGate();
    // `.ts` in a checkout, `.js` in the published package.
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
    // Flags are inherited, and not looked at, unless they are named; this one would be for the thread's own file.
    const isInput = process.execArgv.some((flag) => flag.startsWith('--input-type'));
    // What may be told a thread alone is the most; the flag holds for threads started from here on.
    setFlagsFromString(`--min-semi-space-size=${SEMI_SPACE_MB}`);
    this.#pool = new Piscina({
      filename: fileURLToPath(new URL('../../bin/worker.js', import.meta.url)),
      argv: [new URL(`./task_worker.${extension}`, import.meta.url).href],
      minThreads: Math.min(warm, MAX_WORKERS),
      maxThreads: MAX_WORKERS,
      idleTimeout: IDLE_MS,
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB },
      // 'sync', the default, blocks a worker's event loop between tasks: its connection could not even close.
      atomics: 'disabled',
      closeTimeout: CLOSE_MS,
      ...(isInput ? { execArgv: process.execArgv.filter((flag) => !flag.startsWith('--input-type')) } : {}),
    });
  }

  start(assignment: Omit<Assignment, 'port'>, handler: LinkHandler): Running {
    const { link, linked } = linkedTo(assignment, handler, (thread, line) => {
      this.#lines.set(thread, line);
      line.on('close', () => this.#lines.delete(thread));
    });
    return { link, result: this.#run(linked).finally(() => link.close()) };
  }

  async #run(assignment: Assignment): Promise<TaskResult> {
    this.#running++;
    try {
      const { thread, result } = await this.#pool.run(assignment, { transferList: [assignment.port] });
      this.#used.add(thread);
      return result;
    } catch (error) {
      this.#isBroken = true;
      throw error;
    } finally {
      this.#running--;
    }
  }

  /** Mean share of the time since the last call that the threads' event loops were busy, 0 … 1; 1 without threads. */
  utilisation(): number {
    let sum = 0;
    let count = 0;
    for (const thread of this.#pool.threads) {
      const now = thread.performance.eventLoopUtilization();
      const since = thread.performance.eventLoopUtilization(now, this.#seen.get(thread));
      this.#seen.set(thread, now);
      if (since.idle + since.active <= 0) continue;
      sum += since.utilization;
      count++;
    }
    return count === 0 ? 1 : sum / count;
  }

  /**
   * The end of a load: its threads part with all that is its own, sessions first, and wait a while for another load.
   * What still runs is cut off, all threads ended, and its transactions rolled back by the server.
   */
  async leave(): Promise<void> {
    if (this.#state !== 'in use') return;
    if (this.#running > 0 || this.#isBroken || !(await this.#part())) return this.destroy();
    this.#state = 'waiting';
    const timer = setTimeout(() => {
      waiting.splice(
        waiting.findIndex(({ pool }) => pool === this),
        1,
      );
      void this.destroy();
    }, KEPT_MS);
    timer.unref();
    waiting.push({ pool: this, timer });
    if (waiting.length <= KEPT_POOLS) return;
    const [oldest] = waiting.splice(0, 1) as [(typeof waiting)[number]];
    clearTimeout(oldest.timer);
    await oldest.pool.destroy();
  }

  /** Whether every thread has parted with what belongs to the load; one that has ended has. */
  async #part(): Promise<boolean> {
    const threads = this.#pool.threads.map(({ threadId }) => threadId);
    const left = new Set(threads.filter((thread) => this.#used.has(thread)));
    this.#used.clear();
    if (left.size === 0) return true;
    return new Promise((resolve) => {
      const late = setTimeout(() => resolve(false), PART_MS);
      const parted = (thread: number): void => {
        left.delete(thread);
        if (left.size > 0) return;
        clearTimeout(late);
        resolve(true);
      };
      for (const thread of [...left]) {
        const line = this.#lines.get(thread);
        const closed = (): void => parted(thread);
        line?.once('message', (_: PoolWord) => {
          // Nothing else is said on it: until there is, it keeps no program alive.
          line.unref();
          // The thread goes from load to load, and its line with it.
          line.off('close', closed);
          parted(thread);
        });
        line?.once('close', closed);
        line?.postMessage('part' satisfies PoolWord);
      }
    });
  }

  /** Ends every thread; what still runs is cut off, its transaction rolled back by the server. */
  async destroy(): Promise<void> {
    this.#state = 'ended';
    for (const line of this.#lines.values()) line.close();
    await this.#pool.destroy();
  }
}
