/** Merge: rows among or against what stands. */

import type { BarColumns } from '../../bars/columns.ts';
import { killPoint } from '../../base/kill_points.ts';
import type { Range } from '../../base/ranges.ts';
import { SessionClock } from '../../indicators/session_clock.ts';
import { type Gone, Merge, removeOld } from '../../merge/merge_rows.ts';
import { eachBatch, joinStage, openStage, sortStage, stagedEnds, stageRows } from '../../merge/stage.ts';
import { TradeParts } from '../../merge/trade_parts.ts';
import { Upkeep } from '../../rollups/upkeep.ts';
import { NO_FACTS } from '../../scan/stamp_reader.ts';
import { hasBareLeaf } from '../../state/leaves/partitions.ts';
import { isDistributed } from '../../state/schema/distributed.ts';
import { extraColumnsOf } from '../../state/schema/extra_columns.ts';
import { standingTargets } from '../../state/series/rollups.ts';
import type { Assignment } from '../link/assignment.ts';
import type { TaskResult } from '../link/task_result.ts';
import { WorkerLink } from '../link/worker_link.ts';
import type { AttemptParts } from './attempt_parts.ts';
import { AttemptProgress } from './attempt_progress.ts';
import type { BatchConsumer } from './batches.ts';
import { broken, commitAll, type FileOutcome, type Written, writeBeside } from './commit.ts';
import { EdgeBars } from './edge_bars.ts';
import { scanFile } from './file_bytes.ts';
import { FileScan } from './file_scan.ts';
import { ensureLeaves } from './leaves.ts';
import { firstPath, type LoadPath, orderOf, RestartBy, SurveyFirst } from './load_path.ts';
import { knownEnds } from './series_results.ts';
import { SeriesStates } from './series_states.ts';
import { sortFile } from './sorted_file.ts';

/** Thrown where a leaf has no key yet: nothing can be found in it. */
class NeedsStanding extends Error {}

/**
 * Loads the file among what stands. It is scanned while earlier files of its lane are still at work; what it brings is
 * compared and written when its turn has come, while the rest of it is scanned. Answers `needs-standing`, with nothing
 * done, while a leaf has no key yet.
 *
 * A late file, with bars behind it, brings those that wait behind it in the lane into the same transaction, one after the
 * other: each does all it would do alone, but that the bars behind are computed once, when all of them are in. Whatever
 * goes wrong with one of them takes back all, and `parts` or the failure says that they are to be loaded one by one.
 * `mayLead`: it may ask for them.
 */
export async function merge(
  parts: AttemptParts,
  file: FileScan,
  order: LoadPath['order'],
  mayLead: boolean,
): Promise<TaskResult> {
  const { client, transaction } = parts;
  if (client === null) throw broken('nothing can be merged without a database');
  const work = new FileMerge(parts, file, mayLead, null);
  const links: WorkerLink[] = [];
  try {
    const written = [await work.write(order)];
    for (const task of work.company) {
      killPoint('merge.joined');
      parts.link.signal.throwIfAborted();
      const link = new WorkerLink(task.port, null);
      links.push(link);
      const own = { ...parts, task, link, progress: new AttemptProgress(link) };
      written.push(await joined(own, work));
    }
    if (work.company.length > 0) await addBehind(work, written);
    killPoint('merge.recomputed');
    await commitAll(parts, written);
    const [result, ...company] = written.map((one) => one.result);
    return { ...result!, company };
  } catch (error) {
    await work.abort();
    const isTogether = work.company.length > 0;
    const isAgain = isTogether && (error instanceof RestartBy || error instanceof SurveyFirst);
    if (!(error instanceof NeedsStanding || isAgain)) throw error;
    await transaction.rollBack();
    return { kind: isAgain ? 'parts' : 'needs-standing' };
  } finally {
    for (const link of links) link.close();
  }
}

/** Merges a file in the transaction of the one before it. */
async function joined(parts: AttemptParts, lead: FileMerge): Promise<Written> {
  const { task } = parts;
  const order = orderOf({ ...firstPath(task, true), merges: true }, task);
  const expected = order === 'stream' ? task.plan.order : 'any';
  const file = new FileScan(task, expected, { facts: NO_FACTS, survey: null });
  return new FileMerge(parts, file, false, lead).write(order);
}

/** Computes what is behind all of the files; the count of it goes to the last of them. */
async function addBehind(work: FileMerge, written: Written[]): Promise<void> {
  const recomputed = await work.finishBehind();
  const last = written.pop()!;
  written.push({ ...last, result: { ...last.result, recomputed: last.result.recomputed + recomputed } });
}

