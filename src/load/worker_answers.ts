/** What a worker asks on the way of a task: series, leaves, the states of its lane, and its turn there. */

import { pause } from '../base/pause.ts';
import { type Leaf, leafMonths } from '../copy/leaf.ts';
import type { Db } from '../database/connect.ts';
import { BackhaulError } from '../faults/fault.ts';
import { decodeState, STATE_LENGTH } from '../indicators/engine.ts';
import type { Partitions } from '../state/leaves/partitions.ts';
import { lastStates } from '../state/series/indicator_states.ts';
import type { ClaimedTask, LaneAtClaim } from '../state/tasks/claim.ts';
import { bytesBesideLane, laneStanding } from '../state/tasks/lane_standing.ts';
import type { Assignment } from '../workers/link/assignment.ts';
import type { Answers, Question } from '../workers/link/messages.ts';
import { interrupted, rowsLocked } from './attempt_end.ts';
import { readCarried } from './carried_rollups.ts';
import type { Lanes } from './lanes.ts';
import type { SeriesRegistry } from './series_registry.ts';

/** Waiting for another loader's task of the same lane. */
const FOREIGN_POLL_MS = 200;

/** An attempt, as far as its questions go. */
export interface AskingAttempt {
  /** The lane's loaded tasks when this one's states were first asked for, and the members ahead of it then. */
  loadedAhead: number | null;
  /** How its lane stands, if nobody but this task can have moved it on since; null: it has to be asked for. */
  readonly laneAtClaim: LaneAtClaim | null;
  aborted: boolean;
}

/** An attempt in whose transaction other files of its lane are merged, in their order. */
export interface LeadingAttempt {
  readonly task: ClaimedTask;
  readonly company: readonly ClaimedTask[];
}

/** What answers are made of. */
interface Sources {
  readonly db: Db;
  readonly owner: string;
  readonly leaseMs: number;
  readonly partitions: Partitions;
  readonly series: SeriesRegistry;
  readonly lanes: Lanes;
  /** The attempt at a task that runs now. */
  readonly attemptOf: (taskId: number) => AskingAttempt | undefined;
  /** The attempt in whose transaction a task is merged. */
  readonly leadOf: (taskId: number) => LeadingAttempt | undefined;
  /** Late files that are to be merged in the transaction of a task. */
  readonly gather: (task: ClaimedTask) => Promise<readonly Assignment[]>;
  /** Tasks that stand as ours and running, and that nobody works on. */
  readonly unsettled: () => readonly number[];
  /** What is at work here is finished, and nothing else waited for. */
  readonly isDraining: () => boolean;
}

/** Answers the questions of all workers of a run. */
export class WorkerAnswers {
  readonly #from: Sources;

  constructor(from: Sources) {
    this.#from = from;
  }

