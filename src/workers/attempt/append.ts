/** Append: rows newer than what stands, straight into their leaves. */

import { toRecordBatch } from '../../bars/record_batch.ts';
import { killPoint } from '../../base/kill_points.ts';
import { BarEncoder } from '../../copy/bar_encoder.ts';
import { type BarSink, CopyWriter, MAX_COPY_BYTES } from '../../copy/copy_writer.ts';
import { FileSink } from '../../copy/file_sink.ts';
import { monthLeaf } from '../../copy/leaf.ts';
import { NullSink } from '../../copy/null_sink.ts';
import { IndicatorEngine } from '../../indicators/engine.ts';
import { SessionClock } from '../../indicators/session_clock.ts';
import type { TaskResult } from '../link/task_result.ts';
import type { AttemptParts } from './attempt_parts.ts';
import type { BatchConsumer } from './batches.ts';
import { broken, commit } from './commit.ts';
import { EdgeBars } from './edge_bars.ts';
import { scanFile } from './file_bytes.ts';
import type { FileScan } from './file_scan.ts';
import { splitsOfVenue } from './file_splits.ts';
import { ensureLeaves, knownLeaf } from './leaves.ts';
import { RestartBy } from './load_path.ts';
import { writeCheckpoints } from './series_results.ts';
import { SeriesStates } from './series_states.ts';
import { sortFile } from './sorted_file.ts';

/** States held until the end of the file, 2 MB of them; beyond, they go in between. */
const MOST_CHECKPOINTS = 4_000;

/**
 * Loads the file by COPY, its indicators computed on the way; `sorting`: put into order in memory first.
 * @throws {@link RestartBy} when the file cannot be appended
 */
export async function append(parts: AttemptParts, file: FileScan, sorting: boolean): Promise<TaskResult> {
  const { link, memory, progress } = parts;
  const { plan } = parts.task;
  const inOrder = plan.order === 'symbol-time' && plan.wantSymbols === null;
  const splits = await splitsOfVenue(parts.client, parts.task);
  let sink: BarSink | null = null;
  const rollups =
    parts.client === null || parts.task.rollups.makes.length === 0
      ? null
      : new (await import('./passing_rollups.ts')).PassingRollups(parts, file.symbols, splits, (batch) => {
          sink ??= openSink(parts);
          return sink.write(batch, () => {});
        });
  const series = new SeriesStates(link, file.symbols, plan, inOrder, splits, rollups);
  const engine = new IndicatorEngine(SessionClock.zone(plan.sessionZone), memory.kernel);
  const edges = file.trades === null ? null : new EdgeBars(plan, file);
  const held = (): number => series.checkpoints.count + (rollups?.checkpoints.count ?? 0);
  const take: BatchConsumer = async (cols, rows) => {
    if (rows === 0) return;
    file.checkBudget();
    if (!(await series.compute(engine, cols, rows))) throw new RestartBy({ merges: true });
    progress.waits.lane = series.laneSeconds;
    edges?.see(cols, series.ids, rows);
    await ensureLeaves(parts, cols, rows);
    let since = performance.now();
    const took = (more: number): void => {
      const now = performance.now();
      progress.waits.copy += (now - since) / 1000;
      since = now;
      progress.wroteRows(more, file);
    };
    sink ??= openSink(parts);
    await sink.write(toRecordBatch(cols, series.ids, 0, rows), took);
    killPoint('copy.opened');
    if (parts.client !== null && held() > MOST_CHECKPOINTS) {
      await sink.end();
      await writeCheckpoints(parts.client, parts.task, series.checkpoints);
      if (rollups !== null) await writeCheckpoints(parts.client, parts.task, rollups.checkpoints);
    }
    took(0);
  };
  let written = 0;
  try {
    if (sorting) await sortFile(parts, file, take);
    else
      await scanFile(parts, file, take, (rows) => {
        progress.queuedRows(rows);
        series.prefetch();
      });
    file.checkEnd();
    await series.complete(engine);
    await rollups?.flush();
    if (sink !== null) written = await (sink as BarSink).end();
    killPoint('copy.written');
  } catch (error) {
    await (sink as BarSink | null)?.abort();
    throw error;
  }
  if (written !== series.rows + (rollups?.rows ?? 0))
    throw broken(`COPY took ${written} rows of ${series.rows} and the longer bars of theirs`);
  return commit(parts, {
    file,
    loaded: series.rows,
    duplicates: file.duplicates,
    rejected: file.rejected,
    conflicts: 0,
    completed: 0,
    recomputed: 0,
    merged: false,
    series,
    edges,
    writeStates: true,
    rejects: file.rejects.summary(parts.task),
    ...(rollups === null ? {} : { settleRollups: () => rollups.settle() }),
  });
}

function openSink({ task, client, memory, transaction }: AttemptParts): BarSink {
  const { kernel, buffers } = memory;
  const { sink, hypertable, indicators } = task.settings;
  const encoder = new BarEncoder(indicators, kernel);
  if (typeof sink === 'object')
    return new FileSink(encoder, buffers[0]!, `${sink.folder}/${task.taskId}`, MAX_COPY_BYTES);
  if (client === null) return new NullSink(encoder, buffers[0]!);
  const before = transaction.opening();
  // An extension routes by itself: what is cut by months is a COPY all the same.
  const leafOf = hypertable ? monthLeaf : knownLeaf;
  return new CopyWriter(client, encoder, {
    buffers,
    hypertable,
    before,
    maxCopyBytes: MAX_COPY_BYTES,
    leafOf,
  });
}
