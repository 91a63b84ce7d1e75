import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Pool } from 'pg';
import { INDICATOR_NAMES } from '../bars/columns.ts';
import { killPoint } from '../base/kill_points.ts';
import { breakPool, createPool, endPool, namedConnectError, wasRefused } from '../database/connect.ts';
import { faultOf } from '../faults/classify.ts';
import { BackhaulError } from '../faults/fault.ts';
import { CHECKPOINT_INTERVALS } from '../indicators/checkpoints.ts';
import { INFLATE_LIMITS } from '../producer/archive/entry_stream.ts';
import type { SelectTask } from '../producer/planning/found_task.ts';
import { checkCompressible, compress } from '../state/leaves/compress.ts';
import { distribute } from '../state/leaves/distribute.ts';
import { Partitions } from '../state/leaves/partitions.ts';
import { finishRun } from '../state/runs/run_store.ts';
import { noteLive } from '../state/runs/watching.ts';
import { isDistributed, settlePrepared } from '../state/schema/distributed.ts';
import { isHypertable, migrate } from '../state/schema/migrate.ts';
import { readDerivations } from '../state/series/derivations.ts';
import { pruneStates } from '../state/series/indicator_states.ts';
import { unfinished } from '../state/tasks/lane_standing.ts';
import type { WorkerSettings } from '../workers/link/assignment.ts';
import { MAX_WORKERS, WorkerPool } from '../workers/pool.ts';
import { acrossRestarts, type Patience, unlessAborted } from '../workers/restarts.ts';
import { recordLimits } from './defaults.ts';
import { Dispatcher } from './dispatcher.ts';
import type { LoadOptions, LoadReporter, LoadSignals, LoadSummary } from './load_events.ts';
import { LoadMeter } from './load_meter.ts';
import { RunSession } from './run_session.ts';
import { RunTally } from './run_tally.ts';
import { type AutoBounds, Autoscaler, autoBounds } from './scaling/autoscaler.ts';
import { ConcurrencyLimit, Followers } from './scaling/concurrency.ts';
import { usableCores } from './scaling/host_load.ts';
import { SharedRun, workOf } from './shared_run.ts';
import { TaskFeed } from './task_feed.ts';

/** Defaults measured in `bench/`: larger batches gain nothing, smaller ones pay per message and per write. */
const BATCH_ROWS = 24_576;
const ROW_BYTES = 200;
const COPY_BYTES = 512 * 1024;
/** Some 90 MB of bars a worker at the most, without indicators. */
const SORT_ROWS = 1_000_000;
const PROGRESS_MS = 250;
/** How often a run's word of itself is left in the database, for whoever watches from elsewhere. */
const LIVE_MS = 2_000;
/** An abort gives a server that does not answer no longer than this: then the sessions are broken off. */
const ABORT_MS = 5_000;

/** Between two words on why the database is waited for. */
const WAITS_TOLD_MS = 10_000;

/** Threads started before there is anything to do; no more than cores, or they would hold up the first one. */
const WARM_WORKERS = 8;
/** Connections of the control plane. */
const CONTROL_CONNECTIONS = 8;

/** What the workers of a load go by. */
export function settingsOf(options: LoadOptions, hypertable: boolean): WorkerSettings {
  const { batchBytes } = options;
  return {
    databaseUrl: options.databaseUrl ?? '',
    hypertable,
    source: options.sourceOptions,
    batchRows:
      batchBytes === null ? BATCH_ROWS : Math.min(262_144, Math.max(64, Math.floor(batchBytes / ROW_BYTES))),
    copyBytes: COPY_BYTES,
    sortRows: SORT_ROWS,
    ...recordLimits(),
    inflate: options.inflate ?? INFLATE_LIMITS,
    indicators: INDICATOR_NAMES.map((name) => options.indicators.includes(name)),
    sink: 'postgres',
  };
}

