import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
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
