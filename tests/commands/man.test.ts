import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { COMMANDS } from '../../src/commands/command_line.ts';
import { answerOf } from './in_process.ts';

const { stdout: page } = await answerOf(['man']);

/** What a reader sees of a piece of the page, near enough to look words up in. */
const seen = (roff: string): string =>
  roff
    .replaceAll(/\\\[u(\w+)\]/g, (_, number: string) => String.fromCodePoint(Number.parseInt(number, 16)))
    .replaceAll('\\-', '-')
    .replaceAll('\\(aq', "'")
    .replaceAll('\\(dq', '"')
    .replaceAll('\\e', '\\');
const sections = new Map(
  seen(page)
    .split(/^\.SS "backhaul /m)
    .slice(1)
    .map((text) => [text.slice(0, text.indexOf('"')), text]),
);

it('has every command, and every command of those', async () => {
  const { stdout: help } = await answerOf(['--help']);
  const named = [...help.matchAll(/^ {2}backhaul (\w+)/gm)].map(([, name]) => name!);
  for (const { command, words = [] } of COMMANDS)
    if (['gaps', 'runs', 'events'].includes(String(command)))
      named.push(...words.map((word) => `${String(command)} ${word}`));
  expect(named.length).toBeGreaterThan(25);
  for (const name of named)
    expect([...sections.keys()].filter((one) => `${one} `.startsWith(`${name} `))).not.toEqual([]);
});

it('has every flag with its words, choices and default, the examples and what is below them', async () => {
  for (const words of ['load', 'gaps fill', 'runs show', 'db']) {
    const { stdout } = await answerOf([...words.split(' '), '--help']);
    const section = [...sections].find(([name]) => name.startsWith(words))![1].replaceAll(/\s+/g, ' ');
    const flags = [...stdout.matchAll(/^ {6}--([\w-]+)/gm)].map(([, flag]) => flag!);
    for (const flag of flags.filter((one) => one !== 'version')) expect(section).toContain(`"--${flag}`);
    const notes = stdout.slice(stdout.indexOf('Examples:')).replaceAll(/\s+/g, ' ').split('. ');
    expect(section).toContain(notes.at(-1)!.trim());
  }
  const flags = new Set(
    COMMANDS.flatMap(({ settings }) => settings.flatMap((table) => Object.entries(table))),
  );
  expect(flags.size).toBeGreaterThan(100);
  const text = [...sections.values()].join('\n');
  for (const [flag, { otherwise }] of flags) {
    expect(text).toContain(`.B "--${flag}`);
    if (otherwise !== undefined) expect(text).toContain(`[default: ${otherwise}]`);
  }
  for (const code of [0, 1, 2, 3, 130])
    expect(page.slice(page.indexOf('.SH EXIT STATUS'))).toContain(`.B "${code}"`);
});

it('is plain ASCII, and no line of it is taken for a request that is none', () => {
  expect(page).toMatch(/^[\n\x20-\x7e]+$/);
  const requests = [...page.matchAll(/^[.'](\w*)/gm)].map(([, name]) => name);
  expect(new Set(requests)).toEqual(
    new Set(['TH', 'nh', 'ad', 'SH', 'SS', 'PP', 'B', 'I', 'TP', 'RS', 'RE', 'nf', 'fi']),
  );
});

/** Programs that read such pages, and how each is made to complain. */
const READERS: readonly (readonly [string, ...string[]])[] = [
  ['groff', '-ww', '-z', '-man', '-Tutf8'],
  ['mandoc', '-Tlint', '-Wwarning'],
];

it.each(READERS)('%s finds no fault with it', (name, ...args) => {
  const { error, stdout, stderr } = spawnSync(name, args, { input: page, encoding: 'utf8' });
  if (error !== undefined) return;
  expect(`${stdout}${stderr}`).toBe('');
});