  async answer(task: ClaimedTask, question: Question): Promise<Answers[Question['kind']]> {
    switch (question.kind) {
      case 'series':
        return this.#from.series.resolve(
          task.plan.venue,
          question.rollupS ?? task.plan.intervalS,
          await this.#namesOf(task, question.symbols),
        );
      case 'partitions':
        return this.#leaves(task, question);
      case 'states':
        await this.#standInLane(task);
        await this.#from.lanes.states(
          task.taskId,
          task.lane,
          question.seriesIds,
          question.last,
          question.into,
        );
        return null;
      case 'turn':
        return this.#turnOf(task);
      case 'company':
        return this.#from.gather(task);
    }
  }

  /** Waits for the turn of a task; one that is merged with others has that of the first, and those before it ahead. */
  async #turnOf(task: ClaimedTask): Promise<number> {
    const lead = this.#from.leadOf(task.taskId);
    const { taskId } = lead?.task ?? task;
    await this.#standInLane(lead?.task ?? task);
    await this.#from.lanes.turn(taskId, task.lane);
    const ahead = this.#from.attemptOf(taskId)?.loadedAhead ?? 0;
    return lead === undefined ? ahead : ahead + 1 + lead.company.indexOf(task);
  }

  /** Symbols of a file under the names that their markets stand under. */
  async #namesOf(task: ClaimedTask, symbols: readonly string[]): Promise<readonly string[]> {
    const { venue, symbol, intervalS, aliases = [] } = task.plan;
    if (symbol !== null || aliases.length === 0) return symbols;
    return this.#from.series.standingNames(venue, intervalS, symbols, aliases, async () => {
      await this.#turnOf(task);
    });
  }

  /** Leaves as wide as what the whole load brings a month is worth: other lanes' rows will lie among these. */
  async #leaves(
    task: ClaimedTask,
    { stamps, rowsAMonth, standing }: Extract<Question, { kind: 'partitions' }>,
  ): Promise<readonly Leaf[]> {
    const isSparse = leafMonths(rowsAMonth) > 1;
    const inAll = isSparse ? rowsAMonth * (await bytesBesideLane(this.#from.db, task.lane)) : rowsAMonth;
    return this.#from.partitions.ensure(stamps, { months: leafMonths(inAll), standing });
  }

  /**
   * Before a task reads its first state: nobody else may be ahead of it in the lane, and what this process remembers
   * of the lane must be what the database has. Remembers how many tasks of the lane must be loaded when it commits.
   */
  async #standInLane(task: ClaimedTask): Promise<void> {
    const attempt = this.#from.attemptOf(task.taskId);
    if (attempt === undefined || attempt.loadedAhead !== null) return;
    if (attempt.laneAtClaim !== null) {
      this.#from.lanes.align(task.lane, attempt.laneAtClaim.loaded, []);
      attempt.loadedAhead = attempt.laneAtClaim.loaded;
      return;
    }
    let overdueSince = Infinity;
    for (;;) {
      const ahead = this.#from.lanes.ahead(task.taskId, task.lane);
      const unsettled = this.#from.unsettled();
      const standing = await laneStanding(this.#from.db, task.taskId, this.#from.owner, ahead, unsettled);
      if (standing.pendingAhead > 0)
        throw new BackhaulError({ kind: 'predecessor', message: 'an earlier file of the lane waits' });
      if (standing.foreignAhead === 0) {
        this.#from.lanes.align(task.lane, standing.loaded, standing.loadedAmong);
        attempt.loadedAhead = standing.loaded + ahead.length - standing.loadedAmong.length;
        return;
      }
      // Whoever is alive renews a lease, and what nobody renews is taken back.
      overdueSince =
        standing.overdueAhead.length === 0 ? Infinity : Math.min(overdueSince, performance.now());
      if (performance.now() - overdueSince > 2 * this.#from.leaseMs) throw rowsLocked(standing.overdueAhead);
      // A drain finishes what is at work here, it does not wait for what others have at work.
      if (this.#from.isDraining()) throw interrupted();
      await pause(FOREIGN_POLL_MS);
      if (attempt.aborted || this.#from.attemptOf(task.taskId) !== attempt)
        throw new BackhaulError({ kind: 'interrupted', message: 'the attempt has ended' });
    }
  }
}

/** The states that series go on from, as committed; of longer bars (negative ids) their open buckets. */
export async function statesOnRecord(
  db: Db,
  seriesIds: readonly number[],
): Promise<Map<number, Float64Array>> {
  const states = new Map<number, Float64Array>();
  const own = seriesIds.filter((id) => id > 0);
  for (const [seriesId, bytes] of own.length === 0 ? [] : await lastStates(db, own)) {
    const state = new Float64Array(STATE_LENGTH);
    decodeState(bytes, state);
    states.set(seriesId, state);
  }
  const carried = seriesIds.filter((id) => id < 0).map((id) => -id);
  for (const [id, record] of carried.length === 0 ? [] : await readCarried(db, carried))
    states.set(-id, record);
  return states;
}
