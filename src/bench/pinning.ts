/** Ties programs to cores with `taskset` (util-linux). */

import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { BackhaulError } from '../faults/fault.ts';
import { family } from '../load/scaling/process_cpu.ts';

const run = promisify(execFile);

/** Whether `taskset` is there. */
export async function canPin(): Promise<boolean> {
  return run('taskset', ['--version']).then(
    () => true,
    () => false,
  );
}

/** The cores this program may use, by number. */
export async function ownCores(): Promise<number[]> {
  return coresIn(await allowed('self'));
}

/** `0-2,5` as numbers. */
function coresIn(list: string): number[] {
  return list.split(',').flatMap((part) => {
    const [from, to = from] = part.split('-').map(Number);
    return Array.from({ length: to! - from! + 1 }, (_, i) => from! + i);
  });
}

async function allowed(pid: number | 'self'): Promise<string> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return /^Cpus_allowed_list:\s*(\S+)/m.exec(status)![1]!;
}

async function tie(pid: number, cores: string): Promise<void> {
  try {
    await run('taskset', ['-acp', cores, String(pid)]);
  } catch (cause) {
    const hint = 'run as the account of the server, or without --pin';
    throw new BackhaulError(
      { kind: 'forbidden', message: `process ${pid} cannot be tied to core ${cores}`, hint },
      { cause },
    );
  }
}

/** Ties a process with all its threads, and with its children where asked, to a core; returns what unties them. */
export async function pin(pid: number, core: number, withChildren: boolean): Promise<() => Promise<void>> {
  const before = await allowed(pid);
  const members = async (): Promise<number[]> => (withChildren ? family(pid) : [pid]);
  for (const member of await members()) await tie(member, String(core));
  return async () => {
    // A child may have ended since it was listed.
    for (const member of await members()) await tie(member, before).catch(() => {});
  };
}
