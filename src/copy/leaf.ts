/** Which partition of `bars` a bar belongs to: leaves of whole calendar months, UTC. Pure. */

/** A leaf partition: its table's name (without schema) and its range `[fromUs, toUs)` in µs since 1970. */
export interface Leaf {
  readonly name: string;
  readonly fromUs: number;
  readonly toUs: number;
}

/** Months a leaf may have when it is made. */
export type LeafMonths = 1 | 12 | 120;

/** A leaf of fewer rows costs more than they do: making one, its key and its place take some 20 ms. */
const WORTH_A_LEAF = 5_000;

/** How many months a leaf is made for, where so many rows are expected in one. */
export function leafMonths(rowsAMonth: number): LeafMonths {
  if (rowsAMonth >= WORTH_A_LEAF) return 1;
  return rowsAMonth * 12 >= WORTH_A_LEAF ? 12 : 120;
}

const DAYS_A_MONTH = 30.44;

/** Rows a month of data like these: `rows` of them that open from `firstUs` to `lastUs`, the last for `intervalUs`. */
export function monthlyRows(rows: number, firstUs: number, lastUs: number, intervalUs: number): number {
  return (rows / (lastUs - firstUs + intervalUs)) * DAYS_A_MONTH * 86_400e6;
}

/** A calendar month, counted from year 0. */
function monthOf(tsUs: number): number {
  const date = new Date(Math.floor(tsUs / 1000));
  return date.getUTCFullYear() * 12 + date.getUTCMonth();
}

function startUs(month: number): number {
  const date = new Date(0);
  date.setUTCFullYear(Math.floor(month / 12), month % 12, 1);
  return date.getTime() * 1000;
}

function nameOf(month: number): string {
  const year = String(Math.floor(month / 12)).padStart(4, '0');
  return `${year}_${String((month % 12) + 1).padStart(2, '0')}`;
}

function leafFor(from: number, to: number): Leaf {
  const name = to - from === 1 ? `bars_${nameOf(from)}` : `bars_${nameOf(from)}_to_${nameOf(to - 1)}`;
  return { name, fromUs: startUs(from), toUs: startUs(to) };
}

const ofMonth = new Map<number, Leaf>();

/** The calendar month of a bar that opens at `tsUs` (µs since 1970, UTC), as a leaf of its own. One object a month. */
export function monthLeaf(tsUs: number): Leaf {
  const month = monthOf(tsUs);
  let leaf = ofMonth.get(month);
  if (leaf === undefined) {
    leaf = leafFor(month, month + 1);
    ofMonth.set(month, leaf);
  }
  return leaf;
}

/** The month, year or decade that a bar at `tsUs` opens in. */
export function wideLeaf(tsUs: number, months: LeafMonths): Leaf {
  const month = monthOf(tsUs);
  const from = month - (month % months);
  return leafFor(from, from + months);
}

/** What is left of `leaf` around `tsUs` between the leaves that stand, which are of whole months and do not hold it. */
export function cutLeaf(leaf: Leaf, tsUs: number, standing: readonly Leaf[]): Leaf {
  let { fromUs, toUs } = leaf;
  for (const other of standing) {
    if (other.toUs <= tsUs) fromUs = Math.max(fromUs, other.toUs);
    else toUs = Math.min(toUs, other.fromUs);
  }
  return leafFor(monthOf(fromUs), monthOf(toUs));
}

/** Leaves that are known to stand. They do not overlap. */
export class KnownLeaves {
  /** Sorted by time. */
  readonly #leaves: Leaf[] = [];

  /** The leaf that bars at `tsUs` belong to, if it is known. One object a leaf. */
  at(tsUs: number): Leaf | undefined {
    const leaf = this.#leaves[this.#after(tsUs) - 1];
    return leaf !== undefined && tsUs < leaf.toUs ? leaf : undefined;
  }

  /** Adds a leaf, if it is not known. */
  add(leaf: Leaf): void {
    if (this.at(leaf.fromUs) === undefined) this.#leaves.splice(this.#after(leaf.fromUs), 0, leaf);
  }

  /** How many begin at `tsUs` or before. */
  #after(tsUs: number): number {
    let low = 0;
    let high = this.#leaves.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#leaves[middle]!.fromUs <= tsUs) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** The rows of a batch that go to one leaf: all of `[from, to)` when `rows` is null, else those listed, in order. */
export interface LeafRows {
  readonly leaf: Leaf;
  readonly rows: Int32Array | null;
  readonly from: number;
  readonly to: number;
}

/**
 * Splits rows `[0, rows)` by leaf, keeping their order inside each; `leafOf` tells a bar's. A batch within one leaf, the
 * common case of day files, is not copied. Leaves come in the order of time, so that two workers open them in the same
 * order.
 */
export function splitByLeaf(ts: Float64Array, rows: number, leafOf: (tsUs: number) => Leaf): LeafRows[] {
  if (rows === 0) return [];
  let leaf = leafOf(ts[0]!);
  let first = 1;
  while (first < rows && ts[first]! >= leaf.fromUs && ts[first]! < leaf.toUs) first++;
  if (first === rows) return [{ leaf, rows: null, from: 0, to: rows }];
  const leaves = new Map<Leaf, number>();
  const rowLeaf: Leaf[] = [];
  for (let row = 0; row < rows; row++) {
    const stamp = ts[row]!;
    if (stamp < leaf.fromUs || stamp >= leaf.toUs) leaf = leafOf(stamp);
    rowLeaf.push(leaf);
    leaves.set(leaf, (leaves.get(leaf) ?? 0) + 1);
  }
  const lists = new Map<Leaf, { rows: Int32Array; length: number }>();
  for (const [one, count] of leaves) lists.set(one, { rows: new Int32Array(count), length: 0 });
  for (let row = 0; row < rows; row++) {
    const list = lists.get(rowLeaf[row]!)!;
    list.rows[list.length++] = row;
  }
  return [...lists]
    .sort(([a], [b]) => a.fromUs - b.fromUs)
    .map(([one, list]) => ({ leaf: one, rows: list.rows, from: 0, to: list.length }));
}
