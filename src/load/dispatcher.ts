/** Who works at what: tasks claimed, given to workers, kept alive by their leases, and moved on by how attempts end. */

import type { Pool } from 'pg';
import { killPoint } from '../base/kill_points.ts';
import { pause } from '../base/pause.ts';
import { counted } from '../base/quantities.ts';
import { classify } from '../faults/classify.ts';
import type { BackhaulError, Fault } from '../faults/fault.ts';
import { STATE_LENGTH } from '../indicators/engine.ts';
import type { Partitions } from '../state/leaves/partitions.ts';
import { revisionOf } from '../state/series/event_revision.ts';
import { NO_ROLE, type RollupRole, rollupRoles } from '../state/series/rollup_roles.ts';
import { type ClaimedTask, claim } from '../state/tasks/claim.ts';
import { fail, release, releaseOrphans, retryLater } from '../state/tasks/give_up.ts';
import { lateBehind, unfinished } from '../state/tasks/lane_standing.ts';
import { endAttempts, expire, heartbeat } from '../state/tasks/lease.ts';
import type { Assignment, KnownSeries, WorkerSettings } from '../workers/link/assignment.ts';
import type { LinkHandler, MainLink } from '../workers/link/main_link.ts';
import type { Notice, PhaseSeconds } from '../workers/link/messages.ts';
import type { LoadedResult, TaskResult } from '../workers/link/task_result.ts';
import { linkedTo, type Running, type WorkerPool } from '../workers/pool.ts';
import { unlessAborted } from '../workers/restarts.ts';
import { endOf, interrupted, isServersOwn, rowsLocked } from './attempt_end.ts';
import { makesInPassing } from './carried_rollups.ts';
import { type LanePosition, Lanes } from './lanes.ts';
import type { ConcurrencyLimit } from './scaling/concurrency.ts';
import { SeriesRegistry } from './series_registry.ts';
import { Unsettled } from './unsettled.ts';
import { type AskingAttempt, statesOnRecord, WorkerAnswers } from './worker_answers.ts';

/** How often other loaders' tasks and delayed ones are looked at while there is nothing else to do. */
const POLL_MS = 250;
/** How long an abort lets workers come to the end of a batch; then their sessions are ended by the server. */
const BATCH_MS = 500;
/** How long it waits for them after that; then their threads are ended. */
const CUT_OFF_MS = 3_000;
/** Work claimed ahead where tasks are small, seconds and tasks: other loaders want some too. */
const CLAIM_AHEAD_S = 0.5;
const MOST_CLAIMED_AHEAD = 64;
/** Between two looks at whether the workers have let go. */
const CUT_OFF_POLL_MS = 20;
/**
 * Late files merged in one transaction at most, and their bytes but for the first: of large files what is behind costs
 * little beside their own rows, and when one of them fails all are merged again.
 */
const MOST_TOGETHER = 16;
const MOST_TOGETHER_BYTES = 256 * 1024 * 1024;
/**
 * How long the end of a load waits for rows of its tasks that somebody else has locked; whoever claims next finds its
 * program gone and takes them back.
 */
const LEAVE_MS = 1_000;
/** Between two looks at those rows there. */
const LEAVE_POLL_MS = 50;
/** How long a file may take to let go of its worker when it is to be merged with the one before it. */
const LET_GO_MS = 5_000;

/** What a run tells about its tasks. */
export interface DispatchEvents {
  claimed(task: ClaimedTask): void;
  progress(task: ClaimedTask, inflatedBytes: number, records: number, waits: PhaseSeconds): void;
  loaded(task: ClaimedTask, result: LoadedResult, seconds: number): void;
  retried(task: ClaimedTask, fault: Fault, seconds: number): void;
  failed(task: ClaimedTask, fault: Fault, seconds: number): void;
  released(task: ClaimedTask, fault: Fault, seconds: number): void;
  note(message: string): void;
}

interface Attempt extends AskingAttempt {
  readonly task: ClaimedTask;
  readonly running: Running;
  readonly started: number;
  /** It is to go on as one of the company of the file before it, when it has ended. */
  joins: boolean;
  /** It has ended, whichever way. */
  ended: Promise<void>;
  /** Tasks that are merged in its transaction, in the order of the lane, and the links with them. */
  company: ClaimedTask[];
  links: readonly MainLink[];
}

