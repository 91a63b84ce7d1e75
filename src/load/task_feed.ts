/** Lists the sources of a load and brings what they hold into the task table, while what is there already loads. */

import type { Pool } from 'pg';
import { DigestSet } from '../base/digest_set.ts';
import { killPoint } from '../base/kill_points.ts';
import { interval as intervalText } from '../base/quantities.ts';
import { makes } from '../buckets/rollup_rule.ts';
import { BackhaulError } from '../faults/fault.ts';
import { openSource } from '../producer/open_source.ts';
import { discover } from '../producer/planning/discover.ts';
import type { DiscoveredTask, PlannedTask, SelectTask } from '../producer/planning/found_task.ts';
import { sequenced } from '../producer/planning/sequence.ts';
import type { Source } from '../producer/sources/source.ts';
import { ensureExtraColumns } from '../state/schema/extra_columns.ts';
import { noteRollups, type Rollup } from '../state/series/rollups.ts';
import { standingSymbols } from '../state/series/series_rows.ts';
import type { ListingWish } from '../state/tasks/listing_decision.ts';
import { failedAmong, previewTasks, refusedAmong, upsertTasks } from '../state/tasks/task_listing.ts';
import { vanishedObjects } from '../state/tasks/vanished.ts';
import { acrossRestarts, type Patience } from '../workers/restarts.ts';
import type { LoadOptions, LoadReporter } from './load_events.ts';
import { MarketNames } from './market_names.ts';
import type { RunTally } from './run_tally.ts';
import type { SharedRun } from './shared_run.ts';

/** Vanished objects that are named; all are counted. */
const VANISHED_NAMED = 3;
/** Tasks put into the database at once. */
const SLICE = 1_000;
/** What a remote listing has found is stored this often, so that loading need not wait for a thousand tasks. */
const REMOTE_STORE_MS = 250;

/** Finds what the sources hold and puts it into the task table, while tasks found earlier are being loaded. */
export class TaskFeed {
  readonly #options: LoadOptions;
  readonly #reporter: LoadReporter;
  readonly #tally: RunTally;
  readonly #ended = new AbortController();
  #sources: readonly Source[] = [];
  #claimable: () => void = () => {};
  readonly #mayClaim: Promise<void>;
  #select: SelectTask | null = null;
  /** Of the bars that were found, s. */
  readonly #intervals = new Set<number>();
  #refusal: BackhaulError | null = null;
  /** No more tasks will come. */
  done = false;

