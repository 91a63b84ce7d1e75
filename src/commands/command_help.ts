/** What a command says of itself to `--help`, as data: its builder is asked once with a listener in yargs' place. */

import type { CommandModule } from 'yargs';
import type { Arguments } from './options/settings.ts';

/** A flag or an argument, and what it is for. */
export interface HelpItem {
  readonly name: string;
  readonly describe: string;
}

/** A command's help; commands of its own (`gaps fill`) come with theirs. */
export interface CommandHelp {
  /** With its arguments, without `backhaul`: `load <source..>`. */
  readonly synopsis: string;
  readonly describe: string;
  readonly positionals: readonly HelpItem[];
  /** By group, in the order of `--help`. `takesValue` is false for a switch. */
  readonly groups: ReadonlyMap<string, readonly (HelpItem & { readonly takesValue: boolean })[]>;
  readonly examples: readonly { readonly line: string; readonly says: string }[];
  /** Lines below, its exit codes among them. */
  readonly notes: readonly string[];
  readonly commands: readonly CommandHelp[];
}

interface Option {
  readonly group?: string;
  readonly describe?: string;
  readonly type?: string;
}

/** Asks a command's builder. `parent` goes before the name of a command of another: `gaps`. */
export function helpOf(command: CommandModule<object, Arguments>, parent = ''): CommandHelp {
  const positionals: HelpItem[] = [];
  const groups = new Map<string, (HelpItem & { takesValue: boolean })[]>();
  const examples: { line: string; says: string }[] = [];
  const notes: string[] = [];
  const commands: CommandHelp[] = [];
  const name = String(command.command).split(' ', 1)[0]!;
  const path = parent === '' ? name : `${parent} ${name}`;
  const heard: Readonly<Record<string, (...said: never[]) => void>> = {
    option: (flag: string, { group = 'Options:', describe = '', type }: Option) => {
      const items = groups.get(group) ?? [];
      groups.set(group, [...items, { name: flag, describe, takesValue: type !== 'boolean' }]);
    },
    positional: (word: string, { describe = '' }: Option) => void positionals.push({ name: word, describe }),
    example: (line: string, says: string) =>
      void examples.push({ line: line.replaceAll('$0', 'backhaul'), says }),
    epilogue: (text: string) => void notes.push(...text.split('\n')),
    command: (inner: readonly CommandModule<object, Arguments>[]) =>
      void commands.push(...inner.map((one) => helpOf(one, path))),
    demandCommand: () => {},
  };
  const listener: object = new Proxy(
    {},
    {
      get: (_target, method) => {
        const hear = heard[String(method)];
        // A builder that says what nobody here listens for would be missing from the manual without a word.
        if (hear === undefined) throw new Error(`${path}: its help says .${String(method)}(), unheard`);
        return (...said: never[]) => {
          hear(...said);
          return listener;
        };
      },
    },
  );
  if (typeof command.builder === 'function') void command.builder(listener as never);
  return {
    synopsis: parent === '' ? String(command.command) : `${parent} ${String(command.command)}`,
    describe: String(command.describe ?? ''),
    positionals,
    groups,
    examples,
    notes,
    commands,
  };
}
