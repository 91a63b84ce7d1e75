/** Sees that the leaf partitions exist before rows go to them. */

import type { BarColumns } from '../../bars/columns.ts';
import { leafOf } from '../../copy/leaf.ts';
import type { AttemptParts } from './parts.ts';

/** Leaves known to exist in the database this thread writes to. */
const knownLeaves = new Set<string>();

/**
 * The leaves that rows `[0, rows)` go to exist when this resolves; `standing`: those made for them have their key. Asks
 * only for months this thread has not met.
 */
export async function ensureLeaves(
  { client, link }: AttemptParts,
  cols: BarColumns,
  rows: number,
  standing = false,
): Promise<void> {
  if (client === null) return;
  const unknown: number[] = [];
  let leaf = leafOf(cols.ts[0]!);
  if (!knownLeaves.has(leaf.name)) unknown.push(leaf.fromUs);
  for (let row = 1; row < rows; row++) {
    const stamp = cols.ts[row]!;
    if (stamp >= leaf.fromUs && stamp < leaf.toUs) continue;
    leaf = leafOf(stamp);
    if (!knownLeaves.has(leaf.name) && !unknown.includes(leaf.fromUs)) unknown.push(leaf.fromUs);
  }
  if (unknown.length === 0) return;
  await link.ask({ kind: 'partitions', stamps: unknown, standing });
  for (const stamp of unknown) knownLeaves.add(leafOf(stamp).name);
}
