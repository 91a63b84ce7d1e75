/** Loads as a user does: `backhaul load` as a program of its own, timed from its start to its end. */

import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { BackhaulError } from '../faults/fault.ts';

/** What a load took. */
export interface LoadRun {
  readonly workers: 'auto' | number;
  readonly rows: number;
  /** Of the whole program, from spawn to exit. */
  readonly seconds: number;
  /** Of them, before and after the load itself: Node, modules, the first connection, the last goodbye. */
  readonly startupSeconds: number;
  /** Of the load: giving partitions their keys. */
  readonly keySeconds: number;
  readonly peakWorkers: number;
  /** CPU and memory of the program, by its own getrusage. */
  readonly cpuSeconds: number;
  readonly peakRssBytes: number;
}

/** What to load, and how. */
export interface LoadCommand {
  readonly source: string;
  readonly workers: 'auto' | number;
  /** Holds the password: it goes by the environment. */
  readonly databaseUrl: string;
  /** A core for the program alone; null: whichever. */
  readonly core: number | null;
  /** Where the program runs: a folder without a `backhaul.yaml`. */
  readonly folder: string;
}

const LAUNCHER = fileURLToPath(new URL('../../bin/backhaul.js', import.meta.url));

/** Has the program tell its CPU time and its memory at its most when it ends, on a pipe of its own. */
const USAGE_FD = 3;
const TELL_USAGE = `data:text/javascript,${encodeURIComponent(`
  import { readFileSync, writeSync } from 'node:fs';
  import { isMainThread } from 'node:worker_threads';
  const peakRss = ({ maxRSS }) => {
    // Linux hands maxRSS on from the program that spawned this one; VmHWM is this one's own.
    try { return Number(/^VmHWM:\\s*(\\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'))[1]); } catch {}
    return maxRSS;
  };
  if (isMainThread) process.on('exit', () => {
    const usage = process.resourceUsage();
    try { writeSync(${USAGE_FD}, JSON.stringify({ ...usage, maxRSS: peakRss(usage) })); } catch {}
  });`)}`;

/** What `load --json` says last, as far as it is used here. */
interface Summary {
  readonly type: 'summary';
  readonly seconds: number;
  readonly finish_seconds: number;
  readonly peak_workers: number;
  readonly rows: { readonly loaded: number };
}

/** Settings of ours must not reach the program; those of the machine must. */
function environment(databaseUrl: string): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(
    ([name]) => !name.startsWith('BACKHAUL_') && name !== 'DATABASE_URL' && name !== 'NODE_OPTIONS',
  );
  return { ...Object.fromEntries(own), BACKHAUL_DATABASE: databaseUrl };
}

/** A command of ours as a program of its own. */
export interface ProgramRun {
  readonly code: number | null;
  /** From spawn to exit. */
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly peakRssBytes: number;
  /** The last line of its result, and the end of what it complained of. */
  readonly last: string;
  readonly complaint: string;
}

/** Runs `backhaul` with these arguments to its end. `core`: one for the program alone; null: whichever. */
export async function runProgram(
  words: readonly string[],
  { databaseUrl, core, folder }: Pick<LoadCommand, 'databaseUrl' | 'core' | 'folder'>,
  signal: AbortSignal,
): Promise<ProgramRun> {
  signal.throwIfAborted();
  const line = [process.execPath, '--import', TELL_USAGE, LAUNCHER, ...words];
  const [file, ...args] = core === null ? line : ['taskset', '-c', String(core), ...line];
  const started = performance.now();
  const child = spawn(file!, args, {
    cwd: folder,
    env: environment(databaseUrl),
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  });
  const said = { 1: '', 2: '', [USAGE_FD]: '' };
  for (const fd of [1, 2, USAGE_FD] as const) {
    (child.stdio[fd] as NodeJS.ReadableStream).setEncoding('utf8').on('data', (piece: string) => {
      // Of the result only its end is wanted, of complaints only what a person would read.
      said[fd] = (said[fd] + piece).slice(-64_000);
    });
  }
  const kill = (): void => void child.kill('SIGKILL');
  signal.addEventListener('abort', kill);
  let exited = started;
  child.on('exit', () => {
    exited = performance.now();
  });
  let code: number | null;
  try {
    code = await new Promise((resolve, reject) => child.on('error', reject).on('close', resolve));
  } finally {
    signal.removeEventListener('abort', kill);
  }
  signal.throwIfAborted();
  const usage = JSON.parse(said[USAGE_FD] || '{}') as Partial<NodeJS.ResourceUsage>;
  return {
    code,
    seconds: (exited - started) / 1000,
    cpuSeconds: ((usage.userCPUTime ?? 0) + (usage.systemCPUTime ?? 0)) / 1e6,
    peakRssBytes: (usage.maxRSS ?? 0) * 1024,
    last: said[1].trimEnd().split('\n').at(-1) ?? '',
    complaint: said[2].trim().split('\n').slice(-5).join('\n'),
  };
}

/**
 * Runs one load to its end.
 * @throws BackhaulError: what the program said when it did not end with exit code 0
 */
export async function timeLoad(command: LoadCommand, signal: AbortSignal): Promise<LoadRun> {
  const { source, workers } = command;
  const words = ['load', source, '--json', '--workers', String(workers)];
  const run = await runProgram(words, command, signal);
  if (run.code !== 0 || !run.last.startsWith('{"type":"summary"'))
    throw new BackhaulError({
      kind: 'internal',
      message: `the measured load ended with exit code ${run.code}`,
      found: run.complaint,
      hint: `the same by hand: backhaul load ${source}`,
    });
  const { seconds, finish_seconds, peak_workers, rows } = JSON.parse(run.last) as Summary;
  return {
    workers,
    rows: rows.loaded,
    seconds: run.seconds,
    startupSeconds: run.seconds - seconds,
    keySeconds: finish_seconds,
    peakWorkers: peak_workers,
    cpuSeconds: run.cpuSeconds,
    peakRssBytes: run.peakRssBytes,
  };
}
