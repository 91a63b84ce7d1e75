import { apiOf } from './find_holes.ts';
import type { Gap } from './gap_store.ts';

/** What there is to say of many gaps in a few words; none is kept. */
export class GapTally {
  open = 0;
  filled = 0;
  /** Bars missing. */
  candles = 0;
  /** Open ones within the quick API's reach, and those that the slow one fills. */
  reachable = 0;
  slow = 0;
  /** Whether a file is named for any of them. */
  hasFile = false;
  readonly venues = new Set<string>();
  /** Series with an open one. */
  readonly series = new Set<number>();

  constructor(gaps: Iterable<Gap> = []) {
    for (const gap of gaps) this.take(gap);
  }

  get count(): number {
    return this.open + this.filled;
  }

  take(gap: Gap): void {
    this.venues.add(gap.venue);
    if (gap.state === 'filled') {
      this.filled++;
      return;
    }
    this.open++;
    this.candles += gap.candles;
    this.series.add(gap.seriesId);
    if (gap.file !== null) this.hasFile = true;
    const api = apiOf(gap);
    if (api === 'kraken') this.reachable++;
    else if (api === 'kraken-trades') this.slow++;
  }
}
