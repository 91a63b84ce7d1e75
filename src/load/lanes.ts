/**
 * Hands indicator states from task to task inside a lane, while both still run: a series' state goes to the next
 * file as soon as the series is final in this one, so files of one lane are parsed at the same time and only the
 * indicator step of a series waits. Lives on the main thread; holds no connection.
 *
 * A task reads a state from the nearest of its predecessors that has the series, else from what is committed. What a
 * task has published is provisional until it commits: should it fail instead, every task behind it in the lane has
 * to be aborted ({@link Lanes.leave} says which).
 */

import { BackhaulError } from '../faults/fault.ts';
import { SlotIndex, StateTable } from './lane_states.ts';

/** Position of a task in its lane. */
export interface LanePosition {
  readonly taskId: number;
  readonly lane: string;
  readonly sequence: number;
  readonly uri: string;
  readonly entry: string;
}

/** Committed states by series id; a series missing from the answer has none. */
export type ReadStates = (seriesIds: readonly number[]) => Promise<Map<number, Float64Array>>;

interface Member {
  readonly position: LanePosition;
  readonly published: StateTable;
  frontier: string | null;
  complete: boolean;
}

interface Waiter {
  readonly taskId: number;
  readonly ready: () => boolean;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

interface Lane {
  /** Running tasks in order. */
  readonly members: Member[];
  /** Of the series in `committed` and in what members have published. */
  readonly slots: SlotIndex;
  /** States as committed. Dropped when another loader may have moved them on. */
  committed: StateTable;
  /** Raised whenever `committed` is dropped: what was read before is not remembered after. */
  epoch: number;
  /** Last turn of the lane in the database (`lane_family.ts`), as far as `committed` knows; -1: never asked. */
  loaded: number;
  waiters: Waiter[];
}

function before(a: LanePosition, b: LanePosition): boolean {
  if (a.sequence !== b.sequence) return a.sequence < b.sequence;
  if (a.uri !== b.uri) return a.uri < b.uri;
  return a.entry < b.entry;
}

/** Symbols are compared as the files sort them: by bytes. */
function sortsBefore(a: string, b: string): boolean {
  return Buffer.compare(Buffer.from(a), Buffer.from(b)) < 0;
}

function ended(): BackhaulError {
  return new BackhaulError({ kind: 'interrupted', message: 'the attempt has ended' });
}

export class Lanes {
  readonly #lanes = new Map<string, Lane>();
  readonly #stateLength: number;
  readonly #read: ReadStates;
  /** Tables of tasks that have ended, at most one a task that runs: they have the room that the next ones need. */
  readonly #spare: StateTable[] = [];
  #running = 0;

  /** `stateLength`: doubles a series. */
  constructor(stateLength: number, read: ReadStates) {
    this.#stateLength = stateLength;
    this.#read = read;
  }

  /**
   * A task begins to run.
   * Returns the tasks behind it that already run: they may have read states that this one is about to change.
   */
  enter(position: LanePosition): number[] {
    let lane = this.#lanes.get(position.lane);
    if (lane === undefined) {
      lane = {
        members: [],
        slots: new SlotIndex(),
        committed: this.#table(),
        epoch: 0,
        loaded: -1,
        waiters: [],
      };
      this.#lanes.set(position.lane, lane);
    }
    const at = lane.members.findIndex((member) => before(position, member.position));
    const index = at === -1 ? lane.members.length : at;
    const published = this.#spare.pop() ?? this.#table();
    lane.members.splice(index, 0, { position, published, frontier: null, complete: false });
    this.#running++;
    return lane.members.slice(index + 1).map((member) => member.position.taskId);
  }

  /** Tasks ahead of this one in its lane that run here. */
  ahead(taskId: number, laneName: string): readonly number[] {
    const members = this.#lanes.get(laneName)?.members ?? [];
    const own = members.findIndex((member) => member.position.taskId === taskId);
    return members.slice(0, Math.max(0, own)).map((member) => member.position.taskId);
  }

  /**
   * Holds what is remembered of a lane against its last turn in the database: another number
   * than this lane has seen means that somebody else moved it on, and what is remembered is dropped.
   * `loadedAhead`: tasks among those loaded that ran here, ahead of us, when the turn was asked for.
   */
  align(laneName: string, loaded: number, loadedAhead: readonly number[]): void {
    const lane = this.#lane(laneName);
    // Their commit is in the database and not yet here.
    const unheard = lane.members.filter((member) => loadedAhead.includes(member.position.taskId)).length;
    if (lane.loaded === loaded - unheard) return;
    this.#forget(lane);
    lane.loaded = loaded - unheard;
  }

