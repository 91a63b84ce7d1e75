/** Sees that the leaf partitions exist before rows go to them. */

import type { BarColumns } from '../../bars/columns.ts';
import { KnownLeaves, type Leaf, monthLeaf, monthlyRows } from '../../copy/leaf.ts';
import type { AttemptParts } from './attempt_parts.ts';

/** Leaves known to exist in the database this thread writes to. */
let known = new KnownLeaves();

/** The next load may be into another database. */
export function forgetLeaves(): void {
  known = new KnownLeaves();
}

/** About. */
const BYTES_A_RECORD = 60;

/** The leaf of a bar whose leaf has been seen to. */
export function knownLeaf(tsUs: number): Leaf {
  return known.at(tsUs)!;
}

/**
 * The leaves that rows `[0, rows)` go to exist when this resolves; `standing`: those made for them have their key. Asks
 * only for months this thread has not met. How wide new ones become is decided by how close together these rows lie, or by
 * `expected`, the rows of a month.
 */
export async function ensureLeaves(
  { client, link, task }: AttemptParts,
  cols: BarColumns,
  rows: number,
  standing = false,
  expected: number | null = null,
): Promise<void> {
  if (client === null) return;
  const { hypertable } = task.settings;
  const unknown = new Set<number>();
  let leaf: Leaf | null = null;
  for (let row = 0; row < rows; row++) {
    const stamp = cols.ts[row]!;
    if (leaf !== null && stamp >= leaf.fromUs && stamp < leaf.toUs) continue;
    leaf = known.at(stamp) ?? monthLeaf(stamp);
    // Chunks need not begin with a month.
    if (known.at(stamp) === undefined) unknown.add(hypertable ? stamp : leaf.fromUs);
  }
  if (unknown.size === 0) return;
  const { order, intervalS } = task.plan;
  // A file in the order of time becomes longer with its records; any other one has as many again in the same time.
  const batches = order === 'time' ? 1 : Math.max(1, task.sizeBytes / BYTES_A_RECORD / rows);
  const rowsAMonth = expected ?? batches * densityOf(cols.ts, rows, intervalS * 1e6);
  const leaves = await link.ask({ kind: 'partitions', stamps: [...unknown], rowsAMonth, standing });
  for (const one of leaves) known.add(one);
}

function densityOf(ts: Float64Array, rows: number, intervalUs: number): number {
  let first = ts[0]!;
  let last = first;
  for (let row = 1; row < rows; row++) {
    const stamp = ts[row]!;
    if (stamp < first) first = stamp;
    if (stamp > last) last = stamp;
  }
  return monthlyRows(rows, first, last, intervalUs);
}
