/** CPU and memory of this machine, and who uses them. */

import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { cpuUsage } from 'os-utils';
import { coresOf, familyCpuSeconds, parentOfSameName, sharesOurPids } from './process_cpu.ts';

/** What of this machine's CPU and memory is in use, by whom. Linux says more than others; what is not known is null. */
export interface MachineSample {
  readonly seconds: number;
  /** CPU we may use: what affinity and cgroup limits leave of the machine. */
  readonly cores: number;
  /** In cores: everybody's, this program's, the database server's (0 for one elsewhere, or on cores of its own). */
  readonly busy: number | null;
  readonly own: number;
  readonly server: number | null;
  /** Share of the time in which somebody waited for a CPU (pressure-stall information), 0 … 1. */
  readonly pressure: number | null;
  /** Share of the memory limit in use, 0 … 1. */
  readonly memory: number;
}

function textOf(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}

/** This process's cgroup (v2) and those above it, innermost first; v1's CPU controller where that is in use. */
function cgroupFolders(): string[] {
  const lines = textOf('/proc/self/cgroup')?.split('\n') ?? [];
  const folders: string[] = [];
  for (const line of lines) {
    const [, controllers = '', path = '/'] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    const isV1 = controllers.split(',').includes('cpu');
    if (controllers !== '' && !isV1) continue;
    const root = isV1 ? '/sys/fs/cgroup/cpu' : '/sys/fs/cgroup';
    for (let at = path.replace(/\/$/, ''); ; at = at.slice(0, at.lastIndexOf('/'))) {
      folders.push(root + at);
      if (at === '') break;
    }
  }
  return folders;
}

/** Cores a cgroup grants us, and the folder of the one that does; null: no limit. */
function cpuQuota(): { readonly cores: number; readonly folder: string } | null {
  let least: { cores: number; folder: string } | null = null;
  for (const folder of cgroupFolders()) {
    const [quota, period] = (
      textOf(`${folder}/cpu.max`) ??
      `${textOf(`${folder}/cpu.cfs_quota_us`) ?? 'max'} ${textOf(`${folder}/cpu.cfs_period_us`) ?? ''}`
    )
      .split(/\s+/)
      .map(Number);
    if (quota === undefined || period === undefined || !(quota > 0) || !(period > 0)) continue;
    if (least === null || quota / period < least.cores) least = { cores: quota / period, folder };
  }
  return least;
}

/** µs in which somebody waited for a CPU since the machine started; null where the kernel does not tell. */
function stalledUs(folder: string | null): number | null {
  const text = (folder === null ? null : textOf(`${folder}/cpu.pressure`)) ?? textOf('/proc/pressure/cpu');
  const total = /^some .*total=(\d+)/m.exec(text ?? '')?.[1];
  return total === undefined ? null : Number(total);
}

/** The bytes this process must stay within: the cgroup's limit or the machine's memory. */
export function memoryLimit(): number {
  const constrained = process.constrainedMemory();
  // Without a limit it is 0 or a number no machine has.
  return constrained > 0 && constrained < totalmem() ? constrained : totalmem();
}

/** Whole cores affinity and cgroups leave us, at least one. */
export function usableCores(): number {
  return Math.max(1, Math.min(availableParallelism(), cpuQuota()?.cores ?? Number.POSITIVE_INFINITY));
}

/** Watches the CPU and the memory, by `os-utils`, the process's own accounts and, on Linux, /proc. */
export class Machine {
  readonly #quota = cpuQuota();
  readonly #backendPid: number | null;
  #isElsewhere: boolean;
  /** The process all others of the server come from; null: not to be seen. */
  #serverPid: number | null = null;
  #at = performance.now();
  #own = process.cpuUsage();
  #stalled: number | null;
  #server: number | null = null;

  /** `backendPid`: a session's process of a database server on this machine; null for a server elsewhere. */
  constructor(backendPid: number | null) {
    this.#backendPid = backendPid;
    this.#isElsewhere = backendPid === null;
    this.#stalled = stalledUs(this.#quota?.folder ?? null);
  }

  /** Finds the server. */
  async open(): Promise<void> {
    const pid = this.#backendPid;
    // In a container the number may be another program's.
    if (pid !== null && (await sharesOurPids(pid))) {
      const [ours, theirs] = await Promise.all([coresOf('self'), coresOf(pid)]);
      this.#isElsewhere = ours !== null && theirs !== null && ours.isDisjointFrom(theirs);
      if (!this.#isElsewhere) this.#serverPid = await parentOfSameName(pid);
    }
    this.#server = await this.#serverSeconds();
  }

  /** Measures the next second. */
  async sample(): Promise<MachineSample> {
    // A fixed second of the whole host.
    const hostShare = await new Promise<number>((resolve) => cpuUsage(resolve));
    const now = performance.now();
    const seconds = (now - this.#at) / 1000;
    this.#at = now;
    const used = process.cpuUsage();
    const own = (used.user + used.system - this.#own.user - this.#own.system) / 1e6 / seconds;
    this.#own = used;
    const stalled = stalledUs(this.#quota?.folder ?? null);
    const pressure =
      stalled === null || this.#stalled === null
        ? null
        : Math.min(1, (stalled - this.#stalled) / 1e6 / seconds);
    this.#stalled = stalled;
    const server = await this.#serverSeconds();
    const byServer = server === null || this.#server === null ? null : (server - this.#server) / seconds;
    this.#server = server;
    return {
      seconds,
      cores: usableCores(),
      // Of the whole host; says nothing of the part of it that is ours.
      busy: availableParallelism() < cpus().length || this.#quota !== null ? null : hostShare * cpus().length,
      own,
      server: this.#isElsewhere ? 0 : byServer,
      pressure,
      memory: Math.max(0, 1 - process.availableMemory() / memoryLimit()),
    };
  }

  async #serverSeconds(): Promise<number | null> {
    return this.#serverPid === null ? null : familyCpuSeconds(this.#serverPid);
  }
}
