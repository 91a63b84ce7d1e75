/** Which database a command means: `--database`, `BACKHAUL_DATABASE`, `DATABASE_URL`, `backhaul.yaml`, else the embedded one. */

import { join } from 'node:path';
import type { Db } from '../../database/connect.ts';
import { BackhaulError } from '../../faults/fault.ts';
import { beforeQuitting, onPress, quit } from '../program/interrupt.ts';
import { Unreadable, value } from './settings.ts';

/** Says "the embedded one" where the environment or the file names another. */
const EMBEDDED = 'embedded';

function parseDatabase(text: string): string {
  if (text === EMBEDDED || /^postgres(ql)?:\/\//i.test(text)) return text;
  throw new Unreadable(`postgres://user:password@host:5432/database, or ${EMBEDDED}`);
}

export const DATABASE_SETTINGS = {
  database: value(
    {
      group: 'Database:',
      describe: 'postgres://user:password@host/database, or embedded',
      otherwise: 'DATABASE_URL, else embedded',
      variables: ['DATABASE_URL'],
      secret: true,
    },
    parseDatabase,
  ),
};

/** The database a command works on, for as long as it needs it. */
export interface FoundDatabase {
  /** Holds the password. */
  readonly url: string;
  readonly embedded: boolean;
  /** Ends the use; the embedded server stops with its last user, unless `db start` keeps it. */
  release(): Promise<void>;
}

/** Folder of the embedded PostgreSQL and the sample. */
export function embeddedFolder(): string {
  return join(process.cwd(), '.backhaul');
}

/** The database of a command that writes: the embedded one is made and started where need be. */
export async function useDatabase(named: string | undefined): Promise<FoundDatabase> {
  if (named !== undefined && named !== EMBEDDED) return outside(named);
  const { ensureEmbedded } = await import('../../database/embedded.ts');
  const handle = await undoneByPress((signal) => ensureEmbedded(embeddedFolder(), { signal }));
  const forget = beforeQuitting(() => handle.release());
  return {
    url: handle.socketUrl,
    embedded: true,
    release: async () => {
      // The first press has nothing to hurry: the server is being stopped already.
      const hearAgain = onPress(() => {
        hearAgain();
      });
      await handle.release().finally(hearAgain);
      forget();
    },
  };
}

/** A press undoes what is being made or started here: faults `interrupted`. */
export async function undoneByPress<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const interrupted = new AbortController();
  const hearAgain = onPress(() => {
    if (interrupted.signal.aborted) quit();
    interrupted.abort();
  });
  try {
    return await work(interrupted.signal);
  } catch (error) {
    if (!interrupted.signal.aborted) throw error;
    throw new BackhaulError({ kind: 'interrupted', message: 'Interrupted.' }, { cause: error });
  } finally {
    hearAgain();
  }
}

/** The database of a command that reads: null where there has never been an embedded one. */
export async function findDatabase(named: string | undefined): Promise<FoundDatabase | null> {
  if (named !== undefined && named !== EMBEDDED) return outside(named);
  const { embeddedUrl } = await import('../../database/embedded.ts');
  return (await embeddedUrl(embeddedFolder())) === null ? null : useDatabase(EMBEDDED);
}

/**
 * The database of a command that can do nothing without one.
 * @throws BackhaulError `database-connect`
 */
export async function requireDatabase(named: string | undefined): Promise<FoundDatabase> {
  const database = await findDatabase(named);
  if (database !== null) return database;
  throw new BackhaulError({
    kind: 'database-connect',
    message:
      'There is no database here: no --database, no DATABASE_URL, and nothing loaded under ./.backhaul',
    hint: 'npx backhaul load <folder, file or zip…> makes one; npm start loads a sample',
  });
}

/** Runs `work` with a database and ends its use, whatever happens. */
export async function withDatabase<D extends FoundDatabase | null, T>(
  database: D,
  work: (database: D) => Promise<T>,
): Promise<T> {
  try {
    return await work(database);
  } finally {
    await database?.release();
  }
}

/**
 * Refuses a database nothing was ever loaded into.
 * @throws BackhaulError `database`
 */
export async function requireTables(db: Db): Promise<void> {
  const { installedVersion, refuseNewer } = await import('../../state/schema/migrate.ts');
  const installed = await installedVersion(db);
  refuseNewer(installed);
  if (installed > 0) return;
  throw new BackhaulError({
    kind: 'database',
    message: 'Nothing has been loaded into this database: it has no schema backhaul',
    hint: 'npx backhaul load <folder, file or zip…> makes it',
  });
}

function outside(url: string): FoundDatabase {
  return { url, embedded: false, release: async () => {} };
}
