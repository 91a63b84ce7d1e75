/** One attempt at one task: which path its file takes, and the turn to another where that one does not fit. */

import type { ClientBase } from 'pg';
import { killPoint } from '../../base/kill_points.ts';
import { type FileFacts, NO_FACTS } from '../../scan/stamp_reader.ts';
import { isDistributed } from '../../state/schema/distributed.ts';
import type { Assignment } from '../link/assignment.ts';
import type { TaskResult } from '../link/task_result.ts';
import type { WorkerLink } from '../link/worker_link.ts';
import { append } from './append.ts';
import type { AttemptParts } from './attempt_parts.ts';
import { AttemptProgress } from './attempt_progress.ts';
import { surveyFile } from './file_bytes.ts';
import { FileScan } from './file_scan.ts';
import { knowIdsAsOf } from './known_series_ids.ts';
import { firstPath, type LoadPath, orderOf, RestartBy, SurveyFirst } from './load_path.ts';
import { AttemptTransaction } from './transaction.ts';
import { workerMemory } from './worker_memory.ts';

/** A thread's sessions, each opened when it is first asked for. */
export interface Sessions {
  /** Where tasks are claimed and finished. */
  home(): Promise<ClientBase>;
  /** Of a cluster: on the node that this thread writes to, by which bars do not pass through the coordinator. */
  node(): Promise<ClientBase>;
}

/**
 * Loads the task; `sessions` is null when rows go to no database.
 * @throws what went wrong; the caller rolls back
 */
export async function runAttempt(
  task: Assignment,
  link: WorkerLink,
  sessions: Sessions | null,
): Promise<TaskResult> {
  let path = firstPath(task, sessions !== null);
  let parts = await partsOf(task, link, await sessionFor(path, task, sessions));
  killPoint('attempt.begun');
  knowIdsAsOf(task.plan.venue, task.eventRevision);
  let facts = NO_FACTS;
  for (;;) {
    try {
      return await loadBy(path, parts, facts);
    } catch (error) {
      if (!(error instanceof RestartBy || error instanceof SurveyFirst)) throw error;
      await parts.transaction.rollBack();
      link.tell({ kind: 'withdraw' });
      if (error instanceof RestartBy) {
        path = { ...path, ...error.path };
        const client = await sessionFor(path, task, sessions);
        if (client !== parts.client) parts = await partsOf(task, link, client);
      } else facts = await surveyFile(parts, error.need, facts);
    }
  }
}

/** An attempt that reads nothing of what stands may write from a node. */
async function sessionFor(
  path: LoadPath,
  { plan, eventRevision, rollups, settings }: Assignment,
  sessions: Sessions | null,
): Promise<ClientBase | null> {
  if (sessions === null) return null;
  const makesNothing = rollups.makes.length + rollups.makesOfSome.length === 0;
  const readsNothing = !path.merges && eventRevision === 0 && makesNothing && plan.shape.kind !== 'trades';
  return settings.nodes !== null && readsNothing ? sessions.node() : sessions.home();
}

async function partsOf(task: Assignment, link: WorkerLink, client: ClientBase | null): Promise<AttemptParts> {
  return {
    task,
    link,
    client,
    memory: workerMemory(task.settings.batchRows, task.settings.copyBytes),
    transaction: new AttemptTransaction(client, task, client !== null && (await isDistributed(client))),
    progress: new AttemptProgress(link),
  };
}

async function loadBy(path: LoadPath, parts: AttemptParts, facts: FileFacts): Promise<TaskResult> {
  parts.progress.restart();
  const { task } = parts;
  const order = orderOf(path, task);
  const file = new FileScan(task, order === 'stream' ? task.plan.order : 'any', { facts, survey: null });
  if (!path.merges) return append(parts, file, order === 'sort');
  // With all that only it needs: a thread of a first load starts sooner without.
  const { merge } = await import('./merge.ts');
  // Where this file had to be begun again, so would those behind it.
  const isPlain = facts === NO_FACTS && path.order === firstPath(task, parts.client !== null).order;
  return merge(parts, file, order, isPlain);
}
