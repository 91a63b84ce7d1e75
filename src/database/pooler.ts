/**
 * Whether a pooler that stands between this program and the server keeps a session together. PgBouncer with
 * `pool_mode = transaction` gives each transaction whichever connection is free: an advisory lock that says a loader is
 * alive, a setting, a temporary table would land with somebody else.
 */

import type pg from 'pg';

/** Of an idle session, how often it is looked at: in company a free connection may come back by chance. */
const ROUNDS = 3;
/** A pooler whose connections are all held lets a session wait; who holds connections keeps sessions together. */
const PATIENCE_MS = 5_000;

async function pidOf(client: pg.ClientBase): Promise<number> {
  const asked = { text: 'SELECT pg_backend_pid() AS pid', query_timeout: PATIENCE_MS };
  const { rows } = (await client.query(asked as never)) as unknown as { rows: { pid: number }[] };
  return rows[0]!.pid;
}

/**
 * False where `idle`, an open session that is in no transaction, shares its server connection with others: it goes to
 * `other` when that begins a transaction, or is another one afterwards. `other` is connected here and ended. Where
 * nothing can be found out (no room for a second session) it counts as true: a session that changes is told later.
 */
export async function keepsSessions(idle: pg.ClientBase, other: pg.Client): Promise<boolean> {
  other.on('error', () => {});
  try {
    await other.connect();
  } catch {
    return true;
  }
  try {
    for (let round = 0; round < ROUNDS; round++) {
      const before = await pidOf(idle);
      await other.query({ text: 'BEGIN', query_timeout: PATIENCE_MS } as never);
      if ((await pidOf(other)) === before || (await pidOf(idle)) !== before) return false;
      await other.query('ROLLBACK');
    }
    return true;
  } catch (error) {
    // `pool_mode = statement` takes no BEGIN: an answer with a code. Silence has none.
    return (error as { code?: string }).code === undefined;
  } finally {
    void other.end().catch(() => {});
  }
}
