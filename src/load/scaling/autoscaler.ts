/** Finds the number of workers while a load runs: looks once a second, asks `scaling.ts`, moves the limit. */

import type { Pool } from 'pg';
import type { PhaseSeconds } from '../../workers/link/messages.ts';
import type { WorkerPool } from '../../workers/pool.ts';
import type { ConcurrencyLimit } from './concurrency.ts';
import { Machine, type MachineSample, memoryLimit, usableCores } from './host_load.ts';
import { type Files, MEMORY_LIMIT, Scaling, type ScalingDecision } from './scaling.ts';

/** Memory a worker takes: its batches, its buffers, its heap. Measured in `bench`: 60 to 90 MB. */
const WORKER_BYTES = 100e6;
/** More than this many a core gain nothing even where each of them mostly waits. */
const WORKERS_A_CORE = 16;
const LEAST_CEILING = 32;
/** Connections of the server that are left to others, besides those of the load itself. */
const SPARE_CONNECTIONS = 5;

/** Bounds of `--workers auto`, and the process of a local server by which its CPU is told from that of others. */
export interface AutoBounds {
  readonly start: number;
  readonly ceiling: number;
  readonly backendPid: number | null;
}

/** Asks the machine and the server how many workers there may be. `connections`: those the load uses besides. */
export async function autoBounds(db: Pool, connections: number): Promise<AutoBounds> {
  const { rows } = await db.query<{ free: number; pid: number; local: boolean }>(
    `SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
       - (SELECT count(*)::int FROM pg_stat_activity WHERE backend_type = 'client backend') AS free,
       pg_backend_pid() AS pid,
       inet_server_addr() IS NULL OR inet_server_addr() <<= '127.0.0.0/8' OR inet_server_addr() = '::1' AS local`,
  );
  const { free, pid, local } = rows[0]!;
  const cores = usableCores();
  const room = Math.floor(
    (MEMORY_LIMIT * memoryLimit() - (memoryLimit() - process.availableMemory())) / WORKER_BYTES,
  );
  const ceiling = Math.max(
    1,
    Math.min(Math.max(LEAST_CEILING, WORKERS_A_CORE * cores), room, free - connections - SPARE_CONNECTIONS),
  );
  return {
    start: Math.min(ceiling, Math.max(1, Math.floor(cores))),
    ceiling,
    backendPid: local ? pid : null,
  };
}

/** Records read and seconds waited by all tasks of a run so far. */
export interface MeterTotals {
  readonly records: number;
  readonly waits: PhaseSeconds;
}

/** Watches a run and sets its limit, a look a second. */
export class Autoscaler {
  readonly #limit: ConcurrencyLimit;
  readonly #meter: { readonly totals: MeterTotals };
  readonly #pool: WorkerPool;
  readonly #scaling: Scaling;
  readonly #machine: Machine;
  readonly #running: () => number;
  readonly #decided: (decision: ScalingDecision, before: number) => void;
  #stopped = false;
  #latest: MachineSample | null = null;

  constructor(parts: {
    readonly limit: ConcurrencyLimit;
    readonly meter: { readonly totals: MeterTotals };
    readonly pool: WorkerPool;
    readonly bounds: AutoBounds;
    readonly cpuTarget: number;
    /** Tasks at work. */
    readonly running: () => number;
    readonly decided: (decision: ScalingDecision, before: number) => void;
  }) {
    const { bounds, cpuTarget } = parts;
    this.#limit = parts.limit;
    this.#meter = parts.meter;
    this.#pool = parts.pool;
    this.#running = parts.running;
    this.#decided = parts.decided;
    this.#scaling = new Scaling({ start: bounds.start, ceiling: bounds.ceiling, cpuTarget });
    this.#machine = new Machine(bounds.backendPid);
  }

  /** What was seen of the machine last; null before the first look, and with a number of workers that was given. */
  get machine(): MachineSample | null {
    return this.#latest;
  }

  /** Before the first file is begun. */
  begin(files: Files): void {
    this.#decide(this.#scaling.begin(files, usableCores()));
  }

  /** Goes on until {@link stop}. */
  async run(): Promise<void> {
    await this.#machine.open();
    let before = this.#meter.totals;
    this.#pool.utilisation();
    while (!this.#stopped) {
      const machine = await this.#machine.sample();
      this.#latest = machine;
      const totals = this.#meter.totals;
      const utilisation = this.#pool.utilisation();
      const running = this.#running();
      // Nothing has begun yet: nothing was measured.
      if (this.#stopped || totals.records === 0 || running === 0) continue;
      const decision = this.#scaling.observe({
        ...machine,
        records: totals.records - before.records,
        running,
        utilisation,
        waits: {
          source: totals.waits.source - before.waits.source,
          copy: totals.waits.copy - before.waits.copy,
          lane: totals.waits.lane - before.waits.lane,
        },
      });
      before = totals;
      this.#decide(decision);
    }
  }

  #decide(decision: ScalingDecision | null): void {
    if (decision === null || decision.workers === this.#limit.value) return;
    this.#decided(decision, this.#limit.value);
    this.#limit.set(decision.workers);
  }

  stop(): void {
    this.#stopped = true;
  }
}
