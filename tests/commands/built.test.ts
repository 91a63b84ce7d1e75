import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { testDatabase } from '../database.ts';
import { runCli, scratchFolder } from './run_cli.ts';

const database = await testDatabase();
const folder = scratchFolder();

it('what npm run build makes loads a file on its workers, without the sources', async () => {
  // The package as it is published: bin, dist and package.json; dependencies beside it.
  const tsc = resolve('node_modules/typescript/bin/tsc');
  execFileSync(process.execPath, [tsc, '-p', 'tsconfig.build.json', '--outDir', join(folder, 'dist')]);
  const catalogue = 'producer/layouts/catalogue';
  cpSync(join('src', catalogue), join(folder, 'dist', catalogue), { recursive: true });
  for (const part of ['bin', 'package.json']) cpSync(part, join(folder, part), { recursive: true });
  symlinkSync(resolve('node_modules'), join(folder, 'node_modules'));
  mkdirSync(join(folder, 'data'));
  writeFileSync(join(folder, 'data', 'XBTUSD_60.csv'), '1711929600,1,2,1,2,3,4\n1711933200,2,2,1,1,3,4\n');
  const launcher = join(folder, 'bin', 'backhaul.js');
  const run = (args: string[]) =>
    runCli(args, { cwd: folder, env: { DATABASE_URL: database.url }, launcher });
  const loaded = await run(['load', 'data']);
  expect(loaded.stderr).not.toContain('failed');
  expect(loaded.code).toBe(0);
  const { stdout } = await run(['query', 'SELECT symbol, close FROM candles ORDER BY ts', '--csv']);
  expect(stdout).toBe('symbol,close\nXBTUSD,2\nXBTUSD,1\n');
});
