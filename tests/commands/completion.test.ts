import { globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { Command } from '../../src/commands/options/settings.ts';
import { testDatabase } from '../database.ts';
import { load } from '../e2e/loading.ts';
import { answerOf } from './in_process.ts';
import { scratchFolder } from './run_cli.ts';

const database = await testDatabase();
const cwd = scratchFolder();
const asked = async (...words: string[]): Promise<string> =>
  (await answerOf(['--get-completions', ...words], { cwd, env: { DATABASE_URL: database.url } })).stdout;

it('answers with commands, flags, symbols and files', async () => {
  mkdirSync(join(cwd, 'data'));
  writeFileSync(join(cwd, 'data', 'XBTUSD_60.csv'), '1704067200,1,2,0.5,1.5,10,3\n');
  await load(database.url, [join(cwd, 'data')]);
  expect(await asked('rep')).toBe('report\n');
  expect(await asked('gaps', '')).toBe('scan\nlist\nfill\ncleanup\n');
  expect(await asked('runs', 'c')).toBe('compare\ncleanup\n');
  expect(await asked('gaps', 'fill', '')).toBe('');
  expect(await asked('load', './data', '--on-')).toBe('--on-conflict\n--on-invalid\n');
  expect(await asked('report', '--symbols', 'ETHUSD,X')).toBe('ETHUSD,XBTUSD\n');
  expect(await asked('unload', '')).toContain('XBTUSD_60.csv\n');
  expect(await asked('load', './da')).toBe('');
});

it('prints a script for each shell, and names those there are', async () => {
  for (const shell of ['bash', 'zsh', 'fish'])
    expect((await answerOf(['completion', shell], { cwd })).stdout).toContain('backhaul --get-completions');
  const other = await answerOf(['completion', 'ksh'], { cwd });
  expect([other.code, other.stderr.trimEnd().split('\n').length]).toEqual([2, 1]);
});

it('knows the words of each command that has commands of its own', async () => {
  for (const path of globSync('src/commands/*.ts')) {
    // A large one of its own commands has a file beside it: gaps.ts, gaps_fill.ts.
    const text = [path, ...globSync(path.replace('.ts', '_*.ts'))]
      .map((one) => readFileSync(one, 'utf8'))
      .join('\n');
    const names = [...text.matchAll(/^ {2}command: '(\w+)/gm)].map(([, name]) => name!);
    if (names.length < 2) continue;
    const { command } = (await import(`../../${path}`)) as { command: Command };
    const name = String(command.command).split(' ', 1)[0]!;
    const inner = names.filter((one) => one !== name);
    expect([name, [...(command.words ?? [])].sort()]).toEqual([name, inner.sort()]);
  }
});