  /**
   * Writes the states of these series as the task's predecessors leave them to `into`, `stateLength` doubles each, the
   * first NaN for a series without one. `last`: the greatest symbol among them. Waits until every running predecessor
   * is past it. Once the task has left, nothing is written any more: the memory may be another's.
   */
  async states(
    taskId: number,
    laneName: string,
    seriesIds: Int32Array,
    last: string,
    into: Float64Array,
  ): Promise<void> {
    const lane = this.#lane(laneName);
    const member = this.#member(lane, taskId);
    await this.#until(lane, taskId, () => {
      for (const other of lane.members) {
        if (other === member) return true;
        if (other.complete) continue;
        if (other.frontier === null || !sortsBefore(last, other.frontier)) return false;
      }
      return true;
    });
    const ahead = lane.members.slice(0, lane.members.indexOf(member)).reverse();
    const tables = [...ahead.map((other) => other.published), lane.committed];
    const nearest = tables[0]!;
    const others = tables.slice(1);
    const slots = lane.slots.slotsOf(seriesIds);
    const length = this.#stateLength;
    const missing: number[] = [];
    let i = nearest.copyKnown(slots, 0, into);
    while (i < slots.length) {
      // One by one: a run of another's states would pass over what nearer ones know.
      if (!others.some((table) => table.copyTo(slots[i]!, into, i * length))) missing.push(i);
      i++;
      i += nearest.copyKnown(slots, i, into);
    }
    if (missing.length > 0) {
      const { epoch } = lane;
      const read = await this.#read(missing.map((i) => seriesIds[i]!));
      if (!lane.members.includes(member)) throw ended();
      for (const i of missing) {
        const slot = slots[i]!;
        // A predecessor may have committed while we read: what it left counts, not what we read.
        if (lane.committed.copyTo(slot, into, i * length)) continue;
        const states = read.get(seriesIds[i]!);
        if (states === undefined) into[i * length] = Number.NaN;
        else into.set(states, i * length);
        if (lane.epoch === epoch) lane.committed.put(slot, states ?? null, 0);
      }
    }
  }

  /** Series of a running task that are final in it. */
  publish(
    taskId: number,
    laneName: string,
    seriesIds: Int32Array,
    states: Float64Array,
    frontier: string | null,
    complete: boolean,
  ): void {
    const lane = this.#lanes.get(laneName);
    const member = lane?.members.find((one) => one.position.taskId === taskId);
    if (lane === undefined || member === undefined) return; // it was aborted while this was on its way
    member.published.putAll(lane.slots.slotsOf(seriesIds), states);
    if (frontier !== null) member.frontier = frontier;
    if (complete) member.complete = true;
    this.#wake(lane);
  }

  /** Resolves when no earlier task of the lane runs here. */
  async turn(taskId: number, laneName: string): Promise<void> {
    const lane = this.#lane(laneName);
    await this.#until(lane, taskId, () => lane.members[0]?.position.taskId === taskId);
  }

  /** The task has committed. `rewrote`: it changed states of series otherwise than by what it published. */
  commit(taskId: number, laneName: string, rewrote: boolean): void {
    const lane = this.#lanes.get(laneName);
    if (lane === undefined) return;
    const index = lane.members.findIndex((member) => member.position.taskId === taskId);
    if (index === -1) return;
    const [member] = lane.members.splice(index, 1);
    lane.loaded++;
    if (rewrote) this.#forget(lane);
    else lane.committed.take(member!.published);
    this.#ended(member!);
    this.#tidy(laneName, lane);
  }

  /** What the task has published is void. Returns the tasks behind it that may have used it. */
  withdraw(taskId: number, laneName: string): number[] {
    const lane = this.#lanes.get(laneName);
    const index = lane?.members.findIndex((member) => member.position.taskId === taskId) ?? -1;
    if (lane === undefined || index === -1) return [];
    const member = lane.members[index]!;
    const used = !member.published.isEmpty;
    member.published.clear();
    member.frontier = null;
    member.complete = false;
    return used ? lane.members.slice(index + 1).map((one) => one.position.taskId) : [];
  }

  /** The task ends without a commit. Returns the tasks behind it, which must be aborted if it had published anything. */
  leave(taskId: number, laneName: string): number[] {
    const lane = this.#lanes.get(laneName);
    if (lane === undefined) return [];
    const index = lane.members.findIndex((member) => member.position.taskId === taskId);
    if (index === -1) return [];
    const [member] = lane.members.splice(index, 1);
    const gone = lane.waiters.filter((waiter) => waiter.taskId === taskId);
    lane.waiters = lane.waiters.filter((waiter) => waiter.taskId !== taskId);
    for (const waiter of gone) waiter.reject(ended());
    const behind = member!.published.isEmpty ? [] : lane.members.slice(index);
    this.#ended(member!);
    this.#tidy(laneName, lane);
    return behind.map((one) => one.position.taskId);
  }

  #lane(name: string): Lane {
    const lane = this.#lanes.get(name);
    if (lane === undefined)
      throw new BackhaulError({ kind: 'internal', message: `no task of lane ${name} runs` });
    return lane;
  }

  #member(lane: Lane, taskId: number): Member {
    const member = lane.members.find((one) => one.position.taskId === taskId);
    if (member === undefined) throw ended();
    return member;
  }

  #ended({ published }: Member): void {
    published.clear();
    if (this.#spare.length < this.#running) this.#spare.push(published);
    this.#running--;
  }

  #table(): StateTable {
    return new StateTable(this.#stateLength);
  }

  #forget(lane: Lane): void {
    lane.committed = this.#table();
    lane.epoch++;
  }

  async #until(lane: Lane, taskId: number, ready: () => boolean): Promise<void> {
    if (ready()) return;
    await new Promise<void>((resolve, reject) => lane.waiters.push({ taskId, ready, resolve, reject }));
  }

  #wake(lane: Lane): void {
    const still: Waiter[] = [];
    for (const waiter of lane.waiters) {
      if (waiter.ready()) waiter.resolve();
      else still.push(waiter);
    }
    lane.waiters = still;
  }

  /** A lane of one series is dropped when nothing runs in it: 9,800 pairs must not stay in memory. */
  #tidy(name: string, lane: Lane): void {
    this.#wake(lane);
    if (lane.members.length === 0 && !name.includes('/*/')) this.#lanes.delete(name);
  }
}