  constructor(options: LoadOptions, reporter: LoadReporter, tally: RunTally) {
    this.#options = options;
    this.#reporter = reporter;
    this.#tally = tally;
    this.#mayClaim = new Promise((resolve) => {
      this.#claimable = resolve;
    });
  }

  /** Of the tasks found from now on, these alone are wanted, and of each the range it is given. */
  select(select: SelectTask | null): void {
    this.#select = select;
  }

  /** Opens every source; throws for one that is not there or cannot be read. */
  async open(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.#sources = await Promise.all(
      this.#options.sources.map((spec) => openSource(spec, this.#options.sourceOptions)),
    );
  }

  /**
   * Resolves when tasks may be claimed. A local listing takes less time than one file: it is waited for, so that
   * every lane begins with its first file. A remote one may have thousands of pages: loading starts with the first.
   */
  mayClaim(): Promise<void> {
    return this.#mayClaim;
  }

  /** Addresses of the sources, once they are open. */
  get uris(): readonly string[] {
    return this.#sources.map(({ uri }) => uri);
  }

  /** Part of what is found is wanted, by what stands in the database. */
  get isSelective(): boolean {
    return this.#select !== null;
  }

  /** Some of the files have to come over a network. */
  get isRemote(): boolean {
    return this.#sources.some((source) => !source.uri.startsWith('file:'));
  }

  stop(): void {
    this.#ended.abort();
  }

  /**
   * Lists, plans and stores, unless another load of the run does; then this one waits for that, and lists itself if the
   * other dies. Calls `onTasks` whenever there is something new to claim.
   */
  async run(
    db: Pool,
    runId: number,
    shared: SharedRun,
    drain: AbortSignal,
    patience: Patience,
    onTasks: () => void,
  ): Promise<void> {
    const started = performance.now();
    const remote = this.isRemote;
    const signal = AbortSignal.any([drain, this.#ended.signal]);
    let slice: DiscoveredTask[] = [];
    const seen = new DigestSet();
    const names = new MarketNames(({ venue, intervalS }, spellings) =>
      acrossRestarts(patience, () => standingSymbols(db, venue, intervalS, spellings)),
    );
    const store = async (tasks: readonly DiscoveredTask[]): Promise<void> => {
      for (let at = 0; at < tasks.length; at += SLICE) {
        const some = tasks.slice(at, at + SLICE);
        killPoint('discovery.listed');
        await acrossRestarts(patience, () =>
          ensureExtraColumns(
            db,
            some.flatMap(({ plan }) => plan ?? []),
          ),
        );
        await acrossRestarts(patience, () => noteRollups(db, this.#rollupsOf(some)));
        const counts = await acrossRestarts(patience, () => upsertTasks(db, runId, some, this.#wish));
        killPoint('discovery.stored');
        const failures =
          counts.failed === 0 ? [] : await acrossRestarts(patience, () => failedAmong(db, some));
        this.#tally.stored(counts, failures);
        for (const task of await acrossRestarts(patience, () => refusedAmong(db, some, this.#wish)))
          if (task.plan === null) this.#tally.refused(task.uri, task.entry, task.fault);
      }
      if (remote) this.#claimable();
      onTasks();
    };
    try {
      await shared.timeToList(signal, () => {
        this.#claimable();
        onTasks();
      });
      const others = await shared.turnToList(signal, () => {
        this.#reporter({ type: 'note', level: 'info', message: 'another loader lists the sources' });
        // What it has found so far can be loaded meanwhile.
        if (remote) this.#claimable();
      });
      if (others !== null) {
        this.#tally.adopt(others);
        this.#tally.discovered((performance.now() - started) / 1000);
        return;
      }
      const pauseMs = remote ? REMOTE_STORE_MS : Number.POSITIVE_INFINITY;
      const found = orPause(this.#discovered(names, signal), () => slice.length > 0, pauseMs);
      for await (const task of sequenced(found, this.#options.sourceOptions, signal)) {
        if (task !== null) {
          seen.add(task.uri);
          if (task.plan !== null) this.#intervals.add(task.plan.intervalS);
          slice.push(task);
          if (slice.length < SLICE) continue;
        }
        await store(slice);
        slice = [];
      }
      this.#refuseRollups();
      await store(slice);
      await acrossRestarts(patience, () => this.#reportVanished(db, seen));
      await shared.noteListing(this.#tally.listing());
      this.#tally.discovered((performance.now() - started) / 1000);
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      this.done = true;
      this.#claimable();
      onTasks();
    }
  }

  /** Says which objects were loaded once and are gone now. A listing that leaves some out sees too little to tell. */
  async #reportVanished(db: Pool, seen: DigestSet): Promise<void> {
    const { fromUs, toUs, symbols, intervals } = this.#options;
    if (fromUs !== null || toUs !== null || symbols !== null || intervals !== null) return;
    if (this.#select !== null) return;
    for (const source of this.#sources) {
      const { count, some } = await vanishedObjects(db, source.uri, seen, VANISHED_NAMED);
      if (count === 0) continue;
      const names = some.join(', ') + (count > some.length ? ', …' : '');
      this.#reporter({
        type: 'note',
        level: 'warning',
        message: `${count} loaded before and not in the source any more (their bars stay): ${names}`,
      });
    }
  }

  /** Lists and plans, writes nothing; says of each task what a load would find. `db` is null where there are no tables. */
  async dryRun(db: Pool | null, signal: AbortSignal): Promise<void> {
    const started = performance.now();
    let slice: DiscoveredTask[] = [];
    // Where there are no tables yet, nothing stands.
    const names = new MarketNames(async ({ venue, intervalS }, spellings) =>
      db === null ? new Set() : standingSymbols(db, venue, intervalS, spellings),
    );
    for await (const task of sequenced(
      this.#discovered(names, signal),
      this.#options.sourceOptions,
      signal,
    )) {
      if (task.plan !== null) this.#intervals.add(task.plan.intervalS);
      slice.push(task);
      if (slice.length < SLICE) continue;
      await this.#preview(db, slice);
      slice = [];
    }
    this.#refuseRollups();
    await this.#preview(db, slice);
    this.#tally.discovered((performance.now() - started) / 1000);
  }

  /** What the tasks make of longer bars, as was asked for. */
  #rollupsOf(tasks: readonly DiscoveredTask[]): Rollup[] {
    const { rollups = [] } = this.#options;
    if (rollups.length === 0) return [];
    return tasks.flatMap(({ plan }) =>
      plan === null
        ? []
        : rollups
            .filter((rollupS) => makes(plan.intervalS, rollupS))
            .map((rollupS) => ({
              venue: plan.venue,
              symbol: plan.symbol,
              intervalS: plan.intervalS,
              rollupS,
            })),
    );
  }

  /** Fault `usage` for longer bars that none of those found can make. */
  #refuseRollups(): void {
    if (this.#intervals.size === 0) return;
    const there = [...this.#intervals].sort((a, b) => a - b);
    for (const rollupS of this.#options.rollups ?? []) {
      if (there.some((intervalS) => makes(intervalS, rollupS))) continue;
      const isShorter = rollupS <= there[0]!;
      this.#refusal = new BackhaulError({
        kind: 'usage',
        message: `--rollups: ${intervalText(rollupS)} bars cannot be made of ${there.map(intervalText).join(', ')} bars`,
        hint: isShorter
          ? 'longer bars are made of shorter ones'
          : 'bars are made of those that fill them: 1h of 5m, 15m or 30m; 1w and 1mo of what fills a day',
      });
      throw this.#refusal;
    }
  }

  /** Why nothing is to be loaded of what was found. */
  get refusal(): BackhaulError | null {
    return this.#refusal;
  }

  get #wish(): ListingWish {
    const { reload = false, layout, venue = null, interval = null } = this.#options;
    const sources = this.#sources.map(({ uri }) => uri);
    return { reload, sources, isNamed: layout !== 'auto' || venue !== null || interval !== null };
  }

  async #preview(db: Pool | null, tasks: readonly DiscoveredTask[]): Promise<void> {
    const states = db === null ? [] : await previewTasks(db, tasks, this.#wish);
    tasks.forEach((task, i) => {
      if (task.plan === null) {
        // What stands as it was read before, by a word that nobody says now.
        if (states[i] === 'loaded' && !this.#wish.isNamed) this.#tally.planned('loaded');
        else this.#tally.plannedFailure(task.uri, task.entry, task.fault);
        return;
      }
      this.#reporter({
        type: 'plan',
        uri: task.uri,
        entry: task.entry,
        layout: task.layout,
        venue: task.plan.venue,
        symbol: task.plan.symbol,
        intervalS: task.plan.intervalS,
        lane: task.lane,
        sizeBytes: task.sizeBytes,
        state: states[i] ?? 'new',
      });
      this.#tally.planned(states[i] ?? 'new');
    });
  }

  async *#discovered(names: MarketNames, signal: AbortSignal): AsyncIterable<DiscoveredTask> {
    for await (const task of this.#found(signal)) {
      this.#tally.discovering();
      if (task.plan === null) {
        yield task;
        continue;
      }
      const named = await names.named(task);
      if (named !== null) yield* this.#wanted(named);
    }
    for (const task of names.rest()) yield* this.#wanted(task);
  }

  #found(signal: AbortSignal): AsyncIterable<DiscoveredTask> {
    const options = this.#options;
    return discover(
      this.#sources,
      {
        layout: options.layout,
        fromUs: options.fromUs,
        toUs: options.toUs,
        symbols: options.symbols,
        intervals: options.intervals,
        interval: options.interval ?? null,
        venue: options.venue ?? null,
        prices: options.prices ?? 'float8',
        onInvalid: options.onInvalid,
        onConflict: options.onConflict,
        maxRejects: options.maxRejects,
        maxRejectShare: options.maxRejectShare,
        ...(options.inflate !== undefined && { inflate: options.inflate }),
        counts: this.#tally.found,
        onNote: (message) => this.#reporter({ type: 'note', level: 'info', message }),
      },
      signal,
    );
  }

  /** The task with the range it is wanted for; nothing where the selection leaves it out. */
  *#wanted(task: PlannedTask): Iterable<DiscoveredTask> {
    if (this.#select === null) {
      yield task;
      return;
    }
    const want = this.#select(task);
    if (want === null) this.#tally.leftOut++;
    else
      yield {
        ...task,
        plan: {
          ...task.plan,
          wantFromUs: want.fromUs,
          wantToUs: want.toUs,
          wantSymbols: without(task.plan.wantSymbols, want.without),
        },
      };
  }
}

function without(
  symbols: PlannedTask['plan']['wantSymbols'],
  names: ReadonlySet<string> | undefined,
): PlannedTask['plan']['wantSymbols'] {
  if (symbols === null || names === undefined) return symbols;
  return Object.fromEntries(Object.entries(symbols).filter(([name]) => !names.has(name)));
}

/**
 * The items as they come, and a null whenever `waiting()` and no item has come for `patienceMs`: a slow listing must not
 * hold back what it has found.
 */
async function* orPause<T>(
  items: AsyncIterable<T>,
  waiting: () => boolean,
  patienceMs: number,
): AsyncIterable<T | null> {
  const iterator = items[Symbol.asyncIterator]();
  try {
    let next = iterator.next();
    for (;;) {
      let timer: NodeJS.Timeout | undefined;
      const pause = new Promise<null>((resolve) => {
        if (waiting() && Number.isFinite(patienceMs)) timer = setTimeout(resolve, patienceMs, null);
      });
      const result = await Promise.race([next, pause]);
      clearTimeout(timer);
      if (result === null) yield null;
      else if (result.done === true) return;
      else {
        yield result.value;
        next = iterator.next();
      }
    }
  } finally {
    await iterator.return?.();
  }
}