/** Which of the tasks found are wanted, and what of them; null: all. Asked once the tables are up to date. */
export type Selection = (db: Pool) => Promise<SelectTask | null>;

/**
 * The main job: finds what the sources hold, puts it into the task table, and loads every task that is pending there.
 * Resolves with what was done, failures included; throws only when the run as a whole could not go on
 * (no database, a source that is not there, a bad layout file). `selection` is asked once, after the tables are up to
 * date, for which of the tasks found are wanted, and what of them; in a dry run without a database all are.
 */
export async function runLoad(
  options: LoadOptions,
  reporter: LoadReporter,
  signals: LoadSignals,
  selection: Selection | null = null,
): Promise<LoadSummary> {
  const tally = new RunTally(options, reporter);
  const feed = new TaskFeed(options, reporter, tally);
  // A path that is not there is said before anything is started or written.
  await feed.open(signals.drain);
  if (options.dryRun) {
    const db = options.databaseUrl === null ? null : createPool(options.databaseUrl, { max: 1 });
    try {
      if (db !== null && selection !== null && (await hasTable(db, 'tier'))) feed.select(await selection(db));
      await feed.dryRun(db !== null && (await hasTable(db, 'task')) ? db : null, signals.drain);
    } finally {
      await db?.end();
    }
    return tally.summary(null, signals.drain.aborted);
  }
  if (options.databaseUrl === null)
    throw new BackhaulError({ kind: 'usage', message: 'a load needs a database', hint: 'give --database' });
  // This session comes first, so that a server that is not there is named as such.
  const waiting = tellingWaits(reporter);
  const opening = { leaseMs: options.leaseMs, signal: signals.drain, waiting };
  const session = await RunSession.open(options.databaseUrl, opening);
  const db = createPool(options.databaseUrl, {
    applicationName: 'backhaul load',
    max: CONTROL_CONNECTIONS,
    // Its transactions take moments. Should we be frozen in one, others must not wait for its locks longer than for us.
    idleInTransactionTimeoutMs: options.leaseMs,
  });
  const giveUp = (): void => breakPool(db);
  session.lost.addEventListener('abort', giveUp);
  let pool: WorkerPool | null = null;
  try {
    // Threads take a quarter of a second to start: meanwhile tables and tasks are seen to.
    const most = options.workers === 'auto' ? WARM_WORKERS : Math.min(WARM_WORKERS, options.workers);
    pool = WorkerPool.take(Math.min(most, usableCores()));
    // Nothing is at work yet that could be finished: an interrupt ends it where it stands.
    signals.drain.addEventListener('abort', giveUp);
    const signal = AbortSignal.any([signals.drain, session.lost]);
    // Whoever is refused at the start is told so now; later, work that is under way is worth waiting for.
    await acrossRestarts({ ...opening, signal, isFinal: wasRefused }, async () => {
      if (signals.drain.aborted) throw interruptedEarly();
      await migrate(db);
      await seeToCluster(db, options, reporter);
      if (selection !== null) feed.select(await selection(db));
    }).catch((error: unknown) => {
      throw signals.drain.aborted ? interruptedEarly() : error;
    });
    signals.drain.removeEventListener('abort', giveUp);
    return await new Run(options, reporter, signals, tally, feed, db, session, pool).execute();
  } catch (error) {
    // Whatever failed then, this is why.
    throw session.lost.aborted ? session.lost.reason : namedConnectError(error, options.databaseUrl);
  } finally {
    signals.drain.removeEventListener('abort', giveUp);
    await pool?.leave();
    await session.close();
    await endPool(db);
  }
}

/** Says why the database is waited for: once for all that wait for the same. */
function tellingWaits(reporter: LoadReporter): Patience['waiting'] {
  let toldAt = Number.NEGATIVE_INFINITY;
  return ({ message, found }) => {
    const isNew = performance.now() - toldAt > WAITS_TOLD_MS;
    toldAt = performance.now();
    const why = found === undefined ? message : `${message} ${found}`;
    if (isNew) reporter({ type: 'note', level: 'warning', message: `waiting for the database: ${why}` });
  };
}

