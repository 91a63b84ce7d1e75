/** The whole way of the data without a database: the worker pool, the lanes and the stages of a real load. */

import { faultOf } from '../faults/classify.ts';
import { BackhaulError } from '../faults/fault.ts';
import { STATE_LENGTH } from '../indicators/engine.ts';
import { Lanes } from '../load/lanes.ts';
import type { LoadOptions } from '../load/load_events.ts';
import { settingsOf } from '../load/worker_settings.ts';
import { openSource } from '../producer/open_source.ts';
import { discover } from '../producer/planning/discover.ts';
import type { PlannedTask } from '../producer/planning/found_task.ts';
import { NO_ROLE } from '../state/series/rollup_roles.ts';
import type { WorkerSettings } from '../workers/link/assignment.ts';
import type { Answers, Notice, Question } from '../workers/link/messages.ts';
import type { TaskResult } from '../workers/link/task_result.ts';
import { WorkerPool } from '../workers/pool.ts';

/** What a pass through the pipeline took. */
export interface PipelineRun {
  readonly workers: number;
  readonly records: number;
  readonly inflatedBytes: number;
  /** From the first file's first byte to the last row encoded. */
  readonly seconds: number;
  /** CPU of all threads of this program meanwhile. */
  readonly cpuSeconds: number;
  /** By symbol. */
  readonly seriesIds: ReadonlyMap<string, number>;
}

/** The tasks of `options.sources`, in the order of their lanes. */
export async function plannedTasks(options: LoadOptions, signal: AbortSignal): Promise<PlannedTask[]> {
  const sources = await Promise.all(
    options.sources.map((source) => openSource(source, options.sourceOptions)),
  );
  const tasks: PlannedTask[] = [];
  for await (const task of discover(sources, options, signal)) {
    if (task.plan === null) throw new BackhaulError(task.fault);
    tasks.push(task);
  }
  return tasks.sort((a, b) => (a.sequence ?? 0) - (b.sequence ?? 0) || (a.uri < b.uri ? -1 : 1));
}

/**
 * The way from a file's bytes to encoded rows, which go nowhere, or into files of `folder`, on `workers` threads. Ids of
 * series are given in the order in which they are met.
 */
export class Pipeline {
  readonly #pool = new WorkerPool();
  readonly #workers: number;
  readonly #settings: WorkerSettings;
  readonly #signal: AbortSignal;
  readonly #stop = (): void => void this.#pool.destroy();

  constructor(
    options: LoadOptions,
    workers: number,
    sink: Exclude<WorkerSettings['sink'], 'postgres'>,
    signal: AbortSignal,
  ) {
    this.#workers = workers;
    this.#settings = { ...settingsOf(options, false), sink };
    this.#signal = signal;
    signal.addEventListener('abort', this.#stop);
  }

  /** Starts the threads and has each of them run a task: what a thread has not run yet it runs slowly. */
  async warmUp(task: PlannedTask): Promise<void> {
    // Each for itself, as if its lane were its own.
    await this.#onEveryWorker(() => new MainThread().run(this.#pool, 1, task, this.#settings));
  }

  /** Runs tasks to the last row encoded. */
  async run(tasks: readonly PlannedTask[]): Promise<PipelineRun> {
    const started = performance.now();
    const cpu = process.cpuUsage();
    const main = new MainThread();
    let records = 0;
    let inflatedBytes = 0;
    const next = tasks.entries();
    await this.#onEveryWorker(async () => {
      for (const [index, task] of next) {
        this.#signal.throwIfAborted();
        const result = await main.run(this.#pool, index + 1, task, this.#settings);
        records += result.rows.loaded;
        inflatedBytes += result.inflatedBytes;
      }
    });
    const { user, system } = process.cpuUsage(cpu);
    return {
      workers: this.#workers,
      records,
      inflatedBytes,
      seconds: (performance.now() - started) / 1000,
      cpuSeconds: (user + system) / 1e6,
      seriesIds: main.seriesIds,
    };
  }

  async close(): Promise<void> {
    this.#signal.removeEventListener('abort', this.#stop);
    await this.#pool.destroy();
  }

  /** Has all workers do the same; an abort ends it with its reason. */
  async #onEveryWorker(work: () => Promise<unknown>): Promise<void> {
    this.#signal.throwIfAborted();
    try {
      await Promise.all(Array.from({ length: this.#workers }, work));
    } catch (error) {
      throw this.#signal.aborted ? this.#signal.reason : error;
    }
  }
}

/** What the dispatcher does for workers, without its tables. */
class MainThread {
  /** By symbol: all tasks of a benchmark have one venue and one interval. */
  readonly seriesIds = new Map<string, number>();
  readonly #lanes = new Lanes(STATE_LENGTH, async () => new Map());

  async run(
    pool: WorkerPool,
    taskId: number,
    task: PlannedTask,
    settings: WorkerSettings,
  ): Promise<Extract<TaskResult, { kind: 'loaded' }>> {
    const { uri, entry, etag, sizeBytes, plan, lane } = task;
    this.#lanes.enter({ taskId, lane, sequence: task.sequence ?? 0, uri, entry: entry ?? '' });
    const running = pool.start(
      {
        taskId,
        attempt: 1,
        uri,
        entry,
        etag,
        sizeBytes,
        plan,
        replaces: false,
        merge: false,
        settings,
        eventRevision: 0,
        knownSeries: null,
        rollups: NO_ROLE,
      },
      {
        answer: (question) => this.#answer(taskId, task, question),
        notice: (notice) => this.#notice(taskId, lane, notice),
        fault: faultOf,
      },
    );
    const result = await running.result;
    if (result.kind === 'loaded') {
      this.#lanes.commit(taskId, lane, false);
      return result;
    }
    throw new BackhaulError(
      result.kind === 'failed'
        ? result.fault
        : { kind: 'internal', message: 'the benchmark made a file whose rows are older than those before' },
    );
  }

  async #answer(
    taskId: number,
    { lane }: PlannedTask,
    question: Question,
  ): Promise<Answers[Question['kind']]> {
    switch (question.kind) {
      case 'series':
        return Int32Array.from(question.symbols, (symbol) => this.#id(symbol));
      case 'partitions':
      case 'company':
        return [];
      case 'states':
        await this.#lanes.states(taskId, lane, question.seriesIds, question.last, question.into);
        return null;
      case 'turn':
        await this.#lanes.turn(taskId, lane);
        return 0;
    }
  }

  #id(symbol: string): number {
    let id = this.seriesIds.get(symbol);
    if (id === undefined) {
      id = this.seriesIds.size + 1;
      this.seriesIds.set(symbol, id);
    }
    return id;
  }

  #notice(taskId: number, lane: string, notice: Notice): void {
    if (notice.kind !== 'publish') return;
    const { seriesIds, states, frontier, complete } = notice;
    this.#lanes.publish(taskId, lane, seriesIds, states, frontier, complete);
  }
}
