/** One load under way: its dispatcher, its workers, what it tells, and its end. */

import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Pool } from 'pg';
import { killPoint } from '../base/kill_points.ts';
import { breakPool } from '../database/connect.ts';
import { faultOf } from '../faults/classify.ts';
import { CHECKPOINT_INTERVALS } from '../indicators/checkpoints.ts';
import { compress } from '../state/leaves/compress.ts';
import { Partitions } from '../state/leaves/partitions.ts';
import { finishRun } from '../state/runs/run_store.ts';
import { noteLive } from '../state/runs/watching.ts';
import { isHypertable } from '../state/schema/migrate.ts';
import type { NodeSessions } from '../state/schema/node_statements.ts';
import { pruneStates } from '../state/series/indicator_states.ts';
import { unfinished } from '../state/tasks/lane_standing.ts';
import { MAX_WORKERS, type WorkerPool } from '../workers/pool.ts';
import { acrossRestarts, type Patience, unlessAborted } from '../workers/restarts.ts';
import { Dispatcher } from './dispatcher.ts';
import type { LoadOptions, LoadReporter, LoadSignals, LoadSummary } from './load_events.ts';
import { LoadMeter } from './load_meter.ts';
import type { RunSession } from './run_session.ts';
import type { RunTally } from './run_tally.ts';
import { type AutoBounds, Autoscaler, autoBounds } from './scaling/autoscaler.ts';
import { ConcurrencyLimit, Followers } from './scaling/concurrency.ts';
import { usableCores } from './scaling/host_load.ts';
import { SharedRun, workOf } from './shared_run.ts';
import type { TaskFeed } from './task_feed.ts';
import { settingsOf } from './worker_settings.ts';

const PROGRESS_MS = 250;

/** How often a run's word of itself is left in the database, for whoever watches from elsewhere. */
const LIVE_MS = 2_000;

/** An abort gives a server that does not answer no longer than this: then the sessions are broken off. */
const ABORT_MS = 5_000;

/** Between two words on why the database is waited for. */
const WAITS_TOLD_MS = 10_000;

/** Connections of the control plane. */
export const CONTROL_CONNECTIONS = 8;

/** Says why the database is waited for: once for all that wait for the same. */
export function tellingWaits(reporter: LoadReporter): Patience['waiting'] {
  let toldAt = Number.NEGATIVE_INFINITY;
  return ({ message, found }) => {
    const isNew = performance.now() - toldAt > WAITS_TOLD_MS;
    toldAt = performance.now();
    const why = found === undefined ? message : `${message} ${found}`;
    if (isNew) reporter({ type: 'note', level: 'warning', message: `waiting for the database: ${why}` });
  };
}

/** A number of workers the user has chosen. */
function fixed(workers: number): AutoBounds {
  return { start: workers, ceiling: workers, backendPid: null };
}

/** What a run is of. */
export interface RunParts {
  readonly options: LoadOptions;
  readonly reporter: LoadReporter;
  readonly signals: LoadSignals;
  readonly tally: RunTally;
  readonly feed: TaskFeed;
  readonly db: Pool;
  readonly session: RunSession;
  readonly pool: WorkerPool;
  readonly nodes: NodeSessions | null;
}

/** What it works with once it has begun. */
interface AtWork {
  readonly runId: number;
  readonly shared: SharedRun;
  readonly partitions: Partitions;
  readonly dispatcher: Dispatcher;
  readonly scaler: Autoscaler;
  /** Finds the number of workers where the user has chosen one; `auto` has the scaler. */
  readonly followers: Followers | null;
  readonly meter: LoadMeter;
  readonly bounds: AutoBounds;
}

export class Run {
  readonly #options: LoadOptions;
  readonly #reporter: LoadReporter;
  readonly #signals: LoadSignals;
  readonly #tally: RunTally;
  readonly #feed: TaskFeed;
  readonly #db: Pool;
  readonly #session: RunSession;
  readonly #pool: WorkerPool;
  readonly #nodes: NodeSessions | null;
  /** A drain has taken longer than it may. */
  readonly #overdue = new AbortController();
  /** Whatever cuts the run off. */
  readonly #abort: AbortSignal;
  readonly #patience: Patience;
  #phase: 'load' | 'finish' = 'load';

  constructor({ options, reporter, signals, tally, feed, db, session, pool, nodes }: RunParts) {
    this.#options = options;
    this.#reporter = reporter;
    this.#signals = signals;
    this.#tally = tally;
    this.#feed = feed;
    this.#db = db;
    this.#session = session;
    this.#pool = pool;
    this.#nodes = nodes;
    this.#abort = AbortSignal.any([signals.abort, session.lost, this.#overdue.signal]);
    this.#patience = { leaseMs: options.leaseMs, signal: this.#abort, waiting: tellingWaits(reporter) };
  }

