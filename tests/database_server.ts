import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { connect } from '../src/database/connect.ts';
import { embeddedUrl, stopEmbedded } from '../src/database/embedded.ts';
import { CITUS_URL, serverOf, type TestServer, TIMESCALE_URL } from './servers.ts';

/**
 * One PostgreSQL a test run, in a folder of its own, started by the first file that asks for a database (a run of pure
 * tests has none to wait for) and stopped at the end of the run, however that comes.
 */

declare module 'vitest' {
  interface ProvidedContext {
    /** Folder of this run's server, and of the marks of what it leaves. */
    readonly testRun: string;
  }
}

/** Beside it lies what the last failed run left. */
function keptFolder(): string {
  const hash = createHash('sha256').update(process.cwd()).digest('hex').slice(0, 8);
  return join(tmpdir(), `backhaul-tests-kept-${process.getuid?.() ?? 0}-${hash}`);
}

/**
 * A shell that waits for the end of our process (the end of its standard input), then ends the server if that still
 * runs: after `kill -9` of the test run nobody else would.
 */
function guard(folder: string): () => void {
  if (process.platform === 'win32') return () => {};
  const script = `read line; [ "$line" = done ] && exit
    pid="$1/data/postmaster.pid"; [ -f "$pid" ] && kill -QUIT "$(head -n 1 "$pid")"; sleep 2; rm -rf "$1"`;
  const shell = spawn('/bin/sh', ['-c', script, 'guard', folder], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  shell.unref();
  return () => shell.stdin.end('done\n');
}

/** On a server that stays, the template of this run goes; it is known by its comment (see `database.ts`). */
async function dropTemplate(server: TestServer, folder: string): Promise<void> {
  const admin = await connect(server.url, { applicationName: 'test admin' });
  const { rows } = await admin.query<{ datname: string }>(
    'SELECT datname FROM pg_database d JOIN pg_shdescription s ON s.objoid = d.oid WHERE s.description = $1',
    [join(folder, 'template')],
  );
  for (const { datname } of rows) await server.drop(datname);
  await admin.end();
}

export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'backhaul-tests-'));
  // The server may run as another user than we do.
  await chmod(folder, 0o711);
  const dismiss = guard(folder);
  project.provide('testRun', folder);
  return async () => {
    // One setup serves the projects of all engines.
    for (const [engine, url = ''] of [
      ['plain', process.env['TEST_DATABASE_URL']],
      ['timescale', TIMESCALE_URL],
      ['citus', CITUS_URL],
    ] as const)
      if (url !== '') await dropTemplate(serverOf(engine, url), folder);
    await stopEmbedded(folder);
    dismiss();
    const address = await embeddedUrl(folder);
    if (address !== null && existsSync(join(folder, 'kept'))) {
      await rm(keptFolder(), { recursive: true, force: true });
      await rename(folder, keptFolder());
      process.stderr.write(`Databases of failed test files are kept in ${keptFolder()}/data\n`);
      return;
    }
    await rm(folder, { recursive: true, force: true });
  };
}
