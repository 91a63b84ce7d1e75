/** Under which of its spellings a market stands: what a load plans is named so. */

import type { PlannedTask } from '../producer/planning/found_task.ts';
import { laneOf } from '../state/series/series_name.ts';

/** Tells under which of the spellings series of the plan's venue and interval stand. */
export type ReadStanding = (
  plan: Pick<PlannedTask['plan'], 'venue' | 'intervalS'>,
  spellings: readonly string[],
) => Promise<ReadonlySet<string>>;

/**
 * One market is one series, whichever of its spellings a file bears. A market keeps the name it stands under; a new one
 * gets the name its files bear; and where the files of one listing differ, the archive's own spelling. So a name never
 * depends on the order in which files are found, nor on how a user spells what he asks for.
 */
export class MarketNames {
  readonly #read: ReadStanding;
  /** Spellings under which a market stands already, by its {@link keyOf}. */
  readonly #standing = new Map<string, Promise<ReadonlySet<string>>>();
  /** Markets of this listing that some file spells as the archive does. */
  readonly #archives = new Set<string>();
  /** Files of other spellings: what the rest of the listing holds decides their name. */
  readonly #waiting: PlannedTask[] = [];

  constructor(read: ReadStanding) {
    this.#read = read;
  }

  /** The task under the name of its market; null where only the end of the listing will tell. */
  async named(task: PlannedTask): Promise<PlannedTask | null> {
    const { spellings, plan } = task;
    if (spellings === undefined || plan.symbol === null) return task;
    const stands = await this.#standingNames(task, spellings);
    const name = stands.has(plan.symbol) ? plan.symbol : spellings.find((one) => stands.has(one));
    if (name !== undefined) return renamed(task, name);
    if (plan.symbol === spellings[0]) {
      this.#archives.add(keyOf(task, spellings));
      return task;
    }
    this.#waiting.push(task);
    return null;
  }

  /** The tasks that have waited, once all others are named. */
  rest(): PlannedTask[] {
    const first = new Map<string, string>();
    for (const task of this.#waiting) {
      const key = keyOf(task, task.spellings!);
      const symbol = task.plan.symbol!;
      const other = first.get(key);
      if (other === undefined || symbol < other) first.set(key, symbol);
    }
    return this.#waiting.splice(0).map((task) => {
      const key = keyOf(task, task.spellings!);
      return renamed(task, this.#archives.has(key) ? task.spellings![0]! : first.get(key)!);
    });
  }

  #standingNames(task: PlannedTask, spellings: readonly string[]): Promise<ReadonlySet<string>> {
    const key = keyOf(task, spellings);
    let standing = this.#standing.get(key);
    if (standing === undefined) {
      standing = this.#read(task.plan, spellings);
      this.#standing.set(key, standing);
    }
    return standing;
  }
}

function renamed(task: PlannedTask, symbol: string): PlannedTask {
  if (symbol === task.plan.symbol) return task;
  const plan = { ...task.plan, symbol };
  return { ...task, plan, lane: laneOf({ ...plan, symbol }) };
}

/** A market and an interval: the least of the spellings stands for all. */
function keyOf({ plan }: PlannedTask, spellings: readonly string[]): string {
  return `${plan.intervalS} ${plan.venue}\n${spellings.toSorted()[0]!}`;
}
