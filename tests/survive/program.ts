import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll } from 'vitest';

/** Loads as programs of their own, which can be killed, frozen and interrupted as a user's can. */

const LAUNCHER = resolve('bin/backhaul.js');
/** A program that says nothing for so long hangs: it is ended, and the test fails. */
const HANG_MS = 120_000;

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  /** It did not end by itself within the limit. */
  readonly hung: boolean;
}

export interface Program {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  /** Resolves once stdout or stderr holds the text; rejects when the program ends without. */
  said(text: string): Promise<void>;
}

export interface ProgramOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly hangMs?: number;
}

const running = new Set<ChildProcess>();

afterAll(() => {
  for (const child of running) child.kill('SIGKILL');
});

/** Starts `backhaul …`. Nothing of the tests' own settings reaches it. */
export function start(args: readonly string[], options: ProgramOptions = {}): Program {
  const { PATH = '', HOME = '' } = process.env;
  const child = spawn(process.execPath, [LAUNCHER, ...args], {
    env: { PATH, HOME, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  running.add(child);
  const out = { stdout: '', stderr: '' };
  let listeners: (() => void)[] = [];
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]!.setEncoding('utf8').on('data', (piece: string) => {
      out[name] += piece;
      for (const listener of listeners) listener();
    });
  }
  let hung = false;
  const limit = setTimeout(() => {
    hung = true;
    child.kill('SIGKILL');
  }, options.hangMs ?? HANG_MS);
  const ended = new Promise<Ended>((done, fail) => {
    child.on('error', fail);
    child.on('close', (code, signal) => {
      clearTimeout(limit);
      running.delete(child);
      done({ code, signal, ...out, hung });
    });
  });
  return {
    child,
    ended,
    said: (text) =>
      new Promise((done, fail) => {
        const look = (): void => {
          if (!(out.stdout + out.stderr).includes(text)) return;
          listeners = listeners.filter((one) => one !== look);
          done();
        };
        listeners.push(look);
        look();
        ended.then(
          ({ stdout, stderr }) => fail(new Error(`ended without saying ${text}: ${stdout}${stderr}`)),
          fail,
        );
      }),
  };
}

/** Whether a program is stopped, as the kernel tells. */
function isFrozen({ child }: Program): boolean {
  try {
    const stat = readFileSync(`/proc/${child.pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2)[0] === 'T';
  } catch {
    return false;
  }
}

/** Resolves when a program has stopped itself; rejects when it ends, or does not come by the point it was to stop at. */
export async function untilFrozen(program: Program): Promise<void> {
  for (const limit = Date.now() + HANG_MS; !isFrozen(program); await sleep(20)) {
    if (program.child.exitCode !== null) throw new Error(`it ended: ${(await program.ended).stderr}`);
    if (Date.now() > limit) throw new Error('it never stopped');
  }
}

/** Lets a stopped program go on, to its end: each of its threads may stop it once more. */
export async function thawed(program: Program): Promise<Ended> {
  const thawing = setInterval(() => program.child.kill('SIGCONT'), 100);
  const ended = await program.ended;
  clearInterval(thawing);
  return ended;
}

/** Flags of a load that takes many batches and transactions for little data. */
export const SMALL_STEPS = ['--batch-bytes', '64KiB', '--lease-seconds', '5'] as const;

/** On so many threads; each costs a program two thirds of what it costs itself. */
export const onThreads = (count: number): readonly string[] => ['--workers', String(count), ...SMALL_STEPS];

export function startLoad(
  url: string,
  sources: readonly string[],
  options: ProgramOptions & { readonly flags?: readonly string[]; readonly workers?: number } = {},
): Program {
  return start(['load', ...sources, ...onThreads(options.workers ?? 2), ...(options.flags ?? [])], {
    ...options,
    env: { DATABASE_URL: url, ...options.env },
  });
}
