/** One load among those that bring the same together: whose turn it is to list, and what all of them came to. */

import { createHash } from 'node:crypto';
import type { Pool } from 'pg';
import { pause } from '../base/pause.ts';
import {
  broughtBy,
  firstOfRun,
  leaveShare,
  listedBefore,
  listingOf,
  listingTurn,
  noteListing,
  type Place,
  sharersOf,
  stillAtWork,
} from '../state/runs/shared_run_record.ts';
import { unfinished } from '../state/tasks/lane_standing.ts';
import type { RejectSummary, RowCounts } from '../workers/link/task_result.ts';
import { acrossRestarts, type Patience } from '../workers/restarts.ts';
import type { LoadOptions, LoadSummary, RunHost } from './load_events.ts';
import type { Listing, Share } from './run_share.ts';

/** Between two looks at what the others do. */
const LOOK_MS = 250;
/**
 * Whoever comes late has the sources listed again, for what is new in them; all who come within this share that listing,
 * ms. Where nothing is left to load meanwhile nobody waits for it.
 */
const LISTED_EVERY_MS = 60_000;
/** Who gives no sign of life for so long is waited for no longer, whatever the lease: signs come every two seconds. */
const LEAST_PATIENCE_MS = 5_000;
/** Failures that a summary lists. */
const MAX_FAILURES = 100;

/** What belongs to the machine and not to the work. */
const OF_THE_HOST = new Set([
  'sources',
  'sourceOptions',
  'databaseUrl',
  'workers',
  'cpuTarget',
  'dryRun',
  'batchBytes',
  'leaseMs',
  'drainMs',
  'distribute',
  'compressAfterS',
]);

/** Equal for loads that bring the same: sources by their addresses, and all that decides what is made of them. */
export function workOf(options: LoadOptions, uris: readonly string[]): string {
  const rest = Object.entries(options).filter(([name]) => !OF_THE_HOST.has(name));
  const { endpointUrl = null } = options.sourceOptions;
  const all = [[...uris].sort(), endpointUrl, rest.sort(([a], [b]) => (a < b ? -1 : 1))];
  return createHash('sha256').update(JSON.stringify(all)).digest('hex');
}

export class SharedRun {
  readonly #db: Pool;
  readonly #place: Place;
  readonly #patience: Patience;
  readonly #reload: boolean;

  private constructor(db: Pool, place: Place, patience: Patience, reload: boolean) {
    this.#db = db;
    this.#place = place;
    this.#patience = patience;
    this.#reload = reload;
  }

  /** `reload`: all is to be loaded again, once: whoever joins does not list anew. */
  static async of(db: Pool, runId: number, patience: Patience, reload: boolean): Promise<SharedRun> {
    const first = await acrossRestarts(patience, () => firstOfRun(db, runId));
    const leaseMs = Math.max(LEAST_PATIENCE_MS, patience.leaseMs);
    return new SharedRun(db, { runId, first, leaseMs }, patience, reload);
  }

  /** The number of the run that all share. */
  get runId(): number {
    return this.#place.first;
  }

