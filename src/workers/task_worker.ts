/** The work of a worker thread: runs one attempt at one task from its object's bytes to COMMIT. */

import { isMainThread, MessageChannel, type MessagePort, threadId } from 'node:worker_threads';
import { connect } from '../database/connect.ts';
import { classify } from '../faults/classify.ts';
import { connectToNode } from '../state/schema/node_statements.ts';
import { forgetLoad } from './attempt/forget_load.ts';
import { runAttempt, type Sessions } from './attempt/task_attempt.ts';
import { KeptSession } from './kept_session.ts';
import type { Assignment, WorkerSettings } from './link/assignment.ts';
import type { Frame } from './link/messages.ts';
import type { PoolWord, ThreadResult } from './link/pool_word.ts';
import type { TaskResult } from './link/task_result.ts';
import { WorkerLink } from './link/worker_link.ts';

/** Kept from task to task: with the server, or the coordinator of a cluster, and with one of the cluster's nodes. */
const home = new KeptSession();
const node = new KeptSession();

const APPLICATION = { applicationName: 'backhaul worker' };

function sessionsFor({ databaseUrl, nodes }: WorkerSettings): Sessions {
  return {
    home: () => home.at(databaseUrl, () => connect(databaseUrl, APPLICATION)),
    node: () => {
      const { urls, coordinator } = nodes!;
      // Threads take turns, and those of other loaders others.
      const url = urls[(process.pid + threadId) % urls.length]!;
      return node.at(url, () => connectToNode(url, coordinator, APPLICATION));
    },
  };
}

async function drop(): Promise<void> {
  await Promise.all([home.drop(), node.drop()]);
}

async function rollBack(): Promise<void> {
  await Promise.all([home.rollBack(), node.rollBack()]);
}

/** On which the pool is heard, by a thread of its own; null: it does not have it yet. */
let line: MessagePort | null = null;

/** Gives the pool a line to this thread, by way of its first task. */
function meet(link: MessagePort): void {
  if (isMainThread || line !== null) return;
  const { port1, port2 } = new MessageChannel();
  line = port1;
  line.on('message', (_: PoolWord) => {
    void Promise.allSettled([drop(), forgetLoad()]).then(() =>
      port1.postMessage('parted' satisfies PoolWord),
    );
  });
  line.unref();
  link.postMessage({ thread: threadId, line: port2 } satisfies Frame, [port2]);
}

export default async function runTask(assignment: Assignment): Promise<ThreadResult> {
  meet(assignment.port);
  return { thread: threadId, result: await resultOf(assignment) };
}

async function resultOf(assignment: Assignment): Promise<TaskResult> {
  const link = new WorkerLink(assignment.port, assignment.knownSeries);
  try {
    const { settings } = assignment;
    return await runAttempt(assignment, link, settings.sink === 'postgres' ? sessionsFor(settings) : null);
  } catch (error) {
    await rollBack();
    // What the main thread wants comes first: an aborted attempt fails in many ways.
    const cause = link.signal.aborted ? link.signal.reason : error;
    const { retry, fault } = classify(cause);
    const where = { uri: assignment.uri, ...(assignment.entry !== null && { entry: assignment.entry }) };
    return { kind: 'failed', retry, fault: { ...fault, where: { ...where, ...fault.where } } };
  } finally {
    link.close();
  }
}
