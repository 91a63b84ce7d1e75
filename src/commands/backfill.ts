/** `backhaul backfill`: the whole chain of a night, told by a file. */

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Argv } from 'yargs';
import type { JobFile } from '../backfill/job_file.ts';
import { STEPS, type Step, type StepFlags, type StepName, stepArguments, stepId } from '../backfill/steps.ts';
import { duration } from '../base/quantities.ts';
import { BackhaulError } from '../faults/fault.ts';
import type { Notice } from '../notify/notice.ts';
import { backfillLines, resultText } from '../ui/backfill_text.ts';
import { eventLine } from '../ui/json_lines.ts';
import { redact } from '../ui/redact.ts';
import { sanitise } from '../ui/text.ts';
import { EVENT_LOAD_SETTINGS } from './events.ts';
import { EXPORT_SETTINGS } from './export.ts';
import { SCAN_SETTINGS } from './gaps.ts';
import { FILL_SETTINGS } from './gaps_fill.ts';
import { embeddedFolder } from './options/database_option.ts';
import { LOAD_SETTINGS } from './options/load_options.ts';
import { NOTIFY_SETTINGS, tell } from './options/notify_option.ts';
import {
  type Arguments,
  type Command,
  declare,
  list,
  onOff,
  readSurroundings,
  refuseUnknown,
  resolve,
  type Settings,
  Unreadable,
} from './options/settings.ts';
import { measured } from './options/telemetry_option.ts';
import { parseText } from './options/value_parsers.ts';
import { EXIT } from './program/exit_codes.ts';
import { listenForInterrupt } from './program/interrupt.ts';
import { print, say, stderrStyle, stdoutStyle, stdoutWidth } from './program/screen.ts';
import { REPORT_SETTINGS } from './report.ts';
import { VALIDATE_SETTINGS } from './validate.ts';

const WHICH = 'Which steps:';
const SHOW = 'Output:';

const BACKFILL_SETTINGS = {
  jobs: list({ group: WHICH, describe: 'Only these jobs', otherwise: 'all' }, (texts) =>
    texts.map(parseText),
  ),
  only: list({ group: WHICH, describe: `Only these steps: ${STEPS.join(', ')}` }, parseSteps),
  skip: list({ group: WHICH, describe: 'All but these steps' }, parseSteps),
  resume: onOff({ group: WHICH, describe: 'Go on at the step that failed or was interrupted the last time' }),
  'dry-run': onOff({ group: SHOW, describe: 'Show the commands; run none' }),
  schema: onOff({ group: SHOW, describe: 'Print the JSON schema of such files, for editors' }),
  json: onOff({ group: SHOW, describe: 'One JSON object a line on stdout' }),
};

/** Keys that are the whole's, not a step's. */
const NOT_A_STEPS = new Set(['json', 'csv', 'database', 'dry-run', ...Object.keys(NOTIFY_SETTINGS)]);

const STEP_SETTINGS: Readonly<Record<StepName, Settings>> = {
  events: EVENT_LOAD_SETTINGS,
  load: LOAD_SETTINGS,
  rollup: {},
  scan: SCAN_SETTINGS,
  fill: FILL_SETTINGS,
  validate: VALIDATE_SETTINGS,
  report: REPORT_SETTINGS,
  export: EXPORT_SETTINGS,
};

const LAUNCHER = fileURLToPath(new URL('../../bin/backhaul.js', import.meta.url));

export const command: Command = {
  settings: [],
  command: 'backfill [file]',
  describe: 'Run jobs told by a file: load, rollups, gaps, checks, report',
  builder: (yargs) =>
    declare(yargs as Argv<Arguments>, BACKFILL_SETTINGS)
      .positional('file', {
        describe: 'YAML: a job a venue, a key a step, a step’s keys are the flags of its command',
      })
      .example('$0 backfill jobs.yaml', '')
      .example('$0 backfill jobs.yaml --resume', 'go on where it failed')
      .epilogue(
        'Exit code: 0 all done, 1 a step failed, 2 usage, 3 finished, with rejects, findings or gaps left, 130 interrupted.',
      ),
  handler: async (argv) => {
    refuseUnknown(BACKFILL_SETTINGS, ['file'], argv);
    const surroundings = readSurroundings(process.cwd());
    const flags = resolve(BACKFILL_SETTINGS, argv, { environment: {}, file: new Map() });
    // With YAML's parser in it: for those alone who give a file.
    const { jobFileSchema, parseJobFile } = await import('../backfill/job_file.ts');
    if (flags.schema) return print(JSON.stringify(jobFileSchema(stepFlags()), null, 2));
    if (argv['file'] === undefined) throw usage('a file of jobs is missing');
    const path = String(argv['file']);
    const file = parseJobFile(readText(path), path, stepFlags(), process.env);
    const steps = chosen(file, flags);
    if (flags['dry-run']) return showPlan(steps, flags.json ?? false);
    const told = resolve(
      NOTIFY_SETTINGS,
      {
        ...(file.notify.length === 0 ? {} : { notify: file.notify.map(({ meant }) => meant) }),
        ...(file.notifyOn.length === 0 ? {} : { 'notify-on': file.notifyOn.map(({ meant }) => meant) }),
      },
      surroundings,
    );
    await measured('backfill', undefined, async (telemetry) => {
      const interrupt = listenForInterrupt(() => say('Interrupted: ending with the step at work.'));
      try {
        const { runSteps } = await import('../backfill/run_steps.ts');
        const style = stderrStyle();
        const summary = await runSteps(
          steps,
          {
            launcher: LAUNCHER,
            environment: stepEnvironment(file),
            resume: flags.resume ?? false,
            folder: embeddedFolder(),
            path,
            drain: interrupt.drain,
            ...(telemetry === null ? {} : { measure: (step: Step) => telemetry.step(step.name) }),
          },
          (step, result) => {
            if (result === null) say(style.bold(`${stepId(step)}: ${shown(step)}`));
            else if (flags.json) print(eventLine(result));
            else
              say(
                style.dim(
                  `${stepId(step)}: ${result.outcome}, ${duration(result.seconds)} ${resultText(result)}`.trimEnd(),
                ),
              );
          },
        );
        if (flags.json) print(eventLine(summary));
        else print(backfillLines(summary, path, stdoutWidth(), stdoutStyle()));
        process.exitCode = summary.interrupted
          ? EXIT.interrupted
          : summary.failed
            ? EXIT.failed
            : summary.incomplete
              ? EXIT.incomplete
              : EXIT.fine;
        if (!summary.interrupted) await tell(told, [await noticeOf(summary, path)]);
      } finally {
        interrupt.dispose();
      }
    });
  },
};

