/**
 * Settings: a flag, an environment variable `BACKHAUL_<FLAG>` and a key of `backhaul.yaml` by the same name. A command
 * declares a table of them; values come as text from whichever says them first (flag, environment, file) and are read
 * by the same parser, so that a wrong value is answered the same way wherever it stands.
 */

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Argv, CommandModule } from 'yargs';
import { nearest } from '../../base/nearest.ts';
import { BackhaulError } from '../../faults/fault.ts';
import { sanitise } from '../../ui/text.ts';

/** Name of the configuration file, looked for in the current folder. */
const CONFIGURATION_FILE = 'backhaul.yaml';

/** What a parser throws when a text cannot be meant; `expected` completes the sentence "expected …". */
export class Unreadable extends Error {
  readonly expected: string;
  constructor(expected: string) {
    super(`expected ${expected}`);
    this.name = 'Unreadable';
    this.expected = expected;
  }
}

/** One setting; `T` is what its text is read into. */
export interface Setting<T> {
  /** `switch`: on or off, without a value. `list`: may be repeated, or separated by commas. */
  readonly kind: 'switch' | 'value' | 'list';
  readonly group: string;
  readonly describe: string;
  /** What help shows as the default. */
  readonly otherwise?: string;
  readonly parse: (texts: readonly string[]) => T;
  /** Environment variables beside `BACKHAUL_<FLAG>`, consulted after it. */
  readonly variables?: readonly string[];
  /** May hold a password: no message repeats it. */
  readonly secret?: boolean;
}

// biome-ignore lint/suspicious/noExplicitAny: a table of settings of any type; `Resolved` gives each its own back.
export type Settings = Readonly<Record<string, Setting<any>>>;

/** The values of a table of settings; undefined where nobody set one. */
export type Resolved<S extends Settings> = {
  readonly [K in keyof S]: S[K] extends Setting<infer T> ? T | undefined : never;
};

type Words = { readonly group: string; readonly describe: string; readonly otherwise?: string };

/** On or off. */
export function onOff(words: Words): Setting<boolean> {
  return { ...words, kind: 'switch', parse: (texts) => parseBoolean(texts.at(-1) ?? '') };
}

/** One value; said twice, the last counts. */
export function value<T>(
  words: Words & Pick<Setting<T>, 'variables' | 'secret'>,
  parse: (text: string) => T,
): Setting<T> {
  return { ...words, kind: 'value', parse: (texts) => parse(texts.at(-1) ?? '') };
}

/** Several values, repeated or separated by commas. */
export function list<T>(words: Words, parse: (texts: readonly string[]) => T): Setting<T> {
  const split = (texts: readonly string[]): string[] =>
    texts
      .flatMap((text) => text.split(','))
      .map((text) => text.trim())
      .filter((text) => text !== '');
  return { ...words, kind: 'list', parse: (texts) => parse(split(texts)) };
}

function parseBoolean(text: string): boolean {
  const word = text.toLowerCase();
  if (word === 'true' || word === '1' || word === 'yes' || word === 'on') return true;
  if (word === 'false' || word === '0' || word === 'no' || word === 'off' || word === '') return false;
  throw new Unreadable('true or false');
}

/** Gives yargs the flags of a table. Parsing and defaults stay here: yargs sees texts and switches. */
export function declare<T>(yargs: Argv<T>, settings: Settings): Argv<T> {
  for (const [name, setting] of Object.entries(settings)) {
    const isSwitch = setting.kind === 'switch';
    yargs.option(name, {
      group: setting.group,
      // Of `runs`, it is none of `runs show`.
      global: false,
      describe:
        setting.otherwise === undefined
          ? setting.describe
          : `${setting.describe} [default: ${setting.otherwise}]`,
      ...(isSwitch ? { type: 'boolean' } : { nargs: 1 }),
    });
  }
  return yargs;
}

/** What yargs read from the command line. */
export type Arguments = Readonly<Record<string, unknown>>;

/** A command, with the settings of its own that `backhaul.yaml` may hold. */
export interface Command extends CommandModule<object, Arguments> {
  readonly settings: readonly Settings[];
  /** What may stand behind its name, where only certain words may: for a shell that completes them. */
  readonly words?: readonly string[];
}

/** Where values come from beside the command line. */
export interface Surroundings {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Keys of the configuration file, as texts. */
  readonly file: ReadonlyMap<string, readonly string[]>;
}

/** Every setting any command knows: what may stand in `backhaul.yaml`. Filled by {@link declareKnown}. */
const known = new Set<string>();

/** Tells which keys `backhaul.yaml` may hold. */
export function declareKnown(...tables: readonly Settings[]): void {
  for (const table of tables) for (const name of Object.keys(table)) known.add(name);
}

/**
 * The environment and the configuration file of the current folder.
 * @throws BackhaulError `usage` for a file that cannot be meant
 */
export function readSurroundings(folder: string): Surroundings {
  return { environment: process.env, file: readConfigurationFile(`${folder}/${CONFIGURATION_FILE}`) };
}

function readConfigurationFile(path: string): ReadonlyMap<string, readonly string[]> {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return new Map();
    throw usage(`${CONFIGURATION_FILE} cannot be read: ${(error as Error).message}`);
  }
  return parseConfiguration(text, [...known]);
}