/** What a server with an extension asks for before a load begins. */
async function seeToCluster(db: Pool, options: LoadOptions, reporter: LoadReporter): Promise<void> {
  if (options.distribute === true)
    await distribute(db, {
      shards: null,
      dryRun: false,
      onStep: (message) => reporter({ type: 'note', level: 'info', message }),
    });
  if (await isDistributed(db)) await settlePrepared(db);
  if ((options.compressAfterS ?? null) !== null) await checkCompressible(db);
}

function interruptedEarly(): BackhaulError {
  return new BackhaulError({ kind: 'interrupted', message: 'Interrupted before anything was loaded.' });
}

/** Whether a table is there: a dry run makes none. */
async function hasTable(db: Pool, name: 'task' | 'tier'): Promise<boolean> {
  const { rows } = await db.query<{ there: boolean }>(`SELECT to_regclass($1) IS NOT NULL AS there`, [
    `backhaul.${name}`,
  ]);
  return rows[0]!.there;
}

/** A number of workers the user has chosen. */
function fixed(workers: number): AutoBounds {
  return { start: workers, ceiling: workers, backendPid: null };
}

class Run {
  readonly #options: LoadOptions;
  readonly #reporter: LoadReporter;
  readonly #signals: LoadSignals;
  readonly #tally: RunTally;
  readonly #feed: TaskFeed;
  readonly #db: Pool;
  readonly #session: RunSession;
  readonly #pool: WorkerPool;
  #phase: 'load' | 'finish' = 'load';

  constructor(
    options: LoadOptions,
    reporter: LoadReporter,
    signals: LoadSignals,
    tally: RunTally,
    feed: TaskFeed,
    db: Pool,
    session: RunSession,
    pool: WorkerPool,
  ) {
    this.#options = options;
    this.#reporter = reporter;
    this.#signals = signals;
    this.#tally = tally;
    this.#feed = feed;
    this.#db = db;
    this.#session = session;
    this.#pool = pool;
  }

