/** `backhaul runs`: what was loaded when, how one run went, two beside each other; and forgetting old ones. */

import type { Argv, CommandModule } from 'yargs';
import { counted } from '../base/quantities.ts';
import { BackhaulError } from '../faults/fault.ts';
import type { PastRun } from '../state/runs/run_history.ts';
import { eventLine } from '../ui/json_lines.ts';
import { compareLines, ratesOf, runLines, runPage } from '../ui/runs_text.ts';
import { DATABASE_SETTINGS } from './options/database_option.ts';
import { withLoadedDatabase } from './options/loaded_database.ts';
import { type Arguments, type Command, declare, onOff, readFlags, value } from './options/settings.ts';
import { parseText, wholeBetween } from './options/value_parsers.ts';
import { print, say, stdoutStyle, stdoutWidth } from './program/screen.ts';

const SHOW = 'Output:';
const json = onOff({ group: SHOW, describe: 'One JSON object a line on stdout' });
/** A year, as long as runs are kept by default. */
const KEPT_DAYS = 365;
const MOST_RUNS = 10_000;
/** What the terminal shows of a list. */
const RUNS_SHOWN = 50;

const days = wholeBetween(1, 36_500);

const RUNS_SETTINGS = {
  days: value({ group: 'Which:', describe: 'Runs that began within so many days', otherwise: '30' }, days),
  ...DATABASE_SETTINGS,
  json,
};

const SHOW_SETTINGS = {
  svg: value({ group: SHOW, describe: 'Write throughput over time as a picture to this file' }, parseText),
  ...DATABASE_SETTINGS,
  json,
};

const COMPARE_SETTINGS = { ...DATABASE_SETTINGS, json };

const RUNS_CLEANUP_SETTINGS = {
  days: value({ group: 'Which:', describe: 'Older than so many days', otherwise: String(KEPT_DAYS) }, days),
  ...DATABASE_SETTINGS,
  json,
};

export const command: Command = {
  settings: [RUNS_SETTINGS, SHOW_SETTINGS],
  command: 'runs',
  words: ['show', 'compare', 'cleanup'],
  describe: 'Show past runs; one of them, or two beside each other',
  builder: (yargs) =>
    declare(
      (yargs as Argv<Arguments>).command([showCommand, compareCommand, cleanupCommand] as CommandModule[]),
      RUNS_SETTINGS,
    )
      .example('$0 runs --days 7', '')
      .example('$0 runs show 12 --svg run12.svg', '')
      .example('$0 runs compare 11 12', ''),
  handler: async (argv) => {
    const { flags } = readFlags(RUNS_SETTINGS, [], argv);
    await withLoadedDatabase(flags.database, 'runs', async (db) => {
      const { recentRuns } = await import('../state/runs/run_history.ts');
      const runs = await recentRuns(db, flags.days ?? 30, MOST_RUNS);
      if (flags.json) for (const run of runs) print(eventLine({ type: 'run', ...run } as { type: string }));
      else if (runs.length === 0) say(`No run began within ${counted(flags.days ?? 30, 'day')}.`);
      else {
        print(runLines(runs.slice(0, RUNS_SHOWN), stdoutWidth(), stdoutStyle()));
        if (runs.length > RUNS_SHOWN)
          say(`… and ${counted(runs.length - RUNS_SHOWN, 'run')} before: --json gives all`);
      }
    });
  },
};

const showCommand: CommandModule<object, Arguments> = {
  command: 'show <run>',
  describe: 'How one run went: decisions, waits, slowest files, failures, throughput',
  builder: (yargs) =>
    declare(yargs as Argv<Arguments>, SHOW_SETTINGS).positional('run', { describe: 'Its number' }),
  handler: async (argv) => {
    const { flags } = readFlags(SHOW_SETTINGS, ['run'], argv);
    const id = runNumber(argv['run']);
    await withLoadedDatabase(flags.database, 'runs', async (db) => {
      const { findRun } = await import('../state/runs/run_history.ts');
      const run = known(await findRun(db, id), id);
      if (flags.svg !== undefined) await writeChart(run, flags.svg);
      if (flags.json) print(eventLine({ type: 'run', ...run } as { type: string }));
      else print(runPage(run, stdoutWidth(), stdoutStyle()));
    });
  },
};

const compareCommand: CommandModule<object, Arguments> = {
  command: 'compare <a> <b>',
  describe: 'Two runs beside each other',
  builder: (yargs) => declare(yargs as Argv<Arguments>, COMPARE_SETTINGS),
  handler: async (argv) => {
    const { flags } = readFlags(COMPARE_SETTINGS, ['a', 'b'], argv);
    const [first, second] = [runNumber(argv['a']), runNumber(argv['b'])];
    await withLoadedDatabase(flags.database, 'runs', async (db) => {
      const { findRun } = await import('../state/runs/run_history.ts');
      const a = known(await findRun(db, first), first);
      const b = known(await findRun(db, second), second);
      if (flags.json) print(eventLine({ type: 'comparison', a, b } as { type: string }));
      else print(compareLines(a, b, stdoutWidth(), stdoutStyle()));
    });
  },
};

const cleanupCommand: CommandModule<object, Arguments> = {
  command: 'cleanup',
  describe: 'Forget runs of more than a year ago; what they loaded stays',
  builder: (yargs) => declare(yargs as Argv<Arguments>, RUNS_CLEANUP_SETTINGS),
  handler: async (argv) => {
    const { flags } = readFlags(RUNS_CLEANUP_SETTINGS, [], argv);
    await withLoadedDatabase(flags.database, 'runs', async (db) => {
      const { forgetRuns } = await import('../state/runs/run_history.ts');
      const forgotten = await forgetRuns(db, flags.days ?? KEPT_DAYS);
      if (flags.json) print(eventLine({ type: 'cleanup', runs: forgotten } as { type: string }));
      else print(`Forgotten: ${counted(forgotten, 'run')}.`);
    });
  },
};

function runNumber(text: unknown): number {
  if (!/^\d{1,15}$/.test(String(text)))
    throw new BackhaulError({
      kind: 'usage',
      message: `"${String(text)}" is no number of a run`,
      hint: 'npx backhaul runs lists them',
    });
  return Number(text);
}

function known(run: PastRun | null, id: number): PastRun {
  if (run !== null) return run;
  throw new BackhaulError({
    kind: 'usage',
    message: `there is no run ${id}`,
    hint: 'npx backhaul runs --days 365 lists them',
  });
}

async function writeChart(run: PastRun, path: string): Promise<void> {
  const { writeFile } = await import('node:fs/promises');
  const { throughputChart } = await import('../report/throughput_chart.ts');
  const points = run.audit === null ? [] : ratesOf(run.audit);
  if (points.length === 0)
    throw new BackhaulError({
      kind: 'usage',
      message: `run ${run.runId} kept no throughput over time: it was too short, or of an earlier version`,
    });
  try {
    await writeFile(path, await throughputChart(`Run ${run.runId}: ${run.command}`, points));
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    throw new BackhaulError({ kind: 'usage', message: `--svg cannot be written to: ${path}`, code });
  }
  say(`Written: ${path}`);
}
