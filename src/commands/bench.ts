/** `backhaul bench`: how fast this machine loads, and what holds it back. */

import { availableParallelism } from 'node:os';
import { join, resolve as resolvePath } from 'node:path';
import type { Argv } from 'yargs';
import type { DayTwoOptions, DayTwoResult, DayTwoRun } from '../bench/day_two.ts';
import type { BenchEvent, BenchResult, Workers } from '../bench/result.ts';
import type { RollupCostOptions, RollupCostResult, RollupCostRun } from '../bench/rollup_cost.ts';
import { sizeOf } from '../bench/size.ts';
import { BackhaulError } from '../faults/fault.ts';
import { benchLines, eventNote } from '../ui/bench_text.ts';
import { dayTwoLines, dayTwoNote } from '../ui/day_two_text.ts';
import { eventLine } from '../ui/json_lines.ts';
import { rollupCostLines, rollupCostNote } from '../ui/rollup_cost_text.ts';
import { DATABASE_SETTINGS } from './options/database_option.ts';
import { LOAD_SETTINGS, loadOptions } from './options/load_options.ts';
import {
  type Arguments,
  type Command,
  declare,
  list,
  onOff,
  readFlags,
  resolve,
  type Surroundings,
  Unreadable,
  value,
} from './options/settings.ts';
import { oneOf, parseRollups, parseText, parseWorkers, whole } from './options/value_parsers.ts';
import { EXIT } from './program/exit_codes.ts';
import { listenForInterrupt } from './program/interrupt.ts';
import { print, say, stderrStyle, stdoutStyle, stdoutWidth } from './program/screen.ts';

const DATA = 'Data:';
const HOW = 'What is run:';
const SHOW = 'Output:';

const BENCH_SETTINGS = {
  records: value({ group: DATA, describe: 'About so many records in all' }, whole(1, 1e11)),
  days: value({ group: DATA, describe: 'Day files', otherwise: '4' }, whole(1, 10_000)),
  tickers: value(
    { group: DATA, describe: 'Tickers a day file', otherwise: '8400: a million records a file' },
    whole(1, 1e6),
  ),
  seed: value({ group: DATA, describe: 'Other data of the same size', otherwise: '1' }, parseSeed),
  data: value(
    { group: DATA, describe: 'Folder for data and the embedded server', otherwise: '.backhaul/bench' },
    parseText,
  ),
  ...DATABASE_SETTINGS,
  workers: list(
    { group: HOW, describe: 'Numbers of workers (1,2,4,auto)', otherwise: '1, 2, 4 … cores, auto' },
    (texts) => texts.map(parseWorkers),
  ),
  rounds: value({ group: HOW, describe: 'Times each is run', otherwise: '3' }, whole(1, 1000)),
  sink: value(
    { group: HOW, describe: 'Where rows go: postgres, or null (no database at all)', otherwise: 'postgres' },
    oneOf('postgres', 'null'),
  ),
  pin: onOff({ group: HOW, describe: 'Also with server and loader on a core of their own (taskset)' }),
  'small-tasks': value(
    { group: HOW, describe: 'Entries of the zip of small files; 0 leaves it out', otherwise: '9800' },
    whole(0, 1e6),
  ),
  'day-two': onOff({
    group: HOW,
    describe: 'What comes after the first load instead: overlaps, late files, filled holes',
  }),
  rollups: list(
    {
      group: HOW,
      describe: 'What these longer bars add to a load instead: 5m,15m,1h,4h,1d',
    },
    parseRollups,
  ),
  out: value({ group: SHOW, describe: 'Folder for bench.json and bench.svg' }, parseText),
  json: onOff({ group: SHOW, describe: 'One JSON object a line on stdout' }),
};

const NOTHING_SET: Surroundings = { environment: {}, file: new Map() };
const DEFAULT_ROUNDS = 3;
const DEFAULT_SMALL_TASKS = 9_800;
/** Day files of `--day-two`, where nobody says otherwise: about 100,000 records each. */
const DAY_TWO_TICKERS = 820;
/** Quarters of the series in which one is filled, the longest ten times the shortest, and of the one loaded both ways. */
const DAY_TWO_LENGTHS = [4, 12, 40];
const DAY_TWO_QUARTERS = 20;
/** Quarters of minutes of `--rollups`: a million records. */
const ROLLUP_QUARTERS = 8;

/** It becomes part of a folder's name. */
function parseSeed(text: string): string {
  if (!/^[A-Za-z0-9_]{1,40}$/.test(text)) throw new Unreadable('letters and digits');
  return text;
}

