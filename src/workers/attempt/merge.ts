/** Merge: rows among or against what stands, through a stage in the database. */

import { killPoint } from '../../base/kill_points.ts';
import { IndicatorEngine } from '../../indicators/engine.ts';
import { SessionClock } from '../../indicators/session_clock.ts';
import { mergeStaged, openStage, removeOld, stageRows } from '../../merge/merge.ts';
import { hasBareLeaf } from '../../state/partitions.ts';
import type { TaskResult } from '../link/task_result.ts';
import type { BatchConsumer } from './batches.ts';
import { broken, commit } from './commit.ts';
import { scanFile } from './file_bytes.ts';
import type { FileScan } from './file_scan.ts';
import { ensureLeaves } from './leaves.ts';
import type { AttemptParts } from './parts.ts';
import { SeriesStates } from './series_states.ts';

/** Loads the file by way of the stage. Answers `needs-standing`, with nothing done, while a leaf has no key yet. */
export async function merge(parts: AttemptParts, file: FileScan): Promise<TaskResult> {
  const { task, link, client, transaction, memory } = parts;
  if (client === null) throw broken('nothing can be merged without a database');
  const { plan, taskId, settings } = task;
  await link.ask({ kind: 'turn' });
  if (await hasBareLeaf(client)) return { kind: 'needs-standing' };
  await transaction.begin();
  await openStage(client);
  killPoint('merge.opened');
  if (task.replaces) await removeOld(client, taskId);
  killPoint('merge.removed');
  const series = new SeriesStates(link, file.symbols, plan, false);
  const take: BatchConsumer = async (cols, rows) => {
    if (rows === 0) return;
    file.checkBudget();
    await series.identify(cols, rows);
    await ensureLeaves(parts, cols, rows);
    await stageRows(client, cols, series.ids, rows);
  };
  await scanFile(parts, file, take);
  // A leaf made meanwhile by another loader may be bare: the comparison would miss its rows.
  if (await hasBareLeaf(client)) {
    await transaction.rollBack();
    return { kind: 'needs-standing' };
  }
  killPoint('merge.staged');
  const engine = new IndicatorEngine(SessionClock.zone(plan.sessionZone), memory.kernel);
  const work = { engine, cols: memory.columns[0]! };
  const merged = await mergeStaged(client, taskId, work, settings.indicators, plan.onConflict);
  killPoint('merge.recomputed');
  file.conflictsInStage(merged.rejected);
  file.checkEnd();
  return commit(parts, {
    file,
    loaded: merged.loaded,
    duplicates: file.duplicates + merged.duplicates,
    rejected: file.rejected,
    conflicts: merged.conflicts,
    completed: merged.completed,
    recomputed: merged.recomputed,
    merged: true,
    series,
    writeStates: false,
    rejects: file.rejects.summary(task),
  });
}
