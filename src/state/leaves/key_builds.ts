/** In which order keys are built, and by how many processes. Pure. */

/** A leaf without its key. */
export interface Keyless {
  readonly name: string;
  readonly bytes: number;
}

/** A key to be built; `alone`: by one process, else by as many as the server gives. */
export interface KeyBuild {
  readonly name: string;
  readonly alone: boolean;
}

/** To go before the statement that builds a key alone; holds until the transaction ends. */
export const ALONE = 'SET LOCAL max_parallel_maintenance_workers = 0';

/**
 * The builds, largest first, where `concurrency` of them run at a time. Side by side, builds of one process each keep
 * the cores busy for less CPU than processes that sort one leaf together and wait while one of them merges. So as many
 * go alone as make full turns; what is left over, and a leaf so large that all would wait for it, has helpers.
 */
export function keyBuilds(leaves: readonly Keyless[], concurrency: number): KeyBuild[] {
  const sorted = leaves.toSorted((a, b) => b.bytes - a.bytes || (a.name < b.name ? -1 : 1));
  const total = sorted.reduce((sum, { bytes }) => sum + bytes, 0);
  const inTurns = sorted.length - (sorted.length % concurrency);
  return sorted.map(({ name, bytes }, i) => ({
    name,
    alone: i < inTurns && bytes * concurrency <= 2 * total,
  }));
}
