/** What a figure is worth nothing without: machine, system and versions. */

import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { availableParallelism, cpus, release, type as systemName, totalmem } from 'node:os';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** The machine and what runs on it. */
export interface Facts {
  readonly cpu: string;
  /** Cores this program may use. */
  readonly cores: number;
  /** Of the machine, or of the control group where that grants less. */
  readonly memoryBytes: number;
  readonly system: string;
  readonly node: string;
  readonly backhaul: string;
  /** Of the checkout; `+` behind it: with changes. Null outside of one. */
  readonly commit: string | null;
}

/** Reads them. */
export async function readFacts(): Promise<Facts> {
  const manifest = createRequire(import.meta.url)('../../package.json') as { readonly version: string };
  const granted = process.constrainedMemory();
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryBytes: granted > 0 ? Math.min(granted, totalmem()) : totalmem(),
    system: `${systemName()} ${release()} ${process.arch}`,
    node: process.version,
    backhaul: manifest.version,
    commit: await commit(),
  };
}

async function commit(): Promise<string | null> {
  const cwd = dirname(fileURLToPath(import.meta.url));
  const git = async (...args: readonly string[]): Promise<string> =>
    (await promisify(execFile)('git', [...args], { cwd })).stdout.trim();
  try {
    // A package installed inside somebody's repository is none of its files.
    await git('ls-files', '--error-unmatch', fileURLToPath(import.meta.url));
    const head = await git('rev-parse', '--short', 'HEAD');
    return (await git('status', '--porcelain', '--untracked-files=no')) === '' ? head : `${head}+`;
  } catch {
    return null;
  }
}
