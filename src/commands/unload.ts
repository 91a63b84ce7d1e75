/** `backhaul unload`: takes out again what a file, an entry, a run or a series brought. */

import type { Pool } from 'pg';
import type { Argv } from 'yargs';
import { BackhaulError } from '../faults/fault.ts';
import { ALL_SERIES, readSeries, type Series, type SeriesFilter } from '../series/series.ts';
import { laneOf, seriesText } from '../state/series/series_name.ts';
import type { LoadedTask } from '../state/tasks/unload.ts';
import { isMeant } from '../ui/file_match.ts';
import { eventLine } from '../ui/json_lines.ts';
import { sanitise } from '../ui/text.ts';
import { unloadLines, unloadPlanLines } from '../ui/unload_text.ts';
import { DATABASE_SETTINGS } from './options/database_option.ts';
import { withLoadedDatabase } from './options/loaded_database.ts';
import { configuredTiers, nowUs, SERIES_SETTINGS, seriesFilter } from './options/series_options.ts';
import {
  type Arguments,
  type Command,
  declare,
  onOff,
  readSurroundings,
  refuseUnknown,
  resolve,
} from './options/settings.ts';
import { EXIT } from './program/exit_codes.ts';
import { listenForInterrupt } from './program/interrupt.ts';
import { print, say, stdoutStyle, stdoutWidth } from './program/screen.ts';

const SHOW = 'Output:';

const UNLOAD_SETTINGS = {
  ...SERIES_SETTINGS,
  ...DATABASE_SETTINGS,
  'dry-run': onOff({ group: SHOW, describe: 'Show what would go; change nothing' }),
  json: onOff({ group: SHOW, describe: 'One JSON object a line on stdout' }),
};

export const command: Command = {
  settings: [UNLOAD_SETTINGS],
  command: 'unload [what..]',
  describe: 'Take out again what a file, an entry, a run or a series brought',
  builder: (yargs) =>
    declare(yargs as Argv<Arguments>, UNLOAD_SETTINGS)
      .positional('what', {
        describe:
          'A path or address, a folder, zip or prefix, an entry, * for anything; the number of a task; run N',
      })
      .example('$0 unload ./wrong.csv --dry-run', 'what would go')
      .example('$0 unload ./2024Q1.zip/XBTUSD_60.csv', 'an entry of a zip, and not of the other quarters')
      .example('$0 unload run 12', 'all that run 12 loaded')
      .example('$0 unload --symbols XBTUSD --intervals 1h', 'a series, whatever brought it')
      .epilogue(
        'Bars that another file vouches for too stay. Indicators behind are made right, in the same transaction a file.\nExit code: 0 taken out, 2 nothing of that name, 130 interrupted.',
      ),
  handler: async (argv) => {
    refuseUnknown(UNLOAD_SETTINGS, ['what'], argv);
    const surroundings = readSurroundings(process.cwd());
    const flags = resolve(UNLOAD_SETTINGS, argv, { ...surroundings, file: new Map() });
    const database = resolve(DATABASE_SETTINGS, argv, surroundings).database;
    const words = ((argv['what'] ?? []) as readonly unknown[]).map(String);
    const filter = seriesFilter(flags, configuredTiers(surroundings));
    const bySeries = filter.symbols !== null || filter.tierSymbols !== null || filter.intervals !== null;
    if ((words.length === 0) === !bySeries)
      throw usage('unload needs either files, entries or run N, or --symbols, --intervals or --tiers');
    await withLoadedDatabase(database, 'unload', async (db) => {
      const { tasks, series } = bySeries
        ? await ofSeries(db, filter)
        : { tasks: await ofWords(db, words), series: [] };
      if (flags['dry-run']) await showPlan(db, tasks, series, flags.json ?? false);
      else await unload(db, tasks, series, flags.json ?? false);
    });
  },
};

async function ofWords(db: Pool, words: readonly string[]): Promise<LoadedTask[]> {
  const { loadedTasks, tasksOfRun } = await import('../state/tasks/unload.ts');
  const [first, number, ...more] = words;
  if (first === 'run' && number !== undefined && /^\d{1,15}$/.test(number) && more.length === 0) {
    const tasks = await tasksOfRun(db, Number(number));
    if (tasks.length === 0)
      throw usage(`nothing that run ${number} loaded stands`, 'npx backhaul runs lists runs');
    return tasks;
  }
  const all = await loadedTasks(db);
  for (const word of words)
    if (!all.some((task) => isMeant(word, task)))
      throw usage(
        `no loaded file is called ${sanitise(word)}`,
        'npx backhaul query "SELECT task_id, uri, entry FROM task" lists them; * stands for anything',
      );
  return all.filter((task) => words.some((word) => isMeant(word, task)));
}

/** The files that hold such a series alone, and the series themselves for what files of many symbols brought. */
async function ofSeries(db: Pool, filter: SeriesFilter): Promise<{ tasks: LoadedTask[]; series: Series[] }> {
  const { loadedTasks } = await import('../state/tasks/unload.ts');
  const series = await readSeries(db, filter);
  const tasks = await loadedTasks(db, series.map(laneOf));
  return { tasks: tasks.filter(({ symbol }) => symbol !== null), series };
}

async function unload(
  db: Pool,
  tasks: readonly LoadedTask[],
  series: readonly Series[],
  json: boolean,
): Promise<void> {
  const { unloadSeries, unloadTasks } = await import('../series/unload.ts');
  const { recheck } = await import('../gaps/recheck.ts');
  const interrupt = listenForInterrupt(() =>
    say('Interrupted: ending with the file at work. Ctrl-C again stops at once; what is out stays out.'),
  );
  try {
    const byTasks = await unloadTasks(db, tasks, {
      signal: interrupt.drain,
      onTask: ({ uri, entry }, bars) => {
        if (json) print(eventLine({ type: 'unloaded', uri, entry, bars } as { type: string }));
      },
    });
    const rest = byTasks.interrupted ? 0 : await unloadSeries(db, series, interrupt.drain);
    // Gaps on record that were filled by what is gone are open again.
    await recheck(db, ALL_SERIES, nowUs());
    const summary = { ...byTasks, series: series.length, bars: byTasks.bars + rest };
    if (json) print(eventLine(summary));
    else print(unloadLines(summary, stdoutStyle()));
    if (interrupt.interrupted) process.exitCode = EXIT.interrupted;
  } finally {
    interrupt.dispose();
  }
}

async function showPlan(
  db: Pool,
  tasks: readonly LoadedTask[],
  series: readonly Series[],
  json: boolean,
): Promise<void> {
  const { barsOfTaskAlone } = await import('../state/tasks/unload.ts');
  const { barsOfSeries } = await import('../state/series/series_rows.ts');
  const files = [];
  const whole = [];
  for (const one of series)
    whole.push({ name: sanitise(seriesText(one)), bars: await barsOfSeries(db, one.seriesId) });
  // Of whole series the files' bars are among the series' own.
  if (series.length === 0)
    for (const { taskId, uri, entry, rowsLoaded } of tasks)
      files.push({ uri, entry, rowsLoaded, bars: await barsOfTaskAlone(db, taskId) });
  if (!json) return print(unloadPlanLines(files, whole, stdoutWidth(), stdoutStyle()));
  for (const one of files) print(eventLine({ type: 'plan', ...one } as { type: string }));
  for (const one of whole)
    print(eventLine({ type: 'plan', series: one.name, bars: one.bars } as { type: string }));
}

function usage(message: string, hint?: string): BackhaulError {
  return new BackhaulError({ kind: 'usage', message, ...(hint === undefined ? {} : { hint }) });
}
