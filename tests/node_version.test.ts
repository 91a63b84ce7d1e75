import { globSync, readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { expect, it } from 'vitest';
import { checkNode } from '../src/doctor/node_version.ts';

function textOf(file: string): string {
  return readFileSync(new URL(`../${file}`, import.meta.url), 'utf8');
}

it('the least Node is the same in package.json, in the launcher, for the doctor and in the README, told there once', () => {
  const { engines } = JSON.parse(textOf('package.json')) as { engines: { node: string } };
  const least = engines.node.replace('>=', '');
  const [major, minor] = least.split('.').map(Number);
  expect(textOf('bin/backhaul.js')).toContain(`const LEAST = [${major}, ${minor}];`);
  expect(checkNode(`${least}.0`).state).toBe('ok');
  expect(checkNode(`${major}.${minor! - 1}.0`).state).toBe('failure');
  const prose = textOf('README.md').replace(/```[\s\S]*?```/g, '');
  const told = [...prose.matchAll(/\bNode(?:\.js)? (\d+(?:\.\d+)*)/g)].map((match) => match[1]);
  expect(told).toEqual([least]);
});

it('every source is what Node reads as it is: its parser is stricter than that of the tests', () => {
  const refused = globSync('src/**/*.ts').filter((file) => {
    try {
      stripTypeScriptTypes(textOf(file));
      return false;
    } catch {
      return !file.endsWith('.d.ts');
    }
  });
  expect(refused).toEqual([]);
});
