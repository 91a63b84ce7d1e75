import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { type CommandHelp, helpOf } from '../src/commands/command_help.ts';
import { COMMANDS } from '../src/commands/command_line.ts';

/** Flags yargs has by itself. */
const EVERYWHERE = new Set(['help', 'version']);

it('docs/operate.md names commands and flags that there are', () => {
  const flagsOf = ({ groups, commands }: CommandHelp): string[] => [
    ...[...groups.values()].flat().map(({ name }) => name),
    ...commands.flatMap(flagsOf),
  ];
  const known = new Map(
    COMMANDS.map((command) => [String(command.command).split(' ', 1)[0]!, flagsOf(helpOf(command))]),
  );
  const lines = [...readFileSync('docs/operate.md', 'utf8').matchAll(/npx backhaul ([^`#\n]+)/g)].map(
    ([, words]) => words!.trim(),
  );
  expect(lines.length).toBeGreaterThan(15);
  const wrong = lines.filter((line) => {
    const [name = '', ...words] = line.split(/\s+/);
    const flags = words.flatMap((word) => /^--([\w-]+)/.exec(word)?.[1] ?? []);
    return (
      !known.has(name) || flags.some((flag) => !EVERYWHERE.has(flag) && !known.get(name)!.includes(flag))
    );
  });
  expect(wrong).toEqual([]);
});
