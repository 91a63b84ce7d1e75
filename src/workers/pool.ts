import type { EventLoopUtilization } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { MessageChannel } from 'node:worker_threads';
import { Piscina } from 'piscina';
import type { Assignment } from './link/assignment.ts';
import type { LinkHandler } from './link/main_link.ts';
import { MainLink } from './link/main_link.ts';
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

/** A running attempt, as the main thread sees it. */
export interface Running {
  readonly link: MainLink;
  readonly result: Promise<TaskResult>;
}

/**
 * Worker threads, one task each at a time. How many tasks run at once is decided outside: Piscina cannot change its
 * own limit, so its `maxThreads` is only the ceiling and whoever calls {@link WorkerPool.start} keeps the count.
 */
export class WorkerPool {
  readonly #pool: Piscina<Assignment, TaskResult>;
  readonly #seen = new WeakMap<object, EventLoopUtilization>();

  /** `warm`: threads that are started at once and stay, for the tasks that are about to come. */
  constructor(warm = 0) {
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
    const { port1, port2 } = new MessageChannel();
    const link = new MainLink(port1, handler);
    const result = this.#pool
      .run({ ...assignment, port: port2 }, { transferList: [port2] })
      .finally(() => link.close());
    return { link, result };
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

  /** Ends every thread; what still runs is cut off, its transaction rolled back by the server. */
  async destroy(): Promise<void> {
    await this.#pool.destroy();
  }
}
