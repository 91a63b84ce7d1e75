import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { checkLayout } from '../../src/producer/layouts/checked_layout.ts';
import { catalogueText, knownLayouts } from '../../src/producer/layouts/known_layouts.ts';
import { loadLayout } from '../../src/producer/layouts/named_layout.ts';
import { answerOf } from './in_process.ts';
import { scratchFolder } from './run_cli.ts';

const folder = scratchFolder();
const run = (...args: string[]) => answerOf(args, { cwd: folder });

it('layouts lists what is built in, and as JSON with its file', async () => {
  const { code, stdout } = await run('layouts');
  expect(code).toBe(0);
  for (const { name } of knownLayouts()) expect(stdout).toContain(name);
  const json = await run('layouts', 'binance-klines', '--json');
  expect(json.stdout.trim().split('\n')).toHaveLength(1);
  const { yaml, ...told } = JSON.parse(json.stdout);
  expect(told).toMatchObject({ type: 'layout', name: 'binance-klines', vendor: 'Binance', kind: 'bars' });
  expect(yaml).toBe(catalogueText('binance-klines'));
});

it('a file of the catalogue that is copied is the same layout', async () => {
  const known = knownLayouts();
  for (const layout of known) {
    const path = join(folder, `${layout.name}.yaml`);
    writeFileSync(path, catalogueText(layout.name));
    expect(await loadLayout(path, [])).toEqual(layout);
  }
  expect(() => checkLayout({}, 'x', 'x')).toThrow();
});

it('every file of the catalogue says whose files it reads, an example that it fits, and where its facts are from', () => {
  for (const { name, vendor, example, paths, maybe } of knownLayouts()) {
    expect([name, vendor !== undefined]).toEqual([name, true]);
    expect([name, [...paths, ...maybe].some((path) => path.test(example))]).toEqual([name, true]);
    expect([name, /^# .*\n(?:#.*\n)*/.test(catalogueText(name))]).toEqual([name, true]);
  }
});