/**
 * Runs the tasks of a database on the worker pool: claims them in order, serves the workers' questions, keeps the
 * leases alive, and moves each task to where its attempt ended. Knows nothing of sources or of the terminal.
 */
export class Dispatcher {
  readonly #db: Pool;
  readonly #pool: WorkerPool;
  readonly #partitions: Partitions;
  readonly #settings: WorkerSettings;
  readonly #owner: string;
  readonly #leaseMs: number;
  readonly #limit: ConcurrencyLimit;
  readonly #events: DispatchEvents;
  readonly #series: SeriesRegistry;
  readonly #lanes: Lanes;
  readonly #answers: WorkerAnswers;
  readonly #attempts = new Map<number, Attempt>();
  /** Claimed, waiting for a worker. */
  #ready: ClaimedTask[] = [];
  /** Claimed, and not seen to yet. */
  #claimed: ClaimedTask[] = [];
  /** Of the tasks in our hands, those that were alone in their lane when they were claimed and have not begun. */
  readonly #alone = new WeakSet<ClaimedTask>();
  /** What rollups mean for the tasks in our hands. */
  readonly #roles = new WeakMap<ClaimedTask, RollupRole>();
  /** Tasks whose attempts have ended and that still stand as running. */
  readonly #unsettled: Unsettled;
  /** Others of ours that do, and that are not known otherwise; since when. */
  #orphans: { readonly ids: readonly number[]; readonly since: number } | null = null;
  /** Tasks that have to go the way of the merge when they are claimed next. */
  readonly #merging = new Set<number>();
  /** Tasks that have failed in company: they go alone. */
  readonly #singly = new Set<number>();
  /** Files have asked for others to be merged with. */
  #gathers = false;
  /** Attempts by the tasks of their company. */
  readonly #leads = new Map<number, Attempt>();
  #standingWanted = false;
  /** What a task takes, as of late. */
  #taskSeconds = 1;
  #wake: (() => void) | null = null;
  #waitedForOthers = false;
  /** Since when all that is left are tasks of others whose lease is over. */
  #overdueSince: number | null = null;
  /** The database was away: tasks may stand as ours that nobody works on. */
  #recovering = false;
  #begun = false;
  #draining = false;
  /** Why nothing more can be loaded, whatever the file. */
  #stop: BackhaulError | null = null;
  /** Whatever an attempt fails of from now on is the interrupt's doing. */
  #isCutOff = false;

