/** The command line: finds the command, runs it, and says what went wrong in a few lines and an exit code. */

import yargs, { type Argv, type CommandModule } from 'yargs';
import { nearest } from '../base/nearest.ts';
import { faultOf } from '../faults/classify.ts';
import { BackhaulError, type Fault } from '../faults/fault.ts';
import { faultLines } from '../ui/fault_text.ts';
import { redact } from '../ui/redact.ts';
import { sanitise } from '../ui/text.ts';
import { command as backfillCommand } from './backfill.ts';
import { command as benchCommand } from './bench.ts';
import { answersTo, COMPLETE, command as completionCommand } from './completion.ts';
import { command as dbCommand } from './db.ts';
import { command as demoCommand } from './demo.ts';
import { command as doctorCommand } from './doctor.ts';
import { command as eventsCommand } from './events.ts';
import { command as exportCommand } from './export.ts';
import { command as gapsCommand } from './gaps.ts';
import { command as inspectCommand } from './inspect.ts';
import { command as layoutsCommand } from './layouts.ts';
import { command as loadCommand } from './load.ts';
import { manCommand } from './man.ts';
import { TIER_SETTINGS } from './options/series_options.ts';
import { type Arguments, type Command, declareKnown } from './options/settings.ts';
import { EXIT, exitCodeOfFault } from './program/exit_codes.ts';
import { isQuitting } from './program/interrupt.ts';
import { print, say, stderrStyle } from './program/screen.ts';
import { version } from './program/version.ts';
import { command as queryCommand } from './query.ts';
import { command as recomputeCommand } from './recompute.ts';
import { command as reportCommand } from './report.ts';
import { command as retryCommand } from './retry.ts';
import { command as rollupCommand } from './rollup.ts';
import { command as runsCommand } from './runs.ts';
import { command as statusCommand } from './status.ts';
import { command as uiCommand } from './ui.ts';
import { command as unloadCommand } from './unload.ts';
import { command as validateCommand } from './validate.ts';

/** All there are, in the order of the help. */
export const COMMANDS: readonly Command[] = [
  loadCommand,
  statusCommand,
  runsCommand,
  retryCommand,
  unloadCommand,
  gapsCommand,
  reportCommand,
  validateCommand,
  recomputeCommand,
  rollupCommand,
  eventsCommand,
  backfillCommand,
  inspectCommand,
  layoutsCommand,
  queryCommand,
  exportCommand,
  uiCommand,
  dbCommand,
  doctorCommand,
  benchCommand,
  demoCommand,
  completionCommand,
  manCommand(() => COMMANDS),
];

/** The command under way. */
let running: Promise<unknown> = Promise.resolve();

/** For a handler that returns a promise yargs lays out the command's help beforehand, a tenth of a second of text. */
function unawaited(command: Command): CommandModule<object, Arguments> {
  const handler = (argv: Arguments): void => {
    running = Promise.resolve(command.handler(argv as Parameters<typeof command.handler>[0]));
  };
  return { ...command, handler };
}

const NAMES = COMMANDS.map(nameOf);

function nameOf({ command }: Command): string {
  return String(command).split(' ', 1)[0]!;
}

const EPILOGUE = [
  'A flag may also be set as BACKHAUL_<FLAG> in the environment or as <flag> in ./backhaul.yaml.',
  'Without --database and DATABASE_URL an embedded PostgreSQL under ./.backhaul is used.',
].join('\n');

const IS_MISSING = 'an argument is missing';

/** What yargs says, in our words. */
const WORDS = {
  'Not enough non-option arguments: got %s, need at least %s': {
    one: IS_MISSING,
    other: IS_MISSING,
  },
  'Too many non-option arguments: got %s, maximum of %s': {
    one: 'too many arguments: got %s, at most %s',
    other: 'too many arguments: got %s, at most %s',
  },
  'Unknown command: %s': { one: 'unexpected argument "%s"', other: 'unexpected arguments "%s"' },
  'Unknown argument: %s': { one: 'unexpected argument "%s"', other: 'unexpected arguments "%s"' },
  'Not enough arguments following: %s': '--%s needs a value',
  'Missing argument value: %s': { one: '--%s needs a value', other: '--%s need values' },
} as unknown as Record<string, string>;

/** Runs one command line to its end, and sets the exit code of the program. */
export async function runCommandLine(args: readonly string[]): Promise<void> {
  if (args[0] === COMPLETE) {
    for (const answer of await answersTo(args.slice(1), COMMANDS)) print(answer);
    return;
  }
  const command = NAMES.find((name) => name === args.find((arg) => !arg.startsWith('-')));
  try {
    if (args.length === 0) {
      say(await run(['--help']));
      process.exitCode = EXIT.usage;
      return;
    }
    const help = await run(withOptionalValues(args));
    if (help !== '') print(help);
  } catch (error) {
    if (!isQuitting()) process.exitCode = sayWhatFailed(error, command ?? null);
  }
}

/** Flags whose value may be left out. yargs would take the next word for it, whatever that is. */
function withOptionalValues(args: readonly string[]): string[] {
  return args.flatMap((arg, at) => {
    if (arg !== '--ui') return /^\d+$/.test(arg) && args[at - 1] === '--ui' ? [] : [arg];
    const next = args[at + 1];
    return [next !== undefined && /^\d+$/.test(next) ? `--ui=${next}` : '--ui=0'];
  });
}