  /**
   * Waits, where the run's last listing ended before this load began, until it is time for another one: what has been
   * found is loaded first. `late` is called where that is so.
   */
  async timeToList(signal: AbortSignal, late: () => void): Promise<void> {
    if (this.#reload) return;
    for (let isFirst = true; ; isFirst = false) {
      const agoMs = await acrossRestarts(this.#patience, () => listedBefore(this.#db, this.#place));
      if (agoMs === null) return;
      if (isFirst) late();
      if (agoMs >= LISTED_EVERY_MS) return;
      const { pending } = await acrossRestarts(this.#patience, () => unfinished(this.#db));
      if (pending === 0) return;
      await pause(LOOK_MS * (0.5 + Math.random()), signal);
      signal.throwIfAborted();
    }
  }

  /** Null: it is this one's turn to list. Else what another has found, once it has; `waiting` is called if it has not yet. */
  async turnToList(signal: AbortSignal, waiting: () => void): Promise<Listing | null> {
    for (let isFirst = true; ; isFirst = false) {
      signal.throwIfAborted();
      const turn = await acrossRestarts(this.#patience, () =>
        listingTurn(this.#db, this.#place, this.#reload),
      );
      if (turn === 'list') return null;
      if (turn !== 'wait') return turn.listing as Listing;
      if (isFirst) waiting();
      await pause(LOOK_MS * (0.5 + Math.random()), signal);
    }
  }

  async noteListing(listing: Listing): Promise<void> {
    await acrossRestarts(this.#patience, () => noteListing(this.#db, this.#place, listing));
  }

  /** Leaves this one's share, waits for those of the others, and tells the whole; alone it is `own`. */
  async whole(own: LoadSummary, share: Share, signal: AbortSignal): Promise<LoadSummary> {
    const { runId, first } = this.#place;
    await acrossRestarts(this.#patience, () => leaveShare(this.#db, runId, share));
    while ((await acrossRestarts(this.#patience, () => stillAtWork(this.#db, this.#place))) > 0) {
      if (signal.aborted) return own;
      await pause(LOOK_MS, signal);
    }
    return acrossRestarts(this.#patience, async () => {
      const sharers = await sharersOf<Share>(this.#db, first);
      if (sharers.length <= 1) return own;
      const listing = (await listingOf(this.#db, first)) as Listing | null;
      const shares = await Promise.all(
        sharers.map(async ({ owner, share: left }) => left ?? shareOf(await broughtBy(this.#db, owner))),
      );
      const hosts = sharers.map(({ runId: id, host, state }, i) => ({
        runId: id,
        host: host ?? '',
        state,
        files: shares[i]!.tasks.loaded,
        rows: shares[i]!.rows.loaded,
      }));
      const whole = wholeOf(own, first, listing, shares, hosts);
      // Of one that was killed while it listed, the next listing has found files loaded already.
      const isTakenOver = sharers.some(({ share: left }) => left === null);
      if (listing === null || !isTakenOver) return whole;
      const { loaded, failed, skipped } = whole.tasks;
      const rest = listing.toDo + listing.tasks.unchanged + listing.tasks.failed - loaded - failed;
      const unchanged = Math.max(0, Math.min(whole.tasks.unchanged, rest));
      return { ...whole, tasks: { ...whole.tasks, skipped, unchanged } };
    });
  }
}

/** Of one that ended without a word, as far as the tables tell. */
function shareOf({ tasks, bytes, ...counts }: Awaited<ReturnType<typeof broughtBy>>): Share {
  return {
    tasks: { loaded: tasks, failed: 0 },
    rows: { ...counts, outside: 0, trades: 0 },
    bytes,
    inflatedBytes: 0,
    peakWorkers: 0,
    seriesIds: [],
    firstTs: null,
    lastTs: null,
    finishSeconds: 0,
    failures: [],
    rejects: [],
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}

function addedRows(shares: readonly Share[]): RowCounts {
  const rows = { ...shares[0]!.rows };
  for (const name of Object.keys(rows) as (keyof RowCounts)[])
    rows[name] = sum(shares.map((share) => share.rows[name]));
  return rows;
}

function addedRejects(shares: readonly Share[]): RejectSummary[] {
  const byReason = new Map<string, RejectSummary>();
  for (const reject of shares.flatMap(({ rejects }) => rejects)) {
    const seen = byReason.get(reject.reason);
    byReason.set(reject.reason, seen === undefined ? reject : { ...seen, count: seen.count + reject.count });
  }
  return [...byReason.values()].sort((a, b) => b.count - a.count);
}

/** The sum of the shares; what was found is told by the listing that all went by. */
function wholeOf(
  own: LoadSummary,
  runId: number,
  listing: Listing | null,
  shares: readonly Share[],
  hosts: readonly RunHost[],
): LoadSummary {
  // A file that one has failed at is found failed by the listing of another: it counts once.
  const failures = new Map(
    [...(listing?.failures ?? []), ...shares.flatMap((share) => share.failures)].map((failure) => [
      `${failure.uri}\0${failure.entry ?? ''}`,
      failure,
    ]),
  );
  const told = (listing?.tasks.failed ?? 0) + sum(shares.map(({ tasks }) => tasks.failed));
  const failed = told > MAX_FAILURES ? told : failures.size;
  const rows = addedRows(shares);
  const inflatedBytes = sum(shares.map((share) => share.inflatedBytes));
  const firsts = shares.flatMap(({ firstTs }) => firstTs ?? []);
  const lasts = shares.flatMap(({ lastTs }) => lastTs ?? []);
  const loaded = sum(shares.map(({ tasks }) => tasks.loaded));
  const found = listing ?? { ...own, tasks: own.tasks };
  return {
    ...own,
    runId,
    hosts,
    objects: found.objects,
    entries: found.entries,
    filtered: found.filtered,
    leftOut: found.leftOut,
    byRecords: found.byRecords,
    tasks: {
      loaded,
      failed,
      unchanged: found.tasks.unchanged,
      skipped: found.tasks.skipped,
      released: 0,
    },
    rows,
    bytes: sum(shares.map((share) => share.bytes)),
    inflatedBytes,
    rowsPerSecond: rows.loaded / own.seconds,
    inflatedBytesPerSecond: inflatedBytes / own.seconds,
    finishSeconds: Math.max(...shares.map((share) => share.finishSeconds)),
    peakWorkers: sum(shares.map((share) => share.peakWorkers)),
    series: new Set(shares.flatMap(({ seriesIds }) => seriesIds)).size,
    firstTs: firsts.length === 0 ? null : firsts.reduce((a, b) => Math.min(a, b)),
    lastTs: lasts.length === 0 ? null : lasts.reduce((a, b) => Math.max(a, b)),
    failures: [...failures.values()].slice(0, MAX_FAILURES),
    rejects: addedRejects(shares),
    nothingToDo:
      loaded === 0 && failed === 0 && found.tasks.unchanged + found.tasks.skipped + found.leftOut > 0,
  };
}