  async execute(): Promise<LoadSummary> {
    const { drain } = this.#signals;
    const atWork = await this.#begin();
    const { runId, shared, dispatcher, scaler } = atWork;
    const endTelling = this.#tell(atWork);
    const endLimits = this.#limitEnds(() => this.#tick(atWork));
    let state: 'finished' | 'failed' | 'interrupted' = 'failed';
    try {
      await this.#loadAll(atWork);
      state = drain.aborted ? 'interrupted' : 'finished';
      const own = this.#tally.summary(runId, drain.aborted);
      if (drain.aborted) return own;
      return await shared.whole(own, this.#tally.share(), AbortSignal.any([drain, this.#abort]));
    } catch (error) {
      if (this.#signals.abort.aborted || this.#overdue.signal.aborted) {
        state = 'interrupted';
        return this.#tally.summary(runId, true);
      }
      throw error;
    } finally {
      scaler.stop();
      endTelling();
      this.#feed.stop();
      // Whoever interrupts does not wait for the farewells of sessions.
      await (state === 'finished' ? this.#pool.leave() : this.#pool.destroy());
      await dispatcher.releaseLeft().catch(() => {});
      killPoint('run.finishing');
      await finishRun(this.#db, runId, state, this.#tally.audit()).catch(() => {});
      killPoint('run.finished');
      endLimits();
    }
  }

  /** Puts the run on record, alone or with others that load the same, and makes what it works with. */
  async #begin(): Promise<AtWork> {
    const { workers, cpuTarget, leaseMs } = this.#options;
    const hypertable = await acrossRestarts(this.#patience, () => isHypertable(this.#db));
    const signals = { drain: this.#signals.drain, abort: this.#abort };
    const partitions = new Partitions(this.#db, hypertable, signals);
    const bounds =
      workers === 'auto'
        ? await acrossRestarts(this.#patience, () => autoBounds(this.#db, CONTROL_CONNECTIONS + 1))
        : fixed(Math.min(workers, MAX_WORKERS));
    const limit = new ConcurrencyLimit(Math.min(bounds.start, usableCores()));
    const followers = workers === 'auto' ? null : new Followers(limit, bounds.start);
    const meter = new LoadMeter();
    const { runId, owner, shared } = await this.#record();
    killPoint('run.started');
    const dispatcher = new Dispatcher({
      db: this.#db,
      pool: this.#pool,
      partitions,
      settings: settingsOf(this.#options, hypertable, this.#nodes),
      owner,
      leaseMs,
      limit,
      events: meter.listening(this.#tally.events(limit)),
    });
    limit.onChange(() => dispatcher.nudge());
    this.#session.onResumed(() => dispatcher.recover());
    const scaler = new Autoscaler({
      limit,
      meter,
      pool: this.#pool,
      bounds,
      cpuTarget,
      running: () => dispatcher.running,
      decided: ({ workers, reason }, before) => this.#tally.decision(workers, before, reason),
    });
    this.#tally.watchCpu(() => {
      const seen = scaler.machine;
      if (seen === null) return null;
      return { cores: seen.cores, loader: seen.own, server: seen.server, host: seen.busy };
    });
    if (workers === 'auto')
      void scaler.run().catch((error: unknown) => {
        const message = `the number of workers stays as it is: ${faultOf(error).message}`;
        this.#reporter({ type: 'note', level: 'warning', message });
      });
    return { runId, shared, partitions, dispatcher, scaler, followers, meter, bounds };
  }

  async #record(): Promise<{ readonly runId: number; readonly owner: string; readonly shared: SharedRun }> {
    // A fill goes by gaps, which only its own command knows. Loads of what is newer want the same or, the later they
    // begin, less: what the first one's listing has found serves them all.
    const isOfItsOwn = this.#feed.isSelective && this.#options.incremental !== true;
    const work = isOfItsOwn ? null : workOf(this.#options, this.#feed.uris);
    const { runId, owner } = await acrossRestarts(this.#patience, async () => {
      // Another one each time: the run of a try whose answer was lost is found dead, and its owner with it.
      const fresh = randomUUID();
      const options = { ...this.#options, databaseUrl: undefined };
      const run = { owner: fresh, command: 'load', options, host: hostname(), work };
      return { owner: fresh, runId: await this.#session.start(run) };
    });
    const shared = await SharedRun.of(this.#db, runId, this.#patience, this.#options.reload === true);
    if (shared.runId !== runId)
      this.#reporter({
        type: 'note',
        level: 'info',
        message: `joins run ${shared.runId}: it loads the same`,
      });
    return { runId, owner, shared };
  }

  /** Loads all there is, until a drain ends it. */
  async #loadAll({ runId, shared, partitions, dispatcher, scaler, bounds }: AtWork): Promise<void> {
    const { drain } = this.#signals;
    const nudge = (): void => dispatcher.nudge();
    const discovering = this.#feed.run(this.#db, runId, shared, drain, this.#patience, nudge);
    discovering.catch(() => {}); // thrown below, once what it found is loaded
    await this.#feed.mayClaim();
    if (this.#feed.refusal !== null) throw this.#feed.refusal;
    if (this.#options.workers === 'auto')
      scaler.begin({ isRemote: this.#feed.isRemote, meanBytes: this.#tally.meanBytes });
    for (;;) {
      const { resumes } = this.#session;
      this.#phase = 'load';
      await dispatcher.run(() => this.#feed.done, drain, this.#abort);
      scaler.stop();
      await discovering;
      if (!drain.aborted) await acrossRestarts(this.#patience, () => this.#tidy(partitions, bounds.start));
      // A server that crashed meanwhile may have forgotten what was loaded last: that is loaded again.
      if (drain.aborted || (await unlessAborted(this.#session.secured(resumes), this.#abort)) === true) break;
      this.#abort.throwIfAborted();
      dispatcher.recover();
    }
    if (!drain.aborted) await acrossRestarts(this.#patience, () => this.#compress(drain));
  }

  #tick({ followers, dispatcher, meter }: AtWork): void {
    followers?.look(dispatcher.running, meter.totals.records);
    this.#tally.progress(this.#phase, dispatcher.running);
  }

  /** Tells how the run goes, here and to whoever watches from elsewhere, until the result is called. */
  #tell(atWork: AtWork): () => void {
    const { runId, dispatcher, scaler } = atWork;
    const ticking = setInterval(() => this.#tick(atWork), PROGRESS_MS);
    // A word that is lost is made up for by the next one.
    let noting = false;
    const note = (): void => {
      if (noting) return;
      noting = true;
      const progress = this.#tally.progressEvent(this.#phase, dispatcher.running);
      const live = {
        at: new Date().toISOString(),
        progress,
        audit: this.#tally.audit(),
        cpu: scaler.machine,
      };
      noteLive(this.#db, runId, live)
        .catch(() => {})
        .finally(() => {
          noting = false;
        });
    };
    const notingLive = setInterval(note, LIVE_MS);
    return () => {
      clearInterval(ticking);
      clearInterval(notingLive);
    };
  }

  /** Sees that a drain and an abort come to an end, until the result is called. `onDrain` is called first. */
  #limitEnds(onDrain: () => void): () => void {
    const { drain } = this.#signals;
    const abort = this.#abort;
    const timers: NodeJS.Timeout[] = [];
    const limitDrain = (): void => {
      onDrain();
      timers.push(setTimeout(() => this.#overdue.abort(), this.#options.drainMs));
    };
    const limitAbort = (): void => {
      timers.push(setTimeout(() => breakPool(this.#db), ABORT_MS));
    };
    drain.addEventListener('abort', limitDrain);
    abort.addEventListener('abort', limitAbort);
    if (drain.aborted) limitDrain();
    return () => {
      for (const timer of timers) clearTimeout(timer);
      drain.removeEventListener('abort', limitDrain);
      abort.removeEventListener('abort', limitAbort);
    };
  }

  /**
   * What is left to do once all files are loaded. Where keys are built, neither waits for the other; where none is, or
   * one, they share a session: to open another costs more than either.
   */
  async #tidy(partitions: Partitions, concurrency: number): Promise<void> {
    const bare = (await partitions.bare()).length;
    const giveKeys = (): Promise<void> =>
      bare === 0 ? Promise.resolve() : this.#giveKeys(partitions, concurrency);
    if (bare < 2) {
      await giveKeys();
      return this.#pruneStates();
    }
    const both = await Promise.allSettled([giveKeys(), this.#pruneStates()]);
    for (const one of both) if (one.status === 'rejected') throw one.reason;
  }

  async #pruneStates(): Promise<void> {
    await pruneStates(this.#db, this.#tally.seriesIds, CHECKPOINT_INTERVALS);
    killPoint('states.pruned');
  }

  /** Old bars go to the columnstore once nobody is at work: the last one out sees to it. */
  async #compress(signal: AbortSignal): Promise<void> {
    const { compressAfterS = null } = this.#options;
    if (compressAfterS === null || (await unfinished(this.#db)).running > 0) return;
    this.#phase = 'finish';
    this.#reporter(await compress(this.#db, { afterS: compressAfterS, dryRun: false, signal }));
  }

  /** Bare partitions, of which there are some, get their keys. Those another loader still writes to are left to it. */
  async #giveKeys(partitions: Partitions, concurrency: number): Promise<void> {
    const started = performance.now();
    this.#phase = 'finish';
    this.#tally.progress('finish', 0);
    await partitions.promoteAll(
      concurrency,
      ({ name, seconds }) => this.#reporter({ type: 'partition', name, state: 'standing', rows: 0, seconds }),
      false,
    );
    this.#tally.finishSeconds = (performance.now() - started) / 1000;
  }
}
