/**
 * The session that stands for a run: others see by it that the program lives, and the program that the server does.
 */

import { performance } from 'node:perf_hooks';
import pRetry from 'p-retry';
import type { Client } from 'pg';
import { pause } from '../base/pause.ts';
import { backendPid, connect, endSession } from '../database/connect.ts';
import { sharedSessions } from '../database/connect_fault.ts';
import { classify } from '../faults/classify.ts';
import { BackhaulError } from '../faults/fault.ts';
import { type RunStart, resumeRun, startRun } from '../state/runs/run_store.ts';
import type { Patience } from '../workers/restarts.ts';

/** How often the server is asked for a sign of life, and how long each answer may take, ms. */
const PULSE_MS = { least: 500, most: 5_000 };
const ANSWER_MS = { least: 1_000, most: 10_000 };
/** How long a sign of life that is being waited for may hold up the end of a run. */
const CLOSE_MS = 1_000;
/** A session is tried for again and again, until the caller has a reason not to. */
const AGAIN = { retries: Number.POSITIVE_INFINITY, minTimeout: 250, factor: 1 };

function within(ms: number, { least, most }: { readonly least: number; readonly most: number }): number {
  return Math.min(most, Math.max(least, ms));
}

/**
 * The session that holds a run's lock for as long as the program lives; its end frees the run's tasks at once. It is
 * also how the run knows that the server is there: a network that went silent breaks no connection, and whoever waits
 * on one would wait for ever. The session asks for a sign of life all the time, takes the lock again on a new
 * connection after the old one broke (a restart, a dropped connection), and says when there was none for a whole
 * lease: by then the run has lost what it holds.
 */
export class RunSession {
  readonly #url: string;
  readonly #leaseMs: number;
  readonly #answerMs: number;
  readonly #lost = new AbortController();
  readonly #closed = new AbortController();
  #client: Client;
  #runId: number | null = null;
  #answered = performance.now();
  #resumed: () => void = () => {};
  #resumes = 0;
  readonly #watching: Promise<void>;

  /**
   * A server that says it is starting is waited for, for a lease, and that is told.
   * @throws BackhaulError `database-connect` where there is no server, `interrupted` when `signal` is aborted first
   */
  static async open(url: string, { leaseMs, signal, waiting }: Patience): Promise<RunSession> {
    try {
      const client = await pRetry(() => connect(url, { applicationName: 'backhaul run' }, signal), {
        ...AGAIN,
        maxRetryTime: leaseMs,
        shouldRetry: ({ error, attemptNumber }) => {
          const { fault } = classify(error);
          const isStarting = !signal.aborted && fault.code === '57P03';
          if (isStarting && attemptNumber === 1) waiting(fault);
          return isStarting;
        },
      });
      return new RunSession(url, leaseMs, client);
    } catch (error) {
      if (!signal.aborted) throw error;
      throw new BackhaulError({ kind: 'interrupted', message: 'Interrupted before anything was loaded.' });
    }
  }

  private constructor(url: string, leaseMs: number, client: Client) {
    this.#url = url;
    this.#leaseMs = leaseMs;
    this.#answerMs = within(leaseMs / 4, ANSWER_MS);
    this.#client = client;
    this.#watching = this.#watch();
  }

  /** Aborted, with a `database-connect` fault as reason, when the server has given no sign of life for a lease. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** Called after the lock was taken again: tasks may have gone to others, and a crash may have undone the last commits. */
  onResumed(listener: () => void): void {
    this.#resumed = listener;
  }

  /** How often the lock was taken again. */
  get resumes(): number {
    return this.#resumes;
  }

  /**
   * Makes sure that what was committed since the `resumes`-th time is kept. Tasks commit without waiting for the disk,
   * so a server that crashes forgets the last of them; but one that answers on a session opened before has not crashed
   * since, and once it has written this to the disk, all before it is there too. False: it did crash, and is back.
   * @throws BackhaulError when the server is lost
   */
  async secured(resumes: number): Promise<boolean> {
    const text = `BEGIN; SET LOCAL synchronous_commit = on;
      UPDATE backhaul.run SET audit = audit WHERE run_id = ${this.#runId}; COMMIT`;
    return pRetry(
      async () => {
        this.lost.throwIfAborted();
        if (this.#resumes !== resumes) return false;
        await this.#client.query({ text, query_timeout: this.#answerMs } as never);
        return this.#resumes === resumes;
      },
      { ...AGAIN, shouldRetry: ({ error }) => !this.lost.aborted && classify(error).retry },
    );
  }

  /** Notes the run and takes its lock. */
  async start(run: RunStart): Promise<number> {
    this.#runId = await startRun(this.#client, run);
    return this.#runId;
  }

  /** Gives the lock back; with a server that does not answer, the session is broken off. */
  async close(): Promise<void> {
    this.#closed.abort();
    const silent = setTimeout(() => void endSession(this.#client, 0), CLOSE_MS);
    await this.#watching;
    clearTimeout(silent);
    await endSession(this.#client);
  }

  async #watch(): Promise<void> {
    const pulseMs = within(this.#leaseMs / 6, PULSE_MS);
    const { signal } = this.#closed;
    for (;;) {
      await pause(pulseMs, signal);
      if (signal.aborted) return;
      try {
        // A query that is not answered in time is given up by the client, and its connection with it.
        const asked = { text: 'SELECT pg_backend_pid() AS pid', query_timeout: this.#answerMs };
        const { rows } = await this.#client.query<{ pid: number }>(asked as never);
        if (rows[0]!.pid !== backendPid(this.#client)) {
          // A pooler that looked as if it kept sessions together: the run's lock is with somebody else.
          this.#lost.abort(sharedSessions(this.#client));
          return;
        }
        this.#answered = performance.now();
      } catch {
        if (!(await this.#reconnect())) return;
      }
    }
  }

  /** Tries until the lock is held again; false: the server is lost, or the run over. */
  async #reconnect(): Promise<boolean> {
    await endSession(this.#client, 0);
    const silentMs = (): number => performance.now() - this.#answered;
    const { signal } = this.#closed;
    try {
      await pRetry(
        async () => {
          this.#client = await this.#enter();
        },
        {
          ...AGAIN,
          signal,
          // A program that was frozen has not been listening: at least two tries count, not the time alone.
          shouldRetry: ({ error, attemptNumber }) =>
            classify(error).retry && (attemptNumber === 1 || silentMs() <= this.#leaseMs),
        },
      );
    } catch (error) {
      if (!signal.aborted) this.#lost.abort(gone(error, silentMs()));
      return false;
    }
    this.#answered = performance.now();
    this.#resumes++;
    this.#resumed();
    return true;
  }

  async #enter(): Promise<Client> {
    const options = {
      applicationName: 'backhaul run',
      connectTimeoutMs: this.#answerMs,
      statementTimeoutMs: this.#answerMs,
    };
    const client = await connect(this.#url, options, this.#closed.signal);
    try {
      if (this.#runId !== null) await resumeRun(client, this.#runId);
      return client;
    } catch (error) {
      await endSession(client, 0);
      throw error;
    }
  }
}

function gone(cause: unknown, silentMs: number): BackhaulError {
  const { fault } = classify(cause);
  return new BackhaulError(
    {
      kind: 'database-connect',
      message: `The database is gone: no sign of life for ${Math.round(silentMs / 1000)} s.`,
      found: fault.found ?? fault.message,
      ...(fault.code === undefined ? {} : { code: fault.code }),
      hint: 'nothing half loaded stays; when the server is back, the same command goes on where this one stopped',
    },
    { cause },
  );
}
