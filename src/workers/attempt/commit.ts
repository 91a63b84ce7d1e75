/** The end of an attempt: sums checked, its turn in the lane awaited, rows and all that belongs to them committed as one. */

import { killPoint } from '../../base/kill_points.ts';
import { BackhaulError, type Fault } from '../../faults/fault.ts';
import { refuseOtherDays } from '../../state/series/rollup_days.ts';
import { copyEnds } from '../../state/series/series_ends.ts';
import { rememberRules } from '../../state/series/series_rules.ts';
import { noteWithheld } from '../../state/series/withheld.ts';
import { type Finished, finish } from '../../state/tasks/finish.ts';
import { writeRejects } from '../../state/tasks/reject_rows.ts';
import type { LoadedResult, RejectSummary, TaskResult } from '../link/task_result.ts';
import type { AttemptParts } from './attempt_parts.ts';
import { refuseDays } from './days_as_minutes.ts';
import type { EdgeBars } from './edge_bars.ts';
import type { FileScan } from './file_scan.ts';
import { writeEnds } from './series_results.ts';
import type { SeriesStates } from './series_states.ts';

/** What a file has brought, by whichever path. */
export interface FileOutcome {
  readonly file: FileScan;
  readonly loaded: number;
  readonly duplicates: number;
  readonly rejected: number;
  readonly conflicts: number;
  readonly completed: number;
  readonly recomputed: number;
  readonly merged: boolean;
  readonly series: SeriesStates;
  /** Of a file of trades. */
  readonly edges: EdgeBars | null;
  readonly writeStates: boolean;
  readonly rejects: readonly RejectSummary[];
  /** Makes longer bars right, when its turn has come. */
  readonly settleRollups?: () => Promise<void>;
}

/** A file of which all is written but the move of its task. */
export interface Written {
  /** Null without a database. */
  readonly finished: Finished | null;
  readonly result: LoadedResult;
}

/** Writes what belongs to the rows, checks the sums, and commits. */
export async function commit(parts: AttemptParts, done: FileOutcome): Promise<TaskResult> {
  const written = await writeBeside(parts, done);
  await commitAll(parts, [written]);
  return written.result;
}

/** Moves the tasks of files that have been written, in their order, and commits. */
export async function commitAll(
  { client, transaction }: AttemptParts,
  files: readonly Written[],
): Promise<void> {
  if (client === null) return;
  killPoint('beside.written');
  for (const { finished } of files) await finish(client, finished!);
  killPoint('task.finished');
  await transaction.commit();
}

/** Checks the sums, and writes what belongs to the rows. `isRead`: all of it is looked at before the task is moved. */
export async function writeBeside(parts: AttemptParts, done: FileOutcome, isRead = false): Promise<Written> {
  const { task, link, client, transaction, progress } = parts;
  const { file, series } = done;
  const { taskId, attempt, plan } = task;
  const read = file.scanner.counters.recordsRead;
  const { empty } = file.scanner.counters;
  const { trades } = file;
  reconcile(done, read, empty);
  if (plan.expectedRows !== null && plan.expectedRows !== read + file.scanner.counters.outside)
    throw new BackhaulError({
      kind: 'checksum',
      message: 'the file does not hold the rows its manifest promises',
      expected: `${plan.expectedRows} rows`,
      found: `${read + file.scanner.counters.outside} rows`,
      hint: 'download the file again',
    });
  refuseDays(plan, file, {
    firstUs: series.firstTs,
    lastUs: series.lastTs,
    symbols: series.used().length,
  });
  const waiting = performance.now();
  killPoint('lane.asked');
  const laneLoaded = await link.ask({ kind: 'turn' });
  progress.waits.lane += (performance.now() - waiting) / 1000;
  killPoint('lane.turn');
  let finished: Finished | null = null;
  if (client !== null) {
    await transaction.begin();
    await writeRejects(client, taskId, file.rejects.list);
    await noteWithheld(client, series.usedIds(), task.settings.indicators);
    await done.edges?.write(client, taskId);
    let ends = await writeEnds(client, task, series, done.writeStates);
    if (isRead && ends.length > 0) {
      await copyEnds(client, taskId, ends, ends.length);
      ends = [];
    }
    await refuseOtherDays(client, task);
    await rememberRules(client, series.usedIds(), plan);
    await done.settleRollups?.();
    finished = {
      ends,
      rollups: {
        venue: plan.venue,
        symbol: plan.symbol,
        intervalS: plan.intervalS,
        onRecord: task.rollups.onRecord,
      },
      taskId,
      attempt,
      laneLoaded,
      rowsRead: read,
      rowsLoaded: done.loaded,
      rowsRejected: done.rejected,
      rowsDuplicate: done.duplicates,
      rowsEmpty: empty,
      rowsConflict: done.conflicts,
      rowsOutside: file.scanner.counters.outside,
      trades,
      firstTsUs: series.firstTs,
      lastTsUs: series.lastTs,
    };
  }
  const result: LoadedResult = {
    kind: 'loaded',
    rows: {
      read,
      loaded: done.loaded,
      rejected: done.rejected,
      duplicate: done.duplicates,
      empty,
      conflict: done.conflicts,
      outside: file.scanner.counters.outside,
      trades: trades?.used ?? 0,
    },
    firstTsUs: series.firstTs,
    lastTsUs: series.lastTs,
    inflatedBytes: progress.inflatedBytes,
    seriesIds: series.usedIds(),
    rejects: done.rejects,
    merged: done.merged,
    completed: done.completed,
    recomputed: done.recomputed,
    waits: progress.waits,
  };
  return { finished, result };
}

/** Every record is accounted for; of trades, the records by the trades in bars, and the bars by what became of them. */
function reconcile({ file, loaded, rejected, duplicates }: FileOutcome, read: number, empty: number): void {
  const { trades } = file;
  if (trades === null) {
    if (read !== loaded + rejected + duplicates + empty)
      throw broken(
        `records read ${read} <> loaded ${loaded} + rejected ${rejected} + duplicates ${duplicates} + empty ${empty}`,
        'reconcile',
      );
    return;
  }
  if (read !== trades.used + rejected + empty)
    throw broken(
      `trades read ${read} <> in bars ${trades.used} + rejected ${rejected} + empty ${empty}`,
      'reconcile',
    );
  if (trades.made !== loaded + duplicates)
    throw broken(
      `bars made of trades ${trades.made} <> loaded ${loaded} + duplicates ${duplicates}`,
      'reconcile',
    );
}

/** A broken invariant of our own. */
export function broken(message: string, kind: Fault['kind'] = 'internal'): BackhaulError {
  return new BackhaulError({
    kind,
    message,
    hint: 'this is a defect of backhaul: nothing of the file was kept',
  });
}
