import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { type CommandHelp, helpOf } from '../src/commands/command_help.ts';
import { COMMANDS } from '../src/commands/command_line.ts';
import { answerOf } from './commands/in_process.ts';
import { scratchFolder } from './commands/run_cli.ts';
import { testDatabase } from './database.ts';

/** Flags yargs has by itself. */
const EVERYWHERE = new Set(['help', 'version']);

/** Every command of docs/operate.md, in its order, without what a shell would do with its output. */
const LINES = [...readFileSync('docs/operate.md', 'utf8').matchAll(/npx backhaul ([^`#|\n]+)/g)].map(
  ([, words]) => words!.trim().split(/\s+/),
);

/** Those that stay until they are stopped, take minutes, or change what other tests use: each has tests of its own. */
const NOT_RUN = new Set(['status --watch', 'ui', 'bench', 'doctor --fix']);

it('docs/operate.md names commands and flags that there are', () => {
  const flagsOf = ({ groups, commands }: CommandHelp): string[] => [
    ...[...groups.values()].flat().map(({ name }) => name),
    ...commands.flatMap(flagsOf),
  ];
  const known = new Map(
    COMMANDS.map((command) => [String(command.command).split(' ', 1)[0]!, flagsOf(helpOf(command))]),
  );
  expect(LINES.length).toBeGreaterThan(15);
  const wrong = LINES.filter(([name = '', ...words]) => {
    const flags = words.flatMap((word) => /^--([\w-]+)/.exec(word)?.[1] ?? []);
    return (
      !known.has(name) || flags.some((flag) => !EVERYWHERE.has(flag) && !known.get(name)!.includes(flag))
    );
  });
  expect(wrong).toEqual([]);
});

it('what docs/operate.md says to type does what it is for, from the first line to the last', async () => {
  const { url } = await testDatabase();
  const cwd = scratchFolder();
  mkdirSync(join(cwd, 'flatfiles'));
  mkdirSync(join(cwd, 'downloads'));
  const day = 1_704_067_200;
  const barsFrom = (start: number, hours: number) =>
    Array.from(
      { length: hours },
      (_, hour) => `${start + hour * 3600},10,12,9,${10 + (hour % 3)},5,3\n`,
    ).join('');
  writeFileSync(join(cwd, 'flatfiles', 'XBTUSD_60.csv'), barsFrom(day, 96));
  writeFileSync(join(cwd, 'downloads', 'XBTUSD_60.csv'), barsFrom(day + 96 * 3600, 48));
  writeFileSync(join(cwd, 'splits.csv'), 'symbol,date,ratio\nXBTUSD,2024-01-03,2:1\n');
  const env = {
    DATABASE_URL: url,
    FLATFILES: './flatfiles',
    SLACK_URL: 'https://hooks.slack.com/services/T/B/x',
    BACKHAUL_HOME: cwd,
  };
  const said: Record<string, string> = {};
  for (const words of LINES) {
    const line = words.join(' ');
    if (NOT_RUN.has(line)) continue;
    const args = words.map((word) =>
      word === 'FILE' ? 'flatfiles/XBTUSD_60.csv' : word === '9464' ? '0' : word,
    );
    if (words[0] === 'load') args.push('--workers', '1');
    if (words[0] === 'backfill') args[1] = join(process.cwd(), words[1]!);
    // The nightly job would ask the exchange.
    const answer = await answerOf(words[0] === 'backfill' ? [...args, '--dry-run'] : args, { cwd, env });
    expect({ line, code: answer.code, stderr: answer.stderr }).toMatchObject({
      line,
      // What is missing since then stays open, and is said by the exit code.
      code: line.startsWith('gaps fill') ? 3 : 0,
    });
    said[line] ??= answer.stdout;
  }
  expect(said).toMatchObject({
    'backfill deploy/jobs/nightly.yaml --resume': expect.stringContaining('kraken/load: backhaul load'),
    'load ./flatfiles --log-file load.jsonl': expect.stringContaining('Loaded 96 rows'),
    'export ./bars': expect.stringContaining('Exported 96 rows of 1 series'),
    'load ./bars': expect.stringContaining('96 records that stood already'),
    'gaps list --csv': expect.stringContaining('2024-01-05T00:00:00'),
    'gaps fill ./downloads': expect.stringContaining('48 bars covered that were not'),
    'events load splits.csv': expect.stringContaining('1 '),
    'runs cleanup': expect.any(String),
  });
}, 120_000);