/**
 * Reads `backhaul.yaml`: a flat map from flag names to a scalar or a list of scalars.
 * @throws BackhaulError `usage`, naming the key
 */
export function parseConfiguration(
  text: string,
  knownKeys: readonly string[],
): ReadonlyMap<string, readonly string[]> {
  // Loaded where there is a file: most commands are given without one, and it takes 35 ms.
  const { parse } = createRequire(import.meta.url)('yaml') as typeof import('yaml');
  let content: unknown;
  try {
    content = parse(text);
  } catch (error) {
    throw usage(`${CONFIGURATION_FILE} is no YAML: ${firstLine((error as Error).message)}`);
  }
  if (content === null || content === undefined) return new Map();
  if (typeof content !== 'object' || Array.isArray(content)) {
    throw usage(`${CONFIGURATION_FILE} must be a map of settings, such as "workers: 4"`);
  }
  const settings = new Map<string, readonly string[]>();
  for (const [key, entry] of Object.entries(content)) {
    if (!knownKeys.includes(key)) {
      const near = nearest(key, knownKeys);
      throw usage(
        `${CONFIGURATION_FILE}: unknown key "${sanitise(key)}"`,
        near === null ? undefined : `did you mean "${near}"?`,
      );
    }
    const entries: unknown[] = Array.isArray(entry) ? entry : [entry];
    settings.set(
      key,
      entries.map((scalar) => scalarText(key, scalar)),
    );
  }
  return settings;
}

function scalarText(key: string, scalar: unknown): string {
  if (typeof scalar === 'string' || typeof scalar === 'number' || typeof scalar === 'boolean') {
    return String(scalar);
  }
  throw usage(`${CONFIGURATION_FILE}: "${key}" must be a value or a list of values`);
}

/**
 * The values of a command's settings: flags over environment over file.
 * @throws BackhaulError `usage`, naming flag, variable or key
 */
export function resolve<S extends Settings>(
  settings: S,
  flags: Arguments,
  surroundings: Surroundings,
): Resolved<S> {
  const resolved: Record<string, unknown> = {};
  for (const [name, setting] of Object.entries(settings)) {
    const said = whoSays(name, setting, flags, surroundings);
    if (said !== null) resolved[name] = parsed(setting, said);
  }
  return resolved as Resolved<S>;
}

/**
 * The value of a word of the command line that is no flag, read as that of a setting; `name` as help shows it.
 * @throws BackhaulError `usage`, naming it
 */
export function readWord<T>(name: string, setting: Setting<T>, text: string): T {
  return parsed(setting, { by: `<${name}>`, texts: [text] });
}

/** What a setting was said to be, and by what: a flag, a variable, a key of the file. */
interface Said {
  readonly by: string;
  readonly texts: readonly string[];
}

function parsed<T>(setting: Setting<T>, { by, texts }: Said): T {
  try {
    return setting.parse(texts);
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
    throw usage(
      setting.secret === true
        ? `${by} cannot be read: expected ${error.expected}`
        : `${by} is "${sanitise(texts.join(','))}": expected ${error.expected}`,
    );
  }
}

function whoSays(
  name: string,
  setting: Setting<unknown>,
  flags: Arguments,
  surroundings: Surroundings,
): Said | null {
  const flag = flags[name];
  if (flag !== undefined) {
    return { by: `--${name}`, texts: (Array.isArray(flag) ? flag : [flag]).map(String) };
  }
  const own = `BACKHAUL_${name.toUpperCase().replaceAll('-', '_')}`;
  for (const variable of [own, ...(setting.variables ?? [])]) {
    const text = surroundings.environment[variable];
    if (text !== undefined && text !== '') return { by: variable, texts: [text] };
  }
  const texts = surroundings.file.get(name);
  return texts === undefined ? null : { by: `"${name}" in ${CONFIGURATION_FILE}`, texts };
}

/**
 * What every handler begins with: the flags of its command, out of the arguments, the environment and the file, and the
 * latter two for what else it asks of them.
 * @throws BackhaulError `usage` for a flag it does not know and a value that cannot be meant
 */
export function readFlags<S extends Settings>(
  settings: S,
  positionals: readonly string[],
  argv: Arguments,
): { readonly flags: Resolved<S>; readonly surroundings: Surroundings } {
  refuseUnknown(settings, positionals, argv);
  const surroundings = readSurroundings(process.cwd());
  return { flags: resolve(settings, argv, surroundings), surroundings };
}

/** Refuses flags and words a command does not know: yargs passes them through, so that the answer can name the nearest. */
export function refuseUnknown(settings: Settings, positionals: readonly string[], flags: Arguments): void {
  const names = Object.keys(settings);
  const fine = new Set([...names, ...positionals, '_', '$0', '--', 'help', 'version']);
  for (const key of Object.keys(flags)) {
    if (fine.has(key)) continue;
    const near = nearest(key, names);
    throw usage(
      `unknown flag ${key.length === 1 ? '-' : '--'}${sanitise(key)}`,
      near === null ? undefined : `did you mean --${near}?`,
    );
  }
}

function usage(message: string, hint?: string): BackhaulError {
  return new BackhaulError({ kind: 'usage', message, ...(hint === undefined ? {} : { hint }) });
}

function firstLine(text: string): string {
  return sanitise(text.split('\n', 1)[0] ?? '');
}