  async execute(): Promise<LoadSummary> {
    const { drain } = this.#signals;
    const overdue = new AbortController();
    const abort = AbortSignal.any([this.#signals.abort, this.#session.lost, overdue.signal]);
    const { leaseMs } = this.#options;
    const patience: Patience = { leaseMs, signal: abort, waiting: tellingWaits(this.#reporter) };
    const hypertable = await acrossRestarts(patience, () => isHypertable(this.#db));
    const partitions = new Partitions(this.#db, hypertable, { drain, abort });
    const { workers, cpuTarget } = this.#options;
    const bounds =
      workers === 'auto'
        ? await acrossRestarts(patience, () => autoBounds(this.#db, CONTROL_CONNECTIONS + 1))
        : fixed(Math.min(workers, MAX_WORKERS));
    const limit = new ConcurrencyLimit(Math.min(bounds.start, usableCores()));
    // `auto` finds the number by itself.
    const followers = workers === 'auto' ? null : new Followers(limit, bounds.start);
    const pool = this.#pool;
    const meter = new LoadMeter();
    // A fill goes by gaps, which only its own command knows. Loads of what is newer want the same or, the later they
    // begin, less: what the first one's listing has found serves them all.
    const isOfItsOwn = this.#feed.isSelective && this.#options.incremental !== true;
    const work = isOfItsOwn ? null : workOf(this.#options, this.#feed.uris);
    const { runId, owner } = await acrossRestarts(patience, async () => {
      // Another one each time: the run of a try whose answer was lost is found dead, and its owner with it.
      const fresh = randomUUID();
      const options = { ...this.#options, databaseUrl: undefined };
      const run = { owner: fresh, command: 'load', options, host: hostname(), work };
      return { owner: fresh, runId: await this.#session.start(run) };
    });
    const shared = await SharedRun.of(this.#db, runId, patience, this.#options.reload === true);
    if (shared.runId !== runId)
      this.#reporter({
        type: 'note',
        level: 'info',
        message: `joins run ${shared.runId}: it loads the same`,
      });
    killPoint('run.started');
    const dispatcher = new Dispatcher({
      db: this.#db,
      pool,
      partitions,
      settings: settingsOf(this.#options, hypertable),
      owner,
      leaseMs: this.#options.leaseMs,
      limit,
      events: meter.listening(this.#tally.events(limit)),
    });
    limit.onChange(() => dispatcher.nudge());
    this.#session.onResumed(() => dispatcher.recover());
    const scaler = new Autoscaler({
      limit,
      meter,
      pool,
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
    const tick = (): void => {
      followers?.look(dispatcher.running, meter.totals.records);
      this.#tally.progress(this.#phase, dispatcher.running);
    };
    const ticking = setInterval(tick, PROGRESS_MS);
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
    const timers: NodeJS.Timeout[] = [];
    const limitDrain = (): void => {
      tick();
      timers.push(setTimeout(() => overdue.abort(), this.#options.drainMs));
    };
    const limitAbort = (): void => {
      timers.push(setTimeout(() => breakPool(this.#db), ABORT_MS));
    };
    drain.addEventListener('abort', limitDrain);
    abort.addEventListener('abort', limitAbort);
    if (drain.aborted) limitDrain();
    let state: 'finished' | 'failed' | 'interrupted' = 'failed';
    try {
      const discovering = this.#feed.run(this.#db, runId, shared, drain, patience, () => dispatcher.nudge());
      discovering.catch(() => {}); // thrown below, once what it found is loaded
      await this.#feed.mayClaim();
      if (this.#feed.refusal !== null) throw this.#feed.refusal;
      if (workers === 'auto')
        scaler.begin({ isRemote: this.#feed.isRemote, meanBytes: this.#tally.meanBytes });
      for (;;) {
        const { resumes } = this.#session;
        this.#phase = 'load';
        await dispatcher.run(() => this.#feed.done, drain, abort);
        scaler.stop();
        await discovering;
        if (!drain.aborted) await acrossRestarts(patience, () => this.#tidy(partitions, bounds.start));
        // A server that crashed meanwhile may have forgotten what was loaded last: that is loaded again.
        if (drain.aborted || (await unlessAborted(this.#session.secured(resumes), abort)) === true) break;
        abort.throwIfAborted();
        dispatcher.recover();
      }
      if (!drain.aborted) await acrossRestarts(patience, () => this.#compress(drain));
      state = drain.aborted ? 'interrupted' : 'finished';
      const own = this.#tally.summary(runId, drain.aborted);
      if (drain.aborted) return own;
      return await shared.whole(own, this.#tally.share(), AbortSignal.any([drain, abort]));
    } catch (error) {
      if (this.#signals.abort.aborted || overdue.signal.aborted) {
        state = 'interrupted';
        return await this.#tally.summary(runId, true);
      }
      throw error;
    } finally {
      scaler.stop();
      clearInterval(ticking);
      clearInterval(notingLive);
      this.#feed.stop();
      // Whoever interrupts does not wait for the farewells of sessions.
      await (state === 'finished' ? pool.leave() : pool.destroy());
      await dispatcher.releaseLeft().catch(() => {});
      killPoint('run.finishing');
      await finishRun(this.#db, runId, state, this.#tally.audit()).catch(() => {});
      killPoint('run.finished');
      for (const timer of timers) clearTimeout(timer);
      drain.removeEventListener('abort', limitDrain);
      abort.removeEventListener('abort', limitAbort);
    }
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
    const { seriesIds } = this.#tally;
    const made = (await readDerivations(this.#db, seriesIds, 'from')).map(({ seriesId }) => seriesId);
    await pruneStates(this.#db, [...seriesIds, ...new Set(made)], CHECKPOINT_INTERVALS);
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
