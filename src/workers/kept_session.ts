/** A session that a thread keeps from task to task. */

import type { Client } from 'pg';
import { endSession } from '../database/connect.ts';

/** Longer than this nobody waits for the server to take a ROLLBACK, or a farewell: the socket is closed instead. */
const FAREWELL_MS = 5_000;

export class KeptSession {
  #kept: { readonly url: string; readonly client: Client } | null = null;
  /** The task at work has asked for it. */
  #isUsed = false;

  /** The session with the server at `url`: the one there is, or what `open` opens. */
  async at(url: string, open: () => Promise<Client>): Promise<Client> {
    this.#isUsed = true;
    if (this.#kept !== null && this.#kept.url === url) return this.#kept.client;
    await this.drop();
    const client = await open();
    client.on('error', () => {
      // Reported by the query under way, or by the next; a connection that breaks while idle is simply replaced.
      if (this.#kept?.client === client) this.#kept = null;
    });
    this.#kept = { url, client };
    return client;
  }

  async drop(): Promise<void> {
    const client = this.#kept?.client;
    this.#kept = null;
    if (client !== undefined) await endSession(client, FAREWELL_MS);
  }

  /** Ends what a task has begun; a connection that cannot even do that is broken off, without a farewell to wait for. */
  async rollBack(): Promise<void> {
    if (this.#kept === null || !this.#isUsed) return;
    this.#isUsed = false;
    const { client } = this.#kept;
    try {
      await within(FAREWELL_MS, client.query('ROLLBACK'));
    } catch {
      this.#kept = null;
      await endSession(client, 0);
    }
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
