/** Runs the steps of a file of jobs one after another, each as the command a user would type, and keeps how far it came. */

import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import { type Step, stepArguments, stepId } from './steps.ts';

/** How a step ended: `incomplete` finished, with rejects, failed files or findings. */
export type StepOutcome = 'done' | 'incomplete' | 'failed' | 'interrupted' | 'kept' | 'not-run';

export interface StepResult {
  readonly type: 'step';
  readonly step: string;
  readonly outcome: StepOutcome;
  readonly seconds: number;
  /** The last JSON line of the command: its sum. Null where it said nothing. */
  readonly result: Readonly<Record<string, unknown>> | null;
}

export interface BackfillSummary {
  readonly type: 'backfill';
  readonly steps: readonly StepResult[];
  readonly seconds: number;
  readonly interrupted: boolean;
  readonly failed: boolean;
  readonly incomplete: boolean;
  /** Runs of this file that failed one after another, this one included. */
  readonly failuresInARow: number;
}

/** A step somebody measures. */
export interface MeasuredStep {
  readonly environment: Readonly<Record<string, string>>;
  end(outcome: StepOutcome): void;
}

export interface BackfillOptions {
  readonly launcher: string;
  /** Beside the process's own: the database, who is told. */
  readonly environment: Readonly<Record<string, string>>;
  /** Hears that a step begins; what comes back goes into its environment too, and hears how it ended. */
  readonly measure?: (step: Step) => MeasuredStep;
  readonly resume: boolean;
  /** Where it is kept how far a run came. */
  readonly folder: string;
  readonly path: string;
  /** Once aborted, the step at work is asked to end and no other is begun. */
  readonly drain: AbortSignal;
}

interface Kept {
  /** Steps of the last run that need not be run again, by the digest of their command line. */
  readonly done: Readonly<Record<string, string>>;
  readonly failuresInARow: number;
}

/** Runs the steps; a job whose step fails ends there, the next job goes on. */
export async function runSteps(
  steps: readonly Step[],
  options: BackfillOptions,
  onStep: (step: Step, result: StepResult | null) => void,
): Promise<BackfillSummary> {
  const began = performance.now();
  const before = await readKept(options);
  const done: Record<string, string> = options.resume ? { ...before.done } : {};
  const results: StepResult[] = [];
  const broken = new Set<string>();
  for (const step of steps) {
    const id = stepId(step);
    const digest = digestOf(step);
    if (options.drain.aborted || broken.has(step.job)) {
      results.push({ type: 'step', step: id, outcome: 'not-run', seconds: 0, result: null });
      continue;
    }
    let result: StepResult;
    if (done[id] === digest) result = { type: 'step', step: id, outcome: 'kept', seconds: 0, result: null };
    else {
      onStep(step, null);
      const measured = options.measure?.(step);
      result = await runStep(step, options, measured?.environment ?? {});
      measured?.end(result.outcome);
      if (result.outcome === 'done' || result.outcome === 'incomplete') done[id] = digest;
      if (result.outcome === 'failed') broken.add(step.job);
      await keep(options, { done, failuresInARow: before.failuresInARow });
    }
    results.push(result);
    onStep(step, result);
  }
  const failed = results.some(({ outcome }) => outcome === 'failed');
  const interrupted = options.drain.aborted || results.some(({ outcome }) => outcome === 'interrupted');
  const failuresInARow = failed ? before.failuresInARow + 1 : interrupted ? before.failuresInARow : 0;
  // What is whole begins anew the next time; what is not can be gone on with.
  await keep(options, { done: failed || interrupted ? done : {}, failuresInARow });
  return {
    type: 'backfill',
    steps: results,
    seconds: (performance.now() - began) / 1000,
    interrupted,
    failed,
    incomplete: results.some(({ outcome }) => outcome === 'incomplete'),
    failuresInARow,
  };
}

/** The step as a program of its own: what it prints on stderr is the user's to see, its JSON is ours to sum up. */
async function runStep(
  step: Step,
  options: BackfillOptions,
  environment: Readonly<Record<string, string>>,
): Promise<StepResult> {
  const began = performance.now();
  const child = spawn(process.execPath, [options.launcher, ...stepArguments(step, 'meant'), '--json'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...options.environment, ...environment },
  });
  const ask = (): void => void child.kill('SIGINT');
  options.drain.addEventListener('abort', ask);
  try {
    const result = lastObject(child);
    const code = await new Promise<number | null>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', resolve);
    });
    return {
      type: 'step',
      step: stepId(step),
      outcome: outcomeOf(code),
      seconds: (performance.now() - began) / 1000,
      result: await result,
    };
  } finally {
    options.drain.removeEventListener('abort', ask);
  }
}

/** The last line of the child's output; the others are dropped as they come. */
async function lastObject(child: ChildProcess): Promise<Readonly<Record<string, unknown>> | null> {
  let last = '';
  for await (const line of createInterface({ input: child.stdout! })) if (line !== '') last = line;
  try {
    return last === '' ? null : (JSON.parse(last) as Readonly<Record<string, unknown>>);
  } catch {
    return null;
  }
}

function outcomeOf(code: number | null): StepOutcome {
  if (code === 0) return 'done';
  if (code === 3) return 'incomplete';
  return code === 130 ? 'interrupted' : 'failed';
}

function digestOf(step: Step): string {
  return createHash('sha256')
    .update(JSON.stringify(stepArguments(step, 'written')))
    .digest('hex');
}

function keptIn({ folder, path }: BackfillOptions): string {
  return join(folder, `backfill-${basename(path)}.json`);
}

async function readKept(options: BackfillOptions): Promise<Kept> {
  try {
    const { done = {}, failuresInARow = 0 } = JSON.parse(
      await readFile(keptIn(options), 'utf8'),
    ) as Partial<Kept>;
    return { done, failuresInARow };
  } catch {
    return { done: {}, failuresInARow: 0 };
  }
}

async function keep(options: BackfillOptions, kept: Kept): Promise<void> {
  await mkdir(options.folder, { recursive: true });
  const file = keptIn(options);
  await writeFile(`${file}.new`, JSON.stringify(kept));
  await rename(`${file}.new`, file);
}
