import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll } from 'vitest';

/** The command line as a user has it: a program of its own. */
export const LAUNCHER = resolve('bin/backhaul.js');

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Surroundings {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly launcher?: string;
  /** Called once stdout or stderr has said something; may close or signal. */
  readonly onOutput?: (child: ReturnType<typeof spawn>, said: string) => void;
}

/** Runs `backhaul …` to its end. Nothing of the tests' own settings reaches it. */
export function runCli(args: readonly string[], surroundings: Surroundings = {}): Promise<Ended> {
  const { cwd, env = {}, launcher = LAUNCHER, onOutput } = surroundings;
  const { PATH = '', HOME = '' } = process.env;
  const child = spawn(process.execPath, [launcher, ...args], {
    ...(cwd === undefined ? {} : { cwd }),
    env: { PATH, HOME, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (piece: string) => {
      said[name] += piece;
      onOutput?.(child, said.stdout + said.stderr);
    });
  }
  return new Promise((done, fail) => {
    child.on('error', fail);
    child.on('close', (code, signal) => done({ code, signal, ...said }));
  });
}

/** A folder of its own for a test file, gone at its end. */
export function scratchFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'backhaul-cli-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Lines of JSON, each parsed. */
export function jsonLines(text: string): Record<string, unknown>[] {
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}
