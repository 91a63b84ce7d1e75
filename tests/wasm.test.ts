import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { compile, MODULES } from '../wasm/build.ts';

it.each(Object.values(MODULES))('%s is marked as made by a program', (module) => {
  expect(readFileSync('.gitattributes', 'utf8')).toContain(`${module} linguist-generated\n`);
});

it.each(Object.entries(MODULES))(
  'the module of wasm/%s is what its source compiles to',
  async (source, module) => {
    const committed = readFileSync(new URL(`../${module}`, import.meta.url), 'utf8');
    const isCurrent = committed === (await compile(source));
    // As a flag, not as two texts: their difference would be pages of base64.
    expect(isCurrent, `${module} is stale: run npm run wasm and commit what it writes`).toBe(true);
  },
);
