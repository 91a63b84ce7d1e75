/** `backhaul load`: the main job. */

import type { Argv } from 'yargs';
import { counted } from '../base/quantities.ts';
import { faultOf } from '../faults/classify.ts';
import type { Leaving, Selection } from '../load/load.ts';
import type { LoadEvent, LoadOptions, LoadReporter, LoadSummary, PlanEvent } from '../load/load_events.ts';
import { isLeftToMake } from '../series/left_to_make.ts';
import type { Tier } from '../series/tiers.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import { joinedLine } from '../ui/event_text.ts';
import { eventLine } from '../ui/json_lines.ts';
import {
  byRecordsLines,
  eventText,
  notReadLines,
  PlannedFiles,
  planLines,
  summaryLines,
} from '../ui/load_text.ts';
import { type Progress, progressOn } from '../ui/progress.ts';
import { rollupLine } from '../ui/rollup_text.ts';
import { eventsOfFiles } from './events.ts';
import { findDatabase, useDatabase, withDatabase } from './options/database_option.ts';
import { LOAD_SETTINGS, loadOptions } from './options/load_options.ts';
import { tellingFaults, tellOfLoad } from './options/notify_option.ts';
import { configuredTiers, withTiers } from './options/series_options.ts';
import {
  type Arguments,
  type Command,
  declare,
  readSurroundings,
  refuseUnknown,
  resolve,
} from './options/settings.ts';
import { measured, measuringLoad } from './options/telemetry_option.ts';
import { exitCodeOfLoad } from './program/exit_codes.ts';
import { listenForInterrupt } from './program/interrupt.ts';
import { LogFile } from './program/log_file.ts';
import { print, say, stderrStyle, stdoutStyle, stdoutWidth, whenStdoutGoes } from './program/screen.ts';
import { openPageOn } from './ui.ts';

export const command: Command = {
  settings: [LOAD_SETTINGS],
  command: 'load <source..>',
  describe: 'Load flat files: folders, files, zips, s3://bucket/prefix, https://…',
  builder: (yargs) =>
    declare(yargs as Argv<Arguments>, LOAD_SETTINGS)
      .positional('source', { describe: 'Folder, file, zip, s3://bucket/prefix or https://…' })
      .example('$0 load ./Kraken_OHLCVT_2024Q2.zip', 'into the embedded PostgreSQL')
      .example('$0 load ./data --symbols XBTUSD --intervals 1h --from 2023', '')
      .example('$0 load ./data --dry-run', 'show what would be loaded')
      .epilogue(
        'The first Ctrl-C lets the files at work end, for at most --drain-seconds, and puts back the rest; the second ' +
          'stops at once. The same command goes on.\n' +
          'Exit code: 0 all loaded, 1 failed, 2 usage, 3 finished with rejects or failed files, 130 interrupted.',
      ),
  handler: async (argv) => {
    refuseUnknown(LOAD_SETTINGS, ['source'], argv);
    const surroundings = readSurroundings(process.cwd());
    const tiers = configuredTiers(surroundings);
    const flags = withTiers(resolve(LOAD_SETTINGS, argv, surroundings), tiers);
    const sources = (argv['source'] as readonly string[]).map(String);
    await check(loadOptions(sources, flags, null));
    const events = flags.events === undefined ? null : await eventsOfFiles(flags.events, flags.venue ?? null);
    const use = flags['dry-run'] ? findDatabase : useDatabase;
    let url: string | null = null;
    let telemetry: Telemetry | null = null;
    const work = async (): Promise<void> =>
      withDatabase(await use(flags.database), async (database) => {
        url = database?.url ?? null;
        const options = loadOptions(sources, flags, url);
        const showing = {
          json: flags.json ?? false,
          verbose: flags.verbose ?? false,
          incremental: flags.incremental ?? false,
          logFile: flags['log-file'] ?? null,
          telemetry,
        };
        const page = flags.ui === undefined || url === null ? null : await openPageOn(url, flags.ui);
        if (page !== null) say(`Live: ${page.address}`);
        if (events !== null && url !== null && !options.dryRun) await events(url, showing.json);
        // Asked on a session of the load: another would take longer to open than most loads have to spare.
        let mayBeLeft = true;
        const summary = await load(
          options,
          showing,
          selection(options.dryRun ? null : tiers, flags.incremental ?? false),
          async (db) => {
            mayBeLeft = await isLeftToMake(db).catch(() => true);
          },
        ).finally(() => page?.close());
        if (url !== null && !options.dryRun && !summary.interrupted && mayBeLeft) await makeWhatIsLeft(url);
        process.exitCode = exitCodeOfLoad(summary);
        await tellOfLoad(flags, url, 'load', summary);
      });
    const tell = (): Promise<void> => tellingFaults(flags, 'load', () => url, work);
    // What is only shown is no run.
    if (flags['dry-run']) return tell();
    await measured('load', flags['metrics-port'], (measuring) => {
      telemetry = measuring;
      return tell();
    });
  },
};

/** Between two lines that say how far those are. */
const ROLLUP_EVERY_MS = 10_000;

/**
 * Events put under the names their markets have by now, names of renamed companies made one series each, and longer bars of what stood before they were asked for; no more than a
 * look where there is none of either.
 */
