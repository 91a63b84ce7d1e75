/** `backhaul load`: the main job. */

import type { Pool } from 'pg';
import type { Argv, CommandModule } from 'yargs';
import type { Tier } from '../gaps/tiers.ts';
import type { SelectTask } from '../producer/plan.ts';
import { eventLine } from '../terminal/json_lines.ts';
import { eventText, planLines, summaryLines } from '../terminal/load_text.ts';
import { type Progress, progressOn } from '../terminal/progress.ts';
import type { LoadOptions, LoadReporter, LoadSummary, PlanEvent } from '../workers/load_report.ts';
import { findDatabase, useDatabase, withDatabase } from './database_option.ts';
import { exitCodeOfLoad } from './exit_codes.ts';
import { listenForInterrupt } from './interrupt.ts';
import { LOAD_SETTINGS, loadOptions } from './load_options.ts';
import { print, stderrStyle, stdoutStyle, stdoutWidth } from './screen.ts';
import { configuredTiers, withTiers } from './series_options.ts';
import { type Arguments, declare, readSurroundings, refuseUnknown, resolve } from './settings.ts';

export const command: CommandModule<object, Arguments> = {
  command: 'load <source..>',
  describe: 'Load flat files: folders, files, zips, s3://bucket/prefix, https://…',
  builder: (yargs) =>
    declare(yargs as Argv<Arguments>, LOAD_SETTINGS)
      .positional('source', { describe: 'Folder, file, zip, s3://bucket/prefix or https://…' })
      .example('$0 load ./Kraken_OHLCVT_2024Q2.zip', 'into the embedded PostgreSQL')
      .example('$0 load ./data --symbols XBTUSD --intervals 1h --from 2023', '')
      .example('$0 load ./data --dry-run', 'show what would be loaded')
      .epilogue(
        'Exit code: 0 all loaded, 1 failed, 2 usage, 3 finished with rejects or failed files, 130 interrupted.',
      ),
  handler: async (argv) => {
    refuseUnknown(LOAD_SETTINGS, ['source'], argv);
    const surroundings = readSurroundings(process.cwd());
    const tiers = configuredTiers(surroundings);
    const flags = withTiers(resolve(LOAD_SETTINGS, argv, surroundings), tiers);
    const sources = (argv['source'] as readonly string[]).map(String);
    await check(loadOptions(sources, flags, null));
    const use = flags['dry-run'] ? findDatabase : useDatabase;
    await withDatabase(await use(flags.database), async (database) => {
      const options = loadOptions(sources, flags, database?.url ?? null);
      if (database !== null && !options.dryRun) await applyTiers(database.url, tiers);
      const showing = {
        json: flags.json ?? false,
        verbose: flags.verbose ?? false,
        incremental: flags.incremental ?? false,
      };
      const summary = await load(options, showing, flags.incremental ? newer : null);
      process.exitCode = exitCodeOfLoad(summary);
    });
  },
};

/** Which of the files found are wanted, and what of them; asked once the tables are up to date. */
export type Selection = (db: Pool) => Promise<SelectTask>;

const newer: Selection = async (db) => (await import('../gaps/incremental.ts')).incrementalSelection(db);

/** What waits, and what is found, is claimed in the order of the tiers. */
async function applyTiers(url: string, tiers: readonly Tier[]): Promise<void> {
  const { createPool } = await import('../database/connect.ts');
  const { migrate } = await import('../state/migrate.ts');
  const { setTiers } = await import('../gaps/tiers.ts');
  const db = createPool(url, { applicationName: 'backhaul tiers', max: 1 });
  try {
    await migrate(db);
    await setTiers(db, tiers);
  } finally {
    await db.end();
  }
}

/** Refuses a path, an address or a layout that cannot be meant before a database is made or started. */
async function check(options: LoadOptions): Promise<void> {
  const { openSource } = await import('../producer/open_source.ts');
  const { loadLayout } = await import('../producer/layout.ts');
  const { KNOWN_LAYOUTS } = await import('../producer/layouts/known.ts');
  if (options.layout !== 'auto') await loadLayout(options.layout, KNOWN_LAYOUTS);
  for (const source of options.sources) await openSource(source, options.sourceOptions);
}

/** How a load is shown. */
export interface Showing {
  readonly json: boolean;
  readonly verbose: boolean;
  /** Only what is newer than the bars that stand is asked for. */
  readonly incremental?: boolean;
  /** False where the caller shows what came of it. */
  readonly summary?: boolean;
}

/** Runs a load and shows it: progress and remarks on stderr, the summary on stdout. */
export async function load(
  options: LoadOptions,
  showing: Showing,
  selection: Selection | null = null,
): Promise<LoadSummary> {
  const { runLoad } = await import('../workers/load.ts');
  const plan: PlanEvent[] = [];
  const progress = progressOn(process.stderr, process.env, () => performance.now());
  const interrupt = listenForInterrupt(
    () => progress.say('Interrupted: finishing the files at work. Ctrl-C again stops at once.'),
    () => progress.say('Stopping at once; nothing half loaded stays.'),
  );
  try {
    const reporter = showing.json
      ? jsonReporter(progress)
      : textReporter(progress, showing.verbose, (task) => plan.push(task));
    const summary = await runLoad(options, reporter, interrupt, selection);
    progress.stop();
    if (showing.json || showing.summary !== false) showEnd(summary, plan, showing);
    return summary;
  } finally {
    progress.stop();
    interrupt.dispose();
  }
}

function showEnd(summary: LoadSummary, plan: readonly PlanEvent[], showing: Showing): void {
  if (showing.json) print(eventLine(summary));
  else if (summary.dryRun) print(...planLines(plan, stdoutWidth(), stdoutStyle()));
  else print(...summaryLines(summary, stdoutStyle(), showing.incremental));
}

function textReporter(progress: Progress, verbose: boolean, plan: (task: PlanEvent) => void): LoadReporter {
  const style = stderrStyle();
  return (event) => {
    if (event.type === 'progress') return progress.progress(event);
    if (event.type === 'discovering') return progress.discovering(event);
    if (event.type === 'plan') return plan(event);
    const line = eventText(event, verbose, style);
    if (line !== null) progress.say(line);
  };
}

const PROGRESS_EVERY_MS = 1000;

/** Every event as a line of stdout, progress at most once a second; the bar only where it cannot mix with them. */
function jsonReporter(progress: Progress): LoadReporter {
  const drawn = process.stderr.isTTY === true && process.stdout.isTTY !== true;
  let next = Number.NEGATIVE_INFINITY;
  return (event) => {
    if (event.type === 'progress' || event.type === 'discovering') {
      if (drawn && event.type === 'progress') progress.progress(event);
      const now = performance.now();
      if (now < next) return;
      next = now + PROGRESS_EVERY_MS;
    }
    print(eventLine(event));
  };
}
