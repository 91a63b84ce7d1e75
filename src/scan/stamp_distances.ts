/** How far apart records lie: what a file that is not of the bars it is said to be is told by. */

/** Records looked at: most of a file goes on as it begins. */
const MOST_SEEN = 1_000;

export class StampDistances {
  /** By series: the last stamp, µs. */
  readonly #last = new Map<number, number>();
  /** Distances between neighbours of a series, µs, whichever way the file runs. */
  readonly #counts = new Map<number, number>();
  #seen = 0;

  get isFull(): boolean {
    return this.#seen >= MOST_SEEN;
  }

  /** The next record of the file. */
  see(series: number, us: number): void {
    if (this.isFull) return;
    this.#seen++;
    const last = this.#last.get(series);
    this.#last.set(series, us);
    if (last === undefined || last === us) return;
    const apart = Math.abs(us - last);
    this.#counts.set(apart, (this.#counts.get(apart) ?? 0) + 1);
  }

  /** The distance that stands most often, of equal ones the least; null where no series has two records. */
  get mostUs(): number | null {
    let most: number | null = null;
    let times = 0;
    for (const [apart, count] of this.#counts) {
      if (count < times || (count === times && apart > most!)) continue;
      most = apart;
      times = count;
    }
    return most;
  }

  /** Whether most of the distances, at least three, are less than `us`. */
  areBelow(us: number): boolean {
    let all = 0;
    let below = 0;
    for (const [apart, count] of this.#counts) {
      all += count;
      if (apart < us) below += count;
    }
    return below >= 3 && 2 * below > all;
  }
}
