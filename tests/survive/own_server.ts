import { chmodSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll } from 'vitest';
import { type EmbeddedHandle, ensureEmbedded } from '../../src/database/embedded.ts';
import { findServer } from '../../src/database/embedded_server.ts';
import { scratchFolder } from '../e2e/loading.ts';

/** A PostgreSQL server of a test file's own, which may be ended without a word. */
export interface OwnServer {
  readonly url: string;
  /** `pg_ctl stop -m immediate`: no rollback, no checkpoint; the next start goes through recovery. */
  stopImmediately(): Promise<void>;
  /** Does nothing where it runs. */
  startAgain(): Promise<void>;
}

const SETTINGS = { shared_buffers: '64MB', max_wal_size: '1GB', maintenance_work_mem: '32MB', fsync: 'off' };

export async function ownServer(settings: Readonly<Record<string, string>> = {}): Promise<OwnServer> {
  const parent = scratchFolder();
  chmodSync(parent, 0o711);
  const dir = join(parent, '.backhaul');
  const options = { settings: { ...SETTINGS, ...settings } };
  let handle: EmbeddedHandle = await ensureEmbedded(dir, options);
  afterAll(() => handle.release());
  const data = async (): Promise<string> =>
    (JSON.parse(await readFile(join(dir, 'database.json'), 'utf8')) as { data: string }).data;
  return {
    url: handle.url,
    stopImmediately: async () => {
      const server = (await findServer(await data()))!;
      process.kill(server.pid, 'SIGQUIT');
      while ((await findServer(await data())) !== null) await sleep(10);
    },
    startAgain: async () => {
      if ((await findServer(await data())) !== null) return;
      await handle.release();
      handle = await ensureEmbedded(dir, options);
    },
  };
}
