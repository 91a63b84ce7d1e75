import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { loadOptionsOf } from '../src/library/requests.ts';
import { Running } from '../src/library/running.ts';
import { testDatabase } from './database.ts';
import { scratchFolder } from './e2e/loading.ts';
import { krakenCsv, walk, write } from './e2e/market.ts';

const FROM = Date.UTC(2024, 0, 1) / 1000;

it('does what its page says', async () => {
  const database = await testDatabase({ content: 'empty' });
  const folder = scratchFolder();
  const bars = walk('XBTUSD', FROM, FROM + 240 * 3600, 3600, 3);
  mkdirSync(join(folder, 'data'));
  write(join(folder, 'data'), 'XBTUSD_60.csv', krakenCsv(bars));
  const examples = [...readFileSync('docs/library.md', 'utf8').matchAll(/```ts run\n([^`]+)```/g)];
  const said: string[] = [];
  for (const [number, [, code]] of examples.entries()) {
    const file = join(folder, `example${number}.ts`);
    writeFileSync(file, code!.replaceAll("'backhaul'", JSON.stringify(resolve('src/index.ts'))));
    const env = { ...process.env, DATABASE_URL: database.url };
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [file], { cwd: folder, env });
    expect(stderr).toBe('');
    said.push(stdout);
  }
  expect(said[0]).toBe(`${bars.length} 0\n`);
  expect(said[1]).toBe('true\n');
  expect(said[2]).toMatch(
    /^XBTUSD 21\d unfillable\n\[ 'XBTUSD' \]\nusage no series has the symbol NONESUCH\n$/,
  );
});

it('says events to whoever iterates, and fails there and where it is awaited', async () => {
  const fine = new Running<number, string>(async (say) => {
    for (const n of [1, 2, 3]) {
      await Promise.resolve();
      say(n);
    }
    return 'end';
  });
  const seen: number[] = [];
  for await (const event of fine) seen.push(event);
  expect([seen, await fine]).toEqual([[1, 2, 3], 'end']);
  const broken = new Running<number, string>(async (say) => {
    await Promise.resolve();
    say(1);
    throw new Error('broken');
  });
  const iterated = (async () => {
    for await (const _ of broken);
  })();
  await expect(iterated).rejects.toThrow('broken');
  await expect(Promise.resolve(broken)).rejects.toThrow('broken');
});

it('takes intervals of longer bars in words or seconds, and no other', () => {
  const request = { sources: ['x'], database: 'postgres://x' };
  expect(loadOptionsOf({ ...request, rollups: ['5m', 3600, '1mo'] }).rollups).toEqual([300, 3600, 2_592_000]);
  expect(loadOptionsOf(request).rollups).toEqual([]);
  expect(() => loadOptionsOf({ ...request, rollups: ['7m'] })).toThrow('no shorter bars fill "7m"');
});
