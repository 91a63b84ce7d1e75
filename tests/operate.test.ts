import { globSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import type { Command } from '../src/commands/settings.ts';

/** Flags yargs has by itself. */
const EVERYWHERE = new Set(['help', 'version']);

it('docs/operate.md names commands and flags that there are', async () => {
  const known = new Map<string, string>();
  for (const path of globSync('src/commands/*.ts')) {
    const text = readFileSync(path, 'utf8');
    if (!text.includes('export const command: Command')) continue;
    const { command } = (await import(`../${path}`)) as { command: Command };
    const flags = (command.settings ?? []).flatMap((settings) => Object.keys(settings));
    // Flags that no configuration file may set stand in the command's own file alone.
    const own = [...text.matchAll(/^ {2}'?([\w-]+)'?: (?:onOff|value|list)\(/gm)].map(([, flag]) => flag!);
    known.set(String(command.command).split(' ', 1)[0]!, [...flags, ...own].join(' '));
  }
  const lines = [...readFileSync('docs/operate.md', 'utf8').matchAll(/npx backhaul ([^`#\n]+)/g)].map(
    ([, words]) => words!.trim(),
  );
  expect(lines.length).toBeGreaterThan(15);
  const wrong = lines.filter((line) => {
    const [name = '', ...words] = line.split(/\s+/);
    const flags = words.flatMap((word) => /^--([\w-]+)/.exec(word)?.[1] ?? []);
    return (
      !known.has(name) ||
      flags.some((flag) => !EVERYWHERE.has(flag) && !known.get(name)!.split(' ').includes(flag))
    );
  });
  expect(wrong).toEqual([]);
});
