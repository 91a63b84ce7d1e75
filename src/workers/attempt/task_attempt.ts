/** One attempt at one task: which path its file takes, and the turn to another where that one does not fit. */

import type { ClientBase } from 'pg';
import { killPoint } from '../../base/kill_points.ts';
import { type FileFacts, NO_FACTS } from '../../scan/stamp_reader.ts';
import { isDistributed } from '../../state/schema/distributed.ts';
import { extraColumnsOf } from '../../state/schema/extra_columns.ts';
import type { Assignment } from '../link/assignment.ts';
import type { TaskResult } from '../link/task_result.ts';
import type { WorkerLink } from '../link/worker_link.ts';
import { append } from './append.ts';
import type { AttemptParts } from './attempt_parts.ts';
import { AttemptProgress } from './attempt_progress.ts';
import { surveyFile } from './file_bytes.ts';
import { FileScan } from './file_scan.ts';
import { knowIdsAsOf } from './known_series_ids.ts';
import { type LoadPath, RestartBy, SurveyFirst } from './load_path.ts';
import { merge } from './merge.ts';
import { AttemptTransaction } from './transaction.ts';
import { workerMemory } from './worker_memory.ts';

/**
 * Loads the task; `client` is null when rows go to no database.
 * @throws what went wrong; the caller rolls back
 */
export async function runAttempt(
  task: Assignment,
  link: WorkerLink,
  client: ClientBase | null,
): Promise<TaskResult> {
  const parts: AttemptParts = {
    task,
    link,
    client,
    memory: workerMemory(task.settings.batchRows, task.settings.copyBytes),
    transaction: new AttemptTransaction(client, task, client !== null && (await isDistributed(client))),
    progress: new AttemptProgress(link),
  };
  killPoint('attempt.begun');
  knowIdsAsOf(task.plan.venue, task.eventRevision);
  let path = firstPath(task, client !== null);
  let facts = NO_FACTS;
  for (;;) {
    try {
      return await loadBy(path, parts, facts);
    } catch (error) {
      if (!(error instanceof RestartBy || error instanceof SurveyFirst)) throw error;
      await parts.transaction.rollBack();
      link.tell({ kind: 'withdraw' });
      if (error instanceof RestartBy) path = { ...path, ...error.path };
      else facts = await surveyFile(parts, error.need, facts);
    }
  }
}

/** Columns that a layout keeps beside the bars go by the stage: COPY's own path knows those of `bars` alone. */
function firstPath({ merge: isMerge, replaces, plan }: Assignment, hasDatabase: boolean): LoadPath {
  if (hasDatabase && extraColumnsOf(plan).length > 0) return { order: 'stage', merges: true };
  return { order: plan.order === 'any' ? 'sort' : 'stream', merges: isMerge || replaces };
}

async function loadBy(
  { order, merges }: LoadPath,
  parts: AttemptParts,
  facts: FileFacts,
): Promise<TaskResult> {
  parts.progress.restart();
  const { plan } = parts.task;
  // A merge takes a series after another; a file of many in the order of time has them side by side.
  const way = merges && order === 'stream' && plan.symbol === null && plan.order === 'time' ? 'sort' : order;
  const expected = way === 'stream' ? plan.order : 'any';
  const file = new FileScan(parts.task, expected, { facts, survey: null });
  return merges ? merge(parts, file, way) : append(parts, file, way === 'sort');
}
