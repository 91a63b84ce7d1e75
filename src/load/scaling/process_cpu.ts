/** CPU time of other programs, from Linux's /proc. */

import { readdir, readFile, readlink } from 'node:fs/promises';

/** Fields of /proc/PID/stat after the name in parentheses, counted from 0 (proc(5): state is field 3). */
const PPID = 1;
const UTIME = 11;
const STIME = 12;
const CUTIME = 13;
const CSTIME = 14;

/** Kernel ticks a second in /proc: 100 on every Linux there is a Node for. */
const TICKS = 100;

async function statOf(pid: number): Promise<{ name: string; fields: readonly string[] } | null> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
  if (text === null) return null;
  const end = text.lastIndexOf(')');
  return { name: text.slice(text.indexOf('(') + 1, end), fields: text.slice(end + 2).split(' ') };
}

/** A process and its children. */
export async function family(pid: number): Promise<number[]> {
  const pids = [pid];
  // Not every kernel keeps this list; without it, each process there is has to be asked for its parent.
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => null);
  if (children !== null) return [...pids, ...children.split(' ').filter(Boolean).map(Number)];
  for (const name of await readdir('/proc')) {
    const other = Number(name);
    if (!Number.isInteger(other)) continue;
    if (Number((await statOf(other))?.fields[PPID]) === pid) pids.push(other);
  }
  return pids;
}

/** The parent of a process, if both run the same program; else null. Of a PostgreSQL session, it is the server. */
export async function parentOfSameName(pid: number): Promise<number | null> {
  const own = await statOf(pid);
  const parent = Number(own?.fields[PPID]);
  const above = own === null ? null : await statOf(parent);
  return above !== null && above.name === own!.name ? parent : null;
}

/** Whether a process runs in the same pid namespace as we do, so that its number means the same to both. */
export async function sharesOurPids(pid: number): Promise<boolean> {
  const of = (who: string): Promise<string | null> => readlink(`/proc/${who}/ns/pid`).catch(() => null);
  const [theirs, ours] = await Promise.all([of(String(pid)), of('self')]);
  return theirs === null || theirs === ours;
}

/** The cores a process may run on, by their numbers; null where the system does not tell. */
export async function coresOf(pid: number | 'self'): Promise<ReadonlySet<number> | null> {
  const text = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const list = /^Cpus_allowed_list:\s*(\S+)/m.exec(text)?.[1];
  if (list === undefined) return null;
  const cores = new Set<number>();
  for (const range of list.split(',')) {
    const [from, to = from] = range.split('-').map(Number);
    for (let core = from!; core <= to!; core++) cores.add(core);
  }
  return cores;
}

/** CPU seconds of a process, of its children that have ended and of those that run. */
export async function familyCpuSeconds(pid: number): Promise<number> {
  let ticks = 0;
  for (const member of await family(pid)) {
    const fields = (await statOf(member))?.fields;
    if (fields === undefined) continue;
    ticks += Number(fields[UTIME]) + Number(fields[STIME]);
    if (member === pid) ticks += Number(fields[CUTIME]) + Number(fields[CSTIME]);
  }
  return ticks / TICKS;
}