class FileMerge {
  readonly #parts: AttemptParts;
  readonly #file: FileScan;
  readonly series: SeriesStates;
  /** Of a file of trades. */
  readonly edges: EdgeBars | null;
  readonly #joins: TradeParts | null;
  #merge: Merge | null = null;
  #upkeep: Upkeep | null = null;
  readonly #mayLead: boolean;
  /** The file in whose transaction this one is merged; null: its own. */
  readonly #lead: FileMerge | null;
  /** The files that are merged in this one's, once they have been asked for. */
  company: readonly Assignment[] = [];

  constructor(parts: AttemptParts, file: FileScan, mayLead: boolean, lead: FileMerge | null) {
    this.#parts = parts;
    this.#file = file;
    this.#lead = lead;
    const { replaces, rollups } = parts.task;
    // Bars that are made of shorter ones are computed with those, before the files are all in.
    this.#mayLead = mayLead && !replaces && !rollups.isMade;
    const { plan, taskId } = parts.task;
    this.series = new SeriesStates(parts.link, file.symbols, plan, false, null);
    this.edges = file.trades === null ? null : new EdgeBars(plan, file);
    this.#joins = file.trades === null ? null : new TradeParts(parts.client!, taskId);
  }

  readonly take: BatchConsumer = async (cols, rows) => {
    if (rows === 0) return;
    this.#file.checkBudget();
    await this.series.identify(cols, rows);
    const { progress } = this.#parts;
    progress.queuedRows(rows);
    const merge = await this.#begun();
    await ensureLeaves(this.#parts, cols, rows, true);
    await this.#upkeep!.meet(this.series.ids);
    const started = performance.now();
    await this.#join(cols, this.series.ids, rows);
    await merge.take(cols, this.series.ids, rows, this.#joins);
    progress.waits.copy += (performance.now() - started) / 1000;
    progress.wroteRows(rows, this.#file);
  };

  /** Brings the file in, and writes all that belongs to it but the move of its task. */
  async write(order: LoadPath['order']): Promise<Written> {
    const file = this.#file;
    if (order === 'stage') await this.#byStage();
    else if (order === 'sort') await sortFile(this.#parts, file, this.take);
    else await scanFile(this.#parts, file, this.take);
    const merged = await this.#finish();
    file.checkEnd();
    const outcome: FileOutcome = {
      file,
      loaded: merged.loaded,
      duplicates: file.duplicates + merged.duplicates,
      rejected: file.rejected,
      conflicts: merged.conflicts,
      completed: merged.completed,
      recomputed: merged.recomputed,
      merged: true,
      series: this.series,
      edges: this.edges,
      writeStates: false,
      rejects: file.rejects.summary(this.#parts.task),
      settleRollups: () => this.#settleRollups(),
    };
    return writeBeside(this.#parts, outcome, this.#lead !== null || this.company.length > 0);
  }

  async #byStage(): Promise<void> {
    const client = this.#parts.client!;
    const merge = await this.#begun();
    const extras = extraColumnsOf(this.#parts.task.plan);
    await openStage(client, extras);
    await scanFile(this.#parts, this.#file, async (cols, rows) => {
      if (rows === 0) return;
      this.#file.checkBudget();
      await this.series.identify(cols, rows);
      await ensureLeaves(this.#parts, cols, rows, true);
      await stageRows(client, cols, this.series.ids, rows, extras);
    });
    await this.#upkeep!.meet(this.series.usedIds());
    this.#file.foldedInStage(
      this.#file.trades === null
        ? await sortStage(client, this.#parts.task.taskId, extras)
        : await joinStage(client),
    );
    const { intervalS } = this.#parts.task.plan;
    const ends = this.edges === null ? null : await stagedEnds(client);
    await eachBatch(client, this.#parts.memory.columns[0]!, async (cols, rows) => {
      if (ends !== null) {
        ends.put(cols, rows, intervalS * 1e6);
        await this.#join(cols, null, rows);
      }
      await merge.take(cols, null, rows, this.#joins);
    });
  }

  /** Of trades: what other files tell of the same bars goes to the rows. */
  async #join(cols: BarColumns, seriesIds: Int32Array | null, rows: number): Promise<void> {
    if (this.edges === null || this.#joins === null) return;
    this.edges.see(cols, seriesIds, rows);
    await this.#joins.join(cols, seriesIds, rows, this.edges.firstOf);
  }

  async #finish(): Promise<Awaited<ReturnType<Merge['finish']>>> {
    const merge = await this.#begun();
    killPoint('merge.taken');
    const merged = await merge.finish();
    // A leaf made meanwhile by another loader may be bare: the comparison would have missed its rows.
    await this.#refuseBare();
    return merged;
  }

  /** What is behind this file and those merged with it is computed: how many rows changed. */
  async finishBehind(): Promise<number> {
    const { rewriter } = await this.#begun();
    const before = rewriter.recomputed;
    await rewriter.finish();
    await this.#refuseBare();
    return rewriter.recomputed - before;
  }

  async abort(): Promise<void> {
    await this.#merge?.abort();
  }

  /** Whether what is behind the rows waits for those of other files; asked when it is known that there are such rows. */
  readonly #waits = async (): Promise<boolean> => {
    if (this.#lead !== null) return true;
    if (!this.#mayLead || (await isDistributed(this.#parts.client!))) return false;
    this.company = await this.#parts.link.ask({ kind: 'company' });
    return this.company.length > 0;
  };

  /** Longer bars that the file's rows are in, and those of its own series that were made of shorter ones. */
  async #settleRollups(): Promise<void> {
    const upkeep = this.#upkeep!;
    if (upkeep.isIdle) return;
    const { link, task } = this.#parts;
    const { names } = this.#file.symbols;
    const used = this.series.used();
    const slots = new Map(used.map(({ seriesId, slot }) => [seriesId, slot]));
    const known = new Map<number, Range[]>();
    for (const end of knownEnds(task, this.series)) {
      known.set(end.seriesId, [end]);
      upkeep.edge(end.seriesId, end.firstTs);
      upkeep.edge(end.seriesId, end.lastTs);
    }
    await upkeep.settle(async (seriesIds, rollupS) => {
      const named = seriesIds.filter((id) => slots.has(id));
      const symbols = named.map((id) => names[slots.get(id)!]!);
      const ids =
        symbols.length === 0 ? new Int32Array(0) : await link.ask({ kind: 'series', symbols, rollupS });
      // Series that the file had once and has no more.
      const others = await standingTargets(
        this.#parts.client!,
        seriesIds.filter((id) => !slots.has(id)),
        rollupS,
      );
      return new Map([...named.map((id, i) => [id, ids[i]!] as const), ...others]);
    }, known);
  }

  /** Waits for the file's turn in its lane; from then on nobody but this attempt changes its series. */
  async #begun(): Promise<Merge> {
    if (this.#merge !== null) return this.#merge;
    const { task, link, transaction, memory, progress } = this.#parts;
    const client = this.#parts.client!;
    const { plan, taskId, settings } = task;
    const waiting = performance.now();
    await link.ask({ kind: 'turn' });
    progress.waits.lane += (performance.now() - waiting) / 1000;
    await this.#refuseBare();
    await transaction.begin();
    killPoint('merge.opened');
    const upkeep = await this.#beginUpkeep();
    const gone: ReadonlyMap<number, Gone> = task.replaces
      ? (await removeOld(client, taskId, settings.hypertable)).gone
      : new Map();
    killPoint('merge.removed');
    for (const [seriesId, { fromUs, untilUs }] of gone) upkeep.lost(seriesId, fromUs, untilUs);
    this.#merge = new Merge(
      client,
      memory.merge(),
      {
        session: SessionClock.zone(plan.sessionZone),
        hypertable: settings.hypertable,
        asked: settings.indicators,
        taskId,
        intervalUs: plan.intervalS * 1e6,
        onConflict: plan.onConflict,
        extras: extraColumnsOf(plan),
        waits: this.#waits,
        ...(upkeep.isIdle ? {} : { derived: upkeep.derived, saw: (...seen) => upkeep.saw(...seen) }),
      },
      gone,
      this.#lead === null ? null : (await this.#lead.#begun()).rewriter,
    );
    return this.#merge;
  }

  async #beginUpkeep(): Promise<Upkeep> {
    const { task, memory, link } = this.#parts;
    const { plan, settings, taskId, rollups } = task;
    const upkeep = new Upkeep(this.#parts.client!, memory.merge(), {
      session: SessionClock.zone(plan.sessionZone),
      sessionZone: plan.sessionZone,
      hypertable: settings.hypertable,
      asked: settings.indicators,
      taskId,
      files: plan,
      makes: rollups.makes,
      makesOfSome: rollups.makesOfSome,
      isMade: rollups.isMade,
      // Its bars lie among those of the file, but for a bucket that begins before them: a month is wide enough.
      leavesFor: (stamps) =>
        link.ask({ kind: 'partitions', stamps, rowsAMonth: Number.POSITIVE_INFINITY, standing: true }),
    });
    await upkeep.begin();
    this.#upkeep = upkeep;
    return upkeep;
  }

  async #refuseBare(): Promise<void> {
    if (await hasBareLeaf(this.#parts.client!)) throw new NeedsStanding();
  }
}
