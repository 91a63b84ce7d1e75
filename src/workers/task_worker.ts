/** The work of a worker thread: runs one attempt at one task from its object's bytes to COMMIT. */

import { isMainThread, MessageChannel, type MessagePort, threadId } from 'node:worker_threads';
import type { Client } from 'pg';
import { connect, endSession } from '../database/connect.ts';
import { classify } from '../faults/classify.ts';
import { forgetLoad } from './attempt/forget_load.ts';
import { runAttempt } from './attempt/task_attempt.ts';
import type { Assignment } from './link/assignment.ts';
import type { Frame } from './link/messages.ts';
import type { PoolWord, ThreadResult } from './link/pool_word.ts';
import type { TaskResult } from './link/task_result.ts';
import { WorkerLink } from './link/worker_link.ts';

/** One connection a thread, kept from task to task. */
let session: { readonly url: string; readonly client: Client } | null = null;

async function clientFor(url: string): Promise<Client> {
  if (session !== null && session.url === url) return session.client;
  await drop();
  const client = await connect(url, { applicationName: 'backhaul worker' });
  client.on('error', () => {
    // Reported by the query under way, or by the next; a connection that breaks while idle is simply replaced.
    if (session?.client === client) session = null;
  });
  session = { url, client };
  return client;
}

async function drop(): Promise<void> {
  const client = session?.client;
  session = null;
  if (client === undefined) return;
  await endSession(client, FAREWELL_MS);
}

/** Longer than this nobody waits for the server to take a ROLLBACK, or a farewell: the socket is closed instead. */
const FAREWELL_MS = 5_000;

/** Ends the attempt's transaction; a connection that cannot even do that is broken off, without a farewell to wait for. */
async function rollBack(): Promise<void> {
  if (session === null) return;
  const { client } = session;
  try {
    await within(FAREWELL_MS, client.query('ROLLBACK'));
  } catch {
    session = null;
    await endSession(client, 0);
  }
}

async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('the server did not answer in time')), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
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
    const client =
      assignment.settings.sink === 'postgres' ? await clientFor(assignment.settings.databaseUrl) : null;
    return await runAttempt(assignment, link, client);
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
