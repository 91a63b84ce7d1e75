/** Which partition of `bars` a bar belongs to: one leaf a calendar month, UTC. Pure. */

/** A leaf partition: its table's name (without schema) and its range `[fromUs, toUs)` in µs since 1970. */
export interface Leaf {
  readonly name: string;
  readonly fromUs: number;
  readonly toUs: number;
}

const known = new Map<number, Leaf>();

/** The leaf of a bar that opens at `tsUs` (µs since 1970, UTC). Leaves are cached: one object a month. */
export function leafOf(tsUs: number): Leaf {
  const date = new Date(Math.floor(tsUs / 1000));
  const year = date.getUTCFullYear();
  const month = date.getUTCMonth();
  const key = year * 12 + month;
  let leaf = known.get(key);
  if (leaf === undefined) {
    leaf = {
      name: `bars_${String(year).padStart(4, '0')}_${String(month + 1).padStart(2, '0')}`,
      fromUs: Date.UTC(year, month, 1) * 1000,
      toUs: Date.UTC(year, month + 1, 1) * 1000,
    };
    known.set(key, leaf);
  }
  return leaf;
}

/** The rows of a batch that go to one leaf: all of `[from, to)` when `rows` is null, else those listed, in order. */
export interface LeafRows {
  readonly leaf: Leaf;
  readonly rows: Int32Array | null;
  readonly from: number;
  readonly to: number;
}

/**
 * Splits rows `[from, to)` by leaf, keeping their order inside each. A batch within one month, the common case of
 * day files, is not copied. Leaves come in the order of time, so that two workers open them in the same order.
 */
export function splitByLeaf(ts: Float64Array, from: number, to: number): LeafRows[] {
  if (from >= to) return [];
  let leaf = leafOf(ts[from]!);
  let first = from + 1;
  while (first < to && ts[first]! >= leaf.fromUs && ts[first]! < leaf.toUs) first++;
  if (first === to) return [{ leaf, rows: null, from, to }];
  const leaves = new Map<Leaf, number>();
  const rowLeaf: Leaf[] = [];
  for (let row = from; row < to; row++) {
    const stamp = ts[row]!;
    if (stamp < leaf.fromUs || stamp >= leaf.toUs) leaf = leafOf(stamp);
    rowLeaf.push(leaf);
    leaves.set(leaf, (leaves.get(leaf) ?? 0) + 1);
  }
  const lists = new Map<Leaf, { rows: Int32Array; length: number }>();
  for (const [one, count] of leaves) lists.set(one, { rows: new Int32Array(count), length: 0 });
  for (let row = from; row < to; row++) {
    const list = lists.get(rowLeaf[row - from]!)!;
    list.rows[list.length++] = row;
  }
  return [...lists]
    .sort(([a], [b]) => a.fromUs - b.fromUs)
    .map(([one, list]) => ({ leaf: one, rows: list.rows, from: 0, to: list.length }));
}