async function noticeOf(summary: Parameters<typeof backfillLines>[0], path: string): Promise<Notice> {
  const { failureLevel } = await import('../notify/notice.ts');
  const { failed, failuresInARow, steps } = summary;
  const again = failuresInARow > 1 ? `, ${failuresInARow} times in a row` : '';
  return {
    type: 'notice',
    event: failed ? 'failure' : 'finish',
    level: failed ? failureLevel(failuresInARow) : summary.incomplete ? 'warning' : 'info',
    title: failed ? `backfill ${path} failed${again}` : `backfill ${path} finished`,
    lines: steps.map((step) => `${step.step}: ${step.outcome} ${resultText(step)}`.trim()),
    command: 'backfill',
    runId: null,
    at: new Date().toISOString(),
  };
}

/** A step tells of gaps, findings and staleness by itself; of failures and the end the whole tells once. */
function stepEnvironment({ database, notify, notifyOn }: JobFile): Record<string, string> {
  const on = notifyOn.length === 0 ? ['findings', 'gaps', 'stale'] : notifyOn.map(({ meant }) => meant);
  const inSteps = on.filter((event) => event !== 'failure' && event !== 'finish');
  return {
    ...(database === null ? {} : { BACKHAUL_DATABASE: database.meant }),
    ...(notify.length === 0 || inSteps.length === 0
      ? {}
      : {
          BACKHAUL_NOTIFY: notify.map(({ meant }) => meant).join(','),
          BACKHAUL_NOTIFY_ON: inSteps.join(','),
        }),
  };
}

function stepFlags(): StepFlags {
  return Object.fromEntries(
    STEPS.map((name) => [
      name,
      new Map(
        Object.entries(STEP_SETTINGS[name])
          .filter(([flag]) => !NOT_A_STEPS.has(flag))
          .map(([flag, { kind }]) => [flag, kind]),
      ),
    ]),
  ) as unknown as StepFlags;
}

function chosen(
  { steps }: JobFile,
  {
    jobs,
    only,
    skip,
  }: {
    jobs?: readonly string[] | undefined;
    only?: readonly StepName[] | undefined;
    skip?: readonly StepName[] | undefined;
  },
): Step[] {
  const names = new Set(steps.map(({ job }) => job));
  for (const job of jobs ?? [])
    if (!names.has(job)) throw usage(`there is no job ${job}`, `there are ${[...names].join(', ')}`);
  const some = steps.filter(
    ({ job, name }) =>
      (jobs === undefined || jobs.includes(job)) &&
      (only === undefined || only.includes(name)) &&
      (skip === undefined || !skip.includes(name)),
  );
  if (some.length === 0) throw usage('no step is left to run');
  return some;
}

function showPlan(steps: readonly Step[], json: boolean): void {
  for (const step of steps) {
    if (json)
      print(eventLine({ type: 'step', step: stepId(step), command: shown(step) } as { type: string }));
    else print(`${stepId(step)}: ${shown(step)}`);
  }
}

/** The command as it stands in the file: what variables hold is not shown. */
function shown(step: Step): string {
  const words = stepArguments(step, 'written').map((word) =>
    /^[\w./:=,@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`,
  );
  return redact(sanitise(`backhaul ${words.join(' ')}`));
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    throw usage(`the file of jobs cannot be read: ${path} (${code})`);
  }
}

function parseSteps(texts: readonly string[]): readonly StepName[] {
  return texts.map((text) => {
    const step = STEPS.find((one) => one === text);
    if (step === undefined) throw new Unreadable(`some of ${STEPS.join(', ')}`);
    return step;
  });
}

function usage(message: string, hint?: string): BackhaulError {
  return new BackhaulError({ kind: 'usage', message, ...(hint === undefined ? {} : { hint }) });
}
