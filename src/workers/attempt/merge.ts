/** Merge: rows among or against what stands. */

import type { BarColumns } from '../../bars/columns.ts';
import { killPoint } from '../../base/kill_points.ts';
import type { Range } from '../../base/ranges.ts';
import { SessionClock } from '../../indicators/session_clock.ts';
import { type Gone, Merge, removeOld } from '../../merge/merge_rows.ts';
import { eachBatch, joinStage, openStage, sortStage, stagedEnds, stageRows } from '../../merge/stage.ts';
import { TradeParts } from '../../merge/trade_parts.ts';
import { Upkeep } from '../../rollups/upkeep.ts';
import { hasBareLeaf } from '../../state/leaves/partitions.ts';
import { extraColumnsOf } from '../../state/schema/extra_columns.ts';
import { standingTargets } from '../../state/series/rollups.ts';
import type { TaskResult } from '../link/task_result.ts';
import type { AttemptParts } from './attempt_parts.ts';
import type { BatchConsumer } from './batches.ts';
import { broken, commit } from './commit.ts';
import { EdgeBars } from './edge_bars.ts';
import { scanFile } from './file_bytes.ts';
import type { FileScan } from './file_scan.ts';
import { ensureLeaves } from './leaves.ts';
import type { LoadPath } from './load_path.ts';
import { knownEnds } from './series_results.ts';
import { SeriesStates } from './series_states.ts';
import { sortFile } from './sorted_file.ts';

/** Thrown where a leaf has no key yet: nothing can be found in it. */
class NeedsStanding extends Error {}

/**
 * Loads the file among what stands. It is scanned while earlier files of its lane are still at work; what it brings is
 * compared and written when its turn has come, while the rest of it is scanned. Answers `needs-standing`, with nothing
 * done, while a leaf has no key yet.
 */
export async function merge(
  parts: AttemptParts,
  file: FileScan,
  order: LoadPath['order'],
): Promise<TaskResult> {
  const { task, client, transaction } = parts;
  if (client === null) throw broken('nothing can be merged without a database');
  const work = new FileMerge(parts, file);
  try {
    if (order === 'stage') await work.byStage();
    else if (order === 'sort') await sortFile(parts, file, work.take);
    else await scanFile(parts, file, work.take);
    const merged = await work.finish();
    killPoint('merge.recomputed');
    file.checkEnd();
    return await commit(parts, {
      file,
      loaded: merged.loaded,
      duplicates: file.duplicates + merged.duplicates,
      rejected: file.rejected,
      conflicts: merged.conflicts,
      completed: merged.completed,
      recomputed: merged.recomputed,
      merged: true,
      series: work.series,
      edges: work.edges,
      writeStates: false,
      rejects: file.rejects.summary(task),
      settleRollups: () => work.settleRollups(),
    });
  } catch (error) {
    await work.abort();
    if (!(error instanceof NeedsStanding)) throw error;
    await transaction.rollBack();
    return { kind: 'needs-standing' };
  }
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

  constructor(parts: AttemptParts, file: FileScan) {
    this.#parts = parts;
    this.#file = file;
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

  async byStage(): Promise<void> {
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

  async finish(): Promise<Awaited<ReturnType<Merge['finish']>>> {
    const merge = await this.#begun();
    killPoint('merge.taken');
    const merged = await merge.finish();
    // A leaf made meanwhile by another loader may be bare: the comparison would have missed its rows.
    await this.#refuseBare();
    return merged;
  }

  async abort(): Promise<void> {
    await this.#merge?.abort();
  }

  /** Longer bars that the file's rows are in, and those of its own series that were made of shorter ones. */
  async settleRollups(): Promise<void> {
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
      ? (await removeOld(client, taskId)).gone
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
        ...(upkeep.isIdle ? {} : { derived: upkeep.derived, saw: (...seen) => upkeep.saw(...seen) }),
      },
      gone,
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