export async function makeWhatIsLeft(url: string): Promise<void> {
  const { createPool, endPool } = await import('../database/connect.ts');
  const { makeWhatIsBehind } = await import('../series/rollup.ts');
  const { joinRenamed } = await import('../series/renamed_market.ts');
  const { takeStandingNames } = await import('../events/take_names.ts');
  const interrupt = listenForInterrupt(() => say('Interrupted: what was made stays.'));
  const db = createPool(url, { applicationName: 'backhaul rollup', max: 4 });
  let toldAt = performance.now();
  try {
    const taken = await takeStandingNames(db, interrupt.drain);
    if (taken > 0)
      say(`Taken for their series: ${counted(taken, 'event')} told before under another spelling.`);
    const isJoined = await joinRenamed(db, interrupt.drain, (market, { moved }) =>
      say(joinedLine(market, moved)),
    );
    if (!isJoined && !interrupt.drain.aborted)
      say('Names of renamed companies are still to be made one, by the load that is at work.');
    const bars = await makeWhatIsBehind(db, {
      signal: interrupt.drain,
      onProgress: (work, share, written) => {
        if (performance.now() - toldAt < ROLLUP_EVERY_MS) return;
        toldAt = performance.now();
        say(rollupLine(work, share, written));
      },
    });
    if (bars > 0) say(`${counted(bars, 'longer bar')} made of what stood before.`);
  } catch (error) {
    const { kind, message } = faultOf(error);
    if (kind !== 'database') throw error;
    say(`What was told or asked for before is still to be made of these bars, by the next load: ${message}`);
  } finally {
    interrupt.dispose();
    await endPool(db);
  }
}

/** What waits, and what is found, is claimed in the order of the tiers; `incremental`: only what is newer. */
function selection(tiers: readonly Tier[] | null, incremental: boolean): Selection {
  return async (db) => {
    if (tiers !== null) await (await import('../series/tiers.ts')).setTiers(db, tiers);
    return incremental ? (await import('../series/incremental.ts')).incrementalSelection(db) : null;
  };
}

/** Refuses a path, an address or a layout that cannot be meant before a database is made or started. */
async function check(options: LoadOptions): Promise<void> {
  const { openSource } = await import('../producer/open_source.ts');
  const { loadLayout } = await import('../producer/layouts/named_layout.ts');
  const { allLayouts } = await import('../producer/layouts/known_layouts.ts');
  if (options.layout !== 'auto') await loadLayout(options.layout, allLayouts());
  for (const source of options.sources) await openSource(source, options.sourceOptions);
}

/** How a load is shown. */
export interface Showing {
  readonly json: boolean;
  readonly verbose: boolean;
  /** Only what is newer than the bars that stand is asked for. */
  readonly incremental?: boolean;
  /** Where events are written to besides. */
  readonly logFile?: string | null;
  /** Who measures it; null: nobody. */
  readonly telemetry?: Telemetry | null;
  /** False where the caller shows what came of it. */
  readonly summary?: boolean;
}

/** Runs a load and shows it: progress and remarks on stderr, the summary on stdout. */
export async function load(
  options: LoadOptions,
  showing: Showing,
  selection: Selection | null = null,
  leaving?: Leaving,
): Promise<LoadSummary> {
  const { runLoad } = await import('../load/load.ts');
  const log = showing.logFile == null ? null : new LogFile(showing.logFile);
  const plan = new PlannedFiles();
  const progress = await progressOn(process.stderr, process.env, () => performance.now());
  let atWork: AtWork = { phase: 'load', workers: 0 };
  const interrupt = listenForInterrupt(
    () => progress.say(drainText('Interrupted', atWork, options.drainMs)),
    () => progress.say('Stopping at once; nothing half loaded stays.'),
  );
  // Of JSON lines nobody reads, the load ends as by Ctrl-C; a summary nobody reads is no reason to.
  if (showing.json)
    whenStdoutGoes(() => {
      interrupt.drainNow();
      progress.say(drainText('Nobody reads the JSON lines any more', atWork, options.drainMs));
    });
  try {
    const reporter = showing.json
      ? jsonReporter(progress)
      : textReporter(progress, showing.verbose, (task) => plan.add(task));
    const listener: LoadReporter = (event) => {
      if (event.type === 'progress') atWork = event;
      log?.event(event);
      reporter(event);
    };
    const summary = await measuringLoad(showing.telemetry ?? null, listener, (heard) =>
      runLoad(options, heard, interrupt, selection, leaving),
    );
    progress.stop();
    log?.event(summary);
    if (showing.json || showing.summary !== false) showEnd(summary, plan, showing);
    return summary;
  } catch (error) {
    log?.fault(error);
    throw error;
  } finally {
    log?.close();
    progress.stop();
    interrupt.dispose();
  }
}

type AtWork = Pick<Extract<LoadEvent, { type: 'progress' }>, 'phase' | 'workers'>;

/** What is said when a load is to end: why, what is finished, for how long, and what Ctrl-C does then. */
function drainText(why: string, { phase, workers }: AtWork, drainMs: number): string {
  if (phase === 'load' && workers === 0) return `${why}: nothing is at work.`;
  const what = phase === 'finish' ? 'the keys that are being built' : counted(workers, 'file');
  return `${why}: finishing ${what}, for at most ${drainMs / 1000} s. Ctrl-C again stops at once.`;
}

function showEnd(summary: LoadSummary, plan: PlannedFiles, showing: Showing): void {
  if (showing.json) print(eventLine(summary));
  else if (summary.dryRun)
    print(
      planLines(plan, summary, stdoutWidth(), stdoutStyle()),
      byRecordsLines(summary),
      notReadLines(summary),
    );
  else print(summaryLines(summary, stdoutStyle(), showing.incremental));
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