  constructor(parts: {
    readonly db: Pool;
    readonly pool: WorkerPool;
    readonly partitions: Partitions;
    readonly settings: WorkerSettings;
    readonly owner: string;
    readonly leaseMs: number;
    readonly limit: ConcurrencyLimit;
    readonly events: DispatchEvents;
  }) {
    this.#db = parts.db;
    this.#pool = parts.pool;
    this.#partitions = parts.partitions;
    this.#settings = parts.settings;
    this.#owner = parts.owner;
    this.#leaseMs = parts.leaseMs;
    this.#limit = parts.limit;
    this.#events = parts.events;
    this.#series = new SeriesRegistry(parts.db);
    this.#unsettled = new Unsettled(parts.events.note);
    this.#lanes = new Lanes(STATE_LENGTH, (ids) => statesOnRecord(parts.db, ids));
    this.#answers = new WorkerAnswers({
      db: parts.db,
      owner: parts.owner,
      leaseMs: parts.leaseMs,
      partitions: parts.partitions,
      series: this.#series,
      lanes: this.#lanes,
      attemptOf: (taskId) => this.#attempts.get(taskId),
      leadOf: (taskId) => this.#leads.get(taskId),
      gather: (task) => this.#gather(task),
      unsettled: () => this.#unsettledIds(),
      isDraining: () => this.#draining,
    });
  }

  get running(): number {
    return this.#attempts.size;
  }

  /** Something outside changed: tasks were discovered, the limit moved, a signal came. */
  nudge(): void {
    this.#wake?.();
    this.#wake = null;
  }

  /**
   * Works until no task is left and `discovered()` says that no more will come, or until `drain` asks to stop:
   * then what runs is finished and nothing more is claimed. `abort` cuts everything off.
   */
  async run(discovered: () => boolean, drain: AbortSignal, abort: AbortSignal): Promise<void> {
    const heart = setInterval(() => void this.#beat(), Math.min(5_000, Math.max(1_000, this.#leaseMs / 3)));
    const nudge = (): void => {
      this.#draining = drain.aborted;
      this.nudge();
    };
    nudge();
    drain.addEventListener('abort', nudge);
    abort.addEventListener('abort', nudge);
    let awaySince: number | null = null;
    try {
      for (;;) {
        if (abort.aborted || this.#stop !== null) {
          await this.#cutOff();
          throw this.#stop ?? interrupted();
        }
        try {
          const next = await unlessAborted(this.#step(discovered, drain), abort);
          if (next === 'aborted') continue;
          if (next === 'done') return;
          awaySince = null;
          if (next === 'at once') continue;
        } catch (error) {
          const { retry, fault } = classify(error);
          if (!retry) throw error;
          if (awaySince === null) this.#events.note(`waiting for the database: ${fault.message}`);
          // A server that restarts is back in a moment; one that is gone is told by the run's session, by an abort.
          awaySince ??= performance.now();
          if (performance.now() - awaySince > 2 * this.#leaseMs) throw error;
        }
        await this.#sleep(POLL_MS);
      }
    } finally {
      clearInterval(heart);
      drain.removeEventListener('abort', nudge);
      abort.removeEventListener('abort', nudge);
    }
  }

  /** What there is to do now. `later`: after a moment, or a nudge. */
  async #step(discovered: () => boolean, drain: AbortSignal): Promise<'done' | 'at once' | 'later'> {
    if (!this.#begun) {
      // What a killed run held is free at once, before tasks are claimed that would wait for it.
      await expire(this.#db);
      this.#begun = true;
    }
    if (this.#recovering || this.#orphans !== null) await this.#releaseOrphans();
    await this.#unsettled.again();
    if (drain.aborted) {
      await this.#releaseReady();
      return this.#attempts.size === 0 && !this.#waitsForRows(LEAVE_MS) ? 'done' : 'later';
    }
    if (this.#standingWanted && this.#attempts.size === 0) await this.#makeStanding();
    const discoveryDone = discovered();
    const claimed = await this.#claimAndStart();
    if (claimed > 0 && this.#attempts.size < this.#limit.value) return 'at once';
    if (this.#attempts.size === 0) this.#stop ??= this.#stuck();
    const idle = this.#held().length === 0 && !this.#standingWanted;
    return idle && discoveryDone && !(await this.#othersAreAtIt()) ? 'done' : 'later';
  }

  /** The database was away for a while: what its attempts left behind is looked after. */
  recover(): void {
    this.#recovering = true;
    this.nudge();
  }

  async #releaseOrphans(): Promise<void> {
    const why = 'the database was away when its attempt ended';
    const { released, held } = await releaseOrphans(this.#db, this.#owner, this.#held(), why);
    const { since } = this.#orphans ?? { since: performance.now() };
    this.#orphans = held.length === 0 ? null : { ids: held, since };
    if (this.#recovering || released > 0)
      this.#events.note(`the database is back${released === 0 ? '' : `; ${released} tasks begin again`}`);
    this.#recovering = false;
  }

  /** Rows of ours that somebody else has locked are still waited for: none of them longer than this, ms. */
  #waitsForRows(patienceMs: number): boolean {
    const since = Math.min(this.#unsettled.since, this.#orphans?.since ?? Infinity);
    return since < Infinity && performance.now() - since < patienceMs;
  }

  /** Tasks that stand as ours and running, and that nobody works on. */
  #unsettledIds(): number[] {
    return [...this.#unsettled.tasks.map(({ taskId }) => taskId), ...(this.#orphans?.ids ?? [])];
  }

  /** Nothing is left to do but to wait for rows that are locked, and they have been waited for as long as for a server. */
  #stuck(): BackhaulError | null {
    const ids = this.#unsettledIds();
    return ids.length === 0 || this.#waitsForRows(2 * this.#leaseMs) ? null : rowsLocked(ids);
  }

  /** Claimed tasks: waiting for a worker, with one, and to be put where their attempts ended. */
  #held(): ClaimedTask[] {
    const atWork = [...this.#attempts.values()].flatMap(({ task, company }) => [task, ...company]);
    return [...new Set([...this.#claimed, ...this.#ready, ...atWork, ...this.#unsettled.tasks])];
  }

  /** Nothing to claim: true while tasks wait for their time, or run in another loader. */
  async #othersAreAtIt(): Promise<boolean> {
    await expire(this.#db);
    const left = await unfinished(this.#db);
    if (left.pending + left.running === 0) return false;
    if (left.pending > 0 || left.overdue.length < left.running) this.#overdueSince = null;
    else {
      this.#overdueSince ??= performance.now();
      if (performance.now() - this.#overdueSince > 2 * this.#leaseMs) this.#stop ??= rowsLocked(left.overdue);
    }
    if (left.running > 0 && !this.#waitedForOthers) {
      this.#waitedForOthers = true;
      this.#events.note(`waiting for ${left.running} tasks that another loader runs`);
    }
    return true;
  }

  async #claimAndStart(): Promise<number> {
    if (this.#standingWanted) return 0;
    this.#startReady();
    const room = this.#limit.value - this.#attempts.size;
    // Where files take moments there is always a claim's worth of them waiting: a claim takes as long as several.
    const ahead = this.#claimAhead();
    const reserve = ahead > this.#limit.value ? Math.floor(ahead / 2) : 0;
    const behind = this.#ready.filter(({ lane }) => this.#unsettled.isIn(lane)).length;
    const waiting = this.#ready.length - behind;
    if (waiting > reserve || behind >= MOST_CLAIMED_AHEAD || (room <= 0 && reserve === 0)) return 0;
    if (this.#claimed.length === 0) {
      const limit = Math.max(0, room) + ahead - waiting;
      const held = this.#heldLanes();
      const tasks = await claim(this.#db, { owner: this.#owner, limit, leaseMs: this.#leaseMs });
      if (tasks.length > 0) killPoint('task.claimed');
      this.#findAlone(tasks, held);
      this.#claimed = tasks;
    }
    const tasks = this.#claimed;
    const roles = await rollupRoles(
      this.#db,
      tasks.map(({ plan }) => plan),
    );
    tasks.forEach((task, i) => {
      this.#roles.set(task, roles[i]!);
    });
    for (const { plan, laneAtClaim } of tasks) this.#series.asOf(plan.venue, revisionOf(laneAtClaim.loaded));
    await this.#series.ensure(
      tasks.flatMap(({ plan: { venue, symbol, intervalS } }) =>
        symbol === null ? [] : [{ venue, symbol, intervalS }],
      ),
    );
    // Some may have been lost meanwhile.
    this.#ready.push(...this.#claimed);
    this.#claimed = [];
    this.#startReady();
    return tasks.length;
  }

  /** Gives tasks to workers as far as there are any and the limit allows; behind one that is unsettled none could commit. */
  #startReady(): void {
    if (this.#isCutOff || this.#draining || this.#recovering || this.#standingWanted || this.#stop !== null)
      return;
    while (this.#attempts.size < this.#limit.value) {
      const next = this.#ready.findIndex(({ lane }) => !this.#unsettled.isIn(lane));
      if (next === -1) return;
      this.#start(...(this.#ready.splice(next, 1) as [ClaimedTask]));
    }
  }

  #heldLanes(): Set<string> {
    return new Set(this.#held().map(({ lane }) => lane));
  }

  /**
   * A task that is the only one of its lane in our hands needs not ask how the lane stands: what its claim has seen
   * holds unless another loader moves the lane on, and then its own last statement refuses it. `lanes`: those of the
   * tasks we held when the claim was sent. One of them may have committed since, and the claim not have seen it.
   */
  #findAlone(claimed: readonly ClaimedTask[], lanes: Set<string>): void {
    for (const lane of this.#heldLanes()) lanes.add(lane);
    for (const task of claimed) {
      if (!lanes.has(task.lane) && task.laneAtClaim.foreignAhead === 0 && this.#orphans === null)
        this.#alone.add(task);
      lanes.add(task.lane);
    }
  }

  /**
   * Tasks to have waiting: one a worker, so that a file needs not wait for the round trip of its claim. Where files take
   * moments, as many as will be done in half a second, for all of which one claim is made; where late files are merged
   * together, as many as may be.
   */
  #claimAhead(): number {
    const workers = this.#limit.value;
    const soon = Math.floor((workers * CLAIM_AHEAD_S) / Math.max(this.#taskSeconds, 0.001));
    const atLeast = this.#gathers ? Math.max(workers, MOST_TOGETHER) : workers;
    return Math.min(MOST_CLAIMED_AHEAD, Math.max(atLeast, soon));
  }

  #start(task: ClaimedTask): void {
    this.#abortAll(this.#lanes.enter(positionOf(task)), 'an earlier file of the lane has arrived');
    const isAlone = this.#alone.delete(task);
    const knownSeries = isAlone ? this.#foretell(task) : null;
    const running = this.#pool.start({ ...this.#assignment(task), knownSeries }, this.#handler(task));
    const attempt: Attempt = {
      task,
      running,
      started: performance.now(),
      loadedAhead: null,
      laneAtClaim: isAlone ? task.laneAtClaim : null,
      aborted: false,
      joins: false,
      ended: Promise.resolve(),
      company: [],
      links: [],
    };
    this.#attempts.set(task.taskId, attempt);
    this.#events.claimed(task);
    attempt.ended = running.result
      .catch((error: unknown): TaskResult => ({ kind: 'failed', ...classify(error) }))
      .then((result) => this.#settle(attempt, result))
      .catch((error: unknown) => {
        this.#events.note(`could not record how a task ended: ${classify(error).fault.message}`);
        this.#recovering = true;
      })
      .finally(() => {
        this.#attempts.delete(task.taskId);
        for (const { taskId } of attempt.company) this.#leads.delete(taskId);
        for (const link of attempt.links) link.close();
        this.#startReady();
        this.nudge();
      });
  }

  #assignment(task: ClaimedTask): Omit<Assignment, 'port'> {
    const rollups = this.#roles.get(task) ?? NO_ROLE;
    return {
      taskId: task.taskId,
      attempt: task.attempt,
      uri: task.uri,
      entry: task.entry,
      etag: task.etag,
      sizeBytes: task.sizeBytes,
      plan: task.plan,
      replaces: task.replaces !== null,
      merge: this.#merging.has(task.taskId) || !makesInPassing(task, rollups),
      rollups,
      settings: this.#settings,
      eventRevision: revisionOf(task.laneAtClaim.loaded),
      knownSeries: null,
    };
  }

  #handler(task: ClaimedTask): LinkHandler {
    return {
      answer: (question) => this.#answers.answer(task, question),
      notice: (notice) => this.#notice(task, notice),
      fault: (error) => classify(error).fault,
    };
  }

  /** What a worker need not ask about a task that is alone in its lane. */
  #foretell(task: ClaimedTask): KnownSeries | null {
    const { venue, symbol, intervalS } = task.plan;
    const series = symbol === null ? null : this.#series.known({ venue, symbol, intervalS });
    // Nothing of its lane has been loaded, or its last statement refuses it.
    return series && { ...series, isNew: series.isNew && task.laneAtClaim.loaded === 0 };
  }

  // ── how an attempt ends ────────────────────────────────────────────────────────────────────────────────────────

  async #settle(attempt: Attempt, result: TaskResult): Promise<void> {
    const { task } = attempt;
    const seconds = (performance.now() - attempt.started) / 1000;
    if (result.kind === 'loaded') {
      killPoint('task.settled');
      const tasks = [task, ...attempt.company];
      const each = seconds / tasks.length;
      [result, ...(result.company ?? [])].forEach((one, i) => {
        this.#taskSeconds += (each - this.#taskSeconds) / 8;
        this.#merging.delete(tasks[i]!.taskId);
        this.#lanes.commit(tasks[i]!.taskId, task.lane, one.merged);
        this.#events.loaded(tasks[i]!, one, each);
      });
      return;
    }
    // What it published is void from now on, before the task can be claimed again.
    this.#abortAll(
      this.#lanes.leave(task.taskId, task.lane),
      'an earlier file of the lane has to be loaded again',
    );
    // It is still ours, as one of the company of another.
    if (attempt.joins && result.kind === 'failed' && isLettingGo(result.fault) && !this.#isCutOff) return;
    attempt.joins = false;
    if (attempt.company.length > 0 && (await this.#part(attempt, result))) return;
    if (result.kind === 'parts') return;
    if (result.kind === 'needs-standing') {
      killPoint('merge.needed');
      await this.#mergeNext(task, 'its rows are older than what stands: merging');
      return;
    }
    const fault: Fault = this.#isCutOff ? interrupted().fault : result.fault;
    const isMerging = this.#merging.has(task.taskId);
    const end = endOf(fault, { retry: result.retry, failures: task.failures, isMerging });
    switch (end.kind) {
      case 'merge':
        await this.#mergeNext(task, 'another file has brought some of its bars: merging');
        return;
      case 'stop':
        this.#stop ??= end.error;
        await this.#release(task, fault.message);
        return this.#events.released(task, fault, seconds);
      case 'release':
        await this.#release(task, fault.message);
        return this.#events.released(task, fault, seconds);
      case 'lost':
        return this.#events.released(task, fault, seconds);
      case 'retry':
        await this.#unsettled.settle(task, () =>
          retryLater(this.#db, task.taskId, task.attempt, fault, end.delayMs),
        );
        return this.#events.retried(task, fault, seconds);
      case 'fail':
        // Told when it is so: it may have been committed, and the answer lost.
        await this.#unsettled.settle(
          task,
          () => fail(this.#db, task.taskId, task.attempt, fault),
          (moved) => this.#events[moved === 'moved' ? 'failed' : 'released'](task, fault, seconds),
        );
    }
  }

  /** The task is put back, without penalty. */
  async #release(task: ClaimedTask, why: string): Promise<void> {
    await this.#unsettled.settle(task, () => release(this.#db, task.taskId, task.attempt, why));
  }

  /** The task is put back, and goes the way of the merge when it is claimed next. */
  async #mergeNext(task: ClaimedTask, why: string): Promise<void> {
    this.#merging.add(task.taskId);
    this.#standingWanted = true;
    await this.#release(task, why);
  }

  #abortAll(taskIds: readonly number[], why: string): void {
    for (const taskId of taskIds) {
      const attempt = this.#attempts.get(taskId) ?? this.#leads.get(taskId);
      if (attempt === undefined || attempt.aborted) continue;
      attempt.aborted = true;
      abort(attempt, { kind: 'predecessor', message: why });
    }
  }

  /** Ends every running attempt; their tasks go back to pending. Waits for the workers to let go, but not for long. */
  async #cutOff(): Promise<void> {
    this.#isCutOff = true;
    for (const attempt of this.#attempts.values()) abort(attempt, interrupted().fault);
    const releasing = this.#releaseReady().catch(() => {});
    await this.#untilIdle(BATCH_MS);
    // What is left waits for the server: for a merge, for rows to be taken, for a lock.
    const stuck = [...this.#attempts.values()].map(({ task }) => task);
    if (stuck.length > 0) void endAttempts(this.#db, stuck).catch(() => {});
    await this.#untilIdle(CUT_OFF_MS);
    await Promise.race([releasing, pause(CUT_OFF_MS)]);
  }

  async #untilIdle(patienceMs: number): Promise<void> {
    const limit = performance.now() + patienceMs;
    while (this.#attempts.size > 0 && performance.now() < limit) await this.#sleep(CUT_OFF_POLL_MS);
  }

  /**
   * Puts back whatever this loader still holds once none of its workers runs any more: nobody shall have to wait for
   * the leases.
   */
  async releaseLeft(): Promise<void> {
    for (const limit = performance.now() + LEAVE_MS; ; await pause(LEAVE_POLL_MS)) {
      const { held } = await releaseOrphans(this.#db, this.#owner, [], interrupted().message);
      if (held.length === 0 || performance.now() > limit) return;
    }
  }

  async #releaseReady(): Promise<void> {
    const ready = [...this.#claimed, ...this.#ready];
    this.#claimed = [];
    this.#ready = [];
    for (const task of ready) await this.#release(task, 'the load was interrupted');
  }

  async #makeStanding(): Promise<void> {
    this.#partitions.standingFromBirth = true;
    const bare = await this.#partitions.bare();
    if (bare.length > 0)
      this.#events.note(
        `giving ${counted(bare.length, 'partition')} ${bare.length === 1 ? 'its' : 'their'} key: files overlap`,
      );
    await this.#partitions.promoteAll(this.#limit.value, () => {}, true);
    this.#standingWanted = false;
  }

  // ── late files together ────────────────────────────────────────────────────────────────────────────────────────

  /**
   * Late files right behind a task in its lane: those of ours that wait, for a worker or on one for their turn. They
   * are merged in its transaction from now on: what is behind all of them is computed once.
   */
  async #gather(task: ClaimedTask): Promise<readonly Assignment[]> {
    const attempt = this.#attempts.get(task.taskId);
    if (attempt === undefined || this.#singly.has(task.taskId)) return [];
    this.#gathers = true;
    const ours = this.#held().filter(({ lane, taskId }) => lane === task.lane && taskId !== task.taskId);
    if (ours.length === 0) return [];
    const isGone = (): boolean =>
      attempt.aborted || this.#draining || this.#attempts.get(task.taskId) !== attempt;
    const late = await lateBehind(
      this.#db,
      task.taskId,
      ours.map(({ taskId }) => taskId),
    );
    if (isGone()) return [];
    const known = new Map(ours.map((one) => [one.taskId, one]));
    let bytes = 0;
    const leaving: Attempt[] = [];
    for (const id of late.slice(0, MOST_TOGETHER - 1)) {
      const one = known.get(id)!;
      bytes += one.sizeBytes;
      if (bytes > MOST_TOGETHER_BYTES || !this.#mayJoin(one, task)) break;
      const other = this.#attempts.get(id);
      if (other === undefined) {
        if (!this.#ready.includes(one)) break;
        this.#ready = this.#ready.filter((waiting) => waiting !== one);
      } else {
        if (other.aborted || other.joins || other.company.length > 0) break;
        other.joins = true;
        abort(other, LETTING_GO);
        leaving.push(other);
      }
      attempt.company.push(one);
    }
    await Promise.race([Promise.all(leaving.map(({ ended }) => ended)), pause(LET_GO_MS)]);
    if (this.#attempts.get(task.taskId) !== attempt) return [];
    const stuck = leaving.find((one) => !one.joins || this.#attempts.get(one.task.taskId) === one);
    if (stuck !== undefined) this.#giveBack(attempt, attempt.company.indexOf(stuck.task), leaving);
    return this.#linked(attempt, leaving);
  }

  /** Whether a file can be merged in the transaction of another. */
  #mayJoin(one: ClaimedTask, lead: ClaimedTask): boolean {
    const { isMade } = this.#roles.get(one) ?? NO_ROLE;
    return (
      one.replaces === null &&
      !isMade &&
      !this.#singly.has(one.taskId) &&
      one.plan.intervalS === lead.plan.intervalS &&
      one.plan.sessionZone === lead.plan.sessionZone &&
      revisionOf(one.laneAtClaim.loaded) === revisionOf(lead.laneAtClaim.loaded)
    );
  }

  /** From this one on the files go their own way after all: it has ended otherwise, or not yet. */
  #giveBack(attempt: Attempt, from: number, leaving: readonly Attempt[]): void {
    const waiting: ClaimedTask[] = [];
    for (const task of attempt.company.splice(from)) {
      const other = leaving.find((one) => one.task === task);
      const hasLetGo = other === undefined || (other.joins && this.#attempts.get(task.taskId) !== other);
      if (hasLetGo) waiting.push(task);
      // As any other that was cut off, when it ends.
      else other.joins = false;
    }
    this.#ready.unshift(...waiting);
    this.#startReady();
  }

  #linked(attempt: Attempt, leaving: readonly Attempt[]): Assignment[] {
    const linked = attempt.company.map((task) => {
      this.#lanes.enter(positionOf(task));
      this.#leads.set(task.taskId, attempt);
      if (!leaving.some((one) => one.task === task)) this.#events.claimed(task);
      return linkedTo(this.#assignment(task), this.#handler(task));
    });
    attempt.links = linked.map(({ link }) => link);
    return linked.map((one) => one.linked);
  }

  /**
   * Files that were to be merged together and were not: each is put back. Whatever it was that one of them has done, it
   * does it again alone. False: the first of them is left to go on as it would have by itself.
   */
  async #part(attempt: Attempt, result: Exclude<TaskResult, LoadedResult>): Promise<boolean> {
    const { task, company } = attempt;
    const why = 'merging it together with others has failed';
    const kind = result.kind === 'failed' ? result.fault.kind : result.kind;
    const isOurs = result.kind === 'failed' && isServersOwn(result.fault);
    const isLeft = isOurs || ['needs-standing', 'credentials', 'predecessor', 'interrupted'].includes(kind);
    for (const one of company) {
      if (!isLeft) this.#singly.add(one.taskId);
      this.#abortAll(this.#lanes.leave(one.taskId, one.lane), why);
      await this.#release(one, why);
    }
    if (isLeft) return false;
    this.#singly.add(task.taskId);
    this.#merging.add(task.taskId);
    await this.#release(task, why);
    return true;
  }

  // ── what workers tell ──────────────────────────────────────────────────────────────────────────────────────────

  #notice(task: ClaimedTask, notice: Notice): void {
    switch (notice.kind) {
      case 'publish':
        this.#lanes.publish(
          task.taskId,
          task.lane,
          notice.seriesIds,
          notice.states,
          notice.frontier,
          notice.complete,
        );
        return;
      case 'withdraw':
        this.#abortAll(
          this.#lanes.withdraw(task.taskId, task.lane),
          'an earlier file of the lane starts again',
        );
        return;
      case 'progress':
        this.#events.progress(task, notice.bytes, notice.records, notice.waits);
    }
  }

  // ── time ───────────────────────────────────────────────────────────────────────────────────────────────────────

  async #beat(): Promise<void> {
    const held = this.#held();
    try {
      // With nothing in hand there is still something to wait for: what a frozen loader holds.
      const owned = await heartbeat(this.#db, this.#owner, held, this.#leaseMs);
      const kept = new Set(owned.map((one) => one.taskId));
      const isKept = (task: ClaimedTask): boolean => kept.has(task.taskId) || !held.includes(task);
      for (const attempt of this.#attempts.values()) {
        if (attempt.aborted || [attempt.task, ...attempt.company].every(isKept)) continue;
        attempt.aborted = true;
        abort(attempt, { kind: 'lost-lease', message: 'another loader owns the task now' });
      }
      this.#ready = this.#ready.filter(isKept);
      this.#claimed = this.#claimed.filter(isKept);
      await expire(this.#db);
    } catch (error) {
      // The next beat comes before the lease ends; if the database is gone for good, the workers' own writes say so.
      this.#events.note(`heartbeat failed: ${classify(error).fault.message}`);
    }
  }

  async #sleep(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

function positionOf(task: ClaimedTask): LanePosition {
  return {
    taskId: task.taskId,
    lane: task.lane,
    sequence: task.sequence ?? Number.NEGATIVE_INFINITY,
    uri: task.uri,
    entry: task.entry ?? '',
  };
}

/** What a file is told that is to be merged with the one before it. */
const LETTING_GO: Fault = { kind: 'interrupted', message: 'it is merged together with the file before it' };

function isLettingGo({ kind, message }: Fault): boolean {
  return kind === LETTING_GO.kind && message === LETTING_GO.message;
}

function abort({ running, links }: Attempt, fault: Fault): void {
  for (const link of [running.link, ...links]) link.abort(fault);
}
