import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { cpuUsage } from 'os-utils';

/** What of this machine's CPU and memory is in use, by whom. Linux says more than others; what is not known is null. */
export interface MachineSample {
  readonly seconds: number;
  /** CPU we may use: what affinity and cgroup limits leave of the machine. */
  readonly cores: number;
  /** In cores: everybody's, this program's, the database server's (0 for one elsewhere). */
  readonly busy: number | null;
  readonly own: number;
  readonly server: number | null;
  /** Share of the time in which somebody waited for a CPU (pressure-stall information), 0 … 1. */
  readonly pressure: number | null;
  /** Share of the memory limit in use, 0 … 1. */
  readonly memory: number;
}

/** Clock ticks of /proc/<pid>/stat: USER_HZ is 100 on every Linux in use. */
const TICKS_A_SECOND = 100;

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
  readonly #serverPid: number | null;
  readonly #serverIsElsewhere: boolean;
  #at = performance.now();
  #own = process.cpuUsage();
  #stalled: number | null;
  #server = new Map<number, number>();

  /** `backendPid`: a session's process of a database server on this machine; null for a server elsewhere. */
  constructor(backendPid: number | null) {
    this.#serverIsElsewhere = backendPid === null;
    this.#serverPid = backendPid === null ? null : postmasterOf(backendPid);
    this.#stalled = stalledUs(this.#quota?.folder ?? null);
    this.#serverTicks();
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
    const ticks = this.#serverTicks();
    const limit = memoryLimit();
    return {
      seconds,
      cores: usableCores(),
      // Of the whole host; says nothing of the part of it that is ours.
      busy: availableParallelism() < cpus().length || this.#quota !== null ? null : hostShare * cpus().length,
      own,
      server: this.#serverIsElsewhere ? 0 : ticks === null ? null : ticks / TICKS_A_SECOND / seconds,
      pressure,
      memory: Math.max(0, 1 - process.availableMemory() / limit),
    };
  }

  /** CPU ticks all processes of the server have used since the last call; null: not known. */
  #serverTicks(): number | null {
    const children =
      this.#serverPid === null ? null : textOf(`/proc/${this.#serverPid}/task/${this.#serverPid}/children`);
    if (children === null) return null;
    let sum = 0;
    const seen = new Map<number, number>();
    for (const pid of children.trim().split(/\s+/).map(Number)) {
      const fields = statOf(pid);
      if (fields === null) continue;
      const ticks = Number(fields[11]) + Number(fields[12]);
      seen.set(pid, ticks);
      // One that is new may have worked before it was seen, but not for long.
      sum += ticks - (this.#server.get(pid) ?? 0);
    }
    this.#server = seen;
    return sum;
  }
}

/** Fields of /proc/<pid>/stat behind the name, if it is a process of PostgreSQL. */
function statOf(pid: number): string[] | null {
  const stat = textOf(`/proc/${pid}/stat`);
  const [, name = '', rest = ''] = /^\d+ \((.*)\) (.*)$/s.exec(stat ?? '') ?? [];
  return name.startsWith('postgres') ? rest.split(' ') : null;
}

/** The process all others of the server come from; null where /proc does not show it (another host, a container). */
function postmasterOf(backendPid: number): number | null {
  const parent = Number(statOf(backendPid)?.[1]);
  return Number.isInteger(parent) && parent > 1 && statOf(parent) !== null ? parent : null;
}