export const command: Command = {
  settings: [BENCH_SETTINGS],
  command: 'bench',
  describe: 'Measure how fast this machine loads, and what holds it back',
  builder: (yargs) =>
    declare(yargs as Argv<Arguments>, BENCH_SETTINGS)
      .example('$0 bench', 'four million records, a few minutes on two cores')
      .example('$0 bench --records 500M --out figures', 'for a large machine')
      .example('$0 bench --rollups 5m,15m,1h,4h,1d', 'what longer bars add to a load')
      .example('$0 bench --sink null --workers 1,2', 'without a database')
      .epilogue(
        'Exit code: 0 measured, 1 failed (the table was not what the files say), 2 usage, 130 interrupted.',
      ),
  handler: async (argv) => {
    const { flags } = readFlags(BENCH_SETTINGS, [], argv);
    const isDayTwo = flags['day-two'] === true;
    const rollups = flags.rollups ?? [];
    const tickers =
      (isDayTwo || rollups.length > 0) && flags.records === undefined ? DAY_TWO_TICKERS : undefined;
    const size = sizeOf({ ...flags, tickers: flags.tickers ?? tickers });
    // By flag alone: nobody wants the server that DATABASE_URL happens to name under such a load.
    const { database } = resolve(DATABASE_SETTINGS, argv, NOTHING_SET);
    const named = database === 'embedded' ? undefined : database;
    const { sink = 'postgres', json = false } = flags;
    const stopping = new AbortController();
    const stop = (): void => {
      say('Interrupted: stopping, and taking away what was made in the database.');
      stopping.abort(new BackhaulError({ kind: 'interrupted', message: 'the benchmark was interrupted' }));
    };
    const interrupt = listenForInterrupt(stop);
    const folder = resolvePath(flags.data ?? join('.backhaul', 'bench'));
    const rounds = flags.rounds ?? DEFAULT_ROUNDS;
    try {
      if (rollups.length > 0) {
        const databaseUrl = named ?? null;
        const options = { folder, size, rounds, databaseUrl, rollups, quarters: ROLLUP_QUARTERS };
        await rollupCost(options, json, stopping.signal);
        return;
      }
      if (isDayTwo) {
        const options = {
          folder,
          size,
          rounds,
          databaseUrl: named ?? null,
          lengths: DAY_TWO_LENGTHS,
          quarters: DAY_TWO_QUARTERS,
        };
        await dayTwo(options, flags.out ?? null, json, stopping.signal);
        return;
      }
      const { runBench } = await import('../bench/bench.ts');
      const defaults = resolve(LOAD_SETTINGS, {}, NOTHING_SET);
      const result = await runBench(
        {
          folder,
          size,
          workers: flags.workers?.length ? flags.workers : scale(availableParallelism()),
          rounds,
          sink,
          databaseUrl: named ?? null,
          pin: flags.pin ?? false,
          smallTasks: flags['small-tasks'] ?? DEFAULT_SMALL_TASKS,
          loadOptions: (sources) => loadOptions(sources, defaults, null),
        },
        { event: (event) => tell(event, json), note: (line) => say(stderrStyle().dim(line)) },
        stopping.signal,
      );
      if (flags.out !== undefined) await write(result, resolvePath(flags.out));
      if (!json) print(benchLines(result, stdoutWidth(), stdoutStyle()));
    } catch (error) {
      if (!stopping.signal.aborted) throw error;
      process.exitCode = EXIT.interrupted;
    } finally {
      interrupt.dispose();
    }
  },
};

async function dayTwo(
  options: DayTwoOptions,
  out: string | null,
  json: boolean,
  signal: AbortSignal,
): Promise<void> {
  const { runDayTwo } = await import('../bench/day_two.ts');
  const event = (one: DayTwoRun | DayTwoResult): void => {
    if (json) print(eventLine(rounded(one) as DayTwoRun));
    if (one.type === 'day_two_run') say(stderrStyle().dim(dayTwoNote(one)));
  };
  const result = await runDayTwo(options, { event, note: (text) => say(stderrStyle().dim(text)) }, signal);
  if (out !== null) {
    const { dayTwoChart } = await import('../bench/day_two_chart.ts');
    const { type: _type, ...content } = JSON.parse(eventLine(rounded(result) as DayTwoResult)) as object & {
      type: string;
    };
    await writeFigures(resolvePath(out), 'day_two', content, await dayTwoChart(result));
  }
  if (!json) print(dayTwoLines(result, stdoutWidth(), stdoutStyle()));
}

async function rollupCost(options: RollupCostOptions, json: boolean, signal: AbortSignal): Promise<void> {
  const { runRollupCost } = await import('../bench/rollup_cost.ts');
  const event = (one: RollupCostRun | RollupCostResult): void => {
    if (json) print(eventLine(rounded(one) as RollupCostRun));
    if (one.type === 'rollup_cost_run') say(stderrStyle().dim(rollupCostNote(one)));
  };
  const note = (text: string): void => say(stderrStyle().dim(text));
  const result = await runRollupCost(options, { event, note }, signal);
  if (!json) print(rollupCostLines(result, stdoutWidth(), stdoutStyle()));
}

/** 1, 2, 4 … up to the cores, the cores themselves, and auto. */
function scale(cores: number): Workers[] {
  const numbers = [];
  for (let n = 1; n < cores; n *= 2) numbers.push(n);
  return [...numbers, cores, 'auto'];
}

/** Six digits: more say nothing about a time. */
function line(event: BenchEvent): string {
  return eventLine(rounded(event) as BenchEvent);
}

function rounded(value: unknown): unknown {
  if (typeof value === 'number') return Number.isInteger(value) ? value : Number(value.toPrecision(6));
  if (Array.isArray(value)) return value.map(rounded);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, rounded(inner)]));
}

function tell(event: BenchEvent, json: boolean): void {
  if (json) print(line(event));
  const note = eventNote(event);
  if (note !== null) say(stderrStyle().dim(note));
}

async function write(result: BenchResult, folder: string): Promise<void> {
  const { benchChart } = await import('../bench/chart.ts');
  const { type: _type, ...content } = JSON.parse(line(result)) as Record<string, unknown>;
  await writeFigures(folder, 'bench', content, await benchChart(result));
}

async function writeFigures(folder: string, name: string, content: object, chart: string): Promise<void> {
  const { mkdir, writeFile } = await import('node:fs/promises');
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, `${name}.json`), `${JSON.stringify(content, null, 2)}\n`);
  await writeFile(join(folder, `${name}.svg`), chart);
  say(`Written: ${join(folder, `${name}.json`)}, ${join(folder, `${name}.svg`)}`);
}