/** Hands the arguments to yargs and sees the command through; resolves to what `--help` and `--version` have to say. */
async function run(args: readonly string[]): Promise<string> {
  let said = '';
  running = Promise.resolve();
  await parser(args).parseAsync([...args], {}, (_error: unknown, _argv: unknown, output: string) => {
    // yargs writes types and empty defaults into its help; the descriptions say it better.
    said = output.replaceAll(/\s*\[(?:boolean|array|required|default: \[\])\]/g, '');
  });
  await running;
  return said;
}

function parser(args: readonly string[]): Argv {
  const known = yargs([...args])
    .scriptName('backhaul')
    .locale('en')
    .updateStrings(WORDS)
    .usage('$0 <command> [flags]\n\nHauls years of market-data flat files into PostgreSQL.')
    .parserConfiguration({
      // Names are taken as written: --no-sign-request is a flag of its own, and a folder may be called 2024.
      'boolean-negation': false,
      'camel-case-expansion': false,
      'dot-notation': false,
      'parse-numbers': false,
      'parse-positional-numbers': false,
      'short-option-groups': false,
    })
    .command(COMMANDS.map(unawaited) as CommandModule[])
    .demandCommand(1, 1, '', 'unexpected argument')
    .strictCommands()
    .epilogue(EPILOGUE)
    .version(version())
    .help()
    .alias('h', 'help')
    .wrap(Math.min(110, process.stdout.columns || 100))
    .exitProcess(false)
    .fail((message, error) => {
      // What a command throws comes by here as well; what yargs itself refuses is told in our words.
      throw error === undefined || error?.name === 'YError' ? misunderstood(message, args) : error;
    });
  return known;
}

function misunderstood(message: string, args: readonly string[]): BackhaulError {
  const word = args.find((arg) => !arg.startsWith('-'));
  if (word === undefined) return new BackhaulError({ kind: 'usage', message: 'a command is missing' });
  const command = COMMANDS.find((one) => nameOf(one) === word);
  if (command !== undefined) return misunderstoodOf(command, args, sanitise(message.split('\n', 1)[0] ?? ''));
  const near = nearest(word, NAMES);
  return new BackhaulError({
    kind: 'usage',
    message: `unknown command "${sanitise(word)}"`,
    ...(near === null ? {} : { hint: `did you mean ${near}?` }),
  });
}

/** What yargs did not understand of a command: with what may stand there, and the nearest of what was typed. */
function misunderstoodOf(command: Command, args: readonly string[], said: string): BackhaulError {
  const { words = [] } = command;
  // Behind it yargs puts how many there were, and are to be.
  const isMissing = said.startsWith(IS_MISSING);
  const message = isMissing ? IS_MISSING : said;
  const typed = args.filter((arg) => !arg.startsWith('-'))[1];
  const near = typed === undefined || words.includes(typed) ? null : nearest(typed, words);
  const form = String(command.command).replace('<action>', `<${words.join('|')}>`);
  return new BackhaulError({
    kind: 'usage',
    message,
    ...(isMissing && typed === undefined ? { expected: form } : {}),
    ...(near === null ? {} : { hint: `did you mean ${near}?` }),
  });
}

/** A source that cannot be reached at all is told in one line. */
const SOURCE_KINDS: ReadonlySet<Fault['kind']> = new Set([
  'not-found',
  'forbidden',
  'credentials',
  'network',
  'timeout',
]);

/** Says what failed on stderr; the exit code that goes with it. */
export function sayWhatFailed(error: unknown, command: string | null): number {
  const fault = faultOf(error);
  if (process.env['BACKHAUL_DEBUG'] === '1' && error instanceof Error)
    say(...(error.stack ?? error.message).split('\n').map((line) => redact(sanitise(line))));
  const style = stderrStyle();
  const code = exitCodeOfFault(fault.kind);
  if (code === EXIT.usage) say(redact(usageLine(fault, command)));
  else if (SOURCE_KINDS.has(fault.kind))
    say(redact(`${style.red('backhaul:')} ${faultLines(fault).join('; ')}`));
  else {
    const [first, ...rest] = faultLines(withHint(fault), style);
    say(...[`${style.red('backhaul:')} ${first}`, ...rest.map((line) => `  ${line}`)].map(redact));
  }
  return code;
}

/** One line: what was not understood, and where it is explained. */
function usageLine(fault: Fault, command: string | null): string {
  const manual = `backhaul ${command === null ? '' : `${command} `}--help`;
  return `backhaul: ${faultLines(fault).join('; ').replace('hint: ', '')} (see ${manual})`;
}

function withHint(fault: Fault): Fault {
  if (fault.hint !== undefined || fault.kind !== 'internal') return fault;
  return {
    ...fault,
    hint: 'this is a bug in Backhaul: BACKHAUL_DEBUG=1 before the same command shows where',
  };
}

declareKnown(TIER_SETTINGS, ...COMMANDS.flatMap(({ settings }) => settings));
